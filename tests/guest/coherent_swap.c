// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that go out to swap and come back: with what the last side stored, each time. Also
 * those of MADV_FREE, which Linux throws away unless somebody has stored to them since.
 *
 * With the module zram loaded (see the list).
 */
#include "coherent.h"
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>

#define PAGES 128

static long do_pageout(void *p) { return madvise(p, PAGES * PAGE, MADV_PAGEOUT); }
static long do_free(void *p) { return madvise(p, PAGES * PAGE, MADV_FREE); }
static long do_cold(void *p) { return madvise(p, PAGES * PAGE, MADV_COLD); }

static long do_swapon(void *unused)
{
	return !set("/sys/block/zram0/disksize", "64M") || system("mkswap /dev/zram0 >/dev/null 2>&1") ||
	       swapon("/dev/zram0", 0);
}

/* Linux may leave a page that is in somebody's hands just now, or on another CPU's list. */
#define MOST(pages) ((pages) * 3 / 4)

static long page_out(enum side by, volatile char *p)
{
	for (int i = 0; i < 10 && pages_with(p, PAGES, PM_PRESENT); i++)
		on(by, do_pageout, (void *)p);
	return pages_with(p, PAGES, PM_SWAPPED);
}

static void test_swap(enum side by, enum side writer)
{
	volatile char *p = map_pages(PAGES);
	long out = 0, bad = 0;

	for (int i = 0; i < 5; i++) {
		fill(writer, p, PAGES, i);
		out += page_out(by, p);
		/* by turns the one or the other side brings them in, to read or to write */
		if (i == 4)
			break;
		bad += wrong(i & 1 ? OUTSIDE : INSIDE, p, PAGES, i);
	}
	ok(out >= MOST(5 * PAGES), "sent out %s 5 times: %ld pages are in swap", side_name[by], out);
	ok(!bad && intact(p, PAGES, 4), "what was written %s came back (%ld words did not)", side_name[writer], bad);
	ok(shared(p) && shared(p + (PAGES - 1) * PAGE), "and is shared by both sides");
	munmap((void *)p, PAGES * PAGE);
}

/* Brought in by reading it is clean, and a copy stays in swap: a store must make that one invalid. */
static void test_read_then_written(enum side reader, enum side writer)
{
	volatile char *p = map_pages(PAGES);
	long bad = 0;

	fill(INSIDE, p, PAGES, 1);
	page_out(OUTSIDE, p);
	bad += wrong(reader, p, PAGES, 1);
	fill(writer, p, PAGES, 2);
	page_out(OUTSIDE, p);
	bad += wrong(reader, p, PAGES, 2);
	/* and one word alone */
	((volatile uint64_t *)p)[0] = 77;
	page_out(INSIDE, p);
	ok(!bad && *(volatile uint64_t *)p == 77 && !wrong(reader, p + PAGE, PAGES - 1, 2),
	   "read %s, written %s, out again: %ld words lost", side_name[reader], side_name[writer], bad);
	munmap((void *)p, PAGES * PAGE);
}

/*
 * MADV_FREE makes the entry clean and leaves it writable: that somebody stored to the
 * page afterwards is in the dirty bit alone. Pages that nobody stored to may be gone.
 */
static void test_free(enum side by, enum side writer)
{
	volatile char *p = map_pages(PAGES);
	long lost = 0, other = 0, gone = 0;

	fill(writer, p, PAGES, 1);
	warm(p, PAGES);
	on(by, do_free, (void *)p);
	for (long i = 0; i < PAGES; i += 2)
		fill(writer, p + i * PAGE, 1, 2);
	for (int i = 0; i < 3; i++)
		on(by, do_pageout, (void *)p);
	for (long i = 0; i < PAGES; i++) {
		volatile uint64_t *w = (volatile uint64_t *)(p + i * PAGE);

		if (!(i & 1))
			lost += wrong(INSIDE, w, 1, 2) != 0 || wrong(OUTSIDE, w, 1, 2) != 0;
		else if (!*w)
			gone++;
		else
			other += wrong(INSIDE, w, 1, 1) != 0;
	}
	ok(!lost, "MADV_FREE %s, every second page written %s: %ld of them lost", side_name[by],
	   side_name[writer], lost);
	ok(!other, "of the others %ld are gone, none is half gone", gone);
	/* Whether Linux takes any is Linux's affair: they may sit in a batch where reclaim does not look. */
	if (!gone)
		skip(1, "Linux freed none of them");
	else
		ok(gone <= PAGES / 2, "some are gone, at most those that nobody wrote");
	munmap((void *)p, PAGES * PAGE);
}

/* The same with a mapping that two processes have: the copy in swap is for both. */
static void test_shared_memory(enum side writer)
{
	volatile char *p = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long bad = 0;

	for (int i = 0; i < 3; i++) {
		int status = -1;
		pid_t pid;

		fill(writer, p, PAGES, 10 + i);
		for (int j = 0; j < 3; j++)
			on(OUTSIDE, do_pageout, (void *)p);
		pid = fork();
		if (!pid) {
			bad = wrong(INSIDE, p, PAGES, 10 + i);
			fill(INSIDE, p, PAGES, 20 + i);
			madvise((void *)p, PAGES * PAGE, MADV_PAGEOUT);
			_exit(bad != 0);
		}
		waitpid(pid, &status, 0);
		bad += status != 0;
		bad += wrong(INSIDE, p, PAGES, 20 + i) + wrong(OUTSIDE, p, PAGES, 20 + i);
	}
	ok_eq(bad, 0, "shared memory, written %s, out, read and written by a child, out", side_name[writer]);
	munmap((void *)p, PAGES * PAGE);
}

#define GROUP "/tmp/cgroup/small"

/* A group of processes that may have 8 MiB. */
static bool join_group(void)
{
	char pid[16];

	mkdir("/tmp/cgroup", 0700);
	if (mount("none", "/tmp/cgroup", "cgroup2", 0, NULL))
		return false;
	set("/tmp/cgroup/cgroup.subtree_control", "+memory");
	mkdir(GROUP, 0700);
	snprintf(pid, sizeof(pid), "%d", getpid());
	return set(GROUP "/memory.max", "8M") && set(GROUP "/cgroup.procs", pid);
}

static void leave_group(void)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	set("/tmp/cgroup/cgroup.procs", pid);
	rmdir(GROUP);
	umount("/tmp/cgroup");
}

/* More than there is memory: Linux chooses what goes, in the middle of a fault of either side. */
static void test_pressure(void)
{
	const long many = 1536;
	volatile char *p, *hog;
	long bad = 0, out = 0;

	if (!join_group()) {
		skip(1, "no group with a limit of its memory: %s", strerror(errno));
		return;
	}
	p = map_pages(many);
	hog = map_pages(many);
	fill(INSIDE, p, many, 1);
	for (int round = 0; round < 4; round++) {
		enum side side = round & 1 ? OUTSIDE : INSIDE;

		fill(side, hog, many, 10 + round);
		out += pages_with(p, many, PM_SWAPPED);
		bad += wrong(side, p, many, 1 + round);
		fill(!side, p, many, 2 + round);
		bad += wrong(side, hog, many, 10 + round);
	}
	ok(!bad && intact(p, many, 5) && out, "12 MiB used where there are 8, %ld pages were out: %ld words lost", out,
	   bad);
	leave_group();
	munmap((void *)p, many * PAGE);
	munmap((void *)hog, many * PAGE);
}

static long do_swapoff(void *unused) { return swapoff("/dev/zram0"); }

static void test_swapoff(void)
{
	volatile char *p = map_pages(PAGES);
	long out;

	fill(INSIDE, p, PAGES, 5);
	on(OUTSIDE, do_cold, (void *)p);
	out = page_out(OUTSIDE, p);
	ok(out >= MOST(PAGES) && !on(OUTSIDE, do_swapoff, NULL) && !pages_with(p, PAGES, PM_SWAPPED) &&
	   intact(p, PAGES, 5),
	   "swapoff() brings %ld pages in", out);
	munmap((void *)p, PAGES * PAGE);
	/* as it was, for whoever comes next */
	set("/sys/block/zram0/reset", "1");
}

int main(int argc, char **argv)
{
	sides_start(argc, argv);
	if (on(OUTSIDE, do_swapon, NULL))
		skip_all("no swap (it needs the module zram)");
	for_each_side(by) {
		for_each_side(writer) {
			test_swap(by, writer);
			test_read_then_written(by, writer);
			test_free(by, writer);
		}
		test_shared_memory(by);
	}
	test_pressure();
	test_swapoff();
	return sides_end();
}
