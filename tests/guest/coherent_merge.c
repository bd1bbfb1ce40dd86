// SPDX-License-Identifier: GPL-2.0
/*
 * KSM: equal pages become one, a store from either side makes a page its own again and is
 * seen nowhere else; and stores that come while Linux compares and merges are not lost.
 */
#include "coherent.h"

#define PAGES 512
#define KSM "/sys/kernel/mm/ksm/"

static void same_words(volatile char *p, long pages, uint64_t tag)
{
	for (long i = 0; i < pages; i++)
		for (unsigned long j = 0; j < WORDS; j++)
			((volatile uint64_t *)(p + i * PAGE))[j] = tag + j;
}

static bool page_is(volatile char *p, uint64_t tag)
{
	for (unsigned long j = 0; j < WORDS; j++)
		if (((volatile uint64_t *)p)[j] != tag + j)
			return false;
	return true;
}

static uint64_t frame_of(volatile void *p) { return pagemap(p) & PM_FRAME; }

/* Pages that have the same frame as the one before. */
static long count_merged(volatile char *p, long pages)
{
	uint64_t entry[pages];
	long n = 0;

	pagemaps(p, pages, entry);
	for (long i = 1; i < pages; i++)
		n += (entry[i] & PM_PRESENT) && (entry[i] & PM_FRAME) == (entry[i - 1] & PM_FRAME);
	return n;
}

static bool wait_merged(volatile char *p, long pages, long want)
{
	for (int i = 0; i < 1000 && count_merged(p, pages) < want; i++)
		usleep(10000);
	return count_merged(p, pages) >= want;
}

static long do_mergeable(void *p) { return madvise(p, PAGES * PAGE, MADV_MERGEABLE); }
static long do_unmergeable(void *p) { return madvise(p, PAGES * PAGE, MADV_UNMERGEABLE); }

static volatile char *merge(enum side by, bool read_first)
{
	volatile char *p = map_pages(PAGES);

	same_words(p, PAGES, 5);
	if (!read_first)
		warm(p, PAGES);
	on(by, do_mergeable, (void *)p);
	if (!wait_merged(p, PAGES, PAGES - 10))
		bail("KSM merged %ld of %d pages in 10 s", count_merged(p, PAGES), PAGES);
	for (int i = 0; read_first && i < PAGES; i++)
		holds(p + i * PAGE, 5);
	return p;
}

static void test_merge(enum side by, enum side writer, bool read_first)
{
	volatile char *p = merge(by, read_first);
	uint64_t frame = frame_of(p + 100 * PAGE);
	long bad = 0;

	for (long i = 0; i < PAGES; i++)
		bad += !page_is(p + i * PAGE, 5);
	ok(!bad, "KSM, asked for %s, merges %ld pages, and all are as they were", side_name[by],
	   count_merged(p, PAGES));
	poke(writer, p + 100 * PAGE + 9, 77);
	ok(holds(p + 100 * PAGE + 9, 77) && frame_of(p + 100 * PAGE) != frame, "a store %s makes a page its own%s",
	   side_name[writer], read_first ? ", after it was read" : "");
	for (long i = 0; i < PAGES; i++)
		bad += i != 100 && !page_is(p + i * PAGE, 5);
	ok(!bad, "and is in none of the others");
	for (long i = 0; i < PAGES; i += 3)
		poke(i & 1 ? INSIDE : OUTSIDE, p + i * PAGE, i);
	for (long i = 0; i < PAGES; i++)
		bad += (unsigned char)p[i * PAGE] != (unsigned char)(i % 3 ? 5 : i);
	ok(!bad && shared(p + PAGE), "a third of them written from both sides, nothing is mixed up");
	ok(!on(by, do_unmergeable, (void *)p) && !count_merged(p, PAGES) && shared(p + PAGE) &&
	   holds(p + 100 * PAGE + 9, 77), "taken apart again");
	munmap((void *)p, PAGES * PAGE);
}

/*
 * Pages that become equal, again and again, and are written as soon as Linux has begun to
 * merge them: what is stored between its look and the merging is never lost.
 */
static void test_while_written(void)
{
	const int nr = 64;
	volatile char *p = map_pages(nr);
	long lost = 0, sum = 0;

	same_words(p, nr, 0);
	madvise((void *)p, nr * PAGE, MADV_MERGEABLE);
	for (uint64_t n = 1; n <= 25; n++) {
		/* word 300 of each page becomes n, so that all are equal again at the end of a round */
		for (int i = 0; i < nr; i++) {
			volatile uint64_t *w = (volatile uint64_t *)(p + i * PAGE) + 300;

			lost += *w != (n == 1 ? 300 : n - 1);
			*w = n;
			lost += *w != n;
		}
		for (int i = 0; i < 200 && !count_merged(p, nr); i++)
			usleep(500);
		sum += count_merged(p, nr);
		for (int i = 0; i < nr; i++)
			lost += ((volatile uint64_t *)(p + i * PAGE))[300] != n;
	}
	ok(!lost && sum, "written 25 times while KSM merges: %ld stores lost, %ld pages found merged", lost, sum);
	munmap((void *)p, nr * PAGE);
}

int main(int argc, char **argv)
{
	sides_start(argc, argv);
	if (!set(KSM "pages_to_scan", "5000") || !set(KSM "sleep_millisecs", "2") || !set(KSM "run", "1"))
		skip_all("no KSM");
	set(KSM "use_zero_pages", "0");
	for_each_side(by)
		for_each_side(writer)
			test_merge(by, writer, by == writer);
	test_while_written();
	set(KSM "run", "2");
	return sides_end();
}
