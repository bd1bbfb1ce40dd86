/* SPDX-License-Identifier: GPL-2.0 */
/* The area of memory in the program that holds the runtime; libdune/rt/rt.h has the picture. */
#ifndef DUNE_RUN_AREA_H
#define DUNE_RUN_AREA_H

#include "remote.h"
#include "rt.h"
#include "why.h"

/*
 * Map and fill it, and release the program into the runtime. @start has what
 * was asked for; the rest is filled in here. 0 or an errno: then the program is
 * as it was, unless the errno is ESRCH.
 */
int area_start(struct remote *r, struct dune_rt_start *start, struct why *w);

#endif /* DUNE_RUN_AREA_H */
