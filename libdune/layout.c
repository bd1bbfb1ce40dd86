// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Layout: between process addresses and guest-physical ones.
 *
 *	hva   46            30 29                0
 *	     +----------------+-------------------+
 *	     |  GiB number    |  offset in GiB    |
 *	     +----------------+-------------------+
 *	            | table[]           |
 *	            v                   v
 *	     +----------------+-------------------+
 *	     |  frame, 1..    |  offset in frame  |	frame 0: none assigned
 *	     +----------------+-------------------+
 *	gpa   45            30 29                0
 *
 * The kernel writes the table and never changes an entry that is not 0, so one
 * load is enough and nothing needs a lock.
 */
#include "export.h"
#include "pgtable_internal.h"

#include <errno.h>
#include <linux/dune.h>

#define HVA_END		((uintptr_t)DUNE_FRAME_ENTRIES << DUNE_FRAME_SHIFT)
#define FRAME_MAX	0xffffU
#define OFFSET_MASK	((1UL << DUNE_FRAME_SHIFT) - 1)

static const volatile uint16_t *frame_table;
static int (*frame_assign)(uintptr_t hva);

/*
 * For the way back: the GiB number plus one by frame, of the last frame that came to the place. Only a
 * cache of the table (an entry is checked before it is believed), so racing writers do no harm.
 */
#define OWNERS 1024
static uint32_t owner[OWNERS];

int dune_layout_init(const volatile uint16_t *table, int (*assign)(uintptr_t hva))
{
	if (!table || !assign)
		return -EINVAL;
	frame_assign = assign;
	frame_table = table;
	return 0;
}

static void remember(unsigned int frame, size_t gib)
{
	__atomic_store_n(&owner[frame % OWNERS], (uint32_t)gib + 1, __ATOMIC_RELAXED);
}

DUNE_API int dune_va_to_gpa(uintptr_t hva, uint64_t *gpa)
{
	int frame;

	if (hva >= HVA_END || !frame_table)
		return -EINVAL;
	frame = frame_table[hva >> DUNE_FRAME_SHIFT];
	if (__builtin_expect(!frame, 0)) {
		frame = frame_assign(hva);
		if (frame < 0)
			return frame;
		if (frame == 0 || (unsigned int)frame > FRAME_MAX)
			return -EIO;
		remember((unsigned int)frame, hva >> DUNE_FRAME_SHIFT);
	}
	*gpa = (uint64_t)frame << DUNE_FRAME_SHIFT | (hva & OFFSET_MASK);
	return 0;
}

/* The GiB that was given @frame, or -1. */
static long find_owner(unsigned int frame)
{
	uint32_t known = __atomic_load_n(&owner[frame % OWNERS], __ATOMIC_RELAXED);
	long found = -1;

	if (known && frame_table[known - 1] == frame)
		return (long)known - 1;

	/* The kernel assigned it by itself: learn all there is, so that this stays rare. */
	for (size_t gib = 0; gib < DUNE_FRAME_ENTRIES; gib++) {
		unsigned int f = frame_table[gib];

		if (!f)
			continue;
		remember(f, gib);
		if (f == frame)
			found = (long)gib;
	}
	return found;
}

DUNE_API int dune_gpa_to_va(uint64_t gpa, uintptr_t *hva)
{
	uint64_t frame = gpa >> DUNE_FRAME_SHIFT;
	long gib;

	if (!frame || frame > FRAME_MAX || !frame_table)
		return -ENOENT;
	gib = find_owner((unsigned int)frame);
	if (gib < 0)
		return -ENOENT;
	*hva = (uintptr_t)gib << DUNE_FRAME_SHIFT | (gpa & OFFSET_MASK);
	return 0;
}
