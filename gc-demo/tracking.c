// SPDX-License-Identifier: GPL-2.0
/* Write tracking measured without a collector: arm, write, collect. */
#include "tracking.h"
#include "heap.h"
#include "result.h"
#include "stats.h"
#include "track.h"
#include <stdlib.h>

#define SAMPLE_PAGES	64
#define ROUNDS		9

static size_t found;

static void count(uintptr_t page)
{
	found++;
}

/* One store in each @step'th page. */
static uint64_t write_pages(volatile char *p, size_t pages, size_t step)
{
	uint64_t t = ticks();

	for (size_t i = 0; i < pages; i += step)
		p[i * PAGE_SIZE] = i;
	return ticks() - t;
}

/* The backends lock when they have to: gc_lock must not be held; nothing is allocated meanwhile. */
static void arm(void)
{
	if (track->arm)
		track->arm(heap.lo, heap_pages() << PAGE_SHIFT);
}

uint64_t tracking_first_write(void)
{
	volatile char *p = gc_alloc_leaf(SAMPLE_PAGES * PAGE_SIZE);
	uint64_t first, second;

	if (!p || !track->arm)
		return 0;
	write_pages(p, SAMPLE_PAGES, 1);
	arm();
	first = write_pages(p, SAMPLE_PAGES, 1);
	second = write_pages(p, SAMPLE_PAGES, 1);
	return first > second ? (first - second) / SAMPLE_PAGES : 0;
}

struct round { uint64_t arm, writes, again, collect, found, exits; };

static void one_round(struct round *r, volatile char *p, size_t pages, size_t step)
{
	uint64_t exits = stats_exits(), t = ticks();

	arm();
	r->arm = ticks() - t;
	r->writes = write_pages(p, pages, step);
	r->again = write_pages(p, pages, step);
	found = 0;
	t = ticks();
	if (track->collect)
		track->collect(heap.lo, heap_pages() << PAGE_SHIFT, false, count);
	r->collect = ticks() - t;
	r->found = found;
	r->exits = stats_exits() - exits;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(const struct round *r, size_t member)
{
	uint64_t v[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		v[i] = *(const uint64_t *)((const char *)&r[i] + member);
	qsort(v, ROUNDS, sizeof(v[0]), by_value);
	return v[ROUNDS / 2];
}

#define MEDIAN(r, member) median(r, offsetof(struct round, member))

int tracking_measure(struct json_object *o, unsigned int permille)
{
	size_t pages = ((heap.limit - heap.lo) - CHUNK_SIZE) >> PAGE_SHIFT, step = 1000 / permille, dirty = (pages + step - 1) / step;
	volatile char *p = gc_alloc_leaf(pages << PAGE_SHIFT);
	struct round r[ROUNDS];
	uint64_t first, cycle;

	if (!p) {
		fprintf(stderr, "gc-demo: --tracking: no memory for a heap of %zu MiB\n", pages >> 8);
		return 1;
	}
	write_pages(p, pages, 1);
	for (int i = 0; i < ROUNDS; i++)
		one_round(&r[i], p, pages, step);
	first = MEDIAN(r, writes) - MEDIAN(r, again);
	if (MEDIAN(r, writes) < MEDIAN(r, again))
		first = 0;
	cycle = MEDIAN(r, arm) + first + MEDIAN(r, collect);
	result_add(o, "pages", pages);
	result_add(o, "dirty", dirty);
	result_add(o, "found", MEDIAN(r, found));
	result_add(o, "arm", MEDIAN(r, arm));
	result_add(o, "first_writes", first);
	result_add(o, "collect", MEDIAN(r, collect));
	result_add(o, "cycle", cycle);
	result_add(o, "write_per_page", first / dirty);
	result_add(o, "per_page", cycle / dirty);
	result_add(o, "exits", MEDIAN(r, exits));
	if (track->arm && MEDIAN(r, found) < dirty) {
		fprintf(stderr, "gc-demo: %s found %zu of %zu dirty pages\n", track->name, (size_t)MEDIAN(r, found), dirty);
		return 1;
	}
	return 0;
}
