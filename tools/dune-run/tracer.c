// SPDX-License-Identifier: GPL-2.0
/* A process that traces this one until it has executed the program. */
#include "tracer.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "area.h"
#include "descriptor.h"
#include "exit.h"
#include "remote.h"

/* The tracer's descriptors. */
enum { LINE = 3, PROC, LOG, FIRST_UNUSED };

/* ---- in the tracer ------------------------------------------------------------- */

static void place(int fd, int at)
{
	if (fd >= 0)
		dup2(fd, at);
	else
		close(at);
}

/* Hold nothing of the program's open; standard error is for what may go wrong. */
static void settle(int line, int proc, int log)
{
	sigset_t all;

	setsid();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* first out of each other's way */
	line = descriptor_move(line, FIRST_UNUSED);
	proc = descriptor_move(proc, FIRST_UNUSED);
	log = descriptor_move(log, FIRST_UNUSED);
	place(line, LINE);
	place(proc, PROC);
	place(log, LOG);
	syscall(SYS_close_range, FIRST_UNUSED, ~0U, 0);
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
}

static bool send_int(int line, int value)
{
	return send(line, &value, sizeof(value), MSG_NOSIGNAL) == sizeof(value);
}

static bool receive_int(int line, int *value)
{
	ssize_t n;

	do
		n = recv(line, value, sizeof(*value), 0);
	while (n < 0 && errno == EINTR);
	return n == sizeof(*value);
}

/* From here on the end of this process is the end of the other, unless it is detached. */
static int seize(pid_t pid)
{
	long options = PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;

	return ptrace(PTRACE_SEIZE, pid, NULL, options) ? errno : 0;
}

static bool stops(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

/* Let @pid run, stop and get its signals as untraced, until execve() has succeeded. */
static bool wait_for_exec(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {
		int event = status >> 16, sig = WSTOPSIG(status);

		if (event == PTRACE_EVENT_EXEC)
			return true;
		if (event == PTRACE_EVENT_STOP && stops(sig))
			ptrace(PTRACE_LISTEN, pid, NULL, NULL);
		else
			ptrace(PTRACE_CONT, pid, NULL, event ? 0L : (long)sig);
	}
	return false;
}

static void failed(struct remote *r, const struct dune_rt_start *start, const struct why *w)
{
	bool fallback = start->flags & DUNE_RT_FALLBACK;

	if (r->status != -1) {
		/* Who kills it knows; a seccomp filter may do it for what is done here. */
		if (WIFSIGNALED(r->status) && WTERMSIG(r->status) != SIGKILL)
			say("signal %d ended the program before its first instruction",
			    WTERMSIG(r->status));
		return;
	}
	if (!fallback) {
		say("%s", w->text);
		remote_exit(r, EXIT_FAILED);
		return;
	}
	if (start->flags & (DUNE_RT_STATS | DUNE_RT_TRACE))
		say("not in Dune mode: %s", w->text);
	if (start->log_fd >= 0)
		remote_call(r, SYS_close, (uint64_t)start->log_fd, 0, 0, 0, 0, 0);
	if (start->report_fd)
		remote_call(r, SYS_close, (uint64_t)start->report_fd, 0, 0, 0, 0, 0);
	remote_release(r, &r->regs);
}

static void read_name(char *name, size_t size)
{
	int fd = descriptor_move(openat(PROC, "comm", O_RDONLY | O_CLOEXEC), FIRST_UNUSED);
	ssize_t n = fd < 0 ? 0 : read(fd, name, size - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		n = snprintf(name, size, "?");
	name[n] = 0;
	name[strcspn(name, "\n")] = 0;
}

/* The program runs. What is open here would be missed by who waits for its end: keep what is needed. */
static void stay(pid_t pid, const struct dune_rt_start *start, tracer_after_fn *after)
{
	struct traced program = { .pid = pid };
	int log = start->log_fd < 0 ? STDERR_FILENO : LOG;

	read_name(program.name, sizeof(program.name));
	if (chdir("/"))
		say("cannot go to /: %s", strerror(errno));
	close(PROC);
	if (log != STDERR_FILENO)
		close(STDERR_FILENO);
	after(LINE, log, &program);
}

static __attribute__((noreturn)) void trace(int line, int proc, pid_t pid,
					    const struct dune_rt_start *asked,
					    tracer_after_fn *after)
{
	struct dune_rt_start start = *asked;
	struct remote r;
	struct why w;
	int err, go;

	settle(line, proc, start.log_fd);
	if (!send_int(LINE, getpid()) || !receive_int(LINE, &go))
		_exit(1);
	/* What inherits orphans, as the first process of a PID namespace does, inherited us: it waits for our end. */
	if (getppid() == pid) {
		start.tracer = (uint32_t)getpid();
		after = NULL;
	}
	err = seize(pid);
	if (!send_int(LINE, err) || err)
		_exit(1);
	if (!after)
		close(LINE);
	if (!wait_for_exec(pid))
		_exit(0);
	err = remote_open(&r, pid, fcntl(PROC, F_GETFD) < 0 ? -1 : PROC, &w) ?:
	      area_start(&r, &start, &w);
	if (err)
		failed(&r, &start, &w);
	else if (after)
		stay(pid, &start, after);
	_exit(!!err);
}

/* ---- in dune-run ---------------------------------------------------------------- */

/* What the tracer begins with. */
struct beginning {
	int line, proc;
	pid_t pid;
	const struct dune_rt_start *start;
	tracer_after_fn *after;
};

static int tracer_main(void *arg)
{
	const struct beginning *b = arg;

	trace(b->line, b->proc, b->pid, b->start, b->after);
}

/*
 * A child in this memory, which is not copied: by execve() this process leaves it to the tracer. Until then one
 * of the two waits for the other, but where neither allocates nor looks at what the other writes. Its end
 * makes no SIGCHLD - which, blocked, would wait for the program - and only __WALL sees it.
 */
#define STACK_SIZE	(64 * 1024)
#define STACK(bytes)	((bytes) + sizeof(bytes))

static pid_t quiet_child(int (*fn)(void *), void *stack, int flags, void *arg)
{
	return clone(fn, stack, CLONE_VM | flags, arg);
}

static int between_main(void *arg)
{
	static char stack[STACK_SIZE] __attribute__((aligned(16)));

	return quiet_child(tracer_main, STACK(stack), 0, arg) < 0 ? errno : 0;
}

/* The tracer is to be no child of this process: its parent has ended. 0 or an errno. */
static int begin_stranger(struct beginning *b)
{
	static char stack[STACK_SIZE] __attribute__((aligned(16)));
	pid_t pid = quiet_child(between_main, STACK(stack), CLONE_VFORK, b);
	int status;

	if (pid < 0)
		return errno;
	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

static int yama_scope(void)
{
	int fd = descriptor_open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY);
	char c = '0';

	if (fd < 0)
		return 0;
	if (read(fd, &c, 1) != 1)
		c = '0';
	close(fd);
	return c - '0';
}

/* The number of who traces this process; 0 also where there is no /proc. */
static int traced_by(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	int pid = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "TracerPid: %d", &pid) == 1)
			break;
	if (file)
		fclose(file);
	return pid;
}

static int cannot_trace(struct why *w, int err)
{
	int pid = traced_by();

	if (pid)
		return why(w, EPERM, "it is being traced (by process %d: strace? gdb?), and so "
			   "cannot trace the program itself: start the program first, then attach "
			   "to it", pid);
	if (err == EPERM && yama_scope() >= 2)
		return why(w, err, "tracing is forbidden here: kernel.yama.ptrace_scope is %d%s",
			   yama_scope(), yama_scope() == 2 ? "; be root" : "");
	if (err == EPERM || err == ENOSYS)
		return why(w, err, "tracing is forbidden here (%s): by a debugger that traces "
			   "dune-run, by a seccomp filter or by a security module", strerror(err));
	return why(w, err, "cannot trace: %s", strerror(err));
}

/* Yama lets only those trace that were named; the answer to that is what the tracer says. */
static int let_trace(int line, int *result)
{
	bool heard;
	int pid;

	if (!receive_int(line, &pid))
		return ECONNRESET;
	prctl(PR_SET_PTRACER, pid, 0, 0, 0);
	heard = send_int(line, 0) && receive_int(line, result);
	prctl(PR_SET_PTRACER, 0, 0, 0, 0);
	return heard ? 0 : ECONNRESET;
}

static int make_line(int line[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line))
		return errno;
	for (int i = 0; i < 2; i++)
		line[i] = descriptor_move(line[i], FIRST_UNUSED);
	return line[0] < 0 || line[1] < 0 ? errno : 0;
}

int tracer_begin(struct dune_rt_start *start, tracer_after_fn *after, struct why *w)
{
	static struct beginning b;
	int line[2], proc, err, result = 0;

	err = make_line(line);
	if (err)
		return why(w, err, "cannot make a socket: %s", strerror(err));
	/* By way of "self": what /proc calls PID may be another where PID namespaces are about. */
	proc = descriptor_open("/proc/self", O_PATH | O_DIRECTORY);
	start->report_fd = after ? line[0] : 0;
	b = (struct beginning){ line[1], proc, getpid(), start, after };
	err = begin_stranger(&b);
	close(line[1]);
	close(proc);
	if (err) {
		why(w, err, "cannot make a process to trace from: %s", strerror(err));
	} else {
		err = let_trace(line[0], &result);
		if (err)
			why(w, err, "the process to trace from has died");
		else if (result)
			err = cannot_trace(w, result);
	}
	if (err || !after)
		close(line[0]);
	return err;
}
