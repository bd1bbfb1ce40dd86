// SPDX-License-Identifier: GPL-2.0
/*
 * Transparent huge pages: made by a fault, by khugepaged or MADV_COLLAPSE, taken apart by
 * mprotect(), munmap() and madvise() of a part, and by Linux on request. Whatever size a
 * mapping has at a moment, both sides see the same in it.
 */
#include "coherent.h"

#define PAGES 512
#define THP "/sys/kernel/mm/transparent_hugepage/"
#define SPLIT "/sys/kernel/debug/split_huge_pages"

static char *area;

/* 2 MiB, aligned. */
static volatile char *map_huge(bool wanted)
{
	char *p;

	area = mmap(NULL, 2 * MIB2, RW, ANON, -1, 0);
	p = (char *)(((uintptr_t)area + MIB2 - 1) & ~(MIB2 - 1));
	madvise(p, MIB2, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return p;
}

static void unmap_huge(void)
{
	munmap(area, 2 * MIB2);
}

static bool is_huge(volatile char *p) { return smaps_kib(p, "AnonHugePages") == 2048; }

static uint64_t faults(void)
{
	return native ? 0 : dune_counters()->ept_faults;
}

static long do_read_only(void *p) { return mprotect(p, PAGE, PROT_READ); }
static long do_munmap(void *p) { return munmap(p, PAGE); }
static long do_dontneed(void *p) { return madvise(p, PAGE, MADV_DONTNEED); }
static long do_dontneed_all(void *p) { return madvise(p, MIB2, MADV_DONTNEED); }
static long do_free(void *p) { return madvise(p, PAGE, MADV_FREE); }
static long do_collapse(void *p) { return madvise(p, MIB2, MADV_COLLAPSE) ? errno : 0; }

static long do_split(void *p)
{
	char text[96];

	snprintf(text, sizeof(text), "%d,%p,%p", getpid(), p, (void *)((char *)p + MIB2));
	/* up to 5.10 it knows only all of them */
	return !set(SPLIT, text) && !set(SPLIT, "1");
}

static void test_fault(enum side by)
{
	volatile char *p = map_huge(true);
	uint64_t before;

	poke(by, p, 1);
	if (!is_huge(p)) {
		skip(2, "Linux gave no huge page");
		unmap_huge();
		return;
	}
	fill(by, p, PAGES, 1);
	ok(intact(p, PAGES, 1) && shared(p + 7 * PAGE), "a huge page, made %s", side_name[by]);
	on(by, do_dontneed_all, (void *)p);
	before = faults();
	for (long i = 0; i < PAGES; i++)
		p[i * PAGE] = i;
	before = faults() - before;
	ok(native || !(dune_info()->caps & DUNE_CAP_EPT_2M) || before < 20,
	   "%ld EPT faults for its 512 pages", (long)before);
	unmap_huge();
}

/* A part of it changes, and that part alone. */
static void test_parts(enum side by)
{
	volatile char *p = map_huge(true);
	long bad = 0;

	fill(INSIDE, p, PAGES, 1);
	warm(p, 20);
	ok(!on(by, do_read_only, (char *)p + 5 * PAGE) && refuses(p + 5 * PAGE, WRITE, SIGSEGV, SEGV_ACCERR) &&
	   shared(p + 4 * PAGE) && shared(p + 6 * PAGE), "a page of it made read-only %s", side_name[by]);
	ok(!on(by, do_munmap, (char *)p + 9 * PAGE) && refuses(p + 9 * PAGE, READ, SIGSEGV, SEGV_MAPERR) &&
	   shared(p + 8 * PAGE) && shared(p + 10 * PAGE), "one unmapped");
	ok(!on(by, do_dontneed, (char *)p + 11 * PAGE) && holds(p + 11 * PAGE, 0) && shared(p + 11 * PAGE) &&
	   shared(p + 12 * PAGE), "one thrown away");
	ok(!on(by, do_free, (char *)p + 13 * PAGE) && shared(p + 13 * PAGE), "one given back, for when it is wanted");
	for (long i = 0; i < PAGES; i++)
		if (i != 9 && i != 11)
			bad += wrong(i & 1 ? INSIDE : OUTSIDE, p + i * PAGE, 1, 1);
	ok_eq(bad, 0, "all others as they were");
	unmap_huge();
}

static void test_split(enum side by)
{
	volatile char *p = map_huge(true);

	fill(INSIDE, p, PAGES, 1);
	warm(p, 4);
	if (!is_huge(p) || on(by, do_split, (void *)p)) {
		skip(2, "no huge page, or no way to split it");
		unmap_huge();
		return;
	}
	/* not while it is in somebody's hands, or on another CPU's list */
	for (int i = 0; i < 100 && is_huge(p); i++) {
		usleep(1000);
		on(by, do_split, (void *)p);
	}
	ok(!is_huge(p) && intact(p, PAGES, 1), "split by Linux, asked %s: as it was", side_name[by]);
	fill(by, p, PAGES, 2);
	ok(intact(p, PAGES, 2) && shared(p) && shared(p + 511 * PAGE), "and it can be written");
	unmap_huge();
}

static void test_collapse(enum side by)
{
	volatile char *p = map_huge(false);
	long err;

	fill(by, p, PAGES, 1);
	warm(p, PAGES);
	madvise((void *)p, MIB2, MADV_HUGEPAGE);
	err = on(by, do_collapse, (void *)p);
	if (err == EINVAL) {
		skip(2, "no MADV_COLLAPSE");
		unmap_huge();
		return;
	}
	ok(!err && is_huge(p) && intact(p, PAGES, 1), "MADV_COLLAPSE %s makes 512 pages one, as they were",
	   side_name[by]);
	fill(by, p, PAGES, 2);
	ok(intact(p, PAGES, 2) && shared(p) && shared(p + 511 * PAGE), "and it can be written");
	unmap_huge();
}

/*
 * By khugepaged, while Dune mode writes: the pages it copies away must not be
 * written behind its back.
 */
static void test_while_written(enum side by)
{
	long lost = 0, rounds = 0, collapsed = 0;

	for (int i = 0; i < 3; i++) {
		volatile char *p = map_huge(false);
		uint64_t n;

		fill(INSIDE, p, PAGES, i);
		for (long w = 0; w < PAGES; w++)
			((volatile uint64_t *)(p + w * PAGE))[1] = 0;
		madvise((void *)p, MIB2, MADV_HUGEPAGE);
		for (n = 0; n < 3000 && !(n % 50 == 49 && is_huge(p)); n++) {
			for (long w = 0; w < PAGES; w++) {
				volatile uint64_t *word = (volatile uint64_t *)(p + w * PAGE) + 1;

				lost += *word != n;
				*word = n + 1;
			}
			if (n % 50 == 0)
				usleep(1000);
			/* khugepaged wants them all to be there, and not in anybody's hands */
		}
		rounds += n;
		collapsed += is_huge(p);
		lost += wrong(by, p, PAGES, i);
		for (long w = 0; w < PAGES; w++)
			lost += ((volatile uint64_t *)(p + w * PAGE))[1] != n;
		/* and apart again while it is written */
		on(OUTSIDE, do_split, (void *)p);
		lost += wrong(by, p, PAGES, i);
		unmap_huge();
	}
	ok(!lost, "written %ld times while khugepaged collected: %ld words lost", rounds, lost);
	ok(collapsed, "%ld times of 3 it made a huge page", collapsed);
}

static volatile bool stop;
static volatile long splits, collapses;

static void *split_and_collapse(void *p)
{
	while (!stop) {
		collapses += !do_collapse(p);
		usleep(500);
		splits += !do_split(p);
		usleep(500);
	}
	return NULL;
}

/* One thread splits and collapses, Dune mode counts in each page. */
static void test_storm(void)
{
	volatile char *p = map_huge(true);
	uint64_t n, lost = 0;
	pthread_t t;

	fill(INSIDE, p, PAGES, 1);
	for (long w = 0; w < PAGES; w++)
		((volatile uint64_t *)(p + w * PAGE))[1] = 0;
	if (do_collapse((void *)p) == EINVAL || do_split((void *)p)) {
		skip(1, "no MADV_COLLAPSE");
		unmap_huge();
		return;
	}
	step_out();
	pthread_create(&t, NULL, split_and_collapse, (void *)p);
	step_in();
	for (n = 0; n < 20000 && (collapses < 30 || splits < 30); n++)
		for (long w = 0; w < PAGES; w++) {
			volatile uint64_t *word = (volatile uint64_t *)(p + w * PAGE) + 1;

			lost += *word != n;
			*word = n + 1;
		}
	stop = true;
	step_out();
	pthread_join(t, NULL);
	step_in();
	lost += wrong(INSIDE, p, PAGES, 1);
	ok(!lost && splits && collapses, "collapsed %ld times and split %ld times while it is written: %ld words lost",
	   collapses, splits, (long)lost);
	unmap_huge();
}

/* A file in memory, with huge pages of its own. */
static void test_shmem(enum side by)
{
	int fd = memfd_create("huge", MFD_CLOEXEC);
	volatile char *p, *q;

	set(THP "shmem_enabled", "advise");
	if (ftruncate(fd, 2 * MIB2))
		bail("ftruncate");
	area = mmap(NULL, 4 * MIB2, PROT_NONE, ANON, -1, 0);
	p = (char *)(((uintptr_t)area + MIB2 - 1) & ~(MIB2 - 1));
	if (mmap((void *)p, 2 * MIB2, RW, MAP_SHARED | MAP_FIXED, fd, 0) != p)
		bail("mmap");
	q = mmap(NULL, MIB2, RW, MAP_SHARED, fd, 0);
	madvise((void *)p, 2 * MIB2, MADV_HUGEPAGE);
	fill(by, p, PAGES, 1);
	if (smaps_kib(p, "ShmemPmdMapped") <= 0)
		diag("Linux gave no huge page of a file");
	ok(intact(p, PAGES, 1) && q[100 * PAGE] == p[100 * PAGE], "a file with huge pages, written %s", side_name[by]);
	ok(!ftruncate(fd, 5 * PAGE) && refuses(p + 5 * PAGE, READ, SIGBUS, BUS_ADRERR) && intact(p, 5, 1) && shared(q),
	   "cut in the middle of one: what is before is there");
	munmap((void *)q, MIB2);
	munmap(area, 4 * MIB2);
	close(fd);
}

int main(int argc, char **argv)
{
	sides_start(argc, argv);
	/* "never" by default with as little memory as the emulated machine has */
	if (!set(THP "enabled", "madvise"))
		skip_all("no huge pages");
	set(THP "khugepaged/scan_sleep_millisecs", "1");
	set(THP "khugepaged/alloc_sleep_millisecs", "1");
	set(THP "khugepaged/pages_to_scan", "4096");
	for_each_side(by) {
		test_fault(by);
		test_parts(by);
		test_split(by);
		test_collapse(by);
		test_while_written(by);
		test_shmem(by);
	}
	test_storm();
	return sides_end();
}
