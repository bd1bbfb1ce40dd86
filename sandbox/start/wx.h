/* SPDX-License-Identifier: GPL-2.0 */
/* What execve() would make both writable and executable. */
#ifndef SANDBOX_START_WX_H
#define SANDBOX_START_WX_H

#include "why.h"

/*
 * May @path be executed as the policy wants it? 0, or an errno and why not. What cannot be read, or is no
 * program, is left to execve() to find out.
 */
int wx_check(int policy_fd, const char *path, struct why *w);

#endif /* SANDBOX_START_WX_H */
