/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One entry of Linux's page table, of a page that was just faulted in: by follow_pte() where there is one
 * (up to 6.9), which takes a fourth of the instructions of fast GUP.
 */
#ifndef DUNE_ENTRY_H
#define DUNE_ENTRY_H

#include <linux/mm.h>

/*
 * The page at @hva, in @vma, and whether it may be written; no reference is taken. mmap_lock held. NULL if
 * it has no struct page, cannot be read, or if there is no looking that way: then look in another one.
 */
static inline struct page *entry_page(struct vm_area_struct *vma, unsigned long hva, bool *write)
{
#ifdef DUNE_HAVE_FOLLOW_PFNMAP
	return NULL;
#else
	struct page *page = NULL;
	spinlock_t *ptl;	/* of the page table */
	pte_t *pte, entry;

	if (follow_pte(vma->vm_mm, hva, &pte, &ptl))
		return NULL;
	__acquire(ptl);		/* for sparse, which does not know follow_pte() */
	entry = *pte;
	if (!pte_special(entry) && !pte_devmap(entry) && pte_access_permitted(entry, false)) {
		page = pfn_to_page(pte_pfn(entry));
		*write = pte_access_permitted(entry, true);
	}
	pte_unmap_unlock(pte, ptl);
	return page;
#endif
}

#endif /* DUNE_ENTRY_H */
