// SPDX-License-Identifier: GPL-2.0
/*
 * posix_spawn(), popen() and their kin: a child by vfork() in libc's hands, with its files,
 * mask, group and all set up before it starts.
 */
#define _GNU_SOURCE
#include <spawn.h>
#include <sched.h>

#include "child.h"

extern char **environ;

static const char *const self = "/proc/self/exe";
static char out_path[] = "/tmp/spawn-XXXXXX";

/* ---- What the child says ------------------------------------------------ */

static int child_says(char **argv)
{
	struct sigaction sa;
	sigset_t set;
	char c = 0;

	switch (argv[1][0]) {
	case 'x':		/* exits */
		return atoi(argv[2]);
	/* its input is what it should be, its output goes where it should */
	case 'i':
		if (read(0, &c, 1) != 1 || c != argv[2][0])
			return 1;
		return write(1, "output", 6) != 6 || fcntl(9, F_GETFD) == -1;
	case 'm':		/* mask and handlers */
		sigprocmask(SIG_BLOCK, NULL, &set);
		sigaction(SIGUSR2, NULL, &sa);
		return !sigismember(&set, SIGUSR1) || sigismember(&set, SIGHUP) ||
			sa.sa_handler != SIG_DFL;
	case 'g':
		return getpgrp() != getpid();
	case 's':
		return getsid(0) != getpid();
	case 'd': {
		char dir[256];

		return !getcwd(dir, sizeof(dir)) || strcmp(dir, "/proc");
	}
	}
	return 3;
}

static int spawn(char *mode, char *arg, posix_spawn_file_actions_t *fa, posix_spawnattr_t *attr)
{
	char *argv[] = { "spawn", mode, arg, NULL };
	pid_t pid;
	int st;

	if (posix_spawn(&pid, self, fa, attr, argv, environ))
		return -1;
	st = status_of(pid);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -2;
}

/* ---- The checks --------------------------------------------------------- */

static void test_plain(void)
{
	char *argv[] = { "x", NULL };
	int wrong = 0, err;
	pid_t pid;

	ok_eq(spawn("x", "42", NULL, NULL), 42, "posix_spawn() and the exit status");
	for (int i = 0; i < 20; i++) {
		char code[8];

		snprintf(code, sizeof(code), "%d", i);
		wrong += spawn("x", code, NULL, NULL) != i;
	}
	ok_eq(wrong, 0, "20 times");
	err = posix_spawn(&pid, "/no/such/program", NULL, NULL, argv, environ);
	ok_eq(err, ENOENT, "posix_spawn() of what is not there: ENOENT");
	err = posix_spawnp(&pid, "no-such-program-here", NULL, NULL, argv, environ);
	ok_eq(err, ENOENT, "posix_spawnp(), the same");
	ok(wait(NULL) == -1 && errno == ECHILD, "no child is left of it");
}

static void test_files(void)
{
	posix_spawn_file_actions_t fa;
	int p[2], fd, n;
	char text[16] = "";

	if (pipe(p) || write(p[1], "q", 1) != 1)
		bail("pipe");
	fd = mkstemp(out_path);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, p[0], 0);
	posix_spawn_file_actions_addclose(&fa, p[0]);
	posix_spawn_file_actions_addopen(&fa, 1, out_path, O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, 1, 9);
	ok_eq(spawn("i", "q", &fa, NULL), 0, "file actions: dup2, close, open");
	n = (int)read(fd, text, sizeof(text) - 1);
	ok(n == 6 && !strcmp(text, "output"), "its output is in the file");
	ok(fcntl(p[0], F_GETFD) == 0 && fcntl(9, F_GETFD) == -1,
	   "the parent's files are untouched");
	posix_spawn_file_actions_destroy(&fa);

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 5, "/no/such/file", O_RDONLY, 0);
	ok_eq(spawn("x", "0", &fa, NULL), -1, "a file action that fails: no child");
	posix_spawn_file_actions_destroy(&fa);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addchdir_np(&fa, "/proc");
	ok_eq(spawn("d", "", &fa, NULL), 0, "file actions: chdir");
	posix_spawn_file_actions_destroy(&fa);
	close(fd);
	close(p[0]);
	close(p[1]);
	unlink(out_path);
}

static void nothing(int sig)
{
}

static void test_attributes(void)
{
	posix_spawnattr_t attr;
	sigset_t mask, dfl;

	signal(SIGUSR2, nothing);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigemptyset(&dfl);
	sigaddset(&dfl, SIGUSR2);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &mask);
	posix_spawnattr_setsigdefault(&attr, &dfl);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	ok_eq(spawn("m", "", NULL, &attr), 0, "attributes: mask, default actions");
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setpgroup(&attr, 0);
	ok_eq(spawn("g", "", NULL, &attr), 0, "attributes: group");
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	ok_eq(spawn("s", "", NULL, &attr), 0, "attributes: session");
	posix_spawnattr_destroy(&attr);
	{
		sigset_t now;

		sigprocmask(SIG_BLOCK, NULL, &now);
		ok(!sigismember(&now, SIGUSR1), "the parent's mask is as before");
	}
}

static void test_popen(void)
{
	char line[64] = "";
	FILE *f = popen("echo one two; exit 3", "r");
	int st;

	ok(f && fgets(line, sizeof(line), f) && !strcmp(line, "one two\n"),
	   "popen() reads a shell's output");
	st = f ? pclose(f) : -1;
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 3, "pclose() gives its status");
	st = system("test \"$(echo a | cat | cat)\" = a");
	ok_eq(st, 0, "a shell makes a pipeline of three");
	st = system("kill -TERM $$");
	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM, "system(): a shell that kills itself");
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return child_says(argv);
	test_plain();
	test_files();
	test_attributes();
	test_popen();
	return tap_done();
}
