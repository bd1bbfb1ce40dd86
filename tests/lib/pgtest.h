/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For the tests of page tables on the host: a frame table as the kernel would keep
 * it, and a page walk written from the manual alone (SDM vol. 3, 4.5), which knows
 * nothing of the library's own.
 */
#ifndef PGTEST_H
#define PGTEST_H

#include "tap.h"

#include <dune/pgtable.h>
#include <errno.h>
#include <linux/dune.h>
#include <stdbool.h>
#include <stdint.h>

#include "pgtable_internal.h"

#define KIB4	0x1000UL
#define MIB2	0x200000UL
#define GIB	0x40000000UL
#define USER_END (1UL << 47)
#define RWX	(DUNE_PROT_READ | DUNE_PROT_WRITE | DUNE_PROT_EXEC)

/* ---- The kernel's side ----------------------------------------------------- */

static uint16_t pgtest_table[DUNE_FRAME_ENTRIES];
static unsigned int pgtest_frames_given, pgtest_frames_max = 65520;
static unsigned int pgtest_flushes;
static int pgtest_flush_error;
static int pgtest_frame_lock;

/*
 * What happens, once, between the moment that a fill finds its entry empty and the
 * moment that it writes it.
 */
static void (*pgtest_in_fill)(void);

/*
 * Frames in an order that nobody can guess right: n * 7919 mod the prime 65521 is
 * never twice the same.
 */
static int pgtest_assign(uintptr_t hva)
{
	void (*hook)(void) = pgtest_in_fill;
	int frame;

	if (hook) {
		pgtest_in_fill = NULL;
		hook();
	}
	while (__atomic_exchange_n(&pgtest_frame_lock, 1, __ATOMIC_ACQUIRE))
		;
	frame = pgtest_table[hva >> 30];
	if (!frame && pgtest_frames_given >= pgtest_frames_max) {
		frame = -ENOSPC;
	} else if (!frame) {
		frame = (int)(++pgtest_frames_given * 7919UL % 65521);
		__atomic_store_n(&pgtest_table[hva >> 30], (uint16_t)frame, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&pgtest_frame_lock, 0, __ATOMIC_RELEASE);
	return frame;
}

static int pgtest_flush(void)
{
	__atomic_add_fetch(&pgtest_flushes, 1, __ATOMIC_RELAXED);
	return pgtest_flush_error;
}

TAP_UNUSED static void pgtest_init(bool have_1g)
{
	if (dune_layout_init(pgtest_table, pgtest_assign) || dune_page_init() || dune_pt_init(have_1g))
		bail("no page tables to test");
	dune_pt_on_retire(pgtest_flush);
}

/* All that waits for a flush goes back: tables may wait for the tables above them. */
TAP_UNUSED static size_t pgtest_pages(void)
{
	dune_pt_drain();
	return dune_page_in_use();
}

/* The model's own idea of a gpa. */
TAP_UNUSED static uint64_t pgtest_gpa(uintptr_t hva)
{
	return (uint64_t)pgtest_table[hva >> 30] * GIB + hva % GIB;
}

/* ---- The CPU's side --------------------------------------------------------- */

struct hit {
	bool present, write, user, exec;
	unsigned int level;	/* of the last entry read */
	uint64_t gpa;		/* of the very byte */
	uint64_t entry;
	uint64_t *pte;
};

static uint64_t *pgtest_at(uint64_t gpa)
{
	uintptr_t va;

	if (dune_gpa_to_va(gpa, &va))
		bail("an entry points to %#llx, which nobody was given", (unsigned long long)gpa);
	return (uint64_t *)va;
}

static struct hit pgtest_walk(struct dune_root *root, uintptr_t va)
{
	struct hit hit = { .write = true, .user = true, .exec = true, .level = 4 };
	uint64_t table = dune_root_cr3(root);

	for (unsigned int shift = 39;; shift -= 9, hit.level--) {
		uint64_t low = (1UL << shift) - 1;

		hit.pte = pgtest_at(table + (va >> shift & 511) * 8);
		hit.entry = __atomic_load_n(hit.pte, __ATOMIC_ACQUIRE);
		if (!(hit.entry & 1))
			return hit;
		hit.write &= hit.entry >> 1 & 1;
		hit.user &= hit.entry >> 2 & 1;
		hit.exec &= !(hit.entry >> 63);
		table = hit.entry & 0xffffffffff000UL;
		if (hit.level == 4 && hit.entry >> 7 & 1)
			bail("reserved bit 7 at level 4");
		if (hit.level == 1 || hit.entry >> 7 & 1) {
			if (table & low)
				bail("reserved address bits in a large page");
			hit.present = true;
			hit.gpa = table | (va & low);
			return hit;
		}
	}
}

/* Does @va map @hva, with just these rights, by an entry of that level (0: any)? */
TAP_UNUSED static bool pgtest_maps(struct dune_root *root, uintptr_t va, uintptr_t hva, int prot,
				   unsigned int level)
{
	struct hit hit = pgtest_walk(root, va);

	return hit.present && hit.gpa == pgtest_gpa(hva) && (!level || hit.level == level) &&
	       hit.write == !!(prot & DUNE_PROT_WRITE) && hit.exec == !!(prot & DUNE_PROT_EXEC) &&
	       hit.user == !!(prot & DUNE_PROT_USER);
}

/* Present for nobody; whether kept by DUNE_PROT_NONE or not. */
TAP_UNUSED static bool pgtest_absent(struct dune_root *root, uintptr_t va)
{
	return !pgtest_walk(root, va).present;
}

/* ---- The library's walk, counted ---------------------------------------------- */

struct leaves {
	unsigned long of[5];	/* by level */
	unsigned long all;
	uintptr_t first, last;
	bool ordered;
};

static int pgtest_count_one(dune_pte_t *pte, uintptr_t va, enum dune_level level, void *arg)
{
	struct leaves *leaves = arg;

	if (!pte || (leaves->all && va <= leaves->last))
		leaves->ordered = false;
	if (!leaves->all++)
		leaves->first = va;
	leaves->last = va;
	leaves->of[level]++;
	return 0;
}

TAP_UNUSED static struct leaves pgtest_leaves(struct dune_root *root, uintptr_t va, size_t len)
{
	struct leaves leaves = { .ordered = true };

	if (dune_pt_walk(root, va, len, pgtest_count_one, &leaves))
		leaves.ordered = false;
	return leaves;
}

#endif /* PGTEST_H */
