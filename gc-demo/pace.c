// SPDX-License-Identifier: GPL-2.0
/* Threads that wait for the marker: pace.h. */
#include "pace.h"
#include "stats.h"
#include "world.h"

#define PACE		(128UL << 10)	/* four times a block */
#define PACE_MAX	(256UL << 10)
#define NOBODY		UINT64_MAX

static pthread_cond_t progress = PTHREAD_COND_INITIALIZER;
static uint64_t first = NOBODY;		/* the least of looked_at() that a thread waits for */
static size_t pace = PACE;
/*
 * A condition variable waits for those that are about to leave it, and a thread that was
 * stopped there does not: nothing is broadcast before the world moves again.
 */
static bool standing;

void pace_reset(void)
{
	pace = PACE;
}

void pace_slower(void)
{
	if (pace < PACE_MAX)
		pace *= 2;
}

static uint64_t looked_at(void)
{
	return __atomic_load_n(&stats.scanned_bytes, __ATOMIC_RELAXED);
}

static bool has_to_wait(uint64_t target)
{
	return heap.closed || (heap.phase == PHASE_MARK && looked_at() < target);
}

/* With gc_lock. Whose turn it is not yet says so again. */
static void wait_until(uint64_t target)
{
	if (target < first)
		__atomic_store_n(&first, target, __ATOMIC_RELAXED);
	world_wait(&progress);
}

void pace_keep(void)
{
	uint64_t t = ticks(), target = looked_at() + pace;

	if (!has_to_wait(target))
		return;
	while (has_to_wait(target))
		wait_until(target);
	t = ticks() - t;
	stats.paces++;
	stats.pace_ticks += t;
	if (t > stats.pace_max)
		stats.pace_max = t;
}

/* A broadcast wakes all, and each that has to wait on costs two switches: only when it is somebody's turn. */
static bool is_due(void)
{
	uint64_t target = __atomic_load_n(&first, __ATOMIC_RELAXED);

	return target != NOBODY && !has_to_wait(target);
}

/*
 * With gc_lock, and gives it back: who has said that he waits is in the queue by then. Woken before, he would run into the
 * lock, and be switched to and from for nothing.
 */
static void unlock_and_wake(void)
{
	bool due = is_due();

	if (due)
		__atomic_store_n(&first, NOBODY, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&gc_lock);
	if (due)
		pthread_cond_broadcast(&progress);
}

void pace_tell(void)
{
	if (standing || !is_due())
		return;
	pthread_mutex_lock(&gc_lock);
	unlock_and_wake();
}

void pace_hold(void)
{
	standing = true;
}

void pace_go(void)
{
	standing = false;
	unlock_and_wake();
}

void pace_after_fork(void)
{
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

	progress = cond;
	first = NOBODY;
}
