// SPDX-License-Identifier: GPL-2.0
/*
 * execve() of a process that has a tracer, where children go into Dune mode by themselves: the
 * tracer hears of that execve(), once, and of no other.
 */
#include <sys/ptrace.h>

#include "child.h"

#define STATUS 7

static const char *const self = "/proc/self/exe";

static void exec_again(void)
{
	execl(self, "follow", "--exit", (char *)NULL);
	_exit(98);
}

static void exec_traced(void)
{
	need(!ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	raise(SIGSTOP);
	exec_again();
}

static int line[2];

static void exec_seized(void)
{
	char c;

	need(read(line[0], &c, 1) == 1);
	exec_again();
}

/* What program is it in? */
static const char *name_of(pid_t pid)
{
	static char name[64];
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, name, sizeof(name) - 1);
	close(fd);
	name[n < 0 ? 0 : n] = 0;
	return name;
}

static int go_on(pid_t pid)
{
	if (ptrace(PTRACE_CONT, pid, NULL, NULL))
		diag("PTRACE_CONT: %s", strerror(errno));
	return status_of(pid);
}

/* From execve() to the end. */
static void test_stops(pid_t pid, int st, int event)
{
	const char *how = event ? "an event" : "SIGTRAP";

	ok_eq(st, event << 16 | SIGTRAP << 8 | 0x7f, "%s tells the tracer of execve()", how);
	ok(!strcmp(name_of(pid), "follow"), "%s: it is the program's own", how);
	st = go_on(pid);
	ok(WIFEXITED(st) && WEXITSTATUS(st) == STATUS, "%s: and there is no other", how);
	if (WIFSTOPPED(st)) {
		kill(pid, SIGKILL);
		status_of(pid);
	}
}

static void test_traced(void)
{
	pid_t pid = child(exec_traced);

	ok_eq(status_of(pid), SIGSTOP << 8 | 0x7f, "a child that asks to be traced stops");
	test_stops(pid, go_on(pid), 0);
}

static void test_seized(void)
{
	pid_t pid;

	if (pipe(line))
		bail("pipe: %s", strerror(errno));
	pid = child(exec_seized);
	ok(!ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXEC), "a child is given a tracer later");
	if (write(line[1], "x", 1) != 1)
		bail("write: %s", strerror(errno));
	test_stops(pid, status_of(pid), PTRACE_EVENT_EXEC);
}

int main(int argc, char **argv)
{
	int st;

	if (argc > 1)
		return STATUS;
	st = status_of(child(exec_again));
	ok(WIFEXITED(st) && WEXITSTATUS(st) == STATUS, "execve() in a child without a tracer");
	test_traced();
	test_seized();
	return tap_done();
}
