/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a process did in Dune mode: the counters of its threads, summed up. */
#ifndef DUNE_RT_STATS_H
#define DUNE_RT_STATS_H

#include <linux/dune.h>
#include <stdint.h>
#include "../text.h"

/**
 * struct dune_stats - what there was
 * @sum:	of all VCPUs. A thread that begins takes over the VCPU of one that ended, so
 *		nothing gets lost
 * @vcpus:	their number: as many threads as there were at a time
 */
struct dune_stats {
	struct dune_counters sum;
	unsigned int vcpus;
};

void dune_stats_add(struct dune_stats *stats, const struct dune_counters *counters);
void dune_stats_put(struct dune_text *text, const struct dune_stats *stats, int64_t pid,
		    const char *name);

/* The process ends: write the summary to @fd. */
void dune_rt_stats(int fd);

#endif /* DUNE_RT_STATS_H */
