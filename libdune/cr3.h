/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The root that a thread has loaded, and flushes. */
#ifndef LIBDUNE_CR3_H
#define LIBDUNE_CR3_H

#include <stdbool.h>

/* Some thread of this process has been in Dune mode. */
extern bool dune_was_entered;

/* 0 when no CPU has translations from before the call; -EAGAIN where that cannot be done now. */
int dune_flush_if_possible(void);

#endif /* LIBDUNE_CR3_H */
