// SPDX-License-Identifier: GPL-2.0
/*
 * Who wrote where: soft-dirty bits, and PAGEMAP_SCAN with asynchronous write protection.
 * A store in Dune mode has to show in them as any other, a load must not.
 */
#include "coherent.h"
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include "../../gc-demo/pagemap_scan.h"

#define PAGES 64

static long do_clear(void *unused) { return !set("/proc/self/clear_refs", "4"); }

static bool soft_dirty(volatile void *p) { return pagemap(p) & PM_SOFT_DIRTY; }

static void load(enum side side, volatile char *p, long pages)
{
	for (long i = 0; i < pages; i++)
		peek(side, p + i * PAGE);
}

/* Which of the pages are dirty, against what they should be: every third. */
static long wrong_bits(volatile char *p)
{
	uint64_t entry[PAGES];
	long bad = 0;

	pagemaps(p, PAGES, entry);
	for (long i = 0; i < PAGES; i++)
		bad += !(entry[i] & PM_SOFT_DIRTY) != !!(i % 3);
	return bad;
}

static void test_soft_dirty(enum side by, enum side writer)
{
	volatile char *p = map_pages(PAGES);
	long clean, read, written = 0, again;

	fill(INSIDE, p, PAGES, 1);
	warm(p, PAGES);
	on(by, do_clear, NULL);
	clean = pages_with(p, PAGES, PM_SOFT_DIRTY);
	load(INSIDE, p, PAGES);
	load(OUTSIDE, p, PAGES);
	read = pages_with(p, PAGES, PM_SOFT_DIRTY);
	for (long i = 0; i < PAGES; i += 3)
		fill(writer, p + i * PAGE, 1, 2);
	written = wrong_bits(p);
	ok(!clean, "cleared %s: no page is dirty (%ld)", side_name[by], clean);
	ok(!read, "loads on both sides leave them so (%ld)", read);
	ok(!written, "stores %s make dirty what they write, and only that (%ld wrong)", side_name[writer], written);
	/* the page is writable now; cleared again it must not be */
	on(by, do_clear, NULL);
	again = pages_with(p, PAGES, PM_SOFT_DIRTY);
	for (long i = 0; i < PAGES; i += 3)
		fill(writer, p + i * PAGE, 1, 3);
	written = wrong_bits(p);
	ok(!again && !written, "and once more (%ld, %ld wrong)", again, written);
	for (long i = 0; i < PAGES; i++)
		written += !intact(p + i * PAGE, 1, i % 3 ? 1 : 3);
	ok(!written && shared(p), "nothing was lost");
	munmap((void *)p, PAGES * PAGE);
}

/* New memory is dirty from the first store on; and one huge page is one bit. */
static void test_huge(enum side writer)
{
	char *area = mmap(NULL, 2 * MIB2, RW, ANON, -1, 0);
	volatile char *p = (char *)(((uintptr_t)area + MIB2 - 1) & ~(MIB2 - 1));

	madvise((void *)p, MIB2, MADV_HUGEPAGE);
	fill(INSIDE, p, 512, 1);
	if (smaps_kib(p, "AnonHugePages") <= 0) {
		skip(1, "Linux gave no huge page");
	} else {
		do_clear(NULL);
		load(INSIDE, p, 512);
		ok(!soft_dirty(p) && !soft_dirty(p + 300 * PAGE) && !poke(writer, p + 300 * PAGE, 5) &&
		   soft_dirty(p + 300 * PAGE) && holds(p + 300 * PAGE, 5), "a store %s to a huge page",
		   side_name[writer]);
	}
	munmap(area, 2 * MIB2);
}

/*
 * As a program that makes snapshots uses it: copy what is dirty, clear, and so on. All that
 * changed since the last time has to be among what is dirty.
 */
struct snapshot {
	volatile char *p;
	long copied, missed;
	char copy[PAGES * PAGE];
};

static long do_snapshot(void *arg)
{
	struct snapshot *s = arg;
	uint64_t entry[PAGES];

	pagemaps(s->p, PAGES, entry);
	for (long i = 0; i < PAGES; i++) {
		char *copy = s->copy + i * PAGE, *now = (char *)s->p + i * PAGE;

		if (entry[i] & PM_SOFT_DIRTY) {
			memcpy(copy, now, PAGE);
			s->copied++;
		} else {
			s->missed += memcmp(copy, now, PAGE) != 0;
		}
	}
	return do_clear(NULL);
}

static void test_snapshots(void)
{
	static struct snapshot s;
	uint64_t n = 1;

	s.p = map_pages(PAGES);
	fill(INSIDE, s.p, PAGES, 1);
	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < 20; i++) {
			n = n * 6364136223846793005ULL + 1442695040888963407ULL;
			((volatile uint64_t *)(s.p + (n >> 40) % PAGES * PAGE))[(n >> 20) % WORDS] = n;
		}
		on(round & 1 ? INSIDE : OUTSIDE, do_snapshot, &s);
	}
	ok(!s.missed && s.copied > PAGES && s.copied < 40 * 20 + PAGES,
	   "40 snapshots of what Dune mode writes: %ld pages copied, %ld missed", s.copied, s.missed);
	munmap((void *)s.p, PAGES * PAGE);
}

/* ---- PAGEMAP_SCAN, from 6.7 on ------------------------------------------------------ */

/* How many pages were written since the last scan; and they are protected again. */
static long scan(volatile char *p, struct scan_region *region, long nr)
{
	struct scan_arg arg = {
		.size = sizeof(arg), .flags = SCAN_WP, .start = (uintptr_t)p, .end = (uintptr_t)p + PAGES * PAGE,
		.vec = (uintptr_t)region, .vec_len = nr, .category_mask = SCAN_WRITTEN, .return_mask = SCAN_WRITTEN,
	};
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	long n = ioctl(fd, SCAN, &arg), pages = 0;

	if (n < 0)
		pages = -errno;
	close(fd);
	for (long i = 0; i < n; i++)
		pages += (region[i].end - region[i].start) / PAGE;
	return pages;
}

static void test_scan(enum side writer)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_WP };
	struct scan_region region[PAGES];
	volatile char *p = map_pages(PAGES);
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	long first, none, third, bad = 0, n;

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api)) {
		skip(2, "no asynchronous write protection: %s", strerror(errno));
		close(fd);
		munmap((void *)p, PAGES * PAGE);
		return;
	}
	range.range.start = (uintptr_t)p;
	range.range.len = PAGES * PAGE;
	if (ioctl(fd, UFFDIO_REGISTER, &range))
		bail("UFFDIO_REGISTER: %s", strerror(errno));
	fill(INSIDE, p, PAGES, 1);
	first = scan(p, region, PAGES);
	load(INSIDE, p, PAGES);
	load(OUTSIDE, p, PAGES);
	none = scan(p, region, PAGES);
	for (long i = 0; i < PAGES; i += 3)
		fill(writer, p + i * PAGE, 1, 2);
	third = scan(p, region, PAGES);
	for (n = 0; n < third; n++)
		bad += region[n].start != (uintptr_t)p + 3 * n * PAGE;
	ok(first == PAGES && none == 0, "PAGEMAP_SCAN: %ld pages written, none after loads (%ld)", first, none);
	ok(third == (PAGES + 2) / 3 && !bad, "stores %s to every third are found: %ld", side_name[writer], third);
	for (long i = 0; i < PAGES; i++)
		bad += !intact(p + i * PAGE, 1, i % 3 ? 1 : 2);
	ok(!bad && shared(p), "and nothing was lost");
	close(fd);
	munmap((void *)p, PAGES * PAGE);
}

int main(int argc, char **argv)
{
	sides_start(argc, argv);
	set("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	for_each_side(by)
		for_each_side(writer)
			test_soft_dirty(by, writer);
	for_each_side(writer) {
		test_huge(writer);
		test_scan(writer);
	}
	test_snapshots();
	return sides_end();
}
