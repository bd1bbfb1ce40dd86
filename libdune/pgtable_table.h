/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Entries and tables, shared by the files that implement <dune/pgtable.h>.
 *
 *	 63    47 46   39 38   30 29   21 20   12 11          0
 *	+--------+-------+-------+-------+-------+-------------+
 *	|   0    | PML4  | PDPT  |  PD   |  PT   |   offset    |	virtual address
 *	+--------+-------+-------+-------+-------+-------------+
 *	  level      4       3       2       1
 *	  an entry 512 GiB  1 GiB  2 MiB   4 KiB
 *	  maps
 *
 * What an entry can be:
 *
 *	0		never mapped; at level 3 of a filling root: to be filled in
 *	HOLE		level 3 of a filling root: unmapped, not to be filled in
 *	table		level 2 to 4: P, no PS. All rights; the leaf has the real ones
 *	leaf		P; with PS at level 2 and 3
 *	saved leaf	no P, made by DUNE_PROT_NONE; has its address inverted
 */
#ifndef DUNE_PGTABLE_TABLE_H
#define DUNE_PGTABLE_TABLE_H

#include "page_internal.h"

#define VA_END		(1UL << 47)
#define ENTRIES		512U
#define USER_ENTRIES	(ENTRIES / 2)
#define LEVEL_TOP	DUNE_LEVEL_512G
#define LEVEL_FILL	DUNE_LEVEL_1G

#define PTE_HOLE	(1ULL << 52)	/* alone: any saved leaf has bit 51 too */
#define PTE_RIGHTS	(DUNE_PTE_P | DUNE_PTE_W | DUNE_PTE_U | DUNE_PTE_XD)

/*
 * A root is its PML4. The entries of the upper half would map addresses that no program
 * has: the CPU never reads them, and the library keeps its own words there, with
 * bit 0 (P) clear in each.
 */
struct dune_root {
	dune_pte_t entry[USER_ENTRIES];
	uint64_t fills;		/* 0, or ROOT_FILLS */
	uint64_t unused[USER_ENTRIES - 1];
};

#define ROOT_FILLS	(1ULL << 1)

_Static_assert(sizeof(struct dune_root) == DUNE_PAGE_SIZE, "a root is one table");

/* ---- Entries ------------------------------------------------------------- */

static inline uintptr_t level_size(int level)
{
	return 1UL << (12 + 9 * (level - 1));
}

static inline unsigned int table_index(uintptr_t va, int level)
{
	return va / level_size(level) % ENTRIES;
}

/* Entries change under us: the CPU sets A and D, fills come in. */
static inline dune_pte_t pte_load(const dune_pte_t *pte)
{
	return __atomic_load_n(pte, __ATOMIC_ACQUIRE);
}

/* On failure @old is what is there now. */
static inline bool pte_replace(dune_pte_t *pte, dune_pte_t *old, dune_pte_t new)
{
	return __atomic_compare_exchange_n(pte, old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static inline bool pte_is_table(dune_pte_t e, int level)
{
	return level > DUNE_LEVEL_4K && (e & (DUNE_PTE_P | DUNE_PTE_PS)) == DUNE_PTE_P;
}

static inline bool pte_is_empty(dune_pte_t e)
{
	return !e || e == PTE_HOLE;
}

/*
 * Where a leaf points. A saved leaf is inverted as Linux inverts its own, so that a
 * CPU with L1TF, which may read ahead through an entry without P, finds an address
 * above all memory. (That keeps our entries harmless; the barrier against a program
 * that writes such entries on purpose is the flush at VM entry.) A frame has at
 * most 16 bits, so a gpa has at most 46 and bit 51 tells inverted from plain, also
 * where the program cleared P by itself.
 */
static inline uint64_t pte_address(dune_pte_t e, int level)
{
	return dune_pte_gpa(e) & ~(uint64_t)(level_size(level) - 1);
}

static inline dune_pte_t prot_rights(int prot)
{
	if (!prot)
		return 0;
	return DUNE_PTE_P |
	       (prot & DUNE_PROT_WRITE ? DUNE_PTE_W : 0) |
	       (prot & DUNE_PROT_USER ? DUNE_PTE_U : 0) |
	       (prot & DUNE_PROT_EXEC ? 0 : DUNE_PTE_XD);
}

/* @keep: all bits but address and rights. */
static inline dune_pte_t pte_leaf(uint64_t address, dune_pte_t rights, dune_pte_t keep)
{
	uint64_t field = rights & DUNE_PTE_P ? address : ~address & DUNE_PTE_ADDR;

	return field | rights | (keep & ~(PTE_RIGHTS | DUNE_PTE_ADDR));
}

/* ---- Tables -------------------------------------------------------------- */

static inline dune_pte_t *pte_table(dune_pte_t e)
{
	return dune_page_at(e & DUNE_PTE_ADDR);
}

/* A is set at once: the CPU need not do it. */
static inline dune_pte_t table_pte(const dune_pte_t *table)
{
	return dune_page_gpa(table) | DUNE_PTE_P | DUNE_PTE_W | DUNE_PTE_U | DUNE_PTE_A;
}

/* May the guest's page tables have 1 GiB pages? */
extern bool dune_pt_1g;

/* Counted up each time that a table is taken out of a root. */
extern uint64_t dune_pt_generation;

/* Zeroed, one user; NULL when the pool is empty. */
dune_pte_t *dune_table_new(void);

/* A reference to a table that no entry points to any more. The lock is held. */
void dune_table_release(dune_pte_t *table, int level);

/* Put @new where @pte is and release the table that was there. The lock is held. */
void dune_table_set(dune_pte_t *pte, int level, dune_pte_t new);

/*
 * The table below the entry that maps @va, for changing it: a shared one is copied,
 * a leaf is split, and where there is nothing a table is made - in a filling root
 * with the GiB filled in, unless all of it is to be replaced (@whole). The lock is
 * held, and the entry's own table belongs to @root alone.
 */
int dune_table_below(struct dune_root *root, dune_pte_t *pte, int level, uintptr_t va, bool whole,
		     dune_pte_t **below);

/* Put the default mapping of a GiB in an empty entry of level 3. 0: something is there now. */
int dune_fill_entry(dune_pte_t *pte, uintptr_t va);

/*
 * Walk down to the entry that maps @va or is empty. Takes no lock: between
 * dune_pt_enter() and dune_pt_leave() no table that was found is used anew, though
 * it may go out of use; then dune_pt_generation has changed.
 */
dune_pte_t *dune_pt_find(struct dune_root *root, uintptr_t va, int *level, dune_pte_t *value);
void dune_pt_enter(void);
void dune_pt_leave(void);

/*
 * The lock around all changes of structure. Unlocking gives retired tables back
 * when there are many.
 */
void dune_pt_lock(void);
void dune_pt_unlock(void);

/* With the lock held: a table without users. */
void dune_pt_retire(dune_pte_t *table);

/* -EINVAL unless the range is aligned and in user space. */
int dune_pt_check_range(uintptr_t va, size_t len);

#endif /* DUNE_PGTABLE_TABLE_H */
