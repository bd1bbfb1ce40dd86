// SPDX-License-Identifier: GPL-2.0
/*
 * Copy-on-write: after fork() each process keeps its memory, whichever side forked and
 * whichever side writes; what is shared stays shared.
 */
#include "coherent.h"
#include <sys/prctl.h>

#define PAGES 32

/* Between parent and child; the child says what it saw. */
static volatile struct {
	int go, ready;
	long wrong_before, wrong_after, wrong_shared;
} *talk;

static volatile char *private, *common, *huge, *dontfork, *wipe;

static void wait_until(volatile int *what, int value)
{
	while (*what < value)
		usleep(500);
}

static long long_wrong(volatile char *p, long pages, uint64_t tag)
{
	return wrong(INSIDE, p, pages, tag);	/* this thread */
}

/* Life of a child: look, wait until the parent has written, look again, write. */
static void child(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	talk->wrong_before = long_wrong(private, PAGES, 1) + long_wrong(huge, 512, 1);
	talk->ready = 1;
	wait_until(&talk->go, 1);
	talk->wrong_after = long_wrong(private, PAGES, 1) + long_wrong(huge, 512, 1);
	talk->wrong_shared = long_wrong(common, PAGES, 2);
	fill(INSIDE, private, PAGES, 3);
	fill(INSIDE, huge, 512, 3);
	fill(INSIDE, common, PAGES, 4);
	talk->wrong_after += long_wrong(private, PAGES, 3) + long_wrong(huge, 512, 3);
	/* left out, and wiped */
	talk->wrong_after += peek(INSIDE, dontfork) != -SIGSEGV;
	talk->wrong_after += peek(INSIDE, wipe) != 0;
	talk->ready = 2;
	wait_until(&talk->go, 2);
	talk->wrong_after += long_wrong(private, PAGES, 3) + long_wrong(huge, 512, 3);
	_exit(0);
}

static long do_fork(void *unused)
{
	pid_t pid = fork();

	if (!pid)
		child();
	return pid;
}

static void test_fork(enum side by, enum side writer)
{
	int status = -1;
	pid_t pid;

	memset((void *)talk, 0, sizeof(*talk));
	fill(OUTSIDE, private, PAGES, 1);
	fill(OUTSIDE, huge, 512, 1);
	fill(OUTSIDE, common, PAGES, 1);
	warm(private, PAGES);
	warm(huge, 4);
	warm(common, PAGES);
	*dontfork = *wipe = 5;
	pid = on(by, do_fork, NULL);
	wait_until(&talk->ready, 1);
	ok(pid > 0 && !talk->wrong_before, "fork() %s: the child's memory is the parent's", side_name[by]);
	/* the child is there: a store has to break the sharing, not to go through an old entry */
	fill(writer, private, PAGES, 2);
	fill(writer, huge, 512, 2);
	fill(writer, common, PAGES, 2);
	ok(intact(private, PAGES, 2) && intact(huge, 512, 2), "stores %s are seen on both", side_name[writer]);
	talk->go = 1;
	wait_until(&talk->ready, 2);
	ok(!talk->wrong_after, "and not in the child (%ld words)", talk->wrong_after);
	ok(!talk->wrong_shared, "but in shared memory they are (%ld words)", talk->wrong_shared);
	ok(intact(private, PAGES, 2) && intact(huge, 512, 2), "the child's are not in the parent");
	ok(intact(common, PAGES, 4), "but in shared memory they are");
	ok(holds(dontfork, 5) && holds(wipe, 5), "MADV_DONTFORK and MADV_WIPEONFORK are for the child");
	talk->go = 2;
	fill(INSIDE, private, PAGES, 6);
	ok(waitpid(pid, &status, 0) == pid && !status && !talk->wrong_after, "the child ends well (%#x, %ld)", status,
	   talk->wrong_after);
	/* alone again, the pages need no copy any more */
	ok(intact(private, PAGES, 6) && shared(private) && shared(huge), "alone again memory is shared by both sides");
}

/* A store to a page that was only read since the fork: its entry has no right to write. */
static void test_read_first(enum side by)
{
	long before, after;
	int status;
	pid_t pid;

	memset((void *)talk, 0, sizeof(*talk));
	fill(INSIDE, private, PAGES, 1);
	fill(INSIDE, huge, 512, 1);
	fill(INSIDE, common, PAGES, 2);
	pid = on(by, do_fork, NULL);
	wait_until(&talk->ready, 1);
	before = wrong(INSIDE, private, PAGES, 1) + wrong(OUTSIDE, private, PAGES, 1);
	fill(INSIDE, private, PAGES / 2, 7);
	fill(OUTSIDE, private + PAGES / 2 * PAGE, PAGES / 2, 7);
	after = wrong(INSIDE, private, PAGES, 7) + wrong(OUTSIDE, private, PAGES, 7);
	ok(!before && !after, "fork() %s, read, then written from both sides: %ld, %ld wrong", side_name[by],
	   before, after);
	talk->go = 2;
	waitpid(pid, &status, 0);
	ok(!status && !talk->wrong_after, "the child saw nothing of it (%ld)", talk->wrong_after);
}

/* Children of children, all of whom keep what they had. */
static long generations(void *depth_left)
{
	long depth = (long)depth_left;
	int status = -1;
	pid_t pid = fork();

	if (pid) {
		fill(INSIDE, private, PAGES, 200 + depth);
		if (waitpid(pid, &status, 0) != pid || status)
			return 1;
		return long_wrong(private, PAGES, 200 + depth);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	usleep(3000);		/* the parent writes */
	status = long_wrong(private, PAGES, 100 + depth + 1) != 0;
	fill(INSIDE, private, PAGES, 100 + depth);
	if (depth)
		status |= generations((void *)(depth - 1)) != 0;
	_exit(status);
}

static void test_generations(enum side by)
{
	fill(INSIDE, private, PAGES, 104);
	ok_eq(on(by, generations, (void *)3L), 0, "four generations of children, from %s", side_name[by]);
	ok(intact(private, PAGES, 203), "the first of them is right at the end");
}

int main(int argc, char **argv)
{
	char *area;

	sides_start(argc, argv);
	set("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	talk = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	common = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	private = map_pages(PAGES);
	dontfork = map_pages(1);
	madvise((void *)dontfork, PAGE, MADV_DONTFORK);
	wipe = map_pages(1);
	madvise((void *)wipe, PAGE, MADV_WIPEONFORK);
	area = mmap(NULL, 2 * MIB2, RW, ANON, -1, 0);
	huge = (char *)(((uintptr_t)area + MIB2 - 1) & ~(MIB2 - 1));
	madvise((void *)huge, MIB2, MADV_HUGEPAGE);
	*huge = 1;
	if (smaps_kib(huge, "AnonHugePages") <= 0)
		diag("Linux gave no huge page");
	for_each_side(by)
		for_each_side(writer)
			test_fork(by, writer);
	for_each_side(by) {
		test_read_first(by);
		test_generations(by);
	}
	return sides_end();
}
