// SPDX-License-Identifier: GPL-2.0
/* Ways that Linux has to look at, or to take over, a thread's system calls. */
#define _GNU_SOURCE
#include "watch.h"
#include "bench.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#endif
#ifndef PTRACE_SYSEMU
#define PTRACE_SYSEMU 31
#endif

#define SYSCALL_BYTES 2

void watch_dispatch_by(volatile unsigned char *selector)
{
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, selector))
		bench_skip("this kernel has no syscall user dispatch: %s", strerror(errno));
}

void watch_dispatch(void)
{
	static volatile unsigned char allow = WATCH_ALLOW;

	watch_dispatch_by(&allow);
}

/* Returns what seccomp() does; @action is for getpid(). */
static int install(unsigned int action, unsigned int flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };
	int ret;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		bench_fail("PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
	ret = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (ret < 0)
		bench_skip("seccomp: %s", strerror(errno));
	return ret;
}

void watch_filter(void)
{
	install(SECCOMP_RET_ALLOW, 0);
}

int watch_notify(void)
{
	return install(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

/* ---- Tracers -------------------------------------------------------------------- */

/* Has it ended? Then its end is in *status. */
static int next_stop(int pid, int request, int *status)
{
	if (ptrace(request, pid, 0, 0) || waitpid(pid, status, 0) != pid)
		return 1;
	return !WIFSTOPPED(*status);
}

static int attach(int pid)
{
	int status;

	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL))
		return -1;
	kill(pid, SIGCONT);
	return 0;
}

/* Seizing does not stop it: the first stop is that of SIGCONT, or of a call. */
static int follow(int pid, int request, int (*at_stop)(int pid, int *status))
{
	int status;

	if (attach(pid))
		return 2;
	if (waitpid(pid, &status, 0) != pid)
		return 2;
	while (!next_stop(pid, request, &status))
		if (at_stop && WSTOPSIG(status) == (SIGTRAP | 0x80) && at_stop(pid, &status))
			break;
	return 0;
}

int watch_by_ptrace(int pid)
{
	return follow(pid, PTRACE_SYSCALL, NULL);
}

/* getpid() is answered, and Linux makes the others after all: from their instruction, again. */
static int emulate(int pid, int *status)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, 0, &regs))
		return 1;
	if (regs.orig_rax == SYS_getpid) {
		regs.rax = pid;
		return ptrace(PTRACE_SETREGS, pid, 0, &regs) != 0;
	}
	regs.rip -= SYSCALL_BYTES;
	regs.rax = regs.orig_rax;
	regs.orig_rax = -1;
	return ptrace(PTRACE_SETREGS, pid, 0, &regs) || next_stop(pid, PTRACE_SYSCALL, status) ||
	       next_stop(pid, PTRACE_SYSCALL, status);
}

int watch_by_sysemu(int pid)
{
	return follow(pid, PTRACE_SYSEMU, emulate);
}
