/* SPDX-License-Identifier: GPL-2.0 */
/* Descriptors of dune-run's own: never 0, 1 or 2, even where those are closed. */
#ifndef DUNE_RUN_DESCRIPTOR_H
#define DUNE_RUN_DESCRIPTOR_H

/*
 * Move @fd to a number of at least @min, or as near below it as the limit
 * allows, with O_CLOEXEC. Returns the new one (@fd is closed) or -1; -1 for -1.
 */
int descriptor_move(int fd, int min);

/* open() with O_CLOEXEC, at 3 or above. */
int descriptor_open(const char *path, int flags);

#endif /* DUNE_RUN_DESCRIPTOR_H */
