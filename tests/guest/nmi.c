// SPDX-License-Identifier: GPL-2.0
/*
 * NMIs are the host's. One CPU spins in Dune mode while the kernel is asked for
 * a backtrace of all CPUs, which it gets by NMI: each must leave Dune mode, reach
 * the host's own handler and come back. Wants two CPUs.
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>
#include "tap.h"

static const struct dune_counters *counters;
static atomic_bool inside, stop;
static atomic_ulong turns;

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *spin(void *arg)
{
	pin(1);
	if (dune_enter())
		return "did not enter";
	counters = dune_counters();
	inside = true;
	while (!stop)
		turns++;
	return dune_leave() ? "did not leave" : NULL;
}

static unsigned long nmis(void)
{
	return counters->exits[DUNE_KIND_NMI];
}

int main(void)
{
	int i, trigger = open("/proc/sysrq-trigger", O_WRONLY);
	unsigned long before;
	void *complaint;
	pthread_t thread;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip_all("one CPU");
	if (trigger < 0)
		skip_all("no sysrq");
	if (dune_init())
		bail("no Dune mode");
	pin(0);
	pthread_create(&thread, NULL, spin, NULL);
	while (!inside)
		sched_yield();

	/* one lands outside Dune mode when that CPU is in an interrupt just then, or prints the last one's */
	for (i = 0; i < 50 && !nmis(); i++) {
		if (write(trigger, "l", 1) != 1)
			bail("sysrq refused");
		usleep(i * 1000);
	}
	diag("%lu NMIs in Dune mode", nmis());
	ok(nmis() > 0, "NMIs came while the thread was in Dune mode");
	/* not at once: that CPU may have to print the backtraces first */
	before = turns;
	for (i = 0; i < 500 && turns == before; i++)
		usleep(10000);
	ok(turns > before, "it goes on");
	stop = true;
	pthread_join(thread, &complaint);
	ok_str(complaint ? complaint : "left", "left", "it left Dune mode");
	return tap_done();
}
