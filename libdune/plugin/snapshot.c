// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a plugin was when it had been opened, and back to that.
 *
 * Pages that were writable then have a copy at their place in the snapshot. The CPU sets a dirty bit
 * in the plugin's root for each that is written to afterwards - by the plugin, or by the
 * library, which copies on that root too - so only those are copied back. Every call begins with a load of
 * CR3: no TLB has an old dirty bit then.
 *
 * An error in the middle of a restore leaves what is to be done noted as it was: it may be tried again.
 */
#include "plugin.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "raw.h"

static char *address_of(const struct dune_plugin *p, size_t page)
{
	return (char *)p->base + page * PAGE;
}

/* page[] and saved[] are the same. */
static void layout_settled(struct dune_plugin *p)
{
	p->changed = SPACE_PAGES;
	p->changed_end = 0;
}

/* Call @fn for each run of pages that have a copy. */
static int each_saved(struct dune_plugin *p, int (*fn)(struct dune_plugin *p, size_t first, size_t end))
{
	size_t i;
	int err = 0;

	for (i = 0; i < p->saved_runs && !err; i++)
		err = fn(p, p->saved_run[i].first, p->saved_run[i].end);
	return err;
}

/* ---- Made ------------------------------------------------------------------------------------------ */

static int clean(dune_pte_t *pte, uintptr_t va, enum dune_level level, void *arg)
{
	__atomic_and_fetch(pte, ~DUNE_PTE_D, __ATOMIC_RELAXED);
	return 0;
}

static int save_run(struct dune_plugin *p, size_t first, size_t end)
{
	size_t i;
	int err = 0;

	for (i = first; i < end && !err; i++) {
		memcpy(p->snapshot + i * PAGE, address_of(p, i), PAGE);
		err = dune_pt_split(p->root, (uintptr_t)address_of(p, i), DUNE_LEVEL_4K);
	}
	p->stats.saved += end - first;
	return err ? err : dune_pt_walk(p->root, (uintptr_t)address_of(p, first), (end - first) * PAGE, clean, NULL);
}

/* The next page from @i on whose @flag is @set. */
static size_t next_page(const struct dune_plugin *p, size_t i, uint8_t flag, bool set)
{
	while (i < SPACE_PAGES && !(p->saved[i] & flag) == set)
		i++;
	return i;
}

static int find_runs(struct dune_plugin *p)
{
	size_t i, end;

	for (i = next_page(p, 0, PG_SAVED, true); i < SPACE_PAGES; i = next_page(p, end, PG_SAVED, true)) {
		struct plugin_run *more = realloc(p->saved_run, (p->saved_runs + 1) * sizeof(*more));

		if (!more)
			return -ENOMEM;
		end = next_page(p, i, PG_SAVED, false);
		more[p->saved_runs++] = (struct plugin_run){ i, end };
		p->saved_run = more;
	}
	return 0;
}

int plugin_snapshot(struct dune_plugin *p)
{
	long map = sys(SYS_mmap, 0, SPACE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t i;
	int err;

	if (map < 0)
		return map;
	p->snapshot = (char *)map;
	for (i = 0; i < SPACE_PAGES; i++)
		if (p->page[i] & PG_MAPPED)
			p->page[i] |= p->page[i] & PG_WRITE ? PG_SAVED : PG_SEALED;
	memcpy(p->saved, p->page, SPACE_PAGES);
	p->saved_heap = p->heap;
	p->saved_file_maps = p->file_maps;
	layout_settled(p);
	err = find_runs(p);
	return err ? err : each_saved(p, save_run);
}

/* ---- Restored --------------------------------------------------------------------------------------- */

/* Has the plugin changed what is mapped here? */
static bool differs(const struct dune_plugin *p, size_t i)
{
	return p->page[i] != p->saved[i] && !(p->page[i] & PG_GRANT);
}

/* Those from @first on that were alike, and differ now: together, whatever became of each. */
static size_t differ_end(const struct dune_plugin *p, size_t first)
{
	size_t i = first;

	if (p->page[first] & PG_LOST)
		return first + 1;
	while (i < SPACE_PAGES && !(p->page[i] & PG_LOST) && p->saved[i] == p->saved[first] && differs(p, i))
		i++;
	return i;
}

static int restore_layout(struct dune_plugin *p, size_t first, size_t end)
{
	uint8_t was = p->saved[first];
	size_t len = (end - first) * PAGE;
	long ret;

	/* What was not writable was not to be changed. */
	if (p->page[first] & PG_LOST || (was && !(was & PG_SAVED)))
		return -EIO;
	ret = sys(SYS_mmap, (long)address_of(p, first), len, was & PG_RIGHTS,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	if (ret < 0)
		return plugin_lose(p, (uintptr_t)address_of(p, first), len, ret);
	if (was)
		memcpy(address_of(p, first), p->snapshot + first * PAGE, len);
	plugin_note(p, first, end - first, was);
	p->stats.restored += was ? end - first : 0;
	return 0;
}

static int restore_page(dune_pte_t *pte, uintptr_t va, enum dune_level level, void *arg)
{
	struct dune_plugin *p = arg;

	if (!(*pte & DUNE_PTE_D))
		return 0;
	memcpy((void *)va, p->snapshot + (va - p->base), PAGE);
	__atomic_and_fetch(pte, ~DUNE_PTE_D, __ATOMIC_RELAXED);
	p->stats.restored++;
	return 0;
}

static int restore_run(struct dune_plugin *p, size_t first, size_t end)
{
	return dune_pt_walk(p->root, (uintptr_t)address_of(p, first), (end - first) * PAGE, restore_page, p);
}

int plugin_restore(struct dune_plugin *p)
{
	size_t i, end;
	int err = 0;

	if (!p->snapshot)
		return -ENOTRECOVERABLE;
	plugin_files_close(p);
	p->stats.restored = 0;
	for (i = p->changed; i < p->changed_end && !err; i = end) {
		end = differ_end(p, i);
		if (end == i)
			end++;
		else
			err = restore_layout(p, i, end);
	}
	if (!err)
		err = each_saved(p, restore_run);
	if (err)
		return err;
	p->heap = p->saved_heap;
	p->file_maps = p->saved_file_maps;
	layout_settled(p);
	p->dead = false;
	return 0;
}
