/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs here need to have something done in a child process, and to
 * wait for another thread or process without guessing how long it takes.
 */
#ifndef CHILD_H
#define CHILD_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

/* In a child, whose checks the parent does not see: go on, or say what was wrong and exit. */
#define need(cond) do {								\
	if (!(cond))								\
		need_failed(__FILE__, __LINE__, #cond);				\
} while (0)

TAP_UNUSED __attribute__((noreturn))
static void need_failed(const char *file, int line, const char *what)
{
	diag("  in the child: not so at %s:%d: %s (errno %d)", file, line, what, errno);
	_exit(1);
}

/* Run @fn in a child; its pid. The child exits with 0 if @fn returns. */
TAP_UNUSED static pid_t child(void (*fn)(void))
{
	pid_t pid = fork();

	if (!pid) {
		fn();
		_exit(0);
	}
	if (pid < 0)
		bail("fork: %s", strerror(errno));
	return pid;
}

/* The wait status of @pid, once it is over. */
TAP_UNUSED static int status_of(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

/* Was all that @fn needed so, in a child of its own? */
#define ok_child(fn, ...) ok_eq(status_of(child(fn)), 0, __VA_ARGS__)

/* @fn, in a child of its own, must be killed by @sig. */
#define ok_killed(fn, sig, ...) do {						\
	int st_ = status_of(child(fn));						\
	if (!ok(WIFSIGNALED(st_) && WTERMSIG(st_) == (sig), __VA_ARGS__))	\
		diag("  wait status %#x, wanted signal %d", st_, sig);		\
} while (0)

/* Memory that children share with their parent. */
TAP_UNUSED static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	return p;
}

TAP_UNUSED static void pause_ms(long ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/* Wait until @cond holds: 0 if it never did, in 20 s. */
#define WAIT_MS 20000
#define eventually(cond) __extension__ ({					\
	int tries_ = WAIT_MS;							\
	while (!(cond) && --tries_)						\
		pause_ms(1);							\
	tries_ > 0;								\
})

/* What /proc says of thread @tid: R, S, T, t, Z ...; 0 if it is gone. */
TAP_UNUSED static char state_of(pid_t tid)
{
	char path[64], text[256], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
	p = strrchr(text, ')');
	return p && p[1] ? p[2] : 0;
}

TAP_UNUSED static pid_t gettid_(void)
{
	return (pid_t)syscall(SYS_gettid);
}

#endif /* CHILD_H */
