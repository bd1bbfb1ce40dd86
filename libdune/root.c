// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Roots: made, cloned, given back. Which root a thread has loaded is the thread's
 * business (not here).
 */
#include "export.h"
#include "pgtable_table.h"

#include <errno.h>

static struct dune_root *default_root;

static int root_alloc(uint64_t fills, struct dune_root **root)
{
	struct dune_root *new = dune_page_alloc();

	if (!new)
		return -ENOMEM;
	new->fills = fills;
	*root = new;
	return 0;
}

int dune_pt_init(bool have_1g)
{
	if (default_root)
		return 0;
	dune_pt_1g = have_1g;
	return root_alloc(ROOT_FILLS, &default_root);
}

DUNE_API struct dune_root *dune_root_default(void)
{
	return default_root;
}

uint64_t dune_root_cr3(const struct dune_root *root)
{
	return dune_page_gpa(root);
}

DUNE_API int dune_root_new(struct dune_root **root)
{
	return root ? root_alloc(0, root) : -EINVAL;
}

DUNE_API int dune_root_clone(struct dune_root *from, struct dune_root **root)
{
	struct dune_root *new;
	int ret;

	if (!from || !root)
		return -EINVAL;
	ret = root_alloc(from->fills, &new);
	if (ret)
		return ret;

	/*
	 * A fill that comes after its entry was copied is made again for the clone,
	 * when it wants it.
	 */
	dune_pt_lock();
	for (unsigned int i = 0; i < USER_ENTRIES; i++) {
		dune_pte_t e = pte_load(&from->entry[i]);

		if (pte_is_table(e, LEVEL_TOP))
			dune_page_get(pte_table(e));
		new->entry[i] = e;
	}
	dune_pt_unlock();
	*root = new;
	return 0;
}

DUNE_API int dune_root_free(struct dune_root *root)
{
	if (!root)
		return -EINVAL;
	if (root == default_root)
		return -EBUSY;
	dune_pt_lock();
	for (unsigned int i = 0; i < USER_ENTRIES; i++)
		dune_table_set(&root->entry[i], LEVEL_TOP, 0);
	dune_pt_unlock();
	dune_page_put(root);
	return 0;
}
