/* SPDX-License-Identifier: GPL-2.0 */
/* Marks of a page for Linux's aging and writing back: of pages, and in later kernels of folios only. */
#ifndef DUNE_USED_H
#define DUNE_USED_H

#include <linux/mm.h>

/* A page that can be reclaimed at all, large or not, and cannot go while this looks. */
static inline void page_mark(struct page *page, bool dirty, bool referenced)
{
#ifdef DUNE_HAVE_FOLIO
	struct folio *folio = page_folio(page);

	if (folio_test_reserved(folio))
		return;
	if (dirty && !folio_test_dirty(folio))
		folio_set_dirty(folio);
	if (referenced && !folio_test_referenced(folio))
		folio_set_referenced(folio);
#else
	page = compound_head(page);
	if (PageReserved(page))
		return;
	if (dirty && !PageDirty(page))
		SetPageDirty(page);
	if (referenced && !PageReferenced(page))
		SetPageReferenced(page);
#endif
}

#endif /* DUNE_USED_H */
