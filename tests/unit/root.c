// SPDX-License-Identifier: LGPL-2.1-or-later
/* Roots that share tables: clone, copy on change, free, and the retirement of tables. */
#include "pgtest.h"

#include "pgtable_table.h"

#define VA	(300 * GIB)
#define HVA	(1000 * GIB)

static struct dune_root *new_root(void)
{
	struct dune_root *root;

	if (dune_root_new(&root))
		bail("no root");
	return root;
}

static struct dune_root *clone_of(struct dune_root *from)
{
	struct dune_root *root;

	if (dune_root_clone(from, &root))
		bail("no clone");
	return root;
}

static void sharing(void)
{
	size_t start = pgtest_pages(), pages;
	struct dune_root *a = new_root(), *b;

	ok_ne(dune_root_cr3(a), 0, "a root has a place for CR3");
	ok_eq(dune_root_cr3(a) % 4096, 0, "that is aligned");
	dune_pt_map(a, VA, GIB, HVA, RWX);
	dune_pt_map(a, VA + MIB2, KIB4, HVA, RWX);	/* PML4, PDPT, PD, PT */
	pages = pgtest_pages();
	ok_eq(pages, start + 4, "four levels, four pages");
	b = clone_of(a);
	ok_eq(pgtest_pages(), pages + 1, "a clone costs one page");
	ok(pgtest_maps(b, VA + 5, HVA + 5, RWX, 0) && pgtest_maps(b, VA + MIB2, HVA, RWX, 1),
	   "and maps the same");
	ok(pgtest_walk(b, VA).pte == pgtest_walk(a, VA).pte, "by the same entries");

	ok_eq(dune_pt_protect(b, VA + MIB2, KIB4, DUNE_PROT_READ), 0, "change a page of the clone");
	ok(pgtest_maps(b, VA + MIB2, HVA, DUNE_PROT_READ, 1), "it is changed");
	ok(pgtest_maps(a, VA + MIB2, HVA, RWX, 1), "the original is not");
	ok_eq(pgtest_pages(), pages + 4, "the tables on the way were copied");
	ok_eq(dune_pt_protect(b, VA + MIB2 + KIB4, KIB4, DUNE_PROT_READ), 0, "its neighbour");
	ok_eq(pgtest_pages(), pages + 4, "copies nothing more");

	ok_eq(dune_pt_unmap(a, VA, GIB), 0, "unmap it all in the original");
	ok(pgtest_absent(a, VA) && pgtest_absent(a, VA + MIB2), "it is gone");
	ok(pgtest_maps(b, VA + GIB - 1, HVA + GIB - 1, RWX, 2) &&
	   pgtest_maps(b, VA + MIB2, HVA, DUNE_PROT_READ, 1), "the clone has it");
	ok_eq(dune_root_free(a), 0, "free the original");
	ok(pgtest_maps(b, VA + MIB2, HVA, DUNE_PROT_READ, 1), "the clone still has it");
	ok_eq(dune_root_free(b), 0, "free the clone");
	ok_eq(pgtest_pages(), start, "no page is left over");
}

/* Copies at an upper level share what is below, with counts that must be right at the end. */
static void generations(void)
{
	size_t start = pgtest_pages();
	struct dune_root *root[6] = { new_root() };
	bool right = true;

	dune_pt_map(root[0], VA, 3 * GIB, HVA, RWX);
	dune_pt_split(root[0], VA + GIB, DUNE_LEVEL_4K);
	for (unsigned int i = 1; i < 6; i++) {
		root[i] = clone_of(root[i / 2]);
		dune_pt_map(root[i], VA + GIB + i * KIB4, KIB4, HVA + i * MIB2, DUNE_PROT_READ);
		dune_pt_unmap(root[i / 2], VA + 2 * GIB + i * MIB2, MIB2);
	}
	for (unsigned int i = 1; i < 6; i++) {
		right &= pgtest_maps(root[i], VA + GIB + i * KIB4, HVA + i * MIB2, DUNE_PROT_READ, 1);
		right &= pgtest_maps(root[0], VA + GIB + i * KIB4, HVA + GIB + i * KIB4, RWX, 1);
		right &= pgtest_absent(root[i / 2], VA + 2 * GIB + i * MIB2);
		right &= pgtest_maps(root[i], VA + 2 * GIB + i * MIB2, HVA + 2 * GIB + i * MIB2, RWX, 0);
	}
	ok(right, "clones of clones differ just where they were changed");
	for (unsigned int i = 0; i < 6; i++)
		dune_root_free(root[i * 5 % 6]);
	ok_eq(pgtest_pages(), start, "freed in some order, no page is left over");
}

static void lookups_own(void)
{
	size_t start = pgtest_pages();
	struct dune_root *a = new_root(), *b;
	enum dune_level level = 0;
	dune_pte_t *pte;

	dune_pt_map(a, VA, KIB4, HVA, RWX);
	b = clone_of(a);
	ok_eq(dune_pt_lookup(b, VA, &level, &pte), 0, "look up in a clone, level 0");
	ok(pte == pgtest_walk(a, VA).pte, "the entry is the shared one");
	level = DUNE_LEVEL_4K;
	ok_eq(dune_pt_lookup(b, VA, &level, &pte), 0, "by level");
	ok(pte != pgtest_walk(a, VA).pte && pte == pgtest_walk(b, VA).pte, "the entry is the clone's own");
	*pte &= ~DUNE_PTE_W;
	ok(pgtest_maps(a, VA, HVA, RWX, 1), "changing it leaves the original alone");
	dune_root_free(a);
	dune_root_free(b);
	ok_eq(pgtest_pages(), start, "no page is left over");
}

struct visit {
	struct dune_root *root;
	unsigned int visits, strange;
};

static int own_then_see(dune_pte_t *pte, uintptr_t va, enum dune_level level, void *arg)
{
	struct visit *v = arg;

	/* Changing the first page copies the table that is being walked. */
	if (level != DUNE_LEVEL_4K || (!v->visits++ && dune_pt_protect(v->root, va, KIB4, DUNE_PROT_READ)))
		return 1;
	if (v->visits > 1)
		v->strange += pte != pgtest_walk(v->root, va).pte;
	return 0;
}

static void walk_while_copied(void)
{
	struct dune_root *a = new_root(), *b;
	struct visit v = { .root = a };

	dune_pt_map(a, VA, 100 * KIB4, HVA, RWX);
	b = clone_of(a);
	ok_eq(dune_pt_walk(a, VA, GIB, own_then_see, &v), 0, "walk a shared table that the callback changes");
	ok_eq(v.visits, 100, "all is visited");
	ok_eq(v.strange, 0, "in the root's own tables from then on");
	dune_root_free(a);
	dune_root_free(b);
}

/* ---- Retirement ------------------------------------------------------------- */

static int drain_inside(dune_pte_t *pte, uintptr_t va, enum dune_level level, void *arg)
{
	struct dune_root *root = arg;
	size_t pages = dune_page_in_use();

	if (!pte || level != DUNE_LEVEL_4K)
		return 1;
	if (dune_pt_unmap(root, va, KIB4))
		return 2;
	dune_pt_drain();
	return dune_page_in_use() == pages ? 0 : 3;
}

static void retirement(void)
{
	size_t start = pgtest_pages(), pages;
	struct dune_root *root = new_root();
	unsigned int flushes;
	uint64_t *pte;

	dune_pt_map(root, VA, KIB4, HVA, RWX);
	pages = dune_page_in_use();
	pte = pgtest_walk(root, VA).pte;
	flushes = pgtest_flushes;
	dune_pt_unmap(root, VA, KIB4);
	ok_eq(dune_page_in_use(), pages, "tables taken out of use are not free at once");
	ok_eq(*pte, 0, "what was unmapped is not in them");
	pgtest_flush_error = -EAGAIN;
	dune_pt_drain();
	ok_eq(pgtest_flushes, flushes + 1, "giving them back wants a flush");
	ok_eq(dune_page_in_use(), pages, "nothing is given back when that fails");
	pgtest_flush_error = 0;
	dune_pt_drain();
	ok_eq(dune_page_in_use(), start + 1, "all of it when it works");
	flushes = pgtest_flushes;
	dune_pt_drain();
	ok_eq(pgtest_flushes, flushes, "nothing to give back, no flush");

	dune_pt_map(root, VA, KIB4, HVA, RWX);
	ok_eq(dune_pt_walk(root, VA, KIB4, drain_inside, root), 0, "not while a walk may be in them");
	ok_eq(pgtest_pages(), start + 1, "but after it");

	flushes = pgtest_flushes;
	for (unsigned int i = 0; i < 1000; i++) {
		dune_pt_map(root, VA, KIB4, HVA, RWX);
		dune_pt_unmap(root, VA, KIB4);
	}
	ok(dune_page_in_use() < start + 100, "many are given back without being asked");
	ok(pgtest_flushes - flushes < 60 && pgtest_flushes > flushes, "many with one flush: %u for 3000 tables",
	   pgtest_flushes - flushes);
	pgtest_flush_error = -EAGAIN;
	flushes = pgtest_flushes;
	for (unsigned int i = 0; i < 1000; i++) {
		dune_pt_map(root, VA, KIB4, HVA, RWX);
		dune_pt_unmap(root, VA, KIB4);
	}
	ok(pgtest_flushes - flushes < 60, "no flush is tried again and again where it fails: %u",
	   pgtest_flushes - flushes);
	pgtest_flush_error = 0;
	dune_root_free(root);
	ok_eq(pgtest_pages(), start, "no page is left over");
}

static void across_fork(void)
{
	struct dune_root *root = new_root();

	dune_pt_fork_prepare();
	dune_pt_fork_done(true);
	ok_eq(dune_pt_map(root, VA, KIB4, HVA, RWX), 0, "a child of a fork can edit");
	dune_pt_fork_prepare();
	dune_pt_fork_done(false);
	ok_eq(dune_pt_unmap(root, VA, KIB4), 0, "and its parent");
	dune_root_free(root);
}

static void errors(void)
{
	struct dune_root *root = NULL;

	ok_eq(dune_root_new(NULL), -EINVAL, "new: nowhere to put it");
	ok_eq(dune_root_clone(NULL, &root), -EINVAL, "clone: of nothing");
	ok_eq(dune_root_clone(dune_root_default(), NULL), -EINVAL, "clone: nowhere to put it");
	ok_eq(dune_root_free(NULL), -EINVAL, "free: nothing");
	ok_eq(dune_root_free(dune_root_default()), -EBUSY, "free: the default root");
	ok(!root, "errors leave the result alone");
	ok_eq(dune_pt_init(true), 0, "init again: nothing");
}

int main(void)
{
	ok(!dune_root_default(), "no default root before init");
	pgtest_init(true);
	ok(dune_root_default() != NULL, "one after it");
	ok_eq(dune_page_in_use(), 1, "that costs one page");
	for (int have_1g = 1; have_1g >= 0; have_1g--) {
		diag("%s 1 GiB pages", have_1g ? "with" : "without");
		dune_pt_1g = have_1g;
		sharing();
		generations();
		lookups_own();
		walk_while_copied();
	}
	retirement();
	across_fork();
	errors();
	ok_eq(pgtest_pages(), 1, "the default root's page is all that is in use");
	return tap_done();
}
