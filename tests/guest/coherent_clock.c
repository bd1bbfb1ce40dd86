// SPDX-License-Identifier: GPL-2.0
/*
 * The vDSO and its data: pages of the kernel's own, without rights to write, whose content
 * changes at every tick, when somebody sets the clock, and with the time namespace. Read
 * in Dune mode without a system call.
 */
#include "coherent.h"
#include <sched.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>

#define SECOND 1000000000L

static long ns(const struct timespec *t) { return t->tv_sec * SECOND + t->tv_nsec; }

/* By the vDSO, and by a system call. */
static long vdso_now(void *id)
{
	struct timespec t;

	return clock_gettime((long)id, &t) ? -1 : ns(&t);
}

static long call_now(void *id)
{
	struct timespec t;

	return syscall(SYS_clock_gettime, (long)id, &t) ? -1 : ns(&t);
}

static long on_clock(enum side side, long (*now)(void *), long id) { return on(side, now, (void *)id); }

static void test_clock(long id, const char *name)
{
	uint64_t exits = native ? 0 : dune_counters()->syscalls_fast + dune_counters()->syscalls_exact;
	long backwards = 0, last = 0;

	for (int i = 0; i < 1000; i++) {
		long t = vdso_now((void *)id);

		backwards += t < last;
		last = t;
	}
	if (!native)
		exits = dune_counters()->syscalls_fast + dune_counters()->syscalls_exact - exits;
	ok(!backwards && last > 0 && exits < 10, "%s, read 1000 times in Dune mode: %ld system calls", name,
	   (long)exits);
	last = 0;
	for (int i = 0; i < 200; i++)
		for_each_side(s) {
			long t = on_clock(s, vdso_now, id);

			backwards += t < last;
			last = t;
			t = on_clock(s, call_now, id);
			backwards += t < last;
			last = t;
			t = on_clock(!s, vdso_now, id);
			backwards += t < last;
			last = t;
		}
	ok(!backwards, "%s by vDSO and by system call, on both sides by turns: never backwards (%ld)", name, backwards);
}

/* It goes on while nothing but Dune mode runs. */
static void test_advances(long id, const char *name)
{
	struct timespec t;
	long first, n;

	clock_gettime(id, &t);
	first = ns(&t);
	for (n = 0; n < 50000000 && ns(&t) - first < SECOND / 50; n++)
		clock_gettime(id, &t);
	ok(ns(&t) - first >= SECOND / 50, "%s goes on in Dune mode: 20 ms after %ld loads", name, n);
}

static long do_settime(void *offset)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += (long)offset;
	return clock_settime(CLOCK_REALTIME, &t);
}

static void test_set(enum side by)
{
	long jumped[SIDES], back[SIDES], before = vdso_now((void *)CLOCK_REALTIME);

	if (on(by, do_settime, (void *)3600L)) {
		skip(2, "the clock cannot be set: %s", strerror(errno));
		return;
	}
	for_each_side(s)
		jumped[s] = (on_clock(s, vdso_now, CLOCK_REALTIME) - before) / SECOND;
	on(by, do_settime, (void *)-3600L);
	for_each_side(s)
		back[s] = (on_clock(s, vdso_now, CLOCK_REALTIME) - before) / SECOND;
	ok(jumped[INSIDE] >= 3600 && jumped[INSIDE] < 3700 && jumped[OUTSIDE] >= 3600 && jumped[OUTSIDE] < 3700,
	   "set an hour on %s: seen at once, by %ld and %ld s", side_name[by], jumped[INSIDE], jumped[OUTSIDE]);
	ok(back[INSIDE] >= 0 && back[INSIDE] < 100 && back[OUTSIDE] >= 0 && back[OUTSIDE] < 100, "and back");
}

/* The data is not to be written; and it is the kernel's: nobody's copy. */
static void test_rights(void)
{
	unsigned long start, end;
	char line[256], rights[8], path[64];
	volatile char *vvar = NULL;
	volatile char *vdso = (volatile char *)getauxval(AT_SYSINFO_EHDR);
	FILE *f = fopen("/proc/self/maps", "re");

	while (f && fgets(line, sizeof(line), f)) {
		path[0] = 0;
		if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %63s", &start, &end, rights, path) >= 3 &&
		    !strcmp(path, "[vvar]"))
			vvar = (volatile char *)start;
	}
	fclose(f);
	if (!vvar)
		bail("no vvar in /proc/self/maps");
	ok(peek(INSIDE, vvar) >= 0 && peek(OUTSIDE, vvar) >= 0 && refuses(vvar, WRITE, SIGSEGV, SEGV_ACCERR) &&
	   refuses(vvar, EXECUTE, SIGSEGV, SEGV_ACCERR), "vvar can be read, and nothing else");
	ok(holds(vdso, 0x7f) && holds(vdso + 1, 'E') && refuses(vdso, WRITE, SIGSEGV, SEGV_ACCERR),
	   "the vDSO can be read, and not written");
}

static long vdso_cpu(void *unused)
{
	unsigned int cpu = ~0U, node = ~0U;

	return getcpu(&cpu, &node) ? -1 : (long)cpu;
}

static void test_getcpu(void)
{
	cpu_set_t set;
	long bad = 0, nr = sysconf(_SC_NPROCESSORS_ONLN);

	for (long i = 0; i < 20 * nr; i++) {
		CPU_ZERO(&set);
		CPU_SET(i % nr, &set);
		sched_setaffinity(0, sizeof(set), &set);
		bad += vdso_cpu(NULL) != i % nr;
	}
	CPU_ZERO(&set);
	for (long i = 0; i < nr; i++)
		CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
	ok_eq(bad, 0, "getcpu() by the vDSO, on %ld CPUs", nr);
}

/* ---- A time namespace -------------------------------------------------------------------- */

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define AHEAD 100000L

/*
 * In a child, which has one thread. It goes into the namespace while it is in Dune mode with
 * the data mapped: the page must be another one at once.
 */
static int in_namespace(void)
{
	long before, after, by_call;
	int fd;

	if (unshare(CLONE_NEWTIME) || !set("/proc/self/timens_offsets", "monotonic 100000 0"))
		return 3;
	fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	before = vdso_now((void *)CLOCK_MONOTONIC);
	if (fd < 0 || setns(fd, CLONE_NEWTIME))
		return 4;
	after = vdso_now((void *)CLOCK_MONOTONIC);
	by_call = call_now((void *)CLOCK_MONOTONIC);
	if (after < before + AHEAD * SECOND || after > before + (AHEAD + 100) * SECOND)
		return 5;
	return by_call < after || by_call > after + 100 * SECOND ? 6 : 0;
}

static void test_namespace(enum side by)
{
	int status = -1;
	pid_t pid;

	if (by == OUTSIDE)
		step_out();
	pid = fork();
	if (!pid) {
		alarm(30);
		/* made in Dune mode it is there already, made in ordinary mode it goes there */
		if (by == OUTSIDE && !native && dune_enter())
			_exit(120);
		_exit(in_namespace());
	}
	waitpid(pid, &status, 0);
	if (by == OUTSIDE)
		step_in();
	if (status == 3 << 8)
		skip(1, "no time namespaces");
	else
		ok_eq(status, 0, "a process, made %s, goes to another time namespace", side_name[by]);
}

int main(int argc, char **argv)
{
	sides_start(argc, argv);
	test_clock(CLOCK_MONOTONIC, "CLOCK_MONOTONIC");
	test_clock(CLOCK_REALTIME, "CLOCK_REALTIME");
	test_advances(CLOCK_MONOTONIC, "CLOCK_MONOTONIC");
	test_advances(CLOCK_MONOTONIC_COARSE, "CLOCK_MONOTONIC_COARSE");
	for_each_side(by) {
		test_set(by);
		test_namespace(by);
	}
	test_rights();
	test_getcpu();
	return sides_end();
}
