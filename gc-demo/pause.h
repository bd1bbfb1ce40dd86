/* SPDX-License-Identifier: GPL-2.0 */
/* A stop of the world, from the request on, and what it is made of. */
#ifndef GC_PAUSE_H
#define GC_PAUSE_H

#include <stdbool.h>
#include "stats.h"

void pause_begin(void);			/* takes gc_lock, and closes the heap */
void pause_lap(enum pause_part part);	/* up to here it was this */
void pause_skip(uint64_t ticks);	/* that were none of it */
void pause_end(bool open);		/* gives gc_lock back; @open: and opens the heap */
size_t pause_allocated(void);		/* since the last one, in bytes */

#endif
