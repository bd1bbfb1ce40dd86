// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Page faults. Three places say no, and each has its own answer:
 *
 *	the root has not been filled in here yet	fill it in, go back
 *	the program's own page tables			its handler, else SIGSEGV
 *	Linux (DUNE_PF_LINUX)				its handler, else ask Linux again, in
 *							ordinary mode: it grows a stack or signals
 */
#include <dune/pgtable.h>
#include <errno.h>
#include "export.h"
#include "pgtable_internal.h"
#include "raw.h"
#include "trap.h"

/* So many faults in a row without a sign of progress are one fault too many. */
#define REPEATS_MAX	1000

static dune_handler_t handler;

DUNE_API int dune_on_page_fault(dune_fault_fn fn, unsigned int flags)
{
	if (flags & ~DUNE_GENERAL_REGS)
		return -EINVAL;
	__atomic_store_n(&handler, dune_handler_pack(fn, flags), __ATOMIC_RELEASE);
	return 0;
}

/* In ordinary mode: do to the address what the instruction did. A signal may come of it. */
static long touch_read(void *address)
{
	__asm__ volatile("movb (%0), %%al" : : "r"(address) : "rax");
	return 0;
}

static long touch_write(void *address)
{
	__asm__ volatile("lock orb $0, (%0)" : : "r"(address) : "memory", "cc");
	return 0;
}

/* Where Linux knows the memory that the root shows at @va. */
static uintptr_t hva_of(const struct dune_thread *t, uintptr_t va)
{
	enum dune_level level = 0;
	uint64_t offset;
	uintptr_t hva;
	dune_pte_t *pte;

	if (dune_pt_lookup(t->root, va, &level, &pte))
		return va;
	offset = (1UL << (12 + 9 * (level - 1))) - 1;
	if (dune_gpa_to_va((dune_pte_gpa(*pte) & ~offset) | (va & offset), &hva))
		return va;
	return hva;
}

/* Linux let the touch pass, and yet the same fault comes again and again. */
static bool leads_nowhere(struct dune_thread *t, const struct dune_trap *trap, uintptr_t address)
{
	struct dune_last_fault *last = &t->last_fault;
	const struct dune_counters *c = &t->run->counters;
	uint64_t calls = c->syscalls_fast + c->syscalls_exact;

	if (last->rip == trap->rip && last->rsp == trap->rsp && last->rcx == trap->rcx &&
	    last->address == address && last->error == trap->error && last->calls == calls)
		return ++last->repeats > REPEATS_MAX;
	*last = (struct dune_last_fault){ trap->rip, trap->rsp, trap->rcx, address, trap->error,
					  calls, 0 };
	return false;
}

/* Apart, so that the way to a handler stays short. */
static __attribute__((noinline)) void unhandled(struct dune_trap *trap, struct dune_thread *t,
						uintptr_t address)
{
	bool linux_refused = trap->error & DUNE_PF_LINUX;

	if (!linux_refused || trap->error & DUNE_PF_I || leads_nowhere(t, trap, address))
		dune_raise(trap, address);
	else
		dune_host_call(trap->error & DUNE_PF_W ? touch_write : touch_read,
			       (void *)hva_of(t, address));
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
		unhandled(trap, t, address);
out:
	dune_trap_end(trap, t, ring);
}
