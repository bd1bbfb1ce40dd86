/* SPDX-License-Identifier: GPL-2.0 */
/* --learn: from what the program did to a profile that allows it. */
#ifndef SANDBOX_CLI_LEARN_H
#define SANDBOX_CLI_LEARN_H

#include "sandbox/policy/policy.h"

/* Shared memory for the monitor to count in; *learn is where it is for us. */
int learn_begin(struct sandbox_learn **learn);

/* Open the file, or exit: better before the program runs than after. */
int learn_open(const char *file);

/* Write the profile; exits on errors. */
void learn_write(const struct sandbox_learn *learn, int fd, const char *file);

#endif /* SANDBOX_CLI_LEARN_H */
