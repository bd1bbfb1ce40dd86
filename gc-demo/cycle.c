// SPDX-License-Identifier: GPL-2.0
/*
 * The collector's thread, and a cycle:
 *
 *	threads    --run--|stop|------ run -------|stop|---- run ------|  stop   |-- run --
 *	collector         |    | arm, mark        |    | dirty pages,  |         | sweep
 *	                  stacks                  stacks  mark again   stacks, data, last
 *	                                          \__ while that helps _/       dirty pages
 *
 * Without tracking everything is in one stop.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "mark.h"
#include "notes.h"
#include "stats.h"
#include "track.h"
#include "world.h"

#define ROUNDS		4		/* of looking again before the last stop */
#define GIVE_UP		2		/* last stops that turn out to be none */
#define LITTLE		(128UL << 10)	/* bytes that are looked at again: so few that the last stop may be next */
#define LITTLE_NEW	(64UL << 10)	/* bytes allocated since the stacks were looked at: likewise */
#define PACE		(64UL << 10)	/* twice a block */
#define PACE_MAX	(256UL << 10)
#define SWEEP_BATCH	16
#define TRIES		3	/* cycles to wait for before memory is said to be out */
#define TRIES_MAX	40

static pthread_cond_t wanted = PTHREAD_COND_INITIALIZER, over = PTHREAD_COND_INITIALIZER;
static pthread_cond_t progress = PTHREAD_COND_INITIALIZER;
static uint32_t paced;			/* threads that wait for it */
static uint64_t asked, done;		/* cycles; gc_lock */
static bool started, quit;
static pthread_t collector;
static uint64_t stopped_at, lapped_at;
static size_t since_stop;		/* heap.since of the last stop */
static size_t pace;
static struct pause now;
/*
 * A condition variable waits for those that are about to leave it, and a thread that was
 * stopped there does not: nothing is broadcast before the world moves again.
 */
static bool standing;

/* ---- The steps of a cycle ------------------------------------------------------------- */

static void lap(enum pause_part part)
{
	uint64_t t = ticks();

	now.part[part] += t - lapped_at;
	lapped_at = t;
}

static void stop(void)
{
	pthread_mutex_lock(&gc_lock);
	memset(&now, 0, sizeof(now));
	stopped_at = lapped_at = ticks();
	world_stop();
	standing = true;
	since_stop = heap.since;
	lap(PAUSE_STAND);
}

static void start(void)
{
	standing = false;
	lap(PAUSE_END);
	stats_pause_parts(&now);
	stats_pause(world_start() - stopped_at);
	if (paced)
		pthread_cond_broadcast(&progress);
	pthread_mutex_unlock(&gc_lock);
}

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

static void stop_for_stacks(void)
{
	stop();
	roots_threads(mark_range);
	lap(PAUSE_ROOTS);
	if (!track->rearm)
		track_take(false);
	lap(PAUSE_TAKE);
	start();
}

/* Only a stack may know what was allocated since the stacks were looked at. */
static bool much_is_new(void)
{
	return __atomic_load_n(&heap.since, __ATOMIC_RELAXED) - since_stop > LITTLE_NEW;
}

/*
 * Once more from the pages that were written meanwhile, and from the stacks, if much is new: what is found now is not
 * to be found in the last stop. Where taking dirty pages and arming them again are two steps, the world stands still for both.
 * True: there was so much that it is worth another time.
 */
static bool mark_again(void)
{
	uint64_t before = stats.scanned_bytes;

	if (!track->rearm || much_is_new())
		stop_for_stacks();
	if (track->rearm)
		track_take(false);
	track_each(mark_page);
	mark_drain();
	return stats.scanned_bytes - before > LITTLE;
}

static void mark_beside_threads(void)
{
	uint64_t t = ticks();
	int rounds = ROUNDS;

	track_arm();
	roots_data(mark_range);
	mark_drain();
	while (rounds-- && (mark_again() || much_is_new()))
		if (pace < PACE_MAX)
			pace *= 2;
	stats.mark_ticks += ticks() - t;
}

/*
 * Between the last round and the stop the threads may have had the CPU for long: then this is one more
 * round's stop, and not the last. Only where a stop can be given up: taking has armed the pages again.
 */
static bool too_much_for_last(void)
{
	size_t seen = since_stop;

	stop();
	if (!track->in_stop)
		return false;
	track_take(false);
	lap(PAUSE_TAKE);
	if (heap.since - seen <= LITTLE_NEW && track_taken() <= LITTLE >> PAGE_SHIFT)
		return false;
	roots_threads(mark_range);
	lap(PAUSE_ROOTS);
	start();
	track_each(mark_page);
	mark_drain();
	return true;
}

/* True: the dirty pages are taken. */
static bool stop_for_last(void)
{
	int more = GIVE_UP;

	while (more-- && too_much_for_last())
		;
	if (more < 0)
		stop();
	return more >= 0 && track->in_stop;
}

static void finish_marking(bool took)
{
	uint64_t before = stats.rescanned;

	roots_threads(mark_range);
	roots_data(mark_range);
	mark_drain();
	lap(PAUSE_ROOTS);
	if (track->concurrent) {
		if (!took)
			track_take(true);
		lap(PAUSE_TAKE);
		track_each(mark_page);
		mark_drain();
		lap(PAUSE_AGAIN);
	}
	final_mark();
	stats.rescanned_pause += stats.rescanned - before;
}

/* The proof is no part of the pause. */
static void prove(void)
{
	uint64_t t = ticks();

	if (heap.verify)
		verify_cycle();
	t = ticks() - t;
	stopped_at += t;
	lapped_at += t;
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

static void run_cycle(void)
{
	bool took = false;

	finish_sweep();
	roots_refresh();
	stop();
	heap.phase = PHASE_MARK;
	heap.since = since_stop = 0;
	pace = PACE;
	sample();
	if (track->concurrent) {
		roots_threads(mark_range);
		start();
		mark_beside_threads();
		took = stop_for_last();
	}
	finish_marking(took);
	end_cycle();
	sample();
	start();
}

static void tidy(void)
{
	finish_sweep();
	pthread_mutex_lock(&gc_lock);
	set_trigger();
	heap_shrink();
	sample();
	pthread_mutex_unlock(&gc_lock);
}

/* ---- The collector's thread -------------------------------------------------------------- */

static void *collect_for_ever(void *unused)
{
	pthread_mutex_lock(&gc_lock);
	while (!quit) {
		uint64_t upto = asked;

		if (done == asked) {
			pthread_cond_wait(&wanted, &gc_lock);
			continue;
		}
		pthread_mutex_unlock(&gc_lock);
		run_cycle();
		pthread_mutex_lock(&gc_lock);
		done = upto;
		pthread_cond_broadcast(&over);
		pthread_mutex_unlock(&gc_lock);
		tidy();
		pthread_mutex_lock(&gc_lock);
	}
	pthread_mutex_unlock(&gc_lock);
	return NULL;
}

/* With gc_lock. The signals of the program are not for this thread. */
static void start_collector(void)
{
	sigset_t all, old;
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

/* Until a cycle is over that began after this. */
static void wait_for_cycle(void)
{
	uint64_t number, t = ticks();

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

void gc_collect(void)
{
	world_lock();
	wait_for_cycle();
	pthread_mutex_unlock(&gc_lock);
	final_run();
}

void gc_finish(void)
{
	world_lock();
	while (done != asked)
		world_wait(&over);
	pthread_mutex_unlock(&gc_lock);
}

/*
 * Who allocates faster than is marked makes work for the last stop. So a thread that takes a block while marking runs
 * waits until as much as pace has been looked at: more from round to round, since what is written again as fast as it is
 * looked at never ends.
 */
static void keep_pace(void)
{
	uint64_t t = ticks(), target = __atomic_load_n(&stats.scanned_bytes, __ATOMIC_RELAXED) + pace;

	if (heap.phase != PHASE_MARK)
		return;
	__atomic_add_fetch(&paced, 1, __ATOMIC_RELAXED);
	while (heap.phase == PHASE_MARK && __atomic_load_n(&stats.scanned_bytes, __ATOMIC_RELAXED) < target)
		world_wait(&progress);
	__atomic_sub_fetch(&paced, 1, __ATOMIC_RELAXED);
	t = ticks() - t;
	stats.paces++;
	stats.pace_ticks += t;
	if (t > stats.pace_max)
		stats.pace_max = t;
}

/* By the marker, now and then, without gc_lock or with the world stopped. */
static void tell_progress(void)
{
	if (!standing && __atomic_load_n(&paced, __ATOMIC_RELAXED))
		pthread_cond_broadcast(&progress);
}

/* ---- Allocation ---------------------------------------------------------------------------- */

static void maybe_collect(void)
{
	keep_pace();
	if (heap.since < heap.trigger || heap.phase == PHASE_MARK || done != asked)
		return;
	if (track->concurrent)
		ask();
	else
		wait_for_cycle();
}

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
	wait_for_cycle();
	return true;
}

static bool refill(struct thread *t, struct cache *c, int class, bool leaf)
{
	bool ok = false;

	if (c->block != NO_BLOCK && cache_claim(c))
		return true;
	/* Waiting for the lock it may be stopped, and its caches be taken. */
	busy_end(t);
	world_lock();
	maybe_collect();
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
	maybe_collect();
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

/* ---- Others that write ---------------------------------------------------------------------- */

static __thread struct notes *foreign;

void gc_foreign_begin(void *p, size_t len)
{
	if (!foreign)
		foreign = notes_take();
	world_lock();
	if (foreign)
		notes_add(foreign, (uintptr_t)p, len);
	if (track->foreign && len)
		track->foreign((uintptr_t)p, len);
	pthread_mutex_unlock(&gc_lock);
}

void gc_foreign_end(void)
{
	if (foreign)
		notes_give(foreign);
	foreign = NULL;
}

/* ---- Start, fork ------------------------------------------------------------------------------ */

static void before_fork(void)	{ pthread_mutex_lock(&gc_lock); }
static void in_parent(void)	{ pthread_mutex_unlock(&gc_lock); }

/*
 * The child has one thread and a copy of the heap. A cycle that was on its way is given up: before
 * marking began all was swept, so without marks the heap is as it was.
 */
static void in_child(void)
{
	pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

	gc_lock = fresh;
	wanted = over = progress = cond;
	paced = 0;
	started = false;
	done = asked;
	world_after_fork();
	if (heap.phase == PHASE_MARK)
		mark_forget();
	heap.phase = PHASE_IDLE;
	if (track->after_fork)
		track->after_fork();
}

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "gc: %s: %s\n", what, why);
	return -1;
}

static int init_heap(const struct gc_options *o)
{
	size_t pages = o->heap_max >> PAGE_SHIFT;

	if (heap_init(o->heap_max, o->verify) || mark_init() || (o->verify && verify_init()) || notes_init())
		return fail("no addresses for the heap", strerror(errno));
	mark_progress = tell_progress;
	notes_lo = heap.lo;
	notes_hi = heap.limit;
	/* Twice: the second half is for track_collect(). */
	notes_page = mmap(NULL, 2 * pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (notes_page == MAP_FAILED)
		return fail("no memory for the page table", strerror(errno));
	heap.trigger_min = o->trigger ?: o->heap_max / 16;
	heap.trigger = heap.trigger_min;
	return 0;
}

int gc_start(const struct gc_options *o)
{
	const char *why;

	track = track_find(o->backend);
	if (!track)
		return fail(o->backend, "no such backend: none, mprotect, softdirty, uffd, dune");
	if (!o->heap_max || o->heap_max % CHUNK_SIZE)
		return fail("heap", "its size is a multiple of 2 MiB");
	why = track->init();
	if (why)
		return fail(track->name, why);
	if (init_heap(o))
		return -1;
	stats.start = ticks();
	world_init();
	pthread_atfork(before_fork, in_parent, in_child);
	gc_thread_begin();
	return 0;
}
