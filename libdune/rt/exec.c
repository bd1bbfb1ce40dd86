// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * execve() in a program that is followed: dune-run is executed in its place, with
 *
 *	dune-run --follow OPTIONS... --exec PATH --argv0 ARGV[0] ARGV[1]...
 *
 * and starts PATH in Dune mode as it started this one. What execve() itself would
 * refuse is found out before: afterwards there is no caller left to tell.
 */
#include "exec.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>
#include "../host.h"
#include "../raw.h"
#include "program.h"
#include "runtime.h"

#define ARGS_MAX	4096	/* more, and the program goes on in ordinary mode */
#define OWN_MAX		16

/* The program's own array, which may be anywhere and anything. The count, or -1. */
static long read_args(uint64_t array, const char **args)
{
	long n;

	for (n = 0; n < ARGS_MAX; n++) {
		struct { void *base; size_t length; } to = { &args[n], sizeof(*args) },
			from = { (void *)(array + n * sizeof(*args)), sizeof(*args) };

		if (raw_syscall6(SYS_process_vm_readv, raw_getpid(), (long)&to, 1, (long)&from, 1, 0) !=
		    sizeof(*args))
			return -1;
		if (!args[n])
			return n;
	}
	return -1;
}

static char *put_number(char *end, unsigned int value)
{
	*--end = 0;
	do
		*--end = '0' + value % 10;
	while (value /= 10);
	return end;
}

static unsigned int put_options(const char **argv, char *number_end)
{
	unsigned int n = 0;

	argv[n++] = "dune-run";
	argv[n++] = "--follow";
	if (dune_rt_asked(DUNE_RT_RING3))
		argv[n++] = "--ring=3";
	if (dune_rt_asked(DUNE_RT_STATS))
		argv[n++] = "--stats";
	if (dune_rt_asked(DUNE_RT_TRACE))
		argv[n++] = "--trace";
	if (dune_rt_asked(DUNE_RT_FALLBACK))
		argv[n++] = "--fallback";
	if (dune_rt->log_fd >= 0) {
		argv[n++] = "--log-fd";
		argv[n++] = put_number(number_end, dune_rt->log_fd);
	}
	return n;
}

/* The log goes along; the program never sees that it could. */
static void keep_log(bool keep)
{
	if (dune_rt->log_fd >= 0)
		raw_fcntl(dune_rt->log_fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* To dune-run this link is dune-run: name what it is to the program. Other links in /proc are left alone. */
static const char *through_exe(const char *path, char *buffer, size_t size)
{
	long length;

	if (!same(path, "/proc/self/exe"))
		return path;
	length = raw_syscall4(SYS_readlink, (long)path, (long)buffer, (long)size - 1, 0);
	if (length <= 0)
		return path;
	buffer[length] = 0;
	return buffer;
}

void dune_rt_follow(struct dune_thread *t)
{
	const struct dune_regs *r = &t->run->regs;
	const char *argv[OWN_MAX + ARGS_MAX];
	const char **args = argv + OWN_MAX;
	const char *path = (const char *)r->rdi;
	char number[12], exe[4096];
	unsigned int own, i;
	long count;

	/* A tracer would be told of the execve() of dune-run, and dune-run could not trace what is traced. */
	if (t->run->detail & (DUNE_DETAIL_WATCHED | DUNE_DETAIL_TRACED) || !dune_rt_is_program(path))
		return;
	path = through_exe(path, exe, sizeof(exe));
	count = read_args(r->rsi, args);
	if (count < 1)
		return;
	/* What comes before the program's arguments ends where they begin. */
	own = put_options(argv, number + sizeof(number));
	argv[own++] = "--exec";
	argv[own++] = path;
	argv[own++] = "--argv0";
	for (i = own; i--;)
		argv[OWN_MAX - own + i] = argv[i];
	keep_log(true);
	raw_syscall4(SYS_execve, (long)dune_rt->self, (long)(args - own), r->rdx, 0);
	keep_log(false);
}
