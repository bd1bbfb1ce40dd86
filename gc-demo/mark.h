/* SPDX-License-Identifier: GPL-2.0 */
/* Marking: a stack of objects to look into, and the roots it starts from. One thread marks. */
#ifndef GC_MARK_H
#define GC_MARK_H

#include "heap.h"

int mark_init(void);
void mark_range(uintptr_t start, uintptr_t end);	/* each word may be a pointer */
void mark_word(uintptr_t p);
void mark_drain(void);					/* until the stack is empty */
void mark_page(uintptr_t page);				/* again, what is marked in this page */
extern void (*mark_progress)(void);			/* called for every 16 KiB or so that were looked at */
void mark_forget(void);					/* the cycle is given up: nothing is marked */

/* roots.c */
extern char roots_end[];				/* roots_end.c */
typedef void (*root_fn)(uintptr_t start, uintptr_t end);
void roots_refresh(void);				/* before the world stops: it takes the loader's lock */
void roots_data(root_fn fn);
void roots_threads(root_fn fn);				/* the world is stopped */

/* final.c */
extern bool final_waiting;
void final_mark(void);					/* unreachable objects with finalizers live once more */
void final_roots(root_fn fn);
void final_run(void);					/* in a thread that allocates, without gc_lock */

/* verify.c: everything that is reachable has its mark; aborts if not. The world is stopped. */
int verify_init(void);
void verify_cycle(void);

#endif
