/* SPDX-License-Identifier: GPL-2.0 */
/* The child of a fork: it goes on with its copy of the heap. */
#ifndef GC_FORK_H
#define GC_FORK_H

void fork_watch(void);	/* from now on */

#endif
