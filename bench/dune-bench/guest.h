/* SPDX-License-Identifier: GPL-2.0 */
/* What rows do with the tables and rings of Dune mode. Ring 0 of Dune mode. */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include <dune/dune.h>
#include <dune/pgtable.h>
#include "bench.h"

/* The 4 KiB entry of the current root for @va, which is made one of its own. */
dune_pte_t *guest_pte(uintptr_t va);

/* The level of the entry that maps @va. */
int guest_level(uintptr_t va);

static inline GENERAL_REGS void pte_clear(dune_pte_t *pte, dune_pte_t bits)
{
	__atomic_fetch_and(pte, ~bits, __ATOMIC_RELAXED);
}

static inline GENERAL_REGS void pte_set(dune_pte_t *pte, dune_pte_t bits)
{
	__atomic_fetch_or(pte, bits, __ATOMIC_RELAXED);
}

/*
 * Code in ring 3: guest_ring3_setup() makes it usable; guest_ring3_getpid() makes one getpid()
 * between two looks at the clock, which become bench_start and bench_stop.
 */
void guest_ring3_setup(int (*on_getpid)(struct dune_trap *trap), unsigned int flags);
void guest_ring3_getpid(int i);
void guest_ring3_null(int i);

#endif /* BENCH_GUEST_H */
