/* SPDX-License-Identifier: GPL-2.0 */
/* What a run cost. Ticks are RDTSC's. */
#ifndef GC_STATS_H
#define GC_STATS_H

#include <stddef.h>
#include <stdint.h>

#define MAX_SAMPLES	4096

/* The heap over time: a point for each beginning and end of a cycle, and of its sweep. */
struct heap_sample {
	uint64_t when;
	uint32_t heap_kib, live_kib;
};

/*
 * A stop of the world: until all threads stand; roots and what is found from them; dirty pages taken; looked into, and
 * what is found from them; the rest.
 */
enum pause_part { PAUSE_STAND, PAUSE_ROOTS, PAUSE_TAKE, PAUSE_AGAIN, PAUSE_END, PAUSE_PARTS };
struct pause { uint64_t part[PAUSE_PARTS]; };

struct gc_stats {
	uint64_t start;
	uint64_t cycles, shrunk;
	uint64_t young;				/* cycles that looked only for what is new */
	uint64_t scanned_bytes;			/* by marking from the roots on */
	uint64_t rescanned, rescanned_pause;	/* pages; those in the final pause */
	uint64_t dirty;				/* pages that a backend gave */
	uint64_t arm_ticks, collect_ticks, arms, collects;
	uint64_t faults;			/* handlers that ran for write tracking */
	uint64_t mark_ticks;
	uint64_t stalls, stall_ticks, stall_max;	/* threads that waited for a cycle's end */
	uint64_t paces, pace_ticks, pace_max;	/* threads that were slowed down while marking ran */
	uint64_t finalized, verified_objects;
	uint64_t exits;				/* of Dune mode, all threads that ended and the main one */
	uint64_t stop_signals;			/* sent to threads that were to stand still */
	uint64_t pauses, samples;
	struct pause longest;
	uint64_t pause[MAX_SAMPLES];		/* of every stop of the world */
	struct heap_sample sample[MAX_SAMPLES];
};

extern struct gc_stats stats;

static inline uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

void stats_pause(uint64_t ticks);
void stats_pause_parts(const struct pause *p);
uint64_t stats_exits(void);		/* of the calling thread, so far */
void stats_thread_end(void);

#endif
