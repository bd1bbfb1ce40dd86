/* SPDX-License-Identifier: GPL-2.0 */
/* Work that waits for a thread's way to user mode, done without going there. */
#ifndef DUNE_WORK_H
#define DUNE_WORK_H

#include <linux/types.h>

/*
 * Do all that waits and does not need the registers of user mode: files to be closed, limits of
 * control groups. Interrupts on. False if there is more, which only the way to user mode can do.
 */
bool dune_work_in_place(void);

#endif /* DUNE_WORK_H */
