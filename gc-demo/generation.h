/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Old and new. What was marked in one cycle has a mark in the next, and is looked into only where it was written since: most of
 * what is new is dead, and most of what is old lives. What dies old is found when as much has grown old as is allocated
 * between two cycles, or a thread finds no room.
 */
#ifndef GC_GENERATION_H
#define GC_GENERATION_H

#include "heap.h"

void generation_want(bool whole);	/* the next cycle is to find all that is dead; is to look only for what is new */
bool generation_choose(void);		/* a cycle is to begin: true, it is young */
void generation_judge(void);		/* it is over: was it worth it? */

#endif
