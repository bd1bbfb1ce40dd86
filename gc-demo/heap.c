// SPDX-License-Identifier: GPL-2.0
/* Blocks, size classes, growth. heap.h has the picture. */
#include "heap.h"
#include "stats.h"
#include "track.h"
#include <string.h>
#include <sys/mman.h>

#define GIB		(1UL << 30)
#define POPULATE	4	/* blocks; a chunk is a multiple of it */

struct heap heap;
pthread_mutex_t gc_lock = PTHREAD_MUTEX_INITIALIZER;

static const uint16_t sizes[CLASSES] = {
	16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512,
	640, 768, 896, 1024, 1360, 1632, 2048, 2720, 3264, 4096, 5456, 8192,
};
static uint8_t class_of[SMALL_MAX / CELL_MIN + 1];

int heap_class(size_t size)			{ return class_of[(size + CELL_MIN - 1) / CELL_MIN]; }
uint32_t heap_class_size(int class)		{ return sizes[class]; }
uint32_t heap_class_inverse(int class)		{ return ((1UL << 32) + sizes[class] - 1) / sizes[class]; }

static void *reserve(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* From a GiB's start on: in Dune mode the fewest of the default root's pages are split. */
static uintptr_t reserve_aligned(size_t len)
{
	char *p = reserve(len + GIB), *start;

	if (!p)
		return 0;
	start = (char *)(((uintptr_t)p + GIB - 1) & ~(GIB - 1));
	if (start > p)
		munmap(p, start - p);
	munmap(start + len, p + GIB - start);
	return (uintptr_t)start;
}

int heap_init(size_t max, bool verify)
{
	size_t nr = max >> BLOCK_SHIFT;
	int class = 0;

	for (size_t i = 0; i <= SMALL_MAX / CELL_MIN; i++) {
		if (i * CELL_MIN > sizes[class])
			class++;
		class_of[i] = class;
	}
	heap.lo = reserve_aligned(max);
	heap.block = reserve(nr * sizeof(*heap.block));
	heap.alloc = reserve(nr * sizeof(*heap.alloc));
	heap.mark = reserve(nr * sizeof(*heap.mark));
	if (!heap.lo || !heap.block || !heap.alloc || !heap.mark)
		return -1;
	/* One bit, one fault, one page: what is compared is the page of the MMU. */
	madvise((void *)heap.lo, max, MADV_NOHUGEPAGE);
	heap.top = heap.lo;
	heap.limit = heap.lo + max;
	heap.size = max;
	heap.verify = verify;
	memset(heap.partial, 0xff, sizeof(heap.partial));
	return 0;
}

/* ---- Blocks ---------------------------------------------------------------------- */

int heap_grow(size_t chunks)
{
	size_t len = chunks * CHUNK_SIZE;

	if (len > heap.limit - heap.top)
		return -1;
	for (uint32_t b = heap.nr; b < heap.nr + chunks * CHUNK_BLOCKS; b++)
		heap.block[b] = (struct block){ .state = BLOCK_FREE, .clean = 1 };
	track_extend(heap.top, len);
	heap.nr += chunks * CHUNK_BLOCKS;
	heap.nr_free += chunks * CHUNK_BLOCKS;
	__atomic_store_n(&heap.top, heap.top + len, __ATOMIC_RELEASE);
	return 0;
}

static bool chunk_is_free(uint32_t first)
{
	for (uint32_t b = first; b < first + CHUNK_BLOCKS; b++)
		if (heap.block[b].state != BLOCK_FREE)
			return false;
	return true;
}

/*
 * Give back whole chunks that are free at the top, but keep as much room as is allocated until
 * the next cycle.
 */
void heap_shrink(void)
{
	size_t keep = heap.trigger / BLOCK_SIZE + CHUNK_BLOCKS;

	while (heap.nr > CHUNK_BLOCKS && heap.nr_free > keep + CHUNK_BLOCKS &&
	       chunk_is_free(heap.nr - CHUNK_BLOCKS)) {
		uintptr_t top = heap.top - CHUNK_SIZE;

		__atomic_store_n(&heap.top, top, __ATOMIC_RELEASE);
		heap.nr -= CHUNK_BLOCKS;
		heap.nr_free -= CHUNK_BLOCKS;
		track_retire(top, CHUNK_SIZE);
		madvise((void *)top, CHUNK_SIZE, MADV_DONTNEED);
		stats.shrunk++;
	}
	if (heap.free_hint >= heap.nr)
		heap.free_hint = 0;
	if (heap.populated > heap.nr)
		heap.populated = heap.nr;
}

static uint32_t run_from(uint32_t start, uint32_t end, uint32_t n)
{
	uint32_t have = 0;

	for (uint32_t b = start; b < end; b++) {
		have = heap.block[b].state == BLOCK_FREE ? have + 1 : 0;
		if (have == n)
			return b + 1 - n;
	}
	return NO_BLOCK;
}

static uint32_t find_run(uint32_t n)
{
	uint32_t b = NO_BLOCK;

	if (heap.nr_free >= n)
		b = run_from(heap.free_hint, heap.nr, n);
	if (b == NO_BLOCK && heap.nr_free >= n)
		b = run_from(0, heap.nr, n);
	if (b == NO_BLOCK && !heap_grow((n + CHUNK_BLOCKS - 1) / CHUNK_BLOCKS))
		b = run_from(heap.nr - (n + CHUNK_BLOCKS - 1) / CHUNK_BLOCKS * CHUNK_BLOCKS, heap.nr, n);
	if (b != NO_BLOCK) {
		heap.free_hint = b + n < heap.nr ? b + n : 0;
		heap.nr_free -= n;
	}
	return b;
}

/* A marker may look at any moment: what a state means is there before the state. */
static void set_state(struct block *b, enum block_state state)
{
	__atomic_store_n(&b->state, state, __ATOMIC_RELEASE);
}

/* Not yet in this file's system headers everywhere; Linux 5.14. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/*
 * All pages of these blocks will be written, soon: one call in place of a fault for each, and for
 * some more blocks, since those behind come next.
 */
static void populate(uint32_t first, uint32_t n)
{
	static bool refused;
	uint32_t end = (first + n + POPULATE - 1) & ~(POPULATE - 1);

	if (refused || first + n <= heap.populated)
		return;
	if (first < heap.populated)
		first = heap.populated;
	refused = madvise((void *)block_address(first), (size_t)(end - first) * BLOCK_SIZE, MADV_POPULATE_WRITE);
	heap.populated = end;
}

static uint32_t small_new(int class, bool leaf)
{
	uint32_t i = find_run(1);
	struct block *b;

	if (i == NO_BLOCK)
		return i;
	populate(i, 1);
	b = &heap.block[i];
	b->class = class;
	b->leaf = leaf;
	b->size = sizes[class];
	b->cells = BLOCK_SIZE / b->size;
	b->inverse = heap_class_inverse(class);
	b->epoch = heap.epoch;
	memset(heap.alloc[i], 0, sizeof(heap.alloc[i]));
	memset(heap.mark[i], 0, sizeof(heap.mark[i]));
	set_state(b, BLOCK_SMALL);
	return i;
}

static void clear_run(uint32_t first, uint32_t n)
{
	for (uint32_t b = first; b < first + n; b++) {
		if (!heap.block[b].clean)
			memset((void *)block_address(b), 0, BLOCK_SIZE);
		heap.block[b].clean = 0;
	}
}

void *heap_large(size_t size, bool leaf)
{
	uint32_t n = (size + BLOCK_SIZE - 1) >> BLOCK_SHIFT, i = find_run(n);
	struct block *b;

	if (i == NO_BLOCK)
		return NULL;
	populate(i, n);
	clear_run(i, n);
	b = &heap.block[i];
	b->leaf = leaf;
	b->bytes = size;
	b->run = n;
	b->epoch = heap.epoch;
	heap.alloc[i][0] = 1;
	heap.mark[i][0] = 0;
	set_state(b, BLOCK_LARGE);
	for (uint32_t k = 1; k < n; k++) {
		heap.block[i + k].run = k;
		heap.block[i + k].epoch = heap.epoch;
		set_state(&heap.block[i + k], BLOCK_REST);
	}
	heap.allocated += (size_t)n * BLOCK_SIZE;
	return (void *)block_address(i);
}

/* ---- A thread's cache ------------------------------------------------------------------ */

static void cells_clear(struct cache *c, uint64_t mask)
{
	while (mask) {
		unsigned int first = __builtin_ctzll(mask);
		uint64_t rest = ~(mask >> first);
		unsigned int n = rest ? __builtin_ctzll(rest) : 64;

		memset((void *)(c->base + (uintptr_t)first * c->size), 0, (size_t)n * c->size);
		mask &= n + first == 64 ? 0 : ~0ULL << (n + first);
	}
}

bool cache_claim(struct cache *c)
{
	struct block *b = &heap.block[c->block];
	uint32_t words = (b->cells + 63) / 64;

	for (; c->word < words; c->word++) {
		uint32_t w = c->word, left = b->cells - w * 64;
		uint64_t valid = left >= 64 ? ~0ULL : (1ULL << left) - 1;
		uint64_t free = ~heap.alloc[c->block][w] & valid;

		if (!free)
			continue;
		c->base = block_address(c->block) + (uintptr_t)w * 64 * c->size;
		if (!b->clean)
			cells_clear(c, free);
		__atomic_store_n(&heap.alloc[c->block][w], heap.alloc[c->block][w] | free, __ATOMIC_RELEASE);
		c->mask = free;
		c->bytes += __builtin_popcountll(free) * c->size;
		c->word++;
		return true;
	}
	return false;
}

void cache_retire(struct cache *c)
{
	if (c->block == NO_BLOCK)
		return;
	if (c->mask) {
		uint32_t w = c->word - 1;

		heap.alloc[c->block][w] &= ~c->mask;
		__atomic_fetch_and(&heap.mark[c->block][w], ~c->mask, __ATOMIC_RELAXED);
		c->bytes -= __builtin_popcountll(c->mask) * c->size;
		c->mask = 0;
	}
	heap.allocated += c->bytes;
	/* Cells of it were handed out and given back: their zeroes are not sure any more. */
	heap.block[c->block].clean = 0;
	heap.block[c->block].owned = 0;
	c->block = NO_BLOCK;
}

static uint32_t pop_partial(int class, bool leaf)
{
	uint32_t b = heap.partial[class][leaf];

	if (b != NO_BLOCK)
		heap.partial[class][leaf] = heap.block[b].next;
	return b;
}

bool heap_refill(struct cache *c, int class, bool leaf)
{
	uint32_t b;

	cache_retire(c);
	b = pop_partial(class, leaf);
	if (b == NO_BLOCK)
		b = sweep_for(class, leaf);
	if (b == NO_BLOCK)
		b = small_new(class, leaf);
	if (b == NO_BLOCK)
		return false;
	heap.block[b].owned = 1;
	*c = (struct cache){ .block = b, .size = sizes[class] };
	return cache_claim(c);
}
