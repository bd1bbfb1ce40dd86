// SPDX-License-Identifier: GPL-2.0
/* Ranges that the kernel writes on a thread's behalf: notes.h. */
#include "notes.h"
#include <sys/mman.h>

#define PAGE_SHIFT	12

__thread struct notes *notes_mine;

static struct notes *pool;	/* not in a data segment, where what is noted would be roots */
static uint32_t pool_used;	/* nobody ever had those behind */
static struct notes_area area[NOTES_AREAS];
static uint32_t areas;

int notes_init(void)
{
	void *p;

	if (pool)
		return 0;
	p = mmap(NULL, NOTES_THREADS * sizeof(*pool), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -1;
	pool = p;
	return 0;
}

struct notes_area *notes_watch(uintptr_t lo, uintptr_t hi, uint8_t *page)
{
	struct notes_area *a = &area[areas];

	if (areas == NOTES_AREAS)
		return NULL;
	*a = (struct notes_area){ .lo = lo, .hi = hi, .page = page };
	__atomic_store_n(&areas, areas + 1, __ATOMIC_SEQ_CST);
	return a;
}

/* Before it has ranges it is among those that are looked at. */
static void show(uint32_t upto)
{
	uint32_t used = __atomic_load_n(&pool_used, __ATOMIC_RELAXED);

	while (used < upto &&
	       !__atomic_compare_exchange_n(&pool_used, &used, upto, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
}

struct notes *notes_take(void)
{
	for (uint32_t i = 0; pool && i < NOTES_THREADS; i++) {
		uint32_t no = 0;

		if (__atomic_compare_exchange_n(&pool[i].used, &no, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
			show(i + 1);
			return &pool[i];
		}
	}
	return NULL;
}

void notes_give(struct notes *n)
{
	notes_drop(n);
	__atomic_store_n(&n->used, 0, __ATOMIC_RELEASE);
}

static uint32_t nr_areas(void) { return __atomic_load_n(&areas, __ATOMIC_ACQUIRE); }

void notes_lost(void)
{
	for (uint32_t i = 0; i < nr_areas(); i++)
		__atomic_store_n(&area[i].anywhere, 1, __ATOMIC_RELEASE);
}

/* Of pages before @hi. True: some are in the area. */
static bool note_pages(const struct notes_area *a, uint8_t *page, uintptr_t hi, uintptr_t start, uintptr_t end)
{
	if (start < a->lo)
		start = a->lo;
	if (end > hi)
		end = hi;
	if (start >= end)
		return false;
	for (size_t p = (start - a->lo) >> PAGE_SHIFT; p <= (end - 1 - a->lo) >> PAGE_SHIFT; p++)
		__atomic_store_n(&page[p], 1, __ATOMIC_RELEASE);
	return true;
}

static void note_range(uintptr_t start, uintptr_t end)
{
	for (uint32_t i = 0; i < nr_areas(); i++) {
		struct notes_area *a = &area[i];

		/* Last: whoever takes it finds the bytes. */
		if (note_pages(a, a->page, a->hi, start, end))
			__atomic_store_n(&a->some, 1, __ATOMIC_RELEASE);
	}
}

void notes_page_add(uintptr_t start, size_t len)
{
	note_range(start, start + len);
}

void notes_drop(struct notes *n)
{
	if (n->all)
		notes_lost();
	for (uint32_t i = 0; i < n->nr; i++)
		note_range(n->range[i].start, n->range[i].end);
	__atomic_store_n(&n->nr, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&n->all, false, __ATOMIC_RELEASE);
}

void notes_any(struct notes *n)
{
	__atomic_store_n(&n->all, true, __ATOMIC_RELEASE);
}

void notes_add(struct notes *n, uintptr_t start, size_t len)
{
	uintptr_t end = start + len;

	if (end < start)
		end = UINTPTR_MAX;
	if (start == end)
		return;
	if (n->nr == NOTES_MAX) {
		notes_any(n);
		return;
	}
	n->range[n->nr].start = start;
	n->range[n->nr].end = end;
	__atomic_store_n(&n->nr, n->nr + 1, __ATOMIC_RELEASE);
}

bool notes_ranges(const struct notes_area *a, uint8_t *page, size_t pages)
{
	const struct notes *end = pool + __atomic_load_n(&pool_used, __ATOMIC_ACQUIRE);
	uintptr_t hi = a->lo + (pages << PAGE_SHIFT);
	bool any = false;

	for (const struct notes *n = pool; n < end; n++) {
		uint32_t nr = __atomic_load_n(&n->nr, __ATOMIC_ACQUIRE);

		any |= __atomic_load_n(&n->all, __ATOMIC_ACQUIRE);
		/* One may be being replaced: its pages were noted before, and are looked at after. */
		for (uint32_t i = 0; i < nr; i++)
			note_pages(a, page, hi, n->range[i].start, n->range[i].end);
	}
	return any;
}

static void collect_eight(struct notes_area *a, uint8_t *page, size_t first)
{
	for (size_t p = first; p < first + 8; p++)
		if (__atomic_load_n(&a->page[p], __ATOMIC_RELAXED) &&
		    __atomic_exchange_n(&a->page[p], 0, __ATOMIC_ACQUIRE))
			page[p] = 1;
}

/* Most are zero: eight are looked at together. @first and @pages are multiples of it. */
bool notes_collect(struct notes_area *a, uint8_t *page, size_t first, size_t pages)
{
	bool any = notes_ranges(a, page, pages);

	if (__atomic_exchange_n(&a->some, 0, __ATOMIC_ACQ_REL))
		for (size_t p = first; p < pages; p += 8)
			if (__atomic_load_n((const uint64_t *)&a->page[p], __ATOMIC_RELAXED))
				collect_eight(a, page, p);
	return __atomic_exchange_n(&a->anywhere, 0, __ATOMIC_ACQ_REL) || any;
}

void notes_clear(struct notes_area *a, size_t pages)
{
	__atomic_store_n(&a->anywhere, 0, __ATOMIC_RELEASE);
	for (size_t p = 0; __atomic_load_n(&a->some, __ATOMIC_ACQUIRE) && p < pages; p++)
		if (a->page[p])
			__atomic_store_n(&a->page[p], 0, __ATOMIC_RELAXED);
}
