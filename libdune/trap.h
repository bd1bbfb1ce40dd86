/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A registered handler is one word, so that a thread that traps while another one
 * registers sees the function with its own flags:
 *
 *	63	it uses vector registers: keep those of the interrupted code
 *	62	DUNE_SYSCALL_RING0
 *	46-0	the function
 */
#ifndef LIBDUNE_TRAP_H
#define LIBDUNE_TRAP_H

#include <dune/dune.h>
#include "entry.h"
#include "thread.h"

typedef uint64_t dune_handler_t;

#define HANDLER_VECTORS		(1ULL << 63)
#define HANDLER_RING0		(1ULL << 62)

static inline dune_handler_t dune_handler_pack(const void *fn, unsigned int flags)
{
	if (!fn)
		return 0;
	return (uintptr_t)fn | (flags & DUNE_GENERAL_REGS ? 0 : HANDLER_VECTORS) |
	       (flags & DUNE_SYSCALL_RING0 ? HANDLER_RING0 : 0);
}

/*
 * @handler without HANDLER_RING0. @address is for page faults; other handlers do
 * not look at their second argument.
 */
static inline int dune_handler_call(dune_handler_t handler, struct dune_trap *trap,
				    uintptr_t address)
{
	if (handler & HANDLER_VECTORS)
		return dune_call_keeping_vectors((void *)(handler & ~HANDLER_VECTORS), trap,
						 address);
	return ((dune_fault_fn)handler)(trap, address);
}

/* ring3.c: for traps from, and returns to, ring 3. */
void dune_from_ring3(struct dune_thread *t);
void dune_to_ring3(struct dune_thread *t);

/*
 * Around a trap: t->ring must be 0 while a handler runs and right again when the
 * trap returns. What begin gives is for end: the value if it returns to ring 0 -
 * 3 when the trap came in the last instructions before ring 3.
 */
static inline uint64_t dune_trap_begin(struct dune_trap *trap, struct dune_thread *t)
{
	uint64_t ring = t->ring;

	if (__builtin_expect(trap->cs & 3, 0)) {
		dune_from_ring3(t);
		ring = 0;
	}
	t->ring = 0;
	return ring;
}

static inline void dune_trap_end(struct dune_trap *trap, struct dune_thread *t, uint64_t ring)
{
	t->ring = ring;
	if (__builtin_expect(trap->cs & 3, 0))
		dune_to_ring3(t);
}

/*
 * raise.c: the signal that Linux sends for this exception; @address is for #PF. It does not come
 * back from a trap out of ring 0: @ring is what dune_trap_begin() gave.
 */
void dune_raise(const struct dune_trap *trap, uintptr_t address, uint64_t ring);

/* raise.c: Linux has an answer to what the program does at trap->rip. Does not come back, as dune_raise(). */
void dune_try_natively(const struct dune_trap *trap, uint64_t ring);

#endif /* LIBDUNE_TRAP_H */
