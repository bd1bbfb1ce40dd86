// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The page pool: a part of the address space, a GiB at most, reserved at once and touched page
 * by page. It is aligned, so it has one guest-physical frame, and the CPU's
 * address of a page is the process's plus a constant.
 *
 *	pool	| page 0 | page 1 | ... handed out so far | never touched ...      |
 *	slot[]	|   2    |FREE|17 | ...              fresh^                        |
 *
 * A slot holds the count of users or, with FREE set, the link to the next page of a
 * list. Links are not in the pages, because pages wait on lists while a CPU may
 * still walk them as tables.
 *
 * All is lock-free: the #PF path allocates, and it may have interrupted the
 * very thread that was allocating.
 */
#include "export.h"
#include "own.h"
#include "page_internal.h"
#include "raw.h"

#include <stddef.h>
#include <errno.h>
#include <linux/dune.h>
#include <sys/mman.h>

#define POOL_SIZE	((size_t)DUNE_POOL_PAGES * DUNE_PAGE_SIZE)

#define FREE		(1U << 31)
#define LINK_MASK	(FREE - 1)

uintptr_t dune_pool_base;
uint64_t dune_pool_gpa;

static uint32_t *slot;		/* NULL: no pool yet */
static uint32_t fresh;		/* pages from here on were never handed out and are zero */
static size_t in_use;

/*
 * The free list: number of the first page plus one, and above it a tag that every
 * change counts up. Without the tag, pop could read a link, be overtaken by pops
 * and pushes that bring the same first page back, and put an old link in.
 */
static uint64_t free_list;
#define LIST_FIRST(list)	((uint32_t)(list))
#define LIST_NEXT_TAG(list)	((((list) >> 32) + 1) << 32)

static uint32_t page_number(const void *page)
{
	uintptr_t offset = (uintptr_t)page - dune_pool_base;

	/* No page of the pool: stop here rather than spoil memory elsewhere. */
	if (!slot || offset >= POOL_SIZE || offset % DUNE_PAGE_SIZE)
		__builtin_trap();
	return (uint32_t)(offset / DUNE_PAGE_SIZE);
}

static void *page_address(uint32_t number)
{
	return (void *)(dune_pool_base + (uintptr_t)number * DUNE_PAGE_SIZE);
}

/* Not memset(): libc's uses vector registers, which belong to the interrupted code. */
static void page_clear(void *page)
{
	size_t words = DUNE_PAGE_SIZE / 8;

	__asm__ volatile("rep stosq" : "+D"(page), "+c"(words) : "a"(0) : "memory");
}

/* ---- The free list ------------------------------------------------------- */

static void free_push(uint32_t number)
{
	uint64_t old = __atomic_load_n(&free_list, __ATOMIC_RELAXED), new;

	do {
		__atomic_store_n(&slot[number], FREE | LIST_FIRST(old), __ATOMIC_RELAXED);
		new = LIST_NEXT_TAG(old) | (number + 1);
	} while (!__atomic_compare_exchange_n(&free_list, &old, new, false,
					      __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	__atomic_sub_fetch(&in_use, 1, __ATOMIC_RELAXED);
}

static void *free_pop(void)
{
	uint64_t old = __atomic_load_n(&free_list, __ATOMIC_ACQUIRE), new;
	uint32_t next;

	do {
		if (!LIST_FIRST(old))
			return NULL;
		next = __atomic_load_n(&slot[LIST_FIRST(old) - 1], __ATOMIC_RELAXED) & LINK_MASK;
		new = LIST_NEXT_TAG(old) | next;
	} while (!__atomic_compare_exchange_n(&free_list, &old, new, false,
					      __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
	return page_address(LIST_FIRST(old) - 1);
}

static void *take_fresh(void)
{
	uint32_t number = __atomic_load_n(&fresh, __ATOMIC_RELAXED);

	do {
		if (number == DUNE_POOL_PAGES)
			return NULL;
	} while (!__atomic_compare_exchange_n(&fresh, &number, number + 1, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return page_address(number);
}

/* ---- Users --------------------------------------------------------------- */

DUNE_API void *dune_page_alloc(void)
{
	void *page;

	if (!slot)
		return NULL;
	page = free_pop();
	if (page)
		page_clear(page);
	else
		page = take_fresh();
	if (!page)
		return NULL;
	__atomic_store_n(&slot[page_number(page)], 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&in_use, 1, __ATOMIC_RELAXED);
	return page;
}

/* Add to the count of a page that has users; what comes out. */
static uint32_t count_add(const void *page, int n)
{
	uint32_t *count = &slot[page_number(page)];
	uint32_t old = __atomic_load_n(count, __ATOMIC_RELAXED);

	do {
		/* Nobody's page: going on would give it to two owners. */
		if (!old || old >= FREE - 1)
			__builtin_trap();
	} while (!__atomic_compare_exchange_n(count, &old, old + (uint32_t)n, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	return old + (uint32_t)n;
}

DUNE_API void dune_page_get(void *page)
{
	count_add(page, 1);
}

bool dune_page_unref(void *page)
{
	return count_add(page, -1) == 0;
}

DUNE_API void dune_page_put(void *page)
{
	if (dune_page_unref(page))
		free_push(page_number(page));
}

unsigned int dune_page_count(const void *page)
{
	uint32_t count = __atomic_load_n(&slot[page_number(page)], __ATOMIC_RELAXED);

	return count & FREE ? 0 : count;
}

DUNE_API size_t dune_page_in_use(void)
{
	return __atomic_load_n(&in_use, __ATOMIC_RELAXED);
}

const uint32_t *dune_page_slots(void)
{
	return slot;
}

/* ---- Lists --------------------------------------------------------------- */

void dune_page_list_add(struct dune_page_list *list, void *page)
{
	uint32_t number = page_number(page);

	__atomic_store_n(&slot[number], FREE | list->first, __ATOMIC_RELAXED);
	list->first = number + 1;
	list->length++;
}

void *dune_page_list_take(struct dune_page_list *list)
{
	uint32_t number = list->first - 1;

	if (!list->first)
		return NULL;
	list->first = __atomic_load_n(&slot[number], __ATOMIC_RELAXED) & LINK_MASK;
	list->length--;
	return page_address(number);
}

void dune_page_list_free(struct dune_page_list *list)
{
	void *page;

	while ((page = dune_page_list_take(list)))
		free_push(page_number(page));
}

/* ---- Bring-up ------------------------------------------------------------ */

int dune_page_init(void)
{
	long base, slots;
	int ret;

	_Static_assert(POOL_SIZE <= 1UL << DUNE_FRAME_SHIFT, "the pool is in one frame");
	if (slot)
		return 0;
	/* At a multiple of its size, and so in one frame. */
	base = dune_own_map(POOL_SIZE, POOL_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw_failed(base))
		return base;
	ret = dune_va_to_gpa(base, &dune_pool_gpa);
	if (ret)
		goto free_pool;

	ret = -ENOMEM;
	slots = dune_own_map(DUNE_SLOTS_SIZE, 0, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw_failed(slots))
		goto free_pool;
	raw_no_huge_pages((void *)base, POOL_SIZE);
	raw_no_dump((void *)base, POOL_SIZE);
	raw_no_dump((void *)slots, DUNE_SLOTS_SIZE);
	dune_pool_base = base;
	slot = (void *)slots;
	return 0;

free_pool:
	dune_own_unmap((void *)base, POOL_SIZE);
	return ret;
}
