// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Random edits of several roots that share tables, against the simplest model there
 * is: an array with a word for each page. An argument is the seed.
 *
 * The range lies across a border of PML4 entries, so every level takes part.
 */
#include "pgtest.h"

#include "pgtable_table.h"

#define BASE	(510 * GIB)
#define SIZE	(4 * GIB)
#define PAGES	(SIZE / KIB4)
#define HVA	(1000 * GIB)
#define ROOTS	4
#define EDITS	3000

/* A word of the model: 0 for unmapped, or hva | soft << 5 | prot << 1 | 1. */
#define MAPPED		1UL
#define PROT_OF(word)	((int)((word) >> 1 & 15))
#define SOFT_OF(word)	((word) >> 5 & 7)
#define HVA_OF(word)	((word) & ~0xfffUL)

static struct tested {
	struct dune_root *root;
	uint64_t *word;
} tested[ROOTS];

static uint64_t seed = 20120810;
static unsigned int edits_done;

static uint64_t random_below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

/* ---- Checks ------------------------------------------------------------------ */

static bool page_right(const struct tested *t, size_t page)
{
	uintptr_t va = BASE + page * KIB4;
	uint64_t word = t->word[page];
	int prot = PROT_OF(word);
	bool present = word && prot;
	int filled = dune_pt_fill(t->root, va);
	struct hit hit = pgtest_walk(t->root, va);
	bool right = hit.present == present && filled == (present ? 0 : -ENOENT);

	if (right && present)
		right = pgtest_maps(t->root, va, HVA_OF(word), prot, 0);
	if (right && !present)
		right = (word != 0) == (hit.entry >> 51 & 1);
	if (right && word && !present)
		right = pgtest_gpa(HVA_OF(word)) == dune_pte_gpa(hit.entry) + va % level_size((int)hit.level);
	if (right && word)
		right = (hit.entry >> 9 & 7) == SOFT_OF(word);
	if (!right)
		diag("  root %d, %#lx: model %#lx, entry %#lx at level %u, after %u edits, fill gave %d",
		     (int)(t - tested), va, word, hit.entry, hit.level, edits_done, filled);
	return right;
}

static bool range_right(const struct tested *t, size_t first, size_t n)
{
	bool right = true;

	/* Around both borders, and somewhere. */
	for (size_t i = 0; i < 4; i++) {
		right = right && page_right(t, (first + i + PAGES - 2) % PAGES);
		right = right && page_right(t, (first + n + i + PAGES - 2) % PAGES);
	}
	for (unsigned int i = 0; i < 8; i++)
		right = right && page_right(&tested[random_below(ROOTS)], random_below(PAGES));
	return right;
}

static bool all_right(void)
{
	for (unsigned int i = 0; i < ROOTS; i++)
		for (size_t page = 0; page < PAGES; page++)
			if (!page_right(&tested[i], page))
				return false;
	return true;
}

/* ---- Edits -------------------------------------------------------------------- */

static const size_t units[] = { 1, 1, 8, 512, 512, 512 * 64, 512 * 512 };

static void random_range(size_t *first, size_t *n)
{
	size_t unit = units[random_below(sizeof(units) / sizeof(units[0]))];

	*first = random_below(PAGES / unit) * unit;
	*n = (1 + random_below(6)) * unit;
	/* Sometimes a little off a border. */
	if (random_below(3) == 0)
		*first += random_below(3);
	if (random_below(3) == 0)
		*n -= random_below(*n < 3 ? *n : 3);
	if (*first + *n > PAGES)
		*n = PAGES - *first;
}

static bool edit_map(struct tested *t, size_t first, size_t n)
{
	int prot = (int)random_below(16);
	size_t unit = units[random_below(sizeof(units) / sizeof(units[0]))];
	uintptr_t hva = random_below(3) ? HVA + random_below(2 * PAGES / unit) * unit * KIB4 +
					  first % unit * KIB4 : BASE + first * KIB4;

	for (size_t i = 0; i < n; i++)
		t->word[first + i] = (hva + i * KIB4) | (uint64_t)prot << 1 | MAPPED;
	return dune_pt_map(t->root, BASE + first * KIB4, n * KIB4, hva, prot) == 0;
}

static bool edit_unmap(struct tested *t, size_t first, size_t n)
{
	memset(&t->word[first], 0, n * sizeof(*t->word));
	return dune_pt_unmap(t->root, BASE + first * KIB4, n * KIB4) == 0;
}

static bool edit_protect(struct tested *t, size_t first, size_t n)
{
	int prot = (int)random_below(16), want = 0;

	for (size_t i = 0; i < n; i++) {
		if (!t->word[first + i]) {
			want = -ENOENT;
			break;
		}
		t->word[first + i] = (t->word[first + i] & ~(15UL << 1)) | (uint64_t)prot << 1;
	}
	return dune_pt_protect(t->root, BASE + first * KIB4, n * KIB4, prot) == want;
}

static bool edit_soft(struct tested *t, size_t first)
{
	enum dune_level level = DUNE_LEVEL_4K;
	uint64_t soft = random_below(8);
	dune_pte_t *pte;
	int ret = dune_pt_lookup(t->root, BASE + first * KIB4 + 0xabc, &level, &pte);

	if (!t->word[first])
		return ret == -ENOENT;
	if (ret)
		return false;
	*pte = (*pte & ~DUNE_PTE_SOFT) | soft << 9;
	t->word[first] = (t->word[first] & ~(7UL << 5)) | soft << 5;
	return level == DUNE_LEVEL_4K;
}

static bool edit_split(struct tested *t, size_t first)
{
	enum dune_level level = (enum dune_level)(1 + random_below(3));

	return dune_pt_split(t->root, BASE + first * KIB4, level) == (t->word[first] ? 0 : -ENOENT) &&
	       (!t->word[first] || pgtest_walk(t->root, BASE + first * KIB4).level <= level);
}

static void start_root(struct tested *t, bool fills)
{
	if (fills ? dune_root_clone(dune_root_default(), &t->root) : dune_root_new(&t->root))
		bail("no root");
	for (size_t i = 0; i < PAGES; i++)
		t->word[i] = fills ? (BASE + i * KIB4) | RWX << 1 | MAPPED : 0;
}

static bool edit_roots(struct tested *t)
{
	struct tested *from = &tested[random_below(ROOTS)];

	if (from == t)
		return true;
	if (dune_root_free(t->root))
		return false;
	if (random_below(4) == 0) {
		start_root(t, random_below(2));
		return true;
	}
	memcpy(t->word, from->word, PAGES * sizeof(*t->word));
	return dune_root_clone(from->root, &t->root) == 0;
}

static bool random_edit(void)
{
	struct tested *t = &tested[random_below(ROOTS)];
	unsigned int what = (unsigned int)random_below(100);
	size_t first, n;
	bool done;

	random_range(&first, &n);
	if (what < 35)
		done = edit_map(t, first, n);
	else if (what < 50)
		done = edit_unmap(t, first, n);
	else if (what < 78)
		done = edit_protect(t, first, n);
	else if (what < 90)
		done = edit_soft(t, first);
	else if (what < 96)
		done = edit_split(t, first);
	else
		done = edit_roots(t);
	edits_done++;
	if (!done)
		diag("  edit %u (%u) of [%#zx, +%#zx) went wrong", edits_done, what, first, n);
	return done && range_right(t, first, n);
}

static void run(bool have_1g)
{
	size_t start = pgtest_pages();
	bool right = true;

	dune_pt_1g = have_1g;
	diag("%s 1 GiB pages, seed %llu", have_1g ? "with" : "without", (unsigned long long)seed);
	for (unsigned int i = 0; i < ROOTS; i++)
		start_root(&tested[i], i % 2);
	for (unsigned int i = 0; i < EDITS && right; i++)
		right = random_edit();
	ok(right, "%u edits do what they should at their borders and at random places", EDITS);
	ok(right && all_right(), "then every page of every root is as the model says");
	for (unsigned int i = 0; i < ROOTS; i++)
		dune_root_free(tested[i].root);
	ok_eq(pgtest_pages(), start, "no page is left over");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0) | 1;
	pgtest_init(true);
	for (unsigned int i = 0; i < ROOTS; i++)
		if (!(tested[i].word = malloc(PAGES * sizeof(uint64_t))))
			bail("no memory");
	run(true);
	run(false);
	for (unsigned int i = 0; i < ROOTS; i++)
		free(tested[i].word);
	return tap_done();
}
