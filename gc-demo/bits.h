/* SPDX-License-Identifier: GPL-2.0 */
/* D bits in the process's own page tables, for a range that is split to 4 KiB. Ring 0 of Dune mode. */
#ifndef GC_BITS_H
#define GC_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Call @fn, if there is one, for each page in the range whose bit is set; with @clear, clear it, and have all
 * threads' TLBs flushed before it returns: from then on every first write sets it again. The range is of whole pages,
 * and nobody else changes its tables. How many bits were set.
 */
size_t bits_take(uintptr_t start, size_t len, bool clear, void (*fn)(uintptr_t page));

/* 4 KiB each, in whole 2 MiB. The large page was dirty, or nobody knows: so are they. 0, or -errno. */
int bits_split(uintptr_t start, size_t len);

/* Pages of 2 MiB again; the tables go back to the pool. */
int bits_merge(uintptr_t start, size_t len);

#endif
