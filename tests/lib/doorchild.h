/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables of children that use the door, each with a space of its own, and how each of
 * them has to end: a status, or minus a signal.
 */
#ifndef TESTS_DOORCHILD_H
#define TESTS_DOORCHILD_H

#include <sys/prctl.h>
#include <sys/resource.h>
#include "door.h"
#include "tap.h"

#define DOORCHILD_SECONDS 40
#define DOORCHILD_HUNG	  -1000

struct doorchild {
	const char *what;
	int (*fn)(void);
	int want;
};

/* Added to what is wanted: SIGSEGV will do as well. It depends on when the thread is lent. */
#define OR_SIGSEGV 0x10000

struct doorchild_args {
	struct raw *r;
	int (*fn)(void);
};

static inline int doorchild_main(void *arg)
{
	const struct doorchild_args *a = arg;
	const struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (raw_open(a->r) || door_open(a->r))
		_exit(99);
	return a->fn();
}

/* @r is this process's as well, but what the child makes of it is its own. */
static inline int doorchild_run(struct raw *r, int (*fn)(void))
{
	struct doorchild_args a = { r, fn };
	int status = raw_child(doorchild_main, &a, DOORCHILD_SECONDS);

	return status == -1 ? DOORCHILD_HUNG : WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Linux has a line in its log for each process that a fault ended, unless it is asked not to. */
static inline void doorchild_quiet(void)
{
	int fd = open("/proc/sys/debug/exception-trace", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		diag("cannot write to /proc/sys/debug/exception-trace");
	close(fd);
}

static inline void doorchild_all(struct raw *r, const struct doorchild *c, unsigned int n)
{
	for (; n--; c++) {
		int end = doorchild_run(r, c->fn), want = c->want >= OR_SIGSEGV ? c->want - OR_SIGSEGV : c->want;

		ok_eq(end, want != c->want && end == -SIGSEGV ? end : want, "%s", c->what);
	}
}

#endif /* TESTS_DOORCHILD_H */
