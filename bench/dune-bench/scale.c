// SPDX-License-Identifier: GPL-2.0
/* Cost against size: pages, threads, spaces, VCPUs, mappings; and the memory that each takes. */
#define _GNU_SOURCE
#include "bench.h"
#include "guest.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Memory -------------------------------------------------------------------- */

static long meminfo(const char *key)
{
	char line[100];
	long value = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = atol(line + strlen(key) + 1) * 1024;
	if (f)
		fclose(f);
	return value;
}

static long free_before;

static void begin_memory(void)
{
	free_before = meminfo("MemFree");
}

/* What the machine has less of since then but for @others, for each of @n; little is not seen. */
static void end_memory(double n, size_t others)
{
	double each = (double)(free_before - meminfo("MemFree") - (long)others) / n;

	bench_value("bytes each", each > 0 ? each : 0);
}

static void need_memory(size_t bytes)
{
	if ((size_t)meminfo("MemAvailable") < bytes + bytes / 8 + (64UL << 20))
		bench_skip("it needs %zu MiB of free memory", (bytes + bytes / 8) >> 20);
}

/* ---- Pages mapped ----------------------------------------------------------------- */

static const int page_sizes[] = { 1, 64, 4096, 65536, 262144, 0 };
static const int discard_sizes[] = { 1, 64, 4096, 65536, 0 };
static volatile char *memory, *fresh;
static size_t pages;

static void map_pages(int rounds)
{
	size_t i;

	pages = bench_size;
	need_memory(pages * PAGE);
	memory = bench_memory(pages * PAGE, MIB2);
	fresh = bench_memory(rounds * PAGE, MIB2);
	begin_memory();
	for (i = 0; i < pages; i++)
		memory[i * PAGE] = 1;
	if (pages >= 65536)
		end_memory(pages * PAGE / (double)GIB, pages * PAGE);
}

static void touch_fresh(int i)
{
	fresh[i * PAGE] = 1;
}

/* One page, always another, is given back and touched again: all that is mapped stays so. */
static void give_back(int i)
{
	size_t page = (size_t)i * 7919 % pages;

	if (madvise((char *)memory + page * PAGE, PAGE, MADV_DONTNEED))
		bench_fail("madvise: %s", strerror(errno));
	memory[page * PAGE] = 1;
}

const struct row row_scale_touch = {
	"scale-touch", "scaling", "first touch of a page, with so many pages mapped; bytes of tables for each GiB", 30,
	.sizes = page_sizes, .size_is = "pages mapped",
	.sides = {
		{ "linux", 0, map_pages, NULL, touch_fresh },
		{ "dune", SIDE_DUNE, map_pages, NULL, touch_fresh },
	},
};

const struct row row_scale_discard = {
	"scale-discard", "scaling", "MADV_DONTNEED of one page, and its touch, with so many pages mapped", 30,
	.sizes = discard_sizes, .size_is = "pages mapped",
	.sides = {
		{ "linux", 0, map_pages, NULL, give_back },
		{ "dune", SIDE_DUNE, map_pages, NULL, give_back },
	},
};

/* A range is touched and unmapped, as a whole; figures are for one page of it. */
static const int range_sizes[] = { 1, 16, 256, 4096, 0 };

static void range(int rounds)
{
	pages = bench_size;
	need_memory(pages * PAGE);
}

static void touch_range(int i)
{
	size_t n;

	memory = bench_memory(pages * PAGE, PAGE);
	for (n = 0; n < pages; n++)
		memory[n * PAGE] = 1;
}

static void unmap_range(int i)
{
	munmap((char *)memory, pages * PAGE);
}

const struct row row_scale_unmap = {
	"scale-unmap", "scaling", "munmap() of a range of so many pages that were touched", 5,
	.sizes = range_sizes, .size_is = "pages in the range",
	.sides = {
		{ "linux", 0, range, touch_range, unmap_range },
		{ "dune", SIDE_DUNE, range, touch_range, unmap_range },
	},
};

/* ---- Mappings ----------------------------------------------------------------------- */

static const int mapping_sizes[] = { 1, 256, 4096, 65400, 0 };

/* Neighbours have different rights, so that Linux cannot make one of them. */
static void mappings(int rounds)
{
	size_t n = bench_size, i;
	char *p = bench_memory(n * PAGE, PAGE);

	for (i = 0; i < n; i += 2)
		if (mprotect(p + i * PAGE, PAGE, PROT_READ))
			bench_skip("%zu mappings: %s (vm.max_map_count)", i, strerror(errno));
	fresh = bench_memory(rounds * PAGE, MIB2);
}

const struct row row_scale_mappings = {
	"scale-mappings", "scaling", "first touch of a page, with so many mappings in the process", 30,
	.sizes = mapping_sizes, .size_is = "mappings",
	.sides = {
		{ "linux", 0, mappings, NULL, touch_fresh },
		{ "dune", SIDE_DUNE, mappings, NULL, touch_fresh },
	},
};

/* ---- Threads that fault together ------------------------------------------------------ */

#define EACH 64		/* pages for each thread in one op */

static const int thread_sizes[] = { 1, 2, 3, 4, 6, 8, 0 };
static uint32_t round_nr, done;

static void wait_for(uint32_t *word, uint32_t not_this)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == not_this)
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, not_this, NULL, NULL, 0);
}

static void wake_all(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1 << 30, NULL, NULL, 0);
}

static void touch_part(uint32_t thread, uint32_t round)
{
	size_t first = ((size_t)thread * 4096 + (size_t)(round - 1) * EACH) * PAGE, n;

	for (n = 0; n < EACH; n++)
		memory[first + n * PAGE] = 1;
}

static void *faulter(void *arg)
{
	uint32_t me = (uintptr_t)arg, seen = 0;

	bench_watch(dune_counters());
	for (;;) {
		wait_for(&round_nr, seen);
		touch_part(me, ++seen);
		__atomic_fetch_add(&done, 1, __ATOMIC_ACQ_REL);
		wake_all(&done);
	}
	return NULL;
}

/* Each has a part of its own; and they may run on all CPUs. */
static void faulters(int rounds)
{
	cpu_set_t all;
	pthread_t t;
	int i;

	if ((rounds + 1) * EACH > 4096)
		bench_fail("%d rounds are too many", rounds);
	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
	memory = bench_memory((size_t)bench_size * 4096 * PAGE, MIB2);
	for (i = 0; i < bench_size; i++)
		if (pthread_create(&t, NULL, faulter, (void *)(uintptr_t)i))
			bench_fail("pthread_create");
}

static void all_fault(int i)
{
	uint32_t n, want = (i + 1) * bench_size;

	__atomic_fetch_add(&round_nr, 1, __ATOMIC_ACQ_REL);
	wake_all(&round_nr);
	while ((n = __atomic_load_n(&done, __ATOMIC_ACQUIRE)) != want)
		wait_for(&done, n);
}

const struct row row_scale_threads = {
	"scale-threads", "scaling", "threads touch 64 fresh pages each, together: all of it, for 64 pages", 10,
	.per = EACH, .sizes = thread_sizes, .size_is = "threads",
	.sides = {
		{ "linux", 0, faulters, NULL, all_fault },
		{ "dune", SIDE_DUNE, faulters, NULL, all_fault },
	},
};

/* ---- Spaces ----------------------------------------------------------------------------- */

static const int space_sizes[] = { 1, 10, 100, 1000, 0 };

static void __attribute__((noreturn)) live(int ready, bool in_dune)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (in_dune && (dune_init() || dune_enter()))
		_exit(1);
	if (write(ready, "x", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* Processes that wait, in Dune mode or not. Only then this one enters. */
static void populate(bool in_dune)
{
	int ready[2], i;
	pid_t pid;
	char c;

	fresh = bench_memory((WARM_UP + MAX_SAMPLES) * PAGE, PAGE);
	if (pipe(ready))
		bench_fail("pipe: %s", strerror(errno));
	begin_memory();
	for (i = 0; i < bench_size; i++) {
		pid = fork();
		if (!pid)
			live(ready[1], in_dune);
		if (pid < 0 || read(ready[0], &c, 1) != 1)
			bench_fail("process %d: %s", i, strerror(errno));
	}
	end_memory(bench_size, 0);
}

static void processes(int rounds)
{
	populate(false);
}

static void spaces(int rounds)
{
	populate(true);
	if (dune_init() || dune_enter())
		bench_fail("no Dune mode");
	bench_watch(dune_counters());
}

const struct row row_scale_spaces = {
	"scale-spaces", "scaling", "first touch of a page, with so many other processes that wait", 30,
	.sizes = space_sizes, .size_is = "processes",
	.sides = {
		{ "linux", 0, processes, NULL, touch_fresh },
		{ "dune", 0, spaces, NULL, touch_fresh, "all in Dune mode" },
	},
};

/* ---- VCPUs --------------------------------------------------------------------------------- */

static const int vcpu_sizes[] = { 1, 4, 16, 64, 256, 0 };
static uint32_t never, started;

static void *waiter(void *arg)
{
	__atomic_fetch_add(&started, 1, __ATOMIC_ACQ_REL);
	wake_all(&started);
	wait_for(&never, 0);
	return NULL;
}

/* Threads that wait, in Dune mode if this one is. */
static void waiters(int rounds)
{
	pthread_attr_t attr;
	pthread_t t;
	int i;

	pages = 1;
	memory = bench_memory(PAGE, PAGE);
	memory[0] = 1;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	begin_memory();
	for (i = 0; i < bench_size; i++) {
		if (pthread_create(&t, &attr, waiter, NULL))
			bench_fail("pthread_create: thread %d", i);
		wait_for(&started, i);
	}
	end_memory(bench_size, 0);
}

static void flush_all(int i)
{
	dune_tlb_flush_all();
}

const struct row row_scale_vcpus = {
	"scale-vcpus", "scaling", "MADV_DONTNEED of one page, and its touch, with so many other threads that wait", 30,
	.sizes = vcpu_sizes, .size_is = "threads",
	.sides = {
		{ "linux", 0, waiters, NULL, give_back },
		{ "dune", SIDE_DUNE, waiters, NULL, give_back, "all in Dune mode" },
		{ "dune-flush", SIDE_DUNE, waiters, NULL, flush_all, "dune_tlb_flush_all()" },
	},
};
