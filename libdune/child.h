/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* New threads and processes, made by a thread in Dune mode, that go on in Dune mode. */
#ifndef LIBDUNE_CHILD_H
#define LIBDUNE_CHILD_H

#include "thread.h"

/*
 * Make the clone, fork or vfork in the register image. Host loop. The result is in the
 * image, or the image is to be run natively; see dune_native().
 */
void dune_child_make(struct dune_thread *t);

/* Such a call that was made natively has come to its end. Host loop. */
void dune_child_made(struct dune_thread *t);

/* The thread ends by the call in the image, if @t->upcalls has @end: what it used here can be used again. Host loop. */
void dune_child_exit(struct dune_thread *t, uint32_t end);

/* child.S */

/*
 * The call in @r. Returns its result in the parent; the child goes to
 * dune_child_start() on @child's host stack.
 */
long dune_clone_insn(const struct dune_regs *r, struct dune_thread *child);
/* All registers but RCX and R11, and the stack; to @r->rip. */
void dune_child_native(const struct dune_regs *r) __attribute__((noreturn));

/* Called by child.S: @stack is the program's that clone gave it, 0 if it has its parent's. */
void dune_child_start(struct dune_thread *t, uint64_t stack) __attribute__((noreturn));

#endif /* LIBDUNE_CHILD_H */
