// SPDX-License-Identifier: GPL-2.0
/* The backends by name, and what they have in common: what was written past them. */
#include "track.h"
#include "heap.h"
#include "notes.h"
#include "stats.h"
#include <string.h>

const struct track *const track_all[] = {
	&track_none, &track_mprotect, &track_softdirty, &track_uffd, &track_dune, NULL
};
const struct track *track;

static uint8_t *taken;		/* a byte for each page; the second half of notes_page */
static size_t taken_pages;

const struct track *track_find(const char *name)
{
	for (int i = 0; track_all[i]; i++)
		if (!strcmp(track_all[i]->name, name))
			return track_all[i];
	return NULL;
}

void track_extend(uintptr_t start, size_t len)
{
	/* Nothing was armed there. */
	notes_page_add(start, len);
	if (track->extend)
		track->extend(start, len);
}

void track_retire(uintptr_t start, size_t len)
{
	if (track->retire)
		track->retire(start, len);
}

void track_arm(void)
{
	uint64_t t = ticks();

	notes_clear(heap_pages());
	if (track->arm)
		track->arm(heap.lo, heap_pages() << PAGE_SHIFT);
	stats.arm_ticks += ticks() - t;
	stats.arms++;
}

static void take_page(uintptr_t page)
{
	taken[page_of(page)] = 1;
}

void track_take(bool last)
{
	uint64_t t = ticks();
	bool all;

	if (!taken)
		taken = notes_page + ((heap.limit - heap.lo) >> PAGE_SHIFT);
	taken_pages = heap_pages();
	/* The calls' ranges first: when one is being replaced its pages are found after it. */
	all = notes_collect(taken, 0, taken_pages);
	if (track->collect)
		track->collect(heap.lo, taken_pages << PAGE_SHIFT, !last, take_page);
	if (all)
		memset(taken, 1, taken_pages);
	stats.collect_ticks += ticks() - t;
	stats.collects++;
}

size_t track_taken(void)
{
	size_t n = 0;

	for (size_t p = 0; p < taken_pages; p += 8) {
		uint64_t eight;

		memcpy(&eight, taken + p, 8);
		n += __builtin_popcountll(eight);	/* each byte is 0 or 1 */
	}
	return n;
}

void track_each(track_fn fn)
{
	for (size_t p = 0; p < taken_pages; p += 8) {
		uint64_t eight;

		/* The heap's size is a multiple of it. */
		memcpy(&eight, taken + p, 8);
		for (int i = 0; eight && i < 8; i++)
			if (taken[p + i]) {
				taken[p + i] = 0;
				stats.dirty++;
				fn(heap.lo + ((p + i) << PAGE_SHIFT));
			}
	}
	taken_pages = 0;
}
