/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mappings without struct page (vvar, device memory): follow_pte() up to 6.9,
 * follow_pfnmap_start() since.
 */
#ifndef DUNE_PFNMAP_H
#define DUNE_PFNMAP_H

#include <linux/mm.h>
#include <asm/memtype.h>
#include "ept.h"

/* Linux's PAT: the cache type of each of the eight combinations of PAT, PCD, PWT. */
static inline enum ept_cache pfnmap_cache(pgprot_t prot)
{
	static const u8 linux_pat[8] = {
		EPT_WB, EPT_WC, EPT_UC, EPT_UC, EPT_WB, EPT_WP, EPT_UC, EPT_WT,
	};
	unsigned long v = pgprot_val(prot);
	unsigned int i = (v & _PAGE_PWT ? 1 : 0) | (v & _PAGE_PCD ? 2 : 0) | (v & _PAGE_PAT ? 4 : 0);

	if (!i)
		return EPT_WB;
	return pat_enabled() ? linux_pat[i] : EPT_UC;
}

/* One try, without faulting anything in. mmap_lock held. -EINVAL if nothing is mapped. */
static inline int pfnmap_try(struct vm_area_struct *vma, unsigned long hva, struct ept_leaf *leaf)
{
#ifdef DUNE_HAVE_FOLLOW_PFNMAP
	struct follow_pfnmap_args args = { .vma = vma, .address = hva };
	int ret = follow_pfnmap_start(&args);

	if (ret)
		return ret;
	leaf->pfn = args.pfn;
	leaf->write = args.writable;
	leaf->cache = pfnmap_cache(args.pgprot);
	follow_pfnmap_end(&args);
	return 0;
#else
	spinlock_t *ptl;	/* of the page table */
	pte_t *pte;
	int ret = follow_pte(vma->vm_mm, hva, &pte, &ptl);

	if (ret)
		return ret;
	__acquire(ptl);		/* for sparse, which does not know follow_pte() */
	leaf->pfn = pte_pfn(*pte);
	leaf->write = pte_write(*pte);
	leaf->cache = pfnmap_cache(pte_pgprot(*pte));
	pte_unmap_unlock(pte, ptl);
	return 0;
#endif
}

/* mmap_lock held. -EAGAIN if it had to be dropped. */
static inline int pfnmap_lookup(struct vm_area_struct *vma, unsigned long hva, bool write, struct ept_leaf *leaf)
{
	bool unlocked = false;
	int ret = pfnmap_try(vma, hva, leaf);

	leaf->level = EPT_4K;
	if (!ret && (leaf->write || !write))
		return 0;
	ret = fixup_user_fault(vma->vm_mm, hva, write ? FAULT_FLAG_WRITE : 0, &unlocked);
	if (ret)
		return ret;
	if (unlocked)
		return -EAGAIN;
	ret = pfnmap_try(vma, hva, leaf);
	return ret ? ret : leaf->write || !write ? 0 : -EFAULT;
}

#endif /* DUNE_PFNMAP_H */
