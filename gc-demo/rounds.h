/* SPDX-License-Identifier: GPL-2.0 */
/* Looking again at what the threads wrote meanwhile: beside them, then in a last stop. */
#ifndef GC_ROUNDS_H
#define GC_ROUNDS_H

#include "heap.h"

#define NO_LIMIT	SIZE_MAX

void rounds_beside_threads(bool young);
void rounds_last_stop(void);		/* the world is stopped when it returns */
size_t rounds_roots(size_t budget);	/* look at all roots, in a stop; what is left of @budget */

#endif
