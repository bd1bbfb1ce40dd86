// SPDX-License-Identifier: GPL-2.0
/*
 * plugin_bench OBJECT - what a call into a plugin costs, and what it would cost elsewhere
 *
 * OBJECT is build/tests/plugin/good.so. Medians, in ticks of the TSC (instructions, in the
 * emulated machine) and VM exits per operation; all in one run, on one machine.
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <dune/plugin.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARM_UP	8
#define TIMES	101

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static uint64_t exits(void)
{
	const struct dune_counters *c = dune_counters();
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; c && i < DUNE_NR_EXIT_KINDS; i++)
		n += c->exits[i];
	return n;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void measure(const char *name, void (*before)(void), void (*fn)(void))
{
	uint64_t took[TIMES], left[TIMES], start, e;
	int i;

	for (i = -WARM_UP; i < TIMES; i++) {
		if (before)
			before();
		e = exits();
		start = ticks();
		fn();
		if (i >= 0) {
			took[i] = ticks() - start;
			left[i] = exits() - e;
		}
	}
	qsort(took, TIMES, sizeof(took[0]), by_value);
	qsort(left, TIMES, sizeof(left[0]), by_value);
	printf("%-52s %10lu %8lu\n", name, (unsigned long)took[TIMES / 2], (unsigned long)left[TIMES / 2]);
}

/* ---- Calls ---------------------------------------------------------------------------------------- */

static struct dune_plugin *plugin;
static uint64_t add, dirty, wanted;

static __attribute__((noinline)) long native_add(long a, long b)
{
	__asm__ volatile("");
	return a + b;
}

static void do_function(void)
{
	native_add(1, 2);
}

static void do_call(void)
{
	uint64_t sum = 0;

	if (dune_plugin_call(plugin, add, (uint64_t[]){ 1, 2 }, 2, &sum) || sum != 3)
		abort();
}

/* ---- Elsewhere: another thread, another process ------------------------------------------------------ */

static uint32_t turn;

static void pass(uint32_t from, uint32_t to)
{
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != from)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, to, NULL);
	__atomic_store_n(&turn, to, __ATOMIC_RELEASE);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
}

static void *other_thread(void *arg)
{
	for (;;)
		pass(1, 0);
	return arg;
}

static void do_thread(void)
{
	pass(0, 1);
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 1, NULL);
}

static int to_child[2], from_child[2];

static void other_process(void)
{
	long words[2];

	while (read(to_child[0], words, sizeof(words)) == sizeof(words)) {
		words[0] += words[1];
		if (write(from_child[1], words, sizeof(words[0])) < 0)
			break;
	}
	_exit(0);
}

static void do_process(void)
{
	long words[2] = { 1, 2 };

	if (write(to_child[1], words, sizeof(words)) < 0 || read(from_child[0], words, sizeof(words[0])) < 0 ||
	    words[0] != 3)
		abort();
}

/* ---- Reset ---------------------------------------------------------------------------------------------- */

static void before_reset(void)
{
	if (dune_plugin_call(plugin, dirty, &wanted, 1, NULL))
		abort();
}

static void do_reset(void)
{
	if (dune_plugin_reset(plugin))
		abort();
}

static void resets(void)
{
	static const unsigned int pages[] = { 0, 1, 10, 100, 250 };
	struct dune_plugin_stats stats;
	unsigned int i;
	char name[64];

	for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		wanted = pages[i];
		do_reset();
		before_reset();
		do_reset();
		dune_plugin_stats(plugin, &stats);
		snprintf(name, sizeof(name), "reset, %zu of %zu pages written to", stats.restored, stats.saved);
		measure(name, before_reset, do_reset);
	}
}

static const char *object;

static void do_open(void)
{
	struct dune_plugin *p;

	if (dune_plugin_open(object, NULL, &p))
		abort();
	dune_plugin_close(p);
}

int main(int argc, char **argv)
{
	struct dune_plugin_policy policy = { .time_ns = DUNE_PLUGIN_NO_LIMIT };
	pthread_t thread;
	int err;

	if (argc != 2) {
		fprintf(stderr, "usage: plugin_bench OBJECT\n");
		return 2;
	}
	object = argv[1];
	/* before Dune mode is there: it is Linux's figure */
	if (pipe(to_child) || pipe(from_child))
		abort();
	if (!fork())
		other_process();
	err = dune_init();
	if (!err)
		err = dune_plugin_open(object, &policy, &plugin);
	if (!err)
		err = dune_plugin_sym(plugin, "add", &add);
	if (!err)
		err = dune_plugin_sym(plugin, "dirty", &dirty);
	if (err) {
		fprintf(stderr, "plugin_bench: %s: %s\n", object, strerror(-err));
		return 1;
	}
	pthread_create(&thread, NULL, other_thread, NULL);
	printf("%-52s %10s %8s\n", "", "ticks", "exits");
	measure("a function", NULL, do_function);
	measure("another thread, by futex", NULL, do_thread);
	measure("another process, by pipes", NULL, do_process);
	measure("a plugin, from ordinary mode", NULL, do_call);
	dune_enter();
	measure("a plugin, from Dune mode", NULL, do_call);
	dune_plugin_limit(plugin, 60UL * 1000000000);
	measure("a plugin, from Dune mode, with a time limit", NULL, do_call);
	dune_plugin_limit(plugin, DUNE_PLUGIN_NO_LIMIT);
	resets();
	measure("open and close", NULL, do_open);
	fflush(stdout);
	_exit(0);
}
