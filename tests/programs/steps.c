// SPDX-License-Identifier: GPL-2.0
/*
 * What a debugger does to its program: single steps, breakpoints, reading and writing its memory
 * and registers, watchpoints.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <stddef.h>
#include <sys/uio.h>

#include "tracing.h"

static volatile long *results;

/* ---- Single steps ------------------------------------------------------- */

/* Each instruction has a label of its own: s0, s1 ... */
void steps(void);
extern const char s0[], s1[], s2[], s3[], s4[], s5[], s6[], s7[], s8[], s9[], s10[], s11[], s12[];
__asm__(".pushsection .text\n"
	"steps:\n"
	"s0:\tmovl $3, %ecx\n"
	"s1:\tpushq %rbx\n"
	"s2:\txorl %ebx, %ebx\n"
	"s3:\taddl $5, %ebx\n"			/* three times */
	"s4:\tdecl %ecx\n"
	"s5:\tjnz s3\n"
	"s6:\tcall s12\n"
	"s7:\tmovl $102, %eax\n"
	"s8:\tpushfq\n"
	"s9:\tpopq %rdx\n"
	"s10:\tpopq %rbx\n"
	"s11:\tret\n"
	"s12:\tret\n"
	".popsection");

static void run_steps(void)
{
	steps();
}

static void test_steps(void)
{
	const char *path[] = { s1, s2, s3, s4, s5, s3, s4, s5, s3, s4, s5, s6, s12, s7, s8, s9, s10,
			       s11 };
	const int n = sizeof(path) / sizeof(path[0]);
	pid_t pid = tracee(run_steps, 0);
	int wrong = 0, st = 0, tries;
	siginfo_t si;
	regs_t r;

	/* Up to its beginning, through the end of what went before. */
	for (tries = 0; tries < 2000; tries++) {
		st = go_on(PTRACE_SINGLESTEP, pid, 0);
		if (!WIFSTOPPED(st) || regs_of(pid).rip == (uintptr_t)s0)
			break;
	}
	ok(WIFSTOPPED(st) && tries < 2000, "stepped up to a function");
	for (int i = 0; i < n; i++) {
		st = go_on(PTRACE_SINGLESTEP, pid, 0);
		r = regs_of(pid);
		if (!stopped_by(st, SIGTRAP) || r.rip != (uintptr_t)path[i]) {
			if (!wrong++)
				diag("step %d: status %#x, at s0%+ld, want s0%+ld", i, st,
				     (long)(r.rip - (uintptr_t)s0),
				     (long)(path[i] - s0));
		}
		if (path[i] == s6 && (r.rbx != 15 || r.rcx != 0))
			wrong++;
		/* PUSHF shows the tracer's flag: Linux does not hide it. */
		if (path[i] == s10 && !(r.rdx & 0x100))
			wrong++;
	}
	ok_eq(wrong, 0, "%d single steps, each one instruction, through a loop and a call", n);
	memset(&si, 0, sizeof(si));
	ptrace(PTRACE_GETSIGINFO, pid, NULL, &si);
	ok(si.si_signo == SIGTRAP && si.si_code == TRAP_TRACE && si.si_addr == (void *)s11,
	   "its SIGTRAP: TRAP_TRACE and the address");
	st = finish(pid);
	ok(WIFEXITED(st) && !WEXITSTATUS(st), "then it runs to its end");
}

/* ---- Breakpoints -------------------------------------------------------- */

__attribute__((noinline)) static long add_up(long a, long b)
{
	__asm__ volatile("" : "+r"(a), "+r"(b));
	return a + b;
}

static void call_often(void)
{
	long sum = 0;

	for (long i = 0; i < 10; i++)
		sum = add_up(sum, i);
	results[0] = sum;
}

static void test_breakpoint(void)
{
	pid_t pid = tracee(call_often, 0);
	long word, hits = 0, args = 0;
	int st;
	regs_t r;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, (void *)add_up, NULL);
	ok(!errno && !memcmp(&word, (void *)add_up, sizeof(word)),
	   "PTRACE_PEEKTEXT reads its code");
	for (;;) {
		ptrace(PTRACE_POKETEXT, pid, (void *)add_up, (void *)((word & ~0xffL) | 0xcc));
		st = go_on(PTRACE_CONT, pid, 0);
		if (!stopped_by(st, SIGTRAP))
			break;
		r = regs_of(pid);
		if (r.rip != (uintptr_t)add_up + 1)
			break;
		hits++;
		args += (long)r.rsi;
		/* back to it, over it without the breakpoint, and again */
		r.rip--;
		set_regs(pid, &r);
		ptrace(PTRACE_POKETEXT, pid, (void *)add_up, (void *)word);
		st = go_on(PTRACE_SINGLESTEP, pid, 0);
		if (!stopped_by(st, SIGTRAP))
			break;
	}
	ok_eq(hits, 10, "a breakpoint by INT3 is met ten times, RIP behind it");
	ok_eq(args, 45, "each time with the arguments of that call");
	ok(WIFEXITED(st) && results[0] == 45, "the program notices nothing");
}

/* ---- Hardware breakpoints and watchpoints ------------------------------- */

static volatile long watched;

static void write_watched(void)
{
	for (long i = 1; i <= 3; i++) {
		results[1]++;
		watched = i;
	}
	add_up(1, 2);
}

static int set_debug(pid_t pid, int nr, unsigned long value)
{
	return (int)ptrace(PTRACE_POKEUSER, pid,
			   (void *)(offsetof(struct user, u_debugreg) + 8 * (size_t)nr),
				   (void *)value);
}

static void test_watchpoint(void)
{
	pid_t pid = tracee(write_watched, 0);
	long dr6 = 0, hits = 0, right = 0, at_code = 0;
	siginfo_t si;
	int st = 0;

	/* 0: writes of 8 bytes; 1: execution */
	if (set_debug(pid, 0, (uintptr_t)&watched) || set_debug(pid, 1, (uintptr_t)add_up) ||
	    set_debug(pid, 7, 1 << 0 | 1 << 2 | 0x9UL << 16)) {
		skip(3, "no debug registers: %s", strerror(errno));
		kill(pid, SIGKILL);
		wait_stop(pid);
		return;
	}
	for (int i = 0; i < 10; i++) {
		st = go_on(PTRACE_CONT, pid, 0);
		if (!stopped_by(st, SIGTRAP))
			break;
		dr6 = ptrace(PTRACE_PEEKUSER, pid, (void *)(offsetof(struct user, u_debugreg) + 48),
			     NULL);
		ptrace(PTRACE_GETSIGINFO, pid, NULL, &si);
		if ((dr6 & 3) == 2) {
			at_code += regs_of(pid).rip == (uintptr_t)add_up &&
				si.si_code == TRAP_HWBKPT;
			continue;
		}
		hits++;
		right += (dr6 & 3) == 1 && si.si_code == TRAP_HWBKPT &&
			ptrace(PTRACE_PEEKDATA, pid, (void *)&watched, NULL) == hits;
	}
	if (hits != 3 || right != 3 || at_code != 1)
		diag("hits %ld right %ld at_code %ld dr6 %#lx status %#x", hits, right, at_code,
		     dr6, st);
	ok(hits == 3 && right == 3,
	   "a watchpoint in a debug register stops behind each of three writes: DR6, TRAP_HWBKPT");
	ok_eq(at_code, 1, "a breakpoint in a debug register stops before its instruction");
	ok(WIFEXITED(st) && !WEXITSTATUS(st), "then it runs to its end");
}

/* ---- Registers and memory ----------------------------------------------- */

static volatile long data[4] = { 11, 22, 33, 44 };
static volatile double floats[2];

/* Loads known values, stops by INT3, and stores what it has then. */
void regs_stop(void);
extern const char regs_stop_on[];
static volatile unsigned long stored[16] __attribute__((used));
static volatile unsigned char stored_x[32] __attribute__((used));
__asm__(".pushsection .text\n"
	"regs_stop:\n\tpushq %rbx\n\tpushq %rbp\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\t"
	"pushq %r15\n\t"
	"movl $0xb, %ebx\n\tmovl $0xc, %r12d\n\tmovl $0xf, %r15d\n\tmovl $0xa, %eax\n\t"
	"movl $0x77, %r11d\n\tmovl $0x99, %ecx\n\t"
	"movq %rbx, %xmm9\n\tfninit\n\tfld1\n\tint3\n"
	"regs_stop_on:\n\t"
	"movq %rax, stored(%rip)\n\tmovq %rbx, stored+8(%rip)\n\tmovq %r12, stored+16(%rip)\n\t"
	"movq %r15, stored+24(%rip)\n\t"
	"movq %r11, stored+32(%rip)\n\tmovq %rcx, stored+40(%rip)\n\t"
	"movdqu %xmm9, stored_x(%rip)\n\t"
	"fstpl floats(%rip)\n\tstmxcsr stored+48(%rip)\n\tpushfq\n\tpopq stored+56(%rip)\n\tcld\n\t"
	"popq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbp\n\tpopq %rbx\n\tret\n"
	".popsection");

static void run_regs(void)
{
	regs_stop();
	results[0] = (long)stored[0];
	results[1] = (long)stored[1];
	results[2] = (long)stored[2];
	results[3] = (long)stored[3];
	results[4] = (long)stored[4];
	results[5] = (long)stored[5];
	results[6] = (long)stored[6];
	results[7] = (long)stored[7];
	memcpy((void *)(results + 8), (void *)stored_x, 16);
	results[10] = (long)(floats[0] * 1000);
	results[11] = data[0];
	results[12] = data[3];
	results[13] = add_up(data[1], 0);
}

static void test_registers(void)
{
	pid_t pid = tracee(run_regs, 0);
	int st = go_on(PTRACE_CONT, pid, 0);
	struct user_fpregs_struct fp;
	unsigned char xstate[4096] __attribute__((aligned(64)));
	struct iovec iov = { xstate, sizeof(xstate) }, local, remote;
	long copy[4];
	char path[64];
	regs_t r = regs_of(pid);
	int fd;

	ok(stopped_by(st, SIGTRAP) && r.rip == (uintptr_t)regs_stop_on && r.rbx == 0xb &&
	   r.r12 == 0xc && r.r15 == 0xf &&
	   r.rax == 0xa && r.r11 == 0x77 && r.rcx == 0x99 && r.orig_rax == -1UL,
		   "PTRACE_GETREGS: the program's registers");
	ok(r.cs == 0x33 && r.ss == 0x2b && r.fs_base && !r.gs_base, "its segments and bases");
	ptrace(PTRACE_GETFPREGS, pid, NULL, &fp);
	ok(fp.xmm_space[36] == 0xb && fp.mxcsr == 0x1f80 && fp.cwd == 0x37f,
	   "PTRACE_GETFPREGS: XMM9, MXCSR, control word");
	if (ptrace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &iov) && errno == ENODEV)
		skip(1, "no XSAVE");
	else
		ok(iov.iov_len > 512 && iov.iov_len < sizeof(xstate) &&
		   !memcmp(xstate + 160 + 9 * 16, &fp.xmm_space[36], 16),
		   "PTRACE_GETREGSET of the XSAVE area has the same XMM9");
	errno = 0;
	ok(ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, rbx), NULL) == 0xb &&
	   !errno, "PTRACE_PEEKUSER");

	/* Memory, by three ways. */
	ok(ptrace(PTRACE_PEEKDATA, pid, (void *)&data[1], NULL) == 22, "PTRACE_PEEKDATA");
	local.iov_base = copy;
	remote.iov_base = (void *)data;
	local.iov_len = remote.iov_len = sizeof(copy);
	ok(process_vm_readv(pid, &local, 1, &remote, 1, 0) == sizeof(copy) && copy[0] == 11 &&
	   copy[3] == 44, "process_vm_readv()");
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR);
	ok(pread(fd, copy, sizeof(copy), (off_t)(uintptr_t)data) == sizeof(copy) && copy[2] == 33,
	   "/proc/PID/mem is read");
	copy[0] = 1111;
	ok(pwrite(fd, copy, 8, (off_t)(uintptr_t)data) == 8, "and written");
	close(fd);
	ptrace(PTRACE_POKEDATA, pid, (void *)&data[3], (void *)4444);
	copy[1] = 2222;
	local.iov_base = &copy[1];
	remote.iov_base = (void *)&data[1];
	local.iov_len = remote.iov_len = 8;
	ok_eq(process_vm_writev(pid, &local, 1, &remote, 1, 0), 8, "process_vm_writev()");

	r.rax = 0x1a;
	r.rbx = 0x1b;
	r.r12 = 0x1234567890abcdef;
	r.r15 = -1UL;
	r.r11 = 0xdddd;
	r.rcx = 0xcccc;
	r.eflags |= 0x401;				/* CF, DF */
	set_regs(pid, &r);
	fp.xmm_space[36] = 0x11111111;
	fp.xmm_space[39] = 0x22222222;
	fp.mxcsr = 0x3f80;
	fp.st_space[0] = 0;				/* ST0 = 1.5 */
	fp.st_space[1] = 0xc0000000;
	ptrace(PTRACE_SETFPREGS, pid, NULL, &fp);
	st = finish(pid);
	ok(WIFEXITED(st) && results[0] == 0x1a && results[1] == 0x1b &&
	   results[2] == 0x1234567890abcdef && results[3] == -1 &&
	   results[4] == 0xdddd && results[5] == 0xcccc, "PTRACE_SETREGS: they are taken");
	ok((results[7] & 0x401) == 0x401, "the flags, too");
	ok((int)results[8] == 0x11111111 && (int)(results[9] >> 32) == 0x22222222 &&
	   (int)results[6] == 0x3f80 && results[10] == 1500,
	   "PTRACE_SETFPREGS: XMM9, MXCSR and ST0 are taken");
	ok(results[11] == 1111 && results[12] == 4444 && results[13] == 2222,
	   "what was written to its memory is there");
}

/* RIP and RSP: the tracer calls a function in the program, on a stack that it chooses. */
static long call_me(long a, long b)
{
	char here;

	results[0] = a * b;
	results[1] = (long)&here;
	return a - b;
}

static char other_stack[16384] __attribute__((aligned(16)));

static void loop_for_ever(void)
{
	results[3] = 1;
	for (;;)
		;
}

static void test_call(void)
{
	pid_t pid = tracee(loop_for_ever, 0);
	regs_t saved, r;
	int st;

	results[3] = 0;
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	eventually(results[3]);
	kill(pid, SIGUSR1);				/* stops it in the loop */
	st = wait_stop(pid);
	ok(stopped_by(st, SIGUSR1), "a program in a loop is stopped by a signal");
	saved = r = regs_of(pid);
	r.rip = (uintptr_t)call_me;
	r.rdi = 6;
	r.rsi = 7;
	r.rsp = (uintptr_t)other_stack + sizeof(other_stack) - 8;
	r.orig_rax = -1UL;
	ptrace(PTRACE_POKEDATA, pid, (void *)r.rsp, (void *)0);	/* returns to 0: SIGSEGV */
	set_regs(pid, &r);
	st = go_on(PTRACE_CONT, pid, 0);
	r = regs_of(pid);
	ok(stopped_by(st, SIGSEGV) && !r.rip && (long)r.rax == -1,
	   "a function called by the tracer returns");
	ok(results[0] == 42 && results[1] > (long)other_stack &&
	   results[1] < (long)other_stack + (long)sizeof(other_stack),
	   "it ran with the tracer's arguments and stack");
	set_regs(pid, &saved);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	pause_ms(1);
	ok(state_of(pid) == 'R', "put back into its loop, it computes on");
	kill(pid, SIGKILL);
	wait_stop(pid);
}

int main(void)
{
	results = shared(4096);
	test_steps();
	test_breakpoint();
	test_watchpoint();
	test_registers();
	test_call();
	return tap_done();
}
