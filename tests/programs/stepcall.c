// SPDX-License-Identifier: GPL-2.0
/*
 * Single steps over a SYSCALL instruction: by the program itself and by its tracer.
 *
 * This is a program of its own because Bochs raises #DB at the first instruction of the kernel when
 * ordinary user code makes a call with TF set (no CPU does), and Linux warns of that once.
 */
#define _GNU_SOURCE
#include <ucontext.h>

#include "tracing.h"

#define TF	0x100L

void stepped(void);
extern const char stepped_first[], stepped_call[], stepped_on[], stepped_next[], stepped_last[];
__asm__(".pushsection .text\n"
	"stepped:\n\tpushfq\n\torq $0x100, (%rsp)\n\tpopfq\n"
	"	nop\n"				/* runs after POPF: the first trap is behind it */
	"stepped_first:\tmovl $102, %eax\n"	/* getuid() */
	"stepped_call:\tsyscall\n"
	/* Linux returns with TF set: the trap is behind this one */
	"stepped_on:\tnop\n"
	"stepped_next:\tpushfq\n\tandq $~0x100, (%rsp)\n\tpopfq\n"
	"stepped_last:\tret\n"
	".popsection");

#define MAX_STEPS 16
static struct { long rip; int code, tf; } step[MAX_STEPS];
static volatile int nsteps;

static void on_step(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	if (nsteps < MAX_STEPS) {
		step[nsteps].rip = uc->uc_mcontext.gregs[REG_RIP];
		step[nsteps].tf = !!(uc->uc_mcontext.gregs[REG_EFL] & TF);
		step[nsteps].code = si->si_code;
	}
	nsteps++;
}

static void test_own(void)
{
	struct sigaction sa = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	const char *path[] = { stepped_first, stepped_call, stepped_next };
	int good = 1;

	sigaction(SIGTRAP, &sa, NULL);
	stepped();
	for (int i = 0; i < 3; i++)
		good &= step[i].rip == (long)path[i] && step[i].code == TRAP_TRACE && step[i].tf;
	ok(good, "TF over a system call: the trap is behind the instruction after it");
	ok(nsteps == 6 && step[5].rip == (long)stepped_last && !step[5].tf,
	   "TF stays set until the program clears it");
	for (int i = 0; (!good || nsteps != 6) && i < nsteps && i < MAX_STEPS; i++)
		diag("step %d: stepped_first%+ld code %d TF %d", i,
		     step[i].rip - (long)stepped_first, step[i].code, step[i].tf);
	signal(SIGTRAP, SIG_DFL);
}

/* Each instruction has a label of its own. */
void steps(void);
extern const char s0[], s1[], s2[], s3[], s4[], s5[], s6[];
__asm__(".pushsection .text\n"
	"steps:\n"
	"s0:\tmovl $102, %eax\n"
	"s1:\tsyscall\n"
	"s2:\tpushfq\n"
	"s3:\tpopq %rdx\n"
	"s4:\tmovl $1000, %eax\n"
	"s5:\tsyscall\n"
	"s6:\tret\n"
	".popsection");

static void test_tracer(void)
{
	const char *path[] = { s1, s2, s3, s4, s5, s6 };
	pid_t pid = tracee(steps, 0);
	int wrong = 0, st = 0, tries;
	regs_t r;

	for (tries = 0; tries < 2000; tries++) {
		st = go_on(PTRACE_SINGLESTEP, pid, 0);
		if (!WIFSTOPPED(st) || regs_of(pid).rip == (uintptr_t)s0)
			break;
	}
	ok(WIFSTOPPED(st) && tries < 2000, "the tracer steps up to a function");
	for (int i = 0; i < 6; i++) {
		st = go_on(PTRACE_SINGLESTEP, pid, 0);
		r = regs_of(pid);
		if (!stopped_by(st, SIGTRAP) || r.rip != (uintptr_t)path[i]) {
			if (!wrong++)
				diag("step %d: status %#x, at s0%+ld, want s0%+ld", i, st,
				     (long)(r.rip - (uintptr_t)s0),
				     (long)(path[i] - s0));
		}
		if (path[i] == s2 && r.rax != getuid())
			wrong++;
		if (path[i] == s6 && (long)r.rax != -ENOSYS)
			wrong++;
	}
	ok_eq(wrong, 0, "a single step over a system call stops right behind it, with its result");
	st = finish(pid);
	ok(WIFEXITED(st) && !WEXITSTATUS(st), "then it runs to its end");
}

int main(void)
{
	test_own();
	test_tracer();
	return tap_done();
}
