// SPDX-License-Identifier: GPL-2.0
/*
 * execve(): what a new program is given, what it keeps of the old one and what not, and that an
 * execve() that fails changes nothing.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "child.h"

extern char **environ;

static const char *const self = "/proc/self/exe";

/* Run this program again as "exec MODE ARGS..."; its exit status is the answer. */
static int run_again(char *const argv[], char *const envp[])
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		execve(self, argv, envp);
		_exit(99);
	}
	st = status_of(pid);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

/* ---- In the new program ------------------------------------------------- */

#define wanted(cond) do {							\
	if (!(cond)) {								\
		diag("  in the new program: not so at line %d: %s", __LINE__, #cond);	\
		return 1;							\
	}									\
} while (0)

static int has_args(int argc, char **argv)
{
	wanted(argc == 5);
	wanted(!strcmp(argv[0], "a name of its own"));
	wanted(!strcmp(argv[2], "") && !strcmp(argv[3], "two words") &&
	       !strcmp(argv[4], "\xff\x01"));
	wanted(!argv[5]);
	wanted(environ[0] && environ[1] && !environ[2]);
	wanted(!strcmp(getenv("FIRST"), "1") && !strcmp(getenv("SECOND"), "with = in it"));
	return 0;
}

static int has_many(int argc, char **argv)
{
	wanted(argc == 2002);
	for (int i = 2; i < argc; i++)
		wanted(atoi(argv[i]) == i);
	return 0;
}

static int has_nothing(void)
{
	wanted(!environ[0]);
	return 0;
}

static int has_auxv(void)
{
	const ElfW(Phdr) *ph = (void *)getauxval(AT_PHDR);
	char *const name = (char *)getauxval(AT_EXECFN);

	wanted(getauxval(AT_PAGESZ) == 4096);
	wanted(ph && getauxval(AT_PHNUM) > 2 && getauxval(AT_PHENT) == sizeof(*ph));
	wanted(getauxval(AT_RANDOM) && getauxval(AT_SYSINFO_EHDR));
	wanted(name && !strcmp(name, self));
	wanted(getauxval(AT_ENTRY) && getauxval(AT_HWCAP));
	wanted(!getauxval(AT_SECURE));
	wanted(getauxval(AT_UID) == getuid());
	return 0;
}

/* After an exec: handlers are gone; what was ignored still is; mask and pending signals stay. */
static int has_signals(void)
{
	struct sigaction sa;
	sigset_t set;
	stack_t ss;

	sigaction(SIGUSR1, NULL, &sa);
	wanted(sa.sa_handler == SIG_DFL);
	sigaction(SIGUSR2, NULL, &sa);
	wanted(sa.sa_handler == SIG_IGN);
	sigprocmask(SIG_BLOCK, NULL, &set);
	wanted(sigismember(&set, SIGHUP) && !sigismember(&set, SIGUSR1));
	sigpending(&set);
	wanted(sigismember(&set, SIGHUP));
	sigaltstack(NULL, &ss);
	wanted(ss.ss_flags == SS_DISABLE);
	return 0;
}

static int has_fds(int argc, char **argv)
{
	int open_fd = atoi(argv[2]), closed_fd = atoi(argv[3]);

	wanted(fcntl(open_fd, F_GETFD) == 0);
	wanted(lseek(open_fd, 0, SEEK_CUR) == 3);
	wanted(fcntl(closed_fd, F_GETFD) == -1 && errno == EBADF);
	return 0;
}

static int has_rest(int argc, char **argv)
{
	struct itimerval it;
	struct rlimit lim;
	char name[17] = "", dir[4096];

	wanted(getpid() == atoi(argv[2]));
	wanted(getppid() == atoi(argv[3]));
	wanted(getpgrp() == getpid());
	wanted(umask(0) == 0123);
	wanted(!getrlimit(RLIMIT_NOFILE, &lim) && lim.rlim_cur == 123);
	wanted(!getitimer(ITIMER_REAL, &it) && it.it_value.tv_sec > 10);
	wanted(getcwd(dir, sizeof(dir)) && !strcmp(dir, "/proc"));
	prctl(PR_GET_NAME, name);
	wanted(!strcmp(name, "exe"));		/* of /proc/self/exe */
	return 0;
}

static int runs(int argc, char **argv)
{
	if (!strcmp(argv[1], "--args"))
		return has_args(argc, argv);
	if (!strcmp(argv[1], "--many"))
		return has_many(argc, argv);
	if (!strcmp(argv[1], "--nothing"))
		return has_nothing();
	if (!strcmp(argv[1], "--auxv"))
		return has_auxv();
	if (!strcmp(argv[1], "--signals"))
		return has_signals();
	if (!strcmp(argv[1], "--fds"))
		return has_fds(argc, argv);
	if (!strcmp(argv[1], "--rest"))
		return has_rest(argc, argv);
	if (!strcmp(argv[1], "--chain") && atoi(argv[2]) > 0) {
		char left[16], *again[] = { argv[0], argv[1], left, argv[3], NULL };

		snprintf(left, sizeof(left), "%d", atoi(argv[2]) - 1);
		wanted(getpid() == atoi(argv[3]));
		execv(self, again);
		return 1;
	}
	return strcmp(argv[1], "--chain") ? 3 : getpid() == atoi(argv[3]) ? 0 : 2;
}

/* ---- What it is given --------------------------------------------------- */

static void test_given(void)
{
	char *env[] = { "FIRST=1", "SECOND=with = in it", NULL }, *no_env[] = { NULL };
	char *args[] = { "a name of its own", "--args", "", "two words", "\xff\x01", NULL };
	char *nothing[] = { "exec", "--nothing", NULL }, *auxv[] = { "exec", "--auxv", NULL };
	static char numbers[2002][8], *many[2003];

	ok_eq(run_again(args, env), 0, "arguments and environment come as they are given");
	ok_eq(run_again(nothing, no_env), 0, "an empty environment");
	for (int i = 0; i < 2002; i++) {
		snprintf(numbers[i], sizeof(numbers[i]), "%d", i);
		many[i] = numbers[i];
	}
	many[1] = "--many";
	ok_eq(run_again(many, environ), 0, "2000 arguments");
	ok_eq(run_again(auxv, environ), 0, "the auxiliary vector");
}

/* ---- What stays --------------------------------------------------------- */

static void ignore(int sig)
{
}

static void exec_signals(void)
{
	static char alt[16384];
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) };
	sigset_t set;

	signal(SIGUSR1, ignore);
	signal(SIGUSR2, SIG_IGN);
	sigaltstack(&ss, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_SETMASK, &set, NULL);
	kill(getpid(), SIGHUP);
	execl(self, "exec", "--signals", (char *)NULL);
	_exit(98);
}

static void exec_fds(void)
{
	char a[16], b[16];
	int open_fd = memfd_create("open", 0), closed_fd = memfd_create("closed", MFD_CLOEXEC);

	need(lseek(open_fd, 3, SEEK_SET) == 3);
	snprintf(a, sizeof(a), "%d", open_fd);
	snprintf(b, sizeof(b), "%d", closed_fd);
	execl(self, "exec", "--fds", a, b, (char *)NULL);
	_exit(98);
}

static void exec_rest(void)
{
	struct itimerval it = { .it_value.tv_sec = 100 };
	struct rlimit lim = { 123, 123 };
	char pid[16], ppid[16];

	setpgid(0, 0);
	umask(0123);
	need(!setrlimit(RLIMIT_NOFILE, &lim) && !setitimer(ITIMER_REAL, &it, NULL) &&
	     !chdir("/proc"));
	snprintf(pid, sizeof(pid), "%d", getpid());
	snprintf(ppid, sizeof(ppid), "%d", getppid());
	execl(self, "exec", "--rest", pid, ppid, (char *)NULL);
	_exit(98);
}

static void exec_chain(void)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	execl(self, "exec", "--chain", "10", pid, (char *)NULL);
	_exit(98);
}

static void *exec_in_thread(void *arg)
{
	exec_chain();
	return NULL;
}

static void exec_from_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, exec_in_thread, NULL);
	for (;;)
		pause();
}

static void exec_in_handler(int sig)
{
	exec_chain();
}

static void exec_from_handler(void)
{
	signal(SIGUSR1, exec_in_handler);
	raise(SIGUSR1);
}

/* ---- What fails, and what it leaves ------------------------------------- */

static char dir[] = "/tmp/exec-XXXXXX";

static char *make_file(const char *name, const void *text, size_t len, mode_t mode)
{
	static char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		bail("%s: %s", path, strerror(errno));
	fchmod(fd, mode);
	close(fd);
	return path;
}

static int handled;

static void on_usr1(int sig)
{
	handled++;
}

static void fails(const char *path, char *const argv[], int err, const char *what)
{
	int got = execve(path, argv, environ);

	ok(got == -1 && errno == err, "execve() of %s: %s", what, strerror(err));
}

static void test_fails(void)
{
	char *args[] = { "x", NULL }, *huge[] = { "x", NULL, NULL };
	Elf64_Ehdr broken = { .e_ident = { 0x7f, 'E', 'L', 'F', 9, 9, 9 } };
	volatile int local = 5;

	signal(SIGUSR1, on_usr1);
	fails("/no/such/program", args, ENOENT, "what is not there");
	fails(make_file("plain", "data", 4, 0644), args, EACCES, "a file without the right");
	fails("/proc", args, EACCES, "a directory");
	fails(make_file("noexec", "data", 4, 0755), args, ENOEXEC, "a file that is no program");
	fails(make_file("broken", &broken, sizeof(broken), 0755), args, ENOEXEC,
	      "a broken ELF file");
	fails(make_file("script", "#!/no/such/shell\n", 17, 0755), args, ENOENT,
	      "a script without its shell");
	huge[1] = malloc(200 << 10);
	memset(huge[1], 'x', 200 << 10);
	huge[1][(200 << 10) - 1] = 0;
	fails(self, huge, E2BIG, "itself with too long an argument");
	fails((char *)8, args, EFAULT, "a bad address");
	fails("", args, ENOENT, "nothing");
	raise(SIGUSR1);
	ok(local == 5 && handled == 1, "after all that the program is as before: memory, handlers");
	free(huge[1]);
}

static void run_script(void)
{
	char *path = make_file("good", "#!/bin/sh\nexit 77\n", 18, 0755);
	int st;
	pid_t pid = fork();

	if (!pid) {
		execl(path, "good", (char *)NULL);
		_exit(98);
	}
	st = status_of(pid);
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 77, "a script runs, by its shell");
	ok_eq(WEXITSTATUS(system("exit 5")), 5, "system() runs the shell");
}

static void fexec(void)
{
	int fd = open(self, O_RDONLY | O_CLOEXEC);
	char *args[] = { "exec", "--chain", "0", "0", NULL };
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	args[3] = pid;
	fexecve(fd, args, environ);
	_exit(98);
}

int main(int argc, char **argv)
{
	static const char *const files[] = { "plain", "noexec", "broken", "script", "good" };
	char path[128];

	if (argc > 1)
		return runs(argc, argv);
	if (!mkdtemp(dir))
		bail("mkdtemp: %s", strerror(errno));
	test_given();
	ok_child(exec_signals,
		 "handlers and the alternate stack go; ignored, blocked and pending signals stay");
	ok_child(exec_fds, "open files stay, with their position; O_CLOEXEC closes");
	ok_child(exec_rest,
		 "pid, parent, group, umask, limits, timer, directory stay; the name is new");
	ok_child(exec_chain, "ten programs, one after the other, in one process");
	ok_child(exec_from_thread, "from a thread, too");
	ok_child(exec_from_handler, "and from a signal handler");
	ok_child(fexec, "fexecve()");
	test_fails();
	run_script();
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
	return tap_done();
}
