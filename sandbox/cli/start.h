/* SPDX-License-Identifier: GPL-2.0 */
/* What the program runs under: the monitor. (Tests link another one, without Dune mode.) */
#ifndef SANDBOX_START_H
#define SANDBOX_START_H

struct start {
	int starter_fd;
	int device_fd;
};

/* On the host: take hold of what the monitor is started with. Exits with a message. */
void start_open(struct start *s);

/*
 * In the sandbox: execute path under the policy of policy_fd; s has the descriptors that the
 * program inherits. Exits with a message.
 */
__attribute__((noreturn)) void start_execute(const struct start *s, int policy_fd, const char *path,
					     char **argv);

#endif /* SANDBOX_START_H */
