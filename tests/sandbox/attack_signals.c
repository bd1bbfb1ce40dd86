// SPDX-License-Identifier: GPL-2.0
/* Signals: have Linux write a frame into the monitor's memory, or run the program in ordinary mode. */
#include "attack.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

static void nothing(int sig)
{
}

static void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	sigaction(sig, &sa, NULL);
}

static void trap_with_rsp(uint64_t rsp)
{
	__asm__ volatile("mov %0, %%rsp; ud2" : : "r"(rsp) : "memory");
}

static int frame_by_trap(void)
{
	handle(SIGILL, nothing, 0);
	trap_with_rsp(own_data + 0x8000);
	return escaped("went on");
}

static int frame_by_page_fault(void)
{
	handle(SIGSEGV, nothing, 0);
	__asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(own_data + 0x8000) : "memory");
	return escaped("went on");
}

/* Just above: the frame would reach down into it. */
static int frame_from_above(void)
{
	char *page = mmap((void *)own_end, 65536, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (page == MAP_FAILED)
		page = (char *)own_end;
	handle(SIGILL, nothing, 0);
	trap_with_rsp((uint64_t)page + 256);
	return escaped("went on");
}

static int frame_at_the_end(void)
{
	handle(SIGILL, nothing, 0);
	trap_with_rsp(own_end);
	return escaped("went on");
}

static int frame_by_timer(void)
{
	struct itimerval timer = { .it_value = { .tv_usec = 1000 } };

	handle(SIGALRM, nothing, 0);
	setitimer(ITIMER_REAL, &timer, NULL);
	__asm__ volatile("mov %0, %%rsp; 1: pause; jmp 1b" : : "r"(own_data + 0x8000) : "memory");
	return escaped("went on");
}

/* In a call. */
static int frame_by_kill(void)
{
	long ret = SYS_kill;

	handle(SIGUSR1, nothing, 0);
	__asm__ volatile("mov %1, %%rsp; syscall; ud2"
			 : "+a"(ret) : "r"(own_data + 0x8000), "D"(getpid()), "S"(SIGUSR1) : "rcx", "r11", "memory");
	return escaped("went on");
}

static int alternate_stack(void)
{
	stack_t ss = { .ss_sp = (void *)own_data, .ss_size = 65536 };
	stack_t across = { .ss_sp = (void *)(own_start - 4096), .ss_size = 65536 };
	stack_t wraps = { .ss_sp = (void *)(own_end + 4096), .ss_size = ~0UL - 8191 };

	return fails(EFAULT, "sigaltstack", SYS_sigaltstack, (uint64_t)&ss, 0, 0, 0, 0, 0) |
	       fails(EFAULT, "sigaltstack", SYS_sigaltstack, (uint64_t)&across, 0, 0, 0, 0, 0) |
	       fails(EFAULT, "sigaltstack", SYS_sigaltstack, (uint64_t)&wraps, 0, 0, 0, 0, 0) |
	       fails(EFAULT, "sigaltstack", SYS_sigaltstack, own_data, 0, 0, 0, 0, 0) |
	       fails(EFAULT, "sigaltstack", SYS_sigaltstack, 0, own_data, 0, 0, 0, 0);
}

/* sigreturn() sets the alternate stack, too, and asks nobody. */
static void forge_stack(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	uc->uc_stack = (stack_t){ .ss_sp = (void *)own_data, .ss_size = 65536 };
}

static int forged_stack(void)
{
	struct sigaction sa = { .sa_sigaction = forge_stack, .sa_flags = SA_SIGINFO };

	sigaction(SIGUSR1, &sa, NULL);
	handle(SIGUSR2, nothing, SA_ONSTACK);
	raise(SIGUSR1);
	raise(SIGUSR2);
	return escaped("a frame on a forged stack");
}

/* ---- Forged frames -------------------------------------------------------------------- */

static int what;
enum { CS32, CS0, SS0, RIP_OWN, RIP_UPPER, RIP_BAD, FLAGS, RSP_OWN, FP_OWN };

static void forge(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *g = uc->uc_mcontext.gregs;

	switch (what) {
	case CS32:
		g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffffL) | 0x23;
		g[REG_RIP] = (greg_t)(uint32_t)g[REG_RIP];
		break;
	case CS0:
		g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffffL) | 0x10;
		break;
	case SS0:
		g[REG_CSGSFS] = (g[REG_CSGSFS] & ~(0xffffL << 48)) | 0x18L << 48;
		break;
	case RIP_OWN:
		g[REG_RIP] = (greg_t)own_text;
		break;
	case RIP_UPPER:
		g[REG_RIP] = -4096;
		break;
	case RIP_BAD:
		g[REG_RIP] = 1L << 62;
		break;
	case FLAGS:
		g[REG_EFL] |= 3 << 12 | 1 << 17 | 1 << 14;
		break;
	case RSP_OWN:
		g[REG_RSP] = (greg_t)own_data;
		break;
	case FP_OWN:
		uc->uc_mcontext.fpregs = (void *)own_data;
		break;
	}
}

static int forged(int which)
{
	struct sigaction sa = { .sa_sigaction = forge, .sa_flags = SA_SIGINFO };

	what = which;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	return HELD;
}

static int forged_cs32(void) { forged(CS32); return escaped("32-bit code after sigreturn"); }
static int forged_rip(void) { forged(RIP_OWN); return escaped("sigreturn to the monitor"); }
static int forged_upper(void) { forged(RIP_UPPER); return escaped("sigreturn to the kernel"); }
static int forged_bad(void) { forged(RIP_BAD); return escaped("sigreturn to nowhere"); }
static int forged_rsp(void) { forged(RSP_OWN); return escaped("went on"); }

/* Ring 3 all the same. */
static int in_ring3(void)
{
	uint16_t cs;

	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	return (cs & 3) == 3 ? HELD : escaped("ring 0");
}

static int forged_cs0(void) { forged(CS0); return in_ring3(); }
static int forged_ss0(void) { forged(SS0); return in_ring3(); }

static int forged_flags(void)
{
	uint64_t flags;

	forged(FLAGS);
	__asm__ volatile("pushfq; pop %0" : "=r"(flags));
	return flags & (3 << 12 | 1 << 17) ? escaped("IOPL or VM") : HELD;
}

static int forged_fp(void) { forged(FP_OWN); return HELD; }

static int sigreturn_in_own(void)
{
	long ret = SYS_rt_sigreturn;

	__asm__ volatile("mov %1, %%rsp; syscall" : "+a"(ret) : "r"(own_data + 64) : "rcx", "r11", "memory");
	return escaped("went on");
}

/* ---- Handlers ---------------------------------------------------------------------------- */

static int handler_in_own(void)
{
	handle(SIGUSR1, (void (*)(int))own_text, 0);
	raise(SIGUSR1);
	return escaped("a handler in the monitor");
}

static int restorer_in_own(void)
{
	uint64_t action[4] = { (uint64_t)nothing, 0x04000000, own_text, 0 };

	raw(SYS_rt_sigaction, SIGUSR1, (uint64_t)action, 0, 8, 0, 0);
	raise(SIGUSR1);
	return escaped("a restorer in the monitor");
}

/*
 * A handler that begins at the very SYSCALL that a signal interrupted: what was looked at there is not
 * what is made now. RAX is 0 in a handler: read(signal, &info, context).
 */
extern char the_syscall[];

static int handler_at_syscall(void)
{
	struct itimerval timer = { .it_value = { .tv_usec = 20000 } };
	uint64_t action[4] = { (uint64_t)the_syscall, 0x04000000 | SA_SIGINFO, (uint64_t)nothing, 0 };
	long ret = SYS_pause;

	raw(SYS_rt_sigaction, SIGALRM, (uint64_t)action, 0, 8, 0, 0);
	setitimer(ITIMER_REAL, &timer, NULL);
	__asm__ volatile("the_syscall: syscall" : "+a"(ret) : : "rcx", "r11", "memory", "rdi", "rsi", "rdx");
	/* the handler's read() of descriptor 14 */
	_exit(ret == -EBADF || ret == -EINTR ? HELD : ESCAPED);
}

/* Many signals, one frame upon the other, from just above. */
static int frames_upon_frames(void)
{
	sigset_t all, old;
	char *page = mmap((void *)own_end, 65536, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (page == MAP_FAILED)
		return (kill(getpid(), SIGKILL), HELD);	/* something is there: no way to try */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++) {
		handle(sig, nothing, SA_NODEFER);
		raise(sig);
	}
	__asm__ volatile("mov %1, %%rsp; syscall; ud2"
			 : : "a"(SYS_rt_sigprocmask), "r"((uint64_t)page + 16384), "D"(SIG_SETMASK), "S"(&old), "d"(0)
			 : "rcx", "r11", "memory");
	return escaped("went on");
}

const struct attack signal_attacks[] = {
	{ "frame by an exception", frame_by_trap, 128 + SIGKILL, NULL },
	{ "frame by a page fault", frame_by_page_fault, 128 + SIGKILL, NULL },
	{ "frame from above", frame_from_above, 128 + SIGSEGV, NULL },
	{ "frame at the end", frame_at_the_end, 128 + SIGSEGV, NULL },
	{ "frame by a timer", frame_by_timer, 128 + SIGKILL, NULL },
	{ "frame by kill()", frame_by_kill, 128 + SIGKILL, NULL },
	{ "frames upon frames", frames_upon_frames, 128 + SIGSEGV, NULL },
	{ "alternate stack", alternate_stack, HELD, "refused: pointer" },
	{ "alternate stack by a forged frame", forged_stack, 128 + SIGKILL, NULL },
	{ "sigreturn to 32-bit code", forged_cs32, 128 + SIGKILL, NULL },
	{ "sigreturn to ring 0", forged_cs0, HELD, NULL },
	{ "sigreturn with SS of ring 0", forged_ss0, HELD, NULL },
	{ "sigreturn to the monitor", forged_rip, 128 + SIGSEGV, NULL },
	{ "sigreturn to the kernel's half", forged_upper, 128 + SIGSEGV, NULL },
	{ "sigreturn to nowhere", forged_bad, 128 + SIGSEGV, NULL },
	{ "sigreturn with flags", forged_flags, HELD, NULL },
	{ "sigreturn with RSP in the monitor", forged_rsp, 128 + SIGKILL, NULL },
	{ "sigreturn with vector state in the monitor", forged_fp, HELD, NULL },
	{ "sigreturn on a frame in the monitor", sigreturn_in_own, 128 + SIGKILL, "refused: death" },
	{ "a handler in the monitor", handler_in_own, 128 + SIGSEGV, NULL },
	{ "a restorer in the monitor", restorer_in_own, 128 + SIGSEGV, NULL },
	{ "a handler at the SYSCALL", handler_at_syscall, HELD, NULL },
	{ NULL }
};
