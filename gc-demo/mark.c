// SPDX-License-Identifier: GPL-2.0
/* Marking. An object is on the stack once at most, so the stack's size is known. */
#include "mark.h"
#include "stats.h"
#include <emmintrin.h>
#include <string.h>
#include <sys/mman.h>

#define STEP	(16UL << 10)

struct todo { uintptr_t start; size_t size; };

static struct todo *stack, *top;
static int heap_shift;
void (*mark_progress)(void);

int mark_init(void)
{
	size_t len = (heap.limit - heap.lo) / CELL_MIN * sizeof(struct todo);

	for (heap_shift = 21; heap.lo >> heap_shift != (heap.limit - 1) >> heap_shift; heap_shift++)
		;
	stack = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	top = stack;
	return stack == MAP_FAILED ? -1 : 0;
}

/* True: it was not marked before. Nobody else sets marks; others clear some in the same word. */
static inline bool set_mark(uint32_t block, uint32_t cell)
{
	uint64_t bit = 1ULL << cell % 64, *word = &heap.mark[block][cell / 64];

	if (__atomic_load_n(word, __ATOMIC_RELAXED) & bit)
		return false;
	__atomic_or_fetch(word, bit, __ATOMIC_RELAXED);
	return true;
}

/* What the marker does for each word. @at: where its stack ends now. */
static inline __attribute__((always_inline)) struct todo *mark_one(uintptr_t p, struct todo *at)
{
	struct object o;

	if (p - heap.lo < heap.size && heap_find(p, &o) && set_mark(o.block, o.cell) && !o.leaf)
		*at++ = (struct todo){ o.start, o.size };
	return at;
}

void mark_word(uintptr_t p)
{
	top = mark_one(p, top);
}

static inline __attribute__((always_inline)) void mark_words(uintptr_t start, uintptr_t end)
{
	struct todo *at = top;

	for (uintptr_t p = start; p + 8 <= end; p += 8)
		at = mark_one(__atomic_load_n((uintptr_t *)p, __ATOMIC_RELAXED), at);
	top = at;
}

/*
 * Does any of eight words look like an address in the heap? Compared are 32 bits from bit heap_shift on, in which all of
 * the heap's addresses are the same. Half of a large range is nothing but zeroes and numbers.
 */
static inline bool any_of_eight(uintptr_t p, __m128i shift, __m128i like)
{
	const __m128i *w = (const __m128i *)p;
	__m128i found = _mm_setzero_si128();

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		found = _mm_or_si128(found, _mm_cmpeq_epi32(_mm_srl_epi64(_mm_loadu_si128(w + i), shift), like));
	return _mm_movemask_epi8(found);
}

static uintptr_t mark_eights(uintptr_t start, uintptr_t end)
{
	__m128i shift = _mm_cvtsi32_si128(heap_shift), like = _mm_set1_epi32((int)(heap.lo >> heap_shift));
	uintptr_t p = start;

	for (; p + 64 <= end; p += 64)
		if (any_of_eight(p, shift, like))
			mark_words(p, p + 64);
	return p;
}

void mark_range(uintptr_t start, uintptr_t end)
{
	start = (start + 7) & ~7UL;
	stats.scanned_bytes += end - start;
	if (start + 64 <= end)
		start = mark_eights(start, end);
	mark_words(start, end);
}

bool mark_some(size_t bytes)
{
	uint64_t before = stats.scanned_bytes;

	while (top > stack && stats.scanned_bytes - before < bytes) {
		struct todo t = *--top;

		/* most are: without a call */
		if (t.size < 64) {
			stats.scanned_bytes += t.size;
			mark_words(t.start, t.start + t.size);
		} else {
			mark_range(t.start, t.start + t.size);
		}
	}
	return top > stack;
}

void mark_drain(void)
{
	while (mark_some(STEP))
		mark_progress();
}

/* ---- Again, by pages ------------------------------------------------------------------ */

static void mark_part(uintptr_t start, size_t size, uintptr_t page)
{
	uintptr_t end = start + size;

	if (start < page)
		start = page;
	if (end > page + PAGE_SIZE)
		end = page + PAGE_SIZE;
	mark_range(start, end);
}

static void mark_page_small(uint32_t i, const struct block *b, uintptr_t page)
{
	uintptr_t base = block_address(i);
	uint32_t last = cell_of(b, page + PAGE_SIZE - 1 - base);

	if (last >= b->cells)
		last = b->cells - 1;
	for (uint32_t c = cell_of(b, page - base); c <= last; c++) {
		uint64_t rest = __atomic_load_n(&heap.mark[i][c / 64], __ATOMIC_RELAXED) >> c % 64;

		/* most pages are new, and have none */
		c += rest ? (uint32_t)__builtin_ctzll(rest) : 63 - c % 64;
		if (rest && c <= last)
			mark_part(base + (uintptr_t)c * b->size, b->size, page);
	}
}

/* What is not marked will be looked into when it is: nothing of it was read yet. */
void mark_page(uintptr_t page)
{
	uint32_t i = (page - heap.lo) >> BLOCK_SHIFT;
	struct block *b = &heap.block[i];
	uint8_t state = __atomic_load_n(&b->state, __ATOMIC_ACQUIRE);

	stats.rescanned++;
	if (state == BLOCK_REST) {
		i -= b->run;
		b = &heap.block[i];
	}
	if (state == BLOCK_FREE || b->leaf)
		return;
	if (state == BLOCK_SMALL)
		mark_page_small(i, b, page);
	else if (bit_get(heap.mark[i], 0) && page < block_address(i) + b->bytes)
		mark_part(block_address(i), b->bytes, page);
}

void mark_forget(void)
{
	top = stack;
	for (uint32_t b = 0; b < heap.nr; b++)
		memset(heap.mark[b], 0, sizeof(heap.mark[b]));
}
