// SPDX-License-Identifier: GPL-2.0
/*
 * Signal handlers of a program that is linked with libdune: a signal that finds its thread
 * in Dune mode is handled there, on the program's stack or the alternate one, with
 * all that sigaction() promises.
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "tap.h"

#define PAGE	 4096UL
#define PATIENCE 30

static void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction action = { .sa_handler = fn, .sa_flags = flags };

	if (sigaction(sig, &action, NULL))
		bail("sigaction");
}

static void handle_info(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO };

	if (sigaction(sig, &action, NULL))
		bail("sigaction");
}

static bool is_blocked(int sig)
{
	sigset_t now;

	return !sigprocmask(SIG_BLOCK, NULL, &now) && sigismember(&now, sig) == 1;
}

/* In a child, which is inside: its exit status, or -signal. */
static int in_child(int (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		alarm(PATIENCE);
		if (!dune_inside() && dune_enter())
			_exit(120);
		_exit(fn());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* ---- Where a handler runs ------------------------------------------------------------ */

static char alternate[65536] __attribute__((aligned(16)));
static volatile int handled, handled_inside, masked;
static volatile uintptr_t handler_stack;

static void note(int sig)
{
	volatile char here = 0;

	handled++;
	handled_inside += dune_inside();
	handler_stack = (uintptr_t)&here;
	masked = is_blocked(SIGUSR1) | is_blocked(SIGUSR2) << 1 | is_blocked(SIGTERM) << 2;
}

static bool on_alternate(uintptr_t address)
{
	return address - (uintptr_t)alternate < sizeof(alternate);
}

static void check_handled(int times, int inside, const char *name)
{
	ok(handled == times && handled_inside == inside, "%s: handled %d times, %d of them inside", name, handled,
	   handled_inside);
	handled = handled_inside = 0;
}

static void test_stacks(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) }, old;
	volatile char here = 0;

	handle(SIGUSR1, note, 0);
	raise(SIGUSR1);
	check_handled(1, 0, "outside");
	dune_enter();
	raise(SIGUSR1);
	check_handled(1, 1, "installed outside, raised inside");
	ok((uintptr_t)&here - handler_stack < 65536, "on the program's stack");
	ok(!sigaltstack(NULL, &old) && old.ss_flags == SS_DISABLE, "there is no alternate stack");
	ok_eq(sigaltstack(&stack, NULL), 0, "sigaltstack() inside");
	raise(SIGUSR1);
	ok(!on_alternate(handler_stack), "which a handler without SA_ONSTACK does not use");
	handle(SIGUSR1, note, SA_ONSTACK);
	raise(SIGUSR1);
	ok(on_alternate(handler_stack), "and one with it does");
	check_handled(2, 2, "installed inside");
	dune_leave();
	raise(SIGUSR1);
	ok(on_alternate(handler_stack), "outside as well");
	check_handled(1, 0, "installed inside, raised outside");
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
}

static volatile int flags_within, change_within;

static void ask_about_stack(int sig)
{
	stack_t now, other = { .ss_sp = alternate, .ss_size = 8192 };

	flags_within = sigaltstack(NULL, &now) ? -1 : now.ss_flags;
	change_within = sigaltstack(&other, NULL) ? errno : 0;
}

static void test_on_alternate(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) }, now;

	dune_enter();
	sigaltstack(&stack, NULL);
	handle(SIGUSR1, ask_about_stack, SA_ONSTACK);
	raise(SIGUSR1);
	ok(flags_within == SS_ONSTACK && change_within == EPERM, "the handler is told that it is on it (%d, %d)",
	   flags_within, change_within);
	ok(!sigaltstack(NULL, &now) && !now.ss_flags && now.ss_sp == alternate, "afterwards it is free");
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	dune_leave();
}

/* ---- What sigaction() promises ----------------------------------------------------------- */

static void test_actions(void)
{
	struct sigaction action = { .sa_handler = note, .sa_flags = SA_RESTART }, old;

	dune_enter();
	sigaddset(&action.sa_mask, SIGTERM);
	ok(!sigaction(SIGUSR1, &action, &old) && old.sa_handler == ask_about_stack && old.sa_flags & SA_ONSTACK,
	   "sigaction() gives the old action");
	ok(!sigaction(SIGUSR1, NULL, &old) && old.sa_handler == note && old.sa_flags & SA_RESTART &&
	   sigismember(&old.sa_mask, SIGTERM) == 1, "and the new one");
	raise(SIGUSR1);
	ok_eq(masked, 1 | 4, "sa_mask and the signal itself are blocked in the handler");
	ok(!is_blocked(SIGUSR1) && !is_blocked(SIGTERM), "and not behind it");
	handle(SIGUSR1, note, SA_NODEFER);
	raise(SIGUSR1);
	ok_eq(masked, 0, "SA_NODEFER");
	handle(SIGUSR1, note, SA_RESETHAND);
	raise(SIGUSR1);
	ok(!sigaction(SIGUSR1, NULL, &old) && old.sa_handler == SIG_DFL, "SA_RESETHAND");
	check_handled(3, 3, "all three");
	ok(signal(SIGUSR1, SIG_IGN) == SIG_DFL && !raise(SIGUSR1), "SIG_IGN");
	ok(signal(SIGUSR1, SIG_DFL) == SIG_IGN, "SIG_DFL");
	dune_leave();
}

static sigset_t usr1;

static void test_masks(void)
{
	sigset_t pending;

	sigaddset(&usr1, SIGUSR1);
	handle(SIGUSR1, note, 0);
	dune_enter();
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	raise(SIGUSR1);
	ok(!handled && !sigpending(&pending) && sigismember(&pending, SIGUSR1) == 1, "blocked, it is pending");
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	check_handled(1, 1, "unblocked");
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	raise(SIGUSR1);
	ok_eq(sigwaitinfo(&usr1, NULL), SIGUSR1, "sigwaitinfo() takes it");
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	check_handled(0, 0, "nothing is left");
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	raise(SIGUSR1);
	dune_leave();
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	check_handled(1, 0, "sent inside, unblocked outside");
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	raise(SIGUSR1);
	dune_enter();
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	check_handled(1, 1, "sent outside, unblocked inside");
	dune_leave();
}

static volatile int code, pid_told, value_told;

static void note_info(int sig, siginfo_t *info, void *context)
{
	code = info->si_code;
	pid_told = info->si_pid;
	value_told = info->si_value.sival_int;
}

static volatile int order;

static void inner(int sig)
{
	order = order * 10 + 2;
}

static void outer(int sig)
{
	order = order * 10 + 1;
	raise(SIGUSR2);
	order = order * 10 + 3;
}

static void test_siginfo(void)
{
	union sigval value = { .sival_int = 4711 };

	dune_enter();
	handle_info(SIGUSR1, note_info, 0);
	kill(getpid(), SIGUSR1);
	ok(code == SI_USER && pid_told == getpid(), "kill(): siginfo");
	sigqueue(getpid(), SIGUSR1, value);
	ok(code == SI_QUEUE && value_told == 4711, "sigqueue(): siginfo");
	handle(SIGUSR1, outer, 0);
	handle(SIGUSR2, inner, 0);
	raise(SIGUSR1);
	ok_eq(order, 123, "a signal in a handler");
	dune_leave();
}

/* ---- What a handler may change -------------------------------------------------------------- */

static void change_registers(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	g[REG_RIP] += 2;	/* UD2 */
	g[REG_RBX] = g[REG_RBX] * 2 + 1;
	g[REG_R15] = 0x1515;
	g[REG_EFL] |= 1;	/* CF */
	__asm__ volatile("pxor %%xmm7, %%xmm7; fninit; fldz" ::: "xmm7", "st");
}

static void test_registers(void)
{
	long rbx = 21, r15 = 0, red = 0x7777;
	unsigned char carry;
	double d = 1.5, x87;

	handle_info(SIGILL, change_registers, 0);
	dune_enter();
	/* the red zone, below RSP, is the program's */
	__asm__ volatile("movsd %5, %%xmm7; fninit; fldl %5; clc; movq %2, -64(%%rsp); ud2; setc %3\n\t"
			 "movq -64(%%rsp), %2; fstpl %4; movsd %%xmm7, %5; mov %%r15, %1"
			 : "+b"(rbx), "=r"(r15), "+r"(red), "=qm"(carry), "=m"(x87), "+m"(d)
			 : : "xmm7", "st", "r15", "memory", "cc");
	dune_leave();
	ok(rbx == 43 && r15 == 0x1515 && carry, "a handler's changes to RBX, R15, CF and RIP are in force");
	ok(d == 1.5 && x87 == 1.5 && red == 0x7777, "vector and x87 registers and red zone are as they were");
}

static sigjmp_buf back;

static void jump_back(int sig)
{
	siglongjmp(back, 1 + dune_inside());
}

static volatile int *null;

static void test_longjmp(void)
{
	volatile int i, bad = 0;
	int from;

	dune_enter();
	handle(SIGSEGV, jump_back, 0);
	for (i = 0; i < 50; i++) {
		from = sigsetjmp(back, 1);
		if (!from)
			*null = 1;
		bad += from != 2 || is_blocked(SIGSEGV);
	}
	ok_eq(bad, 0, "50 times siglongjmp() out of a handler of SIGSEGV");
	ok(dune_inside(), "still inside");
	handle(SIGSEGV, SIG_DFL, 0);
	dune_leave();
}

static volatile char *guarded;
static volatile uintptr_t fault_address;

static void open_page(int sig, siginfo_t *info, void *context)
{
	fault_address = (uintptr_t)info->si_addr;
	handled_inside += dune_inside();
	mprotect((void *)guarded, PAGE, PROT_READ | PROT_WRITE);
}

static void test_pager(void)
{
	int i, bad = 0;

	guarded = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	handled_inside = 0;
	handle_info(SIGSEGV, open_page, 0);
	dune_enter();
	for (i = 0; i < 20; i++) {
		mprotect((void *)guarded, PAGE, PROT_READ);
		guarded[8] = i;
		bad += guarded[8] != i || fault_address != (uintptr_t)guarded + 8;
	}
	dune_leave();
	handle(SIGSEGV, SIG_DFL, 0);
	ok(!bad && handled_inside == 20, "a pager by mprotect() and SIGSEGV: %d faults", handled_inside);
	handled_inside = 0;
}

/* ---- Handlers that go in or out ------------------------------------------------------------- */

static volatile int result;

static void leave_here(int sig)
{
	result = dune_leave();
}

static void enter_here(int sig)
{
	result = dune_enter();
}

static void leave_and_enter(int sig)
{
	result = dune_leave();
	result |= dune_inside();
	result |= dune_enter();
}

static long raise_there(void *arg)
{
	raise(SIGUSR1);
	return dune_inside();
}

static void test_in_and_out(void)
{
	handle(SIGUSR1, leave_here, 0);
	dune_enter();
	raise(SIGUSR1);
	ok(!result && !dune_inside(), "a handler that leaves: the program goes on outside");
	handle(SIGUSR1, enter_here, 0);
	raise(SIGUSR1);
	ok(!result && dune_inside(), "one that enters: the program goes on inside");
	handle(SIGUSR1, leave_and_enter, 0);
	raise(SIGUSR1);
	ok(!result && dune_inside(), "one that leaves and enters");
	handle(SIGUSR1, note, 0);
	ok_eq(dune_host_call(raise_there, NULL), 0, "a signal in a host call");
	check_handled(1, 0, "that");
	handle(SIGUSR1, enter_here, 0);
	dune_host_call(raise_there, NULL);
	ok(result == -EALREADY && dune_inside(), "a handler in a host call cannot enter");
	dune_leave();
}

/* ---- Among the handlers of exceptions ----------------------------------------------------------- */

static int raise_in_trap(struct dune_trap *trap)
{
	raise(SIGUSR1);
	return DUNE_TRAP_DONE;
}

static void trap_in_handler(int sig)
{
	handled++;
	handled_inside += dune_inside();
	__asm__ volatile("int $0x50" ::: "memory");
}

static int count_trap(struct dune_trap *trap)
{
	result++;
	return DUNE_TRAP_DONE;
}

static void test_traps(void)
{
	int i;

	dune_on_exception(DUNE_VECTOR_BP, raise_in_trap, 0);
	dune_on_exception(0x50, count_trap, 0);
	handle(SIGUSR1, note, 0);
	dune_enter();
	for (i = 0; i < 20; i++)
		__asm__ volatile("int3" ::: "memory");
	check_handled(20, 20, "raised in a handler of INT3");
	handle(SIGUSR1, trap_in_handler, 0);
	result = 0;
	for (i = 0; i < 20; i++)
		__asm__ volatile("int3" ::: "memory");
	check_handled(20, 20, "and one that traps itself");
	ok_eq(result, 20, "whose traps are handled");
	dune_leave();
	dune_on_exception(DUNE_VECTOR_BP, NULL, 0);
	dune_on_exception(0x50, NULL, 0);
}

/* Timers, faults of the program's own and traps, all at once: nothing is lost. */
static int on_fault(struct dune_trap *trap, uintptr_t address)
{
	if (address - (uintptr_t)guarded >= PAGE)
		return DUNE_TRAP_PASS;
	dune_pt_protect(dune_root_current(), (uintptr_t)guarded, PAGE, DUNE_PROT_READ | DUNE_PROT_WRITE);
	return DUNE_TRAP_DONE;
}

static void on_alarm(int sig)
{
	handled++;
	handled_inside += dune_inside();
	guarded[16]++;
	__asm__ volatile("int $0x50" ::: "memory");
}

static void test_storm(void)
{
	struct itimerval often = { { 0, 700 }, { 0, 700 } }, never = { { 0, 0 }, { 0, 0 } };
	volatile double sum = 0;
	unsigned int i = 0;

	dune_on_exception(0x50, count_trap, 0);
	dune_on_page_fault(on_fault, 0);
	handle(SIGALRM, on_alarm, SA_RESTART);
	handled = handled_inside = result = 0;
	dune_enter();
	setitimer(ITIMER_REAL, &often, NULL);
	while (handled < 100) {
		sum += 0.5;
		i++;
		if (i % 64)
			continue;
		dune_pt_protect(dune_root_current(), (uintptr_t)guarded, PAGE, DUNE_PROT_READ);
		dune_tlb_flush_page((uintptr_t)guarded);
		guarded[32]++;
		sched_yield();
	}
	setitimer(ITIMER_REAL, &never, NULL);
	dune_leave();
	dune_on_page_fault(NULL, 0);
	dune_on_exception(0x50, NULL, 0);
	handle(SIGALRM, SIG_DFL, 0);
	ok(sum == i * 0.5 && result == handled, "%d signals among %u additions, faults and traps", handled, i);
	ok_eq(handled_inside, handled, "all handled inside");
	handled = handled_inside = 0;
}

/* ---- While something runs in ring 3 -------------------------------------------------------------- */

extern char ring3_loop[], ring3_end[];

/* In pages of its own, which ring 3 may use: counts R15 up until *RDI is 20, and says what it counted. */
__asm__(".pushsection .text\n"
	".balign 4096\n"
	"ring3_loop: inc %r15; cmpl $20, (%rdi); jl ring3_loop; mov $1001, %eax; syscall; ud2\n"
	".balign 4096\n"
	"ring3_end:\n"
	".popsection\n");

static struct {
	volatile int ticks;
	char stack[2 * PAGE - sizeof(int)];
} for_ring3 __attribute__((aligned(4096)));

static volatile int handler_ring;

static void tick(int sig)
{
	int cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	/* CS of ordinary mode looks as that of ring 3 */
	if (cs & 3 && dune_inside())
		handler_ring = 3;
	for_ring3.ticks++;
}

static int end_ring3(struct dune_trap *trap)
{
	if (trap->rax != 1001)
		return DUNE_TRAP_PASS;
	dune_ring3_exit(trap->r15 > 20 ? 1 : 2);
}

/* The handler is the program's, and not of the code that it does not trust. */
static int ring3_interrupted(void)
{
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } };
	struct dune_trap start = {
		.rip = (uintptr_t)ring3_loop, .rdi = (uintptr_t)&for_ring3,
		.rsp = (uintptr_t)&for_ring3 + sizeof(for_ring3),
	};
	long counted;

	handle(SIGALRM, tick, 0);
	dune_on_syscall(end_ring3, 0);
	if (dune_pt_protect(dune_root_current(), (uintptr_t)ring3_loop, ring3_end - ring3_loop,
			    DUNE_PROT_READ | DUNE_PROT_EXEC | DUNE_PROT_USER) ||
	    dune_pt_protect(dune_root_current(), (uintptr_t)&for_ring3, sizeof(for_ring3),
			    DUNE_PROT_READ | DUNE_PROT_WRITE | DUNE_PROT_USER))
		return 101;
	dune_tlb_flush();
	setitimer(ITIMER_REAL, &often, NULL);
	counted = dune_ring3_run(&start);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	return handler_ring ? 102 : counted != 1 ? 103 : dune_inside() ? 0 : 104;
}

/* A child that waits for ever is killed. */
static void test_ring3(void)
{
	int i, status = -1;
	pid_t pid = fork();

	if (!pid) {
		dune_enter();
		_exit(ring3_interrupted());
	}
	for (i = 0; i < PATIENCE * 100 && !waitpid(pid, &status, WNOHANG); i++)
		usleep(10000);
	if (status == -1) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	ok_eq(status, 0, "20 signals while ring 3 runs are handled outside of it, and it goes on");
}

/* ---- What sigreturn is given ---------------------------------------------------------------------- */

static int forward_sigreturn(struct dune_trap *trap)
{
	if (trap->rax != SYS_rt_sigreturn)
		return DUNE_TRAP_PASS;
	dune_syscall_forward(trap);
	return DUNE_TRAP_DONE;
}

static int pass_all(struct dune_trap *trap)
{
	result++;
	return DUNE_TRAP_PASS;
}

static void test_forwarded(void)
{
	long ret;

	dune_enter();
	dune_on_syscall(forward_sigreturn, DUNE_SYSCALL_RING0);
	__asm__ volatile("syscall" : "=a"(ret) : "a"(SYS_rt_sigreturn) : "rcx", "r11", "memory");
	ok_eq(ret, -ENOSYS, "rt_sigreturn, forwarded by a handler: ENOSYS");
	dune_on_syscall(pass_all, DUNE_SYSCALL_RING0);
	handle(SIGUSR1, note, 0);
	result = 0;
	raise(SIGUSR1);
	dune_on_syscall(NULL, 0);
	check_handled(1, 1, "with a handler of system calls that passes all");
	ok(result > 2, "and has seen raise() and sigreturn (%d calls)", result);
	dune_leave();
}

/* A frame that says: ring 0, I/O rights, no interrupts, a null SS. Linux makes of it what it does for anybody. */
static void write_wild_frame(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	g[REG_EFL] |= 0x3000 | 0x4000 | 0x20000 | 0x80000 | 0x100000;	/* IOPL, NT, VM, VIF, VIP */
	g[REG_EFL] &= ~0x200UL;
	g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffffL) | 0x33;
}

static int wild_frame(void)
{
	uint64_t flags;

	handle_info(SIGUSR1, write_wild_frame, 0);
	raise(SIGUSR1);
	__asm__ volatile("pushfq; pop %0" : "=r"(flags));
	return !dune_inside() ? 91 : (flags & 0x3000) ? 92 : !(flags & 0x200) ? 93 : 0;
}

static void go_nowhere(int sig, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)0x8000000000000000UL;
}

/* As a fault at the instruction that is not there. */
static int frame_to_nowhere(void)
{
	handle_info(SIGUSR1, go_nowhere, 0);
	raise(SIGUSR1);
	return 94;
}

static int no_frame(void)
{
	__asm__ volatile("mov $0x1000, %%esp; mov %0, %%eax; syscall; ud2" : : "i"(SYS_rt_sigreturn) : "memory");
	return 95;
}

static int blocked_fault(void)
{
	sigset_t segv;

	sigemptyset(&segv);
	sigaddset(&segv, SIGSEGV);
	sigprocmask(SIG_BLOCK, &segv, NULL);
	handle(SIGSEGV, note, 0);
	*null = 1;
	return 96;
}

static int ignored_fault(void)
{
	signal(SIGSEGV, SIG_IGN);
	*null = 1;
	return 97;
}

/* No room for a frame: SIGSEGV, which has no room either. */
static int no_stack(void)
{
	handle(SIGSEGV, note, 0);
	__asm__ volatile("mov $0x1000, %%esp; movl $0, (%%rax)" : : "a"(0) : "memory");
	return 98;
}

static void test_frames(void)
{
	ok_eq(in_child(wild_frame), 0, "a frame with IOPL, VM and no IF is taken as ever");
	ok_eq(in_child(frame_to_nowhere), -SIGSEGV, "one with a RIP that is not canonical: SIGSEGV");
	ok_eq(in_child(no_frame), -SIGSEGV, "sigreturn without a frame: SIGSEGV");
	ok_eq(in_child(blocked_fault), -SIGSEGV, "a fault whose signal is blocked kills");
	ok_eq(in_child(ignored_fault), -SIGSEGV, "or ignored");
	ok_eq(in_child(no_stack), -SIGSEGV, "or has no stack for its handler");
}

int main(void)
{
	int err = dune_init();

	if (err)
		bail("dune_init: %s", strerror(-err));
	test_stacks();
	test_on_alternate();
	test_actions();
	test_masks();
	test_siginfo();
	test_registers();
	test_longjmp();
	test_pager();
	test_in_and_out();
	test_traps();
	test_storm();
	test_forwarded();
	test_frames();
	test_ring3();
	return tap_done();
}
