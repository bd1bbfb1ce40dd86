/* SPDX-License-Identifier: GPL-2.0 */
/* Process 1 of the sandbox, and the program's way from there. */
#ifndef SANDBOX_INSIDE_H
#define SANDBOX_INSIDE_H

#include "blob.h"
#include "options.h"
#include "start.h"

struct inside {
	const struct options *o;
	struct start start;
	int fd_first;
	int fds[BLOB_FDS];	/* of the monitor, in the order of blob.h; -1: none */
	int mapped;		/* pipe: a byte comes when this process has a user */
	int status;		/* pipe: the program's wait status goes there */
};

__attribute__((noreturn)) void inside_run(struct inside *in);

#endif /* SANDBOX_INSIDE_H */
