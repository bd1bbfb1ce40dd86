// SPDX-License-Identifier: GPL-2.0
/*
 * The door.
 *
 *	jmp door --> #PF, an instruction fetch --> door_fault(): a task work
 *	    ^                                             |
 *	    |                                             v on the way back to user mode
 *	    +---- pt_regs: program lent, taken back <-- run_work(): Dune mode
 *
 * The run itself is not made in the fault handler, where Linux holds locks and
 * expects an answer, but as a task work: it runs in the thread's own context, may sleep,
 * and what it leaves in pt_regs is what the signal code works on next.
 *
 * A page fault is a long way. A thread that was lent comes back by a shorter one, an INT3 in the
 * page behind the door, which asks for no lock and looks up no mapping. Its task work waits for it
 * from the moment on that its registers were taken back: should a signal arrive
 * before the INT3, the work is run before Linux looks at the signal, and what the signal finds
 * is the program.
 */
#include <linux/kdebug.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <asm/text-patching.h>
#include "born.h"
#include "door.h"
#include "space.h"
#include "vcpu.h"

/* The jumper goes on where it wanted to. */
static void answer(long result)
{
	struct pt_regs *regs = task_pt_regs(current);

	regs->ax = result;
	regs->ip = regs->si;
}

/* ---- Running ---------------------------------------------------------------- */

/* With a reference to the VCPU. The registers are still those of the jump. */
static void run_work(struct callback_head *head)
{
	struct dune_vcpu *vcpu = container_of(head, struct dune_vcpu, door_work);
	int ret;

	/* what comes behind us in this batch would wait until the program is done */
	if (head->next && !task_work_add(current, head, TWA_RESUME))
		return;
	clear_bit_unlock(0, &vcpu->door_queued);
	if (current->flags & PF_EXITING)
		goto out;
	ret = vcpu_claim(vcpu);
	if (!ret) {
		ret = vcpu_run_door(vcpu);
		if (ret == DUNE_DOOR_LENT)
			goto out;
		vcpu_release(vcpu);
	}
	answer(ret);
out:
	vcpu_put(vcpu);
}

/* ---- Making ------------------------------------------------------------------ */

/* A request that is not about a run page that is there. */
struct door_request {
	struct callback_head work;
	struct dune_space *space;	/* that the door belongs to; with a reference */
};

/*
 * The space of the calling thread. If the door was inherited through a fork, that
 * is a new one with the frames of the door's, unless there is one by now.
 */
static struct dune_space *space_here(struct dune_space *space, unsigned long door, unsigned long table)
{
	if (space->mm == current->mm) {
		space_get(space);
		return space;
	}
	return space_inherit(space, door, table);
}

static long make_vcpu(struct dune_space *space, unsigned long where)
{
	if (!PAGE_ALIGNED(where) || !where)
		return -EINVAL;
	return vcpu_create_at(space, where) ?: 1;
}

static long serve(const struct door_request *r)
{
	const struct pt_regs *regs = task_pt_regs(current);
	struct dune_space *space;
	long ret;

	if (regs->dx != DUNE_DOOR_RUN && regs->dx != DUNE_DOOR_FRAME)
		return -EINVAL;
	if (!PAGE_ALIGNED(regs->r8))
		return -EINVAL;
	space = space_here(r->space, regs->ip, regs->r8);
	if (IS_ERR(space))
		return PTR_ERR(space);
	if (regs->dx == DUNE_DOOR_FRAME)
		ret = frames_assign(&space->frames, regs->cx);
	else
		ret = make_vcpu(space, regs->di);
	space_put(space);
	return ret;
}

static void request_work(struct callback_head *head)
{
	struct door_request *r = container_of(head, struct door_request, work);
	long ret = serve(r);

	/* a signal came, or a stop: that first, and then the jump is made again */
	if (ret != -EINTR)
		answer(ret);
	space_put(r->space);
	kfree(r);
}

/* ---- The fault ----------------------------------------------------------------- */

static int queue_request(struct dune_space *space)
{
	struct door_request *r = kmalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);

	if (!r)
		return -ENOMEM;
	space_get(space);
	r->space = space;
	init_task_work(&r->work, request_work);
	if (!task_work_add(current, &r->work, TWA_RESUME))
		return 0;
	space_put(space);
	kfree(r);
	return -ESRCH;
}

/* -EBUSY if it is queued already. */
static int queue_work_of(struct dune_vcpu *vcpu, enum task_work_notify_mode mode)
{
	if (test_and_set_bit_lock(0, &vcpu->door_queued))
		return -EBUSY;
	vcpu_get(vcpu);
	init_task_work(&vcpu->door_work, run_work);
	if (!task_work_add(current, &vcpu->door_work, mode))
		return 0;
	clear_bit_unlock(0, &vcpu->door_queued);
	vcpu_put(vcpu);		/* not the last one: its page is mapped, and mmap_lock held; or it is awaited */
	return -ESRCH;
}

static int queue_run(struct dune_vcpu *vcpu)
{
	int ret = queue_work_of(vcpu, TWA_RESUME);

	if (ret != -EBUSY)
		return ret;
	if (vcpu->state == VCPU_AWAITED && vcpu->task == current)
		set_thread_flag(TIF_NOTIFY_RESUME);	/* for the work that waits; or come again */
	else
		answer(-EBUSY);		/* two threads that use one page: one of them is wrong */
	return 0;
}

/* ---- The shorter way --------------------------------------------------------- */

static struct page *short_way;

unsigned long door_short_way(unsigned long door)
{
	return door + PAGE_SIZE;
}

void door_await(struct dune_vcpu *vcpu)
{
	queue_work_of(vcpu, TWA_NONE);
}

/* Interrupts off: it is this thread's own INT3. */
static int on_int3(struct notifier_block *nb, unsigned long event, void *data)
{
	struct pt_regs *regs = ((struct die_args *)data)->regs;
	struct dune_vcpu *vcpu;

	if (event != DIE_INT3 || !user_mode(regs))
		return NOTIFY_DONE;
	if (born_is_at(regs->ip - INT3_INSN_SIZE))
		goto work_waits;
	vcpu = vcpu_awaited();
	if (!vcpu || regs->ip != door_short_way(vcpu->door_regs.ip) + INT3_INSN_SIZE)
		return NOTIFY_DONE;
	regs->ip = vcpu->door_regs.ip;
work_waits:
	set_thread_flag(TIF_NOTIFY_RESUME);
	return NOTIFY_STOP;
}

static struct notifier_block int3_nb = { .notifier_call = on_int3 };

int door_init(void)
{
	short_way = alloc_page(GFP_KERNEL);
	if (!short_way)
		return -ENOMEM;
	memset(page_address(short_way), INT3_INSN_OPCODE, PAGE_SIZE);
	register_die_notifier(&int3_nb);
	return 0;
}

void door_exit(void)
{
	unregister_die_notifier(&int3_nb);
	__free_page(short_way);
}

/* Only a jump here, by a thread in ordinary mode, of the process itself. */
static bool is_jump(const struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_USER && vmf->flags & FAULT_FLAG_INSTRUCTION &&
	       !(vmf->flags & FAULT_FLAG_REMOTE) && vmf->vma->vm_mm == current->mm &&
	       user_64bit_mode(task_pt_regs(current)) &&
	       task_pt_regs(current)->ip == vmf->vma->vm_start && !vcpu_running_here();
}

static vm_fault_t door_fault(struct vm_fault *vmf)
{
	struct dune_space *space = vmf->vma->vm_private_data;
	const struct pt_regs *regs = task_pt_regs(current);
	struct dune_vcpu *vcpu = NULL;
	int ret;

	if (!is_jump(vmf))
		return VM_FAULT_SIGBUS;
	if (dune_release_vma_lock(vmf))
		return VM_FAULT_RETRY;	/* and come with mmap_lock, to look at another mapping */
	if (regs->dx == DUNE_DOOR_RUN)
		vcpu = vcpu_at(regs->di);
	ret = vcpu ? queue_run(vcpu) : queue_request(space);
	return ret ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
}

static const struct vm_operations_struct door_vm_ops = { .fault = door_fault };

/*
 * What is mapped beside the door also keeps the page table for both: else Linux
 * would allocate one for each jump, and find that it was not needed.
 */
static int map_short_way(struct vm_area_struct *vma)
{
	return remap_pfn_range(vma, door_short_way(vma->vm_start), page_to_pfn(short_way), PAGE_SIZE,
			       PAGE_READONLY_EXEC);
}

/* The file keeps the space. A fork takes the door along, as all the child has of it. */
int door_mmap(struct dune_space *space, struct vm_area_struct *vma)
{
	if (vma_pages(vma) != DOOR_PAGES || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EPERM;
	dune_vma_flags(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYWRITE);
	vma->vm_private_data = space;
	vma->vm_ops = &door_vm_ops;
	return map_short_way(vma);
}
