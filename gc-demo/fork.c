// SPDX-License-Identifier: GPL-2.0
/* The child of a fork: fork.h. */
#include "fork.h"
#include "cycle.h"
#include "generation.h"
#include "mark.h"
#include "pace.h"
#include "track.h"
#include "world.h"

/* A child whose loader's lock the collector held would never get it. */
static void before_fork(void)
{
	pthread_mutex_lock(&roots_lock);
	pthread_mutex_lock(&gc_lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&gc_lock);
	pthread_mutex_unlock(&roots_lock);
}

/*
 * The child has one thread and a copy of the heap. A cycle that was on its way is given up: before
 * marking began all was swept, so without marks the heap is as it was.
 */
static void in_child(void)
{
	pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	roots_lock = gc_lock = fresh;
	cycle_after_fork();
	pace_after_fork();
	world_after_fork();
	if (heap.phase == PHASE_MARK)
		mark_forget();
	/* Other threads may have written between the copy of a table's page and that of the heap's. */
	generation_want(true);
	heap.phase = PHASE_IDLE;
	heap.closed = false;
	if (track->after_fork)
		track->after_fork();
}

void fork_watch(void)
{
	pthread_atfork(before_fork, in_parent, in_child);
}
