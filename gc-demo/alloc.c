// SPDX-License-Identifier: GPL-2.0
/* Allocation: what a thread does that wants cells. */
#include <string.h>
#include "cycle.h"
#include "mark.h"
#include "world.h"

#define TRIES		3	/* cycles to wait for before memory is said to be out */
#define TRIES_MAX	40

/* With gc_lock. What the last cycle found dead may wait for its sweep: that comes first. */
static bool refill_swept(struct cache *c, int class, bool leaf)
{
	bool ok, more;

	do {
		ok = heap_refill(c, class, leaf);
		more = !ok && sweep_some(SWEEP_BATCH);
	} while (more);
	return ok || heap_refill(c, class, leaf);
}

static void *large_swept(size_t size, bool leaf)
{
	bool more;
	void *p;

	do {
		p = heap_large(size, leaf);
		more = !p && sweep_some(SWEEP_BATCH);
	} while (more);
	return p ?: heap_large(size, leaf);
}

/*
 * Others may have taken what a cycle freed before this thread came to run. It is out of
 * memory when a cycle, swept to the end, leaves little; a large object may find no room in what is there.
 */
static bool wait_for_room(int tries)
{
	if (tries >= TRIES_MAX || (tries >= TRIES && heap.live > (heap.limit - heap.lo) / 4 * 3))
		return false;
	cycle_wait(true);
	return true;
}

static bool refill(struct thread *t, struct cache *c, int class, bool leaf)
{
	bool ok = false;

	if (c->block != NO_BLOCK && !heap.closed && cache_claim(c))
		return true;
	/* Waiting for the lock it may be stopped, and its caches be taken. */
	busy_end(t);
	world_lock();
	cycle_maybe();
	for (int i = 0; !(ok = refill_swept(c, class, leaf)) && wait_for_room(i); i++)
		;
	busy_begin(t);
	pthread_mutex_unlock(&gc_lock);
	return ok;
}

static void *small(size_t size, bool leaf)
{
	struct thread *t = self;
	int class = heap_class(size);
	struct cache *c = &t->cache[class][leaf];
	uintptr_t p = 0;

	busy_begin(t);
	while (!c->mask && refill(t, c, class, leaf))
		;
	if (c->mask) {
		p = c->base + (uintptr_t)__builtin_ctzll(c->mask) * c->size;
		c->mask &= c->mask - 1;
	}
	busy_end(t);
	return (void *)p;
}

static void *large(size_t size, bool leaf)
{
	void *p;

	world_lock();
	cycle_maybe();
	for (int i = 0; !(p = large_swept(size, leaf)) && wait_for_room(i); i++)
		;
	pthread_mutex_unlock(&gc_lock);
	return p;
}

static void *alloc(size_t size, bool leaf)
{
	if (__builtin_expect(final_waiting, 0))
		final_run();
	if (__builtin_expect(size <= SMALL_MAX, 1))
		return small(size ?: 1, leaf);
	return size < heap.limit - heap.lo ? large(size, leaf) : NULL;
}

void *gc_alloc(size_t size)		{ return alloc(size, false); }
void *gc_alloc_leaf(size_t size)	{ return alloc(size, true); }

void *gc_realloc(void *old, size_t size)
{
	struct object o;
	void *p;

	if (!old)
		return gc_alloc(size);
	if (!heap_find((uintptr_t)old, &o) || size <= o.size)
		return old;
	p = alloc(size, o.leaf);
	if (p)
		memcpy(p, old, o.size);
	return p;
}
