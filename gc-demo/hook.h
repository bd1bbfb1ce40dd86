/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The handler of system calls for the backend dune. It is linked among libdune's own code, where
 * no signal is delivered: one that stops the world finds the thread before or behind it, on its own stack.
 */
#ifndef GC_HOOK_H
#define GC_HOOK_H

#include <dune/dune.h>

int hook_syscall(struct dune_trap *trap);

#endif
