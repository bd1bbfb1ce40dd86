/* SPDX-License-Identifier: GPL-2.0 */
/* Bits of entries of Linux's page table that not every kernel has. */
#ifndef DUNE_ENTRY_H
#define DUNE_ENTRY_H

#include <linux/pgtable.h>

/* Pages of devices that are not counted as others are; where the bit is gone, they are. */
#ifndef _PAGE_DEVMAP
#define _PAGE_DEVMAP 0
#endif

#endif /* DUNE_ENTRY_H */
