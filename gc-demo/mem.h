/* SPDX-License-Identifier: GPL-2.0 */
/* The collector that a workload runs on: ours, or libgc with -DMEM_LIBGC. */
#ifndef GC_MEM_H
#define GC_MEM_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef MEM_LIBGC
#define GC_THREADS
#define GC_NO_THREAD_REDIRECTS
#include <gc/gc.h>
#define mem_alloc(n)		GC_MALLOC(n)
#define mem_alloc_leaf(n)	mem_zeroed_leaf(n)
#define mem_realloc(p, n)	GC_REALLOC(p, n)
#define mem_spawn(t, fn, arg)	GC_pthread_create(t, NULL, fn, arg)
#define mem_join(t)		GC_pthread_join(t, NULL)
#include <string.h>
static inline void *mem_zeroed_leaf(size_t n)
{
	void *p = GC_MALLOC_ATOMIC(n);

	return p ? memset(p, 0, n) : NULL;
}
#else
#include "gc.h"
#define mem_alloc(n)		gc_alloc(n)
#define mem_alloc_leaf(n)	gc_alloc_leaf(n)
#define mem_realloc(p, n)	gc_realloc(p, n)
#define mem_spawn(t, fn, arg)	gc_spawn(t, fn, arg)
#define mem_join(t)		gc_join(t)
#endif

struct job {
	unsigned int threads;
	unsigned long size;	/* 0: the workload's own */
};

struct workload {
	const char *name, *what;
	unsigned long size;
	/* 0: the result is right. Prints what is wrong. */
	int (*run)(const struct job *job);
};

extern const struct workload *const workloads[];

/* What a workload cannot go on without. */
static inline void *mem_must(void *p)
{
	if (!p) {
		fprintf(stderr, "gc-demo: the heap is full: give it more with --heap\n");
		exit(3);
	}
	return p;
}

static inline int check(const char *what, unsigned long got, unsigned long want)
{
	if (got == want)
		return 0;
	fprintf(stderr, "gc-demo: %s: %lu, and it should be %lu\n", what, got, want);
	return 1;
}

#endif
