/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Dune's dirty bits for libgc, the Boehm collector, as Debian has it.
 *
 * libgc can leave write tracking to its client (GC_set_manual_vdb_allowed()): the client says
 * which objects it changed. Here the CPU is that client: when libgc has stopped the world, and before
 * it looks at its dirty table, each page with its D bit set is reported, and the bits are cleared.
 */
#ifndef GC_LIBGC_DIRTY_H
#define GC_LIBGC_DIRTY_H

#include <stddef.h>
#include <stdint.h>

struct libgc_dirty {
	uint64_t pages;		/* reported */
	uint64_t ticks;
};

extern struct libgc_dirty libgc_dirty;

/* Before GC_INIT(); NULL, or why not. */
const char *libgc_dirty_init(void);
/* After it. 0, or -errno. */
int libgc_dirty_start(void);
/* The world is stopped. */
void libgc_dirty_report(void);

#endif
