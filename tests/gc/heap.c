// SPDX-License-Identifier: GPL-2.0
/* The heap without a collector: classes, cells, large objects, sweeping, growth. */
#include "heap.h"
#include "tap.h"
#include "track.h"
#include "notes.h"
#include <sys/mman.h>

#define HEAP (32UL << 20)

static void test_classes(void)
{
	int wrong = 0, far = 0;

	for (size_t size = 1; size <= SMALL_MAX; size++) {
		uint32_t cell = heap_class_size(heap_class(size));

		wrong += cell < size || cell % 16;
		far += heap_class(size) && heap_class_size(heap_class(size) - 1) >= size;
	}
	ok(!wrong && !far, "each size has the smallest class that holds it (%d, %d wrong)", wrong, far);
	wrong = 0;
	for (int c = 0; c < CLASSES; c++) {
		struct block b = { .inverse = heap_class_inverse(c) };

		for (uint32_t offset = 0; offset < BLOCK_SIZE; offset++)
			wrong += cell_of(&b, offset) != offset / heap_class_size(c);
	}
	ok(!wrong, "an offset's cell, without a division, is right for all sizes (%d wrong)", wrong);
}

static uintptr_t take(struct cache *c)
{
	uintptr_t p;

	if (!c->mask && !cache_claim(c))
		return 0;
	p = c->base + (uintptr_t)__builtin_ctzll(c->mask) * c->size;
	c->mask &= c->mask - 1;
	return p;
}

static void test_cells(int class)
{
	struct cache c = { .block = NO_BLOCK };
	uint32_t size = heap_class_size(class), n = 0, wrong = 0, kept = 0;
	uintptr_t p, first;
	struct object o = { 0 };

	heap_refill(&c, class, false);
	for (first = p = take(&c); p; p = take(&c), n++) {
		wrong += !heap_find(p, &o) || o.start != p || o.size != size;
		wrong += !heap_find(p + size - 1, &o) || o.start != p;
		for (uint32_t i = 0; i < size; i++)
			wrong += ((char *)p)[i] != 0;
		memset((void *)p, 0xff, size);
		/* every third lives */
		if (n % 3 == 0) {
			heap.mark[o.block][o.cell / 64] |= 1ULL << o.cell % 64;
			kept++;
		}
	}
	ok(n == BLOCK_SIZE / size && !wrong, "%u bytes: %u cells, zeroed and found (%u wrong)", size, n, wrong);
	cache_retire(&c);
	sweep_reset();
	heap_refill(&c, class, false);
	for (p = take(&c), n = 0; p && (p & ~(BLOCK_SIZE - 1)) == (first & ~(BLOCK_SIZE - 1)); p = take(&c), n++) {
		heap_find(p, &o);
		wrong += o.cell % 3 == 0;
		for (uint32_t i = 0; i < size; i++)
			wrong += ((char *)p)[i] != 0;
	}
	ok(n + kept == BLOCK_SIZE / size && !wrong, "swept: those not marked are free and zero again, no others (%u)", n);
	cache_retire(&c);
}

static void test_retire(void)
{
	struct cache c = { .block = NO_BLOCK };
	uintptr_t p, q;
	struct object o;

	heap.phase = PHASE_MARK;
	heap_refill(&c, heap_class(64), false);
	p = take(&c);
	q = p + 64;
	ok(heap_find(p, &o) && !bit_get(heap.mark[o.block], o.cell), "what is allocated while marking is not marked");
	ok(heap_find(q, &o), "what a cache has claimed is found");
	/* A word that looks like a pointer to it marked it. */
	heap.mark[o.block][o.cell / 64] |= 1ULL << o.cell % 64;
	cache_retire(&c);
	ok(heap_find(p, &o) && !heap_find(q, &o) && !bit_get(heap.mark[o.block], o.cell),
	   "what a cache had left is free and not marked, what it gave stays");
	heap.phase = PHASE_IDLE;
	memset(heap.mark[0], 0, heap.nr * sizeof(heap.mark[0]));
	sweep_reset();
	sweep_some(UINT32_MAX);
	ok_eq(heap.nr_free, heap.nr, "nothing marked: after a sweep all blocks are free");
}

static void test_large(void)
{
	char *a = heap_large(100000, false), *b = heap_large(5UL << 20, true);
	struct object o;
	uint32_t free = heap.nr_free;

	ok(heap_find((uintptr_t)a + 99999, &o) && o.start == (uintptr_t)a && o.size == 100000 && !o.leaf, "a large object, from its end");
	ok(heap_find((uintptr_t)b + (3UL << 20), &o) && o.start == (uintptr_t)b && o.leaf, "a larger one, from its middle");
	memset(b, 0xff, 5UL << 20);
	heap.mark[(a - (char *)heap.lo) >> BLOCK_SHIFT][0] = 1;
	sweep_reset();
	sweep_some(UINT32_MAX);
	ok(heap_find((uintptr_t)a, &o) && !heap_find((uintptr_t)b, &o) && !heap_find((uintptr_t)b + 40000, &o) &&
	   heap.nr_free == free + (5UL << 20) / BLOCK_SIZE, "the one that is not marked is free");
	b = heap_large(5UL << 20, true);
	ok(b && !b[0] && !b[4000000], "and comes again zeroed");
	ok(!heap_large(HEAP, false), "more than the heap: NULL");
	sweep_reset();
	sweep_some(UINT32_MAX);
}

static void test_shrink(void)
{
	uint32_t nr = heap.nr;
	uintptr_t top = heap.top;
	struct object o;
	char *p;

	heap.trigger = 0;
	heap_shrink();
	ok(heap.nr < nr && heap.top < top && heap.nr_free == heap.nr, "free chunks at the top are given back: %u blocks of %u", heap.nr, nr);
	ok(!heap_find(top - 100, &o), "and nothing is found there");
	p = heap_large(20UL << 20, false);
	ok(p && !p[(20UL << 20) - 1] && heap.top > top - CHUNK_SIZE, "it grows again, zeroed");
	ok(!heap_find(0, &o) && !heap_find(heap.limit, &o) && !heap_find(heap.lo - 1, &o), "nothing outside is an object");
}

int main(void)
{
	track = track_find("none");
	if (heap_init(HEAP, false))
		bail("no heap");
	test_classes();
	for (int c = 0; c < CLASSES; c += 5)
		test_cells(c);
	heap.phase = PHASE_IDLE;
	test_retire();
	test_large();
	test_shrink();
	return tap_done();
}
