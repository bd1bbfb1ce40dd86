// SPDX-License-Identifier: GPL-2.0
/* What dune-bench makes of its samples. */
#include "../../bench/dune-bench/stats.c"
#include "tap.h"

static void test_quantiles(void)
{
	uint64_t v[10] = { 9, 1, 8, 2, 7, 3, 6, 4, 5, 100 };
	struct stats s = stats_of(v, 10, 0, 1);

	ok(s.min == 1 && s.max == 100, "least and most of ten");
	ok(s.median == 5, "the median of ten is the fifth: %g", s.median);
	ok(s.p90 == 9, "nine of ten are not above p90: %g", s.p90);
}

static void test_one(void)
{
	uint64_t v[1] = { 17 };
	struct stats s = stats_of(v, 1, 0, 1);

	ok(s.min == 17 && s.median == 17 && s.p90 == 17 && s.max == 17, "one sample is all of them");
}

static void test_overhead(void)
{
	uint64_t v[3] = { 10, 4, 30 };
	struct stats s = stats_of(v, 3, 10, 1);

	ok(s.min == 0, "less than the overhead is 0, and not below: %g", s.min);
	ok(s.median == 0 && s.max == 20, "the overhead is taken off");
}

static void test_per(void)
{
	uint64_t v[2] = { 1010, 2010 };
	struct stats s = stats_of(v, 2, 10, 100);

	ok(s.min == 10 && s.max == 20, "the overhead is one for all operations of a sample");
}

static void test_compare(void)
{
	ok(stats_compare(1000, 1030, 0.03) == VERDICT_SAME, "3 %% more is within 3 %%");
	ok(stats_compare(1000, 1031, 0.03) == VERDICT_WORSE, "3.1 %% more is worse");
	ok(stats_compare(1000, 970, 0.03) == VERDICT_SAME, "3 %% less is the same");
	ok(stats_compare(1000, 969, 0.03) == VERDICT_BETTER, "3.1 %% less is better");
	ok(stats_compare(10, 11, 0.03) == VERDICT_SAME, "one tick is no difference");
	ok(stats_compare(10, 12, 0.03) == VERDICT_WORSE, "two are");
	ok(stats_compare(0, 0, 0.03) == VERDICT_SAME, "nothing and nothing");
	ok(stats_ratio(4, 6) == 1.5 && stats_ratio(0, 0) == 1, "ratios");
}

static void test_walk(void)
{
	ok(stats_walk(4, 0) == 4 && stats_walk(3, 0) == 3, "without EPT a walk is as long as the tables are high");
	ok(stats_walk(4, 4) == 24, "4 KiB on both levels: 24 references");
	ok(stats_walk(2, 4) == 14, "1 GiB above, 4 KiB below: 14");
	ok(stats_walk(2, 2) == 8, "1 GiB on both: 8");
}

int main(void)
{
	test_quantiles();
	test_one();
	test_overhead();
	test_per();
	test_compare();
	test_walk();
	return tap_done();
}
