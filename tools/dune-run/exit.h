/* SPDX-License-Identifier: GPL-2.0 */
/* Exit statuses of dune-run itself, as env(1) and timeout(1) have them. */
#ifndef DUNE_RUN_EXIT_H
#define DUNE_RUN_EXIT_H

enum {
	EXIT_FAILED = 125,		/* dune-run itself failed */
	EXIT_CANNOT_EXECUTE = 126,	/* the program is there, and cannot be executed */
	EXIT_NOT_FOUND = 127,		/* the program, or Dune mode, is not there */
};

#endif /* DUNE_RUN_EXIT_H */
