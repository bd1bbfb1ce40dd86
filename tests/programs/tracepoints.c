// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints sys_enter and sys_exit: they are hit by each call that a process makes, once, with
 * its registers, and by no other; also where they are turned on while it is at work.
 */
#define _GNU_SOURCE
#include <linux/perf_event.h>
#include <sys/mount.h>

#include "series.h"

/* ---- tracefs ------------------------------------------------------------ */

static char tracing[] = "/tmp/tracing.XXXXXX";

static int open_in(const char *name, int flags)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", tracing, name);
	return open(path, flags | O_CLOEXEC);
}

static bool put(const char *name, const char *text)
{
	int fd = open_in(name, O_WRONLY | O_TRUNC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static char *contents(const char *name)
{
	static char text[1 << 20];
	int fd = open_in(name, O_RDONLY);
	size_t length = 0;
	ssize_t n = 0;

	while (fd >= 0 && (n = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)n;
	text[length] = 0;
	if (fd >= 0)
		close(fd);
	return text;
}

static void mount_tracing(void)
{
	if (!mkdtemp(tracing))
		bail("%s: %s", tracing, strerror(errno));
	if (mount("tracefs", tracing, "tracefs", 0, NULL))
		skip_all("no tracefs here: %s", strerror(errno));
}

/* ---- A process that waits without a call ---------------------------------- */

static volatile struct {
	int go, gone;
} *turn;

/* In the child: what it is at this time, at the parent's word. */
static void await_turn(void)
{
	while (turn->go == turn->gone)
		;
}

static void next_turn(void)
{
	turn->go++;
}

static bool turn_over(void)
{
	return eventually(turn->gone == turn->go);
}

#define MANY	1000

static void worker(void)
{
	void (*const works[])(void) = { series_make, series_make };

	for (unsigned int i = 0; i < 2; i++) {
		await_turn();
		works[i]();
		turn->gone++;
	}
	await_turn();
	for (int i = 0; i < MANY; i++)
		series_call(SYS_getuid, 0, 0, 0);
	turn->gone++;
	await_turn();
}

/* ---- The trace -------------------------------------------------------------- */

/* A line of the trace of @pid: a call's beginning or (@exit) its end. */
struct hit {
	bool exit;
	long nr, args[3], ret;
};

static bool parse(const char *line, pid_t pid, struct hit *h)
{
	char task[32];
	const char *p;

	snprintf(task, sizeof(task), "-%d ", pid);
	*h = (struct hit){ .exit = false };
	p = strstr(line, task);
	if (!p)
		return false;
	p = strstr(line, " sys_enter: NR ");
	if (p)
		return sscanf(p, " sys_enter: NR %ld (%lx, %lx, %lx,", &h->nr, (unsigned long *)&h->args[0],
			      (unsigned long *)&h->args[1], (unsigned long *)&h->args[2]) == 4;
	h->exit = true;
	p = strstr(line, " sys_exit: NR ");
	return p && sscanf(p, " sys_exit: NR %ld = %ld", &h->nr, &h->ret) == 2;
}

/* The end of rt_sigreturn() has the number -1, and what RAX was before the signal. */
static bool agrees(const struct hit *h, const struct made *m, bool at_end)
{
	if (h->exit != at_end)
		return false;
	if (m->returns)
		return at_end ? h->nr == -1 : h->nr == m->nr;
	return h->nr == m->nr && (at_end ? h->ret == m->ret : !memcmp(h->args, m->args, sizeof(h->args)));
}

static bool is_mark(const struct hit *h, long mark)
{
	return !h->exit && h->nr == MARK_CALL && h->args[0] == mark;
}

static void compare_trace(pid_t pid)
{
	struct made made[SERIES_MAX];
	int n = 2 * series_of(pid, made), at = -2;
	char *line, *state = NULL, *wrong = NULL;
	struct hit h = { .exit = false };
	bool ended = false;

	for (line = strtok_r(contents("trace"), "\n", &state); line && !wrong; line = strtok_r(NULL, "\n", &state)) {
		if (!parse(line, pid, &h))
			continue;
		if (at == -2)
			at += is_mark(&h, MARK_BEGIN);
		else if (at == -1)
			at++;		/* the end of the mark */
		else if (at == n && is_mark(&h, MARK_END))
			ended = true;
		else if (!ended && (at == n || !agrees(&h, &made[at / 2], at % 2)))
			wrong = line;
		else
			at++;
	}
	if (!ok(ended && !wrong, "raw_syscalls: each call, once, with its registers and its result"))
		diag("  %d of %d; %s", at, n, wrong ?: "the rest is missing");
}

static bool trace_on(pid_t pid, const char *event)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", pid);
	return put("trace", "\n") && put("set_event_pid", number) && put(event, "1");
}

static void test_raw(pid_t pid)
{
	ok(trace_on(pid, "events/raw_syscalls/enable"), "raw_syscalls are traced while a process is at work");
	next_turn();
	ok(turn_over(), "and it goes on");
	ok(put("events/raw_syscalls/enable", "0"), "they are traced no more");
	compare_trace(pid);
}

static void test_named(pid_t pid)
{
	const char *trace;

	ok(trace_on(pid, "events/syscalls/enable"), "the tracepoints of each call");
	next_turn();
	ok(turn_over(), "the process goes on");
	ok(put("events/syscalls/enable", "0"), "they are off again");
	trace = contents("trace");
	ok(strstr(trace, "sys_dup3(oldfd: 11111111, newfd: 2222222200000000, flags: 33333333)"),
	   "sys_enter_dup3 has the arguments");
	ok(strstr(trace, "sys_dup3 -> 0xffffffffffffffea"), "sys_exit_dup3 has the result");
}

/* A counter of the calls that @pid makes. */
static int count_calls(pid_t pid)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr) };

	attr.config = strtoul(contents("events/raw_syscalls/sys_enter/id"), NULL, 10);
	return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void test_counted(pid_t pid)
{
	int fd = count_calls(pid);
	uint64_t count = 0;

	ok(fd >= 0, "a counter of the process's calls");
	next_turn();
	ok(turn_over(), "the process makes %d", MANY);
	ok(read(fd, &count, sizeof(count)) == sizeof(count), "the counter can be read");
	ok_eq(count, MANY, "so many were counted");
	close(fd);
}

int main(void)
{
	pid_t pid;

	mount_tracing();
	series_prepare();
	turn = shared(sizeof(*turn));
	pid = child(worker);
	test_raw(pid);
	test_named(pid);
	test_counted(pid);
	next_turn();
	ok_eq(status_of(pid), 0, "the process ends as it should");
	put("set_event_pid", "\n");
	umount(tracing);
	rmdir(tracing);
	return tap_done();
}
