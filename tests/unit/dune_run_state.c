// SPDX-License-Identifier: GPL-2.0
/* A program that dune-run starts finds itself in the state that execve() leaves. */
#include "dune_run.h"
#include <sched.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/resource.h>

static char native_state[65536], dune_state[65536];

/* Read what a probe wrote; its first line is its process number. */
static pid_t read_state(char *to)
{
	int fd = open(path("state"), O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, to, sizeof(native_state) - 1);
	char *line;
	pid_t pid;

	close(fd);
	unlink(path("state"));
	to[n > 0 ? n : 0] = 0;
	pid = atoi(to);
	line = strchr(to, '\n');
	if (line)
		memmove(to, line + 1, strlen(line));
	return pid;
}

/* Show the first line that differs. */
static void diff(const char *a, const char *b)
{
	while (*a && *b) {
		size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");

		if (n != m || strncmp(a, b, n)) {
			diag("  native: %.*s", (int)n, a);
			diag("  got:    %.*s", (int)m, b);
			return;
		}
		a += n + !!a[n];
		b += m + !!b[m];
	}
	diag("  one is longer: \"%.80s\", \"%.80s\"", a, b);
}

/* Run @argv both ways: with dune-run's @extra options the state must be the same. */
static void same(void (*setup)(void), char **argv, const char *what)
{
	char *dune_argv[32] = { dune_run, "--" };
	int native_status, status;
	pid_t pid, reported;

	for (int i = 0; argv[i]; i++)
		dune_argv[2 + i] = argv[i];
	native_status = run(setup, argv);
	read_state(native_state);
	pid = start(setup, dune_argv);
	status = finish(pid);
	reported = read_state(dune_state);
	ok_status(*native_state ? native_status : -1, 0, "%s: it runs by itself", what);
	ok_status(status, native_status, "%s: and with dune-run", what);
	ok_eq(reported, pid, "%s: as the process that dune-run was", what);
	if (!ok(!strcmp(native_state, dune_state), "%s: in the same state", what))
		diff(native_state, dune_state);
}

/* ---- the state before ------------------------------------------------------------ */

static void unusual_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (int sig = SIGUSR1; sig <= SIGRTMIN + 5; sig += 3)
		sigaddset(&set, sig);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	raise(34);	/* in the set, as libc does not know it */
}

static void children_ignored(void)
{
	signal(SIGCHLD, SIG_IGN);
}

static void all_blocked(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void unusual_limits(void)
{
	struct rlimit files = { 57, 99 }, cpu = { 1000, 2000 }, core = { 0, 0 };
	struct rlimit stack = { 1 << 20, RLIM_INFINITY };

	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_CORE, &core);
	setrlimit(RLIMIT_STACK, &stack);
	setpriority(PRIO_PROCESS, 0, 5);
	umask(0127);
	alarm(1000);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_TIMERSLACK, 77777);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (chdir(directory))
		_exit(97);
}

static void unusual_environment(void)
{
	static char *strange[] = { "no equals sign", "=", "A=1", "A=2", "DUNE=\x01\xff", "PATH=",
				   "LD_PRELOAD=/nonexistent/lib.so", "LD_LIBRARY_PATH=/nonexistent",
				   NULL };

	environ = strange;
}

static void no_descriptors(void)
{
	for (int fd = 0; fd < 100; fd++)
		close(fd);
}

static void many_descriptors(void)
{
	int fd = open("/etc/passwd", O_RDONLY);

	close(0);
	lseek(fd, 7, SEEK_SET);
	for (int i = 3; i < 100; i += 7)
		dup2(fd, i);
	fcntl(10, F_SETFD, FD_CLOEXEC);
}

static void fixed_addresses(void)
{
	personality(ADDR_NO_RANDOMIZE);
}

static void own_group(void)
{
	setpgid(0, 0);
}

/* One for all, since its name is part of the state. */
static int terminal = -1;

static void open_terminal(void)
{
	terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal < 0 || grantpt(terminal) || unlockpt(terminal))
		bail("no terminal: %s", strerror(errno));
}

static void own_terminal(void)
{
	setsid();
	close(0);
	if (open(ptsname(terminal), O_RDWR))
		_exit(97);
}

static void reaper(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void few_descriptors(void)
{
	struct rlimit files = { 8, 8 };

	no_descriptors();
	setrlimit(RLIMIT_NOFILE, &files);
}

static void no_writable_code(void)
{
	/* PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN; older kernels do not have it */
	prctl(65, 1, 0, 0, 0);
}

static const struct {
	void (*setup)(void);
	const char *what;
} setups[] = {
	{ unusual_signals, "signals blocked, ignored and pending" },
	{ children_ignored, "SIGCHLD ignored" },
	{ all_blocked, "all signals blocked" },
	{ unusual_limits, "limits, niceness, umask, directory" },
	{ unusual_environment, "strange environment" },
	{ no_descriptors, "no descriptor" },
	{ many_descriptors, "descriptors with gaps" },
	{ few_descriptors, "few descriptors allowed" },
	{ fixed_addresses, "fixed addresses" },
	{ own_group, "a group of its own" },
	{ own_terminal, "a terminal of its own" },
	{ reaper, "inheritor of orphans" },
	{ no_writable_code, "writable code forbidden" },
};

static void builds(void)
{
	same(NULL, ARGV(probe, "state", path("state"), "a", "", "-x", "--", "--help"), "PIE");
	same(NULL, ARGV(probe_fixed, "state", path("state")), "not PIE");
	same(NULL, ARGV(probe_static, "state", path("state")), "static");
	same(NULL, ARGV(probe_static_pie, "state", path("state")), "static PIE");
}

static void before(void)
{
	for (size_t i = 0; i < sizeof(setups) / sizeof(*setups); i++) {
		same(setups[i].setup, ARGV(probe, "state", path("state")), setups[i].what);
		same(setups[i].setup, ARGV(probe_static, "state", path("state")), setups[i].what);
	}
	if (getuid())
		skip(4, "not root");
	else
		same(as_nobody, ARGV(path("as_nobody.sh")), "somebody else");
}

static void scripts(void)
{
	char text[2 * PATH_MAX];

	snprintf(text, sizeof(text), "#! %s state\n", probe_static);
	write_text(path("direct"), text, 0755);
	snprintf(text, sizeof(text), "#!/bin/sh\nexec %s state %s \"$0\" \"$@\"\n", probe,
		 path("state"));
	write_text(path("script"), text, 0755);
	same(NULL, ARGV(path("script"), "x", "y z"), "script");

	snprintf(text, sizeof(text), "#!%s -e\n", path("script"));
	write_text(path("nested"), text, 0755);
	same(NULL, ARGV(path("nested"), "x"), "script of a script");

	/* the script's own path is FILE */
	ok_status(run(NULL, RUN(path("direct"))), 0, "an interpreter that is static");
}

/* argv[0] and the file are independent with --exec. */
static void exec_argv0(void)
{
	char *argv[] = { dune_run, "--follow", "--exec", probe, "--argv0", "another name", "state",
			 path("state"), "--", "--stats", NULL };

	ok_status(run(NULL, argv), 0, "--exec, --argv0");
	read_state(dune_state);
	ok(strstr(dune_state, "argv[0] another name\nargv[1] state\n"), "argv[0] is what was said");
	ok(strstr(dune_state, "argv[3] --\nargv[4] --stats\n"),
	   "what follows is the program's, options or not");
	ok_status(run(NULL, RUN("--exec", probe, "--argv0", "", "state", path("state"))), 0,
		  "an empty --argv0");
	read_state(dune_state);
	ok(strstr(dune_state, "argv[0] \nargv[1] state\n"), "is an empty argv[0]");
}

/* As the first process of a PID namespace the program inherits dune-run's other process. */
static void first_process(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (unshare(CLONE_NEWPID))
			_exit(98);
		_exit(WEXITSTATUS(run(NULL, RUN(probe, "children"))));
	}
	waitpid(pid, &status, 0);
	if (status == EXITED(98))
		skip(1, "no PID namespace for us");
	else
		ok_eq(status, 0, "in a PID namespace: it is the first process, and has no child");
}

static void other_root(void)
{
	if (chroot(directory) || chdir("/"))
		_exit(98);
}

static void other_root_without_writable_code(void)
{
	other_root();
	no_writable_code();
}

/*
 * Where there is no /proc, no vDSO is found, and memory is written by another call, before it gets its rights; or
 * word by word, where nothing that was writable may become code.
 */
static void without_proc(void)
{
	int status;

	copy_file(dune_run, path("dune-run"), 0755);
	copy_file(probe_static, path("probe"), 0755);
	status = run(other_root, ARGV("/dune-run", "/probe", "exit", "7"));
	if (status == EXITED(98)) {
		skip(3, "no chroot() for us");
		return;
	}
	ok_status(status, EXITED(7), "without /proc");
	ok_status(run(other_root, ARGV("/dune-run", "/probe", "entry", "/probe")), 0,
		  "its first instruction is as it was");
	ok_status(run(other_root_without_writable_code, ARGV("/dune-run", "/probe", "exit", "8")), EXITED(8),
		  "and with writable code forbidden");
}

int main(int argc, char **argv)
{
	char text[2 * PATH_MAX];

	begin(argv);
	open_terminal();
	/* the directory is ours, so somebody else needs a file to write to */
	snprintf(text, sizeof(text), "#!/bin/sh\nexec %s state %s\n", probe, path("state"));
	write_text(path("as_nobody.sh"), text, 0755);
	chmod(directory, 01777);
	builds();
	before();
	scripts();
	exec_argv0();
	ok_status(run(NULL, RUN(probe, "children")), 0, "it has no child");
	ok_status(run(reaper, RUN(probe, "children")), 0,
		  "nor has it one where it inherits orphans");
	first_process();
	if (argc > 1)
		skip(3, "no device without /proc");
	else
		without_proc();
	ok(alone(), "no process is left over");
	return tap_done();
}
