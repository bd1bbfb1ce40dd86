// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What runs at the same time: fills against fills, fills against edits, the CPU's A
 * and D against edits.
 */
#include "pgtest.h"

#include <pthread.h>

#include "pgtable_table.h"

#define VA	(300 * GIB)
#define THREADS	3

static pthread_barrier_t barrier;
static bool stop;

static void run_threads(unsigned int n, void *(*fn)(void *), void (*meanwhile)(void))
{
	pthread_t thread[THREADS];

	pthread_barrier_init(&barrier, NULL, n + !!meanwhile);
	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (uintptr_t i = 0; i < n; i++)
		if (pthread_create(&thread[i], NULL, fn, (void *)i))
			bail("no threads");
	if (meanwhile) {
		pthread_barrier_wait(&barrier);
		meanwhile();
		__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	}
	for (unsigned int i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&barrier);
}

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

/* ---- Fill against fill -------------------------------------------------------- */

static struct dune_root *root;
static unsigned int bad;
static uintptr_t fill_from, fill_step;
static unsigned int fill_count;

static void *fill_all(void *arg)
{
	pthread_barrier_wait(&barrier);
	for (unsigned int i = 0; i < fill_count; i++)
		if (dune_pt_fill(root, fill_from + i * fill_step + (uintptr_t)arg))
			__atomic_add_fetch(&bad, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void fill_fill(uintptr_t from, uintptr_t step, unsigned int count, unsigned int pdpts)
{
	size_t start = pgtest_pages();
	unsigned int wrong = 0;

	bad = 0;
	fill_from = from;
	fill_step = step;
	fill_count = count;
	for (unsigned int round = 0; round < 20; round++) {
		dune_root_clone(dune_root_default(), &root);
		run_threads(THREADS, fill_all, NULL);
		for (unsigned int i = 0; i < count; i++)
			wrong += !pgtest_maps(root, from + i * step, from + i * step, RWX, dune_pt_1g ? 3 : 2);
		wrong += pgtest_pages() != start + 1 + pdpts + (dune_pt_1g ? 0 : count);
		dune_root_free(root);
	}
	ok_eq(bad, 0, "threads that fill the same GiBs all succeed");
	ok_eq(wrong, 0, "each GiB is mapped, by one set of tables");
	ok_eq(pgtest_pages(), start, "no page is left over");
}

/* ---- Fill against edits ---------------------------------------------------------- */

/*
 * While the tables of a root are copied, retired, freed and used anew for other
 * things, threads touch what nobody takes away: each touch must succeed. A fill
 * that wrote to a page that is a table no more would show in the pages that are
 * allocated and looked at here.
 */
static void *touch(void *arg)
{
	uintptr_t i = (uintptr_t)arg;

	pthread_barrier_wait(&barrier);
	while (!stopped()) {
		uintptr_t va = VA + (i++ % 8) * GIB;
		int ret = dune_pt_fill(root, va);

		if (ret)
			__atomic_add_fetch(&bad, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static unsigned int spoiled(void)
{
	uint64_t *page[16];
	unsigned int n = 0;

	for (unsigned int i = 0; i < 16; i++)
		page[i] = dune_page_alloc();
	for (unsigned int i = 0; i < 16; i++) {
		for (unsigned int j = 0; j < 512; j++)
			n += page[i][j] != 0;
		dune_page_put(page[i]);
	}
	return n;
}

static unsigned int spoiled_words;

static void edit_meanwhile(void)
{
	struct dune_root *clone;

	for (unsigned int i = 0; i < 4000; i++) {
		dune_root_clone(root, &clone);
		/*
		 * The root gets a table of its own, and the clone's, which fills
		 * may still see, is freed.
		 */
		dune_pt_unmap(root, VA + (20 + i % 200) * GIB, GIB);
		dune_pt_protect(root, VA + (i % 8) * GIB + MIB2, KIB4, i % 2 ? RWX : DUNE_PROT_NONE);
		dune_pt_map(root, VA + (i % 8) * GIB, GIB, VA + (i % 8) * GIB, RWX);
		dune_root_free(clone);
		dune_pt_drain();
		spoiled_words += spoiled();
	}
}

static void fill_edit(void)
{
	size_t start = pgtest_pages();

	bad = spoiled_words = 0;
	dune_root_clone(dune_root_default(), &root);
	run_threads(THREADS, touch, edit_meanwhile);
	ok_eq(bad, 0, "a GiB that nobody takes away can always be filled in");
	ok_eq(spoiled_words, 0, "no fill goes to a page that is no table any more");
	dune_root_free(root);
	ok_eq(pgtest_pages(), start, "no page is left over");
}

/*
 * A fresh clone each time, whose PDPT is copied or unmapped just when the
 * first fills come: the moment when a fill can hit the table that goes.
 */
static struct dune_root *shared_root;

static void *fill_once(void *arg)
{
	bool last;

	pthread_barrier_wait(&barrier);
	do {
		for (unsigned int i = 0; i < 64; i++)
			if (dune_pt_fill(shared_root, VA + (i * 7 % 64) * GIB + (uintptr_t)arg))
				__atomic_add_fetch(&bad, 1, __ATOMIC_RELAXED);
		pthread_barrier_wait(&barrier);
		last = stopped();
		pthread_barrier_wait(&barrier);
	} while (!last);
	return NULL;
}

static unsigned int lost;

static void copy_meanwhile(void)
{
	struct dune_root *clone;

	for (unsigned int round = 0; round < 500; round++) {
		dune_root_clone(shared_root, &clone);
		dune_pt_map(shared_root, VA + 100 * GIB, KIB4, VA, RWX);
		dune_root_free(clone);
		if (round == 499)
			__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
		pthread_barrier_wait(&barrier);
		/*
		 * A fill may have been overtaken by the copy after it was there:
		 * then it comes again.
		 */
		for (unsigned int i = 0; i < 64; i++)
			lost += dune_pt_fill(shared_root, VA + i * GIB) ||
				!pgtest_maps(shared_root, VA + i * GIB, VA + i * GIB, RWX, 0);
		dune_root_free(shared_root);
		dune_root_clone(dune_root_default(), &shared_root);
		dune_pt_fill(shared_root, VA + 100 * GIB);	/* makes a table to share */
		pthread_barrier_wait(&barrier);
	}
}

static void fill_copy(void)
{
	size_t start = pgtest_pages();

	bad = lost = 0;
	dune_root_clone(dune_root_default(), &shared_root);
	run_threads(THREADS, fill_once, copy_meanwhile);
	ok_eq(bad, 0, "fills of a table that is being copied succeed");
	ok_eq(lost, 0, "and what they fill in is right");
	dune_root_free(shared_root);
	ok_eq(pgtest_pages(), start, "no page is left over");
}

/* ---- Edits against edits ------------------------------------------------------------ */

static void *edit(void *arg)
{
	uintptr_t va = VA + (uintptr_t)arg * 2 * MIB2;	/* all in one PD */
	struct dune_root *clone;
	unsigned int wrong = 0;

	pthread_barrier_wait(&barrier);
	for (unsigned int i = 0; i < 3000; i++) {
		uintptr_t page = va + i % 1000 * KIB4;

		wrong += dune_pt_map(root, va, 2 * MIB2, va + GIB, RWX) != 0;
		wrong += dune_root_clone(root, &clone) != 0;
		wrong += dune_pt_protect(root, page, KIB4, DUNE_PROT_READ) != 0;
		dune_pt_enter();	/* no table may go under this thread's own walk */
		wrong += !pgtest_maps(root, page, page + GIB, DUNE_PROT_READ, 1);
		wrong += !pgtest_maps(clone, page, page + GIB, RWX, 2);
		dune_pt_leave();
		wrong += dune_root_free(clone) != 0;
		wrong += dune_pt_unmap(root, va, 2 * MIB2) != 0;
		dune_pt_enter();
		wrong += !pgtest_absent(root, page);
		dune_pt_leave();
	}
	__atomic_add_fetch(&bad, wrong, __ATOMIC_RELAXED);
	return NULL;
}

static void edit_edit(void)
{
	size_t start = pgtest_pages();

	bad = 0;
	dune_root_new(&root);
	run_threads(THREADS, edit, NULL);
	ok_eq(bad, 0, "threads that edit neighbours in one root do not disturb each other");
	ok_eq(pgtest_leaves(root, 0, USER_END).all, 0, "nothing is mapped in the end");
	dune_root_free(root);
	ok_eq(pgtest_pages(), start, "no page is left over");
}

/* ---- The CPU against edits ---------------------------------------------------------- */

/*
 * A write as the CPU makes it: walk, and set A and D in the leaf with one locked
 * operation if the rights are there. Tables stay while it is at it, as a flush
 * waits for a CPU.
 */
static bool cpu_write(uintptr_t va)
{
	struct hit hit;
	bool done;

	dune_pt_enter();
	hit = pgtest_walk(root, va);
	done = hit.present && (hit.entry & DUNE_PTE_W) &&
	       __atomic_compare_exchange_n(hit.pte, &hit.entry, hit.entry | DUNE_PTE_A | DUNE_PTE_D, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	dune_pt_leave();
	return done;
}

/* Rights of 512 pages change all the time, the CPU writes each page once. */
static bool dirty[512];

static void *cpu(void *arg)
{
	uintptr_t offset = (uintptr_t)arg;

	pthread_barrier_wait(&barrier);
	while (!stopped())
		for (unsigned int i = 0; i < 512; i++)
			if (!dirty[i] && cpu_write(VA + i * KIB4 + offset))
				dirty[i] = true;
	return NULL;
}

static void protect_meanwhile(void)
{
	static const int prots[] = { RWX, DUNE_PROT_READ, DUNE_PROT_NONE, RWX | DUNE_PROT_USER, DUNE_PROT_WRITE };

	for (unsigned int i = 0; i < 20000; i++)
		dune_pt_protect(root, VA, MIB2, prots[i % 5]);
	dune_pt_protect(root, VA, MIB2, RWX);
}

static void write_protect(void)
{
	unsigned int written = 0, wrong = 0;

	dune_root_new(&root);
	for (unsigned int round = 0; round < 5; round++) {
		dune_pt_map(root, VA, MIB2, VA, RWX);
		dune_pt_split(root, VA, DUNE_LEVEL_4K);
		memset(dirty, 0, sizeof(dirty));
		run_threads(1, cpu, protect_meanwhile);
		for (unsigned int i = 0; i < 512; i++) {
			written += dirty[i];
			wrong += dirty[i] && !(pgtest_walk(root, VA + i * KIB4).entry & DUNE_PTE_D);
		}
	}
	ok_eq(wrong, 0, "no dirty bit is lost when rights change");
	ok(written, "the CPU did write: %u pages", written);
	dune_root_free(root);
}

/* One write while a large page is being split: the two start together, thousands of times. */
static unsigned int turn, turns_done, wrote;

static void *cpu_turns(void *arg)
{
	unsigned int last = 0;

	pthread_barrier_wait(&barrier);
	while (!stopped()) {
		unsigned int now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE);

		if (now == last)
			continue;
		for (volatile unsigned int delay = 0; delay < now % 256; delay++)
			;
		wrote = cpu_write(VA + (uintptr_t)arg);
		last = now;
		__atomic_store_n(&turns_done, now, __ATOMIC_RELEASE);
	}
	return NULL;
}

static unsigned int split_wrong, split_written;

static void split_meanwhile(void)
{
	for (unsigned int now = 1; now <= 20000; now++) {
		dune_pt_map(root, VA, MIB2, VA, RWX);
		__atomic_store_n(&turn, now, __ATOMIC_RELEASE);
		dune_pt_split(root, VA, DUNE_LEVEL_4K);
		while (__atomic_load_n(&turns_done, __ATOMIC_ACQUIRE) != now)
			;
		split_written += wrote;
		split_wrong += wrote && !(pgtest_walk(root, VA).entry & DUNE_PTE_D);
	}
}

static void write_split(void)
{
	dune_root_new(&root);
	run_threads(1, cpu_turns, split_meanwhile);
	ok_eq(split_wrong, 0, "no dirty bit is lost when a page is split");
	ok(split_written, "the CPU did write: %u times", split_written);
	dune_root_free(root);
}

int main(void)
{
	pgtest_init(true);
	for (int have_1g = 1; have_1g >= 0; have_1g--) {
		diag("%s 1 GiB pages", have_1g ? "with" : "without");
		dune_pt_1g = have_1g;
		fill_fill(VA, GIB, 600, 2);		/* across a border of PML4 entries */
		fill_fill(GIB, 512 * GIB, 256, 256);	/* each in a PDPT of its own */
		fill_edit();
		fill_copy();
	}
	edit_edit();
	write_protect();
	write_split();
	return tap_done();
}
