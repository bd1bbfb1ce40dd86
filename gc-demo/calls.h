/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a system call may write, told from its number and arguments alone.
 *
 * Memory behind pointers in memory (iovec, msghdr, what an ioctl() takes) is not looked at: another thread may
 * change it after we did. Such calls, and those that are not in the table, may write anywhere.
 */
#ifndef GC_CALLS_H
#define GC_CALLS_H

#include "notes.h"

#define CALL_ARGS 6

/* Note what call @nr with @arg may write. General registers only. */
void calls_note(struct notes *n, unsigned int nr, const uint64_t arg[CALL_ARGS]);

/* A call was made after which the kernel may write at any time: io_uring and the like. */
extern uint8_t calls_async;

#endif
