// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Page faults. Three places say no, and each has its own answer:
 *
 *	the root has not been filled in here yet	fill it in, go back
 *	the program's own page tables			its handler, else SIGSEGV
 *	Linux (DUNE_PF_LINUX)				its handler, else Linux's signal
 */
#include <dune/pgtable.h>
#include <errno.h>
#include "export.h"
#include "own.h"
#include "pgtable_internal.h"
#include "raw.h"
#include "trap.h"

/* Old programs call it; Linux emulates it when it is jumped to. */
#define VSYSCALL_PAGE	0xffffffffff600000UL

static dune_handler_t handler;

DUNE_API int dune_on_page_fault(dune_fault_fn fn, unsigned int flags)
{
	if (flags & ~DUNE_GENERAL_REGS)
		return -EINVAL;
	__atomic_store_n(&handler, dune_handler_pack(fn, flags), __ATOMIC_RELEASE);
	return 0;
}

/*
 * Apart, so that the way to a handler stays short. What Linux refused it refuses again
 * when the instruction is tried again, and then it is a signal; or it has changed its mind. Tried by
 * the program: in ring 0, or where ring 0 must be safe from it, in ring 3.
 */
static __attribute__((noinline)) void unhandled(struct dune_trap *trap, struct dune_thread *t,
						uintptr_t address, uint64_t ring)
{
	if (!dune_confined() && trap->error & DUNE_PF_I && (address & ~0xfffUL) == VSYSCALL_PAGE && trap->rip == address &&
	    (!(trap->cs & 3) || dune_program_ring3))
		dune_try_natively(trap, ring);
	else if (!(trap->error & DUNE_PF_LINUX) || !(trap->cs & 3) == dune_confined())
		dune_raise(trap, address, ring);
	else
		t->run->upcalls |= DUNE_UPCALL_PASS;
}

void dune_page_fault(struct dune_trap *trap, struct dune_thread *t)
{
	/* Before anything that could fault itself. */
	uintptr_t address = raw_read_cr2();
	uint64_t ring = dune_trap_begin(trap, t);
	dune_handler_t h;

	if (!(trap->error & (DUNE_PF_P | DUNE_PF_LINUX)) && !dune_pt_fill(t->root, address))
		goto out;
	h = __atomic_load_n(&handler, __ATOMIC_ACQUIRE);
	if (!h || dune_handler_call(h, trap, address) != DUNE_TRAP_DONE)
		unhandled(trap, t, address, ring);
out:
	dune_trap_end(trap, t, ring);
}
