// SPDX-License-Identifier: GPL-2.0
/* Data segments by pages: written.h. */
#include "written.h"
#include "notes.h"
#include "track.h"
#include <sys/mman.h>

#define MASK_2M	(CHUNK_SIZE - 1)

static struct notes_area *area[NOTES_AREAS];
static unsigned int areas;
static struct notes_area *here;		/* while its pages are collected */

/* What has been split and is noted, whole 2 MiB: libraries lie side by side, and it is a few for all of them. */
static struct notes_area *area_of(const struct range *s)
{
	for (unsigned int i = 0; i < areas; i++)
		if (area[i]->lo <= s->start && s->end <= area[i]->hi)
			return area[i];
	return NULL;
}

/* One that fails is not tried again and again: what it would have told is looked at whole. */
static struct notes_area *watch(uintptr_t lo, uintptr_t hi)
{
	static bool failed;
	struct notes_area *a = NULL;
	void *page;

	if (failed)
		return NULL;
	page = mmap(NULL, (hi - lo) >> PAGE_SHIFT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page != MAP_FAILED && !track->watch(lo, hi - lo))
		a = notes_watch(lo, hi, page);
	if (a)
		area[areas++] = a;
	failed = !a;
	return a;
}

static size_t pages_of(const struct notes_area *a)	{ return (a->hi - a->lo) >> PAGE_SHIFT; }
static uintptr_t first_page(const struct range *s)	{ return s->start & ~(PAGE_SIZE - 1); }
static size_t pages_len(const struct range *s)
{
	return ((s->end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1)) - first_page(s);
}

void written_arm(const struct range *s, unsigned int nr)
{
	if (!track->watch)
		return;
	for (unsigned int i = 0; i < areas; i++)
		notes_clear(area[i], pages_of(area[i]));
	for (unsigned int i = 0; i < nr; i++)
		if (area_of(&s[i]) || watch(s[i].start & ~MASK_2M, (s[i].end + MASK_2M) & ~MASK_2M))
			track->arm(first_page(&s[i]), pages_len(&s[i]));
}

static void note(uintptr_t page)
{
	notes_page_add(page, PAGE_SIZE);
}

static void each_page(const struct range *s, root_fn fn)
{
	for (uintptr_t p = first_page(s); p < s->end; p += PAGE_SIZE)
		if (here->page[(p - here->lo) >> PAGE_SHIFT])
			fn(p < s->start ? s->start : p, p + PAGE_SIZE < s->end ? p + PAGE_SIZE : s->end);
}

/* What is noted stays so until it is armed again: a stop that is given up has only looked. */
void written_since(const struct range *s, unsigned int nr, root_fn fn)
{
	bool all = false;

	for (unsigned int i = 0; i < areas; i++)
		all |= notes_ranges(area[i], area[i]->page, pages_of(area[i])) || area[i]->anywhere;
	for (unsigned int i = 0; i < nr; i++) {
		here = area_of(&s[i]);
		if (all || !here) {
			fn(s[i].start, s[i].end);
			continue;
		}
		track->collect(first_page(&s[i]), pages_len(&s[i]), false, note);
		each_page(&s[i], fn);
	}
}
