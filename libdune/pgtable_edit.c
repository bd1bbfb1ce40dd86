// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Edits of a range: map, unmap, protect. All three go down the tables in the
 * same way and differ in what they do with one entry:
 *
 *	edit_table(PML4) -> op(entry) -> edit_below -> edit_table(PDPT) -> op(entry) ...
 *
 * An op gets the part [va, end) of the range that lies in its entry. If that is all
 * that the entry maps the op may deal with it there; else it goes on below, where
 * the leaf has been split.
 */
#include "export.h"
#include "pgtable_table.h"

#include <errno.h>

struct edit;
typedef int (*edit_op)(const struct edit *edit, dune_pte_t *pte, int level, uintptr_t va,
		       uintptr_t end);

struct edit {
	struct dune_root *root;
	edit_op op;
	dune_pte_t rights;	/* map, protect */
	uintptr_t hva_less_va;	/* map; wraps */
};

static bool is_whole(int level, uintptr_t va, uintptr_t end)
{
	return end - va == level_size(level);
}

/*
 * Level 4 of a filling root: PDPTs stay, for empty entries in them mean "fill in",
 * not "unmapped".
 */
static bool keeps_table(const struct edit *edit, int level)
{
	return edit->root->fills && level == LEVEL_TOP;
}

/* An entry that a fill would find empty. */
static bool awaits_fill(const struct edit *edit, int level, dune_pte_t e)
{
	return edit->root->fills && level >= LEVEL_FILL && !e;
}

static int edit_table(const struct edit *edit, dune_pte_t *table, int level, uintptr_t va,
		      uintptr_t end)
{
	while (va < end) {
		uintptr_t next = (va & ~(level_size(level) - 1)) + level_size(level);
		int ret;

		if (next > end)
			next = end;
		ret = edit->op(edit, &table[table_index(va, level)], level, va, next);
		if (ret)
			return ret;
		va = next;
	}
	return 0;
}

static int edit_below(const struct edit *edit, dune_pte_t *pte, int level, uintptr_t va,
		      uintptr_t end)
{
	dune_pte_t *table;
	int ret = dune_table_below(edit->root, pte, level, va, is_whole(level, va, end), &table);

	return ret ? ret : edit_table(edit, table, level - 1, va, end);
}

static int edit_range(const struct edit *edit, uintptr_t va, size_t len)
{
	int ret;

	dune_pt_lock();
	ret = edit_table(edit, edit->root->entry, LEVEL_TOP, va, va + len);
	dune_pt_unlock();
	return ret;
}

/* ---- Map ----------------------------------------------------------------- */

static bool fits_leaf(int level, uintptr_t va, uintptr_t end, uintptr_t hva)
{
	int largest = dune_pt_1g ? DUNE_LEVEL_1G : DUNE_LEVEL_2M;

	/* A gpa is aligned as its hva is, and then no leaf crosses a frame. */
	return level <= largest && is_whole(level, va, end) && !(hva & (level_size(level) - 1));
}

static int map_entry(const struct edit *edit, dune_pte_t *pte, int level, uintptr_t va,
		     uintptr_t end)
{
	uintptr_t hva = va + edit->hva_less_va;
	uint64_t gpa;
	int ret;

	if (!fits_leaf(level, va, end, hva))
		return edit_below(edit, pte, level, va, end);
	ret = dune_va_to_gpa(hva, &gpa);
	if (ret)
		return ret;
	dune_table_set(pte, level,
		       pte_leaf(gpa, edit->rights, level > DUNE_LEVEL_4K ? DUNE_PTE_PS : 0));
	return 0;
}

static bool prot_is_valid(int prot)
{
	return !(prot & ~(DUNE_PROT_READ | DUNE_PROT_WRITE | DUNE_PROT_EXEC | DUNE_PROT_USER));
}

DUNE_API int dune_pt_map(struct dune_root *root, uintptr_t va, size_t len, uintptr_t hva, int prot)
{
	struct edit edit = {
		.root = root, .op = map_entry, .rights = prot_rights(prot), .hva_less_va = hva - va,
	};

	if (!root || !prot_is_valid(prot) ||
	    dune_pt_check_range(va, len) || dune_pt_check_range(hva, len))
		return -EINVAL;
	return edit_range(&edit, va, len);
}

/* ---- Unmap --------------------------------------------------------------- */

static bool table_is_empty(const dune_pte_t *table)
{
	for (unsigned int i = 0; i < ENTRIES; i++)
		if (pte_load(&table[i]))
			return false;
	return true;
}

static int unmap_entry(const struct edit *edit, dune_pte_t *pte, int level, uintptr_t va,
		       uintptr_t end)
{
	dune_pte_t none = edit->root->fills && level == LEVEL_FILL ? PTE_HOLE : 0;
	dune_pte_t e = pte_load(pte);
	int ret;

	if (pte_is_empty(e) && !awaits_fill(edit, level, e))
		return 0;
	if (is_whole(level, va, end) && !keeps_table(edit, level)) {
		dune_table_set(pte, level, none);
		return 0;
	}
	ret = edit_below(edit, pte, level, va, end);
	if (!ret && !keeps_table(edit, level) && table_is_empty(pte_table(pte_load(pte))))
		dune_table_set(pte, level, none);
	return ret;
}

DUNE_API int dune_pt_unmap(struct dune_root *root, uintptr_t va, size_t len)
{
	struct edit edit = { .root = root, .op = unmap_entry };

	if (!root || dune_pt_check_range(va, len))
		return -EINVAL;
	return edit_range(&edit, va, len);
}

/* ---- Protect ------------------------------------------------------------- */

static void set_rights(dune_pte_t *pte, int level, dune_pte_t rights)
{
	dune_pte_t old = pte_load(pte);

	while (!pte_replace(pte, &old, pte_leaf(pte_address(old, level), rights, old)))
		;
}

static int protect_entry(const struct edit *edit, dune_pte_t *pte, int level, uintptr_t va,
			 uintptr_t end)
{
	dune_pte_t e = pte_load(pte);

	if (awaits_fill(edit, level, e) && level == LEVEL_FILL) {
		int ret = dune_fill_entry(pte, va);

		if (ret)
			return ret;
		e = pte_load(pte);
	}
	if (pte_is_empty(e) && !awaits_fill(edit, level, e))
		return -ENOENT;
	if (pte_is_table(e, level) || !is_whole(level, va, end) || level == LEVEL_TOP)
		return edit_below(edit, pte, level, va, end);
	set_rights(pte, level, edit->rights);
	return 0;
}

DUNE_API int dune_pt_protect(struct dune_root *root, uintptr_t va, size_t len, int prot)
{
	struct edit edit = { .root = root, .op = protect_entry, .rights = prot_rights(prot) };

	if (!root || !prot_is_valid(prot) || dune_pt_check_range(va, len))
		return -EINVAL;
	return edit_range(&edit, va, len);
}
