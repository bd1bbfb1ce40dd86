// SPDX-License-Identifier: GPL-2.0
/* Others that write: gc_foreign_begin(). */
#include "heap.h"
#include "notes.h"
#include "track.h"
#include "world.h"

static __thread struct notes *foreign;

void gc_foreign_begin(void *p, size_t len)
{
	if (!foreign)
		foreign = notes_take();
	world_lock();
	if (foreign)
		notes_add(foreign, (uintptr_t)p, len);
	if (track->foreign && len)
		track->foreign((uintptr_t)p, len);
	pthread_mutex_unlock(&gc_lock);
}

void gc_foreign_end(void)
{
	if (foreign)
		notes_give(foreign);
	foreign = NULL;
}
