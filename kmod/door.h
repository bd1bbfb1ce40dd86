/* SPDX-License-Identifier: GPL-2.0 */
/* The door: a page that a thread jumps to. */
#ifndef DUNE_DOOR_H
#define DUNE_DOOR_H

struct vm_area_struct;
struct dune_space;
struct dune_vcpu;

#define DOOR_PAGES 2	/* the door, and the shorter way for those that come back */

/* Map a space's door; see <linux/dune.h>. */
int door_mmap(struct dune_space *space, struct vm_area_struct *vma);

/* The INT3 that a thread of a VCPU that is AWAITED goes to, instead of to the door. */
unsigned long door_short_way(unsigned long door);

/* RUNNING is next for @vcpu, now AWAITED: by that INT3, or before Linux looks at a signal. Interrupts off. */
void door_await(struct dune_vcpu *vcpu);

int door_init(void);
void door_exit(void);

#endif /* DUNE_DOOR_H */
