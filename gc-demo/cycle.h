/* SPDX-License-Identifier: GPL-2.0 */
/* Cycles: asked for by threads, run by the collector's. */
#ifndef GC_CYCLE_H
#define GC_CYCLE_H

#include "heap.h"

/* With gc_lock, by a thread that wants cells. */
void cycle_maybe(void);			/* one may be due */
void cycle_wait(bool whole);		/* until one is over that began after this; @whole: that finds all that is dead */
void cycle_after_fork(void);

#endif
