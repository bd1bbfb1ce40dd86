// SPDX-License-Identifier: GPL-2.0
/*
 * The page table functions on tables that the CPU walks: what they promise is
 * checked by accesses in Dune mode, by page faults and by what the CPU puts
 * into the entries. With it ring 3, whose rights are in the same entries.
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tap.h"

#define PAGE	4096UL
#define MIB2	(2UL << 20)
#define GIB	(1UL << 30)
#define RW	(DUNE_PROT_READ | DUNE_PROT_WRITE)
#define RWX	(RW | DUNE_PROT_EXEC)
/* Guest-virtual addresses where Linux has nothing. */
#define ALIAS	0x123456789000UL
#define ALIAS_BIG 0x124000000000UL

static struct dune_root *root;
static volatile unsigned char *mem;	/* 4 MiB of the process, aligned to 2 MiB */

/* ---- Accesses that may fault --------------------------------------------------- */

static volatile int faults;
static volatile uint64_t fault_error, fault_address;

extern const char probe_read_at[], probe_write_at[], probe_fault[];
long probe_read(uintptr_t va), probe_write(uintptr_t va, long value), probe_fetch(uintptr_t va);
__asm__(".pushsection .text\n"
	"probe_read:\n"
	"probe_read_at: movzbl (%rdi), %eax\n\tret\n"
	"probe_write:\n"
	"probe_write_at: movb %sil, (%rdi)\n\txorl %eax, %eax\n\tret\n"
	"probe_fetch: call *%rdi\n\txorl %eax, %eax\n\tret\n"
	"probe_fault: movq $-1, %rax\n\tret\n"
	".popsection");

static int on_fault(struct dune_trap *trap, uintptr_t address)
{
	faults++;
	fault_error = trap->error;
	fault_address = address;
	if (trap->rip == address)
		trap->rsp += 8;		/* the call's return address; then as the others */
	else if (trap->rip != (uintptr_t)probe_read_at && trap->rip != (uintptr_t)probe_write_at)
		return DUNE_TRAP_PASS;
	trap->rip = (uintptr_t)probe_fault;
	return DUNE_TRAP_DONE;
}

/* Did the last probe fault with just this error code? */
static bool faulted(long ret, uint64_t error, uintptr_t va)
{
	bool yes = ret == -1 && fault_error == error && fault_address == va;

	if (!yes)
		diag("  returned %ld, %d faults, error %#lx at %#lx", ret, faults, (long)fault_error, (long)fault_address);
	fault_error = fault_address = 0;
	return yes;
}

/* ---- Map, unmap, protect ---------------------------------------------------------- */

static void test_alias(void)
{
	uintptr_t hva = (uintptr_t)mem;

	ok(faulted(probe_read(ALIAS), DUNE_PF_LINUX, ALIAS), "Linux has nothing at %#lx: #PF with its bit", ALIAS);
	ok_eq(dune_pt_map(root, ALIAS, PAGE, hva, RW), 0, "a second address for a page");
	mem[5] = 17;
	ok_eq(probe_read(ALIAS + 5), 17, "a store by the first is seen by the second");
	ok_eq(probe_write(ALIAS + 6, 18), 0, "a store by the second");
	ok_eq(mem[6], 18, "is seen by the first");
	ok_eq(dune_pt_map(root, ALIAS, PAGE, hva + PAGE, RW), 0, "it is moved to another page");
	dune_tlb_flush_page(ALIAS);
	mem[PAGE + 5] = 19;
	ok_eq(probe_read(ALIAS + 5), 19, "which is seen there now");
	ok_eq(dune_pt_unmap(root, ALIAS, PAGE), 0, "it is unmapped");
	dune_tlb_flush_page(ALIAS);
	ok(faulted(probe_read(ALIAS + 5), 0, ALIAS + 5), "a read: #PF, not present, the exact address");
	ok(faulted(probe_write(ALIAS + 7, 1), DUNE_PF_W, ALIAS + 7), "a write: #PF, not present, write");
	ok_eq(mem[PAGE + 5], 19, "the page itself is as it was");
}

static void test_own_mapping(void)
{
	uintptr_t va = (uintptr_t)mem + 3 * PAGE;

	mem[3 * PAGE] = 33;
	ok_eq(dune_pt_unmap(root, va, PAGE), 0, "a page of the process is unmapped where Linux has it");
	dune_tlb_flush_page(va);
	ok(faulted(probe_read(va), 0, va), "#PF, and no fill");
	ok_eq(probe_read(va - PAGE), 0, "the page below is there");
	ok_eq(probe_read(va + PAGE), 0, "the page above too");
	ok_eq(dune_pt_map(root, va, PAGE, va, RWX), 0, "mapped again");
	ok_eq(probe_read(va), 33, "nothing was lost");
}

static void test_protect(void)
{
	static const struct {
		int prot;
		const char *name;
		bool read, write, fetch;
	} cases[] = {
		{ DUNE_PROT_READ, "read", true, false, false },
		{ RW, "read, write", true, true, false },
		{ DUNE_PROT_READ | DUNE_PROT_EXEC, "read, exec", true, false, true },
		{ DUNE_PROT_NONE, "none", false, false, false },
		{ RWX, "all", true, true, true },
	};
	uintptr_t va = (uintptr_t)mem + 8 * PAGE;
	unsigned int i;

	mem[8 * PAGE] = 0xc3;		/* RET, to be called */
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t p = cases[i].prot ? DUNE_PF_P : 0;
		bool ok_r, ok_w, ok_f;
		long ret;

		ok_eq(dune_pt_protect(root, va, PAGE, cases[i].prot), 0, "rights: %s", cases[i].name);
		dune_tlb_flush_page(va);
		ret = probe_read(va);
		ok_r = cases[i].read ? ret == 0xc3 : faulted(ret, p, va);
		ret = probe_write(va, 0xc3);
		ok_w = cases[i].write ? ret == 0 : faulted(ret, p | DUNE_PF_W, va);
		ret = probe_fetch(va);
		ok_f = cases[i].fetch ? ret == 0 : faulted(ret, p | DUNE_PF_I, va);
		ok(ok_r && ok_w && ok_f, "a read, a write and a fetch do what they should: %d %d %d", ok_r, ok_w, ok_f);
	}
	ok_eq(dune_pt_protect(root, ALIAS, PAGE, RW), -ENOENT, "no rights for what is not mapped");
}

/* ---- Accessed and dirty --------------------------------------------------------------- */

static dune_pte_t *entry_of(uintptr_t va)
{
	enum dune_level level = DUNE_LEVEL_4K;
	dune_pte_t *pte = NULL;

	if (dune_pt_lookup(root, va, &level, &pte) || level != DUNE_LEVEL_4K)
		bail("no entry for %#lx", (long)va);
	dune_tlb_flush();
	return pte;
}

static dune_pte_t bits(const dune_pte_t *pte)
{
	return __atomic_load_n(pte, __ATOMIC_RELAXED) & (DUNE_PTE_A | DUNE_PTE_D);
}

static void test_accessed_dirty(void)
{
	volatile unsigned char *p = mem + 20 * PAGE;
	dune_pte_t *pte = entry_of((uintptr_t)p), *next = entry_of((uintptr_t)p + PAGE);
	int i, dirty = 0;

	__atomic_fetch_and(pte, ~(DUNE_PTE_A | DUNE_PTE_D), __ATOMIC_RELAXED);
	__atomic_fetch_and(next, ~(DUNE_PTE_A | DUNE_PTE_D), __ATOMIC_RELAXED);
	dune_tlb_flush();
	ok_eq(bits(pte), 0, "A and D cleared");
	(void)*p;
	ok_eq(bits(pte), DUNE_PTE_A, "a read sets A");
	*p = 1;
	ok_eq(bits(pte), DUNE_PTE_A | DUNE_PTE_D, "a write sets D");
	ok_eq(bits(next), 0, "the next page's are clear");
	for (i = 0; i < 500; i++) {
		__atomic_fetch_and(pte, ~DUNE_PTE_D, __ATOMIC_RELAXED);
		dune_tlb_flush_page((uintptr_t)p);
		dirty += !!(bits(pte) & DUNE_PTE_D);
		*p = i;
		dirty += !(bits(pte) & DUNE_PTE_D);
	}
	ok_eq(dirty, 0, "cleared and set 500 times more");
}

/* ---- Splitting -------------------------------------------------------------------------- */

static int count_leaf(dune_pte_t *pte, uintptr_t va, enum dune_level level, void *counts)
{
	((int *)counts)[level]++;
	return 0;
}

static void test_split(void)
{
	bool have_1g = dune_info()->caps & DUNE_CAP_GUEST_1G;
	char *gib = mmap(NULL, 2 * GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uintptr_t va = ((uintptr_t)gib + GIB - 1) & ~(GIB - 1), at = va + 7 * MIB2;
	enum dune_level level = 0;
	int counts[5] = { 0 }, i, err, bad = 0;
	dune_pte_t *pte;

	madvise(gib, 2 * GIB, MADV_NOHUGEPAGE);
	for (i = 0; i < 512; i++)
		*(volatile int *)(at + i * PAGE) = i;
	err = dune_pt_lookup(root, at, &level, &pte);
	ok(!err && level == (have_1g ? DUNE_LEVEL_1G : DUNE_LEVEL_2M), "a GiB is mapped by entries of level %d", level);
	ok_eq(dune_pt_split(root, at + PAGE, DUNE_LEVEL_4K), 0, "split for one page");
	dune_tlb_flush();
	ok_eq(dune_pt_walk(root, va, GIB, count_leaf, counts), 0, "walked");
	ok(counts[3] == 0 && counts[2] == 511 && counts[1] == 512, "now %d pages of 2 MiB and %d of 4 KiB",
	   counts[2], counts[1]);
	for (i = 0; i < 512; i++)
		bad += *(volatile int *)(at + i * PAGE) != i;
	ok_eq(bad, 0, "all contents are where they were");
	ok_eq(dune_pt_protect(root, at + 5 * PAGE, PAGE, DUNE_PROT_READ), 0, "one of them read-only");
	dune_tlb_flush();
	ok(faulted(probe_write(at + 5 * PAGE, 1), DUNE_PF_P | DUNE_PF_W, at + 5 * PAGE) &&
	   !probe_write(at + 4 * PAGE, 4) && !probe_write(at + 6 * PAGE, 6) && !probe_write(at - PAGE, 1),
	   "and only that one");
	munmap(gib, 2 * GIB);
}

static void test_large_alias(void)
{
	enum dune_level level = 0;
	dune_pte_t *pte;

	ok_eq(dune_pt_map(root, ALIAS_BIG, 2 * MIB2, (uintptr_t)mem, RW), 0, "4 MiB mapped a second time");
	ok(!dune_pt_lookup(root, ALIAS_BIG, &level, &pte) && level == DUNE_LEVEL_2M && *pte & DUNE_PTE_PS,
	   "by entries of 2 MiB");
	mem[MIB2 + 77] = 78;
	ok_eq(probe_read(ALIAS_BIG + MIB2 + 77), 78, "and they show it");
	ok_eq(dune_pt_unmap(root, ALIAS_BIG, 2 * MIB2), 0, "unmapped");
	dune_tlb_flush();
	ok(faulted(probe_read(ALIAS_BIG + MIB2), 0, ALIAS_BIG + MIB2), "gone");
}

/* ---- Roots ------------------------------------------------------------------------------- */

enum { ROOTS = 8 };
static struct dune_root *roots[ROOTS];

/* Each shows another page at ALIAS. */
static int make_roots(void)
{
	int i, err = 0;

	for (i = 0; i < ROOTS; i++) {
		mem[(32 + i) * PAGE] = 100 + i;
		err |= dune_root_clone(root, &roots[i]);
		err |= dune_pt_map(roots[i], ALIAS, PAGE, (uintptr_t)mem + (32 + i) * PAGE, RW);
	}
	return err;
}

static int free_roots(void)
{
	int i, err = 0;

	for (i = 0; i < ROOTS; i++)
		err |= dune_root_free(roots[i]);
	return err;
}

static void test_roots(void)
{
	uintptr_t va = (uintptr_t)mem + 50 * PAGE;
	int n, bad = 0;

	ok_eq(make_roots(), 0, "%d clones, each with another page at the same address", ROOTS);
	for (n = 0; n < 1000; n++) {
		dune_root_switch(roots[n % ROOTS]);
		bad += probe_read(ALIAS) != 100 + n % ROOTS || dune_root_current() != roots[n % ROOTS];
	}
	ok_eq(bad, 0, "1000 switches, each shows its own page");
	dune_root_switch(roots[3]);
	ok_eq(dune_pt_unmap(roots[4], va, PAGE), 0, "a page unmapped in another root");
	dune_tlb_flush();
	ok_eq(probe_read(va), 0, "is still in this one");
	dune_root_switch(roots[4]);
	ok(faulted(probe_read(va), 0, va), "and not in that");
	ok(dune_leave() == 0 && dune_enter() == 0 && dune_root_current() == root && probe_read(va) == 0,
	   "who leaves and enters again is in the default root");
	ok_eq(free_roots(), 0, "freed");
	ok_eq(dune_root_free(root), -EBUSY, "not so the default root");
}

/* Tables that wait for a flush are counted; there are never many. */
static void test_root_leaks(void)
{
	size_t before = dune_page_in_use(), after;
	int n, bad = 0;

	for (n = 0; n < 60; n++)
		bad |= make_roots() | free_roots();
	after = dune_page_in_use();
	ok(!bad && after < before + 128, "480 more roots made and freed: %zu pages in use, then %zu", before, after);
}

/* ---- Ring 3 ------------------------------------------------------------------------------- */

extern char ring3_code[], ring3_end[], ring3_syscall[], ring3_cs[], ring3_steal[], ring3_cli[], ring3_bp[],
	ring3_vmcall[], ring3_int80[], ring3_wrfsbase[], ring3_fs[];
__asm__(".pushsection .text\n"
	".balign 4096\n"
	"ring3_code:\n"
	"ring3_syscall: movl $1000, %eax; movl $5, %edi; syscall; lea 1(%rax), %rdi; movl $1001, %eax; syscall; ud2\n"
	"ring3_cs: xorl %edi, %edi; mov %cs, %edi; movl $1001, %eax; syscall; ud2\n"
	"ring3_steal: movb (%rsi), %al; ud2\n"
	"ring3_cli: cli; ud2\n"
	"ring3_bp: int3; ud2\n"
	"ring3_vmcall: movl $39, %eax; vmcall; int3\n"
	"ring3_int80: movl $20, %eax; int $0x80; movl %eax, %edi; movl $1001, %eax; syscall; ud2\n"
	"ring3_wrfsbase: wrfsbase %rsi; movl $1000, %eax; syscall; rdfsbase %rdi; movl $1001, %eax; syscall; ud2\n"
	"ring3_fs: movl $1002, %eax; syscall; movq %fs:0, %rdi; movl $1001, %eax; syscall; ud2\n"
	".balign 4096\n"
	"ring3_end:\n"
	".popsection");

static __thread int local = 4711;
static volatile int local_seen;

static int on_syscall(struct dune_trap *trap)
{
	local_seen = local;		/* by FS, which must be ring 0's here */
	if (trap->rax == 1001)
		dune_ring3_exit(trap->rdi);
	if (trap->rax == 1002)
		*dune_ring3_fs_base() = trap->rsi;
	else if (trap->rax != 1000)
		return DUNE_TRAP_PASS;
	trap->rax = trap->rdi * 100 + (trap->cs & 3);
	return DUNE_TRAP_DONE;
}

static int on_ring3_trap(struct dune_trap *trap)
{
	if (!(trap->cs & 3))
		return DUNE_TRAP_PASS;
	dune_ring3_exit(10000 + trap->vector * 100 + trap->error);
}

static int on_ring3_fault(struct dune_trap *trap, uintptr_t address)
{
	return trap->cs & 3 ? on_ring3_trap(trap) : on_fault(trap, address);
}

static long ring3(const char *code, uintptr_t rsi)
{
	struct dune_trap start = {
		.rip = (uintptr_t)code, .rsp = (uintptr_t)mem + 60 * PAGE - 16, .rsi = rsi, .rflags = 0x202,
	};

	return dune_ring3_run(&start);
}

static void test_ring3(void)
{
	int i, bad = 0;

	dune_on_syscall(on_syscall, 0);
	dune_on_exception(DUNE_VECTOR_GP, on_ring3_trap, 0);
	dune_on_exception(DUNE_VECTOR_UD, on_ring3_trap, 0);
	dune_on_exception(DUNE_VECTOR_BP, on_ring3_trap, 0);
	dune_on_page_fault(on_ring3_fault, 0);
	ok_eq(ring3(ring3_syscall, 0), 10000 + 1400 + (DUNE_PF_P | DUNE_PF_U | DUNE_PF_I),
	      "ring 3 may not run a page without DUNE_PROT_USER");
	ok_eq(dune_pt_protect(root, (uintptr_t)ring3_code, ring3_end - ring3_code,
			      DUNE_PROT_READ | DUNE_PROT_EXEC | DUNE_PROT_USER), 0, "code for ring 3");
	ok_eq(dune_pt_protect(root, (uintptr_t)mem + 56 * PAGE, 4 * PAGE, RW | DUNE_PROT_USER), 0, "and a stack");
	dune_tlb_flush();
	ok_eq(ring3(ring3_syscall, 0), 504, "a system call reaches the handler, its result ring 3");
	ok_eq(local_seen, 4711, "the handler has its thread-local variables");
	ok_eq(ring3(ring3_cs, 0), 0x33, "CS there is 0x33");
	ok_eq(ring3(ring3_steal, (uintptr_t)mem), 10000 + 1400 + (DUNE_PF_P | DUNE_PF_U), "no read of ring 0's pages");
	ok_eq(ring3(ring3_cli, 0), 10000 + 1300, "no CLI");
	ok_eq(ring3(ring3_bp, 0), 10000 + 300, "a breakpoint");
	ok_eq(ring3(ring3_vmcall, 0), 10000 + 600, "no VMCALL");
	ok_eq(ring3(ring3_int80, 0), (uint32_t)-ENOSYS, "INT 0x80 without a handler: -ENOSYS");
	*(volatile long *)(mem + 57 * PAGE) = 1234;
	ok(ring3(ring3_fs, (uintptr_t)mem + 57 * PAGE) == 1234 && local == 4711, "an FS base of its own, by a handler");
	ok(ring3(ring3_wrfsbase, 0x1234) == (getauxval(AT_HWCAP2) & 2 ? 0x1234 : 10600) && local == 4711,
	   "or by WRFSBASE, where the CPU has that");
	for (i = 0; i < 500; i++)
		bad += ring3(ring3_syscall, 0) != 504;
	ok_eq(bad, 0, "500 times more");
	dune_on_syscall(NULL, 0);
	ok_eq(ring3(ring3_syscall, 0), 10000 + 600, "without a syscall handler its calls fail and it goes on");
}

/* ---- Flushing other threads' TLBs ------------------------------------------------------------ */

enum { PUBLISHED = 400 };
static volatile unsigned int published, stale, reads, reader_done;

static void *reader(void *arg)
{
	if (dune_enter())
		return NULL;
	while (published < PUBLISHED) {
		unsigned int p = __atomic_load_n(&published, __ATOMIC_ACQUIRE);

		if (!p)
			continue;
		stale += *(volatile unsigned int *)ALIAS < p;
		reads++;
	}
	dune_leave();
	reader_done = 1;
	return NULL;
}

/* In turn two pages are at ALIAS; after the flush nobody may see the old one. */
static void test_flush_all(void)
{
	pthread_t t;
	unsigned int i;

	dune_leave();
	*(volatile unsigned int *)mem = *(volatile unsigned int *)(mem + PAGE) = 0;
	dune_pt_map(root, ALIAS, PAGE, (uintptr_t)mem, DUNE_PROT_READ);
	published = 0;
	pthread_create(&t, NULL, reader, NULL);
	dune_enter();
	for (i = 1; i <= PUBLISHED; i++) {
		unsigned int from = reads;

		*(volatile unsigned int *)(mem + (i & 1) * PAGE) = i;
		dune_pt_map(root, ALIAS, PAGE, (uintptr_t)mem + (i & 1) * PAGE, DUNE_PROT_READ);
		dune_tlb_flush_all();
		__atomic_store_n(&published, i, __ATOMIC_RELEASE);
		while (reads - from < 3 && i < PUBLISHED && !reader_done)
			sched_yield();
	}
	dune_leave();
	pthread_join(t, NULL);
	ok(!stale && reads >= 3 * (PUBLISHED - 1), "%d moves of a page, %u reads by another thread, %u stale",
	   PUBLISHED, reads, stale);
	dune_enter();
}

int main(void)
{
	char *area = mmap(NULL, 3 * MIB2, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err = dune_init();

	if (err || area == MAP_FAILED)
		bail("dune_init: %s", strerror(-err));
	mem = (void *)(((uintptr_t)area + MIB2 - 1) & ~(MIB2 - 1));
	err = dune_enter();
	if (err)
		bail("dune_enter: %s", strerror(-err));
	root = dune_root_current();
	dune_on_page_fault(on_fault, 0);
	test_alias();
	test_own_mapping();
	test_protect();
	test_accessed_dirty();
	test_split();
	test_large_alias();
	test_roots();
	test_root_leaks();
	test_ring3();
	test_flush_all();
	dune_leave();
	return tap_done();
}
