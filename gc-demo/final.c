// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers. The table hides its objects from the marker (all bits inverted); what it finds dead
 * goes to a queue that is a root, and is called by a thread that allocates.
 */
#include "mark.h"
#include "stats.h"
#include "world.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct final {
	uintptr_t hidden;	/* in the queue: plain */
	gc_final_fn fn;
	void *data;
};

struct finals {
	struct final *item;
	size_t nr, room;
};

static struct finals table, queue;	/* gc_lock */
static __thread bool running;
bool final_waiting;

/* Not malloc(): a stopped thread may be in it. */
static int add(struct finals *f, struct final item)
{
	if (f->nr == f->room) {
		size_t room = f->room ? f->room * 2 : 512;
		struct final *p = mmap(NULL, room * sizeof(*p), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return -ENOMEM;
		if (f->nr)
			memcpy(p, f->item, f->nr * sizeof(*p));
		if (f->room)
			munmap(f->item, f->room * sizeof(*p));
		f->item = p;
		f->room = room;
	}
	f->item[f->nr++] = item;
	return 0;
}

int gc_finalizer(void *object, gc_final_fn fn, void *data)
{
	int err;

	world_lock();
	err = add(&table, (struct final){ ~(uintptr_t)object, fn, data });
	/* Room for all of them, now: when the world stands still there may be none. */
	while (!err && queue.room < table.nr + queue.nr) {
		size_t nr = queue.nr;

		queue.nr = queue.room;
		err = add(&queue, (struct final){ 0 });
		queue.nr = nr;
	}
	pthread_mutex_unlock(&gc_lock);
	return err;
}

static bool is_dead(uintptr_t p)
{
	struct object o;

	return heap_find(p, &o) && !bit_get(heap.mark[o.block], o.cell);
}

void final_mark(void)
{
	size_t first = queue.nr, kept = 0;

	for (size_t i = 0; i < table.nr; i++) {
		struct final f = table.item[i];

		if (is_dead(~f.hidden)) {
			f.hidden = ~f.hidden;
			add(&queue, f);
		} else {
			table.item[kept++] = f;
		}
	}
	table.nr = kept;
	final_waiting = queue.nr;
	/* All dead ones are found before the first is marked: those that point to each other are all called. */
	for (size_t i = first; i < queue.nr; i++)
		mark_word(queue.item[i].hidden);
	mark_drain();
}

void final_roots(root_fn fn)
{
	fn((uintptr_t)queue.item, (uintptr_t)(queue.item + queue.nr));
	for (size_t i = 0; i < table.nr; i++)
		fn((uintptr_t)&table.item[i].data, (uintptr_t)(&table.item[i].data + 1));
}

static struct final next(void)
{
	struct final f = { 0 };

	world_lock();
	if (queue.nr)
		f = queue.item[--queue.nr];
	final_waiting = queue.nr;
	pthread_mutex_unlock(&gc_lock);
	return f;
}

void final_run(void)
{
	struct final f;

	/* One that allocates comes here again. */
	if (running)
		return;
	running = true;
	for (f = next(); f.fn; f = next()) {
		f.fn((void *)f.hidden, f.data);
		__atomic_add_fetch(&stats.finalized, 1, __ATOMIC_RELAXED);
	}
	running = false;
}
