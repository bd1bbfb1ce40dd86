// SPDX-License-Identifier: GPL-2.0
/*
 * Signals, stops and ends at any moment of a start by dune-run: as without it,
 * and no process is ever left over.
 */
#include "dune_run.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <time.h>

/* Moments at which something happens to a process that was just started. */
#define MOMENTS		60
#define MOMENT_NS	60000L

static void after(int moment)
{
	struct timespec t = { 0, moment * MOMENT_NS };

	nanosleep(&t, NULL);
}

static void ends(void)
{
	static const int statuses[] = { 0, 1, 77, 125, 126, 127, 255 };
	static const int signals[] = { SIGTERM, SIGKILL, SIGSEGV, SIGUSR2 };
	char text[16];

	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		snprintf(text, sizeof(text), "%d", statuses[i]);
		ok_status(run(NULL, RUN(probe, "exit", text)), EXITED(statuses[i]),
			  "exit status %d", statuses[i]);
	}
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		snprintf(text, sizeof(text), "%d", signals[i]);
		ok_status(run(NULL, RUN(probe, "kill", text)) & 0x7f, signals[i],
			  "end by signal %d", signals[i]);
	}
}

/* A signal that nobody handles ends it, whenever it comes. */
static void ended_by(int sig)
{
	int right = 0;

	for (int i = 0; i < MOMENTS; i++) {
		pid_t pid = start(NULL, RUN(probe_static, "pause"));

		after(i);
		kill(pid, sig);
		right += finish(pid) == sig;
	}
	ok_eq(right, MOMENTS, "signal %d at %d moments ends it", sig, MOMENTS);
	ok(alone(), "and no process is left over");
}

/* One that is blocked waits for the program, one that is ignored does nothing. */
static void kept(void)
{
	int right = 0;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < MOMENTS; i++) {
		pid_t pid = start(NULL, RUN(probe_static, "await", "10"));

		after(i);
		kill(pid, SIGUSR1);
		right += finish(pid) == 0;
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	ok_eq(right, MOMENTS, "a blocked signal at %d moments waits", MOMENTS);

	signal(SIGINT, SIG_IGN);
	right = 0;
	for (int i = 0; i < MOMENTS; i++) {
		pid_t pid = start(NULL, RUN(probe_static, "exit", "7"));

		after(i);
		kill(pid, SIGINT);
		right += finish(pid) == EXITED(7);
	}
	signal(SIGINT, SIG_DFL);
	ok_eq(right, MOMENTS, "an ignored one does nothing");
}

/* SIGSTOP stops it at any moment, its parent sees it, and SIGCONT lets it go on. */
static void stopped(void)
{
	int stops = 0, right = 0;

	for (int i = 0; i < MOMENTS; i++) {
		pid_t pid = start(NULL, RUN(probe, "exit", "7"));
		int status;

		after(i);
		kill(pid, SIGSTOP);
		if (waitpid(pid, &status, WUNTRACED) != pid)
			bail("waitpid: %s", strerror(errno));
		if (!WIFSTOPPED(status)) {
			right += status == EXITED(7);
			continue;
		}
		stops++;
		if (WSTOPSIG(status) != SIGSTOP)
			break;
		kill(pid, SIGCONT);
		right += finish(pid) == EXITED(7);
	}
	ok_eq(right, MOMENTS, "SIGSTOP at %d moments, stopped at %d of them, and it went on",
	      MOMENTS, stops);
	ok(stops > 0, "it could be stopped");
	ok(alone(), "no process is left over");
}

/* ---- in the midst of it -------------------------------------------------------------- */

static int calls = -1, calls_pipe[2];

/* This process is asked before each execve(), and before the first that maps the runtime. */
static void ask(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_NORESERVE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	int fd;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			  &program);
	if (write(calls_pipe[1], &fd, sizeof(fd)) != sizeof(fd))
		_exit(97);
}

/* Wait for a call of number @nr to ask about. */
static uint64_t asked(int nr)
{
	struct pollfd wait = { .fd = calls, .events = POLLIN };
	struct seccomp_notif call = { 0 };

	if (poll(&wait, 1, 30000) != 1 || !(wait.revents & POLLIN) ||
	    ioctl(calls, SECCOMP_IOCTL_NOTIF_RECV, &call))
		bail("no system call %d came", nr);
	if (call.data.nr != nr)
		bail("system call %d came, not %d", call.data.nr, nr);
	return call.id;
}

/* Does one come within so many milliseconds? */
static bool call_comes(int limit)
{
	struct pollfd wait = { .fd = calls, .events = POLLIN };

	return poll(&wait, 1, limit) == 1;
}

static void let(uint64_t id)
{
	struct seccomp_notif_resp answer = { .id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

	if (ioctl(calls, SECCOMP_IOCTL_NOTIF_SEND, &answer))
		bail("cannot answer: %s", strerror(errno));
}

/* Its wait status. The runtime may make such calls as well. */
static int finish_asking(pid_t pid)
{
	struct pollfd wait = { .fd = calls, .events = POLLIN };
	struct seccomp_notif call = { 0 };

	while (poll(&wait, 1, 30000) == 1 && wait.revents & POLLIN) {
		if (!ioctl(calls, SECCOMP_IOCTL_NOTIF_RECV, &call))
			let(call.id);
		memset(&call, 0, sizeof(call));
	}
	return finish(pid);
}

/* Start it, up to the execve() of the program, which is traced. */
static pid_t start_asking(char **argv, uint64_t *id)
{
	int process, fd;
	pid_t pid;

	if (pipe2(calls_pipe, O_CLOEXEC))
		bail("pipe: %s", strerror(errno));
	pid = start(ask, argv);
	process = (int)syscall(SYS_pidfd_open, pid, 0);
	close(calls);
	if (read(calls_pipe[0], &fd, sizeof(fd)) != sizeof(fd) || fd < 0)
		bail("no filter");
	calls = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
	close(process);
	close(calls_pipe[0]);
	close(calls_pipe[1]);
	if (calls < 0)
		bail("pidfd_getfd: %s", strerror(errno));
	let(asked(SYS_execve));
	*id = asked(SYS_execve);
	return pid;
}

/* Up to the first system call that the program does for the runtime. */
static pid_t start_mapping(char **argv, uint64_t *id)
{
	pid_t pid = start_asking(argv, id);

	let(*id);
	*id = asked(SYS_mmap);
	return pid;
}

static pid_t tracer_of(pid_t pid)
{
	char name[64], line[256];
	int tracer = 0;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/status", pid);
	file = fopen(name, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	if (file)
		fclose(file);
	return tracer;
}

/* A program with half a runtime in it must not run: it ends with the one who puts it there. */
static void tracer_killed(pid_t (*start_to)(char **argv, uint64_t *id))
{
	uint64_t id;
	pid_t pid = start_to(RUN("--fallback", probe_static, "exit", "7"), &id);
	pid_t tracer = tracer_of(pid);

	if (!ok(tracer > 0, "it is traced"))
		bail("and cannot go on");
	ok_eq(getsid(tracer), tracer, "not from a process of its group");
	kill(tracer, SIGKILL);
	ok_eq(finish(pid), SIGKILL, "the tracer's end is the program's");
	ok(alone(), "no process is left over");
}

static void killed(pid_t (*start_to)(char **argv, uint64_t *id))
{
	uint64_t id;
	pid_t pid = start_to(RUN(probe_static, "exit", "7"), &id);

	kill(pid, SIGKILL);
	ok_eq(finish(pid), SIGKILL, "the program's end");
	ok(alone(), "is the tracer's");
	ok_str(output, "", "and nothing is said");
}

/* Stopped before execve(): it stays so, and traced, until it goes on. */
static void stopped_before(void)
{
	uint64_t id;
	pid_t pid = start_asking(RUN(probe_static, "exit", "7"), &id);
	int status;

	kill(pid, SIGSTOP);
	ok(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status),
	   "it is stopped before execve()");
	ok(tracer_of(pid) > 0, "and traced");
	ok(!call_comes(200), "it makes no system call");
	kill(pid, SIGCONT);
	/* execve() was interrupted before it began, and comes again */
	let(asked(SYS_execve));
	let(asked(SYS_mmap));
	ok_eq(finish_asking(pid), EXITED(7), "it goes on");
	ok(alone(), "no process is left over");
}

/* Stopped in a call for the runtime: that is made again and completed, and then it stops. */
static void stopped_amid(void)
{
	uint64_t id;
	pid_t pid = start_mapping(RUN(probe_static, "exit", "7"), &id);
	int status;

	kill(pid, SIGSTOP);
	let(asked(SYS_mmap));
	ok(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "it is stopped amid");
	ok(tracer_ended(pid), "the tracer does not wait for that");
	ok_eq(tracer_of(pid), 0, "it is traced no more");
	kill(pid, SIGCONT);
	ok_eq(finish_asking(pid), EXITED(7), "it goes on");
}

static void signalled_amid(void)
{
	uint64_t id;
	pid_t pid = start_mapping(RUN(probe_static, "pause"), &id);

	kill(pid, SIGTERM);
	let(id);
	ok_eq(finish(pid), SIGTERM, "a signal amid ends it afterwards");
	ok_str(output, "", "and nothing is said");
	ok(alone(), "no process is left over");
}

static void amid(void)
{
	tracer_killed(start_asking);
	tracer_killed(start_mapping);
	killed(start_asking);
	killed(start_mapping);
	stopped_before();
	stopped_amid();
	signalled_amid();
}

static void job_control(void)
{
	pid_t pid = start(NULL, RUN("sleep", "1000"));
	int status;

	after(1000);
	for (int i = 0; i < 2; i++) {
		kill(pid, SIGSTOP);
		ok(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "it is stopped");
		kill(pid, SIGCONT);
		ok(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status), "it goes on");
	}
	kill(pid, SIGTERM);
	ok_eq(finish(pid), SIGTERM, "and ends");
}

static void hundred(void)
{
	int right = 0;

	for (int i = 0; i < 100; i++)
		right += run(NULL, RUN(probe_static, "exit", "3")) == EXITED(3);
	ok_eq(right, 100, "a hundred starts");
	ok(alone(), "no process is left over");
}

/* Nothing holds the pipes open but the program, and nothing is lost in them. */
static void pipes(void)
{
	ok_status(run(NULL, ARGV("/bin/sh", "-c",
				 "head -c 3000000 /dev/zero | $0 cat | $0 wc -c", dune_run)),
		  0, "a pipe");
	ok_output("3000000\n", "passes all");
	ok_status(run(NULL, ARGV("/bin/sh", "-c", "yes | $0 head -n 1", dune_run)), 0,
		  "a pipe whose reader goes");
	ok_output("y\n", "passes what was read");
}

/* ---- being traced ----------------------------------------------------------------- */

static int gate[2];

static void at_gate(void)
{
	char c;

	if (read(gate[0], &c, 1) != 1)
		_exit(97);
}

/* As under a debugger: this process traces dune-run. */
static int run_traced(char **argv)
{
	int status;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC))
		bail("pipe: %s", strerror(errno));
	pid = start(at_gate, argv);
	if (ptrace(PTRACE_SEIZE, pid, NULL, 0L) || write(gate[1], "", 1) != 1)
		bail("ptrace: %s", strerror(errno));
	close(gate[0]);
	close(gate[1]);
	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
		ptrace(PTRACE_CONT, pid, NULL, (long)(status >> 16 ? 0 : WSTOPSIG(status)));
	output[pread(captured, output, sizeof(output) - 1, 0)] = 0;
	return status;
}

static void traced(void)
{
	ok_status(run_traced(RUN(probe, "exit", "7")), EXITED(125), "a debugger's dune-run fails");
	ok_output("is being traced", "and says why");
	ok_status(run_traced(RUN("--fallback", probe, "exit", "7")), EXITED(7),
		  "with --fallback the program runs");
	ok_eq(*output, 0, "and nothing is said");
	ok(alone(), "no process is left over");
}

int main(int argc, char **argv)
{
	begin(argv);
	ends();
	ended_by(SIGTERM);
	ended_by(SIGKILL);
	kept();
	stopped();
	amid();
	job_control();
	hundred();
	pipes();
	traced();
	return tap_done();
}
