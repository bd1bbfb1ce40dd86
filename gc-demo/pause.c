// SPDX-License-Identifier: GPL-2.0
/* A stop of the world: pause.h. */
#include "pause.h"
#include <sched.h>
#include <string.h>
#include "pace.h"
#include "world.h"

#define YIELDS	4

static uint64_t stopped_at, lapped_at;
static size_t allocated_before;		/* heap.allocated in the last stop */
static struct pause now;

void pause_lap(enum pause_part part)
{
	uint64_t t = ticks();

	now.part[part] += t - lapped_at;
	lapped_at = t;
}

void pause_skip(uint64_t t)
{
	stopped_at += t;
	lapped_at += t;
}

/*
 * Threads that want cells wait from here on, and when all do the stop has nobody to wait for. They get the CPU a few
 * times for it; the others get a signal.
 */
static void gather(void)
{
	bool all = false;

	for (int i = 0; i < YIELDS && !all; i++) {
		if (i)
			sched_yield();
		pthread_mutex_lock(&gc_lock);
		heap.closed = true;
		all = world_waits();
		pthread_mutex_unlock(&gc_lock);
	}
}

void pause_begin(void)
{
	gather();
	pthread_mutex_lock(&gc_lock);
	memset(&now, 0, sizeof(now));
	stopped_at = lapped_at = ticks();
	world_stop();
	pace_hold();
	allocated_before = heap.allocated;
	pause_lap(PAUSE_STAND);
}

void pause_end(bool open)
{
	heap.closed = !open;
	pause_lap(PAUSE_END);
	stats_pause_parts(&now);
	stats_pause(world_start() - stopped_at);
	pace_go();
}

size_t pause_allocated(void)
{
	return __atomic_load_n(&heap.allocated, __ATOMIC_RELAXED) - allocated_before;
}
