// SPDX-License-Identifier: GPL-2.0
/*
 * Restartable sequences, as libc registers them: the CPU number is right wherever a thread runs,
 * and a critical section is left by its abort handler after a signal or a preemption.
 */
#define _GNU_SOURCE
#include <linux/rseq.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/rseq.h>
#include <sys/time.h>

#include "child.h"

/* What libc registers, whatever __rseq_size says of its use. */
#define LIBC_SIZE	32

static volatile struct rseq *mine(void)
{
	return (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

/* ---- CPU numbers -------------------------------------------------------- */

static int numbers_agree(void)
{
	unsigned int cpu, node;
	int tries;

	for (tries = 0; tries < 20; tries++) {
		int a = (int)mine()->cpu_id, b = sched_getcpu(), c;

		if (syscall(SYS_getcpu, &cpu, &node, NULL))
			return 0;
		c = (int)mine()->cpu_id;
		if (a == c)		/* it was not moved meanwhile */
			return a == b && a == (int)cpu && (int)mine()->cpu_id_start == a;
	}
	return 0;
}

static void *agree(void *arg)
{
	return (void *)(intptr_t)numbers_agree();
}

static void child_agrees(void)
{
	need(numbers_agree());
}

static void test_numbers(void)
{
	cpu_set_t all, one;
	int cpus = 0, wrong = 0;
	pthread_t t;
	void *good = NULL;

	ok(numbers_agree(), "rseq's cpu_id, sched_getcpu() and getcpu() agree");
	sched_getaffinity(0, sizeof(all), &all);
	for (int round = 0; round < 10; round++)
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			if (!CPU_ISSET(cpu, &all))
				continue;
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			if (sched_setaffinity(0, sizeof(one), &one))
				continue;
			cpus += !round;
			wrong += (int)mine()->cpu_id != cpu || sched_getcpu() != cpu;
		}
	sched_setaffinity(0, sizeof(all), &all);
	ok_eq(wrong, 0, "moved from CPU to CPU (%d of them), the numbers follow", cpus);
	pthread_create(&t, NULL, agree, NULL);
	pthread_join(t, &good);
	ok(good, "they agree in a thread");
	ok_child(child_agrees, "they agree in a child");
}

/* ---- Critical sections -------------------------------------------------- */

/*
 * section(flag): a critical section that waits in a loop until it is aborted. It gives 1 then; 2 if
 * the loop came to its end.
 */
int section(volatile struct rseq *rs, long turns);
extern const char section_start[], section_end[], section_abort[];
__asm__(".pushsection .data\n\t"
	".balign 32\n"
	"section_cs:\n\t"
	".long 0, 0\n\t"
	".quad section_start, section_end - section_start, section_abort\n\t"
	".popsection\n\t"
	".pushsection .text\n"
	"section:\n\t"
	"leaq section_cs(%rip), %rax\n\t"
	"movq %rax, 8(%rdi)\n"			/* rseq_cs */
	"section_start:\n\t"
	"decq %rsi\n\t"
	"jnz section_start\n"
	"section_end:\n\t"
	"movl $2, %eax\n\t"
	"ret\n\t"
	".long 0x53053053\n"			/* RSEQ_SIG: before the abort handler */
	"section_abort:\n\t"
	"movl $1, %eax\n\t"
	"ret\n\t"
	".popsection");

static volatile int ticks;
static volatile uintptr_t interrupted_at;

static void on_tick(int sig, siginfo_t *si, void *context)
{
	ticks++;
	interrupted_at = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

static void test_signal(void)
{
	struct sigaction sa = { .sa_sigaction = on_tick, .sa_flags = SA_SIGINFO };
	struct itimerval it = { .it_value.tv_usec = 1000 };
	int aborted = 0, at_handler = 0;

	sigaction(SIGALRM, &sa, NULL);
	for (int i = 0; i < 10; i++) {
		ticks = 0;
		setitimer(ITIMER_REAL, &it, NULL);
		aborted += section(mine(), 2000000000) == 1;
		eventually(ticks);
		/* Its frame already has the abort handler: that is where it returns to. */
		at_handler += interrupted_at == (uintptr_t)section_abort;
	}
	ok_eq(aborted, 10, "10 critical sections are aborted by a signal, or before it");
	diag("%d of them by the signal itself", at_handler);
	ok(!mine()->rseq_cs, "rseq_cs is cleared");
}

static volatile int stop;

static void *compute(void *arg)
{
	while (!stop)
		;
	return NULL;
}

/* Two threads on one CPU: each is preempted by the other. */
static void test_preempted(void)
{
	cpu_set_t all, one;
	pthread_t t;
	int aborted = 0;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	pthread_create(&t, NULL, compute, NULL);
	for (int i = 0; i < 5; i++)
		aborted += section(mine(), 2000000000) == 1;
	stop = 1;
	pthread_join(t, NULL);
	sched_setaffinity(0, sizeof(all), &all);
	ok_eq(aborted, 5, "5 critical sections are aborted by a preemption");
}

/* ---- Registration ------------------------------------------------------- */

static void *register_own(void *arg)
{
	static __thread struct rseq own __attribute__((aligned(32)));

	/* libc's registration goes, its own comes */
	need(!syscall(SYS_rseq, mine(), LIBC_SIZE, RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
	need((int)mine()->cpu_id == RSEQ_CPU_ID_UNINITIALIZED);
	own.cpu_id = (uint32_t)RSEQ_CPU_ID_UNINITIALIZED;
	need(!syscall(SYS_rseq, &own, sizeof(own), 0, RSEQ_SIG));
	need((int)own.cpu_id >= 0 && (int)own.cpu_id == sched_getcpu());
	need(syscall(SYS_rseq, &own, sizeof(own), 0, RSEQ_SIG) == -1 && errno == EBUSY);
	need(syscall(SYS_rseq, &own, sizeof(own), RSEQ_FLAG_UNREGISTER, RSEQ_SIG + 1) == -1 &&
	     errno == EPERM);
	need(!syscall(SYS_rseq, &own, sizeof(own), RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
	return arg;
}

/* An abort handler without the signature before it must not be gone to. */
static void bad_handler(void)
{
	static struct rseq_cs bad __attribute__((aligned(32)));

	bad.start_ip = 4096;
	bad.post_commit_offset = (uint64_t)1 << 46;	/* all of the program */
	bad.abort_ip = (uintptr_t)section_start;
	mine()->rseq_cs = (uintptr_t)&bad;
	/* Looked at when a signal is delivered. */
	raise(SIGALRM);
}

static void registration(void)
{
	pthread_t t;

	pthread_create(&t, NULL, register_own, NULL);
	pthread_join(t, NULL);
}

static void test_registration(void)
{
	ok_child(registration, "rseq(): unregistered, registered again elsewhere, with its errors");
	ok_killed(bad_handler, SIGSEGV, "an abort handler without a signature: SIGSEGV");
}

int main(void)
{
	if (!__rseq_size)
		skip_all("libc has no restartable sequences");
	ok((int)mine()->cpu_id >= 0, "libc has registered the main thread");
	test_numbers();
	test_signal();
	test_preempted();
	test_registration();
	return tap_done();
}
