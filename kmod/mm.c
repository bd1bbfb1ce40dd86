// SPDX-License-Identifier: GPL-2.0
/*
 * All talk with Linux mm about one fault: an access in Dune mode that EPT did
 * not allow becomes what the same access is to the process, a page fault of its mm.
 *
 *	GPA -> HVA -> present? ---------yes------------------------> EPT entry
 *	                |no                                             |
 *	              VMA allows it? --yes--> fault it in, look again --'
 *	                |no                      |failed
 *	              #PF with DUNE_PF_LINUX, into Dune mode
 *
 * Whatever was looked up may have changed before it is installed; the notifier tells
 * (see space.c), and then all is looked up again.
 */
#include <linux/hmm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include "pfnmap.h"
#include "space.h"
#include "used.h"
#include "vcpu.h"
#include "walk.h"

/* One fault, from the exit to the entry in the table. */
struct fault {
	struct dune_space *space;
	unsigned long hva;		/* page-aligned */
	u64 gpa;			/* page-aligned */
	u32 access;
	unsigned long vm_flags, vm_start, vm_end;	/* of the VMA; 0 if there is none */
	bool of_file;			/* likewise */
	bool expect_absent;
	bool faulted;			/* Linux was asked to fault it in */
	bool tried;			/* and said to ask again */
	vm_fault_t answer;		/* what it said */
	unsigned long seq;		/* of the notifier, before anything was looked up */
	struct ept_leaf leaf;
	struct beside near;		/* so many pages beside it were there too */
	u64 *pfns;			/* its own, and theirs on both sides; the VCPU's */
};

/* As the CPU has it: anything but PROT_NONE can be read. */
static bool vma_allows(unsigned long vm_flags, u32 access)
{
	if (access & ACCESS_WRITE)
		return vm_flags & VM_WRITE;
	if (access & ACCESS_EXEC)
		return vm_flags & VM_EXEC;
	return vm_flags & (VM_READ | VM_WRITE | VM_EXEC);
}

/*
 * Linux brings pages of files in several at a time; a fresh page of other memory is alone. One that was only expected to be
 * absent may be no fresh one: then those behind it are there as well.
 */
static bool may_have_company(const struct fault *f)
{
	return !f->faulted || f->of_file || f->expect_absent;
}

/* Pages of files come in blocks, as Linux's own fault-around has them: before the page as behind it. */
static int pages_before(const struct fault *f)
{
	if (!f->of_file)
		return 0;
	return (f->hva - max(f->hva & ~(AROUND * PAGE_SIZE - 1), f->vm_start)) >> PAGE_SHIFT;
}

/*
 * What may be mapped beside the page by one fault: AROUND pages in all, within one table and with one VMA's rights.
 * Other memory is mostly gone through upwards.
 */
static struct beside choose_near(const struct fault *f)
{
	struct beside near = { 0 };
	unsigned long end;

	if (!may_have_company(f))
		return near;
	near.before = pages_before(f);
	end = min(f->hva + (AROUND - near.before) * PAGE_SIZE, (f->hva | (PMD_SIZE - 1)) + 1);
	/* the right to execute is the VMA's, and it has a last page */
	if (f->access & ACCESS_EXEC)
		end = min(end, f->vm_end);
	near.behind = ((end - f->hva) >> PAGE_SHIFT) - 1;
	return near;
}

/* What Linux's page table has for one small page, and for those beside it that have its rights. */
static bool lookup_entry(struct fault *f)
{
	bool write;

	f->near = choose_near(f);
	if (!walk(f->space->mm, f->hva, &f->near, f->access & ACCESS_WRITE, &write, f->pfns)) {
		f->near = (struct beside) { 0 };
		return false;
	}
	f->leaf = (struct ept_leaf) { .level = EPT_4K, .cache = EPT_WB, .write = write, .pfn = f->pfns[0] };
	return true;
}

/*
 * A page that is there needs no look at the VMA: its entry in Linux's page table
 * says it all but for execute.
 */
static bool lookup_present(struct fault *f)
{
	return !(f->access & ACCESS_EXEC) && lookup_entry(f);
}

/* For code, which needs the VMA's word, the same look is enough once that is given. */
static bool lookup_executable(struct fault *f)
{
	if (!(f->access & ACCESS_EXEC) || !lookup_entry(f))
		return false;
	f->leaf.exec = true;
	return true;
}

/* A part of a large page. */
static bool lookup_part(struct fault *f)
{
	struct page *page;
	bool write = get_user_page_fast_only(f->hva, FOLL_WRITE, &page);

	if (!write && (f->access & ACCESS_WRITE || !get_user_page_fast_only(f->hva, 0, &page)))
		return false;
	f->leaf = (struct ept_leaf) { .level = EPT_4K, .cache = EPT_WB, .write = write,
				      .pfn = page_to_pfn(page) };
	/* the notifier keeps the page for us once it is mapped, and install() sees if it went before */
	put_page(page);
	return true;
}

/* To hmm_range_fault() nothing may be done where VM_READ is not set; to the CPU it may. */
static int lookup_unreadable(struct fault *f)
{
	if (!lookup_entry(f) && !lookup_part(f)) {
		if (f->access & ACCESS_WRITE || !(f->vm_flags & VM_WRITE))
			return -EFAULT;
		/* the zero page hides from fast GUP: have a page of its own */
		f->access |= ACCESS_WRITE;
		f->faulted = false;
		return -EAGAIN;
	}
	f->leaf.exec = f->vm_flags & VM_EXEC;
	return 0;
}

/*
 * Look up how Linux maps the address now. hmm_range_fault() could fault it in as well, but
 * it cannot wait: where a userfaultfd has to be asked it would fail.
 */
static int lookup_mapping(struct fault *f)
{
	unsigned long pfn = 0, want = HMM_PFN_VALID | (f->access & ACCESS_WRITE ? HMM_PFN_WRITE : 0);
	struct hmm_range range = {
		.notifier = &f->space->mni,
		.notifier_seq = f->seq,
		.start = f->hva,
		.end = f->hva + PAGE_SIZE,
		.hmm_pfns = &pfn,
	};
	unsigned int order;
	int ret = hmm_range_fault(&range);

	if (ret)
		return ret;
	if (pfn & HMM_PFN_ERROR)
		return -EFAULT;
	if ((pfn & want) != want) {
		/* it went away again since it was faulted in: once more */
		f->faulted = false;
		return -EAGAIN;
	}
	order = hmm_pfn_to_map_order(pfn);
	f->leaf = (struct ept_leaf) {
		.pfn = page_to_pfn(hmm_pfn_to_page(pfn)),
		.cache = EPT_WB,
		.write = pfn & HMM_PFN_WRITE,
		.exec = f->vm_flags & VM_EXEC,
		.level = order >= 18 ? EPT_1G : order >= 9 ? EPT_2M : EPT_4K,
	};
	return 0;
}

/*
 * The page fault itself, as the process's own access would have made it: it may
 * sleep, and wait for a userfaultfd. -EAGAIN: look again; with *locked false if
 * Linux dropped mmap_lock on the way. -EINTR: that was a wait, and a signal ended it.
 * A signal ends nothing else: a fault that is given up makes no progress.
 */
static int fault_in(struct fault *f, struct vm_area_struct *vma, bool *locked)
{
	unsigned int flags = FAULT_FLAG_USER | FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE |
			     FAULT_FLAG_INTERRUPTIBLE;
	vm_fault_t ret;

	if (f->access & ACCESS_WRITE)
		flags |= FAULT_FLAG_WRITE;
	if (f->tried)
		flags |= FAULT_FLAG_TRIED;
	ret = handle_mm_fault(vma, f->hva, flags, NULL);
	*locked = !(ret & (VM_FAULT_RETRY | VM_FAULT_COMPLETED));
	if (ret & VM_FAULT_RETRY) {
		f->faulted = false;
		f->tried = true;
		return signal_pending(current) ? -EINTR : -EAGAIN;
	}
	if (!(ret & VM_FAULT_ERROR))
		return -EAGAIN;
	f->answer = ret;
	/* an error without a number is still no page */
	return vm_fault_to_errno(ret, 0) ?: -EFAULT;
}

/*
 * Right after the fault: what is there now. Not where that fault took something else away, which
 * the notifier has told of: then all is looked up again.
 */
static bool lookup_faulted(struct fault *f)
{
	return !mmu_interval_check_retry(&f->space->mni, f->seq) && lookup_present(f);
}

static int fault_and_look(struct fault *f, struct vm_area_struct *vma, bool *locked)
{
	int ret;

	f->faulted = true;
	ret = fault_in(f, vma, locked);
	return ret == -EAGAIN && lookup_faulted(f) ? 0 : ret;
}

/* mmap_lock held, unless *locked says that it was dropped. */
static int lookup_vma(struct fault *f, struct vm_area_struct *vma, bool *locked)
{
	f->vm_flags = vma->vm_flags;
	f->vm_start = vma->vm_start;
	f->vm_end = vma->vm_end;
	f->of_file = vma->vm_file;
	if (!vma_allows(f->vm_flags, f->access))
		return -EFAULT;
	if (f->vm_flags & (VM_IO | VM_PFNMAP)) {
		f->leaf.exec = f->vm_flags & VM_EXEC;
		return pfnmap_lookup(vma, f->hva, f->access & ACCESS_WRITE, &f->leaf);
	}
	if (lookup_executable(f))
		return 0;
	if (!f->faulted)
		return fault_and_look(f, vma, locked);
	return f->vm_flags & VM_READ ? lookup_mapping(f) : lookup_unreadable(f);
}

/*
 * Below a stack: that grows when it is touched, also by the kernel on the process's
 * behalf. 0 if it is there now.
 */
static int grow_stack(unsigned long hva)
{
	u8 __maybe_unused byte;

	return get_user(byte, (u8 __user *)hva);
}

static int lookup(struct fault *f)
{
	struct mm_struct *mm = f->space->mm;
	struct vm_area_struct *vma;
	bool locked = true, grow = false;
	int ret = -EFAULT;

	if ((f->faulted || !f->expect_absent) && lookup_present(f))
		return 0;
	mmap_read_lock(mm);
	vma = find_vma(mm, f->hva);
	if (likely(vma && vma->vm_start <= f->hva))
		ret = lookup_vma(f, vma, &locked);
	else
		grow = vma && vma->vm_flags & VM_GROWSDOWN;
	if (locked)
		mmap_read_unlock(mm);
	if (unlikely(grow && !grow_stack(f->hva)))
		return -EAGAIN;
	return ret;
}

/* Make a large leaf smaller where it cannot be large; hva and gpa agree below 1 GiB. */
static void fit_leaf(struct fault *f)
{
	u64 caps;

	if (likely(f->leaf.level == EPT_4K))
		return;
	caps = hv->caps();
	if (f->leaf.level == EPT_1G && !(caps & DUNE_CAP_EPT_1G))
		f->leaf.level = EPT_2M;
	if (f->leaf.level == EPT_2M && !(caps & DUNE_CAP_EPT_2M))
		f->leaf.level = EPT_4K;
	/* executable large pages let anyone crash the machine on CPUs with this erratum */
	if (f->leaf.level > EPT_4K && f->leaf.exec && boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT))
		f->leaf.level = EPT_4K;
	if (f->leaf.level > EPT_4K) {
		u64 pages = 1ULL << (9 * (f->leaf.level - 1));

		f->leaf.pfn &= ~(pages - 1);
	}
}

static bool has_page(const struct fault *f)
{
	return !(f->vm_flags & (VM_IO | VM_PFNMAP)) || pfn_valid(f->leaf.pfn);
}

/*
 * A page that Dune mode may write is dirty from now on, and one that was there already is used: the CPU
 * says neither in Linux's own entry. Called under the lock, while the page cannot go.
 */
static void mark_leaf(const struct fault *f)
{
	if (likely(has_page(f)))
		page_mark(pfn_to_page(f->leaf.pfn), f->leaf.write, !f->faulted);
}

static void install_one(struct fault *f, u64 gpa, u64 pfn)
{
	struct ept_leaf leaf = f->leaf;

	leaf.pfn = pfn;
	page_mark(pfn_to_page(pfn), leaf.write, true);
	ept_map_near(&f->space->ept, gpa, &leaf);
}

/* Those beside the page that was just mapped. ept.lock held, and nothing changed since they were looked up. */
static void install_near(struct fault *f)
{
	int i;

	for (i = 1; i <= f->near.behind; i++)
		install_one(f, f->gpa + i * PAGE_SIZE, f->pfns[i]);
	for (i = 1; i <= f->near.before; i++)
		install_one(f, f->gpa - i * PAGE_SIZE, f->pfns[-i]);
}

/* -EAGAIN if Linux changed its mind meanwhile. */
static int install(struct fault *f, struct ept_cache_pages *cache)
{
	struct dune_space *space = f->space;
	LIST_HEAD(freed);
	bool stale = false;
	int ret = -EAGAIN;

	spin_lock(&space->ept.lock);
	if (!space_retry(space, f->seq)) {
		mark_leaf(f);
		stale = ept_map(&space->ept, f->gpa, &f->leaf, cache, &freed);
		if (f->near.before | f->near.behind)
			install_near(f);
		ret = 0;
	}
	spin_unlock(&space->ept.lock);
	if (unlikely(stale)) {
		space_flush(space);
		ept_free_pages(&freed);
	}
	return ret;
}

static int try(struct fault *f, struct ept_cache_pages *cache)
{
	int ret;

	f->near = (struct beside) { 0 };
	f->seq = mmu_interval_read_begin(&f->space->mni);
	ret = lookup(f);
	if (unlikely(ret))
		return ret;
	fit_leaf(f);
	ret = cache->nr == EPT_CACHE_SIZE ? 0 : ept_cache_fill(cache);
	return ret ? ret : install(f, cache);
}

static int resolve(struct fault *f, struct ept_cache_pages *cache)
{
	for (;;) {
		int ret = try(f, cache);

		if (ret == -EBUSY)
			ret = -EAGAIN;
		if (likely(ret != -EAGAIN))
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

/* The error code that the process's own access would have had. */
static u32 error_code(const struct fault *f)
{
	u32 error = f->access & ACCESS_WRITE ? X86_PF_WRITE : 0;

	return f->access & ACCESS_EXEC ? error | X86_PF_INSTR : error;
}

static bool is_present(unsigned long hva)
{
	struct page *page;

	if (!get_user_page_fast_only(hva, 0, &page))
		return false;
	put_page(page);
	return true;
}

/* As arch/x86/mm/fault.c has it. */
static int to_signal(struct dune_vcpu *vcpu, const struct fault *f)
{
	struct dune_signal s = {
		.signo = SIGSEGV,
		.code = f->vm_flags && !f->answer ? SEGV_ACCERR : SEGV_MAPERR,
		.addr = vcpu->exit.gva,
		.cr2 = vcpu->exit.gva,
		.trapno = X86_TRAP_PF,
		.error = error_code(f) | X86_PF_USER,
	};

	if (f->answer & (VM_FAULT_SIGBUS | VM_FAULT_HWPOISON | VM_FAULT_HWPOISON_LARGE)) {
		s.signo = SIGBUS;
		s.code = f->answer & VM_FAULT_SIGBUS || !IS_ENABLED(CONFIG_MEMORY_FAILURE) ? BUS_ADRERR : BUS_MCEERR_AR;
	}
	/* a page that may not be executed is mapped before that is seen */
	if (vcpu->exit.mapped || is_present(f->hva) || (f->access & ACCESS_EXEC && f->vm_flags & VM_READ && !f->answer))
		s.error |= X86_PF_PROT;
	vcpu_signal(&s);
	return 0;
}

static bool wants_fault(struct dune_run *run)
{
	u32 upcalls = READ_ONCE(run->upcalls);

	if (upcalls & DUNE_UPCALL_PASS) {
		WRITE_ONCE(run->upcalls, upcalls & ~DUNE_UPCALL_PASS);
		return false;
	}
	return upcalls & DUNE_UPCALL_FAULT;
}

/* Linux would not: the process is sent the signal, or somebody in Dune mode is told by a #PF. */
static int refuse(struct dune_vcpu *vcpu, const struct fault *f)
{
	u32 error = error_code(f) | DUNE_PF_LINUX;

	/* nowhere to deliver it to, or nothing to say: no address, or in the middle of another */
	if (vcpu->exit.vectoring || !vcpu->exit.gva_valid)
		return DUNE_EXIT_NESTED_FAULT;
	if (vcpu->by_door && !wants_fault(vcpu->run))
		return to_signal(vcpu, f);
	if (f->vm_flags)
		error |= X86_PF_PROT;
	if (f->access & ACCESS_USER)
		error |= X86_PF_USER;
	vcpu->exception_address = vcpu->exit.gva;
	vcpu_inject(vcpu, X86_TRAP_PF, true, error);
	return 0;
}

/*
 * Where one page was absent the next are likely to be: fault first and look once,
 * rather than look in vain before. Now and then we look, to see if it is still so, and after a page that has company.
 */
#define ABSENT_RUN 16

static bool expect_absent(struct dune_vcpu *vcpu)
{
	if (!vcpu->absent_run)
		return false;
	vcpu->absent_run--;
	return true;
}

int vcpu_ept_fault(struct dune_vcpu *vcpu)
{
	struct fault f = {
		.space = vcpu->space,
		.gpa = vcpu->exit.gpa & PAGE_MASK,
		.access = vcpu->exit.access,
		.expect_absent = expect_absent(vcpu),
		.pfns = vcpu->near + AROUND - 1,
	};
	int ret;

	if (!frames_hva(&vcpu->space->frames, f.gpa, &f.hva))
		return DUNE_EXIT_BAD_GPA;
	ret = resolve(&f, &vcpu->tables);
	switch (ret) {
	case 0:
		if (f.faulted && !f.expect_absent)
			vcpu->absent_run = ABSENT_RUN;
		else if (f.near.before | f.near.behind)
			vcpu->absent_run = 0;
		vcpu->run->counters.ept_faults++;
		return 0;
	case -EINTR:
		/* run_loop() looks what it is: in ring 0's own code it has to wait */
		return 0;
	case -ENOMEM:
		return DUNE_EXIT_NOMEM;
	default:
		return refuse(vcpu, &f);
	}
}
