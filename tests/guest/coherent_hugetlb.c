// SPDX-License-Identifier: GPL-2.0
/*
 * hugetlb: pages of 2 MiB and of 1 GiB that the program asked for. Private and shared, after
 * fork(), made read-only, cut off; and a large entry for each in EPT, if the CPU can.
 *
 * Pages of 1 GiB are there if Linux was told at boot, or finds room (see the list).
 */
#include "coherent.h"

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif
#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4U
#endif

static unsigned long size;		/* of a page, now */
static int log_size;
static const char *name;

static int huge_flags(void) { return log_size << MAP_HUGE_SHIFT; }

static long do_read_only(void *p) { return mprotect(p, size, PROT_READ); }
static long do_read_write(void *p) { return mprotect(p, size, RW); }
static long do_none(void *p) { return mprotect(p, size, PROT_NONE); }
static long do_munmap(void *p) { return munmap(p, size); }
static long do_dontneed(void *p) { return madvise(p, size, MADV_DONTNEED); }

/* Places all over the page: first and last, and some in between. */
#define PLACES 64

static volatile char *place(volatile char *p, int i)
{
	return p + (size - PAGE) / (PLACES - 1) / PAGE * PAGE * i;
}

static void fill_places(enum side side, volatile char *p, uint64_t tag)
{
	for (int i = 0; i < PLACES; i++)
		fill(side, place(p, i), 1, tag);
}

static bool places_intact(volatile char *p, uint64_t tag)
{
	bool good = true;

	for (int i = 0; i < PLACES; i++)
		good &= intact(place(p, i), 1, tag);
	return good;
}

static volatile char *map_private(void)
{
	char *p = mmap(NULL, size, RW, ANON | MAP_HUGETLB | huge_flags(), -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static uint64_t ept_faults(void) { return native ? 0 : dune_counters()->ept_faults; }

static void test_rights(enum side by)
{
	volatile char *p = map_private();
	uint64_t before;

	if (!p)
		bail("%s: no page: %s", name, strerror(errno));
	poke(by, p, 1);
	before = ept_faults();
	fill_places(INSIDE, p, 1);
	before = ept_faults() - before;
	ok(places_intact(p, 1) && shared(p) && shared(place(p, PLACES - 1)), "%s, first used %s", name, side_name[by]);
	if (!native && dune_info()->caps & (size == GIB ? DUNE_CAP_EPT_1G : DUNE_CAP_EPT_2M))
		ok(before < 4, "%ld EPT faults for it", (long)before);
	ok(!on(by, do_read_only, (void *)p) && refuses(place(p, 30), WRITE, SIGSEGV, SEGV_ACCERR) &&
	   places_intact(p, 1), "read-only, made so %s", side_name[by]);
	ok(!on(by, do_none, (void *)p) && refuses(place(p, 31), READ, SIGSEGV, SEGV_ACCERR), "PROT_NONE");
	ok(!on(by, do_read_write, (void *)p) && places_intact(p, 1) && shared(place(p, 30)), "writable again");
	ok(!on(by, do_munmap, (void *)p) && refuses(place(p, 1), READ, SIGSEGV, SEGV_MAPERR), "unmapped");
}

static void test_file(enum side by)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | huge_flags());
	volatile char *a, *b;

	if (fd < 0 || ftruncate(fd, size))
		bail("%s: no file: %s", name, strerror(errno));
	a = mmap(NULL, size, RW, MAP_SHARED, fd, 0);
	b = mmap(NULL, size, RW, MAP_SHARED, fd, 0);
	if (a == MAP_FAILED || b == MAP_FAILED)
		bail("%s: no mapping: %s", name, strerror(errno));
	fill_places(by, a, 3);
	ok(places_intact(a, 3) && *place(b, 9) == *place(a, 9) && shared(place(b, 9)), "%s: a file, written %s", name,
	   side_name[by]);
	ok(!ftruncate(fd, 0) && refuses(a, READ, SIGBUS, BUS_ADRERR) && refuses(place(b, 5), WRITE, SIGBUS, BUS_ADRERR),
	   "emptied: SIGBUS");
	ok(!ftruncate(fd, size) && holds(place(a, 5), 0) && shared(b), "extended again: zero");
	munmap((void *)a, size);
	munmap((void *)b, size);
	close(fd);
}

/* Two pages are needed for this: the child's and the parent's. */
static void test_fork(enum side by, enum side writer)
{
	static volatile int *talk;
	volatile char *p = map_private();
	int status = -1;
	pid_t pid;

	talk = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fill_places(by, p, 1);
	pid = fork();
	if (!pid) {
		bool bad = false;

		while (!*talk)
			usleep(500);
		for (int i = 0; i < PLACES; i++)
			bad |= wrong(INSIDE, place(p, i), 1, 1) != 0;
		_exit(bad);
	}
	fill_places(writer, p, 2);
	*talk = 1;
	waitpid(pid, &status, 0);
	ok(!status && places_intact(p, 2), "%s: copied on a write %s, after a fork", name, side_name[writer]);
	munmap((void *)p, size);
	munmap((void *)talk, PAGE);
}

static void test_dontneed(enum side by)
{
	volatile char *p = map_private();

	fill_places(INSIDE, p, 1);
	if (on(by, do_dontneed, (void *)p))
		skip(1, "no MADV_DONTNEED of hugetlb");
	else
		ok(holds(p, 0) && holds(place(p, 50), 0) && shared(place(p, 50)), "%s: MADV_DONTNEED %s: zero", name,
		   side_name[by]);
	munmap((void *)p, size);
}

static void test_size(const char *called, int log, const char *want, long enough)
{
	char path[96];
	long got;

	name = called;
	log_size = log;
	size = 1UL << log;
	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%lukB/nr_hugepages", size >> 10);
	if (get(path) < enough)
		set(path, want);
	got = get(path);
	if (got < 1) {
		skip(1, "%s: Linux has none, and found no room for one", name);
		return;
	}
	diag("%s: %ld of them", name, got);
	for_each_side(by) {
		/* to clear a GiB takes its time: half of it by each side is enough */
		if (size < GIB || by == INSIDE)
			test_rights(by);
		if (size < GIB || by == OUTSIDE) {
			test_file(by);
			test_dontneed(by);
		}
		if (got < 2)
			skip(1, "%s: only one, and a copy needs two", name);
		for_each_side(writer)
			if (got >= 2)
				test_fork(by, writer);
	}
	set(path, "0");
}

int main(int argc, char **argv)
{
	sides_start(argc, argv);
	test_size("2 MiB", 21, "4", 4);
	test_size("1 GiB", 30, "1", 1);
	return sides_end();
}
