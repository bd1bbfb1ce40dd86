/* SPDX-License-Identifier: GPL-2.0 */
/* The program's file system, made of the options' rules. */
#ifndef SANDBOX_ROOT_H
#define SANDBOX_ROOT_H

#include "options.h"

/*
 * In two steps, both in a mount namespace of our own. Each exits with a message on errors.
 *
 * root_take() takes hold of what is bound, while the host's paths are there; it may be done
 * as the user who started us, with that user's rights. root_make() puts it all together and
 * makes it the root; after that nothing else is there.
 *
 * root_hold(), between the two, opens a file of the host's for the monitor, which every program of the sandbox
 * inherits, by a mount of its own that is read-only: a name like /proc/self/fd/N changes nothing of it.
 */
int *root_take(const struct options *o);
int root_hold(const char *path, int flags);
void root_make(const struct options *o, const int *taken);

#endif /* SANDBOX_ROOT_H */
