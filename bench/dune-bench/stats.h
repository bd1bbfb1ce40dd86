/* SPDX-License-Identifier: GPL-2.0 */
/* What is made of the samples. Pure: tests/unit/bench_stats.c. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stdint.h>

struct stats {
	double min, median, p90, max;
};

/* Sorts @v. Each value less @overhead, but never below 0, then divided by @per. @n > 0. */
struct stats stats_of(uint64_t *v, int n, uint64_t overhead, int per);

enum verdict { VERDICT_SAME, VERDICT_BETTER, VERDICT_WORSE };

/* @now beside @then, where less is better; @tolerance 0.03 is 3 %. */
enum verdict stats_compare(double then, double now, double tolerance);
double stats_ratio(double then, double now);

/* References of one walk of page tables with @guest levels, through EPT with @ept (0: none). */
int stats_walk(int guest, int ept);

#endif /* BENCH_STATS_H */
