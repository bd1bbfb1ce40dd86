// SPDX-License-Identifier: GPL-2.0
/* Marking beside the threads, and the last stop: rounds.h. */
#include "rounds.h"
#include "mark.h"
#include "pace.h"
#include "pause.h"
#include "stats.h"
#include "track.h"

#define ROUNDS		4		/* of looking again before the last stop */
#define GIVE_UP		3		/* last stops that turn out to be none */
#define LITTLE		(32UL << 10)	/* bytes that are looked at again: so few that the last stop may be next */
#define LAST		(4UL << 10)	/* and that may be left for it */
#define LITTLE_NEW	(32UL << 10)	/* bytes allocated since the stacks were looked at: likewise */

static void stop_for_stacks(void)
{
	pause_begin();
	roots_threads(mark_range);
	pause_lap(PAUSE_ROOTS);
	if (!track->rearm)
		track_take(false);
	pause_lap(PAUSE_TAKE);
	pause_end(true);
}

/* Only a stack may know what was allocated since the stacks were looked at. */
static bool much_is_new(void)
{
	return pause_allocated() > LITTLE_NEW;
}

/*
 * Once more from the pages that were written meanwhile, and from the stacks, if much is new: what is found now is not
 * to be found in the last stop. Where taking dirty pages and arming them again are two steps, the world stands still for both.
 * True: there was so much that it is worth another time.
 */
static bool mark_again(void)
{
	uint64_t before = stats.scanned_bytes;

	if (!track->rearm || much_is_new())
		stop_for_stacks();
	if (track->rearm)
		track_take(false);
	track_each(mark_page, NO_LIMIT);
	mark_drain();
	return stats.scanned_bytes - before > LITTLE;
}

/* Until they have been looked at no library goes. */
static bool look_at_data(bool unused)
{
	roots_arm();
	roots_data(mark_range);
	return true;
}

void rounds_beside_threads(bool young)
{
	uint64_t t = ticks();
	int rounds = ROUNDS;

	if (young) {
		/* what is old and was written since the last cycle may point to what is new */
		track_take(false);
		track_each(mark_page, NO_LIMIT);
	} else {
		track_arm();
	}
	roots_fixed(look_at_data, true);
	mark_drain();
	while (rounds-- && (mark_again() || much_is_new()))
		pace_slower();
	stats.mark_ticks += ticks() - t;
}

/* Look into what was found, as far as @budget, in bytes, goes. What is left of it; 0: there is more. */
static size_t look(size_t budget)
{
	uint64_t before = stats.scanned_bytes;
	bool more = track_each(mark_page, budget) || mark_some(budget);
	uint64_t used = stats.scanned_bytes - before;

	return more || used >= budget ? 0 : budget - used;
}

/* What the threads know now. */
size_t rounds_roots(size_t budget)
{
	roots_threads(mark_range);
	if (track->concurrent)
		roots_written(mark_range);
	else
		roots_data(mark_range);
	budget = look(budget);
	pause_lap(PAUSE_ROOTS);
	return budget;
}

/* What was written. */
static size_t dirty_again(size_t budget)
{
	track_take(true);
	pause_lap(PAUSE_TAKE);
	budget = look(budget);
	pause_lap(PAUSE_AGAIN);
	return budget;
}

/* Give up as soon as it turns out that much is left to be looked at. */
static bool try_stop(bool may_give_up)
{
	uint64_t before = stats.rescanned;
	size_t budget = may_give_up ? LAST : NO_LIMIT;

	pause_begin();
	budget = rounds_roots(budget);
	if (budget && track->concurrent)
		budget = dirty_again(may_give_up && track->in_stop ? budget : NO_LIMIT);
	if (!budget) {
		pause_end(false);
		return false;
	}
	final_mark();
	stats.rescanned_pause += stats.rescanned - before;
	return true;
}

/*
 * The last stop, unless much is left: the threads may have had the CPU for long since the last
 * round, or have unlinked what was to lead there. Then it is given up (false), and what it found is looked at beside
 * the threads. A backend that cannot arm and take in one step has only its roots to find that out by.
 */
static bool last_stop(bool may_give_up)
{
	if (roots_fixed(try_stop, may_give_up))
		return true;
	if (may_give_up && track->in_stop)
		track_take(false);
	track_each(mark_page, NO_LIMIT);
	mark_drain();
	return false;
}

void rounds_last_stop(void)
{
	int tries = GIVE_UP;

	while (!last_stop(tries > 0))
		tries--;
}
