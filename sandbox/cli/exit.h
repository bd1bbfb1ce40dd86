/* SPDX-License-Identifier: GPL-2.0 */
/* Exit statuses of dune-sandbox itself, as env(1) and timeout(1) have them. */
#ifndef SANDBOX_EXIT_H
#define SANDBOX_EXIT_H

enum {
	EXIT_FAILED = 125,		/* dune-sandbox itself failed */
	EXIT_CANNOT_EXECUTE = 126,	/* the program is there, and cannot be executed */
	EXIT_NOT_FOUND = 127,		/* the program, or Dune mode, is not there */
};

#endif /* SANDBOX_EXIT_H */
