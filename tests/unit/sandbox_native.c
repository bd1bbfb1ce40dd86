// SPDX-License-Identifier: GPL-2.0
/*
 * dune-sandbox with Linux's seccomp in place of the monitor: what the program sees of the host,
 * its limits, its end, and the messages. Two programs are made of it: one runs it as an ordinary user
 * (ORDINARY), one as root.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#ifndef ORDINARY
#define ORDINARY	1
#endif
#define NOBODY		65534
#define OUTPUT		65536

static char sandbox[4096];		/* the program */
static char dir[] = "/tmp/sandbox-test-XXXXXX";
static bool ordinary;			/* run it as an ordinary user */

/* ---- running it --------------------------------------------------------------------------- */

static struct {
	char output[OUTPUT];		/* standard output and error */
	int status;			/* of waitpid() */
} ran;

static void be_ordinary(void)
{
	if (ordinary && !geteuid() &&
	    (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
		_exit(99);
}

static void run_program(const char *program, char **argv)
{
	size_t used = 0;
	int ends[2];
	ssize_t n;
	pid_t pid;

	if (pipe(ends))
		bail("no pipe");
	pid = fork();
	if (!pid) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		close(ends[0]);
		close(ends[1]);
		be_ordinary();
		execv(program, argv);
		_exit(98);
	}
	close(ends[1]);
	while (used < OUTPUT - 1 && (n = read(ends[0], ran.output + used, OUTPUT - 1 - used)) > 0)
		used += (size_t)n;
	ran.output[used] = 0;
	close(ends[0]);
	waitpid(pid, &ran.status, 0);
}

#define RUN(...) run_program(sandbox, (char *[]){ sandbox, __VA_ARGS__, NULL })

static bool exited(int status)
{
	return WIFEXITED(ran.status) && WEXITSTATUS(ran.status) == status;
}

static bool said(const char *text)
{
	return strstr(ran.output, text);
}

static void show(void)
{
	diag("  status %#x, output: %.400s", ran.status, ran.output);
}

#define check(cond, ...) do { if (!ok(cond, __VA_ARGS__)) show(); } while (0)

/* A shell in the sandbox; its status and output are in ran. */
#define SHELL(script, ...) RUN(__VA_ARGS__ __VA_OPT__(,) "--", "/bin/sh", "-c", script)

/* ---- files ----------------------------------------------------------------------------------- */

static char path[8][4200];	/* of arguments that are made */

static char *arg(int n, const char *fmt, const char *a, const char *b)
{
	snprintf(path[n], sizeof(path[n]), fmt, a, b);
	return path[n];
}

static void put_file(const char *name, const char *text, mode_t mode)
{
	char file[128];
	int fd;

	snprintf(file, sizeof(file), "%s/%s", dir, name);
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchmod(fd, mode))
		bail("cannot write");
	close(fd);
}

/* What is mounted below a directory that is bound: the same rights, not more. */
static void mounts_below(void)
{
	snprintf(path[6], sizeof(path[6]), "%s/in/below", dir);
	if (mkdir(path[6], 0755) || mount("below", path[6], "tmpfs", 0, NULL))
		bail("no tmpfs");
	strcat(path[6], "/file");
	close(open(path[6], O_CREAT | O_WRONLY, 0644));
	SHELL("ls /data/below; : > /data/below/x", "--sys", "--ro-bind", arg(7, "%s/in:/data%s", dir, ""));
	check(said("file\n") && said("Read-only"), "what is mounted below is there, and read-only as well");
	SHELL("ls /data/below; : > /data/below/x && echo yes", "--sys", "--bind", path[7]);
	check(said("file\n") && said("yes"), "or both writable");
	*strrchr(path[6], '/') = 0;
	umount(path[6]);
	rmdir(path[6]);
}

static void files(void)
{
	SHELL("ls -A / | tr '\\n' ' '");
	check(exited(0) && !said("home") && !said("root") && !said("var") && !said("run"),
	      "by default nothing but the system and what is its own is there");
	SHELL("ls -A /tmp /dev/shm /dev/pts; ls /etc");
	check(exited(0) && !said("sandbox-test") && !said("passwd"), "nothing of the host's in /tmp and /etc");
	SHELL(": > /usr/x");
	check(!exited(0) && said("Read-only"), "/usr is read-only");
	SHELL(": > /x");
	check(!exited(0) && said("Read-only"), "so is the root");
	SHELL(": > /dev/x");
	check(!exited(0) && said("Read-only"), "so is /dev");
	SHELL("echo yes > /tmp/x && cat /tmp/x");
	check(exited(0) && said("yes"), "/tmp is writable");
	SHELL("cat /data/secret", "--sys", "--ro-bind", arg(0, "%s/in:/data%s", dir, ""));
	check(exited(0) && said("the secret"), "--ro-bind shows what it names");
	SHELL("echo x > /data/secret", "--sys", "--ro-bind", path[0]);
	check(!exited(0) && said("Read-only"), "and is read-only");
	SHELL("echo new > /data/new && cat /data/new && rm /data/new", "--sys", "--bind", arg(1, "%s/out:/data%s", dir, ""));
	check(exited(0) && said("new"), "--bind is writable");
	SHELL("cat /data/link", "--sys", "--ro-bind", path[0]);
	check(!exited(0) && !said("the host's"), "an absolute link in a bind does not lead out");
	SHELL("cat /data/up", "--sys", "--ro-bind", path[0]);
	check(!exited(0) && !said("the host's"), "nor does one with dots");
	SHELL("cat /data/../../../../../../../../etc/hostname /..//etc/hostname", "--sys", "--ro-bind", path[0]);
	check(!exited(0) && said("No such file"), "nor do dots");
	SHELL("cat /data/inner", "--sys", "--ro-bind", path[0], "--tmpfs", "/data");
	check(!exited(0) && !said("the secret"), "a later rule covers an earlier one");
	RUN("--sys", "--ro-bind", path[0], "--ro-bind", arg(2, "%s/in/secret:/data/link/y%s", dir, ""), "true");
	check(exited(125) && said("no such place"), "a place through a link that leads out is none");
	if (!ordinary)
		mounts_below();
	SHELL("readlink /l", "--sys", "--symlink", "a/b:/l");
	check(exited(0) && said("a/b\n"), "--symlink makes a link");
	SHELL("cat /data", "--sys", "--ro-bind", arg(3, "%s/in/secret:/data%s", dir, ""));
	check(exited(0) && said("the secret"), "a single file can be bound");
	SHELL("ls /proc/1/root/ /proc/1/cwd/ /proc/1/fd/");
	check(!exited(0) && !said("home"), "process 1 is closed to the program");
	SHELL("echo x > /proc/sys/kernel/core_pattern; echo h > /proc/sysrq-trigger");
	check(!exited(0) && !said("SysRq"), "/proc/sys and sysrq-trigger are read-only");
	SHELL("umask; umask 077", "--sys");
	check(exited(0) && said("0022\n"), "the umask is what it was");
}

/* ---- descriptors ---------------------------------------------------------------------------- */

/* What we have open ourselves, below, among and above the monitor's; and a directory as one of the three. */
static void inherited(void)
{
	static const int numbers[] = { 3, 9, 1026, 1027, 1028, 1029, 1100, 2000 };
	struct rlimit limit;
	int in = fcntl(0, F_DUPFD, 500);

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < 3000 ? limit.rlim_max : 3000;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (dup2(1, numbers[i]) < 0)
			bail("no descriptor %d", numbers[i]);
	SHELL("ls /proc/self/fd | tr '\\n' ' '");
	check(exited(0) && !strcmp(ran.output, "0 1 2 3 "), "nor those that dune-sandbox inherited");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		close(numbers[i]);
	close(0);
	if (open("/", O_RDONLY | O_DIRECTORY) != 0)
		bail("no directory");
	SHELL("ls /proc/self/fd/0/");
	check(exited(125) && said("is a directory"), "a directory as standard input is refused");
	dup2(in, 0);
	close(in);
	RUN("true");
	check(exited(0), "and without all that it works");
}

/* ---- the rest of the surroundings ------------------------------------------------------------ */

static void surroundings(void)
{
	SHELL("cat /proc/self/status");
	check(exited(0) && said("CapEff:\t0000000000000000") && said("CapBnd:\t0000000000000000") &&
	      said("CapPrm:\t0000000000000000") && said("NoNewPrivs:\t1") && said("Seccomp:\t2"),
	      "no capabilities, and no way to any");
	SHELL("ls /proc | grep -c '^[0-9]'");
	check(exited(0) && atoi(ran.output) < 8, "it sees its own processes only");
	SHELL("ls /proc/self/fd | tr '\\n' ' '");
	check(exited(0) && !strcmp(ran.output, "0 1 2 3 "), "no descriptors but the three");
	inherited();
	SHELL("grep -c : /proc/net/dev; cat /proc/net/route");
	check(exited(0) && atoi(ran.output) <= 12 && !said("eth") && !said("00000000\t"), "no network");
	SHELL("exec 2>&1; hostname || cat /proc/sys/kernel/hostname", "--hostname", "elsewhere");
	check(said("elsewhere"), "--hostname");
	RUN("--clearenv", "--setenv", "A=b c", "/usr/bin/env");
	check(exited(0) && !strcmp(ran.output, "A=b c\n"), "--clearenv and --setenv");
	RUN("--setenv", "A=b", "--unsetenv", "A", "/usr/bin/env");
	check(exited(0) && !said("A=b"), "--unsetenv");
	SHELL("pwd", "--chdir", "/usr/bin");
	check(exited(0) && said("/usr/bin\n"), "--chdir");
	SHELL("pwd");
	check(exited(0) && said("/\n"), "else it starts in / if where we are is not there");
	RUN("--chdir", "/nowhere", "true");
	check(exited(125) && said("--chdir /nowhere"), "a --chdir to nowhere is an error");
}

static void networks(void)
{
	static const char connect_to[] =
		"import socket\n"
		"a = socket.socket(); a.bind(('127.0.0.1', 0)); a.listen()\n"
		"b = socket.socket(); b.connect(a.getsockname()); print('met')";
	char script[512];
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (access("/usr/bin/python3", X_OK)) {
		skip(4, "no python3 here");
		close(fd);
		return;
	}
	RUN("python3", "-c", (char *)connect_to);
	check(!exited(0) && said("unreachable"), "--net none: not even loopback");
	RUN("--net", "loopback", "python3", "-c", (char *)connect_to);
	check(exited(0) && said("met"), "--net loopback: one of its own");
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) || listen(fd, 5) ||
	    getsockname(fd, (struct sockaddr *)&name, &length))
		bail("no socket");
	snprintf(script, sizeof(script), "import socket; socket.create_connection(('127.0.0.1', %d)); print('in')",
		 ntohs(name.sin_port));
	RUN("--net", "loopback", "python3", "-c", script);
	check(!exited(0) && said("refused"), "which does not lead to the host's services");
	RUN("--net", "host", "python3", "-c", script);
	check(exited(0) && said("in\n"), "--net host does");
	close(fd);
}

/* ---- limits ---------------------------------------------------------------------------------------- */

static void limits(void)
{
	SHELL("ulimit -n; ulimit -Hn", "--files", "40");
	check(exited(0) && said("40\n40\n"), "--files");
	RUN("--files", "40", "bash", "-c", "exec 39>&1 && echo first >&39; exec 40>&1");
	check(said("first") && !exited(0), "no descriptor beyond it");
	SHELL("ulimit -c; ulimit -Hc");
	check(said("0\n0\n"), "no core files");
	SHELL("while :; do :; done", "--cpu-seconds", "1");
	check(WIFSIGNALED(ran.status) && WTERMSIG(ran.status) == SIGXCPU, "--cpu-seconds");
	SHELL("trap '' XCPU; while :; do :; done", "--cpu-seconds", "1");
	check(WIFSIGNALED(ran.status) && WTERMSIG(ran.status) == SIGKILL, "--cpu-seconds cannot be ignored");
	SHELL("x=$(head -c 200M /dev/zero | tr '\\0' a); echo all", "--memory", "100M");
	check(!said("all") && !exited(0), "--memory");
	SHELL("head -c 9M /dev/zero > /tmp/x", "--memory", "8M");
	check(!exited(0), "--memory bounds a tmpfs");
	SHELL("i=0; while [ $i -lt 30 ]; do sleep 9 & i=$((i+1)); done; echo all", "--pids", "10",
	      "--user", "65534");
	if (ordinary)
		check(exited(125) && said("for root"), "--user is for root");
	else
		check(!said("all") && !exited(0), "--pids");
	if (ordinary) {
		SHELL("i=0; while [ $i -lt 30 ]; do sleep 9 & i=$((i+1)); done; echo all", "--pids", "10");
		check(!said("all") && !exited(0), "--pids");
	} else {
		RUN("--pids", "10", "true");
		check(exited(125) && said("--user"), "--pids does not bind root, and says so");
		SHELL("id -u; id -g; cat /data/secret", "--user", "1234:77", "--sys", "--ro-bind", path[0]);
		check(said("1234\n77\n"), "--user");
	}
}

/* ---- no namespaces ------------------------------------------------------------------------------ */

/* As where the administrator has turned them off: in a namespace whose limit of them is 0. */
static void forbidden(void)
{
	char command[4300];

	snprintf(command, sizeof(command), "echo 0 >/proc/sys/user/max_user_namespaces; exec %s true", sandbox);
	run_program("/usr/bin/unshare", (char *[]){ "unshare", "-Ur", "sh", "-c", command, NULL });
	check(exited(125) && said("user namespaces are off") && said("sysctl"), "without user namespaces it says what to do");
}

/* ---- the end ------------------------------------------------------------------------------------------ */

static void ends(void)
{
	SHELL("exit 7");
	check(exited(7), "the status is the program's");
	SHELL("kill -TERM $$");
	check(WIFSIGNALED(ran.status) && WTERMSIG(ran.status) == SIGTERM, "so is the signal");
	SHELL("kill -SEGV $$");
	check(WIFSIGNALED(ran.status) && WTERMSIG(ran.status) == SIGSEGV && !WCOREDUMP(ran.status),
	      "any signal, and there is no core");
	SHELL("sleep 1000 & exit 3");
	check(exited(3), "its end is the end of all in there");
	SHELL("sh -c 'sh -c \"exit 9\" & exit 0'; exit 4");
	check(exited(4), "orphans do not confuse it");
	RUN("nosuchprogram");
	check(exited(127) && said("nosuchprogram"), "127: no such program");
	RUN("--ro-bind", "/usr", "/usr/bin/true");
	check(exited(126) && said("loader") && said("/lib64"), "126: the loader is not in the sandbox");
	RUN("/usr");
	check(exited(126), "126: a directory");
	RUN("--sys", "--ro-bind", arg(4, "%s/in:/data%s", dir, ""), "/data/script");
	check(exited(126) && said("/no/such/interpreter"), "126: the interpreter is not there");
	RUN("--sys", "--ro-bind", path[4], "/data/text");
	check(exited(126) && said("neither ELF"), "126: no program at all");
	RUN("--sys", "--ro-bind", path[4], "/data/elf32");
	check(exited(126) && said("32-bit"), "126: a 32-bit program");
	RUN("--sys", "--ro-bind", path[4], "/data/cut");
	check(exited(126), "126: a damaged program");
	RUN(arg(5, "%s/in/run%s", dir, ""));
	check(exited(0) && said("ran"), "a program outside of /usr is bound by default");
}

static void signals(void)
{
	int in[2], out[2];
	char byte;
	pid_t pid;
	int status;

	if (pipe(in) || pipe(out))
		bail("no pipe");
	pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		be_ordinary();
		execl(sandbox, sandbox, "/bin/sh", "-c",
		      "trap 'exit 5' TERM; trap 'printf u' USR1; printf r; while :; do read x; done", NULL);
		_exit(98);
	}
	close(out[1]);
	ok(read(out[0], &byte, 1) == 1 && byte == 'r', "a program with handlers");
	kill(pid, SIGUSR1);
	/* the shell's read is interrupted, and its handler runs when that ends */
	ok(write(in[1], "\n", 1) == 1 && read(out[0], &byte, 1) == 1 && byte == 'u', "SIGUSR1 is passed on");
	kill(pid, SIGTERM);
	ok(write(in[1], "\n", 1) == 1 && waitpid(pid, &status, 0) == pid &&
	   WIFEXITED(status) && WEXITSTATUS(status) == 5, "SIGTERM is passed on, and the status comes back");
	close(in[0]);
	close(in[1]);
	close(out[0]);
}

/* All ends when we do: the pipe's other end is closed then. */
static void killed(void)
{
	int out[2];
	char byte;
	pid_t pid;

	if (pipe(out))
		bail("no pipe");
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		close(out[0]);
		be_ordinary();
		execl(sandbox, sandbox, "/bin/sh", "-c", "printf r; sleep 1000 & sleep 1000", NULL);
		_exit(98);
	}
	close(out[1]);
	ok(read(out[0], &byte, 1) == 1, "a program with a child");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	alarm(60);
	ok(read(out[0], &byte, 1) == 0, "both end with dune-sandbox, however that ends");
	alarm(0);
	close(out[0]);
}

/* ---- calls ---------------------------------------------------------------------------------------------- */

static void calls(void)
{
	RUN("unshare", "-r", "true");
	check(!exited(0) && said("not permitted"), "our profile refuses new namespaces");
	put_file("in/profile", "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"uname\"], "
		 "\"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 61}]}", 0644);
	RUN("--seccomp", arg(0, "%s/in/profile%s", dir, ""), "uname", "-r");
	check(!exited(0) && said("No data"), "a profile's error is what the program gets");
	put_file("in/profile", "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"uname\"], "
		 "\"action\": \"SCMP_ACT_KILL_PROCESS\"}]}", 0644);
	RUN("--seccomp", path[0], "uname", "-r");
	check(WIFSIGNALED(ran.status) && WTERMSIG(ran.status) == SIGSYS, "its kill is one");
	put_file("in/profile", "{\n  \"defaultAction\": \"SCMP_ACT_ALLOW\",\n  oops\n}", 0644);
	RUN("--seccomp", path[0], "true");
	check(exited(125) && said("profile:3:3: not JSON"), "what is wrong with one is said with line and column");
	if (access("/usr/share/containers/seccomp.json", R_OK)) {
		skip(1, "golang-github-containers-common is not installed");
		return;
	}
	RUN("--seccomp", "/usr/share/containers/seccomp.json", "ls", "/usr");
	check(exited(0) && said("bin"), "the profile of other containers works as it is");
}

static void usage(void)
{
	static const char *const wrong[][2] = {
		{ "--nosuch", "not an option" }, { "--memory=0", "--memory" }, { "--memory=1X", "--memory" },
		{ "--memory=99999999T", "--memory" }, { "--pids=-1", "--pids" }, { "--cpu-seconds= 1", "--cpu-seconds" },
		{ "--files=2", "--files" }, { "--net=some", "--net" }, { "--ro-bind=", "names no path" },
		{ "--ro-bind=/usr:relative", "no path from the root" }, { "--tmpfs=x", "no path from the root" },
		{ "--symlink=/x", "TARGET:DEST" }, { "--setenv==x", "NAME=VALUE" },
		{ "--ro-bind=/no/such:/x", "is not there" }, { "--seccomp=/no/such", "/no/such" },
		{ "--chdir=x", "no path from the root" }, { "--hostname=", "--hostname" }, { "--learn=/no/such", "--learn" },
		{ "--log=/no/such/file", "--log" }, { "--user=x", "--user" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		RUN((char *)wrong[i][0], "true");
		check(exited(125) && said(wrong[i][1]) && said("dune-sandbox: "), "refused: %s", wrong[i][0]);
	}
	RUN("no\033[2Jsuch\nprogram");
	check(exited(127) && said("no?[2Jsuch?program"), "a message has nothing that a terminal would obey");
	RUN("--sys");
	check(exited(125) && said("which program"), "refused: no program");
	RUN("--seccomp=/usr/share/containers/seccomp.json", "--learn=/tmp/x", "true");
	check(exited(125) && said("--learn"), "refused: both profile and --learn");
	RUN("--help");
	check(exited(0) && said("usage:"), "--help");
	RUN("--version");
	check(exited(0) && said("dune-sandbox 0."), "--version");
	RUN("--explain", "--bind", "/tmp:/x", "--net", "host", "--memory", "1G");
	check(exited(0) && said("the host's /tmp, to read and WRITE") && said("HOST") && said("1073741824") &&
	      said("clone3: error ENOSYS") && said("is 0x5401  (TCGETS)") && said(" openat ") && !said(" ptrace "), "--explain");
}

/* ---- all of it ----------------------------------------------------------------------------------------------- */

/* What may differ from user to user. */
static void as_somebody(const char *who)
{
	diag("as %s", who);
	files();
	surroundings();
	limits();
	ends();
	killed();
}

static void as_anybody(void)
{
	networks();
	forbidden();
	signals();
	calls();
	usage();
}

static void make_link(const char *target, const char *name)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/%s", dir, name);
	if (symlink(target, file))
		bail("cannot make a link");
}

static void make_elf32(void)
{
	char elf[128] = "\177ELF\1\1\1";

	elf[16] = 2;	/* ET_EXEC */
	elf[18] = 3;	/* EM_386 */
	elf[20] = 1;
	elf[40] = 52;	/* e_ehsize */
	put_file("in/elf32", "", 0755);
	snprintf(path[0], sizeof(path[0]), "%s/in/elf32", dir);
	if (truncate(path[0], sizeof(elf)))
		bail("cannot write");
	int fd = open(path[0], O_WRONLY);

	if (write(fd, elf, sizeof(elf)) != sizeof(elf))
		bail("cannot write");
	close(fd);
}

static void set_up(void)
{
	static const char *const dirs[] = { "in", "out" };

	if (!mkdtemp(dir) || chmod(dir, 0755))
		bail("no directory");
	for (int i = 0; i < 2; i++) {
		snprintf(path[0], sizeof(path[0]), "%s/%s", dir, dirs[i]);
		if (mkdir(path[0], 0755) || chmod(path[0], 0777))
			bail("no directory");
	}
	put_file("host", "the host's", 0644);
	put_file("in/secret", "the secret\n", 0644);
	put_file("in/script", "#! /no/such/interpreter\n", 0755);
	put_file("in/text", "no program\n", 0755);
	put_file("in/cut", "\177ELF\2\1\1", 0755);
	put_file("in/run", "#!/bin/sh\necho ran\n", 0755);
	make_elf32();
	snprintf(path[0], sizeof(path[0]), "%s/host", dir);
	make_link(path[0], "in/link");
	make_link("../host", "in/up");
}

static void clean_up(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command))
		diag("%s is left", dir);
}

static bool have_namespaces(void)
{
	int status = 1;
	pid_t pid = fork();

	if (!pid)
		_exit(unshare(CLONE_NEWUSER | CLONE_NEWNS) ? 1 : 0);
	waitpid(pid, &status, 0);
	return !status;
}

int main(int argc, char **argv)
{
	char *slash;

	/* We are build/tests/unit/NAME. */
	if (!realpath(argv[0], sandbox) || !(slash = strstr(sandbox, "/unit/")))
		bail("where am I?");
	strcpy(slash, "/dune-sandbox/dune-sandbox");
	if (!ORDINARY && geteuid())
		skip_all("this part is for root");
	if (!have_namespaces())
		skip_all("there are no user namespaces here");
	/* Mounts of ours stay ours. */
	if (!ORDINARY && (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)))
		skip_all("root may not mount here");
	set_up();
	ordinary = ORDINARY;
	as_somebody(ordinary ? "an ordinary user" : "root");
	if (ordinary)
		as_anybody();
	clean_up();
	return tap_done();
}
