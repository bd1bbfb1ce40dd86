/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of a machine are like, to see whether any changed. */
#ifndef TREE_H
#define TREE_H

/* What changes by itself is left out: /proc, /sys, and when devices were written to. */
struct tree;

/* All below the root but what is below one of @without, NULL at its end. */
struct tree *tree_read(const char *const *without);
/* How many files there are. */
unsigned int tree_count(const struct tree *t);
/* The number of differences; each is told of as a line of TAP's. */
unsigned int tree_compare(const struct tree *before, const struct tree *after);

#endif /* TREE_H */
