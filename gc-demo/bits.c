// SPDX-License-Identifier: GPL-2.0
/* D bits of page tables: bits.h. */
#include "bits.h"
#include <dune/pgtable.h>

#define PAGE	4096UL
#define SIZE_2M	(2UL << 20)
#define ENTRIES	512

int bits_split(uintptr_t start, size_t len)
{
	int err = 0;

	for (uintptr_t p = start; p < start + len && !err; p += SIZE_2M)
		err = dune_pt_split(dune_root_default(), p, DUNE_LEVEL_4K);
	return err;
}

int bits_merge(uintptr_t start, size_t len)
{
	int err = dune_pt_map(dune_root_default(), start, len, start, DUNE_PROT_READ | DUNE_PROT_WRITE | DUNE_PROT_EXEC);

	return err ?: dune_tlb_flush_all();
}

/* The entries that map 2 MiB: a table of 512, or one. */
static unsigned int entries(uintptr_t p, dune_pte_t **pte)
{
	enum dune_level level = 0;

	if (dune_pt_lookup(dune_root_default(), p, &level, pte))
		return 0;
	return level == DUNE_LEVEL_4K ? ENTRIES : 1;
}

static void report(uintptr_t p, unsigned int n, unsigned int i, void (*fn)(uintptr_t page))
{
	if (n == ENTRIES)
		fn(p + i * PAGE);
	else
		for (unsigned int k = 0; k < ENTRIES; k++)
			fn(p + k * PAGE);
}

/* Of a table most entries are clean: eight are looked at together. */
static bool none_of_eight(const dune_pte_t *pte)
{
	dune_pte_t any = 0;

#pragma GCC unroll 8
	for (int i = 0; i < 8; i++)
		any |= __atomic_load_n(&pte[i], __ATOMIC_RELAXED);
	return !(any & DUNE_PTE_D);
}

/* In the 2 MiB at @p, from page @i to before page @end. */
static size_t take_2m(uintptr_t p, unsigned int i, unsigned int end, bool clear, void (*fn)(uintptr_t page))
{
	dune_pte_t *pte;
	unsigned int n = entries(p, &pte);
	size_t set = 0;

	if (n < ENTRIES) {
		i = 0;
		end = n;
	}
	for (; i < end; i++) {
		if (i % 8 == 0 && i + 8 <= end && none_of_eight(&pte[i])) {
			i += 7;
			continue;
		}
		if (!(__atomic_load_n(&pte[i], __ATOMIC_RELAXED) & DUNE_PTE_D))
			continue;
		set++;
		if (clear)
			__atomic_fetch_and(&pte[i], ~DUNE_PTE_D, __ATOMIC_RELAXED);
		if (fn)
			report(p, n, i, fn);
	}
	return set;
}

size_t bits_take(uintptr_t start, size_t len, bool clear, void (*fn)(uintptr_t page))
{
	size_t set = 0;

	for (uintptr_t p = start & ~(SIZE_2M - 1); p < start + len; p += SIZE_2M) {
		uintptr_t first = p < start ? start : p, end = p + SIZE_2M < start + len ? p + SIZE_2M : start + len;

		set += take_2m(p, (first - p) / PAGE, (end - p) / PAGE, clear, fn);
	}
	if (set && clear)
		dune_tlb_flush_all();
	return set;
}
