// SPDX-License-Identifier: GPL-2.0
/*
 * After GCBench of Ellis, Kovac and Boehm: trees of many depths that die young, made from the root
 * down and from the leaves up, beside a tree and an array that live on.
 */
#include "../mem.h"

#define MIN_DEPTH 4

struct node { struct node *left, *right; long i, j; };

static struct node *node(struct node *left, struct node *right)
{
	struct node *n = mem_must(mem_alloc(sizeof(*n)));

	n->left = left;
	n->right = right;
	return n;
}

static struct node *from_leaves(unsigned int depth)
{
	struct node *left, *right;

	if (!depth)
		return node(NULL, NULL);
	left = from_leaves(depth - 1);
	right = from_leaves(depth - 1);
	return node(left, right);
}

static void from_root(struct node *n, unsigned int depth)
{
	if (!depth)
		return;
	n->left = node(NULL, NULL);
	n->right = node(NULL, NULL);
	from_root(n->left, depth - 1);
	from_root(n->right, depth - 1);
}

static unsigned long count(const struct node *n)
{
	return n ? 1 + count(n->left) + count(n->right) : 0;
}

static unsigned long nodes(unsigned int depth) { return (2UL << depth) - 1; }

/* As many trees of each depth as have the nodes of two of the largest. */
static int short_lived(unsigned int depth, unsigned int max)
{
	unsigned long trees = 2 * nodes(max) / nodes(depth), down = 0, up = 0;

	for (unsigned long i = 0; i < trees; i++) {
		struct node *n = node(NULL, NULL);

		from_root(n, depth);
		down += count(n);
		up += count(from_leaves(depth));
	}
	return check("nodes of trees made from the root", down, trees * nodes(depth)) +
	       check("nodes of trees made from the leaves", up, trees * nodes(depth));
}

static int run(const struct job *job)
{
	unsigned int max = job->size;
	unsigned long nr = 1UL << max;
	struct node *volatile long_lived = node(NULL, NULL);
	double *volatile array = mem_must(mem_alloc_leaf(nr * sizeof(*array)));
	int bad = 0;

	from_root(long_lived, max);
	for (unsigned long i = 1; i < nr; i++)
		array[i] = 1.0 / i;
	for (unsigned int depth = MIN_DEPTH; depth <= max; depth += 2)
		bad += short_lived(depth, max);
	for (unsigned long i = 1; i < nr; i++)
		bad += array[i] != 1.0 / i;
	return bad + check("nodes of the tree that lives on", count(long_lived), nodes(max));
}

const struct workload workload_gcbench = { "gcbench", "trees that die young beside one that lives", 14, run };
