/* SPDX-License-Identifier: GPL-2.0 */
/* The module's device, as far as dune-run has to do with it. */
#ifndef DUNE_RUN_DEVICE_H
#define DUNE_RUN_DEVICE_H

#include "why.h"

/*
 * Could the runtime use /dev/dune? 0, or an errno and what to do about it.
 * To find out before the program begins is better than in it.
 */
int device_check(struct why *w);

#endif /* DUNE_RUN_DEVICE_H */
