/* SPDX-License-Identifier: GPL-2.0 */
/* Namespaces, and who the program is in them. */
#ifndef SANDBOX_PRIVILEGES_H
#define SANDBOX_PRIVILEGES_H

#include <sys/types.h>
#include "options.h"

/* fork() into new namespaces; the child is their process 1. Exits with a message on errors. */
pid_t privileges_fork(const struct options *o);

/* In the parent: who the child's users are. To be done before it makes a file. */
void privileges_map(const struct options *o, pid_t child);

/* In the child, when it has been mapped: be that user. */
void privileges_become(const struct options *o);

/* For good, before the program is executed. */
void privileges_drop(void);

#endif /* SANDBOX_PRIVILEGES_H */
