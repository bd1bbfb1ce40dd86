// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What cannot be is refused and changes nothing; what cannot be now (no page, no
 * frame) leaves no mess.
 */
#include "pgtest.h"

#include "pgtable_table.h"

#define VA	(300 * GIB)
#define HVA	(1000 * GIB)

static struct dune_root *root;

/* ---- Arguments ------------------------------------------------------------ */

static const struct range {
	const char *name;
	uintptr_t va;
	size_t len;
} bad_ranges[] = {
	{ "address not aligned", VA + 1, KIB4 },
	{ "address not aligned, by half a page", VA + 2048, KIB4 },
	{ "length not aligned", VA, KIB4 + 1 },
	{ "length less than a page", VA, 8 },
	{ "begins at 2^47", USER_END, KIB4 },
	{ "begins above 2^47", USER_END + GIB, KIB4 },
	{ "begins above 2^47, empty", USER_END + KIB4, 0 },
	{ "upper half", 0xffff800000000000UL, KIB4 },
	{ "ends above 2^47", USER_END - KIB4, 2 * KIB4 },
	{ "longer than user space", 0, USER_END + KIB4 },
	{ "wraps around", ~0UL & ~0xfffUL, 2 * KIB4 },
	{ "wraps around to itself", VA, ~0UL & ~0xfffUL },
	{ "wraps around to below", VA, 0 - VA + KIB4 },
};

static int never(dune_pte_t *pte, uintptr_t va, enum dune_level level, void *arg)
{
	return pte && va && level && !arg ? 99 : 98;
}

static void ranges(void)
{
	for (unsigned int i = 0; i < sizeof(bad_ranges) / sizeof(bad_ranges[0]); i++) {
		const struct range *r = &bad_ranges[i];

		ok_eq(dune_pt_map(root, r->va, r->len, HVA, RWX), -EINVAL, "map: %s", r->name);
		ok_eq(dune_pt_map(root, VA, r->len, r->va, RWX), -EINVAL, "map, its memory: %s", r->name);
		ok_eq(dune_pt_unmap(root, r->va, r->len), -EINVAL, "unmap: %s", r->name);
		ok_eq(dune_pt_protect(root, r->va, r->len, DUNE_PROT_READ), -EINVAL, "protect: %s", r->name);
		ok_eq(dune_pt_walk(root, r->va, r->len, never, NULL), -EINVAL, "walk: %s", r->name);
	}
	ok_eq(dune_pt_map(root, VA, 0, HVA, RWX), 0, "map: nothing");
	ok_eq(dune_pt_map(root, USER_END, 0, USER_END, RWX), 0, "map: nothing at the end");
	ok_eq(dune_pt_unmap(root, VA, 0), 0, "unmap: nothing");
	ok_eq(dune_pt_protect(root, VA + 9 * GIB, 0, RWX), 0, "protect: nothing");
	ok_eq(dune_pt_walk(root, VA, 0, never, NULL), 0, "walk: nothing");
}

static void other_arguments(void)
{
	static const int bad_prots[] = { 16, 17, 32, 1 << 30, -1, (int)0x80000000 };
	static const int bad_levels[] = { -1, 4, 5, 1000 };
	enum dune_level level;
	dune_pte_t *pte = NULL;

	for (unsigned int i = 0; i < 6; i++) {
		ok_eq(dune_pt_map(root, VA, KIB4, HVA, bad_prots[i]), -EINVAL, "map: prot %#x", bad_prots[i]);
		ok_eq(dune_pt_protect(root, VA, KIB4, bad_prots[i]), -EINVAL, "protect: prot %#x", bad_prots[i]);
	}
	for (unsigned int i = 0; i < 4; i++) {
		level = (enum dune_level)bad_levels[i];
		ok_eq(dune_pt_lookup(root, VA, &level, &pte), -EINVAL, "lookup: level %d", bad_levels[i]);
		ok_eq(dune_pt_split(root, VA, (enum dune_level)bad_levels[i]), -EINVAL, "split: level %d", bad_levels[i]);
	}
	level = DUNE_LEVEL_4K;
	ok_eq(dune_pt_split(root, VA, (enum dune_level)0), -EINVAL, "split: level 0");
	ok_eq(dune_pt_split(root, VA + 1, DUNE_LEVEL_4K), -EINVAL, "split: not aligned");
	ok_eq(dune_pt_split(root, USER_END, DUNE_LEVEL_4K), -EINVAL, "split: at 2^47");
	ok_eq(dune_pt_lookup(root, USER_END, &level, &pte), -EINVAL, "lookup: at 2^47");
	ok_eq(dune_pt_lookup(root, ~0UL, &level, &pte), -EINVAL, "lookup: at the very end");
	ok(level == DUNE_LEVEL_4K && !pte, "errors leave the results alone");
	ok_eq(dune_pt_map(NULL, VA, KIB4, HVA, RWX), -EINVAL, "map: no root");
	ok_eq(dune_pt_unmap(NULL, VA, KIB4), -EINVAL, "unmap: no root");
	ok_eq(dune_pt_protect(NULL, VA, KIB4, RWX), -EINVAL, "protect: no root");
	ok_eq(dune_pt_split(NULL, VA, DUNE_LEVEL_4K), -EINVAL, "split: no root");
	ok_eq(dune_pt_lookup(NULL, VA, NULL, NULL), -EINVAL, "lookup: no root");
	ok_eq(dune_pt_walk(NULL, VA, KIB4, never, NULL), -EINVAL, "walk: no root");
	ok_eq(dune_pt_walk(root, VA, KIB4, NULL, NULL), -EINVAL, "walk: no callback");
}

/* ---- No page left ----------------------------------------------------------- */

#define SPARE	64

/*
 * Pages kept from the library. Once taken they stay: a pool whose pages were all
 * used is 1 GiB of memory.
 */
static void *hoard[DUNE_POOL_PAGES];
static size_t hoarded;

static void leave_pages(size_t left)
{
	while (hoarded < DUNE_POOL_PAGES && (hoard[hoarded] = dune_page_alloc()))
		hoarded++;
	while (left--)
		dune_page_put(hoard[--hoarded]);
}

static void give_back(void)
{
	leave_pages(SPARE);
}

/* What the library uses. */
static size_t pages_used(void)
{
	return pgtest_pages() - hoarded;
}

static struct dune_root *result;

static int try_map(void) { return dune_pt_map(root, VA + 600 * GIB + KIB4, KIB4, HVA, RWX); }
static int try_map_inside(void) { return dune_pt_map(root, VA + KIB4, KIB4, HVA + 9 * GIB, RWX); }
static int try_unmap(void) { return dune_pt_unmap(root, VA + GIB + KIB4, KIB4); }
static int try_protect(void) { return dune_pt_protect(root, VA + 2 * GIB, KIB4, DUNE_PROT_READ); }
static int try_split(void) { return dune_pt_split(root, VA + 3 * GIB, DUNE_LEVEL_4K); }
static int try_new(void) { return dune_root_new(&result); }
static int try_clone(void) { return dune_root_clone(root, &result); }

/*
 * One page less than is needed, two less and so on: -ENOMEM each time, and the
 * tables still tell the truth.
 */
static void without_pages(const char *name, int (*fn)(void), size_t needed)
{
	size_t before = pages_used();

	for (size_t left = 0; left < needed; left++) {
		leave_pages(left);
		ok_eq(fn(), -ENOMEM, "%s, %zu of %zu pages left", name, left, needed);
		give_back();
		ok(pgtest_maps(root, VA + 7, HVA + 7, RWX, 0) &&
		   pgtest_maps(root, VA + 4 * GIB - 1, HVA + 4 * GIB - 1, RWX, 0), "what was mapped is");
		/* Tables made on the way may stay; those that stay are not needed again. */
		needed -= pages_used() - before;
		before = pages_used();
	}
	leave_pages(needed);
	ok_eq(fn(), 0, "%s, with %zu pages", name, needed);
	give_back();
}

static void exhaustion(void)
{
	struct dune_root *clone;
	size_t start = pages_used();
	unsigned int split_pages = dune_pt_1g ? 2 : 1;

	diag("no pages, %s 1 GiB pages", dune_pt_1g ? "with" : "without");
	if (dune_root_new(&root) || dune_pt_map(root, VA, 4 * GIB, HVA, RWX))
		bail("no root");
	without_pages("new", try_new, 1);
	dune_root_free(result);
	without_pages("map a page where no table is", try_map, 3);
	without_pages("map a page in a large one", try_map_inside, split_pages);
	without_pages("unmap a page of a large one", try_unmap, split_pages);
	without_pages("protect a page of a large one", try_protect, split_pages);
	without_pages("split a large page", try_split, split_pages);
	without_pages("clone", try_clone, 1);
	dune_pt_unmap(root, VA + 600 * GIB, GIB);

	clone = result;
	dune_pt_split(root, VA + 3 * GIB, DUNE_LEVEL_4K);
	dune_root_free(clone);
	dune_root_clone(root, &clone);
	without_pages("change a page of a shared table", try_split, 3);
	ok(pgtest_walk(root, VA + 3 * GIB).pte != pgtest_walk(clone, VA + 3 * GIB).pte, "that one is its own now");
	dune_root_free(clone);
	dune_root_free(root);
	ok_eq(pages_used(), start, "no page is left over");
}

static int try_fill(void) { return dune_pt_fill(root, VA); }

static void fill_exhaustion(void)
{
	size_t start = pages_used();
	size_t needed = dune_pt_1g ? 1 : 2;

	if (dune_root_clone(dune_root_default(), &root))
		bail("no root");
	for (size_t left = 0; left < needed; left++) {
		leave_pages(left);
		ok_eq(try_fill(), -ENOMEM, "fill, %zu of %zu pages left", left, needed);
		give_back();
		ok(pgtest_absent(root, VA), "nothing is there");
		dune_root_free(root);
		dune_root_clone(dune_root_default(), &root);
	}
	leave_pages(needed);
	ok_eq(try_fill(), 0, "fill, with %zu pages", needed);
	give_back();
	dune_root_free(root);
	ok_eq(pages_used(), start, "no page is left over");
}

/* An empty pool asks for the flush that gives retired tables back. */
static void pages_come_back(void)
{
	size_t start = pages_used();

	dune_root_new(&root);
	dune_pt_map(root, VA, KIB4, HVA, RWX);
	dune_pt_unmap(root, VA, KIB4);
	leave_pages(0);
	ok_eq(dune_pt_map(root, VA, KIB4, HVA, RWX), -ENOMEM, "no page, but three that wait for a flush");
	ok_eq(dune_pt_map(root, VA, KIB4, HVA, RWX), 0, "the next call has them");
	give_back();
	dune_root_free(root);
	ok_eq(pages_used(), start, "no page is left over");
}

/* ---- No frame left ------------------------------------------------------------ */

static void no_frames(void)
{
	size_t start = pages_used();

	dune_root_new(&root);
	dune_pt_map(root, VA, GIB, HVA, RWX);
	pgtest_frames_max = pgtest_frames_given + 1;
	ok_eq(dune_pt_map(root, VA, 4 * GIB, 5000 * GIB, DUNE_PROT_READ), -ENOSPC, "four GiB, one frame");
	ok(pgtest_maps(root, VA, 5000 * GIB, DUNE_PROT_READ, 0), "the first one is done");
	ok(pgtest_absent(root, VA + GIB), "the second one is not");
	ok_eq(dune_pt_map(root, VA, 4 * GIB, 6000 * GIB, RWX), -ENOSPC, "still none");
	pgtest_frames_max = 65520;
	ok_eq(dune_pt_map(root, VA, 4 * GIB, 5000 * GIB, DUNE_PROT_READ), 0, "with frames it works");
	dune_root_free(root);
	ok_eq(pages_used(), start, "no page is left over");
}

int main(void)
{
	size_t pages;

	pgtest_init(true);
	if (dune_root_new(&root) || dune_pt_map(root, VA, GIB, HVA, RWX))
		bail("no root");
	pages = pages_used();
	ranges();
	other_arguments();
	ok(pgtest_leaves(root, 0, USER_END).all == 1 && pgtest_maps(root, VA, HVA, RWX, 3) &&
	   pages_used() == pages, "all that changed nothing");
	dune_root_free(root);
	for (int have_1g = 1; have_1g >= 0; have_1g--) {
		dune_pt_1g = have_1g;
		exhaustion();
		fill_exhaustion();
	}
	pages_come_back();
	no_frames();
	return tap_done();
}
