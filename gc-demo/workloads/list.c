// SPDX-License-Identifier: GPL-2.0
/*
 * A queue as a linked list: what comes in at the end goes out at the front, and is dead then. What goes out loses its
 * link: a stale word somewhere on the stack would keep one item alive, and by the links all that came after it.
 */
#include "../mem.h"

#define LENGTH 20000

struct item { struct item *next; unsigned long value; char load[48]; };

static int run(const struct job *job)
{
	struct item *volatile head = mem_must(mem_alloc(sizeof(struct item)));
	struct item *tail = head;
	unsigned long in = 0, out = 0, sum = 0, rest = 0;

	while (in < job->size) {
		struct item *item = mem_must(mem_alloc(sizeof(*item)));

		item->value = ++in;
		tail->next = item;
		tail = item;
		if (in - out <= LENGTH)
			continue;
		item = head;
		head = item->next;
		item->next = NULL;
		sum += head->value;
		out++;
	}
	for (struct item *i = head->next; i; i = i->next)
		rest += i->value;
	return check("sum of what went through", sum + rest, in * (in + 1) / 2);
}

const struct workload workload_list = { "list", "a queue: a linked list", 400000, run };
