// SPDX-License-Identifier: GPL-2.0
/*
 * Linux frees a table only when every CPU has had its interrupts on since it was unlinked, by IPI or by RCU:
 * with interrupts off here the tables stay, whoever is changing them. So all there is to a walk is
 * one load for each level. It sees each entry as the CPU's own walk would at that moment.
 */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include "entry.h"
#include "walk.h"

/* One level down, at @hva's entry for 2^@shift bytes. False if that points to no table. */
static __always_inline bool descend(u64 **table, unsigned long hva, unsigned int shift)
{
	u64 entry = READ_ONCE((*table)[hva >> shift & (PTRS_PER_PTE - 1)]);

	*table = __va(entry & PTE_PFN_MASK);
	return (entry & (_PAGE_PRESENT | _PAGE_PSE)) == _PAGE_PRESENT;
}

/*
 * Its entry in the last table, NULL if there is none. The format is the CPU's; the functions that Linux has for it
 * would look at each level for what cannot be there, twice the instructions in all. Interrupts off.
 */
static pte_t *find_entry(struct mm_struct *mm, unsigned long hva)
{
	u64 *table = (u64 *)mm->pgd;

	if (pgtable_l5_enabled() && !descend(&table, hva, PGDIR_SHIFT))
		return NULL;
	if (!descend(&table, hva, P4D_SHIFT) || !descend(&table, hva, PUD_SHIFT) || !descend(&table, hva, PMD_SHIFT))
		return NULL;
	return (pte_t *)&table[hva >> PAGE_SHIFT & (PTRS_PER_PTE - 1)];
}

/* Rights include those that the thread's protection keys leave. */
static __always_inline bool is_ordinary(pte_t entry)
{
	return !(pte_flags(entry) & (_PAGE_SPECIAL | _PAGE_DEVMAP)) && pte_access_permitted(entry, false);
}

/* Two entries with these alike have the same rights, and are both ordinary, or neither. */
#define ALIKE (_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_NX | _PAGE_SPECIAL | _PAGE_DEVMAP | _PAGE_PKEY_MASK)

/* How many entries from @entry on, by @step, are like @first; at most @nr. */
static __always_inline int collect(const pte_t *entry, int step, int nr, pte_t first, u64 *pfns)
{
	int got;

	for (got = 0; got < nr; got++) {
		pte_t e = READ_ONCE(*entry);

		if ((pte_val(e) ^ pte_val(first)) & ALIKE)
			break;
		*pfns = pte_pfn(e);
		entry += step;
		pfns += step;
	}
	return got;
}

static bool look(const pte_t *entry, struct beside *beside, bool write, bool *writable, u64 *pfns)
{
	pte_t e = READ_ONCE(*entry);

	if (!is_ordinary(e))
		return false;
	*writable = pte_access_permitted(e, true);
	if (write && !*writable)
		return false;
	*pfns = pte_pfn(e);
	beside->behind = collect(entry + 1, 1, beside->behind, e, pfns + 1);
	beside->before = collect(entry - 1, -1, beside->before, e, pfns - 1);
	return true;
}

bool walk(struct mm_struct *mm, unsigned long hva, struct beside *beside, bool write, bool *writable, u64 *pfns)
{
	pte_t *entry;
	bool found;

	local_irq_disable();
	entry = find_entry(mm, hva);
	found = entry && look(entry, beside, write, writable, pfns);
	local_irq_enable();
	return found;
}
