/* SPDX-License-Identifier: GPL-2.0 */
/* Second-level page tables: guest-physical to host-physical. Tables only; no Linux mm in here. */
#ifndef DUNE_EPT_H
#define DUNE_EPT_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/* Levels, named by what an entry maps. */
enum ept_level { EPT_4K = 1, EPT_2M = 2, EPT_1G = 3, EPT_512G = 4 };

enum ept_cache { EPT_WB, EPT_WT, EPT_WC, EPT_WP, EPT_UC, EPT_NR_CACHE };

/**
 * struct ept_format - how a backend writes an entry
 * @present:	an entry with any of these bits set maps something
 * @table:	bits of an entry that points to a table; all of @present, none of @large
 * @read:	bits of every leaf
 * @write:	bits of a writable leaf
 * @exec:	bits of an executable leaf
 * @noexec:	bits of a leaf that is not executable
 * @large:	bits of a leaf above 4 KiB
 * @cache:	bits of each cache type
 */
struct ept_format {
	u64 present, table, read, write, exec, noexec, large;
	u64 cache[EPT_NR_CACHE];
};

/**
 * struct ept - one tree of tables
 * @root:	its highest table
 * @lock:	held to change it; taken in mmu notifiers, so never sleep under it
 * @format:	how entries are written
 * @pages:	tables in it, the root included
 * @tables:	all of them, so that the tree can go without a look at its entries
 * @last:	the level 1 table that was used last, NULL if none: faults come in clusters
 * @last_region: gpa >> 21 of what it maps
 */
struct ept {
	u64 *root;
	spinlock_t lock;	/* see above */
	const struct ept_format *format;
	unsigned long pages;
	struct list_head tables;
	u64 *last;
	u64 last_region;
};

/* Tables set aside for a mapping, since none can be allocated under the lock. */
#define EPT_CACHE_SIZE 3
struct ept_cache_pages {
	unsigned int nr;
	u64 *page[EPT_CACHE_SIZE];
};

/* What to map: a leaf. */
struct ept_leaf {
	u64 pfn;
	enum ept_level level;
	enum ept_cache cache;
	bool write, exec;
};

int ept_init(struct ept *ept, const struct ept_format *format);
void ept_free(struct ept *ept);

int ept_cache_fill(struct ept_cache_pages *cache);
void ept_cache_drain(struct ept_cache_pages *cache);

/*
 * Map one leaf at @gpa. Called with the lock held and a full cache. True when
 * an entry was replaced that gave more or other rights: the caller must flush. Tables that it
 * replaces go to @freed.
 */
bool ept_map(struct ept *ept, u64 gpa, const struct ept_leaf *leaf, struct ept_cache_pages *cache,
	     struct list_head *freed);

/*
 * Map a 4 KiB leaf at @gpa, in the 2 MiB where ept_map() just mapped one, if nothing is
 * mapped there. Lock held.
 */
void ept_map_near(struct ept *ept, u64 gpa, const struct ept_leaf *leaf);

/*
 * Clear [gpa, gpa + len), both multiples of 4096 and within one frame of 1 GiB;
 * a large leaf that is partly in it goes whole. Lock held. True when anything was
 * mapped. Empty tables go to @freed: flush, then ept_free_pages().
 */
bool ept_zap(struct ept *ept, u64 gpa, u64 len, struct list_head *freed);
/* The same for all there is. */
bool ept_zap_all(struct ept *ept, struct list_head *freed);
void ept_free_pages(struct list_head *freed);

/*
 * Take the right to write away in [gpa, gpa + len), with the bounds of ept_zap(); what is mapped
 * stays so. Lock held. True when any entry had it: flush.
 */
bool ept_protect(struct ept *ept, u64 gpa, u64 len);

#endif /* DUNE_EPT_H */
