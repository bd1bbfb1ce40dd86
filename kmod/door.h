/* SPDX-License-Identifier: GPL-2.0 */
/* The door: a page that a thread jumps to. */
#ifndef DUNE_DOOR_H
#define DUNE_DOOR_H

struct vm_area_struct;
struct dune_space;

#define DOOR_PAGES 2	/* the door, and a page of zeroes */

/* Map a space's door; see <linux/dune.h>. */
int door_mmap(struct dune_space *space, struct vm_area_struct *vma);

#endif /* DUNE_DOOR_H */
