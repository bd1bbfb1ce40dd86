/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls as text, one line for each, as strace has them:
 *
 *	77 openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3
 *
 * The line is written when the call is over, so that lines of several threads and
 * processes never mix. Calls that may wait for long, or never come back, are
 * written when they begin:
 *
 *	77 wait4(-1, 0x7ffc00001234, 0, NULL <unfinished ...>
 *	77 <... wait4 resumed>) = 78
 *	77 exit_group(0) = ?
 *
 * Arguments that point to memory are read without risk; what cannot be read is an
 * address. May be called in ordinary mode and in ring 0 of Dune mode; uses general
 * registers and 4 KiB of stack.
 */
#ifndef DUNE_RT_TRACE_H
#define DUNE_RT_TRACE_H

#include <stdint.h>

/* Before the call. */
void dune_rt_trace_call(int fd, long pid, long nr, const uint64_t args[6]);

/* After it, with the same arguments. @result is what it left in RAX. */
void dune_rt_trace_result(int fd, long pid, long nr, const uint64_t args[6], long result);

#endif /* DUNE_RT_TRACE_H */
