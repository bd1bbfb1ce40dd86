/* SPDX-License-Identifier: GPL-2.0 */
/* The threads, and how they are stopped: by a signal, or by themselves where that finds them in the allocator. */
#ifndef GC_WORLD_H
#define GC_WORLD_H

#include "heap.h"

#define MAX_TLS 16

struct range { uintptr_t start, end; };

struct thread {
	struct thread *next;
	pthread_t pthread;
	int tid;
	uintptr_t stack_start, stack_end;
	uintptr_t sp;			/* while stopped */
	uint32_t stopped;		/* the number of the stop it is in */
	/*
	 * In the allocator caches are half made, and an object is known by its number only. There a
	 * thread is not stopped; it stops when it is through.
	 */
	volatile bool busy, pending;
	volatile bool waits;		/* in world_lock() or world_wait(): it cannot come out while the world is stopped */
	uint32_t nr_tls;
	struct range tls[MAX_TLS];
	struct cache cache[CLASSES][KINDS];
};

extern __thread struct thread *self;
extern struct thread *threads;		/* gc_lock */

void world_init(void);
/*
 * gc_lock, and a condition of it. Who stops the world holds gc_lock, so a thread in here stands still as it is: it
 * says where its stack ends, and needs no signal. Not while busy.
 */
void world_lock(void);
void world_wait(pthread_cond_t *cond);
bool world_waits(void);			/* all threads do so: it stands still by itself, while gc_lock is held */
void world_stop(void);			/* with gc_lock; not a thread of @threads itself */
uint64_t world_start(void);		/* when a thread ran again: another may be first to have the CPU */
void world_park(void);			/* the calling thread was asked to stop while it was busy */
void world_after_fork(void);

static inline void busy_begin(struct thread *t)
{
	t->busy = true;
	__asm__ volatile("" : : : "memory");
}

static inline void busy_end(struct thread *t)
{
	__asm__ volatile("" : : : "memory");
	t->busy = false;
	__asm__ volatile("" : : : "memory");
	if (__builtin_expect(t->pending, 0))
		world_park();
}

#endif
