/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ranges that the kernel writes on a thread's behalf. A thread's ranges are noted before its
 * call and stay until its next one: whenever the collector looks in between, they are dirty. When they are
 * replaced, their pages are noted for good, so that a write that was the call's last is not lost.
 *
 *	thread	read(fd, p, n) ........................ next call
 *		| range = [p, p + n)                      | pages of the old range noted; range = ...
 *	kernel	      | writes | writes    |
 *	collector	  ^ dirty    ^ dirty   ^ dirty        ^ dirty, once
 *
 * General registers only, no locks: it runs in Dune mode's handler of system calls.
 */
#ifndef GC_NOTES_H
#define GC_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOTES_MAX	16	/* ranges of a call */
#define NOTES_THREADS	256	/* that make calls at the same time */
#define NOTES_AREAS	32

struct notes {
	uint32_t used;
	uint32_t nr;			/* ranges; read with acquire */
	bool all;			/* somewhere, nobody knows where */
	struct { uintptr_t start, end; } range[NOTES_MAX];	/* anywhere: an area may be watched from now on */
};

/* Where it matters. Areas may overlap; one stays for good, for threads look at them at any time. */
struct notes_area {
	uintptr_t lo, hi;
	uint8_t *page;			/* a byte for each page: written by a call that is over */
	uint8_t some;			/* one of them may be set */
	uint8_t anywhere;		/* a call ended that may have written anywhere */
};

extern __thread struct notes *notes_mine;

int notes_init(void);
/* @page has a byte for each page, and they are zero. NULL: there are too many. One thread at a time. */
struct notes_area *notes_watch(uintptr_t lo, uintptr_t hi, uint8_t *page);
struct notes *notes_take(void);		/* NULL: there are too many */
void notes_give(struct notes *n);
void notes_lost(void);			/* a call is made that nobody has notes for: it may write anywhere */

void notes_drop(struct notes *n);	/* the call is over: note its pages */
void notes_add(struct notes *n, uintptr_t start, size_t len);
void notes_any(struct notes *n);
void notes_page_add(uintptr_t start, size_t len);	/* written at once, by nobody's call */

/* What is noted now, from page @first on, and forget it; @page gets a byte for each. True: anything may have been written. */
bool notes_collect(struct notes_area *a, uint8_t *page, size_t first, size_t pages);
/* Likewise, but only the ranges of calls and foreign writers at this moment. */
bool notes_ranges(const struct notes_area *a, uint8_t *page, size_t pages);
void notes_clear(struct notes_area *a, size_t pages);	/* forget pages; ranges of calls stay */

#endif
