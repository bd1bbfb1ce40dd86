/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Dune's dirty bits for libgc, the Boehm collector, as Debian has it.
 *
 * libgc's incremental mode learns from Linux's soft-dirty bits what was written. While the world stands still it
 *
 *	read()s /proc/PID/pagemap, where bit 55 says that a page was written,
 *	write()s "4\n" to /proc/PID/clear_refs, which clears these bits.
 *
 * Here open(), lseek(), read() and write() are the program's own: on these two files they answer from the
 * D bits of the process's page tables, and clear those. All else goes to Linux.
 */
#ifndef GC_LIBGC_DIRTY_H
#define GC_LIBGC_DIRTY_H

#include <stddef.h>
#include <stdint.h>

struct libgc_dirty {
	uint64_t pages;		/* whose bits were set */
	uint64_t ticks;		/* in these calls */
	uint64_t clears;
};

extern struct libgc_dirty libgc_dirty;

/* Before GC_INIT(); NULL, or why not. */
const char *libgc_dirty_init(void);
/* After it; enables libgc's incremental mode. 0, or -errno. */
int libgc_dirty_start(void);

#endif
