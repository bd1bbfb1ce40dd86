// SPDX-License-Identifier: GPL-2.0
/*
 * A tracer that stops a program at each of its system calls sees those calls, in their order, with
 * the program's registers, and no others; what it changes is taken.
 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "tracing.h"

/* ---- The stops of known calls ------------------------------------------- */

static const struct { long nr, a, b, c, result; } script[] = {
	{ SYS_getuid, 1, 2, 3, -1 },			/* -1 here: the tracer's own uid */
	{ SYS_close, 1000, 0x1122334455667788, -7, -EBADF },
	{ 1000, 4, 5, 6, -ENOSYS },
	{ SYS_lseek, -1, 0, 0, -EBADF },
	{ SYS_write, -1, 8, 9, -EBADF },
	{ SYS_read, 77777, 0, 0, -EBADF },
	{ -5, 1, 1, 1, -ENOSYS },
	{ SYS_sched_yield, 0, 0, 0, 0 },
	{ SYS_fork + 100000, 0, 0, 0, -ENOSYS },
};
#define SCRIPT ((int)(sizeof(script) / sizeof(script[0])))
#define ROUNDS 20

static void play(void)
{
	for (int r = 0; r < ROUNDS; r++)
		for (int i = 0; i < SCRIPT; i++)
			known_call(script[i].nr, script[i].a, script[i].b, script[i].c);
}

enum { ENTRY = 1, ARGS = 2, PLACE = 4, EXIT = 8, RESULT = 16, FLAGS = 32, INFO = 64 };

static int info_differs(pid_t pid, const regs_t *r, int entry)
{
	struct __ptrace_syscall_info info;
	long n = ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);

	if (n <= 0 || info.instruction_pointer != r->rip || info.stack_pointer != r->rsp ||
	    info.arch != AUDIT_ARCH_X86_64)
		return INFO;
	if (entry)
		return info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == r->orig_rax &&
			info.entry.args[0] == r->rdi && info.entry.args[5] == r->r9 ? 0 : INFO;
	return info.op == PTRACE_SYSCALL_INFO_EXIT && info.exit.rval == (long)r->rax ? 0 : INFO;
}

static int check_pair(pid_t pid, int i, unsigned long *rsp)
{
	long result = script[i].result == -1 ? (long)getuid() : script[i].result;
	int bad = 0;
	regs_t r;

	if (!stopped_by(go_on(PTRACE_SYSCALL, pid, 0), SYSCALL_STOP))
		return ENTRY;
	r = regs_of(pid);
	/* Linux keeps the number as it was; what is below 0 or above INT_MAX would be cut. */
	if ((int)r.orig_rax != (int)script[i].nr || (long)r.rax != -ENOSYS)
		bad |= ENTRY;
	if ((long)r.rdi != script[i].a || (long)r.rsi != script[i].b || (long)r.rdx != script[i].c)
		bad |= ARGS;
	if (!*rsp)
		*rsp = r.rsp;
	if (r.rip != (uintptr_t)known_call_on || r.rcx != r.rip || r.rsp != *rsp || r.cs != 0x33 ||
	    r.ss != 0x2b)
		bad |= PLACE;
	if (r.r11 != r.eflags)
		bad |= FLAGS;
	bad |= info_differs(pid, &r, 1);

	if (!stopped_by(go_on(PTRACE_SYSCALL, pid, 0), SYSCALL_STOP))
		return bad | EXIT;
	r = regs_of(pid);
	if ((long)r.rax != result)
		bad |= RESULT;
	if (r.rip != (uintptr_t)known_call_on || r.rsp != *rsp ||
	    (int)r.orig_rax != (int)script[i].nr)
		bad |= PLACE;
	return bad | info_differs(pid, &r, 0);
}

static void test_stops(void)
{
	pid_t pid = tracee(play, 0);
	unsigned long rsp = 0;
	int bad = 0, st;
	regs_t r;

	for (int round = 0; round < ROUNDS && !(bad & (ENTRY | EXIT)); round++)
		for (int i = 0; i < SCRIPT; i++) {
			int b = check_pair(pid, i, &rsp);

			if (b && !bad)
				diag("round %d, call %d (number %ld): %#x", round, i, script[i].nr,
				     b);
			bad |= b;
		}
	ok(!(bad & (ENTRY | EXIT)),
	   "each of %d calls stops at entry and at exit, in order, with its number",
	   ROUNDS * SCRIPT);
	ok(!(bad & ARGS), "its arguments are those of the program");
	ok(!(bad & PLACE),
	   "RIP is behind the program's SYSCALL, RSP is the program's, CS and SS are user code's");
	ok(!(bad & FLAGS), "R11 is the flags");
	ok(!(bad & RESULT), "at exit RAX is the result");
	ok(!(bad & INFO), "PTRACE_GET_SYSCALL_INFO says the same");
	st = go_on(PTRACE_SYSCALL, pid, 0);
	r = regs_of(pid);
	ok(stopped_by(st, SYSCALL_STOP) && r.orig_rax == SYS_exit_group,
	   "the next call is the program's exit: no other came between");
	st = go_on(PTRACE_SYSCALL, pid, 0);
	ok(WIFEXITED(st) && !WEXITSTATUS(st), "it ends");
}

/* ---- What makes no call makes no stop ----------------------------------- */

#define PAGE 4096UL

static char fresh[100 * PAGE];
static volatile unsigned long work;

static void quiet(void)
{
	for (size_t i = 0; i < sizeof(fresh); i += PAGE)
		fresh[i] = 1;
	for (long i = 0; i < 1000000; i++)
		work = work * 3 + 1;
	known_call(SYS_getppid, 0, 0, 0);
}

static void test_quiet(void)
{
	pid_t pid = tracee(quiet, 0);
	regs_t r;
	int st = go_on(PTRACE_SYSCALL, pid, 0);

	r = regs_of(pid);
	ok(stopped_by(st, SYSCALL_STOP) && r.orig_rax == SYS_getppid,
	   "faults and computing make no stop");
	kill(pid, SIGKILL);
	wait_stop(pid);
}

/* ---- What the tracer changes -------------------------------------------- */

static volatile long *results;

static void three_calls(void)
{
	results[0] = known_call(SYS_getppid, 0, 0, 0);
	results[1] = known_call(SYS_getppid, 0, 0, 0);
	results[2] = known_call(SYS_close, 12345, 0, 0);
	results[3] = known_call(SYS_getppid, 0, 0, 0);
	results[4] = known_call(SYS_getpid, 0, 0, 0);
}

/* The next call's entry, with @nr instead (and @arg), and its exit, with *result instead. */
static void meddle(pid_t pid, long nr, long arg, const long *result)
{
	regs_t r;

	go_on(PTRACE_SYSCALL, pid, 0);
	r = regs_of(pid);
	r.orig_rax = (unsigned long)nr;
	if (arg >= 0)
		r.rdi = (unsigned long)arg;
	set_regs(pid, &r);
	go_on(PTRACE_SYSCALL, pid, 0);
	if (result) {
		r = regs_of(pid);
		r.rax = (unsigned long)*result;
		set_regs(pid, &r);
	}
}

static void test_changes(void)
{
	pid_t pid = tracee(three_calls, 0);
	long answer = 0x123456789abc;
	int st;

	meddle(pid, SYS_getpid, -1, NULL);
	meddle(pid, SYS_getppid, -1, &answer);
	meddle(pid, SYS_close, 2, NULL);
	meddle(pid, -1, -1, NULL);
	meddle(pid, -1, -1, &answer);
	st = finish(pid);
	ok(WIFEXITED(st) && !WEXITSTATUS(st), "a program whose calls are changed runs to its end");
	ok_eq(results[0], pid, "another number: another call is made");
	ok_eq(results[1], answer, "another result is taken");
	ok_eq(results[2], 0, "another argument is taken");
	ok_eq(results[3], -ENOSYS, "number -1: no call is made");
	ok_eq(results[4], answer, "and its result can be set");
}

static void emulated(void)
{
	for (long i = 0; i < 5; i++)
		results[i] = known_call(SYS_exit_group, i, 0, 0);
	results[5] = known_call(SYS_getpid, 0, 0, 0);
}

static void test_sysemu(void)
{
	pid_t pid;
	int stops = 0, st;
	regs_t r;

	pid = tracee(emulated, 0);
	for (int i = 0; i < 5; i++) {
		st = go_on(PTRACE_SYSEMU, pid, 0);
		r = regs_of(pid);
		stops += stopped_by(st, SYSCALL_STOP) && r.orig_rax == SYS_exit_group &&
			r.rdi == (unsigned long)i &&
			r.rip == (uintptr_t)known_call_on;
		r.rax = 100 + (unsigned long)i;
		set_regs(pid, &r);
	}
	ok_eq(stops, 5, "PTRACE_SYSEMU: one stop for each call");
	st = finish(pid);
	ok(WIFEXITED(st) && results[0] == 100 && results[4] == 104,
	   "PTRACE_SYSEMU: no call is made, the tracer gives the results");
	ok_eq(results[5], pid, "afterwards calls are made again");
}

/* ---- Events ------------------------------------------------------------- */

static void makes_children(void)
{
	pid_t pid = fork();
	int st;

	if (!pid)
		known_call(SYS_exit_group, 21, 0, 0);
	results[0] = waitpid(pid, &st, 0) == pid && WIFEXITED(st) ? WEXITSTATUS(st) : -1;
	pid = vfork();
	if (!pid)
		_exit(22);
	results[1] = waitpid(pid, &st, 0) == pid && WIFEXITED(st) ? WEXITSTATUS(st) : -1;
	pid = fork();
	if (!pid) {
		execl("/proc/self/exe", "trace", "--23", (char *)NULL);
		_exit(1);
	}
	results[2] = waitpid(pid, &st, 0) == pid && WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

static void test_events(void)
{
	int forks = 0, vforks = 0, execs = 0, exits = 0, vdone = 0, born = 0, ended = 0, st,
		status = -1;
	pid_t first, pid;

	memset((void *)results, 0, 64);
	first = tracee(makes_children,
		       PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE |
		       PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT);
	ptrace(PTRACE_CONT, first, NULL, NULL);
	while ((pid = waitpid(-1, &st, __WALL)) > 0) {
		int sig = 0;

		if (WIFEXITED(st) || WIFSIGNALED(st)) {
			ended++;
			if (pid == first)
				status = st;
			continue;
		}
		switch (st >> 16) {
		case PTRACE_EVENT_FORK: forks++; break;
		case PTRACE_EVENT_VFORK: vforks++; break;
		case PTRACE_EVENT_VFORK_DONE: vdone++; break;
		case PTRACE_EVENT_EXEC: execs++; break;
		case PTRACE_EVENT_EXIT: exits++; break;
		default:
			if (WSTOPSIG(st) == SIGSTOP)
				born++;
			else
				sig = WSTOPSIG(st);
		}
		ptrace(PTRACE_CONT, pid, NULL, (long)sig);
	}
	ok_eq(forks, 2, "PTRACE_EVENT_FORK");
	ok(vforks == 1 && vdone == 1, "PTRACE_EVENT_VFORK and VFORK_DONE");
	ok_eq(execs, 1, "PTRACE_EVENT_EXEC");
	ok_eq(exits, 4, "PTRACE_EVENT_EXIT, of all four");
	ok_eq(born, 3, "each child is traced from its start");
	ok(ended == 4 && status == 0, "all four end");
	ok(results[0] == 21 && results[1] == 22 && results[2] == 23, "the program notices nothing");
}

/* ---- Signals seen by the tracer ----------------------------------------- */

static volatile int got_usr1, got_usr2;

static void on_usr(int sig, siginfo_t *si, void *uc)
{
	if (sig == SIGUSR1)
		got_usr1++;
	else
		got_usr2 += si->si_value.sival_int;
}

static void gets_signals(void)
{
	struct sigaction sa = { .sa_sigaction = on_usr, .sa_flags = SA_SIGINFO };

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	for (int i = 0; i < 3; i++)
		known_call(SYS_kill, getpid(), SIGUSR1, 0);
	results[0] = got_usr1;
	results[1] = got_usr2;
}

static void test_signals(void)
{
	pid_t pid;
	siginfo_t si;
	int st, good;

	pid = tracee(gets_signals, 0);
	st = go_on(PTRACE_CONT, pid, 0);
	good = stopped_by(st, SIGUSR1);
	ptrace(PTRACE_GETSIGINFO, pid, NULL, &si);
	ok(good && si.si_signo == SIGUSR1 && si.si_code == SI_USER && si.si_pid == pid,
	   "the tracer sees a signal and its siginfo");
	st = go_on(PTRACE_CONT, pid, 0);		/* not delivered */
	good = stopped_by(st, SIGUSR1);
	si.si_signo = SIGUSR2;
	si.si_code = SI_QUEUE;
	si.si_value.sival_int = 50;
	ptrace(PTRACE_SETSIGINFO, pid, NULL, &si);
	st = go_on(PTRACE_CONT, pid, SIGUSR2);		/* another one instead */
	good &= stopped_by(st, SIGUSR1);
	st = go_on(PTRACE_CONT, pid, SIGUSR1);		/* as it is */
	ok(good && WIFEXITED(st), "it stops at each of three");
	ok(results[0] == 1 && results[1] == 50,
	   "one is suppressed, one is replaced, one is delivered");
}

/* ---- Debug registers ---------------------------------------------------- */

#define HITS	10

static volatile long watched, beside;

static void counts(void)
{
	for (long i = 0; i < HITS; i++) {
		beside = -i;
		watched = 100 + i;
		known_call(SYS_close, -1, 0, 0);
	}
}

static long debugreg(pid_t pid, int i)
{
	return ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[i]), NULL);
}

static void set_debugreg(pid_t pid, int i, unsigned long value)
{
	if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[i]), value))
		bail("POKEUSER u_debugreg[%d]: %s", i, strerror(errno));
}

static void test_watchpoint(void)
{
	pid_t pid = tracee(counts, 0);
	int told = 0, st, i;
	siginfo_t si;

	/* in register 1: the next 8 bytes at it, writes */
	set_debugreg(pid, 1, (unsigned long)&watched);
	set_debugreg(pid, 7, 1 << 2 | 9 << 20);
	for (i = 0; i < 2 * HITS; i++) {
		st = go_on(PTRACE_CONT, pid, 0);
		if (!stopped_by(st, SIGTRAP))
			break;
		memset(&si, 0, sizeof(si));
		ptrace(PTRACE_GETSIGINFO, pid, NULL, &si);
		told += si.si_code == TRAP_HWBKPT && (debugreg(pid, 6) & 15) == 2 &&
			ptrace(PTRACE_PEEKDATA, pid, &watched, NULL) == 100 + i &&
			si.si_addr == (void *)regs_of(pid).rip;
	}
	ok_eq(i, HITS, "a watchpoint is hit by each write");
	ok_eq(told, HITS, "behind it: TRAP_HWBKPT, and DR6 says which");
	ok(WIFEXITED(st) && !WEXITSTATUS(st), "the program notices nothing");
}

static void test_hw_breakpoint(void)
{
	pid_t pid = tracee(counts, 0);
	int there = 0, st, i;

	set_debugreg(pid, 0, (unsigned long)known_call);
	set_debugreg(pid, 7, 1);
	for (i = 0; i < 2 * HITS; i++) {
		st = go_on(PTRACE_CONT, pid, 0);
		if (!stopped_by(st, SIGTRAP))
			break;
		there += regs_of(pid).rip == (uintptr_t)known_call && debugreg(pid, 6) & 1;
		/* after the first ones, and a step over it, no more */
		if (i == 2) {
			st = go_on(PTRACE_SINGLESTEP, pid, 0);
			there += stopped_by(st, SIGTRAP) && regs_of(pid).rip != (uintptr_t)known_call &&
				 !(debugreg(pid, 6) & 1);
			set_debugreg(pid, 7, 0);
		}
	}
	ok_eq(i, 3, "a breakpoint of the hardware is hit, until it is taken away");
	ok_eq(there, 4, "at it, once each time; a step goes on from there");
	ok(WIFEXITED(st) && !WEXITSTATUS(st), "the program notices nothing of that");
}

/* ---- seccomp's RET_TRACE ------------------------------------------------ */

static void filtered(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 0x777),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
	results[0] = known_call(SYS_getppid, 5, 0, 0);
	results[1] = known_call(SYS_getpid, 0, 0, 0);
	results[2] = known_call(SYS_getppid, 6, 0, 0);
	results[3] = known_call(SYS_getppid, 7, 0, 0);
}

static int at_trace(pid_t pid, unsigned long arg, int st)
{
	unsigned long msg = 0;
	regs_t r = regs_of(pid);

	ptrace(PTRACE_GETEVENTMSG, pid, NULL, &msg);
	return st >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8) && msg == 0x777 &&
		r.orig_rax == SYS_getppid && r.rdi == arg &&
		r.rip == (uintptr_t)known_call_on;
}

static void test_seccomp(void)
{
	pid_t pid = tracee(filtered, PTRACE_O_TRACESECCOMP);
	int good, st;
	regs_t r;

	good = at_trace(pid, 5, go_on(PTRACE_CONT, pid, 0));
	r = regs_of(pid);
	r.orig_rax = SYS_getpid;
	set_regs(pid, &r);
	good &= at_trace(pid, 6, go_on(PTRACE_CONT, pid, 0));
	r = regs_of(pid);
	r.orig_rax = (unsigned long)-1;
	r.rax = (unsigned long)-123;
	set_regs(pid, &r);
	good &= at_trace(pid, 7, go_on(PTRACE_CONT, pid, 0));
	st = finish(pid);
	ok(good, "SECCOMP_RET_TRACE stops at the filtered calls only, with the filter's data");
	ok(WIFEXITED(st) && results[0] == pid && results[1] == pid && results[2] == -123 &&
	   results[3] == getpid(),
	   "the tracer makes one another call, answers one, lets one through");
}

static void not_traced(void)
{
	filtered();
	_exit(results[0] == -ENOSYS ? 0 : 1);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 23;
	results = shared(4096);
	test_stops();
	test_quiet();
	test_changes();
	test_sysemu();
	test_events();
	test_signals();
	test_watchpoint();
	test_hw_breakpoint();
	test_seccomp();
	ok_child(not_traced, "SECCOMP_RET_TRACE without a tracer: ENOSYS");
	return tap_done();
}
