/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A concurrent mark-sweep collector for C programs; conservative, as Boehm's is.
 *
 * gc_start() first. Every thread that touches the heap is between gc_thread_begin() and
 * gc_thread_end(); the one that called gc_start() is from there on, and those made
 * by gc_spawn(). Roots are these threads' stacks and registers, their TLS, and the data
 * segments of program and libraries. Memory of malloc() is none. An object lives
 * while a root or a living object has a word that points into it.
 */
#ifndef GC_H
#define GC_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct gc_options {
	const char *backend;	/* how writes are noted: see track.h */
	size_t heap_max;	/* bytes; a multiple of 2 MiB */
	size_t trigger;		/* bytes allocated before a cycle begins; 0: a sixteenth of heap_max, or as much as lives */
	bool whole;		/* each cycle marks all that lives; else most look only for what is new, where tracking is for nothing */
	bool verify;		/* prove each cycle by a second trace; poison what is freed */
};

/* Prints the reason and gives -1 when it cannot be. */
int gc_start(const struct gc_options *options);

/* Zeroed. A leaf has no pointers in it and is never looked into. NULL: no memory left. */
void *gc_alloc(size_t size);
void *gc_alloc_leaf(size_t size);
void *gc_realloc(void *old, size_t size);

/* Call @fn once when @object cannot be reached any more; in a thread that allocates. */
typedef void (*gc_final_fn)(void *object, void *data);
int gc_finalizer(void *object, gc_final_fn fn, void *data);

void gc_thread_begin(void);
void gc_thread_end(void);
int gc_spawn(pthread_t *thread, void *(*fn)(void *arg), void *arg);
/* pthread_join() of such a thread; who waits here costs a stop of the world nothing. */
int gc_join(pthread_t thread);

/* One whole cycle from now on; returns when it is over. */
void gc_collect(void);
/* Likewise, but what is dead since before the last cycle may stay. */
void gc_collect_new(void);

/* Wait for the end of a cycle that is on its way, if one is. */
void gc_finish(void);

/*
 * The kernel, or somebody else who is no thread here, is going to write to this memory until
 * gc_foreign_end(). A thread has one such range at a time. With the backend mprotect a read(2) into the heap
 * has to be inside; the others see the calls themselves.
 */
void gc_foreign_begin(void *p, size_t len);
void gc_foreign_end(void);

#endif
