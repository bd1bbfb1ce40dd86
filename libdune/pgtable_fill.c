// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Filling in: the default root and its clones get the GiBs that the process
 * uses when they are first touched, GVA = HVA and all rights.
 *
 * This runs in the #PF path, which may have interrupted anything, a change of the
 * tables in the same thread among it: no lock, no libc, general registers only. See
 * pgtable.c for how it gets along with changes.
 */
#include "own.h"
#include "pgtable_table.h"
#include "raw.h"

#include <errno.h>
#include <fcntl.h>

/* A and D are set at once, which saves the CPU two locked writes a page. */
uint64_t dune_pt_fill_bits = DUNE_PTE_P | DUNE_PTE_W | DUNE_PTE_A | DUNE_PTE_D | DUNE_PTE_PS;

bool dune_pt_1g;

/* What ring 0 must be safe for is not ring 3's to see. */
static uint64_t fill_bits(uintptr_t va)
{
	return dune_confined() && dune_is_own(va, 1) ? dune_pt_fill_bits & ~DUNE_PTE_U : dune_pt_fill_bits;
}

/* The GiB at @gpa, as one entry or as a table of 2 MiB entries. 0: no page for that. */
static dune_pte_t fill_value(uint64_t gpa, uint64_t bits)
{
	dune_pte_t *table;

	if (dune_pt_1g)
		return gpa | bits;
	table = dune_table_new();
	if (!table)
		return 0;
	for (unsigned int i = 0; i < ENTRIES; i++)
		table[i] = (gpa + i * level_size(DUNE_LEVEL_2M)) | bits;
	return table_pte(table);
}

int dune_fill_entry(dune_pte_t *pte, uintptr_t va)
{
	dune_pte_t nothing = 0, e;
	uint64_t gpa;
	int ret = dune_va_to_gpa(va & ~(level_size(LEVEL_FILL) - 1), &gpa);

	if (ret)
		return ret;
	e = fill_value(gpa, fill_bits(va));
	if (!e)
		return -ENOMEM;
	if (!pte_replace(pte, &nothing, e) && pte_is_table(e, LEVEL_FILL))
		dune_page_put(pte_table(e));
	return 0;
}

static int fill_pml4(dune_pte_t *pte)
{
	dune_pte_t *table = dune_table_new();
	dune_pte_t nothing = 0;

	if (!table)
		return -ENOMEM;
	if (!pte_replace(pte, &nothing, table_pte(table)))
		dune_page_put(table);
	return 0;
}

static int fill(struct dune_root *root, uintptr_t va)
{
	for (;;) {
		uint64_t generation = __atomic_load_n(&dune_pt_generation, __ATOMIC_ACQUIRE);
		dune_pte_t e, *pte;
		int level, ret = 0;

		pte = dune_pt_find(root, va, &level, &e);
		if (e & DUNE_PTE_P)
			return 0;
		if (root->fills && !e && level == LEVEL_TOP)
			ret = fill_pml4(pte);
		else if (root->fills && !e && level == LEVEL_FILL)
			ret = dune_fill_entry(pte, va);
		else if (__atomic_load_n(&dune_pt_generation, __ATOMIC_ACQUIRE) == generation)
			ret = -ENOENT;
		if (ret)
			return ret;
	}
}

int dune_pt_fill(struct dune_root *root, uintptr_t va)
{
	int ret;

	if (!root || va >= VA_END)
		return -EINVAL;
	dune_pt_enter();
	ret = fill(root, va);
	dune_pt_leave();
	return ret;
}

/* ---- Beforehand ---------------------------------------------------------- */

/*
 * Of a mapping larger than this, a reservation most likely, only both ends are filled
 * in now: frames are too few to give them away for address space that is never touched.
 */
#define PREFILL_WHOLE	(8UL << 30)

int dune_pt_prefill_range(uintptr_t start, uintptr_t end)
{
	uintptr_t gib = level_size(LEVEL_FILL);
	uintptr_t va = start & ~(gib - 1);

	while (va < end && va < VA_END) {
		int ret = dune_pt_fill(dune_root_default(), va);

		if (ret && ret != -ENOENT)
			return ret;
		if (end - start > PREFILL_WHOLE && va < ((end - 1) & ~(gib - 1)))
			va = (end - 1) & ~(gib - 1);
		else
			va += gib;
	}
	return 0;
}

/* Reads "start-end rwxp ...\n" a character at a time. */
struct maps_line {
	enum { IN_START, IN_END, IN_RIGHTS, IN_REST } where;
	uintptr_t start, end;
	bool used;		/* some right is given: no mere reservation */
};

static int maps_char(struct maps_line *line, char c)
{
	static const struct maps_line begin;
	bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
	uintptr_t *number = line->where == IN_START ? &line->start : &line->end;
	int ret = 0;

	if (c == '\n') {
		if (line->where == IN_REST && line->used)
			ret = dune_pt_prefill_range(line->start, line->end);
		*line = begin;
	} else if (line->where <= IN_END) {
		if (hex)
			*number = *number << 4 | (uintptr_t)(c <= '9' ? c - '0' : c - 'a' + 10);
		else
			line->where++;
	} else if (line->where == IN_RIGHTS) {
		if (c == ' ')
			line->where = IN_REST;
		else if (c == 'r' || c == 'w' || c == 'x')
			line->used = true;
	}
	return ret;
}

int dune_pt_prefill(void)
{
	struct maps_line line = { 0 };
	char buffer[4096];
	int fd = raw_open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	long n = 0;
	int ret = 0;

	/* Without /proc, each GiB is filled in when it is first used. */
	if (fd < 0)
		return 0;
	while (!ret && (n = raw_read(fd, buffer, sizeof(buffer))) > 0)
		for (long i = 0; i < n && !ret; i++)
			ret = maps_char(&line, buffer[i]);
	if (!ret && n < 0)
		ret = n;
	raw_close(fd);
	return ret;
}
