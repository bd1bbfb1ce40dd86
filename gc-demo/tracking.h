/* SPDX-License-Identifier: GPL-2.0 */
/* What write tracking alone costs. */
#ifndef GC_TRACKING_H
#define GC_TRACKING_H

#include <stddef.h>
#include <stdint.h>

struct json_object;

/* Ticks by which the first write to an armed page is slower than the next one; after gc_start(). */
uint64_t tracking_first_write(void);

/*
 * Rounds of: arm, write to @permille of the pages of nearly all of the heap, collect. Adds the medians of
 * their ticks to @o. 0, or it prints why not.
 */
int tracking_measure(struct json_object *o, unsigned int permille);

#endif
