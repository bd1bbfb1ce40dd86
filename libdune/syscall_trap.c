// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The SYSCALL instruction in Dune mode. LSTAR holds one of two entries
 * (syscall_entry.S):
 *
 *	dune_syscall_pass	one VMCALL, for threads where only ring 0 runs
 *	dune_syscall_entry	as soon as the thread runs ring 3, or a handler wants to
 *				see ring 0's calls
 *
 * A call of ring 0 that passes goes on at the first, with all registers as they were.
 * A thread never goes back to the first before it enters again.
 */
#include "syscall_trap.h"
#include <errno.h>
#include "export.h"
#include "own.h"
#include "raw.h"
#include "trap.h"

#define MSR_LSTAR	0xc0000082

static dune_handler_t handler;

int (*dune_confined_call)(struct dune_trap *trap, struct dune_thread *t);

/* Read by dune_syscall_entry. */
uint8_t dune_syscall_watch_ring0;

uint64_t dune_syscall_lstar(void)
{
	if (dune_confined())
		return (uintptr_t)dune_syscall_confined;
	if (dune_program_ring3)
		return (uintptr_t)dune_syscall_ring3;
	if (__atomic_load_n(&dune_syscall_watch_ring0, __ATOMIC_ACQUIRE))
		return (uintptr_t)dune_syscall_entry;
	return (uintptr_t)dune_syscall_pass;
}

void dune_syscall_guard(struct dune_thread *t)
{
	if (t->lstar == (uintptr_t)dune_syscall_entry)
		return;
	t->lstar = (uintptr_t)dune_syscall_entry;
	raw_wrmsr(MSR_LSTAR, t->lstar);
}

DUNE_API int dune_on_syscall(dune_trap_fn fn, unsigned int flags)
{
	if (flags & ~(DUNE_GENERAL_REGS | DUNE_SYSCALL_RING0))
		return -EINVAL;
	__atomic_store_n(&handler, dune_handler_pack(fn, flags), __ATOMIC_RELEASE);
	__atomic_store_n(&dune_syscall_watch_ring0, fn && flags & DUNE_SYSCALL_RING0,
			 __ATOMIC_RELEASE);
	if (dune_syscall_watch_ring0 && dune_inside())
		dune_syscall_guard(dune_current());
	return 0;
}

static long int80_in_host(void *trap)
{
	return dune_forward_int80(trap);
}

/* What may not be made by INT $0x80 in the host loop: see syscall.c. i386 numbers. */
static bool refused_by_int80(unsigned int number)
{
	switch (number) {
	case 2:		/* fork */
	case 67:	/* sigaction */
	case 119:	/* sigreturn */
	case 120:	/* clone */
	case 173:	/* rt_sigreturn */
	case 174:	/* rt_sigaction */
	case 186:	/* sigaltstack */
	case 190:	/* vfork */
	case 435:	/* clone3 */
		return true;
	}
	return false;
}

DUNE_API void dune_syscall_forward(struct dune_trap *trap)
{
	if (trap->vector != DUNE_VECTOR_INT80)
		/* Linux looks at the lower half; whole, a number could be a hypercall for us. */
		trap->rax = dune_forward_vmcall(trap, (int)trap->rax);
	else if (refused_by_int80(trap->rax))
		trap->rax = -ENOSYS;
	else
		trap->rax = dune_host_call(int80_in_host, trap);
}

/* Called by syscall_entry.S on the trap stack. */
void dune_syscall_trap(struct dune_trap *trap, struct dune_thread *t)
{
	uint64_t ring = dune_trap_begin(trap, t);
	dune_handler_t h = __atomic_load_n(&handler, __ATOMIC_ACQUIRE);
	bool sees = h && (trap->cs & 3 || h & HANDLER_RING0);

	if (!sees || dune_handler_call(h & ~HANDLER_RING0, trap, 0) != DUNE_TRAP_DONE) {
		if (trap->cs & 3)
			trap->rax = -ENOSYS;
		else
			trap->rip = (uintptr_t)dune_syscall_pass;	/* RCX is where it goes on */
	}
	dune_trap_end(trap, t, ring);
}
