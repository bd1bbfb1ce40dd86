// SPDX-License-Identifier: GPL-2.0
/*
 * runner - runs the tests of a list, one after the other, and judges them.
 *
 * It runs inside the emulated machine, so that one boot serves many tests, and
 * on the host (tests/run --host, and for the unit tests).
 *
 *	runner [--no-kmsg] LIST
 *
 * Each line of LIST is a test: NAME, SECONDS and COMMAND, separated by tabs.
 * COMMAND is run by the shell.  It prints TAP: a plan "1..N" and a line "ok" or
 * "not ok" for each of its N points.  What it prints is passed on as a subtest:
 *
 *	# Subtest: NAME
 *	    ok 1 - first point
 *	    1..1
 *	ok 1 - NAME # 1 passed, 0 failed, 0 skipped, 0.1 s
 *
 * Apart from a point that is "not ok", a test fails when it prints no plan or
 * another number of points, exits with a status other than 0, dies, runs out of
 * time, or when the kernel complains in its log meanwhile.  Each such failure is
 * added as one more point "not ok", so whoever counts points counts everything.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* What the kernel's log must not hold after a test. */
#define COMPLAINT							\
	"WARNING|(^|[^E])BUG|Oops|general protection|INFO: possible|"		\
	"possible recursive locking|inconsistent lock state|"		\
	"suspicious RCU|rcu.*stall|RCU.*stall|hung task|blocked for more than|" \
	"soft lockup|hard LOCKUP|scheduling while atomic|"		\
	"sleeping function called|unchecked MSR|refcount_t|corruption|"	\
	"KASAN|UBSAN|Call Trace|unknown exit"

#define MAX_LOG_LINES 100

/* What one test has shown so far. */
struct result {
	int passed, failed, skipped;
	int planned;		/* -1: no plan yet */
	bool bailed_out;
};

static int kmsg = -1;
static regex_t complaint;

/* ---- saying things ----------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3)))
add_failure(struct result *r, const char *format, ...)
{
	va_list args;

	r->failed++;
	printf("    not ok - ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/*
 * Should the machine die in the next test, what we said has to be out: on a
 * serial port, bytes that were not sent yet would die with it.
 */
static void flush(void)
{
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* ---- TAP --------------------------------------------------------------------- */

static bool starts_with(const char *s, const char *start)
{
	return strncmp(s, start, strlen(start)) == 0;
}

/* The plan "1..0 # SKIP why" skips all of a test, and counts as one point. */
static void take_plan(struct result *r, const char *line)
{
	r->planned = atoi(line + strlen("1.."));
	if (r->planned == 0)
		r->skipped++;
}

static void take_line(struct result *r, const char *line)
{
	printf("    %s\n", line);
	if (starts_with(line, "1.."))
		take_plan(r, line);
	else if (starts_with(line, "not ok"))
		strstr(line, "# TODO") ? r->skipped++ : r->failed++;
	else if (starts_with(line, "ok"))
		strstr(line, "# SKIP") ? r->skipped++ : r->passed++;
	else if (starts_with(line, "Bail out!"))
		r->bailed_out = true;
}

/* A test that was cut short is not blamed for its plan as well. */
static void check_plan(struct result *r)
{
	int points = r->passed + r->failed + r->skipped;

	if (r->planned < 0)
		add_failure(r, "no plan was printed");
	else if (r->planned > 0 && r->planned != points)
		add_failure(r, "%d points were planned, %d came", r->planned, points);
}

/* ---- the kernel's log ------------------------------------------------------------ */

static void kmsg_mark(const char *name)
{
	char line[256];
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	snprintf(line, sizeof(line), "<6>dune-test: %s\n", name);
	if (write(fd, line, strlen(line)) < 0)
		perror("runner: /dev/kmsg");
	close(fd);
}

/*
 * Read one record, "priority,sequence,time,flags;text\n" and more.  Returns its
 * text, or NULL at the end of the log.  Only the kernel's own messages count:
 * their facility, the bits above the lowest three of the priority, is 0.
 */
static char *kmsg_next(char *buffer, size_t size)
{
	ssize_t length;
	char *text;

	for (;;) {
		length = read(kmsg, buffer, size - 1);
		if (length < 0 && errno == EPIPE)
			continue;	/* overwritten meanwhile: go on with the next */
		if (length <= 0)
			return NULL;
		buffer[length] = '\0';
		text = strchr(buffer, ';');
		if (!text || (atoi(buffer) >> 3) != 0)
			continue;
		text[1 + strcspn(text + 1, "\n")] = '\0';
		return text + 1;
	}
}

/*
 * Bochs traps behind a SYSCALL with TF set, at the first instruction of the kernel, where
 * a CPU has taken TF away. Linux wonders at that, natively as well: kselftest's single_step_syscall.
 */
static bool is_stepped_syscall(const char *text, bool *wonders)
{
	if (strstr(text, "WARNING") && strstr(text, " exc_debug+")) {
		*wonders = true;
		return true;
	}
	if (*wonders && strstr(text, "Comm: ") && !strstr(text, "Comm: single_step_sys"))
		return *wonders = false;
	if (strstr(text, "end trace"))
		*wonders = false;
	return *wonders;
}

/* Read what came since the last call; if there is a complaint in it, show all. */
static void check_kmsg(struct result *r)
{
	static char *lines[MAX_LOG_LINES];
	char buffer[8192], *text;
	char first[200] = "";
	bool asked = false, wonders = false;
	int n = 0;

	if (kmsg < 0)
		return;
	while ((text = kmsg_next(buffer, sizeof(buffer)))) {
		/* a trace that a test asked for is no complaint */
		if (strstr(text, "sysrq: Show backtrace"))
			asked = true;
		if (asked && strstr(text, "Call Trace"))
			continue;
		/* what Linux says to who touches a page that was poisoned */
		if (strstr(text, "MCE: Killing"))
			continue;
		if (is_stepped_syscall(text, &wonders))
			continue;
		if (!first[0] && regexec(&complaint, text, 0, NULL, 0) == 0)
			snprintf(first, sizeof(first), "%s", text);
		if (n < MAX_LOG_LINES)
			lines[n++] = strdup(text);
	}
	if (first[0])
		add_failure(r, "the kernel says: %s", first);
	for (int i = 0; i < n; i++) {
		if (first[0])
			printf("    # kernel: %s\n", lines[i]);
		free(lines[i]);
	}
}

/* ---- processes ------------------------------------------------------------------- */

static pid_t start(const char *command, int *output)
{
	int ends[2], null;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		null = open("/dev/null", O_RDONLY);
		setsid();
		dup2(null, 0);
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(ends[1]);
	*output = ends[0];
	return pid;
}

/*
 * Kill what a test left behind: the members of its session, and our children,
 * which orphans become because we are a subreaper (see main).
 */
static void kill_leftovers(pid_t session)
{
	int parent, in_session, pid, fields;
	struct dirent *entry;
	char path[64];
	DIR *proc = opendir("/proc");
	FILE *stat;

	if (!proc)
		return;
	while ((entry = readdir(proc))) {
		pid = atoi(entry->d_name);
		if (pid <= 1 || pid == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		stat = fopen(path, "re");
		if (!stat)
			continue;
		/* pid (name) state ppid pgrp session; a ')' in a name is not ours */
		fields = fscanf(stat, "%*d (%*[^)]) %*c %d %*d %d", &parent, &in_session);
		fclose(stat);
		if (fields == 2 && (parent == getpid() || in_session == session))
			kill(pid, SIGKILL);
	}
	closedir(proc);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Cut the output in lines; the rest of an unfinished one stays in the buffer. */
struct line_buffer {
	char text[4096];
	size_t length;
};

static void take_output(struct result *r, struct line_buffer *b, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] != '\n' && b->length < sizeof(b->text) - 1) {
			b->text[b->length++] = data[i];
			continue;
		}
		b->text[b->length] = '\0';
		take_line(r, b->text);
		b->length = 0;
	}
}

/* Pass on what the pipe holds, waiting at most MS for more.  False: at its end. */
static bool pass_output(struct result *r, struct line_buffer *b, int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char data[4096];
	ssize_t n;

	if (poll(&p, 1, ms) <= 0)
		return true;
	n = read(fd, data, sizeof(data));
	if (n <= 0)
		return false;
	take_output(r, b, data, n);
	fflush(stdout);
	return true;
}

/*
 * Run a command to its end or its time-out.  Returns its wait status, or -1 after
 * a time-out.  The end of the output does not tell: a leftover may hold the pipe.
 */
static int run_command(struct result *r, const char *command, int seconds)
{
	struct line_buffer line = { .length = 0 };
	double deadline = now() + seconds;
	int fd, status = -1;
	bool open = true;
	pid_t pid = start(command, &fd);

	if (pid < 0) {
		add_failure(r, "cannot start: %s", strerror(errno));
		return 0;
	}
	while (now() < deadline) {
		if (open)
			open = pass_output(r, &line, fd, 20);
		else
			usleep(5000);
		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
		status = -1;
	}
	kill_leftovers(pid);
	if (status == -1)
		waitpid(pid, NULL, 0);
	/* All writers are dead now, so this comes to an end. */
	while (open && pass_output(r, &line, fd, 1000))
		;
	if (line.length)
		take_output(r, &line, "\n", 1);
	close(fd);
	return status;
}

/* ---- one test ---------------------------------------------------------------------- */

static void judge_status(struct result *r, int status, int seconds)
{
	if (status == -1)
		add_failure(r, "time-out after %d s", seconds);
	else if (WIFSIGNALED(status))
		add_failure(r, "ended by signal %d (%s)", WTERMSIG(status),
			    strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) > 128)
		add_failure(r, "ended with status %d (signal %d in its shell?)",
			    WEXITSTATUS(status), WEXITSTATUS(status) - 128);
	else if (r->bailed_out)
		add_failure(r, "the test bailed out");
	else if (WEXITSTATUS(status) != 0 && r->failed == 0)
		add_failure(r, "ended with status %d", WEXITSTATUS(status));
	else
		check_plan(r);
}

/* Returns whether the test passed. */
static bool run_test(int number, const char *name, int seconds, const char *command)
{
	struct result r = { .planned = -1 };
	double begin = now();
	int status;

	printf("# Subtest: %s\n", name);
	flush();
	kmsg_mark(name);
	status = run_command(&r, command, seconds);
	judge_status(&r, status, seconds);
	check_kmsg(&r);
	printf("%s %d - %s # %d passed, %d failed, %d skipped, %.1f s\n",
	       r.failed ? "not ok" : "ok", number, name,
	       r.passed, r.failed, r.skipped, now() - begin);
	flush();
	return r.failed == 0;
}

/*
 * Start with the messages that come from now on; in the emulated machine, with
 * those since init began to load modules (it leaves a mark), so that the first
 * test answers for the loading of ours.
 */
static void kmsg_open(void)
{
	char record[8192];
	ssize_t length;

	regcomp(&complaint, COMPLAINT, REG_EXTENDED | REG_NOSUB);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0) {
		printf("# cannot read the kernel's log: %s\n", strerror(errno));
		return;
	}
	for (;;) {
		length = read(kmsg, record, sizeof(record) - 1);
		if (length < 0 && errno == EPIPE)
			continue;
		if (length <= 0)
			return;
		record[length] = '\0';
		if (strstr(record, "dune-vm: loading modules"))
			return;
	}
}

int main(int argc, char **argv)
{
	bool with_kmsg = !(argc > 1 && strcmp(argv[1], "--no-kmsg") == 0);
	FILE *list = fopen(argv[argc - 1], "re");
	char *line = NULL, *name, *seconds, *command;
	int number = 0, failed = 0;
	size_t size = 0;

	if (argc < 2 || !list) {
		fprintf(stderr, "usage: runner [--no-kmsg] LIST\n");
		return 2;
	}
	if (with_kmsg)
		kmsg_open();
	prctl(PR_SET_CHILD_SUBREAPER, 1);

	while (getline(&line, &size, list) > 0) {
		name = strtok(line, "\t");
		seconds = strtok(NULL, "\t");
		command = strtok(NULL, "\n");
		if (command)
			failed += !run_test(++number, name, atoi(seconds), command);
	}
	printf("1..%d\n", number);
	free(line);
	fclose(list);
	return failed != 0;
}
