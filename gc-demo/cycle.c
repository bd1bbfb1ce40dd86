// SPDX-License-Identifier: GPL-2.0
/*
 * The collector's thread, and a cycle:
 *
 *	threads    --run--|stop|------ run -------|stop|---- run ------|  stop   |-- run --
 *	collector         |    | arm, mark        |    | dirty pages,  |         | sweep
 *	                  stacks                  stacks  mark again   stacks, last dirty
 *	                                          \__ while that helps _/   pages
 *
 * Without tracking everything is in one stop.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "cycle.h"
#include "generation.h"
#include "mark.h"
#include "pace.h"
#include "pause.h"
#include "rounds.h"
#include "track.h"
#include "world.h"

static pthread_cond_t wanted = PTHREAD_COND_INITIALIZER, over = PTHREAD_COND_INITIALIZER;
static uint64_t asked, done;		/* cycles; gc_lock */
static size_t allocated_before;		/* heap.allocated when the last one began */
static bool started;

/* ---- The steps of a cycle ------------------------------------------------------------- */

/* What threads have claimed and not handed out is free again, with or without a mark. */
static void retire_caches(void)
{
	for (struct thread *t = threads; t; t = t->next)
		for (int c = 0; c < CLASSES; c++)
			for (int k = 0; k < KINDS; k++)
				cache_retire(&t->cache[c][k]);
}

static void finish_sweep(void)
{
	bool more = true;

	while (more) {
		pthread_mutex_lock(&gc_lock);
		more = sweep_some(SWEEP_BATCH);
		pthread_mutex_unlock(&gc_lock);
	}
}

/* The proof is no part of the pause. */
static void prove(void)
{
	uint64_t t = ticks();

	if (heap.verify)
		verify_cycle();
	pause_skip(ticks() - t);
}

static void end_cycle(void)
{
	retire_caches();
	prove();
	heap.phase = PHASE_IDLE;
	sweep_reset();
	stats.cycles++;
}

static void set_trigger(void)
{
	size_t room = heap.limit - heap.lo - heap.live;

	/* As much as lives, but before the heap is full there must be time to mark. */
	heap.trigger = heap.live > heap.trigger_min ? heap.live : heap.trigger_min;
	if (heap.trigger > room / 2)
		heap.trigger = room / 2;
}

/* A point of the heap over time. With gc_lock. */
static void sample(void)
{
	if (stats.samples < MAX_SAMPLES)
		stats.sample[stats.samples] = (struct heap_sample){
			ticks() - stats.start, (heap.top - heap.lo) >> 10,
			(((size_t)heap.nr - heap.nr_free) << BLOCK_SHIFT) >> 10,
		};
	stats.samples++;
}

/* The first stop; without tracking it is the only one, and goes on. */
static bool begin_marking(bool concurrent)
{
	pause_begin();
	heap.phase = PHASE_MARK;
	allocated_before = heap.allocated;
	pace_reset();
	sample();
	if (!concurrent) {
		rounds_roots(NO_LIMIT);
		final_mark();
		return true;
	}
	roots_threads(mark_range);
	pause_lap(PAUSE_ROOTS);
	pause_end(true);
	return true;
}

static void run_cycle(void)
{
	bool young;

	finish_sweep();
	pthread_mutex_lock(&gc_lock);
	young = generation_choose();
	pthread_mutex_unlock(&gc_lock);
	/* All is swept, and marks are nobody's. */
	if (heap.generations && !young)
		mark_forget();
	if (track->concurrent) {
		begin_marking(true);
		rounds_beside_threads(young);
		rounds_last_stop();
	} else {
		roots_fixed(begin_marking, false);
	}
	end_cycle();
	sample();
	pause_end(true);
}

static void tidy(void)
{
	finish_sweep();
	pthread_mutex_lock(&gc_lock);
	generation_judge();
	set_trigger();
	heap_shrink();
	sample();
	pthread_mutex_unlock(&gc_lock);
}

/* ---- The collector's thread -------------------------------------------------------------- */

static void *collect_for_ever(void *unused)
{
	pthread_mutex_lock(&gc_lock);
	for (;;) {
		uint64_t upto = asked;

		if (done == asked) {
			pthread_cond_wait(&wanted, &gc_lock);
			continue;
		}
		pthread_mutex_unlock(&gc_lock);
		run_cycle();
		pthread_mutex_lock(&gc_lock);
		done = upto;
		pthread_mutex_unlock(&gc_lock);
		pthread_cond_broadcast(&over);
		tidy();
		pthread_mutex_lock(&gc_lock);
	}
	return NULL;
}

/* With gc_lock. The signals of the program are not for this thread. */
static void start_collector(void)
{
	sigset_t all, old;
	pthread_t collector;
	int err;

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&collector, NULL, collect_for_ever, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		fprintf(stderr, "gc: no thread to collect in: %s\n", strerror(err));
		exit(1);
	}
	started = true;
}

static void ask(void)
{
	if (!started)
		start_collector();
	asked++;
	pthread_cond_signal(&wanted);
}

void cycle_wait(bool whole)
{
	uint64_t number, t = ticks();

	generation_want(whole);
	ask();
	number = asked;
	while (done < number)
		world_wait(&over);
	t = ticks() - t;
	stats.stalls++;
	stats.stall_ticks += t;
	if (t > stats.stall_max)
		stats.stall_max = t;
}

static void collect(bool whole)
{
	world_lock();
	cycle_wait(whole);
	pthread_mutex_unlock(&gc_lock);
	final_run();
}

void gc_collect(void)		{ collect(true); }
void gc_collect_new(void)	{ collect(false); }

void gc_finish(void)
{
	world_lock();
	while (done != asked)
		world_wait(&over);
	pthread_mutex_unlock(&gc_lock);
}

void cycle_maybe(void)
{
	bool due = heap.allocated - allocated_before >= heap.trigger && heap.phase == PHASE_IDLE && done == asked;

	if (due && !track->concurrent) {
		cycle_wait(false);
		return;
	}
	if (due) {
		ask();
		heap.closed = true;
	}
	pace_keep();
}

void cycle_after_fork(void)
{
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

	wanted = over = cond;
	started = false;
	done = asked;
}
