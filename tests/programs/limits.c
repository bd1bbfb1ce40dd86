// SPDX-License-Identifier: GPL-2.0
/*
 * Resource limits: each strikes where it should, and the program can go on where Linux lets it.
 * CPU time is counted.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "child.h"

#define MIB	(1UL << 20)

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static size_t vm_size(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	size_t pages = 0;

	if (f) {
		if (fscanf(f, "%zu", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return pages * 4096;
}

/* ---- Memory ------------------------------------------------------------- */

static void nothing(void)
{
}

static void limit_as(void)
{
	struct rlimit lim = { vm_size() + 16 * MIB, RLIM_INFINITY };
	char *p;

	need(!setrlimit(RLIMIT_AS, &lim));
	need(!map(64 * MIB) && errno == ENOMEM);
	need(!malloc(64 * MIB));
	p = map(MIB);
	need(p);
	memset(p, 1, MIB);
	need(status_of(child(nothing)) == 0);
	while (map(MIB))
		;
	need(errno == ENOMEM);
	p[0] = 2;
	lim.rlim_cur = RLIM_INFINITY;
	need(!setrlimit(RLIMIT_AS, &lim) && map(64 * MIB));
}

static void limit_data(void)
{
	struct rlimit lim = { 4 * MIB, 4 * MIB };

	need(!setrlimit(RLIMIT_DATA, &lim));
	need(sbrk(16 * (intptr_t)MIB) == (void *)-1 && errno == ENOMEM);
	need(!map(16 * MIB) && errno == ENOMEM);
	need(mmap(NULL, 16 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static void limit_memlock(void)
{
	struct rlimit lim = { 4096, 4096 };
	char *p = map(MIB);

	/* The administrator is not limited. */
	need(!setuid(65534) && !setrlimit(RLIMIT_MEMLOCK, &lim));
	need(!mlock(p, 4096));
	need(mlock(p, MIB) == -1 && (errno == ENOMEM || errno == EPERM));
	need(!munlock(p, 4096));
}

/* ---- CPU time ----------------------------------------------------------- */

static volatile unsigned long work;
static volatile int warned;

static void compute(long n)
{
	for (long i = 0; i < n; i++)
		work = work * 3 + 1;
}

static void limit_cpu(void)
{
	struct rlimit lim = { 1, 10 };

	setrlimit(RLIMIT_CPU, &lim);
	for (;;)
		compute(1000000);
}

static long cpu_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *compute_some(void *arg)
{
	compute(200000);
	return NULL;
}

static void test_cpu(void)
{
	struct rusage before, after;
	long own = cpu_ns(CLOCK_PROCESS_CPUTIME_ID), thread = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	long tries = 0;
	pthread_t t;

	compute(200000);
	ok(cpu_ns(CLOCK_PROCESS_CPUTIME_ID) > own, "the CPU time of a process is counted");
	ok(cpu_ns(CLOCK_THREAD_CPUTIME_ID) > thread, "the CPU time of a thread is counted");
	own = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	pthread_create(&t, NULL, compute_some, NULL);
	pthread_join(t, NULL);
	ok(cpu_ns(CLOCK_PROCESS_CPUTIME_ID) > own, "that of another thread, too");
	getrusage(RUSAGE_SELF, &before);
	do {
		compute(100000);
		getrusage(RUSAGE_SELF, &after);
	} while (!timercmp(&before.ru_utime, &after.ru_utime, <) && ++tries < 5000);
	ok(timercmp(&before.ru_utime, &after.ru_utime, <), "it is counted as user time");
	memset(map(MIB), 1, MIB);
	getrusage(RUSAGE_SELF, &after);
	ok(after.ru_minflt > before.ru_minflt, "faults are counted");
}

/* ---- Files, children ---------------------------------------------------- */

static void on_xfsz(int sig)
{
	warned++;
}

static void limit_fsize(void)
{
	struct rlimit lim = { 4096, 4096 };
	int fd = memfd_create("limited", 0);
	static char block[8192];

	signal(SIGXFSZ, on_xfsz);
	need(!setrlimit(RLIMIT_FSIZE, &lim));
	need(write(fd, block, 8192) == 4096 && !warned);
	need(write(fd, block, 1) == -1 && errno == EFBIG && warned == 1);
	signal(SIGXFSZ, SIG_DFL);
	(void)!write(fd, block, 1);
}

static void limit_nproc(void)
{
	struct rlimit lim = { 0, 0 };
	pthread_t t;

	need(!setuid(65534) && !setrlimit(RLIMIT_NPROC, &lim));
	need(fork() == -1 && errno == EAGAIN);
	need(pthread_create(&t, NULL, compute_some, NULL) == EAGAIN);
	need(vfork() == -1 && errno == EAGAIN);
	compute_some(NULL);
}

static pid_t other;

static void waits(void)
{
	for (;;)
		pause();
}

static void test_others(void)
{
	struct rlimit lim = { 77, 88 }, old;

	ok(getrlimit(RLIMIT_NOFILE, &old) == 0 && old.rlim_cur > 0, "getrlimit()");
	other = child(waits);
	ok(!prlimit(other, RLIMIT_NOFILE, &lim, NULL) &&
	   !prlimit(other, RLIMIT_NOFILE, NULL, &old) && old.rlim_cur == 77 &&
	   old.rlim_max == 88, "prlimit() of a child");
	kill(other, SIGKILL);
	status_of(other);
	errno = 0;
	ok(getpriority(PRIO_PROCESS, 0) == 0 && !errno && !setpriority(PRIO_PROCESS, 0, 3) &&
	   getpriority(PRIO_PROCESS, 0) == 3,
	   "setpriority()");
}

int main(void)
{
	ok_child(limit_as, "RLIMIT_AS: mmap() and malloc() fail, and the program goes on");
	ok_child(limit_data, "RLIMIT_DATA: brk() and mmap() fail");
	if (getuid() == 0) {
		ok_child(limit_memlock, "RLIMIT_MEMLOCK: mlock() fails");
		ok_child(limit_nproc,
			 "RLIMIT_NPROC: fork(), vfork() and threads fail, and the program goes on");
	} else {
		skip(2, "not the administrator");
	}
	ok_killed(limit_cpu, SIGXCPU, "RLIMIT_CPU: SIGXCPU ends a loop");
	ok_killed(limit_fsize, SIGXFSZ, "RLIMIT_FSIZE: write() fails, SIGXFSZ");
	test_cpu();
	test_others();
	return tap_done();
}
