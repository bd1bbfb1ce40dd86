/* SPDX-License-Identifier: GPL-2.0 */
/* Children of a call that a thread makes in ordinary mode: they begin in Dune mode. */
#ifndef DUNE_BORN_H
#define DUNE_BORN_H

#include <linux/types.h>

struct dune_born;
struct dune_vcpu;

/*
 * The call that @vcpu's thread is about to make in ordinary mode may make a child: if libdune
 * wants it (dune_run.birth), be ready. 0, or an errno.
 */
int born_prepare(struct dune_vcpu *vcpu);
/* No such call is under way (any more). */
void born_forget(struct dune_vcpu *vcpu);

/* An INT3 at @ip, by a child that was sent there. Interrupts off. */
bool born_is_at(unsigned long ip);

/* Is there a way to learn of children? */
bool born_available(void);

int born_init(void);
void born_exit(void);

#endif /* DUNE_BORN_H */
