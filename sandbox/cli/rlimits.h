/* SPDX-License-Identifier: GPL-2.0 */
/* The limits of the options, as Linux has them. */
#ifndef SANDBOX_RLIMITS_H
#define SANDBOX_RLIMITS_H

#include "options.h"

/* Descriptors of the monitor that lie above the program's. */
#define LIMITS_RESERVED_FDS	16

/*
 * How many open files the program may have: fewer than was asked for where the monitor's own
 * would find no room. Exits if there is no room at all.
 */
int limits_files(const struct options *o);

/* Room for the monitor's descriptors, above first; then none for anybody's. */
void limits_open_room(int first);
void limits_close_room(int first);

/* All other limits, on this process and its children. */
void limits_set(const struct options *o);

#endif /* SANDBOX_RLIMITS_H */
