// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Retirement of tables: between the moment when the last entry that pointed to
 * a table is gone and the moment when its page may be used for something else.
 *
 * Two may still be reading it:
 *  - a CPU, because it caches entries of the upper levels too. Only a flush of all
 *    threads' TLBs ends that.
 *  - code of ours that walks without the lock: fill (the #PF path, which may have
 *    interrupted the holder of the lock), lookup and walk. They count themselves in and out; when
 *    the count was 0 once after the table was unlinked, nobody has it, for a reader that comes later
 *    starts at the root and finds no way to it.
 *
 * So such tables wait in a list, with their contents, and go back to the pool many at
 * a time. Both sides use sequentially consistent operations: either the reader's count is
 * seen here, or what was unlinked here is seen by the reader.
 */
#include "pgtable_table.h"

#include <errno.h>

#define EDITED		(-1)
#define RETIRED_MAX	64	/* one flush for so many tables */

static int lock;		/* EDITED, or how many forks are being made */
static unsigned int readers;
static struct dune_page_list retired;			/* lock */
static uint32_t retired_limit = RETIRED_MAX;		/* lock */
static int (*flush_all)(void);

uint64_t dune_pt_generation;

void dune_pt_on_retire(int (*flush)(void))
{
	flush_all = flush;
}

void dune_pt_enter(void)
{
	__atomic_add_fetch(&readers, 1, __ATOMIC_SEQ_CST);
}

void dune_pt_leave(void)
{
	__atomic_sub_fetch(&readers, 1, __ATOMIC_SEQ_CST);
}

void dune_pt_lock(void)
{
	int free = 0;

	while (!__atomic_compare_exchange_n(&lock, &free, EDITED, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		while (__atomic_load_n(&lock, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
		free = 0;
	}
}

static void unlock(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

void dune_pt_retire(dune_pte_t *table)
{
	dune_page_list_add(&retired, table);
}

static bool can_reuse(void)
{
	return flush_all && !__atomic_load_n(&readers, __ATOMIC_SEQ_CST) && !flush_all();
}

/* The lock is held; it is not when this returns. */
static void unlock_and_drain(void)
{
	struct dune_page_list list = retired;
	void *page;

	retired = (struct dune_page_list){ 0, 0 };
	unlock();
	if (!list.length)
		return;
	if (can_reuse()) {
		dune_page_list_free(&list);
		__atomic_store_n(&retired_limit, RETIRED_MAX, __ATOMIC_RELAXED);
		return;
	}

	/* Not now: do not try again before as many more have come. */
	dune_pt_lock();
	while ((page = dune_page_list_take(&list)))
		dune_page_list_add(&retired, page);
	retired_limit = retired.length + RETIRED_MAX;
	unlock();
}

void dune_pt_unlock(void)
{
	if (retired.length > __atomic_load_n(&retired_limit, __ATOMIC_RELAXED))
		unlock_and_drain();
	else
		unlock();
}

void dune_pt_drain(void)
{
	dune_pt_lock();
	unlock_and_drain();
}

/* The pool is empty: the next unlock tries to give something back, for the next call. */
static void pool_is_empty(void)
{
	__atomic_store_n(&retired_limit, 0, __ATOMIC_RELAXED);
}

dune_pte_t *dune_table_new(void)
{
	dune_pte_t *table = dune_page_alloc();

	if (!table)
		pool_is_empty();
	return table;
}

/*
 * A fork wants no edit to be half made, and has nothing against other forks. It must not: libc has a lock of its own
 * for them, which one thread may hold that waits here, and another one wait for that is past here.
 */
void dune_pt_fork_prepare(void)
{
	int forks;

	do {
		while ((forks = __atomic_load_n(&lock, __ATOMIC_RELAXED)) == EDITED)
			__builtin_ia32_pause();
	} while (!__atomic_compare_exchange_n(&lock, &forks, forks + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
}

void dune_pt_fork_done(bool child)
{
	if (!child) {
		__atomic_sub_fetch(&lock, 1, __ATOMIC_RELEASE);
		return;
	}
	/* The other threads' walks and forks ended with the threads. */
	__atomic_store_n(&readers, 0, __ATOMIC_SEQ_CST);
	unlock();
}
