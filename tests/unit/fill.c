// SPDX-License-Identifier: LGPL-2.1-or-later
/* Roots that fill themselves in: the default one and its clones. */
#include "pgtest.h"

#include <sys/mman.h>

#include "pgtable_table.h"

#define VA	(400 * GIB)
#define HVA	(1000 * GIB)

static struct dune_root *root;	/* a fresh clone of the default root, which stays empty */
static size_t pages_before;

static void begin(const char *name)
{
	diag("%s, %s 1 GiB pages", name, dune_pt_1g ? "with" : "without");
	pages_before = pgtest_pages();
	if (dune_root_clone(dune_root_default(), &root))
		bail("no root");
}

static void end(void)
{
	ok_eq(dune_root_free(root), 0, "free the root");
	ok_eq(pgtest_pages(), pages_before, "no page is left over");
}

static void one_gib(void)
{
	struct leaves l;
	uint64_t entry;

	begin("a GiB");
	ok(pgtest_absent(root, VA), "nothing is there at first");
	ok_eq(dune_pt_fill(root, VA + 123456789), 0, "fill");
	ok(pgtest_maps(root, VA, VA, RWX, dune_pt_1g ? 3 : 2) &&
	   pgtest_maps(root, VA + GIB - 1, VA + GIB - 1, RWX, dune_pt_1g ? 3 : 2), "maps all the GiB as it is");
	l = pgtest_leaves(root, 0, USER_END);
	ok(l.all == (dune_pt_1g ? 1 : 512) && l.first == VA, "and nothing else");
	entry = pgtest_walk(root, VA).entry;
	ok_eq(entry & (DUNE_PTE_A | DUNE_PTE_D), DUNE_PTE_A | DUNE_PTE_D, "accessed and dirty");
	ok_eq(pgtest_pages(), pages_before + (dune_pt_1g ? 2 : 3), "it costs its tables");
	ok_eq(dune_pt_fill(root, VA), 0, "once more");
	ok(pgtest_walk(root, VA).entry == entry && pgtest_pages() == pages_before + (dune_pt_1g ? 2 : 3),
	   "changes nothing");
	ok_eq(dune_pt_fill(root, 0), 0, "the first GiB");
	ok_eq(dune_pt_fill(root, USER_END - 1), 0, "the last GiB");
	ok(pgtest_maps(root, 0, 0, RWX, 0) && pgtest_maps(root, USER_END - 1, USER_END - 1, RWX, 0), "are mapped");
	end();
}

static void errors(void)
{
	const uintptr_t late = VA + (77 + dune_pt_1g) * GIB;	/* has no frame from the other round */
	struct dune_root *plain;
	size_t pages;

	begin("errors");
	ok_eq(dune_pt_fill(root, USER_END), -EINVAL, "2^47 is no user address");
	ok_eq(dune_pt_fill(root, ~0UL), -EINVAL, "nor is 2^64 - 1");
	ok_eq(dune_pt_fill(NULL, VA), -EINVAL, "no root");
	if (dune_root_new(&plain))
		bail("no root");
	pages = pgtest_pages();
	ok_eq(dune_pt_fill(plain, VA), -ENOENT, "a root that does not fill itself in");
	ok_eq(pgtest_pages(), pages, "gets no table either");
	dune_pt_map(plain, VA, KIB4, HVA, RWX);
	ok_eq(dune_pt_fill(plain, VA), 0, "but what is there is there");
	ok_eq(dune_pt_fill(plain, VA + KIB4), -ENOENT, "and what is not is not");
	dune_root_free(plain);

	pgtest_frames_max = pgtest_frames_given;
	ok_eq(dune_pt_fill(root, late), -ENOSPC, "no frame left");
	ok(pgtest_absent(root, late), "nothing is mapped then");
	ok_eq(dune_pt_protect(root, late, KIB4, DUNE_PROT_READ), -ENOSPC, "an edit that has to fill, too");
	pgtest_frames_max = 65520;
	ok_eq(dune_pt_fill(root, late), 0, "and it works when there is one");
	end();
}

/* What the program took away stays away. */
static void taken_away(void)
{
	begin("unmapped, protected");
	dune_pt_fill(root, VA);
	ok_eq(dune_pt_unmap(root, VA + MIB2, KIB4), 0, "unmap a page");
	ok_eq(dune_pt_fill(root, VA + MIB2), -ENOENT, "it is not filled in again");
	ok_eq(dune_pt_fill(root, VA), 0, "its neighbour is there");
	ok_eq(dune_pt_unmap(root, VA + GIB, GIB), 0, "unmap a GiB that was not filled in yet");
	ok_eq(dune_pt_fill(root, VA + GIB), -ENOENT, "it will not be");
	ok_eq(dune_pt_unmap(root, VA, GIB), 0, "unmap one that was");
	ok_eq(dune_pt_fill(root, VA + 5), -ENOENT, "it will not be again");
	ok_eq(dune_pt_lookup(root, VA, NULL, NULL), -ENOENT, "and is not found");
	ok_eq(dune_pt_protect(root, VA, KIB4, RWX), -ENOENT, "nor protected");
	ok_eq(pgtest_leaves(root, 0, USER_END).all, 0, "nor walked over");
	ok_eq(dune_pt_map(root, VA, GIB, VA, RWX), 0, "mapping brings it back");
	ok_eq(dune_pt_fill(root, VA + 5), 0, "it is there");
	ok_eq(dune_pt_map(root, VA + GIB + KIB4, KIB4, HVA, RWX), 0, "a page in the other one");
	ok_eq(dune_pt_fill(root, VA + GIB), -ENOENT, "brings that page only");

	for (uintptr_t va = VA + 2 * GIB; va < VA + 3 * GIB; va += MIB2)
		dune_pt_unmap(root, va, MIB2);
	ok_eq(dune_pt_fill(root, VA + 2 * GIB), -ENOENT, "a GiB unmapped bit by bit stays away");
	ok_eq(dune_pt_protect(root, VA + 3 * GIB, GIB, DUNE_PROT_NONE), 0, "no rights for a GiB not filled in yet");
	ok_eq(dune_pt_fill(root, VA + 3 * GIB), -ENOENT, "is a fault for the handler");
	ok_eq(dune_pt_protect(root, VA + 3 * GIB, GIB, DUNE_PROT_READ), 0, "give it rights");
	ok_eq(dune_pt_fill(root, VA + 3 * GIB), 0, "and it is none");
	ok_eq(dune_pt_unmap(root, VA - VA % (512 * GIB), 512 * GIB), 0, "unmap 512 GiB");
	ok_eq(dune_pt_fill(root, VA + 4 * GIB), -ENOENT, "stay away");
	ok_eq(dune_pt_fill(root, VA + 512 * GIB), 0, "the next GiB does not");
	end();
}

/* An edit of part of a GiB that waits to be filled in leaves the rest as a fill would have it. */
static void edits_fill(void)
{
	const uintptr_t whole = VA + (8 + dune_pt_1g) * GIB;	/* not used in the other round */
	enum dune_level level = DUNE_LEVEL_4K;
	dune_pte_t *pte;

	begin("edits of what is not filled in yet");
	ok_eq(dune_pt_map(root, VA + KIB4, KIB4, HVA, DUNE_PROT_READ), 0, "map a page");
	ok(pgtest_maps(root, VA + KIB4, HVA, DUNE_PROT_READ, 1) && pgtest_maps(root, VA, VA, RWX, 1) &&
	   pgtest_maps(root, VA + GIB - 1, VA + GIB - 1, RWX, 2), "the rest of the GiB is there");
	ok_eq(dune_pt_unmap(root, VA + GIB, KIB4), 0, "unmap a page");
	ok(pgtest_absent(root, VA + GIB) && pgtest_maps(root, VA + GIB + KIB4, VA + GIB + KIB4, RWX, 1),
	   "the rest is there");
	ok_eq(dune_pt_protect(root, VA + 2 * GIB, KIB4, DUNE_PROT_READ), 0, "protect a page");
	ok(pgtest_maps(root, VA + 2 * GIB, VA + 2 * GIB, DUNE_PROT_READ, 1) &&
	   pgtest_maps(root, VA + 2 * GIB + KIB4, VA + 2 * GIB + KIB4, RWX, 1), "the rest is there");
	ok_eq(dune_pt_lookup(root, VA + 3 * GIB, &level, &pte), 0, "look a page up, to change it");
	ok_eq(*pte & (DUNE_PTE_A | DUNE_PTE_D), DUNE_PTE_A | DUNE_PTE_D, "what is split is as dirty as it was");
	ok_eq(dune_pt_lookup(root, VA + 4 * GIB, NULL, NULL), 0, "look one up, to see");
	ok_eq(dune_pt_split(root, VA + 5 * GIB, DUNE_LEVEL_2M), 0, "split");
	ok(pgtest_maps(root, VA + 5 * GIB, VA + 5 * GIB, RWX, 2), "is there");
	ok_eq(dune_pt_map(root, whole, GIB, HVA + KIB4, RWX), 0, "map a GiB whole, in small pages");
	ok(pgtest_maps(root, whole + GIB - 1, HVA + KIB4 + GIB - 1, RWX, 1), "is there");
	ok_eq(pgtest_table[whole >> 30], 0, "and took no frame for its own addresses");
	end();
}

static void clones(void)
{
	struct dune_root *clone, *late;
	size_t pages;

	begin("clones");
	dune_pt_fill(root, VA);
	dune_root_clone(root, &clone);
	pages = pgtest_pages();
	ok_eq(dune_pt_fill(root, VA + GIB), 0, "fill one of two that share a table");
	ok(pgtest_maps(clone, VA + GIB, VA + GIB, RWX, 0), "the other one has it");
	ok_eq(pgtest_pages(), pages + !dune_pt_1g, "at the cost of one");
	ok_eq(dune_pt_fill(clone, VA + 512 * GIB), 0, "fill where they share none yet");
	ok(pgtest_absent(root, VA + 512 * GIB), "is for that one alone");
	ok_eq(dune_pt_fill(root, VA + 512 * GIB), 0, "the other one fills in its own");

	dune_pt_protect(clone, VA, KIB4, DUNE_PROT_READ);
	ok_eq(dune_pt_fill(root, VA + 3 * GIB), 0, "fill after they have parted");
	ok(pgtest_absent(clone, VA + 3 * GIB), "is for that one alone");
	ok_eq(dune_pt_fill(clone, VA + 3 * GIB), 0, "the other one goes on filling in");
	dune_root_clone(clone, &late);
	dune_pt_unmap(clone, VA + 4 * GIB, GIB);
	ok_eq(dune_pt_fill(clone, VA + 4 * GIB), -ENOENT, "what one unmapped");
	ok_eq(dune_pt_fill(late, VA + 4 * GIB), 0, "the other one still fills in");
	ok_eq(dune_pt_fill(late, VA + 5 * GIB), 0, "a clone of a clone fills in");
	dune_root_free(clone);
	dune_root_free(late);
	end();
}

/* ---- What can come between the two halves of a fill ------------------------------ */

#define FRESH	(VA + (100 + dune_pt_1g) * GIB)	/* without a frame, so the hook is called */

static struct dune_root *other;
static void *reused;

/* The table that the fill is looking at is copied, and its other user goes. */
static void copy_and_release(void)
{
	dune_root_clone(root, &other);
	dune_pt_map(root, VA, KIB4, HVA, RWX);
	dune_root_free(other);
	dune_pt_drain();
	reused = dune_page_alloc();
}

static void copy(void)
{
	dune_root_clone(root, &other);
	dune_pt_map(root, VA, KIB4, HVA, RWX);
}

static void take_away(void)
{
	dune_pt_unmap(root, VA + (102 + dune_pt_1g) * GIB, GIB);
}

static void fill_first(void)
{
	dune_pt_fill(root, VA + (104 + dune_pt_1g) * GIB);
}

static void interleaved(void)
{
	size_t pages;
	bool clean = true;

	begin("fills that are overtaken");
	dune_pt_fill(root, VA);
	pgtest_in_fill = copy_and_release;
	ok_eq(dune_pt_fill(root, FRESH), 0, "by the release of the table");
	ok(pgtest_maps(root, FRESH, FRESH, RWX, 0), "go to the new one");
	for (unsigned int i = 0; i < 512; i++)
		clean &= !((uint64_t *)reused)[i];
	ok(clean, "and not to a page that is something else now");
	dune_page_put(reused);

	pgtest_in_fill = copy;
	ok_eq(dune_pt_fill(root, FRESH + 8 * GIB), 0, "by a copy of the table");
	ok(pgtest_maps(root, FRESH + 8 * GIB, FRESH + 8 * GIB, RWX, 0), "go to the copy too");
	dune_root_free(other);
	pgtest_in_fill = take_away;
	ok_eq(dune_pt_fill(root, FRESH + 2 * GIB), -ENOENT, "by an unmap, lose");
	ok(pgtest_absent(root, FRESH + 2 * GIB), "and it stays unmapped");
	pages = pgtest_pages();
	pgtest_in_fill = fill_first;
	ok_eq(dune_pt_fill(root, FRESH + 4 * GIB), 0, "by a fill of the same GiB");
	ok_eq(pgtest_pages(), pages + !dune_pt_1g, "leave its tables and free their own");
	ok(!pgtest_in_fill, "all that did happen");
	end();
}

#define RESERVE	(24 * GIB)
#define APART	(2 * GIB)	/* from what is mapped beside it */

static uintptr_t reserve(size_t size, int prot)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	char *all = mmap(NULL, size + 2 * APART, PROT_NONE, flags, -1, 0);

	if (all == MAP_FAILED || mprotect(all + APART, size, prot))
		return 0;
	return (uintptr_t)all + APART;
}

static void prefill(void)
{
	static int in_bss;
	int on_stack = 0;
	void *heap = malloc(100);
	const uintptr_t used[] = { (uintptr_t)&in_bss, (uintptr_t)&on_stack, (uintptr_t)heap,
				   (uintptr_t)prefill, (uintptr_t)write, dune_pool_base };
	struct dune_root *def = dune_root_default();
	uintptr_t big = reserve(RESERVE, PROT_READ | PROT_WRITE);
	uintptr_t none = reserve(2 * GIB, PROT_NONE);

	diag("what is in use, %s 1 GiB pages", dune_pt_1g ? "with" : "without");
	ok_eq(dune_pt_prefill(), 0, "prefill");
	for (unsigned int i = 0; i < sizeof(used) / sizeof(used[0]); i++)
		ok(pgtest_maps(def, used[i], used[i], RWX, 0), "%#lx is mapped", used[i]);
	if (big)
		ok(pgtest_maps(def, big, big, RWX, 0) && pgtest_maps(def, big + RESERVE - 1, big + RESERVE - 1, RWX, 0) &&
		   pgtest_absent(def, big + RESERVE / 2), "of a very large mapping both ends are");
	else
		skip(1, "no room for a large mapping");
	if (none)
		ok(pgtest_absent(def, none + GIB), "a reservation is not");
	else
		skip(1, "no room for a reservation");
	ok(pgtest_leaves(def, 0, USER_END).of[3] < 400, "no frames are wasted");
	free(heap);
}

int main(void)
{
	pgtest_init(true);
	ok_eq(pgtest_leaves(dune_root_default(), 0, USER_END).all, 0, "the default root is empty at first");
	for (int have_1g = 1; have_1g >= 0; have_1g--) {
		dune_pt_1g = have_1g;
		one_gib();
		errors();
		taken_away();
		edits_fill();
		clones();
		interleaved();
	}
	dune_pt_1g = true;
	prefill();
	return tap_done();
}
