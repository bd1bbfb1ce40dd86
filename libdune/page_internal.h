/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The page pool, as the page tables see it: what <dune/pgtable.h> has, and this. */
#ifndef DUNE_PAGE_INTERNAL_H
#define DUNE_PAGE_INTERNAL_H

#include "pgtable_internal.h"

#define DUNE_PAGE_SIZE		4096UL
/*
 * Of 4 KiB, and aligned as a whole, so one frame holds them all. The runtime needs
 * few, and is a guest in the program's address space, which may be limited: 16 MiB.
 */
#ifdef DUNE_RUNTIME
#define DUNE_POOL_PAGES		(1U << 12)
#else
#define DUNE_POOL_PAGES		(1U << 18)
#endif

/* Where the pool is, for process and CPU. Constant after dune_page_init(). */
extern uintptr_t dune_pool_base;
extern uint64_t dune_pool_gpa;

static inline uint64_t dune_page_gpa(const void *page)
{
	return (uintptr_t)page - dune_pool_base + dune_pool_gpa;
}

static inline void *dune_page_at(uint64_t gpa)
{
	return (void *)(uintptr_t)(gpa - dune_pool_gpa + dune_pool_base);
}

/* The pool's book-keeping, which is a mapping of its own. */
#define DUNE_SLOTS_SIZE		(DUNE_POOL_PAGES * sizeof(uint32_t))
const uint32_t *dune_page_slots(void);

/* Users of a page. */
unsigned int dune_page_count(const void *page);

/*
 * One user less. True: that was the last one, and the page, which is not freed, is the
 * caller's to put on a list. (dune_page_put() is this and an immediate free.)
 */
bool dune_page_unref(void *page);

/*
 * Pages without users, on their way to the pool. The links are beside the
 * pages: a CPU may still read the pages as tables.
 */
struct dune_page_list {
	uint32_t first;		/* page number plus one; 0: the end */
	uint32_t length;
};

void dune_page_list_add(struct dune_page_list *list, void *page);
void *dune_page_list_take(struct dune_page_list *list);	/* NULL: empty */
void dune_page_list_free(struct dune_page_list *list);

#endif /* DUNE_PAGE_INTERNAL_H */
