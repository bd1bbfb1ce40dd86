// SPDX-License-Identifier: GPL-2.0
/* Ranges that the kernel writes on a thread's behalf: notes.h. */
#include "notes.h"
#include <sys/mman.h>

#define PAGE_SHIFT	12

__thread struct notes *notes_mine;
uintptr_t notes_lo, notes_hi;
uint8_t *notes_page;

static struct notes *pool;	/* not in a data segment, where what is noted would be roots */
static uint8_t some;		/* a byte of notes_page may be set */
static uint8_t anywhere;	/* a call ended that may have written anywhere */

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

struct notes *notes_take(void)
{
	for (int i = 0; pool && i < NOTES_THREADS; i++) {
		uint32_t no = 0;

		if (__atomic_compare_exchange_n(&pool[i].used, &no, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return &pool[i];
	}
	return NULL;
}

void notes_give(struct notes *n)
{
	notes_drop(n);
	__atomic_store_n(&n->used, 0, __ATOMIC_RELEASE);
}

void notes_lost(void)
{
	__atomic_store_n(&anywhere, 1, __ATOMIC_RELEASE);
}

static size_t first_page(uintptr_t start) { return (start - notes_lo) >> PAGE_SHIFT; }

static void note_pages(uint8_t *page, uintptr_t start, uintptr_t end)
{
	for (size_t p = first_page(start); p <= first_page(end - 1); p++)
		__atomic_store_n(&page[p], 1, __ATOMIC_RELEASE);
}

void notes_page_add(uintptr_t start, size_t len)
{
	uintptr_t end = start + len;

	if (!len || start < notes_lo || end > notes_hi)
		return;
	note_pages(notes_page, start, end);
	/* Last: whoever takes it finds the bytes. */
	__atomic_store_n(&some, 1, __ATOMIC_RELEASE);
}

void notes_drop(struct notes *n)
{
	if (n->all)
		__atomic_store_n(&anywhere, 1, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < n->nr; i++)
		notes_page_add(n->range[i].start, n->range[i].end - n->range[i].start);
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
	if (start < notes_lo)
		start = notes_lo;
	if (end > notes_hi)
		end = notes_hi;
	if (start >= end)
		return;
	if (n->nr == NOTES_MAX) {
		notes_any(n);
		return;
	}
	n->range[n->nr].start = start;
	n->range[n->nr].end = end;
	__atomic_store_n(&n->nr, n->nr + 1, __ATOMIC_RELEASE);
}

static bool collect_ranges(uint8_t *page, size_t pages)
{
	bool any = false;

	for (struct notes *n = pool; n && n < pool + NOTES_THREADS; n++) {
		uint32_t nr = __atomic_load_n(&n->nr, __ATOMIC_ACQUIRE);

		any |= __atomic_load_n(&n->all, __ATOMIC_ACQUIRE);
		for (uint32_t i = 0; i < nr; i++) {
			uintptr_t end = n->range[i].end, top = notes_lo + (pages << PAGE_SHIFT);

			/* It is being replaced: its pages were noted before, and are looked at after. */
			if (end > top)
				end = top;
			if (n->range[i].start < end)
				note_pages(page, n->range[i].start, end);
		}
	}
	return any;
}

void notes_ranges(uint8_t *page, size_t pages)
{
	collect_ranges(page, pages);
}

static void collect_eight(uint8_t *page, size_t first)
{
	for (size_t p = first; p < first + 8; p++)
		if (__atomic_load_n(&notes_page[p], __ATOMIC_RELAXED) &&
		    __atomic_exchange_n(&notes_page[p], 0, __ATOMIC_ACQUIRE))
			page[p] = 1;
}

/* Most are zero: eight are looked at together. @first and @pages are multiples of it. */
bool notes_collect(uint8_t *page, size_t first, size_t pages)
{
	bool any = collect_ranges(page, pages);

	if (__atomic_exchange_n(&some, 0, __ATOMIC_ACQ_REL))
		for (size_t p = first; p < pages; p += 8)
			if (__atomic_load_n((const uint64_t *)&notes_page[p], __ATOMIC_RELAXED))
				collect_eight(page, p);
	return __atomic_exchange_n(&anywhere, 0, __ATOMIC_ACQ_REL) || any;
}

void notes_clear(size_t pages)
{
	__atomic_store_n(&anywhere, 0, __ATOMIC_RELEASE);
	for (size_t p = 0; __atomic_load_n(&some, __ATOMIC_ACQUIRE) && p < pages; p++)
		if (notes_page[p])
			__atomic_store_n(&notes_page[p], 0, __ATOMIC_RELAXED);
}
