/* SPDX-License-Identifier: GPL-2.0 */
/* The file that is executed. */
#ifndef DUNE_RUN_PROGRAM_H
#define DUNE_RUN_PROGRAM_H

#include <limits.h>
#include <stddef.h>
#include "why.h"

/*
 * Find the file of command @name as execvp() does: along PATH unless there is a
 * slash in it. Returns 0 or what execvp() would set errno to.
 */
int program_find(const char *name, char path[static PATH_MAX]);

/*
 * Can dune-run start @path, if execve() can? 0, or an errno and why not. It
 * looks through scripts at the interpreter. What is no program at all is left
 * to execve() to find out.
 */
int program_check(const char *path, struct why *w);

/*
 * execve(), with /bin/sh for a text without "#!", as execvp() does. Returns
 * errno.
 */
int program_execute(const char *path, char **argv);

/* What errno @err of program_execute() means for @path, in words. */
void program_explain(const char *path, int err, struct why *w);

#endif /* DUNE_RUN_PROGRAM_H */
