// SPDX-License-Identifier: GPL-2.0
/*
 * What a program may tell the module about where the child of a native call begins, and what may
 * happen to that child on its way.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include "tap.h"
#include "door.h"
#include "usage.h"

#define PAGE  4096UL
#define STACK 65536UL

static struct raw raw;
static char stack[STACK] __attribute__((aligned(16)));

/* ---- The program, in Dune mode, and where its child begins ------------------------------------ */

static uint64_t call[6];
extern const char behind_syscall[] RAW_HIDDEN;

/* The program's call. Parent and child come out of it: the child in ordinary mode, if it is sent nowhere. */
static __attribute__((noinline, noipa)) void program(void)
{
	register uint64_t r10 __asm__("r10") = call[4];
	uint64_t rax = call[0];

	__asm__ volatile("syscall\n behind_syscall:"
			 : "+a"(rax) : "D"(call[1]), "S"(call[2]), "d"(call[3]), "r"(r10) : "rcx", "r11", "memory");
	raw_vmcall(RAW_HC_DONE, rax, 0, 0);
}

/* Left for the parent to look at; in memory that both have. */
static struct seen {
	volatile int came;
	uint64_t arg, sp, rip, rax, sigmask, blocked;
} *seen;

static struct dune_start start;

static __attribute__((noreturn)) void leave(int status)
{
	for (;;)
		__asm__ volatile("syscall" : : "a"(SYS_exit), "D"(status) : "rcx", "r11", "memory");
}

static __attribute__((noreturn)) void begin(uint64_t arg)
{
	uint64_t blocked = 0;
	long ret;
	register uint64_t r10 __asm__("r10") = 8;

	seen->arg = arg;
	seen->sp = (uintptr_t)__builtin_frame_address(0);
	seen->rip = start.regs.rip;
	seen->rax = start.regs.rax;
	seen->sigmask = start.sigmask;
	__asm__ volatile("syscall" : "=a"(ret) : "a"(SYS_rt_sigprocmask), "D"(0), "S"(NULL), "d"(&blocked), "r"(r10)
			 : "rcx", "r11", "memory");
	seen->blocked = blocked;
	seen->came = 1;
	leave(21);
}

/* ---- A native call with a birth ---------------------------------------------------------------- */

static const struct dune_birth no_birth;
static struct dune_birth birth_left;	/* as it was afterwards */

static struct dune_birth birth(void)
{
	return (struct dune_birth){
		.ip = (uintptr_t)begin, .sp = (uintptr_t)stack + STACK - 8, .arg = 77, .start = (uintptr_t)&start,
	};
}

/* The result of the call, as the program gets it; -1000 if it does not. */
static long native(uint64_t nr, uint64_t a1, uint64_t a2, struct dune_birth b)
{
	long ret;

	memset(seen, 0, sizeof(*seen));
	call[0] = nr;
	call[1] = a1;
	call[2] = a2;
	call[3] = call[4] = 0;
	door_start(&raw, program, 0);
	raw.run->upcalls = DUNE_UPCALL_CLONE;
	ret = door_go(&raw);
	if (ret || raw.run->reason != DUNE_EXIT_SYSCALL || raw.run->regs.rax != nr)
		bail("no call came: %ld, reason %u", ret, raw.run->reason);
	raw.run->birth = b;
	raw.run->load |= DUNE_LOAD_NATIVE;
	raw.run->upcalls |= DUNE_UPCALL_RETURN;
	ret = door_go(&raw);
	birth_left = raw.run->birth;
	if (ret || raw.run->reason != DUNE_EXIT_RETURNED)
		bail("the call did not return: %ld, reason %u", ret, raw.run->reason);
	raw.run->birth = no_birth;
	ret = door_go(&raw);
	return raw_is(&raw, (int)ret, RAW_HC_DONE) ? (long)raw.run->regs.rdi : -1000;
}

static int status_of(long pid)
{
	int status = -1;

	if (pid <= 0 || waitpid(pid, &status, __WALL) != pid)
		return -1;
	return status;
}

static int exited(int with)
{
	return with << 8;
}

/* ---- As it is meant ------------------------------------------------------------------------------ */

static void check_child(const char *name, long pid)
{
	int status = status_of(pid);

	ok_eq(status, exited(21), "%s: the child begins where it was sent", name);
	ok_eq(seen->arg, 77, "%s: with the argument", name);
	ok(seen->sp - (uintptr_t)stack < STACK && seen->sp > (uintptr_t)stack + STACK - 64, "%s: on the stack", name);
	ok(seen->rip == (uintptr_t)behind_syscall && !seen->rax, "%s: and knows where the program goes on", name);
	ok_eq(seen->sigmask, 1UL << (SIGUSR2 - 1), "%s: its mask is kept", name);
	ok_eq(seen->blocked, ~(1UL << (SIGKILL - 1) | 1UL << (SIGSTOP - 1)), "%s: all signals wait", name);
	ok_eq(birth_left.ip, 0, "%s: the parent is told", name);
}

static void test_meant(void)
{
	static char other[STACK] __attribute__((aligned(16)));
	sigset_t mask;
	long pid;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	check_child("fork", native(SYS_fork, 0, 0, birth()));
	check_child("vfork", native(SYS_vfork, 0, 0, birth()));
	check_child("clone", native(SYS_clone, SIGCHLD, 0, birth()));
	check_child("clone with CLONE_VM",
		    native(SYS_clone, CLONE_VM | SIGCHLD, (uintptr_t)other + STACK, birth()));
	ok(start.regs.rsp == (uintptr_t)other + STACK, "and the program's stack is the one that clone gave");
	pid = native(SYS_fork, 0, 0, no_birth);
	/* it came out of program() in ordinary mode, where VMCALL is refused */
	ok_eq(WTERMSIG(status_of(pid)), SIGSEGV, "without a birth the child goes on behind the call, in ordinary mode");
}

static void test_no_child(void)
{
	struct dune_birth b = birth();

	ok_eq(native(SYS_clone, CLONE_SIGHAND, 0, b), -EINVAL, "a clone that fails");
	ok_eq(birth_left.ip, b.ip, "there is no child, and it says so");
	ok_eq(native(SYS_clone3, 0, 0, b), -EINVAL, "clone3 without arguments");
	ok_eq(birth_left.ip, b.ip, "likewise");
	ok_eq(status_of(native(SYS_fork, 0, 0, birth())), exited(21), "and the next fork is as it should be");
}

/* ---- As it is not meant ----------------------------------------------------------------------------- */

/* What is wrong is the child's own end, and its parent does not notice. A bad RSP is #SS: SIGBUS. */
static void check_bad(const char *name, struct dune_birth b, int signal)
{
	int status = status_of(native(SYS_fork, 0, 0, b));
	int got = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	ok(got == signal || (signal == SIGSEGV && got == SIGBUS), "%s: the child dies of signal %d (%d)", name, signal,
	   got);
	ok(!seen->came, "%s: and runs nothing", name);
}

static void test_bad(void)
{
	char *gone = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *fixed = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static const uint64_t strange[] = { 0x800000000000, 0xffff800000000000, 0xffffffff81000000, ~0UL, 1UL << 63 };
	struct dune_birth b;
	unsigned int i;

	for (i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		b = birth();
		b.ip = strange[i];
		check_bad("RIP that is not the user's", b, SIGSEGV);
		b = birth();
		b.start = strange[i];
		check_bad("registers to where they cannot go", b, SIGKILL);
		b = birth();
		b.sp = strange[i];
		check_bad("RSP that is not the user's", b, SIGSEGV);
	}
	b = birth();
	b.ip = (uintptr_t)gone;
	check_bad("RIP where nothing is", b, SIGSEGV);
	b = birth();
	b.start = (uintptr_t)gone;
	check_bad("registers to where nothing is", b, SIGKILL);
	b.start = (uintptr_t)fixed;
	check_bad("registers to what is read-only", b, SIGKILL);
	b.start = (uintptr_t)fixed - 8;
	check_bad("registers across its end", b, SIGKILL);
	b = birth();
	b.ip = (uintptr_t)door;
	b.arg = 3;
	/* a jump to the door with no run page: it is answered, at address 0 */
	check_bad("RIP at the door", b, SIGSEGV);
	b.ip = (uintptr_t)door + PAGE;
	check_bad("RIP at the INT3 behind it", b, SIGTRAP);
}

/* ---- Killed on the way --------------------------------------------------------------------------- */

static void test_killed(void)
{
	int i, good = 0;

	for (i = 0; i < 200; i++) {
		long pid = native(i & 1 ? SYS_fork : SYS_vfork, 0, 0, birth());
		int status;

		kill(pid, SIGKILL);
		status = status_of(pid);
		good += status == exited(21) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	ok_eq(good, 200, "children that are killed on their way");
}

/* ---- Under a tracer -------------------------------------------------------------------------------- */

static __attribute__((noreturn)) void tell_rax(uint64_t arg)
{
	leave((int)start.regs.rax);
}

static int traced(void)
{
	struct dune_birth b = birth();
	int status;

	if (raw_open(&raw) || door_open(&raw))
		return 90;
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) || raise(SIGSTOP))
		return 91;
	b.ip = (uintptr_t)tell_rax;
	status = status_of(native(SYS_fork, 0, 0, b));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 92;
}

/* The child's first stop: its registers are the program's, and what the tracer writes is what goes on. */
static void look_at_child(pid_t pid)
{
	struct user_regs_struct regs = { 0 };
	int status = -1;

	ok(waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status), "the tracer has the child, before it began");
	ok(!ptrace(PTRACE_GETREGS, pid, 0, &regs), "its registers");
	ok_eq(regs.rip, (uintptr_t)behind_syscall, "it is behind the program's SYSCALL");
	ok_eq(regs.rax, 0, "with the result that a child has");
	regs.rax = 55;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
	ptrace(PTRACE_DETACH, pid, 0, 0);
}

static void test_traced(void)
{
	unsigned long child = 0;
	int status = -1;
	pid_t pid;

	raw_close(&raw);
	pid = fork();
	if (!pid)
		_exit(traced());
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL);
	ptrace(PTRACE_CONT, pid, 0, 0);
	ok(waitpid(pid, &status, 0) == pid && status >> 8 == (SIGTRAP | PTRACE_EVENT_FORK << 8), "an event for the fork");
	ptrace(PTRACE_GETEVENTMSG, pid, 0, &child);
	look_at_child((pid_t)child);
	ptrace(PTRACE_DETACH, pid, 0, 0);
	ok_eq(status_of(pid), exited(55), "what the tracer wrote is what the child was given");
}

/* The kernel's word on each signal that kills. */
static void be_quiet(void)
{
	FILE *f = fopen("/proc/sys/debug/exception-trace", "we");

	if (f) {
		fputs("0", f);
		fclose(f);
	}
}

int main(void)
{
	struct raw_health health;
	int err = raw_open(&raw);

	if (!err)
		err = door_open(&raw);
	if (err)
		bail("no door: %s", strerror(-err));
	if (!(raw.info.caps & DUNE_CAP_BIRTH))
		skip_all("this kernel does not tell of new processes");
	seen = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	be_quiet();
	raw_health_begin(&health);
	test_meant();
	test_no_child();
	test_bad();
	test_killed();
	ok(door_good(&raw), "the parent's Dune mode works");
	raw_health_kept(&health, &raw);
	test_traced();
	return tap_done();
}
