// SPDX-License-Identifier: GPL-2.0
/* D bits of the page tables, told to libgc: libgc_dirty.h. */
#include "libgc_dirty.h"
#include <dune/dune.h>
#include <gc/gc.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bits.h"
#include "hook.h"
#include "notes.h"
#include "stats.h"

#define PAGE	4096UL
#define SIZE_2M	(2UL << 20)

struct libgc_dirty libgc_dirty;

/*
 * The bounds of its heap are not in libgc's headers, but its library has always exported them: with
 * them nothing has to be known of how it gets its memory.
 */
extern void *GC_least_plausible_heap_addr, *GC_greatest_plausible_heap_addr;

#define SPAN	(1UL << 32)	/* that the heap's pieces may lie apart */

static uintptr_t lo, hi;	/* what has entries of 4 KiB */
static uint8_t *noted;		/* by page, from notes_lo on */

const char *libgc_dirty_init(void)
{
	int err = dune_init();

	if (!err)
		err = dune_enter();
	return err ? strerror(-err) : NULL;
}

/* The heap grew, or this is the first time. What is new is dirty: it is split from dirty pages. */
static int follow_heap(void)
{
	uintptr_t start = (uintptr_t)GC_least_plausible_heap_addr & ~(SIZE_2M - 1);
	uintptr_t end = ((uintptr_t)GC_greatest_plausible_heap_addr + SIZE_2M - 1) & ~(SIZE_2M - 1);
	int err = 0;

	if (start < notes_lo || end > notes_hi)
		return -ENOSPC;
	for (uintptr_t p = start; p < end && !err; p += SIZE_2M)
		if (p < lo || p >= hi)
			err = bits_split(p, SIZE_2M);
	lo = start;
	hi = end;
	return err;
}

int libgc_dirty_start(void)
{
	size_t pages = SPAN / PAGE;
	int err;

	noted = mmap(NULL, 2 * pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (noted == MAP_FAILED || notes_init())
		return -ENOMEM;
	notes_page = noted + pages;
	notes_lo = ((uintptr_t)GC_least_plausible_heap_addr & ~(SIZE_2M - 1)) - SPAN / 2;
	notes_hi = notes_lo + SPAN;
	lo = hi = notes_lo;
	err = follow_heap();
	return err ?: dune_on_syscall(hook_syscall, DUNE_GENERAL_REGS | DUNE_SYSCALL_RING0);
}

static void report(uintptr_t page)
{
	/* What libgc has nothing in cannot be written: it will be, and is dirty then. */
	if (!GC_is_heap_ptr((void *)page))
		return;
	GC_end_stubborn_change((void *)page);
	libgc_dirty.pages++;
}

static void report_eight(size_t first, bool all)
{
	for (size_t p = first; p < first + 8; p++)
		if (noted[p] || all) {
			noted[p] = 0;
			report(notes_lo + p * PAGE);
		}
}

/* libgc's bounds are generous, 64 MiB for a heap of one: nearly all there is to look at is zero. */
static void report_noted(void)
{
	size_t first = (lo - notes_lo) / PAGE, end = (hi - notes_lo) / PAGE;
	bool all = notes_collect(noted, first, end);

	for (size_t p = first; p < end; p += 8)
		if (all || *(const uint64_t *)(noted + p))
			report_eight(p, all);
}

/* Writes would be missed. Not by stdio: a stopped thread may have its lock. */
static void give_up(int err)
{
	char text[160];
	int n = snprintf(text, sizeof(text), "gc-libgc: libgc's heap, %p to %p, cannot be tracked: %s\n",
			 GC_least_plausible_heap_addr, GC_greatest_plausible_heap_addr, strerror(-err));

	if (write(STDERR_FILENO, text, n) == n)
		abort();
	_exit(1);
}

void libgc_dirty_report(void)
{
	uint64_t t = ticks();
	int err;

	/* GC_INIT() makes a collection, of an empty heap. */
	if (!noted)
		return;
	err = follow_heap();
	if (err)
		give_up(err);
	bits_take(lo, hi - lo, true, report);
	report_noted();
	libgc_dirty.ticks += ticks() - t;
}
