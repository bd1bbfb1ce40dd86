/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The SYSCALL instruction in Dune mode. */
#ifndef LIBDUNE_SYSCALL_TRAP_H
#define LIBDUNE_SYSCALL_TRAP_H

#include <stdint.h>

struct dune_thread;

/* What a thread enters with in LSTAR. */
uint64_t dune_syscall_lstar(void);

/* From now on SYSCALL in this thread must tell the rings apart. Ring 0 of Dune mode. */
void dune_syscall_guard(struct dune_thread *t);

#endif /* LIBDUNE_SYSCALL_TRAP_H */
