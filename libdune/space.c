// SPDX-License-Identifier: LGPL-2.1-or-later
/* Bring-up of what all threads share, in the order in which each part needs the one before. */
#include "space.h"
#include "base.h"
#include "cr3.h"
#include "descriptor.h"
#include "device.h"
#include "page_internal.h"
#include "vector.h"

static int tables_init(const volatile uint16_t *frames, const struct dune_info *info)
{
	int err = dune_layout_init(frames, dune_device_assign_frame);

	if (!err)
		err = dune_page_init();
	if (!err)
		err = dune_pt_init(info->caps & DUNE_CAP_GUEST_1G);
	if (!err)
		dune_pt_on_retire(dune_flush_if_possible);
	return err;
}

/* What the page-fault path itself uses: it must not have to wait for a page fault. */
static int fill_own(const volatile uint16_t *frames, const struct dune_info *info)
{
	const struct {
		uintptr_t start;
		size_t size;
	} own[] = {
		{ dune_pool_base, DUNE_POOL_PAGES * DUNE_PAGE_SIZE },
		{ (uintptr_t)dune_page_slots(), DUNE_SLOTS_SIZE },
		{ (uintptr_t)frames, info->table_size },
		{ (uintptr_t)dune_idt, IDT_LIMIT + 1 },
	};
	unsigned int i;
	int err = 0;

	for (i = 0; i < sizeof(own) / sizeof(own[0]) && !err; i++)
		err = dune_pt_prefill_range(own[i].start, own[i].start + own[i].size);
	return err;
}

int dune_space_init(struct dune_info *info, uint64_t hwcap2)
{
	const volatile uint16_t *frames;
	int err = dune_device_open(info, &frames);

	if (err)
		return err;
	dune_base_init(hwcap2);
	dune_vector_init();
	err = tables_init(frames, info);
	if (!err)
		err = dune_idt_init();
	if (!err)
		err = fill_own(frames, info);
	if (err)
		dune_device_close();
	return err;
}
