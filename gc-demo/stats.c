// SPDX-License-Identifier: GPL-2.0
/* Figures of a run. */
#include "stats.h"
#include <dune/dune.h>

struct gc_stats stats;

static uint64_t sum_of(const struct pause *p)
{
	uint64_t sum = 0;

	for (int i = 0; i < PAUSE_PARTS; i++)
		sum += p->part[i];
	return sum;
}

void stats_pause_parts(const struct pause *p)
{
	if (sum_of(p) > sum_of(&stats.longest))
		stats.longest = *p;
}

void stats_pause(uint64_t t)
{
	if (stats.pauses < MAX_SAMPLES)
		stats.pause[stats.pauses] = t;
	stats.pauses++;
}

uint64_t stats_exits(void)
{
	const struct dune_counters *c = dune_counters();
	uint64_t n = 0;

	for (int i = 0; c && i < DUNE_NR_EXIT_KINDS; i++)
		n += c->exits[i];
	return n;
}

/* With gc_lock. */
void stats_thread_end(void)
{
	stats.exits += stats_exits();
}
