// SPDX-License-Identifier: GPL-2.0
/*
 * Syscall User Dispatch: while the selector says so, calls from outside of one range of code become
 * SIGSYS and the program emulates them itself.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include "child.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH	59
#define PR_SYS_DISPATCH_OFF	0
#define PR_SYS_DISPATCH_ON	1
#endif
#define ALLOW	0
#define BLOCK	1
#ifndef SYS_USER_DISPATCH
#define SYS_USER_DISPATCH	2
#endif

/* outside_call() is dispatched; inside_call(), and what it needs, is not. */
long outside_call(long nr, long a, long b, long c);
extern const char outside_call_on[];
long inside_call(long nr, long a, long b, long c);
extern const char inside_start[], inside_end[];
__asm__(".pushsection .text\n"
	"outside_call:\n\tmovq %rdi, %rax\n\tmovq %rsi, %rdi\n\tmovq %rdx, %rsi\n\t"
	"movq %rcx, %rdx\n\tsyscall\n"
	"outside_call_on:\n\tret\n\tnop\n\tnop\n"
	"inside_start:\n"
	"inside_call:\n\tmovq %rdi, %rax\n\tmovq %rsi, %rdi\n\tmovq %rdx, %rsi\n\t"
	"movq %rcx, %rdx\n\tsyscall\n"
	"\tret\n"
	"restore:\n\tmovl $15, %eax\n\tsyscall\n"	/* rt_sigreturn(): within the range, too */
	"\tnop\n"				/* RIP behind SYSCALL must still be within */
	"inside_end:\n"
	".popsection");
extern const char restore[];

static volatile char selector;

static struct {
	volatile int times;
	int code, nr;
	void *addr;
	uintptr_t rip, rax;
	int selector_then;
} saw;

/* No call may be made here but from the range. */
static void on_sigsys(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	long nr = si->si_syscall;

	saw.times++;
	saw.code = si->si_code;
	saw.nr = (int)nr;
	saw.addr = si->si_call_addr;
	saw.rip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	saw.rax = (uintptr_t)uc->uc_mcontext.gregs[REG_RAX];
	saw.selector_then = selector;
	/* Emulation: some are made for it, with other arguments; getpid() is invented. */
	if (nr == SYS_getpid)
		uc->uc_mcontext.gregs[REG_RAX] = 777777;
	else
		uc->uc_mcontext.gregs[REG_RAX] = inside_call(nr, uc->uc_mcontext.gregs[REG_RDI],
							     uc->uc_mcontext.gregs[REG_RSI],
							     uc->uc_mcontext.gregs[REG_RDX]);
}

/* sigaction() of libc brings a restorer outside of the range. */
static void handle_sigsys(void)
{
	struct { void *handler; unsigned long flags; const void *restorer; unsigned long mask;
		 } ksa = {
		on_sigsys, SA_SIGINFO | 0x04000000 /* SA_RESTORER */, restore, 0
	};

	need(!syscall(SYS_rt_sigaction, SIGSYS, &ksa, NULL, 8));
}

static int dispatch(int on)
{
	return prctl(PR_SET_SYSCALL_USER_DISPATCH, on ? PR_SYS_DISPATCH_ON : PR_SYS_DISPATCH_OFF,
		     on ? inside_start : 0, on ? inside_end - inside_start : 0, on ? &selector : 0);
}

static void basic(void)
{
	pid_t pid = getpid();

	handle_sigsys();
	need(!dispatch(1));
	selector = ALLOW;
	need(outside_call(SYS_getpid, 0, 0, 0) == pid && !saw.times);
	for (int i = 1; i <= 200; i++) {
		long r, in;

		selector = BLOCK;
		r = outside_call(SYS_getpid, 1, 2, 3);
		in = inside_call(SYS_getpid, 0, 0, 0);
		selector = ALLOW;
		need(r == 777777 && in == pid && saw.times == i);
	}
	need(saw.code == SYS_USER_DISPATCH && saw.nr == SYS_getpid && saw.addr == outside_call_on &&
	     saw.rip == (uintptr_t)outside_call_on && saw.rax == SYS_getpid &&
		     saw.selector_then == BLOCK);
	selector = BLOCK;
	{
		static const char text[] = "# written by the handler\n";
		long n = outside_call(SYS_write, 1, (long)text, sizeof(text) - 1);
		long bad = outside_call(SYS_close, 12345, 0, 0),
			none = outside_call(100000, 0, 0, 0);

		selector = ALLOW;
		need(n == sizeof(text) - 1 && bad == -EBADF && none == -ENOSYS && saw.times == 203);
	}
	need(!dispatch(0));
	selector = BLOCK;
	need(outside_call(SYS_getpid, 0, 0, 0) == pid && saw.times == 203);
}

static void killed_without_handler(void)
{
	signal(SIGSYS, SIG_DFL);
	need(!dispatch(1));
	selector = BLOCK;
	outside_call(SYS_getpid, 0, 0, 0);
}

static void bad_selector(void)
{
	signal(SIGSYS, SIG_DFL);
	need(!dispatch(1));
	selector = 2;
	outside_call(SYS_getpid, 0, 0, 0);
}

static void *calls_freely(void *arg)
{
	return (void *)(intptr_t)(outside_call(SYS_getpid, 0, 0, 0) == getpid());
}

static void per_thread(void)
{
	pthread_t t;
	void *r = NULL;

	handle_sigsys();
	/* A thread and a child made while it is on have it off. */
	need(!dispatch(1));
	selector = ALLOW;
	need(!pthread_create(&t, NULL, calls_freely, NULL));
	need(!pthread_join(t, &r) && r);
	if (fork() == 0) {
		selector = BLOCK;
		_exit(outside_call(SYS_getpid, 0, 0, 0) == getpid() ? 0 : 1);
	}
	{
		int st = -1;

		need(wait(&st) > 0 && st == 0);
	}
	selector = BLOCK;
	need(outside_call(SYS_getpid, 0, 0, 0) == 777777);
	selector = ALLOW;
}

static void errors(void)
{
	need(prctl(PR_SET_SYSCALL_USER_DISPATCH, 7, 0, 0, 0) == -1 && errno == EINVAL);
	need(prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 1, 0, 0) == -1 &&
	     errno == EINVAL);
	need(prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, -1L) == -1 &&
	     errno == EFAULT);
}

static int touched;

/* Faults and computing are no calls. */
static void quiet(void)
{
	char *m = mmap(NULL, 100 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	handle_sigsys();
	need(!dispatch(1));
	selector = BLOCK;
	for (int i = 0; i < 100; i++)
		m[i * 4096] = 1;
	for (volatile int i = 0; i < 1000000; i++)
		touched++;
	selector = ALLOW;
	need(!saw.times);
}

int main(void)
{
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0))
		skip_all("no Syscall User Dispatch in this kernel");
	ok_child(basic, "calls are dispatched by the selector, 200 times, and emulated");
	ok_killed(killed_without_handler, SIGSYS, "without a handler SIGSYS kills");
	ok_killed(bad_selector, SIGSYS, "a selector that is neither: SIGSYS kills");
	ok_child(per_thread, "threads and children begin without it");
	ok_child(errors, "its errors");
	ok_child(quiet, "faults and computing are not dispatched");
	return tap_done();
}
