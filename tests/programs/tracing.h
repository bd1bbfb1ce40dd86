/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs share that trace a child by ptrace(): a child that waits to be traced, and
 * calls whose place is known.
 */
#ifndef TRACING_H
#define TRACING_H

#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#include "child.h"

#define SYSCALL_STOP	(SIGTRAP | 0x80)

typedef struct user_regs_struct regs_t;

/* A call by an instruction of our own: behind it is known_call_on. */
long known_call(long nr, long a, long b, long c);
extern const char known_call_on[];
__asm__(".pushsection .text\n"
	"known_call:\n\tmovq %rdi, %rax\n\tmovq %rsi, %rdi\n\tmovq %rdx, %rsi\n\t"
	"movq %rcx, %rdx\n\tsyscall\n"
	"known_call_on:\n\tret\n"
	".popsection");

/* In the child: stop, to be looked at. */
TAP_UNUSED static void stop_here(void)
{
	known_call(SYS_kill, known_call(SYS_getpid, 0, 0, 0), SIGSTOP, 0);
}

/* Wait for @pid; its status. */
TAP_UNUSED static int wait_stop(pid_t pid)
{
	int st = -1;

	while (waitpid(pid, &st, __WALL) < 0)
		if (errno != EINTR)
			return -1;
	return st;
}

static void (*tracee_fn)(void);

TAP_UNUSED static void tracee_main(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(97);
	stop_here();
	tracee_fn();
	known_call(SYS_exit_group, 0, 0, 0);
}

/* A traced child that has stopped; the next thing that it does is @fn. */
TAP_UNUSED static pid_t tracee(void (*fn)(void), long options)
{
	pid_t pid;
	int st;

	tracee_fn = fn;
	pid = child(tracee_main);
	st = wait_stop(pid);
	if (!WIFSTOPPED(st) || WSTOPSIG(st) != SIGSTOP)
		bail("the child does not stop: %#x", st);
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL,
		   options | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL))
		bail("PTRACE_SETOPTIONS: %s", strerror(errno));
	return pid;
}

/* Let it go on by @request, with @sig; how it stops next. */
TAP_UNUSED static int go_on(int request, pid_t pid, int sig)
{
	if (ptrace(request, pid, NULL, (long)sig))
		bail("ptrace(%d): %s", request, strerror(errno));
	return wait_stop(pid);
}

TAP_UNUSED static int stopped_by(int st, int sig)
{
	return WIFSTOPPED(st) && WSTOPSIG(st) == sig;
}

TAP_UNUSED static regs_t regs_of(pid_t pid)
{
	regs_t r;

	memset(&r, 0, sizeof(r));
	if (ptrace(PTRACE_GETREGS, pid, NULL, &r))
		diag("PTRACE_GETREGS: %s", strerror(errno));
	return r;
}

TAP_UNUSED static void set_regs(pid_t pid, const regs_t *r)
{
	if (ptrace(PTRACE_SETREGS, pid, NULL, r))
		diag("PTRACE_SETREGS: %s", strerror(errno));
}

/* Let it run to its end; the status of that. */
TAP_UNUSED static int finish(pid_t pid)
{
	int st = go_on(PTRACE_CONT, pid, 0);

	while (WIFSTOPPED(st))
		st = go_on(PTRACE_CONT, pid, WSTOPSIG(st) == SIGTRAP ? 0 : WSTOPSIG(st));
	return st;
}

#endif /* TRACING_H */
