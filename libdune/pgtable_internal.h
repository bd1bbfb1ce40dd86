/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the rest of libdune uses of layout, page pool and page tables.
 *
 * Bring-up, in ordinary mode, in this order:
 *
 *	dune_layout_init(table, assign)	the frame table is mapped
 *	dune_page_init()		the pool has its GiB and its frame
 *	dune_pt_init(have_1g)		the default root is there, empty
 *	dune_pt_on_retire(flush)	tables taken out of use can be used again
 *	dune_pt_prefill_range()		for what libdune maps: the frame table, the pool
 *	dune_pt_prefill()		last, when all of libdune's own mappings exist
 */
#ifndef DUNE_PGTABLE_INTERNAL_H
#define DUNE_PGTABLE_INTERNAL_H

#include <dune/pgtable.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * dune_layout_init() - take the frame table into use
 * @table:  DUNE_FRAME_ENTRIES entries, written by the kernel
 * @assign: gives the GiB of @hva its frame: its number (> 0) or -errno. Called in the mode
 *	    and ring of whoever needs the address, in the #PF path and under the page-table lock too.
 *
 * Again in the child of a fork, with the new space's table.
 */
int dune_layout_init(const volatile uint16_t *table, int (*assign)(uintptr_t hva));

/* Reserve the pool. Again: nothing. -ENOMEM, or what the frame's assignment gave. */
int dune_page_init(void);

/* Build the default root. Again: nothing. */
int dune_pt_init(bool have_1g);

/**
 * dune_pt_on_retire() - how to flush the TLBs of all threads
 * @flush: 0 when no CPU has translations of this space cached from before the call; -errno
 *	   where that cannot be done now (the tables wait for the next time). Called with no lock
 *	   held, in the mode and ring of the thread that edited the tables.
 *
 * Without it tables taken out of use are never used again. Where no thread was ever
 * in Dune mode there is nothing to flush, and 0 is right.
 */
void dune_pt_on_retire(int (*flush)(void));

/* Flush now and give retired tables back to the pool, if that can be done. */
void dune_pt_drain(void);

/**
 * dune_pt_fill() - what to do first about a #PF of a page that is not present
 * @root: the root that is loaded
 * @va:   CR2
 *
 * 0: the page is there now (it was filled in, by this thread or another one, or the
 * fault came from a stale translation): go back to the instruction. -ENOENT: the
 * root really does not map it: a fault for the handler. -EINVAL: no user address.
 * -ENOMEM, -ENOSPC.
 *
 * Takes no lock and uses general registers only. Memory that the CPU needs to
 * deliver #PF and that this code uses (trap stacks, IDT, GDT, TSS, pool, libdune's
 * text and data) must not itself wait for being filled in: call this for every such
 * per-thread mapping when it is made, and for the root to be loaded before each
 * change of roots.
 */
int dune_pt_fill(struct dune_root *root, uintptr_t va);

/*
 * Fill in the default root: a mapping of libdune's own, and then, as far as it can be
 * known, all that the process uses now. Ordinary mode.
 */
int dune_pt_prefill_range(uintptr_t start, uintptr_t end);
int dune_pt_prefill(void);

/* What to load into CR3. */
uint64_t dune_root_cr3(const struct dune_root *root);

/*
 * Around fork, in the thread that forks (ordinary mode): so that the child does not
 * inherit the lock from another thread that was editing. fork_done() in parent
 * (child = false) and child (true).
 */
void dune_pt_fork_prepare(void);
void dune_pt_fork_done(bool child);

/* What a page of the default root has; only changed before anything is filled in. */
extern uint64_t dune_pt_fill_bits;

#endif /* DUNE_PGTABLE_INTERNAL_H */
