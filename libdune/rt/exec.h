/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DUNE_RT_EXEC_H
#define DUNE_RT_EXEC_H

struct dune_thread;

/*
 * The execve() in the image, by way of dune-run, so that the new program is in Dune mode
 * too. Comes back only if that cannot be: then the program's own call is to be made, which
 * says best what is wrong, or works without us.
 */
void dune_rt_follow(struct dune_thread *t);

#endif /* DUNE_RT_EXEC_H */
