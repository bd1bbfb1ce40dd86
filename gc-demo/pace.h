/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who allocates faster than is marked makes work for the last stop. So a thread that takes a block while marking runs
 * waits until so much has been looked at: more from round to round, since what is written again as fast as it is looked at
 * never ends. Before a stop it waits for that: then it stands already, and gets no signal. When a last stop was given up it
 * waits for the cycle's end.
 */
#ifndef GC_PACE_H
#define GC_PACE_H

#include "heap.h"

void pace_keep(void);		/* a thread that wants cells, with gc_lock */

/* The marker. */
void pace_reset(void);
void pace_slower(void);
void pace_tell(void);		/* so much has been looked at; without gc_lock or with the world stopped */
void pace_hold(void);		/* the world stands still */
void pace_go(void);		/* it moves again; with gc_lock, which it gives back */
void pace_after_fork(void);

#endif
