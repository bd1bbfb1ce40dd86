/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The heap: one range of addresses, reserved once, in blocks of 32 KiB.
 *
 *	lo              top                                limit
 *	|block|block|...|   grows and shrinks by 2 MiB -->  |
 *
 *	block     state   small: cells of one size; large: first of a run; rest: the others
 *	alloc     one bit for each cell: somebody has it
 *	mark      one bit for each cell: reached in this cycle
 *
 * Sweeping a block is: alloc = mark, mark = 0. A block is swept when its epoch is the heap's. With generations marks stay:
 * what has one is old, what has none is new since the last cycle.
 *
 * A thread allocates from blocks of its own: it claims what is free in one word of alloc
 * bits at once, and then takes cells from the mask without a lock. What is allocated while marking
 * runs is not marked: like all else it has to be reached.
 *
 * gc_lock protects all but what is said to be a thread's. Who stops the world holds it.
 */
#ifndef GC_HEAP_H
#define GC_HEAP_H

#include "gc.h"

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define BLOCK_SHIFT	15
#define BLOCK_SIZE	(1UL << BLOCK_SHIFT)
#define CHUNK_SIZE	(2UL << 20)
#define CHUNK_BLOCKS	(CHUNK_SIZE / BLOCK_SIZE)
#define CELL_MIN	16
#define SMALL_MAX	8192
#define MAP_WORDS	(BLOCK_SIZE / CELL_MIN / 64)
#define CLASSES		28
#define KINDS		2		/* with pointers; leaf */
#define NO_BLOCK	UINT32_MAX

enum block_state { BLOCK_FREE, BLOCK_SMALL, BLOCK_LARGE, BLOCK_REST };

struct block {
	uint8_t state, class, leaf;
	uint8_t owned;		/* by a thread's cache */
	uint8_t clean;		/* never written since Linux gave it: all zero */
	uint32_t size;		/* of a cell */
	uint32_t cells;
	uint32_t inverse;	/* offset * inverse >> 32 = cell */
	uint32_t epoch;
	uint32_t run;		/* large: blocks; rest: how far back the first one is */
	uint32_t next;		/* in a list of blocks with free cells */
	uint64_t bytes;		/* large: size asked for */
};

enum phase { PHASE_IDLE, PHASE_MARK };

struct heap {
	uintptr_t lo, top, limit;
	size_t size;			/* limit - lo */
	struct block *block;
	uint64_t (*alloc)[MAP_WORDS], (*mark)[MAP_WORDS];
	uint32_t nr;			/* blocks below top */
	uint32_t epoch;
	enum phase phase;
	bool closed;			/* a stop is near: who wants cells waits */
	uint32_t nr_free, free_hint;
	uint32_t populated;		/* blocks below have their memory */
	uint32_t partial[CLASSES][KINDS];
	uint32_t cursor[CLASSES][KINDS], sweep_cursor;
	size_t allocated;		/* bytes handed to caches, ever */
	size_t trigger, trigger_min, live;
	bool generations;
	bool verify;
};

extern struct heap heap;
extern pthread_mutex_t gc_lock;

struct cache {
	uint64_t mask;		/* cells claimed and not yet handed out */
	uintptr_t base;		/* address of bit 0's cell */
	uint32_t size;
	uint32_t block, word;
	uint32_t bytes;		/* claimed since it has this block */
};

static inline size_t page_of(uintptr_t p)	{ return (p - heap.lo) >> PAGE_SHIFT; }
static inline size_t heap_pages(void)
{
	return (__atomic_load_n(&heap.top, __ATOMIC_ACQUIRE) - heap.lo) >> PAGE_SHIFT;
}
static inline uintptr_t block_address(uint32_t b) { return heap.lo + ((uintptr_t)b << BLOCK_SHIFT); }
static inline uint32_t cell_of(const struct block *b, uint32_t offset)
{
	return (uint64_t)offset * b->inverse >> 32;
}
static inline bool bit_get(const uint64_t *map, uint32_t i)
{
	return __atomic_load_n(&map[i / 64], __ATOMIC_RELAXED) >> i % 64 & 1;
}

struct object {
	uint32_t block, cell;
	uintptr_t start;
	size_t size;
	bool leaf;
};

/*
 * The object that @p points into; false: none. May be asked while threads allocate: above top blocks are free, too. Here,
 * because the marker does little else.
 */
static inline bool heap_find(uintptr_t p, struct object *o)
{
	uintptr_t offset = p - heap.lo;
	uint32_t i = offset >> BLOCK_SHIFT;
	const struct block *b = &heap.block[i];
	enum block_state state;

	if (offset >= heap.size)
		return false;
	state = __atomic_load_n(&b->state, __ATOMIC_ACQUIRE);
	if (__builtin_expect(state == BLOCK_SMALL, 1)) {
		o->cell = cell_of(b, offset & (BLOCK_SIZE - 1));
		if (o->cell >= b->cells)
			return false;
		o->size = b->size;
	} else if (state != BLOCK_FREE) {
		if (state == BLOCK_REST)
			i -= b->run;
		b = &heap.block[i];
		o->cell = 0;
		o->size = b->bytes;
	} else {
		return false;
	}
	o->block = i;
	o->start = block_address(i) + o->cell * o->size;
	o->leaf = b->leaf;
	return bit_get(heap.alloc[i], o->cell);
}

int heap_init(size_t max, bool verify);
int heap_class(size_t size);
uint32_t heap_class_size(int class);
uint32_t heap_class_inverse(int class);
int heap_grow(size_t chunks);			/* -1: at the limit */
void heap_shrink(void);
void *heap_large(size_t size, bool leaf);	/* NULL: no room */
bool heap_refill(struct cache *c, int class, bool leaf);	/* a block with free cells; false: no room */
bool cache_claim(struct cache *c);		/* the next word of its block; false: at its end */
void cache_retire(struct cache *c);		/* what is not handed out is free again */

/* sweep.c */
void sweep_block(uint32_t b);
void sweep_reset(void);				/* a cycle ended: nothing is swept */
uint32_t sweep_for(int class, bool leaf);	/* a swept block with free cells, or NO_BLOCK */
bool sweep_some(uint32_t blocks);		/* false: all are swept */
#define SWEEP_BATCH	16

#endif
