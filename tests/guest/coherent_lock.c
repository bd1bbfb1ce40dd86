// SPDX-License-Identifier: GPL-2.0
/*
 * mlock(): locked pages are there before anybody touches them, stay, and hold what either
 * side stores; MADV_DONTNEED and MADV_PAGEOUT do not take them.
 */
#include "coherent.h"
#include <sys/syscall.h>

#define PAGES 16
#define LOCK_ONFAULT 1

static long do_mlock(void *p) { return mlock(p, PAGES * PAGE); }
static long do_munlock(void *p) { return munlock(p, PAGES * PAGE); }
static long do_onfault(void *p) { return syscall(SYS_mlock2, p, PAGES * PAGE, LOCK_ONFAULT); }
static long do_lock_all(void *unused) { return mlockall(MCL_FUTURE); }
static long do_unlock_all(void *unused) { return munlockall(); }
static long do_dontneed(void *p) { return madvise(p, PAGE, MADV_DONTNEED) ? errno : 0; }
static long do_pageout(void *p) { return madvise(p, PAGES * PAGE, MADV_PAGEOUT) ? errno : 0; }

static void test_mlock(enum side by)
{
	volatile char *p = map_pages(PAGES);

	ok(!on(by, do_mlock, (void *)p) && pages_with(p, PAGES, PM_PRESENT) == PAGES,
	   "mlock() %s brings the pages in", side_name[by]);
	ok(holds(p, 0) && shared(p) && shared(p + (PAGES - 1) * PAGE), "both sides use them");
	fill(by, p, PAGES, 1);
	ok(on(by, do_dontneed, (void *)p) == EINVAL && on(by, do_pageout, (void *)p) == EINVAL,
	   "nobody takes them by madvise()");
	ok(pages_with(p, PAGES, PM_PRESENT) == PAGES && intact(p, PAGES, 1), "they are there, as they were");
	ok(smaps_kib(p, "Locked") == PAGES * 4, "and Linux counts %d KiB as locked", PAGES * 4);
	ok(!on(by, do_munlock, (void *)p) && intact(p, PAGES, 1) && shared(p), "unlocked they are as they were");
	ok(!on(by, do_dontneed, (void *)p) && holds(p, 0), "and can be taken");
	munmap((void *)p, PAGES * PAGE);
}

/* Locked when they are touched: which a touch in Dune mode has to do as well. */
static void test_onfault(enum side by)
{
	for_each_side(toucher) {
		volatile char *p = map_pages(PAGES);
		long before, after;

		if (on(by, do_onfault, (void *)p))
			bail("mlock2: %s", strerror(errno));
		before = pages_with(p, PAGES, PM_PRESENT);
		poke(toucher, p, 1);
		poke(toucher, p + PAGE, 1);
		after = pages_with(p, PAGES, PM_PRESENT);
		ok(!before && after == 2 && smaps_kib(p, "Locked") == 8,
		   "MLOCK_ONFAULT %s: a page is locked when it is touched %s (%ld, %ld, %ld KiB)", side_name[by],
		   side_name[toucher], before, after, smaps_kib(p, "Locked"));
		ok(shared(p) && holds(p + 2 * PAGE, 0), "and shared");
		munmap((void *)p, PAGES * PAGE);
	}
}

static void test_mlockall(enum side by)
{
	volatile char *p;

	on(by, do_lock_all, NULL);
	p = map_pages(PAGES);
	ok(pages_with(p, PAGES, PM_PRESENT) == PAGES && shared(p), "mlockall(MCL_FUTURE) %s: new memory is there",
	   side_name[by]);
	on(by, do_unlock_all, NULL);
	munmap((void *)p, PAGES * PAGE);
}

int main(int argc, char **argv)
{
	sides_start(argc, argv);
	for_each_side(by) {
		test_mlock(by);
		test_onfault(by);
		test_mlockall(by);
	}
	return sides_end();
}
