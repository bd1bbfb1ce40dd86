/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests of dune-run. They need no Dune mode: the dune-run that they test is one whose
 * runtime enters none, unless another is their argument.
 *
 *	start(setup, argv)	a process that calls setup() and then execve()s argv
 *	finish(pid)		its wait status
 *	run(setup, argv)	both; what it printed is in output
 *	ARGV(...), RUN(...)	an argv; one that begins with dune-run
 *	alone()			no process is left over
 */
#ifndef DUNE_RUN_H
#define DUNE_RUN_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "tap.h"

#define NOBODY	65534
#define ARGV(...) ((char *[]){ __VA_ARGS__, NULL })
#define RUN(...) ARGV(dune_run, __VA_ARGS__)
#define EXITED(n) W_EXITCODE(n, 0)

/* The programs, and a directory for files that everybody may enter. */
static char dune_run[PATH_MAX], shipped[PATH_MAX], directory[64];
static char probe[PATH_MAX], probe_static[PATH_MAX], probe_static_pie[PATH_MAX],
	probe_fixed[PATH_MAX];
static char output[65536];
static int captured = -1;

TAP_UNUSED TAP_PRINTF(1, 2)
static char *path(const char *fmt, ...)
{
	static char paths[16][PATH_MAX];
	static unsigned int n;
	char *to = paths[n++ % 16];
	size_t used = (size_t)snprintf(to, PATH_MAX, "%s/", directory);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(to + used, PATH_MAX - used, fmt, ap);
	va_end(ap);
	return to;
}

TAP_UNUSED
static void write_file(const char *name, const void *bytes, size_t size, mode_t mode)
{
	int fd;

	unlink(name);
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || fchmod(fd, mode))
		bail("cannot write %s: %s", name, strerror(errno));
	close(fd);
}

TAP_UNUSED
static void write_text(const char *name, const char *text, mode_t mode)
{
	write_file(name, text, strlen(text), mode);
}

TAP_UNUSED
static void copy_file(const char *from, const char *to, mode_t mode)
{
	static char bytes[8 << 20];
	int fd = open(from, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n <= 0 || n == sizeof(bytes))
		bail("cannot copy %s", from);
	close(fd);
	write_file(to, bytes, (size_t)n, mode);
}

static void remove_directory(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	if (system(command))
		diag("%s is left over", directory);
}

static void program_path(char to[PATH_MAX], const char *from, const char *name)
{
	size_t n = strlen(from);

	if (n + strlen(name) >= PATH_MAX)
		bail("a path is too long");
	memcpy(to, from, n);
	strcpy(to + n, name);
	if (access(to, X_OK))
		bail("%s is not there", to);
}

/* First of all. This process becomes the parent of all that lose theirs. */
TAP_UNUSED
static void begin(char **argv)
{
	char build[PATH_MAX - 64] = "";

	if (readlink("/proc/self/exe", build, sizeof(build) - 1) < 0)
		bail("no /proc");
	for (int i = 0; i < 3; i++)
		*strrchr(build, '/') = 0;
	program_path(shipped, build, "/bin/dune-run");
	program_path(dune_run, build, "/tests/dune-run/dune-run");
	if (argv[1] && !realpath(argv[1], dune_run))
		bail("%s is not there", argv[1]);
	program_path(probe, build, "/tests/dune-run/probe");
	program_path(probe_static, build, "/tests/dune-run/probe-static");
	program_path(probe_static_pie, build, "/tests/dune-run/probe-static-pie");
	program_path(probe_fixed, build, "/tests/dune-run/probe-fixed");

	strcpy(directory, "/tmp/dune-run.XXXXXX");
	if (!mkdtemp(directory) || chmod(directory, 0755))
		bail("no directory in /tmp");
	atexit(remove_directory);
	captured = memfd_create("output", MFD_CLOEXEC);
	if (captured < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1))
		bail("cannot begin: %s", strerror(errno));
}

TAP_UNUSED
static pid_t start(void (*setup)(void), char **argv)
{
	pid_t pid;

	if (ftruncate(captured, 0) || lseek(captured, 0, SEEK_SET))
		bail("cannot empty the output");
	pid = fork();
	if (pid < 0)
		bail("fork: %s", strerror(errno));
	if (pid)
		return pid;
	dup2(captured, STDOUT_FILENO);
	dup2(captured, STDERR_FILENO);
	if (setup)
		setup();
	execv(argv[0], argv);
	_exit(99);
}

TAP_UNUSED
static int finish(pid_t pid)
{
	int status = -1;
	ssize_t n;

	if (waitpid(pid, &status, 0) != pid)
		bail("waitpid: %s", strerror(errno));
	n = pread(captured, output, sizeof(output) - 1, 0);
	output[n > 0 ? n : 0] = 0;
	return status;
}

TAP_UNUSED
static int run(void (*setup)(void), char **argv)
{
	return finish(start(setup, argv));
}

/* All that was started has ended or will by itself; what does not would be waited for here. */
TAP_UNUSED
static bool alone(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
	return errno == ECHILD;
}

/* The one who traced @pid has ended, and @pid has not. */
TAP_UNUSED
static bool tracer_ended(pid_t pid)
{
	pid_t other = waitpid(-1, NULL, 0);

	return other > 0 && other != pid && !waitpid(pid, NULL, WNOHANG);
}

/* setup()s */
TAP_UNUSED
static void as_nobody(void)
{
	if (syscall(SYS_setgroups, 0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		_exit(98);
	/* As after a login: it may be traced by its like. */
	prctl(PR_SET_DUMPABLE, 1);
}

#define ok_status(got, want, ...) __extension__ ({				\
	int tap_s = ok_eq(got, want, __VA_ARGS__);				\
	if (!tap_s)								\
		diag("  output: %.300s", output);				\
	tap_s;									\
})

#define ok_output(text, ...) __extension__ ({					\
	int tap_s = ok(strstr(output, text), __VA_ARGS__);			\
	if (!tap_s)								\
		diag("  \"%s\" is not in: %.300s", text, output);		\
	tap_s;									\
})

#endif /* DUNE_RUN_H */
