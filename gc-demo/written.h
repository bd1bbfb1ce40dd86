/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which pages of data segments were written since they were armed, for backends that can tell without a fault. The order is that of
 * track.h: armed, then read; in the last stop what is dirty is read again.
 */
#ifndef GC_WRITTEN_H
#define GC_WRITTEN_H

#include "mark.h"
#include "world.h"

void written_arm(const struct range *segment, unsigned int nr);
/* Call @fn for what is dirty of them; for all, where nobody can tell. */
void written_since(const struct range *segment, unsigned int nr, root_fn fn);

#endif
