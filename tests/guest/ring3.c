// SPDX-License-Identifier: GPL-2.0
/*
 * dune_ring3_run() and its kin: what ring 3 begins with, how a signal ends it, and that nothing
 * of it is left in ring 0 afterwards.
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "tap.h"

#define PAGE	4096UL

/* Copied to a page of ring 3's own. */
extern const char code_start[], code_spin[], code_bases[], code_ac[], code_end[];
__asm__(".pushsection .text\n"
	"code_start:\n"
	"code_spin:	jmp code_spin\n"
	"code_bases:	mov %fs:0, %rdi; mov %gs:0, %rsi; syscall\n"
	"code_ac:	pushfq; orl $0x40000, (%rsp); popfq; ud2\n"
	"code_end:\n"
	".popsection\n");

static char *page;			/* code, data, stack: a page each */
static struct dune_root *root;
static volatile int stops, refusals;

static long run(const char *code, uint64_t fs, uint64_t gs)
{
	struct dune_trap start = {
		.rip = (uintptr_t)page + (code - code_start), .rsp = (uintptr_t)page + 3 * PAGE,
	};
	struct dune_root *outer = dune_root_current();
	long value;

	dune_root_switch(root);
	value = dune_ring3_run_bases(&start, fs, gs);
	dune_root_switch(outer);
	return value;
}

/* ---- Bases ----------------------------------------------------------------------------------- */

static uint64_t seen_fs, seen_gs;

static int on_syscall(struct dune_trap *trap)
{
	seen_fs = trap->rdi;
	seen_gs = trap->rsi;
	dune_ring3_exit(11);
}

static __thread int mine = 5;

static void test_bases(void)
{
	uint64_t *data = (void *)(page + PAGE);

	data[0] = 0x1111;
	data[1] = 0x2222;
	dune_on_syscall(on_syscall, 0);
	ok_eq(run(code_bases, (uintptr_t)&data[0], (uintptr_t)&data[1]), 11, "ring 3 with bases of its own");
	ok(seen_fs == 0x1111 && seen_gs == 0x2222, "it has them");
	ok_eq(mine, 5, "and ring 0 has its own again");
	ok_eq(run(code_bases, 1UL << 47, 0), -EINVAL, "an FS base that is not a user's is refused");
	ok_eq(run(code_bases, 0, ~0UL), -EINVAL, "a GS base as well");
	dune_on_syscall(NULL, 0);
}

/* ---- Flags ------------------------------------------------------------------------------------ */

static int on_ud(struct dune_trap *trap)
{
	if (!(trap->cs & 3))
		return DUNE_TRAP_PASS;
	dune_ring3_exit(12);
}

static uint64_t flags(void)
{
	uint64_t value;

	__asm__ volatile("pushfq; pop %0" : "=r"(value));
	return value;
}

static void test_flags(void)
{
	dune_on_exception(DUNE_VECTOR_UD, on_ud, 0);
	ok_eq(run(code_ac, 0, 0), 12, "ring 3 sets AC, and an exception ends it");
	ok_eq(flags() & 0x40000, 0, "AC is not ring 0's");
	dune_on_exception(DUNE_VECTOR_UD, NULL, 0);
}

/* ---- A signal ------------------------------------------------------------------------------------ */

static void on_alarm(int sig)
{
	if (dune_ring3_stop(13))
		refusals++;
	else
		stops++;
}

static void timer(long usec)
{
	struct itimerval value = { { 0, usec }, { 0, usec } };

	setitimer(ITIMER_REAL, &value, NULL);
}

static uint64_t callee_saved(long *value)
{
	register uint64_t r12 __asm__("r12") = 0x123456789;

	__asm__ volatile("" : "+r"(r12));
	*value = run(code_spin, 0, 0);
	__asm__ volatile("" : "+r"(r12));
	return r12;
}

static void test_stop(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	int i, wrong = 0, lost = 0;
	long value;

	sigaction(SIGALRM, &action, NULL);
	ok_eq(dune_ring3_stop(1), -EAGAIN, "nothing to stop in ring 0");
	raise(SIGALRM);
	ok(refusals == 1 && !stops, "nor for a handler of a signal that found ring 0");
	timer(20000);
	for (i = 0; i < 20; i++) {
		lost += callee_saved(&value) != 0x123456789;
		wrong += value != 13;
	}
	timer(0);
	ok(!wrong, "a signal ended an endless loop in ring 3, %d times of %d", i - wrong, i);
	ok(!lost, "registers are as they were");
	ok(stops >= i, "by its handler");
	ok(dune_inside(), "this is Dune mode");
	ok_eq(mine, 5, "with ring 0's thread-local variables");
	ok_eq(flags() & 0x40500, 0, "and clean flags");
}

static void make_root(void)
{
	page = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(page, code_start, code_end - code_start);
	mprotect(page, PAGE, PROT_READ | PROT_EXEC);
	if (dune_root_clone(dune_root_default(), &root) ||
	    dune_pt_map(root, (uintptr_t)page, 3 * PAGE, (uintptr_t)page,
			DUNE_PROT_READ | DUNE_PROT_WRITE | DUNE_PROT_EXEC | DUNE_PROT_USER))
		bail("no root");
}

int main(void)
{
	int err = dune_init();

	if (!err)
		err = dune_enter();
	if (err)
		bail("dune_enter: %s", strerror(-err));
	make_root();
	test_bases();
	test_flags();
	test_stop();
	dune_leave();
	ok_eq(dune_ring3_stop(1), -EAGAIN, "nothing to stop in ordinary mode");
	return tap_done();
}
