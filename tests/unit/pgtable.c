// SPDX-License-Identifier: LGPL-2.1-or-later
/* One root: map, unmap, protect, split, lookup, walk, with and without 1 GiB pages. */
#include "pgtest.h"

#include "pgtable_table.h"

/* Where the tests map; the memory behind it need not exist. */
#define VA	(300 * GIB)
#define HVA	(1000 * GIB)

static struct dune_root *root;
static size_t pages_before;

static void begin(const char *name)
{
	diag("%s, %s 1 GiB pages", name, dune_pt_1g ? "with" : "without");
	pages_before = pgtest_pages();
	if (dune_root_new(&root))
		bail("no root");
}

static void end(void)
{
	ok_eq(dune_root_free(root), 0, "free the root");
	ok_eq(pgtest_pages(), pages_before, "no page is left over");
}

static bool counts(uintptr_t va, size_t len, unsigned long n1g, unsigned long n2m, unsigned long n4k)
{
	struct leaves l = pgtest_leaves(root, va, len);

	if (l.of[3] == n1g && l.of[2] == n2m && l.of[1] == n4k && l.ordered)
		return true;
	diag("  1G: %lu, 2M: %lu, 4K: %lu%s", l.of[3], l.of[2], l.of[1], l.ordered ? "" : ", disordered");
	return false;
}

/* ---- Map ------------------------------------------------------------------- */

static void map_sizes(void)
{
	begin("map: sizes");
	ok_eq(dune_pt_map(root, VA, KIB4, HVA, RWX), 0, "one page");
	ok(counts(VA, GIB, 0, 0, 1), "is one 4 KiB entry");
	ok(pgtest_maps(root, VA + 0xfff, HVA + 0xfff, RWX, 1), "that maps its last byte");
	ok(pgtest_absent(root, VA + KIB4), "and not the next");

	ok_eq(dune_pt_map(root, VA + MIB2, MIB2, HVA + MIB2, RWX), 0, "2 MiB, aligned");
	ok(pgtest_maps(root, VA + MIB2 + 12345, HVA + MIB2 + 12345, RWX, 2), "are one 2 MiB entry");
	ok_eq(dune_pt_map(root, VA + 2 * MIB2, MIB2, HVA + MIB2 + KIB4, RWX), 0,
	      "2 MiB, the memory not aligned");
	ok(counts(VA + 2 * MIB2, MIB2, 0, 0, 512), "are 512 entries");
	ok(pgtest_maps(root, VA + 3 * MIB2 - 1, HVA + 2 * MIB2 + KIB4 - 1, RWX, 1), "each at its place");

	ok_eq(dune_pt_map(root, VA + GIB, 2 * GIB, HVA, RWX), 0, "2 GiB, aligned");
	ok(counts(VA + GIB, 2 * GIB, dune_pt_1g ? 2 : 0, dune_pt_1g ? 0 : 1024, 0),
	   "are entries of the largest size there is");
	ok(pgtest_maps(root, VA + 2 * GIB + 5, HVA + GIB + 5, RWX, 0), "in the second GiB too");
	ok_eq(dune_pt_map(root, VA + 4 * GIB, GIB, HVA + MIB2, RWX), 0, "1 GiB, memory aligned to 2 MiB");
	ok(counts(VA + 4 * GIB, GIB, 0, 512, 0), "are 2 MiB entries");
	ok(pgtest_maps(root, VA + 5 * GIB - 1, HVA + GIB + MIB2 - 1, RWX, 2),
	   "that go from one frame into the next");
	ok_eq(dune_pt_map(root, VA + 6 * GIB - KIB4, GIB + 2 * KIB4, HVA - KIB4, RWX), 0,
	      "a GiB and a page at both sides");
	ok(counts(VA + 6 * GIB - KIB4, GIB + 2 * KIB4, dune_pt_1g, dune_pt_1g ? 0 : 512, 2),
	   "is the GiB's entry and two small ones");
	end();
}

static void map_rights(void)
{
	begin("map: rights");
	for (int prot = 1; prot < 16; prot++) {
		ok_eq(dune_pt_map(root, VA, MIB2 + KIB4, HVA, prot), 0, "map with %d", prot);
		ok(pgtest_maps(root, VA, HVA, prot, 2) && pgtest_maps(root, VA + MIB2, HVA + MIB2, prot, 1),
		   "has just these rights on both levels");
	}
	ok(!(pgtest_walk(root, VA).entry & (DUNE_PTE_A | DUNE_PTE_D | DUNE_PTE_SOFT)),
	   "A, D and soft bits start clear");
	ok_eq(dune_pt_map(root, VA, KIB4, HVA, DUNE_PROT_NONE), 0, "map with no rights");
	ok(pgtest_absent(root, VA), "is not present");
	ok_eq(dune_pt_protect(root, VA, KIB4, DUNE_PROT_READ), 0, "and can be brought in");
	ok(pgtest_maps(root, VA, HVA, DUNE_PROT_READ, 1), "with its address");
	end();
}

static void map_over(void)
{
	size_t pages;

	begin("map: over other mappings");
	dune_pt_map(root, VA, GIB, HVA, RWX);
	pages = pgtest_pages();
	ok_eq(dune_pt_map(root, VA + 5 * MIB2 + KIB4, KIB4, HVA + 9 * GIB, DUNE_PROT_READ), 0,
	      "a page over a large one");
	ok(pgtest_maps(root, VA + 5 * MIB2 + KIB4, HVA + 9 * GIB, DUNE_PROT_READ, 1), "is there");
	ok(counts(VA, GIB, 0, 511, 512), "the rest is split as far as it must be");
	ok(pgtest_maps(root, VA + 5 * MIB2, HVA + 5 * MIB2, RWX, 1) &&
	   pgtest_maps(root, VA + 5 * MIB2 + 2 * KIB4, HVA + 5 * MIB2 + 2 * KIB4, RWX, 1) &&
	   pgtest_maps(root, VA + GIB - 1, HVA + GIB - 1, RWX, 2), "and maps what it did");
	ok_eq(dune_pt_map(root, VA, GIB, HVA, RWX), 0, "the large one over it");
	ok(counts(VA, GIB, dune_pt_1g, dune_pt_1g ? 0 : 512, 0), "is large again");
	ok_eq(pgtest_pages(), pages, "and its tables are given back");
	end();
}

static void map_ends(void)
{
	begin("map: the ends of user space");
	ok_eq(dune_pt_map(root, 0, KIB4, 0, RWX), 0, "the first page");
	ok(pgtest_maps(root, 0, 0, RWX, 1), "is mapped");
	ok_eq(dune_pt_map(root, USER_END - GIB, GIB, USER_END - GIB, RWX), 0, "the last GiB");
	ok(pgtest_maps(root, USER_END - 1, USER_END - 1, RWX, 0), "is mapped");
	ok_eq(pgtest_leaves(root, 0, USER_END).of[1], 1, "a walk over all finds the small page");
	ok_eq(pgtest_leaves(root, 0, USER_END).last + (dune_pt_1g ? GIB : MIB2), USER_END, "and the last one");
	ok_eq(dune_pt_unmap(root, 0, USER_END), 0, "unmap all there can be");
	ok_eq(pgtest_leaves(root, 0, USER_END).all, 0, "nothing is left");
	ok_eq(pgtest_pages(), pages_before + 1, "but the root");
	end();
}

/* ---- Unmap ------------------------------------------------------------------ */

static void unmap(void)
{
	begin("unmap");
	dune_pt_map(root, VA, 2 * GIB, HVA, RWX);
	ok_eq(dune_pt_unmap(root, VA + KIB4, KIB4), 0, "one page out of a large one");
	ok(pgtest_absent(root, VA + KIB4), "is gone");
	ok(pgtest_maps(root, VA, HVA, RWX, 1) && pgtest_maps(root, VA + 2 * KIB4, HVA + 2 * KIB4, RWX, 1),
	   "its neighbours are not");
	ok(counts(VA, GIB, 0, 511, 511), "the counts say so");
	ok_eq(dune_pt_unmap(root, VA + KIB4, KIB4), 0, "once more: a hole is no error");
	ok_eq(dune_pt_unmap(root, VA + 700 * GIB, 3 * GIB), 0, "nor is a range that never was");
	ok_eq(dune_pt_unmap(root, VA + GIB - MIB2 - KIB4, 2 * MIB2), 0, "across a border of GiBs");
	ok(pgtest_absent(root, VA + GIB - MIB2 - KIB4) && pgtest_absent(root, VA + GIB) &&
	   pgtest_absent(root, VA + GIB + MIB2 - 2 * KIB4), "is gone");
	ok(pgtest_maps(root, VA + GIB - MIB2 - 2 * KIB4, HVA + GIB - MIB2 - 2 * KIB4, RWX, 1) &&
	   pgtest_maps(root, VA + GIB + MIB2 - KIB4, HVA + GIB + MIB2 - KIB4, RWX, 1), "and no more");
	for (uintptr_t va = VA; va < VA + 2 * GIB; va += 8 * MIB2)
		dune_pt_unmap(root, va, 8 * MIB2);
	ok_eq(pgtest_leaves(root, 0, USER_END).all, 0, "all of it, bit by bit");
	ok_eq(pgtest_pages(), pages_before + 1, "leaves no table");
	end();
}

/* ---- Protect ------------------------------------------------------------------ */

static void protect(void)
{
	uint64_t *pte;

	begin("protect");
	dune_pt_map(root, VA, 2 * GIB, HVA, RWX);
	ok_eq(dune_pt_protect(root, VA, 2 * GIB, DUNE_PROT_READ), 0, "all of it");
	ok(counts(VA, 2 * GIB, dune_pt_1g ? 2 : 0, dune_pt_1g ? 0 : 1024, 0), "splits nothing");
	ok(pgtest_maps(root, VA + GIB + 9, HVA + GIB + 9, DUNE_PROT_READ, 0), "takes rights away");
	ok_eq(dune_pt_protect(root, VA + 3 * KIB4, GIB, RWX), 0, "a GiB that begins in another");
	ok(counts(VA, 2 * GIB, 0, 1022, 1024), "splits at its two borders only");
	ok(pgtest_maps(root, VA + 3 * KIB4 - 1, HVA + 3 * KIB4 - 1, DUNE_PROT_READ, 1) &&
	   pgtest_maps(root, VA + 3 * KIB4, HVA + 3 * KIB4, RWX, 1) &&
	   pgtest_maps(root, VA + MIB2, HVA + MIB2, RWX, 2) &&
	   pgtest_maps(root, VA + GIB + 3 * KIB4 - 1, HVA + GIB + 3 * KIB4 - 1, RWX, 1) &&
	   pgtest_maps(root, VA + GIB + 3 * KIB4, HVA + GIB + 3 * KIB4, DUNE_PROT_READ, 1),
	   "the rights change at the very borders");

	pte = pgtest_walk(root, VA + MIB2).pte;
	*pte |= DUNE_PTE_SOFT | DUNE_PTE_A | DUNE_PTE_D | DUNE_PTE_G | 1UL << 58;
	ok_eq(dune_pt_protect(root, VA + MIB2, MIB2, DUNE_PROT_USER | DUNE_PROT_READ), 0, "other rights");
	ok_eq(*pte & ~(DUNE_PTE_ADDR | DUNE_PTE_P | DUNE_PTE_U | DUNE_PTE_XD),
	      DUNE_PTE_SOFT | DUNE_PTE_A | DUNE_PTE_D | DUNE_PTE_G | DUNE_PTE_PS | 1UL << 58,
	      "A, D, soft and all other bits are kept");

	dune_pt_unmap(root, VA + 10 * MIB2, KIB4);
	ok_eq(dune_pt_protect(root, VA + 9 * MIB2, 2 * MIB2, DUNE_PROT_READ), -ENOENT, "over a hole");
	ok(pgtest_maps(root, VA + 9 * MIB2, HVA + 9 * MIB2, DUNE_PROT_READ, 2), "what comes before it is done");
	ok_eq(dune_pt_protect(root, VA + 4 * GIB, KIB4, RWX), -ENOENT, "where no table is");
	ok_eq(dune_pt_protect(root, VA + 600 * GIB, KIB4, RWX), -ENOENT, "where not even an upper table is");
	ok_eq(pgtest_leaves(root, VA + 2 * GIB, 600 * GIB).all, 0, "which makes nothing");
	end();
}

static void protect_none(void)
{
	struct hit hit;
	dune_pte_t *pte;
	enum dune_level level = 0;

	begin("protect: none");
	dune_pt_map(root, VA, GIB, HVA, RWX);
	*pgtest_walk(root, VA).pte |= DUNE_PTE_SOFT | DUNE_PTE_D;
	ok_eq(dune_pt_protect(root, VA, GIB, DUNE_PROT_NONE), 0, "a large page");
	hit = pgtest_walk(root, VA + 5);
	ok(!hit.present && hit.entry, "is not present, but not empty");
	ok((hit.entry & DUNE_PTE_ADDR) >> 46 == 63, "the address in it is above all memory");
	ok_eq(dune_pte_gpa(hit.entry), pgtest_gpa(HVA), "dune_pte_gpa() gives the real one");
	ok_eq(dune_pt_lookup(root, VA + 5, &level, &pte), 0, "lookup finds it");
	ok(pte == hit.pte && level == hit.level, "and its level");
	ok(counts(VA, GIB, dune_pt_1g, dune_pt_1g ? 0 : 512, 0), "a walk visits it");

	ok_eq(dune_pt_protect(root, VA + MIB2 + KIB4, KIB4, DUNE_PROT_READ), 0, "bring one page of it back");
	ok(counts(VA, GIB, 0, 511, 512), "which splits it");
	ok(pgtest_maps(root, VA + MIB2 + KIB4, HVA + MIB2 + KIB4, DUNE_PROT_READ, 1), "that page is back");
	hit = pgtest_walk(root, VA + MIB2 + 2 * KIB4);
	ok(!hit.present && dune_pte_gpa(hit.entry) == pgtest_gpa(HVA + MIB2 + 2 * KIB4),
	   "the next one is not, and keeps its address");
	ok_eq(dune_pt_protect(root, VA, GIB, DUNE_PROT_WRITE), 0, "all of it");
	ok(pgtest_maps(root, VA, HVA, DUNE_PROT_WRITE, 2) &&
	   pgtest_maps(root, VA + GIB - 1, HVA + GIB - 1, DUNE_PROT_WRITE, 2) &&
	   pgtest_maps(root, VA + MIB2, HVA + MIB2, DUNE_PROT_WRITE, 1), "is back");
	ok_eq(pgtest_walk(root, VA).entry & (DUNE_PTE_SOFT | DUNE_PTE_D), DUNE_PTE_SOFT | DUNE_PTE_D,
	      "soft bits and D came through");

	/* A program may clear P by itself, which inverts nothing. */
	*pgtest_walk(root, VA).pte &= ~DUNE_PTE_P;
	ok_eq(dune_pt_protect(root, VA, KIB4, RWX), 0, "a page that the program made not present");
	ok(pgtest_maps(root, VA, HVA, RWX, 1), "comes back at its address");
	ok(pgtest_absent(root, VA + KIB4), "alone");
	end();
}

/* ---- Split and lookup ------------------------------------------------------------ */

static void split(void)
{
	const uint64_t bits = DUNE_PTE_SOFT | DUNE_PTE_A | DUNE_PTE_D | DUNE_PTE_G | 1UL << 60;
	unsigned int top = dune_pt_1g ? 3 : 2;
	struct hit hit;

	begin("split");
	dune_pt_map(root, VA, GIB, HVA, DUNE_PROT_READ | DUNE_PROT_USER);
	*pgtest_walk(root, VA).pte |= bits;
	ok_eq(dune_pt_split(root, VA, DUNE_LEVEL_1G), 0, "to at most 1 GiB");
	ok_eq(pgtest_walk(root, VA).level, top, "changes nothing");
	ok_eq(dune_pt_split(root, VA + KIB4, DUNE_LEVEL_2M), 0, "to 2 MiB");
	ok(counts(VA, GIB, 0, 512, 0), "makes 512");
	ok_eq(dune_pt_split(root, VA + KIB4, DUNE_LEVEL_4K), 0, "to 4 KiB");
	ok(counts(VA, GIB, 0, 511, 512), "makes 512 of one of them");
	ok_eq(dune_pt_split(root, VA + KIB4, DUNE_LEVEL_2M), 0, "to at most 2 MiB");
	ok(counts(VA, GIB, 0, 511, 512), "leaves what is smaller");
	for (uintptr_t off = 0; off < GIB; off += off < MIB2 ? KIB4 : MIB2)
		if (!pgtest_maps(root, VA + off, HVA + off, DUNE_PROT_READ | DUNE_PROT_USER, off < MIB2 ? 1 : 2))
			bail("split: %#lx is wrong", off);
	ok(true, "every part maps what the whole did");
	hit = pgtest_walk(root, VA + 17 * KIB4);
	ok_eq(hit.entry & (bits | DUNE_PTE_PS), bits, "with its A, D, soft and other bits, and no PS at the bottom");
	*pgtest_walk(root, VA + MIB2).pte |= 1UL << 12;	/* PAT of a large page */
	ok_eq(dune_pt_split(root, VA + MIB2, DUNE_LEVEL_4K), 0, "split one with a memory type");
	ok(pgtest_maps(root, VA + MIB2, HVA + MIB2, DUNE_PROT_READ | DUNE_PROT_USER, 1),
	   "the bit is not taken for a part of the address");
	ok_eq(dune_pt_split(root, VA + GIB, DUNE_LEVEL_4K), -ENOENT, "what is not mapped cannot be split");
	end();
}

static void lookup(void)
{
	enum dune_level level = 0;
	dune_pte_t *pte = NULL;

	begin("lookup");
	dune_pt_map(root, VA, GIB, HVA, RWX);
	ok_eq(dune_pt_lookup(root, VA + 12345, &level, &pte), 0, "as it is");
	ok_eq(level, dune_pt_1g ? 3 : 2, "gives the level");
	ok(pte == pgtest_walk(root, VA + 12345).pte, "and the entry");
	ok_eq(dune_pt_lookup(root, VA, NULL, NULL), 0, "nothing asked for but whether");
	level = DUNE_LEVEL_2M;
	ok_eq(dune_pt_lookup(root, VA + 12345, &level, &pte), 0, "2 MiB at most");
	ok(level == DUNE_LEVEL_2M && pte == pgtest_walk(root, VA).pte, "splits the GiB");
	level = DUNE_LEVEL_4K;
	ok_eq(dune_pt_lookup(root, VA + 12345, &level, &pte), 0, "4 KiB");
	ok(level == DUNE_LEVEL_4K && pte == pgtest_walk(root, VA + 12345).pte, "splits further");
	level = DUNE_LEVEL_1G;
	ok_eq(dune_pt_lookup(root, VA + 12345, &level, &pte), 0, "1 GiB at most");
	ok_eq(level, DUNE_LEVEL_4K, "says what is there");
	dune_pt_unmap(root, VA, KIB4);
	level = 0;
	ok_eq(dune_pt_lookup(root, VA, &level, &pte), -ENOENT, "a hole");
	level = DUNE_LEVEL_4K;
	ok_eq(dune_pt_lookup(root, VA, &level, &pte), -ENOENT, "a hole, by level");
	ok_eq(dune_pt_lookup(root, VA + 512 * GIB, &level, &pte), -ENOENT, "where not even a table is");
	end();
}

/* ---- Walk ------------------------------------------------------------------------- */

static int stop_at_third(dune_pte_t *pte, uintptr_t va, enum dune_level level, void *arg)
{
	return pte && va && level && ++*(int *)arg == 3 ? 42 : 0;
}

static int unmap_next(dune_pte_t *pte, uintptr_t va, enum dune_level level, void *arg)
{
	++*(int *)arg;
	return *pte && level == DUNE_LEVEL_4K ? dune_pt_unmap(root, va + KIB4, KIB4) : 0;
}

static int split_it(dune_pte_t *pte, uintptr_t va, enum dune_level level, void *arg)
{
	++*(int *)arg;
	return *pte && level > DUNE_LEVEL_2M ? dune_pt_split(root, va, DUNE_LEVEL_2M) : 0;
}

static void walk(void)
{
	struct leaves l;
	int n = 0;

	begin("walk");
	dune_pt_map(root, VA + MIB2, KIB4 * 10, HVA, RWX);
	dune_pt_map(root, VA + 2 * MIB2, 2 * MIB2, HVA, RWX);
	dune_pt_map(root, VA + 600 * GIB, KIB4, HVA, RWX);
	l = pgtest_leaves(root, 0, USER_END);
	ok(l.all == 13 && l.of[1] == 11 && l.of[2] == 2 && l.ordered, "all there is, in order");
	l = pgtest_leaves(root, VA + MIB2 + 3 * KIB4, MIB2);
	ok(l.all == 8 && l.first == VA + MIB2 + 3 * KIB4 && l.last == VA + 2 * MIB2, "from and to the middle");
	l = pgtest_leaves(root, VA + 3 * MIB2 + KIB4, KIB4);
	ok(l.all == 1 && l.first == VA + 3 * MIB2, "a page's address is where it starts");
	ok_eq(pgtest_leaves(root, VA + 4 * MIB2, GIB).all, 0, "nothing where nothing is");
	ok_eq(dune_pt_walk(root, VA, GIB, stop_at_third, &n), 42, "ends with the callback's value");
	ok_eq(n, 3, "at once");
	n = 0;
	ok_eq(dune_pt_walk(root, VA + MIB2, MIB2, unmap_next, &n), 0, "a callback that unmaps the next page");
	ok_eq(n, 5, "which is then not visited");
	dune_pt_map(root, VA, GIB, HVA, RWX);
	dune_pt_map(root, VA + GIB, GIB, HVA, RWX);
	n = 0;
	ok_eq(dune_pt_walk(root, VA, 2 * GIB, split_it, &n), 0, "a callback that splits the page it is given");
	ok_eq(n, dune_pt_1g ? 2 : 1024, "then the next one is visited");
	ok_eq(pgtest_leaves(root, VA, 2 * GIB).of[2], 1024, "and both are split");
	end();
}

int main(void)
{
	pgtest_init(true);
	for (int have_1g = 1; have_1g >= 0; have_1g--) {
		dune_pt_1g = have_1g;
		map_sizes();
		map_rights();
		map_over();
		map_ends();
		unmap();
		protect();
		protect_none();
		split();
		lookup();
		walk();
	}
	return tap_done();
}
