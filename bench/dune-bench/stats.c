// SPDX-License-Identifier: GPL-2.0
/* What is made of the samples. */
#include "stats.h"
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double one(uint64_t v, uint64_t overhead, int per)
{
	return (double)(v > overhead ? v - overhead : 0) / per;
}

/* The value that a share of all, in tenths, is not above. */
static uint64_t quantile(const uint64_t *v, int n, int tenths)
{
	return v[(n * tenths + 9) / 10 - 1];
}

struct stats stats_of(uint64_t *v, int n, uint64_t overhead, int per)
{
	qsort(v, n, sizeof(*v), by_value);
	return (struct stats){
		.min = one(v[0], overhead, per),
		.median = one(quantile(v, n, 5), overhead, per),
		.p90 = one(quantile(v, n, 9), overhead, per),
		.max = one(v[n - 1], overhead, per),
	};
}

enum verdict stats_compare(double then, double now, double tolerance)
{
	double slack = then * tolerance;

	/* a tick is the least that can be seen */
	if (slack < 1)
		slack = 1;
	if (now > then + slack)
		return VERDICT_WORSE;
	return now < then - slack ? VERDICT_BETTER : VERDICT_SAME;
}

double stats_ratio(double then, double now)
{
	if (then > 0)
		return now / then;
	return now > 0 ? 1e9 : 1;
}

/* Each of the guest's tables, and the page itself, is found by a walk of EPT. */
int stats_walk(int guest, int ept)
{
	return (guest + 1) * (ept + 1) - 1;
}
