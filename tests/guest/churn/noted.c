// SPDX-License-Identifier: GPL-2.0
/* What Linux notes of writes: soft-dirty bits. */
#include "churn.h"

bool has_soft_dirty;

static pthread_mutex_t clear_lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * Linux forgets what it noted of other pages, without Dune mode as well: KSM merges one as if it was neither written nor
 * protected by userfaultfd, and a shared file's pages lose their soft-dirty bits when they become a large one or go.
 */
bool is_forgotten(const struct range *r) { return chunk_kind[r->chunk] != PRIVATE; }

/* With the pages owned: are those dirty that were written since? */
static void check_dirty(struct range *r, uint64_t before[][WRITERS])
{
	uint64_t bits[r->nr];

	pagemaps(r->at, r->nr, bits);
	for (long i = 0; i < r->nr; i++)
		for (int o = 0; o < WRITERS; o++)
			if (book->page[r->first + i].done[o] != before[i][o] && !(bits[i] & PM_SOFT_DIRTY))
				fail("page %ld was written by %d and is not soft-dirty: %#lx", r->first + i, o,
				     bits[i]);
}

bool op_soft_dirty(struct range *r)
{
	static __thread uint64_t before[CHUNK][WRITERS];

	if (is_forgotten(r) || !has_soft_dirty)
		return false;
	pthread_mutex_lock(&clear_lock);
	if (!own_range(r->first, r->nr)) {
		pthread_mutex_unlock(&clear_lock);
		return false;
	}
	for (long i = 0; i < r->nr; i++)
		memcpy(before[i], book->page[r->first + i].done, sizeof(before[i]));
	if (!set("/proc/self/clear_refs", "4"))
		fail("clear_refs: %s", strerror(errno));
	disown_range(r->first, r->nr);
	usleep(2000 + rnd(5000));
	if (own_range(r->first, r->nr)) {
		check_dirty(r, before);
		disown_range(r->first, r->nr);
	}
	pthread_mutex_unlock(&clear_lock);
	return true;
}
