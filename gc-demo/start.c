// SPDX-License-Identifier: GPL-2.0
/* The start: gc_start(). */
#include <errno.h>
#include <string.h>
#include "fork.h"
#include "mark.h"
#include "notes.h"
#include "pace.h"
#include "stats.h"
#include "track.h"
#include "world.h"

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "gc: %s: %s\n", what, why);
	return -1;
}

static int init_heap(const struct gc_options *o)
{
	if (heap_init(o->heap_max, o->verify) || mark_init() || (o->verify && verify_init()))
		return fail("no addresses for the heap", strerror(errno));
	mark_progress = pace_tell;
	if (notes_init() || track_start())
		return fail("no memory for the page table", strerror(errno));
	heap.generations = track->free_writes && !o->whole;
	heap.trigger_min = o->trigger ?: o->heap_max / 16;
	heap.trigger = heap.trigger_min;
	return 0;
}

int gc_start(const struct gc_options *o)
{
	const char *why;

	track = track_find(o->backend);
	if (!track)
		return fail(o->backend, "no such backend: none, mprotect, softdirty, uffd, dune");
	if (!o->heap_max || o->heap_max % CHUNK_SIZE)
		return fail("heap", "its size is a multiple of 2 MiB");
	why = track->init();
	if (why)
		return fail(track->name, why);
	if (init_heap(o))
		return -1;
	stats.start = ticks();
	world_init();
	fork_watch();
	gc_thread_begin();
	return 0;
}
