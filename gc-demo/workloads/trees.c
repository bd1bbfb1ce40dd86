// SPDX-License-Identifier: GPL-2.0
/* Binary trees, made and counted by several threads at once, each beside a tree of its own that stays. */
#include "../mem.h"

#define MAX_THREADS 64

struct tree { struct tree *left, *right; };

struct work { unsigned int depth; unsigned long rounds, counted, kept; };

static struct tree *make(unsigned int depth)
{
	struct tree *t = mem_must(mem_alloc(sizeof(*t)));

	if (depth) {
		t->left = make(depth - 1);
		t->right = make(depth - 1);
	}
	return t;
}

static unsigned long count(const struct tree *t)
{
	return t->left ? 1 + count(t->left) + count(t->right) : 1;
}

static void *worker(void *arg)
{
	struct work *w = arg;
	struct tree *volatile stays = make(w->depth);

	for (unsigned long i = 0; i < w->rounds; i++)
		w->counted += count(make(w->depth - 4));
	w->kept = count(stays);
	return NULL;
}

/* The same number of trees, whatever the number of threads. */
static int run(const struct job *job)
{
	static struct work work[MAX_THREADS];
	pthread_t thread[MAX_THREADS];
	unsigned int n = job->threads < MAX_THREADS ? job->threads : MAX_THREADS, started = 0;
	int bad = 0;

	for (unsigned int i = 0; i < n; i++) {
		work[i] = (struct work){ .depth = job->size, .rounds = 256 / n };
		if (mem_spawn(&thread[i], worker, &work[i]))
			break;
		started++;
	}
	bad += check("threads", started, n);
	for (unsigned int i = 0; i < started; i++) {
		mem_join(thread[i]);
		bad += check("nodes of trees that died", work[i].counted, work[i].rounds * ((2UL << (work[i].depth - 4)) - 1));
		bad += check("nodes of the tree that stayed", work[i].kept, (2UL << work[i].depth) - 1);
	}
	return bad;
}

const struct workload workload_trees = { "trees", "binary trees, by --threads threads", 13, run };
