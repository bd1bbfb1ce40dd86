// SPDX-License-Identifier: GPL-2.0
/*
 * The worst case of write tracking: pointers are written all over a heap that lives on, a page
 * each time, while a little garbage keeps the collector going.
 *
 * The nodes are a permutation that is shuffled by exchanging: each is there once, whatever happens.
 */
#include "../mem.h"

#define NODES	4096
#define NODE	1024	/* four in a page */

struct node { unsigned long number; struct node *next[]; };

static unsigned long state;

static unsigned long draw(void)
{
	state = state * 6364136223846793005UL + 1442695040888963407UL;
	return state >> 33;
}

static void fill(struct node **table)
{
	for (unsigned long i = 0; i < NODES; i++) {
		table[i] = mem_must(mem_alloc(NODE));
		table[i]->number = i;
		table[i]->next[0] = table[i];
	}
}

/* What a node leads to goes to another: for moments it is in a register only. */
static void exchange(struct node **table)
{
	struct node *a = table[draw() % NODES], *b = table[draw() % NODES], *was = a->next[0];

	a->next[0] = b->next[0];
	b->next[0] = was;
}

static int run(const struct job *job)
{
	struct node **volatile table = mem_must(mem_alloc(NODES * sizeof(*table)));
	unsigned long sum = 0;

	state = 1;
	fill(table);
	/* The table knows them no more: a node is reached through next[] only. */
	for (unsigned long i = 0; i < NODES; i++)
		table[i]->next[0] = mem_must(mem_alloc(32));
	for (unsigned long i = 0; i < NODES; i++)
		table[i]->next[0]->number = i + 1;
	for (unsigned long i = 0; i < job->size; i++) {
		exchange(table);
		if (i % 4 == 0)
			mem_must(mem_alloc(256));
	}
	for (unsigned long i = 0; i < NODES; i++)
		sum += table[i]->next[0]->number;
	return check("sum of what was exchanged", sum, NODES * (NODES + 1UL) / 2);
}

const struct workload workload_storm = { "storm", "pointers written all over a heap that lives on", 400000, run };
