// SPDX-License-Identifier: GPL-2.0
/* The threads that change the memory. */
#include "churn.h"
#include <sched.h>

static struct operation {
	const char *name;
	bool (*fn)(struct range *r);
	int weight;
	unsigned long done;
} operations[] = {
	{ "read-only", op_read_only, 8, 0 },
	{ "no access", op_no_access, 4, 0 },
	{ "mremap", op_move, 6, 0 },
	{ "DONTNEED", op_forget, 6, 0 },
	{ "map over", op_map_over, 3, 0 },
	{ "FREE", op_free, 4, 0 },
	{ "truncate", op_truncate, 3, 0 },
	{ "PAGEOUT", op_page_out, 8, 0 },
	{ "mlock", op_lock, 2, 0 },
	{ "collapse", op_collapse, 4, 0 },
	{ "split", op_split, 3, 0 },
	{ "compact", op_compact, 1, 0 },
	{ "read", op_read, 6, 0 },
	{ "fork", op_fork, 4, 0 },
	{ "soft-dirty", op_soft_dirty, 4, 0 },
	{ "uffd-wp", op_uffd_wp, 4, 0 },
	{ "uffd-missing", op_uffd_missing, 4, 0 },
};

#define NR_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static struct operation *choose(void)
{
	int total = 0, n;
	unsigned int i;

	for (i = 0; i < NR_OPERATIONS; i++)
		total += operations[i].weight;
	n = rnd(total);
	for (i = 0; n >= operations[i].weight; i++)
		n -= operations[i].weight;
	return &operations[i];
}

static void choose_range(struct range *r)
{
	static const long sizes[] = { 1, 2, 7, 16, 64, 200, CHUNK };
	long first;

	r->nr = sizes[rnd(sizeof(sizes) / sizeof(sizes[0]))];
	first = r->nr == CHUNK ? 0 : rnd(CHUNK - r->nr);
	r->first = r->chunk * CHUNK + first;
	r->at = (void *)address_of(r->first);
	r->len = r->nr * PAGE;
}

void *operator(void *number)
{
	me.id = WRITERS + (int)(long)number;
	me.random = seed * 1000003 + me.id + 1;
	while (load_acquire(&book->inside) < DUNE_WRITERS)
		usleep(1000);
	while (!load_acquire(&book->stop)) {
		struct range r = { .chunk = rnd(CHUNKS), .operator = (int)(long)number };
		struct operation *o = choose();

		if (!replace(&book->busy[r.chunk], 0, 1)) {
			sched_yield();
			continue;
		}
		choose_range(&r);
		note(o->name, r.first, r.nr);
		if (o->fn(&r))
			add(&o->done, 1);
		store_release(&book->busy[r.chunk], 0);
		if (!rnd(3))
			usleep(rnd(500));
	}
	return NULL;
}

void show_operations(void)
{
	for (unsigned int i = 0; i < NR_OPERATIONS; i++)
		diag("%s: %lu", operations[i].name, operations[i].done);
}
