/* SPDX-License-Identifier: GPL-2.0 */
/* What the program runs under: the monitor. (Tests link another one, without Dune mode.) */
#ifndef SANDBOX_START_H
#define SANDBOX_START_H

#include <limits.h>

struct start {
	int starter_fd;
	int device_fd;
	char starter[PATH_MAX];		/* where it is on the host */
};

/* On the host: find what the monitor is started with, and open it. Exits with a message. */
void start_open(struct start *s);

/* In mounts of our own, which are the host's still: open it anew, by root_hold(). */
void start_hold(struct start *s);

/*
 * In the sandbox: execute path under the policy of policy_fd; s has the descriptors that the
 * program inherits. Exits with a message.
 */
__attribute__((noreturn)) void start_execute(const struct start *s, int policy_fd, const char *path,
					     char **argv);

#endif /* SANDBOX_START_H */
