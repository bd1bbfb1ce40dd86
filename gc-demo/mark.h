/* SPDX-License-Identifier: GPL-2.0 */
/* Marking: a stack of objects to look into, and the roots it starts from. One thread marks. */
#ifndef GC_MARK_H
#define GC_MARK_H

#include "heap.h"

int mark_init(void);
void mark_range(uintptr_t start, uintptr_t end);	/* each word may be a pointer */
void mark_word(uintptr_t p);
bool mark_some(size_t bytes);				/* until the stack is empty, or so much was looked at: true */
void mark_drain(void);					/* until the stack is empty */
void mark_page(uintptr_t page);				/* again, what is marked in this page */
extern void (*mark_progress)(void);			/* called for every 16 KiB or so that were looked at */
void mark_forget(void);					/* nothing is marked */

/* roots.c */
extern char roots_end[];				/* roots_end.c */
typedef void (*root_fn)(uintptr_t start, uintptr_t end);
/*
 * Call @fn with data segments as they are now: until it returns no library comes or goes. One that was opened since the last
 * time may have been given what is to be found nowhere else. Not while the world is stopped: a thread may have the loader's lock.
 */
bool roots_fixed(bool (*fn)(bool arg), bool arg);
extern pthread_mutex_t roots_lock;			/* held while the loader's is; before gc_lock */
void roots_data(root_fn fn);
/* Where the backend can tell: of data segments only pages that were written since roots_arm(). Else as roots_data(). */
void roots_arm(void);
void roots_written(root_fn fn);
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
