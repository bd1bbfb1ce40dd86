/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The summary of --stats for a process that does not come to write it: a signal ended it, or it
 * executed another program. What traced it stays for that.
 */
#ifndef DUNE_RUN_WATCH_H
#define DUNE_RUN_WATCH_H

#include "tracer.h"

/*
 * Wait until the program is no more, and write its summary to @log if it has not done so. It sends
 * the descriptor to wait at by @line.
 */
void watch(int line, int log, const struct traced *program);

#endif /* DUNE_RUN_WATCH_H */
