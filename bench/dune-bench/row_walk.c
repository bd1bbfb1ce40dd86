// SPDX-License-Identifier: GPL-2.0
/*
 * Page walks: loads that depend on each other, one in each 4 KiB, in random order over more
 * memory than the TLB knows. Of pages of 4 KiB, 2 MiB and 1 GiB, on each of the two levels.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "guest.h"
#include "stats.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#ifndef MAP_HUGE_1GB
#define MAP_HUGE_1GB (30 << 26)
#endif

#define LOADS		1000
#define LEAST_LEN	(64UL << 20)
#define MOST_LEN	(4 * GIB)
#define LINE		64

static char *memory;
static size_t len;
static void **at;
static bool in_dune;

/* An eighth of what is free: on a large machine it is more than any TLB holds. */
static size_t wanted_len(void)
{
	struct sysinfo info;
	size_t free_memory = LEAST_LEN;

	if (!sysinfo(&info))
		free_memory = (size_t)info.freeram * info.mem_unit / 8 & -MIB2;
	return free_memory < LEAST_LEN ? LEAST_LEN : free_memory > MOST_LEN ? MOST_LEN : free_memory;
}

static void **slot(uint32_t page)
{
	/* not always the same set of the cache */
	return (void **)(memory + page * PAGE + page % (PAGE / LINE) * LINE);
}

static uint64_t faults(void)
{
	struct rusage u;

	if (in_dune)
		return dune_counters()->ept_faults;
	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt;
}

static void make_chain(void)
{
	uint32_t n = len / PAGE, i, *order = malloc(n * sizeof(*order));

	if (!order)
		bench_fail("no memory");
	bench_shuffle(order, n);
	for (i = 0; i < n; i++)
		*slot(order[i]) = slot(order[(i + 1) % n]);
	at = slot(order[0]);
	free(order);
}

/* What a fault brought is what one entry maps: Linux's table, or EPT. */
static int level_of(uint64_t nr_faults)
{
	size_t bytes = nr_faults ? len / nr_faults : len;

	return bytes >= GIB / 2 ? 3 : bytes >= MIB2 / 2 ? 2 : 1;
}

static void touch_and_count(int guest)
{
	uint64_t before = faults();
	int below, levels;
	size_t i;

	for (i = 0; i < len; i += PAGE)
		memory[i] = 1;
	below = 5 - level_of(faults() - before);
	if (!in_dune) {
		bench_value("references", stats_walk(below, 0));
		bench_value("levels", below);
		return;
	}
	if (guest)
		for (i = 0; i < len; i += guest == 1 ? PAGE : MIB2)
			if (dune_pt_split(dune_root_current(), (uintptr_t)memory + i, guest))
				bench_fail("dune_pt_split: no memory");
	dune_tlb_flush();
	levels = 5 - guest_level((uintptr_t)memory);
	bench_value("references", stats_walk(levels, below));
	bench_value("levels", levels);
	bench_value("EPT levels", below);
}

static void small_pages(void)
{
	len = wanted_len();
	memory = bench_memory(len, MIB2);
}

static void large_pages(void)
{
	len = wanted_len();
	memory = bench_memory(len, MIB2);
	bench_huge(memory, len);
}

static void huge_page(void)
{
	len = GIB;
	memory = mmap(NULL, len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1, 0);
	if (memory == MAP_FAILED)
		bench_skip("no page of 1 GiB (boot with hugepagesz=1G hugepages=1): %s", strerror(errno));
}

static void set_up(void (*get)(void), int guest)
{
	in_dune = dune_inside();
	get();
	touch_and_count(guest);
	make_chain();
}

#define SETUP(name, get, guest) static void name(int rounds) { set_up(get, guest); }
SETUP(small, small_pages, 0)
SETUP(small_by_2m, small_pages, DUNE_LEVEL_2M)
SETUP(small_by_4k, small_pages, DUNE_LEVEL_4K)
SETUP(large, large_pages, 0)
SETUP(large_by_2m, large_pages, DUNE_LEVEL_2M)
SETUP(large_by_4k, large_pages, DUNE_LEVEL_4K)
SETUP(huge, huge_page, 0)
SETUP(huge_by_2m, huge_page, DUNE_LEVEL_2M)
SETUP(huge_by_4k, huge_page, DUNE_LEVEL_4K)

static void chase(int i)
{
	void **p = at;
	int n;

	for (n = 0; n < LOADS; n++)
		p = *(void ** volatile *)p;
	at = p;
}

#define SIDES(s) { \
	{ "linux", 0, s, NULL, chase }, \
	{ "dune", SIDE_DUNE, s, NULL, chase, "the default root: pages of 1 GiB" }, \
	{ "dune-2m", SIDE_DUNE, s##_by_2m, NULL, chase, "the process's own tables have pages of 2 MiB" }, \
	{ "dune-4k", SIDE_DUNE, s##_by_4k, NULL, chase, "the process's own tables have pages of 4 KiB" }, \
}

const struct row row_walk_4k = {
	"walk-4k", "overhead", "a load that misses the TLB, Linux has pages of 4 KiB", 50, LOADS,
	.linux_cycles = 36, .dune_cycles = 86, .sides = SIDES(small),
};

const struct row row_walk_2m = {
	"walk-2m", "overhead", "a load that misses the TLB, Linux has pages of 2 MiB", 50, LOADS,
	.sides = SIDES(large),
};

const struct row row_walk_1g = {
	"walk-1g", "overhead", "a load that misses the TLB, Linux has a page of 1 GiB", 50, LOADS,
	.sides = SIDES(huge),
};
