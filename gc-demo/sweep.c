// SPDX-License-Identifier: GPL-2.0
/*
 * Lazy sweeping: a block is swept when a thread needs cells of its class, or by the collector's
 * thread when nothing else is to do; all of them before the next cycle begins.
 */
#include "heap.h"
#include "stats.h"
#include <string.h>

#define POISON	0xdb

static void free_blocks(uint32_t first, uint32_t n)
{
	for (uint32_t b = first; b < first + n; b++) {
		heap.block[b].epoch = heap.epoch;
		heap.block[b].clean = 0;
		__atomic_store_n(&heap.block[b].state, BLOCK_FREE, __ATOMIC_RELEASE);
	}
	heap.nr_free += n;
}

/* With --verify, who uses what was freed finds no old value there. */
static void poison(uint32_t i, const struct block *b)
{
	for (uint32_t c = 0; c < b->cells; c++)
		if (bit_get(heap.alloc[i], c) && !bit_get(heap.mark[i], c))
			memset((void *)(block_address(i) + (uintptr_t)c * b->size), POISON, b->size);
}

static uint32_t sweep_small(uint32_t i, struct block *b)
{
	uint32_t live = 0;

	if (heap.verify)
		poison(i, b);
	for (uint32_t w = 0; w < (b->cells + 63) / 64; w++) {
		heap.alloc[i][w] = heap.mark[i][w];
		if (!heap.generations)
			heap.mark[i][w] = 0;
		live += __builtin_popcountll(heap.alloc[i][w]);
	}
	b->clean = 0;
	return live;
}

/* Afterwards it is free, full or (true) has free cells. */
static bool sweep(uint32_t i)
{
	struct block *b = &heap.block[i];
	uint32_t live;

	b->epoch = heap.epoch;
	switch (b->state) {
	case BLOCK_SMALL:
		live = sweep_small(i, b);
		heap.live += (size_t)live * b->size;
		if (!live)
			free_blocks(i, 1);
		return live && live < b->cells;
	case BLOCK_LARGE:
		if (heap.mark[i][0]) {
			if (!heap.generations)
				heap.mark[i][0] = 0;
			heap.live += (size_t)b->run * BLOCK_SIZE;
		} else {
			heap.alloc[i][0] = 0;
			free_blocks(i, b->run);
		}
		return false;
	default:
		return false;
	}
}

void sweep_block(uint32_t i)
{
	struct block *b = &heap.block[i];

	if (!sweep(i))
		return;
	b->next = heap.partial[b->class][b->leaf];
	heap.partial[b->class][b->leaf] = i;
}

void sweep_reset(void)
{
	memset(heap.partial, 0xff, sizeof(heap.partial));
	memset(heap.cursor, 0, sizeof(heap.cursor));
	heap.sweep_cursor = 0;
	heap.live = 0;
	heap.epoch++;
}

uint32_t sweep_for(int class, bool leaf)
{
	uint32_t i = heap.cursor[class][leaf];

	for (; i < heap.nr; i++) {
		struct block *b = &heap.block[i];

		if (b->epoch != heap.epoch && b->state == BLOCK_SMALL && b->class == class && b->leaf == leaf && sweep(i))
			break;
	}
	heap.cursor[class][leaf] = i < heap.nr ? i + 1 : i;
	return i < heap.nr ? i : NO_BLOCK;
}

bool sweep_some(uint32_t blocks)
{
	for (; heap.sweep_cursor < heap.nr; heap.sweep_cursor++) {
		if (!blocks--)
			return true;
		if (heap.block[heap.sweep_cursor].epoch != heap.epoch)
			sweep_block(heap.sweep_cursor);
	}
	return false;
}
