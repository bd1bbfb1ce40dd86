// SPDX-License-Identifier: GPL-2.0
/* Page faults: memory that is touched for the first time, and memory that only EPT lacks. */
#define _GNU_SOURCE
#include "bench.h"
#include "guest.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile char *memory;
static uint32_t *order;

/* ---- Anonymous memory --------------------------------------------------------- */

static void fresh(int rounds)
{
	memory = bench_memory(rounds * PAGE, PAGE);
}

static void touch(int i)
{
	memory[i * PAGE] = 1;
}

/* All over a range that is large for the tables, too. */
#define RANDOM_PAGES 16384

static void fresh_random(int rounds)
{
	memory = bench_memory(RANDOM_PAGES * PAGE, PAGE);
	order = malloc(RANDOM_PAGES * sizeof(*order));
	if (!order || rounds > RANDOM_PAGES)
		bench_fail("%d rounds are too many", rounds);
	bench_shuffle(order, RANDOM_PAGES);
}

static void touch_random(int i)
{
	memory[order[i] * PAGE] = 1;
}

const struct row row_touch = {
	"touch", "overhead", "first touch of a 4 KiB page, one after the other",
	.linux_cycles = 2687, .dune_cycles = 5093,
	.sides = {
		{ "linux", 0, fresh, NULL, touch },
		{ "dune", SIDE_DUNE, fresh, NULL, touch },
	},
};

const struct row row_touch_random = {
	"touch-random", "overhead", "first touch of a 4 KiB page, in random order over 64 MiB",
	.sides = {
		{ "linux", 0, fresh_random, NULL, touch_random },
		{ "dune", SIDE_DUNE, fresh_random, NULL, touch_random },
	},
};

/* ---- A file --------------------------------------------------------------------- */

#define BLOCK 16	/* pages for one op: Linux maps as many at a time */

static void mapped_file(int rounds)
{
	size_t len = (size_t)rounds * BLOCK * PAGE;
	int fd = memfd_create("bench", 0);
	size_t at;

	if (fd < 0 || ftruncate(fd, len))
		bench_fail("memfd_create: %s", strerror(errno));
	for (at = 0; at < len; at += PAGE)
		if (pwrite(fd, "x", 1, at) != 1)
			bench_fail("pwrite: %s", strerror(errno));
	memory = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		bench_fail("mmap: %s", strerror(errno));
}

static void read_block(int i)
{
	int n;

	for (n = 0; n < BLOCK; n++)
		(void)memory[((size_t)i * BLOCK + n) * PAGE];
}

const struct row row_touch_file = {
	"touch-file", "overhead", "first read of a page of a file that is in memory, one after the other",
	.samples = 100, .per = BLOCK,
	.sides = {
		{ "linux", 0, mapped_file, NULL, read_block },
		{ "dune", SIDE_DUNE, mapped_file, NULL, read_block },
	},
};

/* ---- Large pages ------------------------------------------------------------------ */

static void fresh_huge(int rounds)
{
	size_t len = rounds * MIB2;

	memory = bench_memory(len, MIB2);
	bench_huge((void *)memory, len);
}

/* One at a time is there. */

static void give_back(int i)
{
	if (i)
		madvise((char *)memory + (i - 1) * MIB2, MIB2, MADV_DONTNEED);
}

static void touch_huge(int i)
{
	memory[i * MIB2] = 1;
}

const struct row row_touch_huge = {
	"touch-2m", "overhead", "first touch of a transparent huge page of 2 MiB",
	.samples = 30,
	.sides = {
		{ "linux", 0, fresh_huge, give_back, touch_huge },
		{ "dune", SIDE_DUNE, fresh_huge, give_back, touch_huge },
	},
};

/* ---- Present for Linux, new to EPT ---------------------------------------------------- */

#define APART 17	/* more than is mapped around a fault */

struct touched {
	size_t pages, step;
};

static long touch_every(void *arg)
{
	const struct touched *t = arg;
	size_t i;

	for (i = 0; i < t->pages; i += t->step)
		memory[i * PAGE] = 1;
	return 0;
}

/* Every @step'th page of the memory is there, touched in ordinary mode. */
static void present(size_t pages, size_t step)
{
	struct touched t = { pages, step };

	memory = bench_memory(pages * PAGE, MIB2);
	dune_host_call(touch_every, &t);
}

static void present_alone(int rounds)
{
	present((size_t)rounds * APART, APART);
}

static void present_apart(int rounds)
{
	present((size_t)rounds * APART, 1);
}

static void present_blocks(int rounds)
{
	present((size_t)rounds * BLOCK, 1);
}

static void write_block(int i)
{
	int n;

	for (n = 0; n < BLOCK; n++)
		memory[((size_t)i * BLOCK + n) * PAGE] = 2;
}

static void write_apart(int i)
{
	memory[(size_t)i * APART * PAGE] = 2;
}

const struct row row_present = {
	"ept", "overhead", "touch of a page that Linux has mapped and EPT has not; there is none beside it",
	.sides = {
		{ "linux", 0, present_alone, NULL, write_apart, "no fault at all" },
		{ "dune", SIDE_DUNE, present_alone, NULL, write_apart },
	},
};

const struct row row_present_apart = {
	"ept-apart", "overhead", "the same, with pages all around: they are mapped with it, and not used",
	.sides = {
		{ "linux", 0, present_apart, NULL, write_apart, "no fault at all" },
		{ "dune", SIDE_DUNE, present_apart, NULL, write_apart },
	},
};

const struct row row_present_sequential = {
	"ept-sequential", "overhead", "the same, and they are used: one page after the other",
	.samples = 100, .per = BLOCK,
	.sides = {
		{ "linux", 0, present_blocks, NULL, write_block, "no fault at all" },
		{ "dune", SIDE_DUNE, present_blocks, NULL, write_block },
	},
};
