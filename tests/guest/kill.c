// SPDX-License-Identifier: GPL-2.0
/*
 * SIGKILL at any instant. Children in Dune mode spin, with interrupts on and off,
 * make calls, fault, sleep, make and destroy what can be made; each is killed after a
 * random time and has to be gone soon. Afterwards nothing is left of them: no
 * memory, no reference to the module, which can be removed.
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "tap.h"
#include "usage.h"

#define PAGE	4096UL

/* ---- What the victims do -------------------------------------------------------- */

static volatile int *entered;		/* how many threads of the victim; shared with it */
static int were_inside;

static void enter(void)
{
	if (dune_init() || dune_enter())
		_exit(120);
	__atomic_add_fetch(entered, 1, __ATOMIC_RELAXED);
}

static void spin(void)
{
	enter();
	for (;;)
		__asm__ volatile("pause");
}

static void spin_without_interrupts(void)
{
	enter();
	__asm__ volatile("cli");
	for (;;)
		__asm__ volatile("pause");
}

static void make_calls(void)
{
	enter();
	for (;;) {
		getppid();
		sched_yield();
		close(open("/proc/self/status", O_RDONLY));
	}
}

static void fault(void)
{
	enter();
	for (;;) {
		volatile char *p = mmap(NULL, 256 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		int i;

		for (i = 0; i < 256; i++)
			p[i * PAGE] = 1;
		munmap((void *)p, 256 * PAGE);
	}
}

static int fix(struct dune_trap *trap, uintptr_t address)
{
	dune_pt_protect(dune_root_current(), address & -PAGE, PAGE, DUNE_PROT_READ | DUNE_PROT_WRITE);
	return DUNE_TRAP_DONE;
}

static void trap(void)
{
	volatile char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	enter();
	dune_on_page_fault(fix, 0);
	for (;;) {
		dune_pt_protect(dune_root_current(), (uintptr_t)p, PAGE, DUNE_PROT_READ);
		dune_tlb_flush_page((uintptr_t)p);
		*p = 1;
	}
}

static void *come_and_go(void *arg)
{
	if (!dune_enter()) {
		getppid();
		dune_leave();
	}
	return NULL;
}

static void make_threads(void)
{
	pthread_t t;

	dune_init();
	for (;;) {
		pthread_create(&t, NULL, come_and_go, NULL);
		pthread_join(t, NULL);
	}
}

static void make_spaces(void)
{
	struct dune_create_space s = { .size = sizeof(s) };
	struct dune_create_vcpu v = { .size = sizeof(v) };
	int dev = open("/dev/dune", O_RDWR | O_CLOEXEC);

	for (;;) {
		int space = ioctl(dev, DUNE_CREATE_SPACE, &s), vcpu = ioctl(space, DUNE_CREATE_VCPU, &v);

		close(space);
		close(vcpu);
	}
}

static void sleep_long(void)
{
	struct timespec t = { 1000, 0 };

	enter();
	for (;;)
		nanosleep(&t, NULL);
}

static void *enter_and_spin(void *arg)
{
	spin();
	return NULL;
}

static void be_many(void)
{
	pthread_t t;
	int i;

	for (i = 0; i < 4; i++)
		pthread_create(&t, NULL, enter_and_spin, NULL);
	fault();
}

static void stay_outside(void)
{
	if (dune_init())
		_exit(120);
	for (;;) {
		dune_enter();
		dune_leave();
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} victims[] = {
	{ "spins", spin }, { "spins with interrupts off", spin_without_interrupts }, { "makes calls", make_calls },
	{ "faults", fault }, { "traps", trap }, { "makes threads", make_threads }, { "makes spaces", make_spaces },
	{ "sleeps", sleep_long }, { "has five threads", be_many }, { "enters and leaves", stay_outside },
};
#define VICTIMS ((int)(sizeof(victims) / sizeof(victims[0])))

/* ---- The killing -------------------------------------------------------------------- */

static unsigned int seed = 20;
static double slowest;
static const char *slowest_name = "?";

/* One time in two it is in Dune mode by then, if it ever says so; else it is on its way. */
static void wait_a_little(void)
{
	bool inside = rand_r(&seed) & 1;
	int i;

	for (i = 0; inside && !*entered && i < 60; i++)
		usleep(1000);
	usleep(rand_r(&seed) % (inside ? 4000 : 25000));
}

/* Returns whether a SIGKILL was what ended it, and soon. */
static bool kill_one(int i)
{
	double start;
	int status = 0;
	pid_t pid;

	*entered = 0;
	pid = fork();
	if (!pid) {
		victims[i].run();
		_exit(0);
	}
	wait_a_little();
	start = now();
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (now() - start > 5)
			bail("%s: not dead 5 s after SIGKILL", victims[i].name);
		usleep(500);
	}
	if (now() - start > slowest) {
		slowest = now() - start;
		slowest_name = victims[i].name;
	}
	were_inside += *entered > 0;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static int kill_rounds(int rounds)
{
	int i, bad = 0;

	for (i = 0; i < rounds * VICTIMS; i++)
		bad += !kill_one(i % VICTIMS);
	return bad;
}

static void test_each_kind(void)
{
	int i, n, bad;

	for (i = 0; i < VICTIMS; i++) {
		for (n = bad = 0; n < 4; n++)
			bad += !kill_one(i);
		ok_eq(bad, 0, "who %s, dies", victims[i].name);
	}
}

/* ---- What is left ----------------------------------------------------------------------- */

static long min(long a, long b)
{
	return a < b ? a : b;
}

/*
 * A page leaked by each victim would be 320 KiB in each round, of which half is too much; of
 * slab half a KiB each is. Some memory still waits to be freed at any time: a round in which as
 * many die and less is lost says that there is no such leak, and only ROUNDS others that there is.
 */
enum { ROUNDS = 8, PER_ROUND = 8 * VICTIMS };
#define PAGES_BOUND	(PER_ROUND * 4 / 2)
#define SLAB_BOUND	(PER_ROUND / 2)

static void test_memory(void)
{
	long pages = LONG_MAX, slab = LONG_MAX;
	struct usage before, after;
	int i, bad = 0;

	slowest = 0;
	were_inside = 0;
	after = usage();
	for (i = 0; i < ROUNDS && (pages >= PAGES_BOUND || slab >= SLAB_BOUND); i++) {
		before = after;
		bad += kill_rounds(PER_ROUND / VICTIMS);
		after = usage();
		diag("%d killed: pages %+ld KiB, slab %+ld KiB", PER_ROUND, after.pages - before.pages,
		     after.slab - before.slab);
		pages = min(pages, after.pages - before.pages);
		slab = min(slab, after.slab - before.slab);
	}
	ok_eq(bad, 0, "%d more are killed", i * PER_ROUND);
	ok(were_inside > i * PER_ROUND / 4, "%d of them were in Dune mode by then", were_inside);
	diag("the slowest was gone after %.3f s (one that %s)", slowest, slowest_name);
	ok(pages < PAGES_BOUND, "no memory is lost (least of the rounds: %ld KiB)", pages);
	ok(slab < SLAB_BOUND, "nor slab (%ld KiB)", slab);
}

static void test_module(void)
{
	if (references("dune") < 0) {
		skip(3, "dune is not a module here");
		return;
	}
	ok_eq(references("dune"), 0, "nobody has a reference to the module");
	if (access(DUNE_MODULE, R_OK)) {
		skip(2, "no %s to load again", DUNE_MODULE);
		return;
	}
	ok_eq(module_remove(), 0, "it can be removed");
	ok_eq(module_load(), 0, "and loaded again");
}

int main(void)
{
	double start = now();

	entered = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	test_each_kind();
	test_memory();
	diag("%.1f s", now() - start);
	test_module();
	return tap_done();
}
