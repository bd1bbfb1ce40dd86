// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Page tables: walking them, and the steps from which all changes are made -
 * copy a shared table, split a leaf, release a table.
 *
 * Roots share tables. A table's page counts the entries that point to it, and a
 * table may be changed only where every table on the way from the root has a count
 * of one; so the way down for a change copies what is shared:
 *
 *	root A --> PDPT (2) --> PD (1)		before
 *	root B ----^
 *
 *	root A --> PDPT' (1) --> PD' (1)	A changed a page below
 *	root B --> PDPT (1) --> PD (1)
 *
 * (between the two copies PD has a count of 2.) Changes of structure hold the lock,
 * and with it counts of linked tables do not change. Two parties write without it:
 *
 *  - The CPU sets A and D in leaves. An entry is therefore changed by
 *    compare-and-exchange, and nothing that it set gets lost. What it sets in a
 *    shared table through an old translation, after this root got its copy, stays
 *    in the old table: who counts on A or D splits first and flushes, then clears.
 *
 *  - dune_pt_fill() puts an entry where there was 0, at level 4 and 3 of filling
 *    roots, by compare-and-exchange. Linked entries are written here by
 *    compare-and-exchange or exchange only, so what a fill put there is seen: it is
 *    kept, or released. Fill may hold a PDPT that is being replaced:
 *     * it was copied, and the copy was made before the fill: the old table, which
 *       other roots use, gets the fill, this root does not. Fill looks again from
 *       the root before it returns, finds the entry empty, and does it once more; or
 *       it was a moment earlier, then the access faults again and fills again.
 *     * it was released: release closes each empty entry with HOLE before it drops
 *       the children, so a late fill fails instead of putting a table where nobody
 *       would free it; the generation has changed by then and tells fill to start
 *       again.
 *    The page itself is not used anew as long as fill is looking
 *    (pgtable_retire.c).
 */
#include "export.h"
#include "pgtable_table.h"

#include <errno.h>

int dune_pt_check_range(uintptr_t va, size_t len)
{
	if ((va | len) % DUNE_PAGE_SIZE || va > VA_END || len > VA_END - va)
		return -EINVAL;
	return 0;
}

dune_pte_t *dune_pt_find(struct dune_root *root, uintptr_t va, int *level, dune_pte_t *value)
{
	int l = LEVEL_TOP;
	dune_pte_t *pte = &root->entry[table_index(va, l)];
	dune_pte_t e = pte_load(pte);

	while (pte_is_table(e, l)) {
		l--;
		pte = &pte_table(e)[table_index(va, l)];
		e = pte_load(pte);
	}
	*level = l;
	*value = e;
	return pte;
}

/* ---- Tables going -------------------------------------------------------- */

/*
 * After a table was unlinked, and before anything is done to it that a reader could
 * take for the truth.
 */
static void generation_next(void)
{
	__atomic_add_fetch(&dune_pt_generation, 1, __ATOMIC_SEQ_CST);
}

/* The last value of an entry of a table without users: no fill comes after this. */
static dune_pte_t close_entry(dune_pte_t *pte, int level)
{
	dune_pte_t e = 0;

	if (level != LEVEL_FILL)
		return pte_load(pte);
	pte_replace(pte, &e, PTE_HOLE);
	return e;
}

void dune_table_release(dune_pte_t *table, int level)
{
	generation_next();
	if (!dune_page_unref(table))
		return;
	for (unsigned int i = 0; level > DUNE_LEVEL_4K && i < ENTRIES; i++) {
		dune_pte_t e = close_entry(&table[i], level);

		if (pte_is_table(e, level))
			dune_table_release(pte_table(e), level - 1);
	}
	dune_pt_retire(table);
}

void dune_table_set(dune_pte_t *pte, int level, dune_pte_t new)
{
	dune_pte_t old = __atomic_exchange_n(pte, new, __ATOMIC_ACQ_REL);

	if (pte_is_table(old, level))
		dune_table_release(pte_table(old), level - 1);
}

/* ---- Tables coming ------------------------------------------------------- */

/* A copy of what the entry @pte points to, if others use that too. */
static int own(dune_pte_t *pte, int level, dune_pte_t **below)
{
	dune_pte_t *old = pte_table(pte_load(pte)), *copy;

	*below = old;
	if (dune_page_count(old) == 1)
		return 0;
	copy = dune_table_new();
	if (!copy)
		return -ENOMEM;
	for (unsigned int i = 0; i < ENTRIES; i++) {
		dune_pte_t e = pte_load(&old[i]);

		if (pte_is_table(e, level - 1))
			dune_page_get(pte_table(e));
		copy[i] = e;
	}
	dune_table_set(pte, level, table_pte(copy));
	*below = copy;
	return 0;
}

/*
 * Replace a leaf by a table of leaves a size smaller, with the same rights, soft
 * bits, A and D. Children are dirty when the large page was: that is all that is
 * known, and a CPU that still has the large page in its TLB as dirty does not set D
 * again.
 */
static int split(dune_pte_t *pte, int level)
{
	dune_pte_t *table = dune_table_new();
	dune_pte_t old = pte_load(pte);
	uintptr_t step = level_size(level - 1);

	if (!table)
		return -ENOMEM;
	do {
		uint64_t address = pte_address(old, level);
		dune_pte_t keep = old;

		/* At level 1 the bit has another meaning. */
		if (level - 1 == DUNE_LEVEL_4K)
			keep &= ~DUNE_PTE_PS;
		for (unsigned int i = 0; i < ENTRIES; i++)
			table[i] = pte_leaf(address + i * step, old & PTE_RIGHTS, keep);
	} while (!pte_replace(pte, &old, table_pte(table)));
	return 0;
}

/* Nothing is here: an empty table, or the GiB as the default has it. */
static int provide(struct dune_root *root, dune_pte_t *pte, dune_pte_t e, int level, uintptr_t va,
		   bool whole)
{
	dune_pte_t *table;

	if (root->fills && level == LEVEL_FILL && !e && !whole)
		return dune_fill_entry(pte, va);
	table = dune_table_new();
	if (!table)
		return -ENOMEM;
	if (!pte_replace(pte, &e, table_pte(table)))
		dune_page_put(table);	/* a fill came first */
	return 0;
}

int dune_table_below(struct dune_root *root, dune_pte_t *pte, int level, uintptr_t va, bool whole,
		     dune_pte_t **below)
{
	for (;;) {
		dune_pte_t e = pte_load(pte);
		int ret;

		if (pte_is_table(e, level))
			return own(pte, level, below);
		if (pte_is_empty(e))
			ret = provide(root, pte, e, level, va, whole);
		else
			ret = split(pte, level);
		if (ret)
			return ret;
	}
}

/* ---- Lookup -------------------------------------------------------------- */

static int lookup_shared(struct dune_root *root, uintptr_t va, int *level, dune_pte_t **pte)
{
	int ret = dune_pt_fill(root, va);
	dune_pte_t e;

	/* -ENOENT says not present; that can still be a saved leaf. */
	if (ret && ret != -ENOENT)
		return ret;
	dune_pt_enter();
	*pte = dune_pt_find(root, va, level, &e);
	dune_pt_leave();
	return pte_is_empty(e) ? -ENOENT : 0;
}

static int lookup_own(struct dune_root *root, uintptr_t va, int *level, dune_pte_t **pte)
{
	dune_pte_t *table = root->entry;
	int l = LEVEL_TOP;

	for (;; l--) {
		dune_pte_t *here = &table[table_index(va, l)];
		dune_pte_t e = pte_load(here);
		int ret;

		if (!e && root->fills && l == LEVEL_FILL) {
			ret = dune_fill_entry(here, va);
			if (ret)
				return ret;
			e = pte_load(here);
		}
		if (pte_is_empty(e) && !(root->fills && l == LEVEL_TOP))
			return -ENOENT;
		if (!pte_is_empty(e) && !pte_is_table(e, l) && l <= *level) {
			*level = l;
			*pte = here;
			return 0;
		}
		ret = dune_table_below(root, here, l, va, false, &table);
		if (ret)
			return ret;
	}
}

DUNE_API int dune_pt_lookup(struct dune_root *root, uintptr_t va, enum dune_level *level, dune_pte_t **pte)
{
	int l = level ? (int)*level : 0;
	dune_pte_t *found;
	int ret;

	if (!root || va >= VA_END || l < 0 || l > DUNE_LEVEL_1G)
		return -EINVAL;
	if (!l) {
		ret = lookup_shared(root, va, &l, &found);
	} else {
		dune_pt_lock();
		ret = lookup_own(root, va, &l, &found);
		dune_pt_unlock();
	}
	if (ret)
		return ret;
	if (level)
		*level = (enum dune_level)l;
	if (pte)
		*pte = found;
	return 0;
}

DUNE_API int dune_pt_split(struct dune_root *root, uintptr_t va, enum dune_level level)
{
	if (va % DUNE_PAGE_SIZE || (int)level < DUNE_LEVEL_4K)
		return -EINVAL;
	return dune_pt_lookup(root, va, &level, NULL);
}

/* ---- Walk ---------------------------------------------------------------- */

/* The entries of one table, from *@va on. Ends early when a table has been replaced meanwhile. */
static int walk_table(struct dune_root *root, uintptr_t *va, uintptr_t end, dune_pt_walk_fn fn,
		      void *arg)
{
	uint64_t generation = __atomic_load_n(&dune_pt_generation, __ATOMIC_ACQUIRE);
	dune_pte_t e, *pte;
	int level, ret = 0;

	pte = dune_pt_find(root, *va, &level, &e);
	while (!pte_is_table(e, level)) {
		uintptr_t start = *va & ~(level_size(level) - 1);

		if (!pte_is_empty(e))
			ret = fn(pte, start, (enum dune_level)level, arg);
		*va = start + level_size(level);
		if (ret || *va >= end || !table_index(*va, level) ||
		    __atomic_load_n(&dune_pt_generation, __ATOMIC_ACQUIRE) != generation)
			break;
		e = pte_load(++pte);
	}
	return ret;
}

DUNE_API int dune_pt_walk(struct dune_root *root, uintptr_t va, size_t len, dune_pt_walk_fn fn, void *arg)
{
	uintptr_t end = va + len;
	int ret = dune_pt_check_range(va, len);

	if (ret || !root || !fn)
		return -EINVAL;
	dune_pt_enter();
	while (va < end && !ret)
		ret = walk_table(root, &va, end, fn, arg);
	dune_pt_leave();
	return ret;
}
