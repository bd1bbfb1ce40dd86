/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DUNE_RT_PROGRAM_H
#define DUNE_RT_PROGRAM_H

#include <stdbool.h>

/*
 * Would execve() take the file, for a 64-bit program? False as well for whatever cannot be
 * seen from here: then execve() itself is asked. @path is the program's, and may be anything.
 */
bool dune_rt_is_program(const char *path);

#endif /* DUNE_RT_PROGRAM_H */
