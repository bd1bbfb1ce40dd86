// SPDX-License-Identifier: GPL-2.0
/* Which cycles look only for what is new: generation.h. */
#include "generation.h"
#include "stats.h"

#define YOUNG		16	/* cycles in a row that look only for what is new, at most */
#define WHOLE		8	/* that do not, after one that was not worth it */

static bool want_whole = true, want_new;
static bool young;			/* this one looks only for what is new */
static uint32_t nr_young;		/* since the last whole one */
static size_t live_whole;		/* after that */
static uint64_t scanned_before, scanned_whole;	/* stats.scanned_bytes when a cycle began; what that one looked at */
static uint32_t nr_whole;		/* cycles to come that are to be whole */

void generation_want(bool whole)
{
	*(whole ? &want_whole : &want_new) = true;
}

/*
 * A young cycle leaves garbage behind, and looks at what is old and was written. Where that is half of what a whole one
 * looks at it is not worth it, for a while.
 */
void generation_judge(void)
{
	uint64_t scanned = stats.scanned_bytes - scanned_before;

	if (!young) {
		live_whole = heap.live;
		scanned_whole = scanned;
		nr_whole -= nr_whole > 0;
	} else if (scanned > scanned_whole / 2) {
		nr_whole = WHOLE;
	}
}

static bool is_worth_it(void)
{
	size_t grown = heap.live > live_whole ? heap.live - live_whole : 0;

	return !nr_whole && nr_young < YOUNG && heap.live < (heap.limit - heap.lo) / 2 && grown < heap.trigger_min;
}

bool generation_choose(void)
{
	young = heap.generations && !want_whole && (want_new || is_worth_it());
	want_whole = want_new = false;
	scanned_before = stats.scanned_bytes;
	nr_young = young ? nr_young + 1 : 0;
	stats.young += young;
	return young;
}
