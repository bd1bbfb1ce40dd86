/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DUNE_RT_EXEC_H
#define DUNE_RT_EXEC_H

#include <stdbool.h>

struct dune_thread;

/*
 * The execve() in the image, by way of dune-run, so that the new program is in Dune mode
 * too. Comes back only if that cannot be: true with the error in the image, false if the
 * program's own call is to be made, which says best what is wrong.
 */
bool dune_rt_follow(struct dune_thread *t);

#endif /* DUNE_RT_EXEC_H */
