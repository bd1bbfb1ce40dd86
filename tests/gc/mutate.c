// SPDX-License-Identifier: GPL-2.0
/*
 * Random changes to a graph while cycles run one after the other, each of them proved (--verify's second trace),
 * what is freed poisoned, and every node known by its number.
 *
 *	mutate [BACKEND [STEPS [MINUTES]]]	all, the default: every backend this machine has
 *
 * MINUTES, of this machine's clock: again and again for so long, each time with other changes.
 */
#include "each.h"
#include "gc.h"
#include "heap.h"
#include "stats.h"
#include "tap.h"
#include "track.h"
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define SLOTS	512
#define LINKS	6
#define MAGIC	0x6e6f6465UL
#define HEAP	(24UL << 20)

struct node {
	unsigned long magic, number, check;
	struct node *link[LINKS];
	char *leaf;
};

static unsigned long steps = 100000, minutes;
static unsigned long rounds;		/* over: what is drawn depends on it */
static unsigned long broken, finalized, registered;

static unsigned long draw(unsigned long *state)
{
	*state = *state * 6364136223846793005UL + 1442695040888963407UL;
	return *state >> 33;
}

/* What thread @i of this round begins to draw from. */
static void *seed_of(unsigned long i)
{
	return (void *)(rounds * 1000 + i);
}

static void *must(void *p)
{
	if (!p)
		bail("the heap is full: %zu KiB live of %zu, after %lu cycles", heap.live >> 10, HEAP >> 10, (unsigned long)stats.cycles);
	return p;
}

static void on_final(void *object, void *data)
{
	struct node *n = object;

	if (n->magic != MAGIC)
		__atomic_add_fetch(&broken, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&finalized, 1, __ATOMIC_RELAXED);
}

static struct node *make(unsigned long *state)
{
	/* Cells of many sizes; now and then a large one. */
	size_t extra = draw(state) % 100 ? draw(state) % 300 : draw(state) % 40000;
	struct node *volatile n = must(gc_alloc(sizeof(*n) + extra));

	n->magic = MAGIC;
	n->number = draw(state);
	n->check = ~n->number;
	if (draw(state) % 4 == 0) {
		n->leaf = must(gc_alloc_leaf(16 + draw(state) % 200));
		n->leaf[0] = n->number;
	}
	if (draw(state) % 512 == 0) {
		gc_finalizer(n, on_final, NULL);
		__atomic_add_fetch(&registered, 1, __ATOMIC_RELAXED);
	}
	return n;
}

static void look(struct node *n)
{
	if (n && (n->magic != MAGIC || n->check != ~n->number || (n->leaf && n->leaf[0] != (char)n->number)))
		__atomic_add_fetch(&broken, 1, __ATOMIC_RELAXED);
}

/* ---- A data segment that the kernel writes ------------------------------------------------ */

#define ROWS	16
#define COLUMNS	512		/* a page */

static struct node *global[ROWS][COLUMNS] __attribute__((aligned(PAGE_SIZE)));
static unsigned long rows;
static __thread struct node **row;
static __thread int through[2];

static void row_begin(void)
{
	row = global[__atomic_fetch_add(&rows, 1, __ATOMIC_RELAXED) % ROWS];
	if (pipe(through))
		bail("pipe: %s", strerror(errno));
}

static void row_end(void)
{
	memset(row, 0, sizeof(global[0]));
	close(through[0]);
	close(through[1]);
}

/* Nothing but read(2) writes a row, while it is used: a store of ours would make its page dirty. */
static void by_kernel(struct node **to, struct node *const *from)
{
	if (write(through[1], from, sizeof(*from)) != sizeof(*from) || read(through[0], to, sizeof(*to)) != sizeof(*to))
		bail("a pointer through a pipe: %s", strerror(errno));
}

static void change_global(struct node **slot, unsigned long *state)
{
	static struct node *const nothing;
	unsigned long k = draw(state) % 16 * 32;

	look(row[k]);
	if (draw(state) % 2) {
		by_kernel(&row[k], slot);
		*slot = NULL;
	} else {
		*slot = row[k];
		by_kernel(&row[k], &nothing);
	}
}

/* One change: new node, link moved (for a moment in a register only), link cut, walk. */
static void change(struct node **slot, unsigned long *state)
{
	unsigned long i = draw(state) % SLOTS, j = draw(state) % SLOTS, l = draw(state) % LINKS, m = draw(state) % LINKS;
	struct node *n;

	switch (draw(state) % 8) {
	case 0:
	case 1:
		n = make(state);
		n->link[l] = slot[i];
		slot[i] = n;
		break;
	case 2:
		slot[i] = draw(state) % 3 ? slot[j] : NULL;
		break;
	case 3:
	case 4:
		/* Out of one object, into another: what a marker may have seen and what not. */
		if (slot[i] && slot[j]) {
			n = slot[i]->link[l];
			slot[i]->link[l] = NULL;
			slot[j]->link[m] = n;
		}
		break;
	case 5:
		if (slot[i])
			slot[i]->link[l] = draw(state) % 2 ? slot[j] : NULL;
		break;
	default:
		for (n = slot[i]; n && draw(state) % 8; n = n->link[draw(state) % LINKS])
			look(n);
	}
}

/* Graphs must not grow for ever: a slot's chain is cut now and then. */
static void *mutator(void *arg)
{
	unsigned long state = (unsigned long)arg;
	struct node **volatile slot = must(gc_alloc(SLOTS * sizeof(*slot)));

	row_begin();
	for (unsigned long s = 0; s < steps; s++) {
		change(slot, &state);
		if (s % 8 == 0)
			change_global(&slot[draw(&state) % SLOTS], &state);
		if (s % 16 == 0)
			slot[draw(&state) % SLOTS] = NULL;
		if (s % 2000 == 1999)
			memset(slot, 0, SLOTS * sizeof(*slot));
	}
	for (int i = 0; i < SLOTS; i++)
		look(slot[i]);
	row_end();
	return NULL;
}

/* One whole cycle in four: in the others, where tracking is for nothing, only what is new is looked for. */
static void collect_some(unsigned int i)
{
	if (i % 4)
		gc_collect_new();
	else
		gc_collect();
}

static void test_threads(unsigned int n)
{
	pthread_t t[8];
	uint64_t cycles = stats.cycles, young = stats.young;
	unsigned int round = 0;

	broken = 0;
	for (unsigned int i = 0; i < n; i++)
		if (gc_spawn(&t[i], mutator, seed_of(i + 1)))
			bail("no thread");
	/* cycle after cycle, as long as they run */
	for (unsigned int i = 0; i < n; i++)
		do
			collect_some(round++);
		while (pthread_tryjoin_np(t[i], NULL));
	ok(!broken, "%s: %u threads, %lu changes each: every node is what it was (%lu are not)", track->name, n, steps, broken);
	ok(stats.cycles > cycles, "in %lu cycles, %lu objects proved", (unsigned long)(stats.cycles - cycles), (unsigned long)stats.verified_objects);
	if (track->free_writes)
		ok(stats.young > young, "of these %lu looked for what is new", (unsigned long)(stats.young - young));
}

static void *short_life(void *arg)
{
	unsigned long state = (unsigned long)arg;
	struct node *volatile n = make(&state);

	for (int i = 0; i < 50; i++) {
		struct node *next = make(&state);

		next->link[0] = n;
		n = next;
	}
	for (struct node *i = n; i; i = i->link[0])
		look(i);
	return NULL;
}

static void *collect_often(void *arg)
{
	volatile bool *stop = arg;

	for (unsigned int i = 0; !*stop; i++)
		collect_some(i);
	return NULL;
}

static void test_births(void)
{
	volatile bool stop = false;
	pthread_t collecting, t;
	unsigned int n = 0;

	broken = 0;
	if (gc_spawn(&collecting, collect_often, (void *)&stop))
		bail("no thread");
	for (n = 0; n < 60; n++) {
		if (gc_spawn(&t, short_life, seed_of(n + 1)))
			break;
		pthread_join(t, NULL);
	}
	stop = true;
	pthread_join(collecting, NULL);
	ok(n == 60 && !broken, "%s: threads that come and go while marking runs (%u)", track->name, n);
}

/* The child goes on with its copy: its own cycles, the parent's objects. */
static int child(struct node *n, unsigned long state)
{
	unsigned long length = 0;

	broken = 0;
	mutator((void *)state);
	gc_collect();
	for (; n; n = n->link[0], length++)
		look(n);
	return broken || length != 201;
}

static void test_fork(void)
{
	volatile bool stop = false;
	unsigned long state = (unsigned long)seed_of(5), saved = steps;
	struct node *volatile list = make(&state);
	pthread_t collecting;
	int bad = 0, status;

	for (int i = 0; i < 200; i++) {
		struct node *n = make(&state);

		n->link[0] = list;
		list = n;
	}
	steps = 2000;
	if (gc_spawn(&collecting, collect_often, (void *)&stop))
		bail("no thread");
	for (int i = 0; i < 6; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(child(list, (unsigned long)seed_of(i + 1)));
		bad += waitpid(pid, &status, 0) != pid || status;
	}
	stop = true;
	pthread_join(collecting, NULL);
	steps = saved;
	ok(!bad, "%s: forks while cycles run; the children collect on their own (%d went wrong)", track->name, bad);
}

/* ---- Large pages: Linux merges the heap's and splits them, while it is marked --------------- */

static unsigned long collapsed, refused, split;

/*
 * Another VMA for a part of a large page splits it. Where the backend's own protection is not what is
 * changed the rights are, too, and back.
 */
static void split_part(uintptr_t chunk, unsigned long *state)
{
	uintptr_t part = chunk + draw(state) % 448 * PAGE_SIZE;
	size_t len = (1 + draw(state) % 64) * PAGE_SIZE;
	int bad = madvise((void *)part, len, MADV_DONTDUMP) | madvise((void *)part, len, MADV_DODUMP);

	if (!track->foreign)
		bad |= mprotect((void *)part, len, PROT_READ | PROT_WRITE | PROT_EXEC) |
		       mprotect((void *)part, len, PROT_READ | PROT_WRITE);
	split += !bad;
}

static void merge_and_split(unsigned long *state)
{
	uintptr_t chunk = heap.lo + draw(state) % (heap_pages() / (CHUNK_SIZE / PAGE_SIZE)) * CHUNK_SIZE;

	madvise((void *)chunk, CHUNK_SIZE, MADV_HUGEPAGE);
	if (madvise((void *)chunk, CHUNK_SIZE, MADV_COLLAPSE))
		refused++;
	else
		collapsed++;
	for (int i = 0; i < 4; i++)
		split_part(chunk, state);
	if (draw(state) % 2)
		madvise((void *)chunk, CHUNK_SIZE, MADV_NOHUGEPAGE);
}

static void *merge_and_split_often(void *arg)
{
	volatile bool *stop = arg;
	unsigned long state = (unsigned long)seed_of(11);

	while (!*stop)
		merge_and_split(&state);
	return NULL;
}

static void test_large_pages(void)
{
	unsigned long saved = steps;
	volatile bool stop = false;
	pthread_t pages;

	if (gc_spawn(&pages, merge_and_split_often, (void *)&stop))
		bail("no thread");
	steps = saved / 2;
	test_threads(2);
	steps = saved;
	stop = true;
	pthread_join(pages, NULL);
	ok(split, "%s: parts of the heap got other VMAs meanwhile, %lu times", track->name, split);
	if (madvise((void *)heap.lo, 0, MADV_COLLAPSE))
		skip(1, "%s: this kernel has no MADV_COLLAPSE (Linux 6.1)", track->name);
	else if (track == &track_uffd)
		skip(1, "%s: the kernel makes no large page of pages that userfaultfd protects", track->name);
	else
		ok(collapsed, "and pages were made large %lu times, %lu times refused", collapsed, refused);
}

static void test_finals(void)
{
	unsigned long before = finalized;

	for (int i = 0; i < 3; i++)
		gc_collect();
	ok(finalized <= registered && finalized >= before, "%s: %lu of %lu finalizers ran", track->name, finalized, registered);
	/* A stale word on a stack may keep one or another, not all of them. */
	ok(finalized || registered < 16, "%s: some of what died", track->name);
}

static void test_all(void)
{
	test_threads(1);
	test_threads(4);
	test_births();
	test_large_pages();
	test_fork();
	test_finals();
}

static int run(const char *backend)
{
	struct gc_options o = { .backend = backend, .heap_max = HEAP, .trigger = 1UL << 20, .verify = true };
	time_t began = time(NULL);

	if (gc_start(&o))
		return NOT_THERE;
	do {
		test_all();
		rounds++;
		diag("%s: %ld s by this machine's clock, %lu rounds, %lu cycles, %lu objects proved", track->name,
		     (long)(time(NULL) - began), rounds, (unsigned long)stats.cycles, (unsigned long)stats.verified_objects);
	} while (time(NULL) < began + (long)minutes * 60);
	return tap_done();
}

int main(int argc, char **argv)
{
	if (argc > 2)
		steps = strtoul(argv[2], NULL, 10);
	if (argc > 3)
		minutes = strtoul(argv[3], NULL, 10);
	return each_main(argc, argv, run);
}
