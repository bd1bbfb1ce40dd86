// SPDX-License-Identifier: GPL-2.0
/*
 * Linux moves pages to other frames: when it compacts memory, when a block of memory goes
 * offline, from node to node. Both sides go on with the same words, and no store to the
 * old frame is lost.
 *
 * Blocks can go offline where nothing but pages of processes is in them: with the kernel's
 * arguments movablecore and nokaslr (see the list).
 */
#include "coherent.h"
#include <dirent.h>
#include <sys/syscall.h>

#define PAGES 2048
#define BLOCKS "/sys/devices/system/memory/"

static volatile char *p;
static uint64_t before[PAGES];

static void remember_frames(void) { pagemaps(p, PAGES, before); }

static long count_moved(void)
{
	static uint64_t now[PAGES];
	long n = 0;

	pagemaps(p, PAGES, now);
	for (long i = 0; i < PAGES; i++)
		n += (now[i] & PM_FRAME) != (before[i] & PM_FRAME);
	return n;
}

/* ---- Compaction ----------------------------------------------------------------- */

static long do_compact(void *unused) { return !set("/proc/sys/vm/compact_memory", "1"); }

/* The pages, with three holes behind each, so that there is something to compact. */
static void scatter(enum side writer, uint64_t tag)
{
	volatile char *hole = map_pages(3 * PAGES);

	madvise((void *)p, PAGES * PAGE, MADV_DONTNEED);
	for (long i = 0; i < PAGES; i++) {
		p[i * PAGE] = 1;
		for (int j = 0; j < 3; j++)
			hole[(3 * i + j) * PAGE] = 1;
	}
	munmap((void *)hole, 3 * PAGES * PAGE);
	fill(writer, p, PAGES, tag);
	warm(p, 64);
}

static void test_compaction(enum side by, enum side writer)
{
	long moved = 0, bad = 0;

	p = map_pages(PAGES);
	for (int i = 0; i < 3; i++) {
		scatter(writer, i);
		remember_frames();
		bad += on(by, do_compact, NULL) != 0;
		moved += count_moved();
		bad += wrong(INSIDE, p, PAGES, i) + wrong(OUTSIDE, p, PAGES, i);
	}
	ok(!bad, "memory compacted %s 3 times: %ld wrong of what was written %s", side_name[by], bad,
	   side_name[writer]);
	ok(moved && shared(p) && shared(p + (PAGES - 1) * PAGE), "%ld pages moved", moved);
	munmap((void *)p, PAGES * PAGE);
}

/* ---- Blocks of memory ---------------------------------------------------------------- */

struct block {
	char path[96];
	uint64_t first, last;		/* frames */
	bool stuck;			/* something in it does not move: the kernel, what was there at boot */
};

static struct block blocks[32];
static int nr_blocks;

/* The blocks that hold nothing but what can be moved. */
static void find_blocks(void)
{
	uint64_t frames;
	char size[32] = "", zones[96];
	FILE *f = fopen(BLOCKS "block_size_bytes", "re");

	if (!f || !fgets(size, sizeof(size), f))
		return;
	fclose(f);
	frames = strtoul(size, NULL, 16) / PAGE;
	for (int i = 0; i < 256 && nr_blocks < 32; i++) {
		struct block *b = &blocks[nr_blocks];

		snprintf(b->path, sizeof(b->path), BLOCKS "memory%d/valid_zones", i);
		f = fopen(b->path, "re");
		if (!f)
			continue;
		if (fgets(zones, sizeof(zones), f) && !strncmp(zones, "Movable", 7)) {
			snprintf(b->path, sizeof(b->path), BLOCKS "memory%d/state", i);
			b->first = i * frames;
			b->last = b->first + frames - 1;
			nr_blocks++;
		}
		fclose(f);
	}
}

static long do_offline(void *b) { return !set(((struct block *)b)->path, "offline"); }
static long do_online(void *b) { return !set(((struct block *)b)->path, "online_movable"); }

static long count_in(const struct block *b)
{
	static uint64_t entry[PAGES];
	long n = 0;

	pagemaps(p, PAGES, entry);
	for (long i = 0; i < PAGES; i++) {
		uint64_t frame = entry[i] & PM_FRAME;

		n += frame >= b->first && frame <= b->last;
	}
	return n;
}

static struct block *fullest(void)
{
	struct block *best = NULL;
	long most = 0;

	for (int i = 0; i < nr_blocks; i++)
		if (!blocks[i].stuck && count_in(&blocks[i]) > most) {
			most = count_in(&blocks[i]);
			best = &blocks[i];
		}
	return best;
}

/* The block with the most of our pages that Linux lets go. */
static struct block *send_offline(enum side by)
{
	struct block *b;

	while ((b = fullest()) && on(by, do_offline, b))
		b->stuck = true;
	return b;
}

#define MAX_ELSEWHERE 30

/*
 * PAGES pages, most of them in a block that can go. What was given out elsewhere before that
 * stays in use, so that the next come from there at once.
 */
static char *map_in_block(bool huge)
{
	static int elsewhere;

	for (;;) {
		char *area = mmap(NULL, PAGES * PAGE + MIB2, RW, ANON, -1, 0);

		if (area == MAP_FAILED)
			bail("mmap: %s", strerror(errno));
		p = (char *)(((uintptr_t)area + MIB2 - 1) & ~(MIB2 - 1));
		madvise((void *)p, PAGES * PAGE, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
		for (long i = 0; i < PAGES; i++)
			p[i * PAGE] = 1;
		if ((fullest() && count_in(fullest()) > PAGES / 2) || elsewhere++ >= MAX_ELSEWHERE)
			return area;
	}
}

static void test_offline(enum side by, enum side writer, bool huge)
{
	long moved = 0, bad = 0, times = 0;

	for (int i = 0; i < 3; i++) {
		char *area = map_in_block(huge);
		struct block *b;

		fill(writer, p, PAGES, i);
		warm(p, 64);
		remember_frames();
		b = send_offline(by);
		if (!b) {
			munmap(area, PAGES * PAGE + MIB2);
			continue;
		}
		times++;
		moved += count_moved();
		bad += count_in(b);
		bad += wrong(INSIDE, p, PAGES, i) + wrong(OUTSIDE, p, PAGES, i);
		fill(!writer, p, PAGES, 10 + i);
		on(by, do_online, b);
		bad += wrong(INSIDE, p, PAGES, 10 + i) + wrong(OUTSIDE, p, PAGES, 10 + i);
		bad += !shared(p) || !shared(p + (PAGES - 1) * PAGE);
		munmap(area, PAGES * PAGE + MIB2);
	}
	if (!times) {
		skip(2, "no block of memory can go offline");
		return;
	}
	ok(!bad, "a block of memory offline %s, %ld times, %s pages: %ld wrong", side_name[by], times,
	   huge ? "huge" : "small", bad);
	ok(moved, "%ld pages moved", moved);
}

static volatile bool stop;
static volatile long times, compactions;

/* Offline and online again, and compaction in between. */
static void *move_all_the_time(void *unused)
{
	while (!stop) {
		/* this thread is its own side */
		struct block *b = send_offline(INSIDE);

		if (b) {
			times++;
			do_online(b);
		}
		compactions += !do_compact(NULL);
		usleep(1000);
	}
	return NULL;
}

/* Dune mode counts in each page while they are moved. */
static void test_while_written(void)
{
	uint64_t n, lost = 0;
	pthread_t t;

	map_in_block(false);
	for (long i = 0; i < PAGES; i++)
		*(volatile uint64_t *)(p + i * PAGE) = 0;
	step_out();
	pthread_create(&t, NULL, move_all_the_time, NULL);
	step_in();
	for (n = 0; n < 100000 && times < 12 && compactions < 15; n++)
		for (long i = 0; i < PAGES; i++) {
			volatile uint64_t *w = (volatile uint64_t *)(p + i * PAGE);

			lost += *w != n;
			*w = n + 1;
		}
	stop = true;
	step_out();
	pthread_join(t, NULL);
	step_in();
	for (long i = 0; i < PAGES; i++)
		lost += *(volatile uint64_t *)(p + i * PAGE) != n;
	ok(!lost && compactions,
	   "compacted %ld times, and %ld times moved away, while Dune mode writes: %ld of %ld stores lost", compactions, times, (long)lost, (long)n * PAGES);
	munmap((void *)p, PAGES * PAGE);
}

/* ---- Nodes ----------------------------------------------------------------------------- */

#define MOVE_ALL 4

struct move {
	int node;
	int status[PAGES];
};

static long do_move_pages(void *arg)
{
	static void *page[PAGES];
	static int node[PAGES];
	struct move *m = arg;

	for (long i = 0; i < PAGES; i++) {
		page[i] = (void *)(p + i * PAGE);
		node[i] = m->node;
	}
	return syscall(SYS_move_pages, 0, PAGES, page, node, m->status, MOVE_ALL);
}

static void test_nodes(enum side by)
{
	static struct move m;
	long bad = 0, on_node = 0, moved = 0;

	if (access(BLOCKS "../node/node1", F_OK)) {
		skip(2, "one node only: nowhere to move pages to");
		return;
	}
	p = map_pages(PAGES);
	for (int i = 0; i < 4; i++) {
		fill(i & 2 ? OUTSIDE : INSIDE, p, PAGES, i);
		remember_frames();
		m.node = !(i & 1);
		bad += on(by, do_move_pages, &m) < 0;
		moved += count_moved();
		for (int j = 0; j < PAGES; j++)
			on_node += m.status[j] == m.node;
		bad += wrong(INSIDE, p, PAGES, i) + wrong(OUTSIDE, p, PAGES, i);
	}
	ok(!bad && shared(p), "move_pages() %s, 4 times: %ld wrong", side_name[by], bad);
	ok(moved > PAGES && on_node > 3 * PAGES, "%ld pages moved, %ld of %d where they should be", moved,
	   on_node, 4 * PAGES);
	munmap((void *)p, PAGES * PAGE);
}

int main(int argc, char **argv)
{
	sides_start(argc, argv);
	set("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	find_blocks();
	if (!nr_blocks)
		diag("no block of memory is movable");
	for_each_side(by) {
		for_each_side(writer) {
			test_compaction(by, writer);
			test_offline(by, writer, false);
		}
		test_offline(by, INSIDE, true);
		test_nodes(by);
	}
	test_while_written();
	return sides_end();
}
