// SPDX-License-Identifier: GPL-2.0
/* The summary that dune-run --stats writes. */
#include "tap.h"

#include "stats.h"

static char buffer[2048];

static const char *summary(const struct dune_stats *stats)
{
	struct dune_text text = { .buffer = buffer, .size = sizeof(buffer) - 1 };

	dune_stats_put(&text, stats, 77, "cat");
	buffer[text.length] = 0;
	return buffer;
}

static void sum(void)
{
	struct dune_counters a = { .syscalls_fast = 5, .ept_faults = 7, .runs = 1 };
	struct dune_counters b = { .syscalls_fast = 10, .syscalls_exact = 2, .flushes = 1UL << 40 };
	struct dune_stats stats = { .vcpus = 0 };

	a.exits[DUNE_KIND_EPT] = 8;
	b.exits[DUNE_KIND_EPT] = 1;
	b.exits[DUNE_KIND_OTHER] = 3;
	dune_stats_add(&stats, &a);
	dune_stats_add(&stats, &b);
	ok_eq(stats.vcpus, 2, "two threads");
	ok_eq(stats.sum.syscalls_fast, 15, "counters are summed up");
	ok_eq(stats.sum.syscalls_exact, 2, "also those of the second only");
	ok_eq(stats.sum.ept_faults, 7, "and of the first only");
	ok_eq(stats.sum.exits[DUNE_KIND_EPT], 9, "exits by kind");
	ok_eq(stats.sum.exits[DUNE_KIND_OTHER], 3, "to the last kind");
	ok_eq(stats.sum.flushes, 1UL << 40, "64 bits");
	ok_eq(stats.sum.runs, 1, "to the last counter");
}

static void text(void)
{
	struct dune_stats stats = {
		.sum = { .syscalls_fast = 1234, .syscalls_exact = 6, .ept_faults = 42, .runs = 9 },
		.vcpus = 3,
	};

	stats.sum.exits[DUNE_KIND_HYPERCALL] = 1240;
	stats.sum.exits[DUNE_KIND_CPUID] = 18446744073709550000UL;
	ok_str(summary(&stats),
	       "dune-run: process 77 (cat), in Dune mode:\n"
	       "  threads at a time, at most                   3\n"
	       "  system calls                              1240\n"
	       "    fast, inside a VM exit                  1234\n"
	       "    exact, in ordinary mode                    6\n"
	       "  pages mapped after an EPT violation         42\n"
	       "  exceptions injected                          0\n"
	       "  TLB flushes                                  0\n"
	       "  times that it was entered                    9\n"
	       "  VM exits                  18446744073709551240\n"
	       "    VMCALL                                  1240\n"
	       "    CPUID                   18446744073709550000\n", "the text");
}

/* Each kind has a line of its own, and all of them fit. */
static void all_kinds(void)
{
	struct dune_stats stats = { .vcpus = 1 };
	int lines = 0;

	memset(&stats.sum, 0xff, sizeof(stats.sum));
	for (const char *s = summary(&stats); *s; s++)
		lines += *s == '\n';
	ok_eq(lines, 10 + DUNE_NR_EXIT_KINDS, "a line for each kind of exit");
	ok(!strchr(buffer, '?'), "and a name");
	ok(strlen(buffer) < sizeof(buffer) - 1, "and room");
}

int main(void)
{
	sum();
	text();
	all_kinds();
	return tap_done();
}
