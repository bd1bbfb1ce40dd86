// SPDX-License-Identifier: GPL-2.0
/*
 * summary LAUNCHER... - the summary of dune-run --stats, however a process ends. LAUNCHER is
 * dune-run, maybe with options. One summary for each process, and nothing else is changed by it.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "child.h"

#define CALLS	1000
#define MAX_ARGS 16

/* ---- What is run: summary do NAME ---------------------------------------------------- */

static void do_return(void)
{
}

static void do_kill(void)
{
	raise(SIGKILL);
}

static volatile char *volatile nowhere = (char *)8;

static void do_fault(void)
{
	*nowhere = 1;
}

static void do_abort(void)
{
	abort();
}

static void *end_process(void *arg)
{
	_exit(3);
}

static void do_thread_exit(void)
{
	pthread_t t;

	pthread_create(&t, NULL, end_process, NULL);
	pthread_join(t, NULL);
}

static void *kill_process(void *arg)
{
	raise(SIGTERM);
	return NULL;
}

static void do_thread_kill(void)
{
	pthread_t t;

	pthread_create(&t, NULL, kill_process, NULL);
	pthread_join(t, NULL);
}

/* The last thread ends, and nobody has ended the process. */
static void do_last_thread(void)
{
	syscall(SYS_exit, 4);
}

static void do_exec(void)
{
	execl("/proc/self/exe", "summary", "do", "return", (char *)NULL);
	_exit(98);
}

static void do_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	need(status_of(pid) == 0);
	raise(SIGKILL);
}

static void do_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	_exit(n);
}

/* The other end is told that it runs, and says when to end. */
static void do_wait(void)
{
	char byte = 0;

	need(write(STDIN_FILENO, &byte, 1) == 1);
	need(read(STDIN_FILENO, &byte, 1) == 1);
	raise(SIGKILL);
}

static const struct act {
	const char *name;
	void (*run)(void);
	int status;
	unsigned int summaries;		/* in Dune mode */
	const char *what;
} acts[] = {
	{ "return", do_return, W_EXITCODE(0, 0), 1, "it returns from main()" },
	{ "kill", do_kill, SIGKILL, 1, "SIGKILL" },
	{ "fault", do_fault, SIGSEGV, 1, "a fault" },
	{ "abort", do_abort, SIGABRT, 1, "abort()" },
	{ "thread_exit", do_thread_exit, W_EXITCODE(3, 0), 1, "a thread ends the process" },
	{ "thread_kill", do_thread_kill, SIGTERM, 1, "a thread is killed, and the process with it" },
	{ "last_thread", do_last_thread, W_EXITCODE(4, 0), 1, "its last thread ends" },
	{ "exec", do_exec, W_EXITCODE(0, 0), 1, "it executes another program" },
	{ "fork", do_fork, SIGKILL, 2, "it makes a child, and is killed" },
	{ "descriptors", do_descriptors, 0, 0, "" },
	{ "wait", do_wait, 0, 0, "" },
};

#define NACTS		(sizeof(acts) / sizeof(acts[0]))
#define WITH_STATUS	9	/* the first of them */

static int act(const char *name)
{
	static const struct rlimit none;

	setrlimit(RLIMIT_CORE, &none);
	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	for (size_t i = 0; i < NACTS; i++)
		if (!strcmp(acts[i].name, name)) {
			acts[i].run();
			return 0;
		}
	return 99;
}

/* ---- Running it ------------------------------------------------------------------------ */

static char **launcher;
static char log_name[] = "/tmp/summary-XXXXXX", self[PATH_MAX];

/* LAUNCHER --stats [--log NAME] summary do NAME; without @stats only the program. */
static pid_t start(const char *name, bool stats, const char *log, int in)
{
	char *argv[MAX_ARGS];
	pid_t pid = fork();
	int n = 0;

	if (pid)
		return pid;
	if (stats) {
		for (; launcher[n]; n++)
			argv[n] = launcher[n];
		argv[n++] = "--stats";
		if (log) {
			argv[n++] = "--log";
			argv[n++] = (char *)log;
		}
	}
	argv[n++] = self;
	argv[n++] = "do";
	argv[n++] = (char *)name;
	argv[n] = NULL;
	if (in >= 0)
		dup2(in, STDIN_FILENO);
	execvp(argv[0], argv);
	_exit(97);
}

/* Orphans are this process's: wait until none is left, then all has been written. */
static void wait_for_rest(void)
{
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
}

/* The log's text. */
static const char *text(void)
{
	static char buffer[65536];
	int fd = open(log_name, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, buffer, sizeof(buffer) - 1);

	buffer[n > 0 ? n : 0] = 0;
	close(fd);
	return buffer;
}

static unsigned int count(const char *in, const char *what)
{
	unsigned int n = 0;

	while ((in = strstr(in, what))) {
		in += strlen(what);
		n++;
	}
	return n;
}

/* The number behind @what in the summary that begins at @summary. */
static long value(const char *summary, const char *what)
{
	const char *at = summary ? strstr(summary, what) : NULL;

	return at ? strtol(at + strlen(what), NULL, 10) : -1;
}

static void check_summary(const struct act *a, pid_t pid)
{
	const char *log = text(), *mine;
	char head[64];

	snprintf(head, sizeof(head), "dune-run: process %d (summary), in Dune mode:\n", pid);
	mine = strstr(log, head);
	if (!ok(mine && count(log, head) == 1 && count(log, "dune-run: ") == a->summaries,
		"%s: one summary of each process, with its number", a->what))
		diag("  process %d: %s", pid, log);
	ok(value(mine, "  system calls") >= CALLS, "%s: its calls are counted", a->what);
}

static void check(const struct act *a)
{
	pid_t pid = start(a->name, true, log_name, -1);
	int st = status_of(pid);

	wait_for_rest();
	if (!ok(st == a->status, "%s: the wait status", a->what))
		diag("  %#x, not %#x", st, a->status);
	check_summary(a, pid);
}

/* ---- What must not be different ----------------------------------------------------------- */

static void test_descriptors(void)
{
	int natively = status_of(start("descriptors", false, NULL, -1));
	int with = status_of(start("descriptors", true, NULL, -1));

	wait_for_rest();
	ok_eq(WEXITSTATUS(with), WEXITSTATUS(natively), "the program has no descriptor more");
}

/* A child of this process that is not @pid, or 0. */
static pid_t other_child(pid_t pid)
{
	char name[64], line[256];
	FILE *file;
	int child, found = 0, n, at = 0;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", getpid(), getpid());
	file = fopen(name, "re");
	if (!file)
		return -1;
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	for (; sscanf(line + at, "%d%n", &child, &n) == 1; at += n)
		if (child != pid)
			found = child;
	return found;
}

/* Who would write the summary is killed: the program does not notice. */
static void test_watcher_killed(void)
{
	int line[2], st;
	pid_t pid, other;
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line))
		bail("socketpair: %s", strerror(errno));
	pid = start("wait", true, log_name, line[0]);
	close(line[0]);
	if (read(line[1], &byte, 1) != 1)
		bail("the program does not start");
	other = other_child(pid);
	if (!ok(other > 0, "a process stays for the summary")) {
		kill(pid, SIGKILL);
		return;
	}
	ok(getpgid(other) != getpgid(pid) && getsid(other) != getsid(pid), "in a session of its own");
	kill(other, SIGKILL);
	waitpid(other, NULL, __WALL);
	if (write(line[1], "", 1) != 1)
		bail("write: %s", strerror(errno));
	st = status_of(pid);
	wait_for_rest();
	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL, "it is killed: the program goes on to its own end");
	ok_str(text(), "", "and there is no summary");
	close(line[1]);
}

int main(int argc, char **argv)
{
	int fd;

	if (argc == 3 && !strcmp(argv[1], "do"))
		return act(argv[2]);
	if (argc < 2 || argc > MAX_ARGS - 8)
		bail("usage: summary LAUNCHER...");
	launcher = argv + 1;
	fd = mkstemp(log_name);
	if (fd < 0 || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		bail("preparing: %s", strerror(errno));
	close(fd);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (size_t i = 0; i < WITH_STATUS; i++)
		check(&acts[i]);
	test_descriptors();
	test_watcher_killed();
	unlink(log_name);
	return tap_done();
}
