/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the host loop calls, in ordinary mode on the thread's host stack. */
#ifndef LIBDUNE_HOST_H
#define LIBDUNE_HOST_H

#include "thread.h"

/* syscall.c: see to the call in the register image. */
void dune_syscall_exact(struct dune_thread *t);

/**
 * struct dune_hooks - what the runtime does besides (rt/hooks.c)
 * @call:	the program makes the call in the image; true if that was all to do about it
 * @returned:	and this is how it ended
 */
struct dune_hooks {
	bool (*call)(struct dune_thread *t);
	void (*returned)(struct dune_thread *t);
};

/* NULL in programs that are linked with libdune. */
extern const struct dune_hooks *dune_hooks;

/* Did the program make the call in the image by its own SYSCALL? */
bool dune_at_stub(const struct dune_regs *r);

/* Have the call in the image, which is at the stub, made in ordinary mode as the program's own. */
void dune_native(struct dune_thread *t);

/* death.c: the thread cannot go on in Dune mode; t->run says why. */
void dune_die(struct dune_thread *t) __attribute__((noreturn));

#endif /* LIBDUNE_HOST_H */
