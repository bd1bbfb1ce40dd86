// SPDX-License-Identifier: GPL-2.0
/* Threads, processes and switches between them; and signals. */
#define _GNU_SOURCE
#include "bench.h"
#include <dune/dune.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- A switch ------------------------------------------------------------------ */

static uint32_t turn;	/* 0: ours, 1: the other's */
static bool ready;

static void pass_to(uint32_t whose)
{
	__atomic_store_n(&turn, whose, __ATOMIC_RELEASE);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) == whose)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, whose, NULL, NULL, 0);
}

static void *other_thread(void *in_dune)
{
	if (dune_inside() != !!in_dune)
		bench_fail("a thread of Dune mode is not in Dune mode");
	bench_watch(dune_counters());
	ready = true;
	for (;;)
		pass_to(0);
	return NULL;
}

static void start_other(bool in_dune)
{
	pthread_t t;

	turn = 1;
	if (pthread_create(&t, NULL, other_thread, in_dune ? &turn : NULL))
		bench_fail("pthread_create");
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
}

static void other_native(int rounds)
{
	start_other(false);
}

static void other_in_dune(int rounds)
{
	start_other(true);
}

static void there_and_back(int i)
{
	pass_to(1);
}

const struct row row_switch = {
	"switch", "overhead", "switch to another thread on the same CPU, by a futex", .per = 2,
	.sides = {
		{ "linux", 0, other_native, NULL, there_and_back },
		{ "dune", SIDE_DUNE, other_in_dune, NULL, there_and_back, "both are in Dune mode" },
	},
};

/* ---- Making them ------------------------------------------------------------------ */

static bool made_inside;

static void *empty_thread(void *arg)
{
	return arg;
}

static void thread(int i)
{
	pthread_t t;

	if (pthread_create(&t, NULL, empty_thread, NULL) || pthread_join(t, NULL))
		bench_fail("pthread_create");
}

static void *look(void *arg)
{
	made_inside = dune_inside();
	return arg;
}

static void threads_in_dune(int rounds)
{
	pthread_t t;

	if (pthread_create(&t, NULL, look, NULL) || pthread_join(t, NULL) || !made_inside)
		bench_fail("a thread of Dune mode is not in Dune mode");
}

static void child(int i)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		bench_fail("fork: %s", strerror(errno));
}

static void child_program(int i)
{
	pid_t pid = vfork();
	int status;

	if (!pid) {
		execl("/proc/self/exe", "dune-bench", "--nothing", NULL);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
		bench_fail("vfork, execve: %s", strerror(errno));
}

const struct row row_thread = {
	"thread", "overhead", "pthread_create() and pthread_join()", .samples = 100,
	.sides = {
		{ "linux", 0, NULL, NULL, thread },
		{ "dune", SIDE_DUNE, threads_in_dune, NULL, thread, "both are in Dune mode; exits of the maker" },
	},
};

const struct row row_fork = {
	"fork", "overhead", "fork(), _exit(), waitpid()", .samples = 50,
	.sides = {
		{ "linux", 0, NULL, NULL, child },
		{ "dune", SIDE_DUNE, NULL, NULL, child, "the child is in Dune mode; exits of the parent" },
	},
};

const struct row row_exec = {
	"exec", "overhead", "vfork(), execve() of a small static program, waitpid()", .samples = 20,
	.sides = {
		{ "linux", 0, NULL, NULL, child_program },
		{ "dune", SIDE_DUNE, NULL, NULL, child_program, "the program is in ordinary mode; exits of the parent" },
	},
};

/* ---- Signals ------------------------------------------------------------------------ */

static void on_signal(int sig)
{
}

static void catch(int rounds)
{
	signal(SIGUSR1, on_signal);
}

static void send(int i)
{
	raise(SIGUSR1);
}

const struct row row_signal = {
	"signal", "overhead", "raise(), handler, return",
	.sides = {
		{ "linux", 0, catch, NULL, send },
		{ "dune", SIDE_DUNE, catch, NULL, send },
	},
};
