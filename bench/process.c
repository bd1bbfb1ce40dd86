// SPDX-License-Identifier: GPL-2.0
/*
 * process [--list] [--count N] [--trace] [NAME]... - what a process pays for signals, threads and forks.
 *
 * It knows nothing of Dune: bench/process.sh runs it natively and under dune-run, and puts
 * the figures side by side. Ticks are the TSC's: instructions, in the emulated machine.
 * With --trace the last repetition is what vm/run --trace records.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define WARM_UP 16

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* ---- What is measured ------------------------------------------------------ */

static void do_getpid(void)
{
	syscall(SYS_getpid);
}

static void nothing(int sig)
{
}

static void do_signal(void)
{
	raise(SIGUSR1);
}

static char *page;

static void allow(int sig, siginfo_t *info, void *uc)
{
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
}

static void do_segv(void)
{
	mprotect(page, PAGE, PROT_READ);
	*(volatile char *)page = 1;
}

static sigjmp_buf out;

static void jump(int sig, siginfo_t *info, void *uc)
{
	siglongjmp(out, 1);
}

static volatile char *volatile nowhere = (char *)8;

static void do_null(void)
{
	if (!sigsetjmp(out, 1))
		*nowhere = 1;
}

static void *thread(void *arg)
{
	return arg;
}

static void do_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
}

static void do_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static void do_vfork_exec(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execl("/nonexistent", "x", NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* The smallest program there is: this one, when it has nothing to do. */
static void do_exec(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execl("/proc/self/exe", "process", "--nothing", NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

static void do_fault(void)
{
	madvise(page, PAGE, MADV_DONTNEED);
	*(volatile char *)page = 1;
}

static void on(int sig, void (*fn)(int, siginfo_t *, void *))
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO };

	sigaction(sig, &sa, NULL);
}

static void set_signal(void)
{
	signal(SIGUSR1, nothing);
}

static void set_allow(void)
{
	on(SIGSEGV, allow);
}

static void set_jump(void)
{
	on(SIGSEGV, jump);
}

static const struct {
	const char *name, *what;
	void (*run)(void), (*set_up)(void);
	int count;
} items[] = {
	{ "getpid", "system call", do_getpid, NULL, 500 },
	{ "fault", "madvise and first touch of a page", do_fault, NULL, 300 },
	{ "signal", "signal to itself: delivery and return", do_signal, set_signal, 300 },
	{ "segv", "write to a protected page, handler, mprotect twice", do_segv, set_allow, 300 },
	{ "null", "write to nowhere, siglongjmp out", do_null, set_jump, 300 },
	{ "thread", "pthread_create and join", do_thread, NULL, 100 },
	{ "fork", "fork, exit, wait", do_fork, NULL, 60 },
	{ "vfork", "vfork, execve that fails, exit, wait", do_vfork_exec, NULL, 60 },
	{ "exec", "vfork, execve of a small program, wait", do_exec, NULL, 20 },
};
#define ITEMS (sizeof(items) / sizeof(items[0]))

/* ---- How -------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int trace;

/* Where vm/run --trace begins and ends; else it does nothing. */
static inline void mark(int n, int count)
{
	if (trace && n == count - 1)
		__asm__ volatile("xchg %bx, %bx");
}

static void measure(unsigned int i, int count)
{
	uint64_t *v = malloc(count * sizeof(*v));
	int n;

	if (items[i].set_up)
		items[i].set_up();
	for (n = -WARM_UP; n < count; n++) {
		uint64_t start = ticks();

		mark(n, count);
		items[i].run();
		mark(n, count);
		if (n >= 0)
			v[n] = ticks() - start;
	}
	qsort(v, count, sizeof(*v), compare);
	printf("%s\t%d\t%llu\t%llu\t%llu\t%s\n", items[i].name, count, (unsigned long long)v[0],
	       (unsigned long long)v[count / 2], (unsigned long long)v[count * 9 / 10], items[i].what);
	fflush(stdout);
	free(v);
}

static int usage(void)
{
	fprintf(stderr, "usage: process [--list] [--count N] [--trace] [NAME]...\n");
	return 2;
}

int main(int argc, char **argv)
{
	int count = 0, i;
	unsigned int k;

	if (argc == 2 && !strcmp(argv[1], "--nothing"))
		return 0;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return 1;
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--list")) {
			for (k = 0; k < ITEMS; k++)
				printf("%s\n", items[k].name);
			return 0;
		}
		if (!strcmp(argv[i], "--trace")) {
			trace = 1;
			continue;
		}
		if (strcmp(argv[i], "--count") || !argv[++i] || (count = atoi(argv[i])) <= 0)
			return usage();
	}
	for (k = 0; k < ITEMS; k++) {
		int wanted = i == argc, j;

		for (j = i; j < argc; j++)
			wanted |= !strcmp(argv[j], items[k].name);
		if (wanted)
			measure(k, count ? count : items[k].count);
	}
	return 0;
}
