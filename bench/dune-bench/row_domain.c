// SPDX-License-Identifier: GPL-2.0
/* A domain of protection is made, entered, left and unmade. */
#define _GNU_SOURCE
#include "bench.h"
#include "guest.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

	if (!pid) {
		execl("/proc/self/exe", "dune-bench", "--nothing", NULL);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		bench_fail("vfork: %s", strerror(errno));
}

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

static struct dune_root *outer;
static char *private_page;

static GENERAL_REGS int no_call(struct dune_trap *trap)
{
	return DUNE_TRAP_PASS;
}

static void dune_setup(int rounds)
{
	outer = dune_root_current();
	private_page = bench_memory(PAGE, PAGE);
	private_page[0] = 1;
	guest_pte((uintptr_t)private_page);
	guest_ring3_setup(no_call, DUNE_GENERAL_REGS);
}

/* Its own page tables, in which one page is not there; ring 3 runs in it. */
static void root(int i)
{
	struct dune_root *inner;

	if (dune_root_clone(outer, &inner) ||
	    dune_pt_protect(inner, (uintptr_t)private_page, PAGE, DUNE_PROT_NONE))
		bench_fail("dune_root_clone: no memory");
	dune_root_switch(inner);
	guest_ring3_null(i);
	dune_root_switch(outer);
	if (dune_root_free(inner))
		bench_fail("dune_root_free");
}

static struct dune_root *other;

static void dune_enter_setup(int rounds)
{
	dune_setup(rounds);
	if (dune_root_clone(outer, &other))
		bench_fail("dune_root_clone: no memory");
}

static void enter(int i)
{
	dune_root_switch(other);
	guest_ring3_null(i);
	dune_root_switch(outer);
}

const struct row row_domain = {
	"domain", "alternatives", "a domain of protection: made, run empty, unmade", .samples = 30,
	.sides = {
		{ "linux", 0, NULL, NULL, child, "fork()" },
		{ "exec", 0, NULL, NULL, child_program, "vfork() and execve()" },
		{ "pthread", 0, NULL, NULL, thread, "a thread, which protects nothing" },
		{ "dune", SIDE_DUNE, dune_setup, NULL, root, "page tables of its own, and ring 3" },
		{ "dune-enter", SIDE_DUNE, dune_enter_setup, NULL, enter, "the same, made before: entered and left" },
	},
};
