// SPDX-License-Identifier: GPL-2.0
/* What rows do with the tables and rings of Dune mode. */
#include "guest.h"
#include <string.h>
#include <sys/syscall.h>

dune_pte_t *guest_pte(uintptr_t va)
{
	enum dune_level level = DUNE_LEVEL_4K;
	dune_pte_t *pte;
	int err = dune_pt_lookup(dune_root_current(), va, &level, &pte);

	if (err || level != DUNE_LEVEL_4K)
		bench_fail("dune_pt_lookup: %s", strerror(-err));
	return pte;
}

int guest_level(uintptr_t va)
{
	enum dune_level level = 0;
	dune_pte_t *pte;
	int err = dune_pt_lookup(dune_root_current(), va, &level, &pte);

	if (err)
		bench_fail("dune_pt_lookup: %s", strerror(-err));
	return level;
}

/* ---- Ring 3 ------------------------------------------------------------------ */

#define SYS_FINISHED 100000		/* to our handler, and none of Linux's */

/* No stack. R8 and R9 are the moments before and after. */
extern char ring3_code[], ring3_getpid[], ring3_null[], ring3_end[];
__asm__(".pushsection .text\n"
	".balign 4096\n"
	"ring3_code:\n"
	"ring3_getpid:\n"
	"	lfence; rdtsc; lfence\n"
	"	shl $32, %rdx; lea (%rdx, %rax), %r8\n"
	"	movl $39, %eax\n"
	"	syscall\n"
	"	mov %rax, %rdi\n"
	"	lfence; rdtsc; lfence\n"
	"	shl $32, %rdx; lea (%rdx, %rax), %r9\n"
	"ring3_null:\n"
	"	movl $100000, %eax\n"
	"	syscall\n"
	"	ud2\n"
	".balign 4096\n"
	"ring3_end:\n"
	".popsection");

static int (*getpid_handler)(struct dune_trap *trap);
static uint64_t clock_cost;

static GENERAL_REGS int on_syscall(struct dune_trap *trap)
{
	if (trap->rax == SYS_getpid)
		return getpid_handler(trap);
	if (trap->rax != SYS_FINISHED)
		return DUNE_TRAP_PASS;
	bench_start = trap->r8 + clock_cost;
	bench_stop = trap->r9;
	dune_ring3_exit(trap->rdi);
}

/* The clock's own part, which the frame takes off elsewhere. */
static void read_clock_cost(void)
{
	uint64_t a, t;
	int i;

	clock_cost = -1;
	for (i = 0; i < WARM_UP; i++) {
		a = ticks();
		t = ticks() - a;
		if (t < clock_cost)
			clock_cost = t;
	}
}

void guest_ring3_setup(int (*on_getpid)(struct dune_trap *trap), unsigned int flags)
{
	int err = dune_pt_protect(dune_root_current(), (uintptr_t)ring3_code, ring3_end - ring3_code,
				  DUNE_PROT_READ | DUNE_PROT_EXEC | DUNE_PROT_USER);

	if (err)
		bench_fail("dune_pt_protect: %s", strerror(-err));
	dune_tlb_flush();
	read_clock_cost();
	getpid_handler = on_getpid;
	dune_on_syscall(on_syscall, flags);
}

static long run(const char *code)
{
	struct dune_trap start = { .rip = (uintptr_t)code, .rflags = 0x202 };

	return dune_ring3_run(&start);
}

void guest_ring3_getpid(int i)
{
	run(ring3_getpid);
}

void guest_ring3_null(int i)
{
	run(ring3_null);
	bench_start = bench_stop = 0;
}
