/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Write tracking: which pages of the heap were written since it was armed?
 *
 *	backend		a first write to a page		who tells
 *	none		nothing				nobody: the world stands still while marking
 *	mprotect	SIGSEGV and mprotect()		the handler
 *	softdirty	a fault in the kernel		/proc/self/pagemap, all of the process
 *	uffd		a fault in the kernel		PAGEMAP_SCAN, atomically (Linux 6.7)
 *	dune		nothing: the CPU sets a bit	the process's own page tables
 *
 * The order that makes it sound, for every backend: a page's old dirtiness is taken, then it is armed (and no CPU
 * has a translation that would not note the next write), then its words are read. A write after arming
 * is noted; one before it is read.
 */
#ifndef GC_TRACK_H
#define GC_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called for each dirty page, in the collector's thread. */
typedef void (*track_fn)(uintptr_t page);

struct track {
	const char *name;
	bool concurrent;	/* marking may run beside the program */
	bool rearm;		/* collect(true) loses no write while threads run */
	bool free_writes;	/* a first write costs nothing: pages may stay armed between cycles */
	bool in_stop;		/* it takes no lock, either, that a stopped thread may hold */
	/* Why it cannot be used here, in words; NULL if it can. Called once, before there is a heap. */
	const char *(*init)(void);
	void (*extend)(uintptr_t start, size_t len);	/* new memory of the heap; it is dirty */
	void (*retire)(uintptr_t start, size_t len);	/* it goes; Linux still has it mapped */
	void (*arm)(uintptr_t start, size_t len);	/* all is clean from now on */
	/* Which pages are dirty; armed again if @rearm, else what follows does not matter. */
	void (*collect)(uintptr_t start, size_t len, bool rearm, track_fn fn);
	void (*foreign)(uintptr_t start, size_t len);	/* let others write there */
	void (*after_fork)(void);
	/* Data segments are to be armed and collected as well; 0, or -errno. NULL: of these it can tell nothing. */
	int (*watch)(uintptr_t start, size_t len);
	const char *(*thread)(void);			/* why the calling thread may not use the heap, or NULL */
};

extern const struct track track_none, track_mprotect, track_softdirty, track_uffd, track_dune;
extern const struct track *const track_all[], *track;

extern struct notes_area *track_notes;		/* of the heap */

const struct track *track_find(const char *name);
int track_start(void);				/* after heap_init(), notes_init() */

void track_extend(uintptr_t start, size_t len);
void track_retire(uintptr_t start, size_t len);

void track_arm(void);
/* Find the dirty pages; @last: the world is stopped, what follows does not matter. */
void track_take(bool last);

/* Call @fn for each page that was taken, until it has looked at @bytes: then true, there are more. */
bool track_each(track_fn fn, size_t bytes);

#endif
