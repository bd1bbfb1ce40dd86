// SPDX-License-Identifier: GPL-2.0
/*
 * Walk, map, clear. The entry's format is handed in; the walk is the same for
 * every backend: four levels of 512 entries.
 *
 *	 47      39 38      30 29      21 20      12 11        0
 *	| level 4  | level 3  | level 2  | level 1  |  offset   |
 *	            '-- a frame of 1 GiB is one level 3 entry --'
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <asm/io.h>
#include "ept.h"

#define EPT_ADDR	0x000ffffffffff000ULL
#define EPT_ENTRIES	512

static unsigned int index_of(u64 gpa, enum ept_level level)
{
	return (gpa >> (12 + 9 * (level - 1))) & (EPT_ENTRIES - 1);
}

static u64 size_of(enum ept_level level)
{
	return 1ULL << (12 + 9 * (level - 1));
}

static u64 *table_of(u64 entry)
{
	return __va(entry & EPT_ADDR);
}

static bool is_present(const struct ept *ept, u64 entry)
{
	return entry & ept->format->present;
}

static bool is_leaf(const struct ept *ept, u64 entry, enum ept_level level)
{
	return level == EPT_4K || (entry & ept->format->large) == ept->format->large;
}

static u64 *table_alloc(void)
{
	return (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
}

int ept_init(struct ept *ept, const struct ept_format *format)
{
	INIT_LIST_HEAD(&ept->tables);
	spin_lock_init(&ept->lock);
	ept->format = format;
	ept->root = table_alloc();
	if (!ept->root)
		return -ENOMEM;
	ept->pages = 1;
	list_add(&virt_to_page(ept->root)->lru, &ept->tables);
	return 0;
}

int ept_cache_fill(struct ept_cache_pages *cache)
{
	while (cache->nr < EPT_CACHE_SIZE) {
		u64 *page = table_alloc();

		if (!page)
			return -ENOMEM;
		cache->page[cache->nr++] = page;
	}
	return 0;
}

void ept_cache_drain(struct ept_cache_pages *cache)
{
	while (cache->nr)
		free_page((unsigned long)cache->page[--cache->nr]);
}

/* Put a table and all below it on @freed. Depth is at most three. */
static void free_table(struct ept *ept, u64 *table, enum ept_level level, struct list_head *freed)
{
	unsigned int i;

	for (i = 0; level > EPT_4K && i < EPT_ENTRIES; i++)
		if (is_present(ept, table[i]) && !is_leaf(ept, table[i], level))
			free_table(ept, table_of(table[i]), level - 1, freed);
	list_move(&virt_to_page(table)->lru, freed);
	ept->last = NULL;
	ept->pages--;
}

void ept_free_pages(struct list_head *freed)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, freed, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}

void ept_free(struct ept *ept)
{
	if (!ept->root)
		return;
	ept_free_pages(&ept->tables);
	ept->root = NULL;
}

/* Clear one entry; what hangs below it goes to @freed. */
static bool clear_entry(struct ept *ept, u64 *entry, enum ept_level level, struct list_head *freed)
{
	u64 old = *entry;

	if (!is_present(ept, old))
		return false;
	WRITE_ONCE(*entry, 0);
	if (!is_leaf(ept, old, level))
		free_table(ept, table_of(old), level - 1, freed);
	return true;
}

static u64 leaf_entry(const struct ept_format *f, const struct ept_leaf *leaf)
{
	u64 entry = leaf->pfn << PAGE_SHIFT | f->read | f->cache[leaf->cache];

	if (leaf->write)
		entry |= f->write;
	entry |= leaf->exec ? f->exec : f->noexec;
	if (leaf->level > EPT_4K)
		entry |= f->large;
	return entry;
}

/* Make @entry point to an empty table, whatever it was. True if that took something away. */
static noinline bool make_table(struct ept *ept, u64 *entry, enum ept_level level,
				struct ept_cache_pages *cache, struct list_head *freed)
{
	/* a large leaf in the way: the small one wins, the rest is mapped again when used */
	bool stale = clear_entry(ept, entry, level, freed);
	u64 *page = cache->page[--cache->nr];

	list_add(&virt_to_page(page)->lru, &ept->tables);
	WRITE_ONCE(*entry, __pa(page) | ept->format->table);
	ept->pages++;
	return stale;
}

/* The table at @level that maps @gpa, made if need be. */
static u64 *find_table(struct ept *ept, u64 gpa, enum ept_level level, struct ept_cache_pages *cache,
		       struct list_head *freed, bool *stale)
{
	u64 mask = ept->format->present | ept->format->large, want = ept->format->table;
	enum ept_level l;
	u64 *table = ept->root;

	for (l = EPT_512G; l > level; l--) {
		u64 *entry = &table[index_of(gpa, l)];

		if (unlikely((*entry & mask) != want))
			*stale |= make_table(ept, entry, l, cache, freed);
		table = table_of(*entry);
	}
	if (level == EPT_4K) {
		ept->last = table;
		ept->last_region = gpa >> 21;
	}
	return table;
}

bool ept_map(struct ept *ept, u64 gpa, const struct ept_leaf *leaf, struct ept_cache_pages *cache,
	     struct list_head *freed)
{
	u64 new = leaf_entry(ept->format, leaf);
	u64 *table, *entry;
	bool stale = false;

	lockdep_assert_held(&ept->lock);
	if (likely(leaf->level == EPT_4K && ept->last && ept->last_region == gpa >> 21))
		table = ept->last;
	else
		table = find_table(ept, gpa, leaf->level, cache, freed, &stale);
	entry = &table[index_of(gpa, leaf->level)];
	/* Gaining rights needs no flush: the violation drops what the CPU had cached for the address. */
	if (unlikely(*entry && (*entry ^ new) & (EPT_ADDR | ept->format->large)))
		stale |= clear_entry(ept, entry, leaf->level, freed);
	WRITE_ONCE(*entry, new);
	return stale;
}

void ept_map_near(struct ept *ept, u64 gpa, const struct ept_leaf *leaf)
{
	u64 *entry;

	lockdep_assert_held(&ept->lock);
	if (!ept->last || ept->last_region != gpa >> 21)
		return;
	entry = &ept->last[index_of(gpa, EPT_4K)];
	if (!*entry)
		WRITE_ONCE(*entry, leaf_entry(ept->format, leaf));
}

/* Clear a range within one 2 MiB table. */
static bool zap_4k(struct ept *ept, u64 *table, u64 gpa, u64 end, struct list_head *freed)
{
	bool any = false;

	for (; gpa < end; gpa += PAGE_SIZE)
		any |= clear_entry(ept, &table[index_of(gpa, EPT_4K)], EPT_4K, freed);
	return any;
}

/* Clear a range within one GiB, 2 MiB at a time. */
static bool zap_2m(struct ept *ept, u64 *table, u64 gpa, u64 end, struct list_head *freed)
{
	bool any = false;
	u64 next;

	for (; gpa < end; gpa = next) {
		u64 *entry = &table[index_of(gpa, EPT_2M)];
		bool whole;

		next = min(end, (gpa | (size_of(EPT_2M) - 1)) + 1);
		whole = next - gpa == size_of(EPT_2M);
		if (!is_present(ept, *entry))
			continue;
		if (whole || is_leaf(ept, *entry, EPT_2M))
			any |= clear_entry(ept, entry, EPT_2M, freed);
		else
			any |= zap_4k(ept, table_of(*entry), gpa, next, freed);
	}
	return any;
}

bool ept_zap(struct ept *ept, u64 gpa, u64 len, struct list_head *freed)
{
	u64 *entry = &ept->root[index_of(gpa, EPT_512G)];

	lockdep_assert_held(&ept->lock);
	if (!is_present(ept, *entry))
		return false;
	entry = &table_of(*entry)[index_of(gpa, EPT_1G)];
	if (!is_present(ept, *entry))
		return false;
	if (len == size_of(EPT_1G) || is_leaf(ept, *entry, EPT_1G))
		return clear_entry(ept, entry, EPT_1G, freed);
	return zap_2m(ept, table_of(*entry), gpa, gpa + len, freed);
}

bool ept_zap_all(struct ept *ept, struct list_head *freed)
{
	bool any = ept->pages > 1;

	lockdep_assert_held(&ept->lock);
	memset(ept->root, 0, PAGE_SIZE);
	list_splice_init(&ept->tables, freed);
	list_move(&virt_to_page(ept->root)->lru, &ept->tables);
	ept->pages = 1;
	ept->last = NULL;
	return any;
}

/* ---- Taking the right to write away --------------------------------------- */

static bool protect_entry(struct ept *ept, u64 *entry)
{
	u64 old = READ_ONCE(*entry);

	if (!(old & ept->format->write))
		return false;
	WRITE_ONCE(*entry, old & ~ept->format->write);
	return true;
}

static bool protect_4k(struct ept *ept, u64 *table, u64 gpa, u64 end)
{
	bool any = false;

	for (; gpa < end; gpa += PAGE_SIZE)
		any |= protect_entry(ept, &table[index_of(gpa, EPT_4K)]);
	return any;
}

static bool protect_2m(struct ept *ept, u64 *table, u64 gpa, u64 end)
{
	bool any = false;
	u64 next;

	for (; gpa < end; gpa = next) {
		u64 *entry = &table[index_of(gpa, EPT_2M)];

		next = min(end, (gpa | (size_of(EPT_2M) - 1)) + 1);
		if (!is_present(ept, *entry))
			continue;
		if (is_leaf(ept, *entry, EPT_2M))
			any |= protect_entry(ept, entry);
		else
			any |= protect_4k(ept, table_of(*entry), gpa, next);
	}
	return any;
}

bool ept_protect(struct ept *ept, u64 gpa, u64 len)
{
	u64 *entry = &ept->root[index_of(gpa, EPT_512G)];

	lockdep_assert_held(&ept->lock);
	if (!is_present(ept, *entry))
		return false;
	entry = &table_of(*entry)[index_of(gpa, EPT_1G)];
	if (!is_present(ept, *entry))
		return false;
	if (is_leaf(ept, *entry, EPT_1G))
		return protect_entry(ept, entry);
	return protect_2m(ept, table_of(*entry), gpa, gpa + len);
}
