// SPDX-License-Identifier: GPL-2.0
/* The backends by name, and what they have in common: what was written past them. */
#include "track.h"
#include "heap.h"
#include "notes.h"
#include "stats.h"
#include <string.h>
#include <sys/mman.h>

const struct track *const track_all[] = {
	&track_none, &track_mprotect, &track_softdirty, &track_uffd, &track_dune, NULL
};
const struct track *track;

struct notes_area *track_notes;
static uint8_t *taken;		/* a byte for each page */
static size_t taken_pages;

int track_start(void)
{
	size_t pages = (heap.limit - heap.lo) >> PAGE_SHIFT;
	uint8_t *bytes = mmap(NULL, 2 * pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (bytes == MAP_FAILED)
		return -1;
	taken = bytes + pages;
	track_notes = notes_watch(heap.lo, heap.limit, bytes);
	return track_notes ? 0 : -1;
}

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

	notes_clear(track_notes, heap_pages());
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

	taken_pages = heap_pages();
	/* The calls' ranges first: when one is being replaced its pages are found after it. */
	all = notes_collect(track_notes, taken, 0, taken_pages);
	if (track->collect)
		track->collect(heap.lo, taken_pages << PAGE_SHIFT, !last, take_page);
	if (all)
		memset(taken, 1, taken_pages);
	stats.collect_ticks += ticks() - t;
	stats.collects++;
}

bool track_each(track_fn fn, size_t bytes)
{
	uint64_t before = stats.scanned_bytes, eight;

	for (size_t p = 0; p < taken_pages; p += 8) {
		/* The heap's size is a multiple of it. */
		memcpy(&eight, taken + p, 8);
		for (int i = 0; eight && i < 8; i++) {
			if (!taken[p + i])
				continue;
			if (stats.scanned_bytes - before >= bytes)
				return true;
			taken[p + i] = 0;
			stats.dirty++;
			fn(heap.lo + ((p + i) << PAGE_SHIFT));
		}
	}
	taken_pages = 0;
	return false;
}
