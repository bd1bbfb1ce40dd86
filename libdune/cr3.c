// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which root a thread has loaded, and flushes that reach other threads. */
#include "cr3.h"
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <errno.h>
#include "export.h"
#include "hypercall.h"
#include "pgtable_internal.h"
#include "raw.h"
#include "thread.h"

bool dune_was_entered;

DUNE_API void dune_root_switch(struct dune_root *root)
{
	struct dune_thread *t = dune_current();

	dune_thread_map(t, root);
	t->root = root;
	raw_write_cr3(dune_root_cr3(root));
}

DUNE_API struct dune_root *dune_root_current(void)
{
	struct dune_thread *t = dune_current();

	return t && t->active ? t->root : dune_root_default();
}

DUNE_API int dune_tlb_flush_all(void)
{
	return dune_hypercall(DUNE_HC_FLUSH, 0, 0);
}

/*
 * For the page tables, which may be edited in ordinary mode too, where there is
 * no flush: nor is there a TLB to flush before the first entry.
 */
int dune_flush_if_possible(void)
{
	if (dune_inside())
		return dune_tlb_flush_all();
	return dune_was_entered ? -EAGAIN : 0;
}
