/* SPDX-License-Identifier: GPL-2.0 */
/* The frame table: which 1 GiB of guest-physical space each GiB of user addresses has. */
#ifndef DUNE_FRAMES_H
#define DUNE_FRAMES_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/dune.h>

#define FRAME_BYTES		(1UL << DUNE_FRAME_SHIFT)
#define FRAME_TABLE_PAGES	(DUNE_FRAME_ENTRIES * sizeof(u16) / PAGE_SIZE)
#define FRAME_PER_PAGE		(PAGE_SIZE / sizeof(u16))
#define GIB_PER_PAGE		(PAGE_SIZE / sizeof(u32))
#define GIB_PAGES		((1UL << 16) / GIB_PER_PAGE)

struct vm_area_struct;

/**
 * struct dune_frames - both directions of the assignment
 * @table:	pages of the table that user space maps; made when first needed
 * @gib:	for each frame, the GiB (hva >> 30) it belongs to; pages made when first needed
 * @nr:		frames that there are, 0 among them, which is never handed out
 * @next:	the next free one; frames are never taken back
 * @lock:	held to change any of these. Entries once written do not change
 */
struct dune_frames {
	u16 *table[FRAME_TABLE_PAGES];
	u32 *gib[GIB_PAGES];
	u32 nr, next;
	struct mutex lock;	/* see above */
};

int frames_init(struct dune_frames *f, unsigned int gpa_bits);
void frames_free(struct dune_frames *f);
int frames_copy(struct dune_frames *to, struct dune_frames *from);
int frames_assign(struct dune_frames *f, u64 hva);
int frames_mmap(struct dune_frames *f, struct vm_area_struct *vma);
u32 frames_count(unsigned int gpa_bits);

/* The frame of a user address, 0 if none. */
static inline u32 frames_lookup(struct dune_frames *f, unsigned long hva)
{
	unsigned long gib = hva >> DUNE_FRAME_SHIFT;
	/* pairs with table_page(): a page that is seen is seen zeroed */
	u16 *page = smp_load_acquire(&f->table[gib / FRAME_PER_PAGE]);

	return page ? READ_ONCE(page[gib % FRAME_PER_PAGE]) : 0;
}

/* The user address behind a guest-physical one; false if its frame is nobody's. */
static inline bool frames_hva(struct dune_frames *f, u64 gpa, unsigned long *hva)
{
	u64 frame = gpa >> DUNE_FRAME_SHIFT;

	/* pairs with assign_locked(): below next, gib[] is written */
	if (!frame || frame >= smp_load_acquire(&f->next))
		return false;
	*hva = ((unsigned long)f->gib[frame / GIB_PER_PAGE][frame % GIB_PER_PAGE] << DUNE_FRAME_SHIFT) |
	       (gpa & (FRAME_BYTES - 1));
	return true;
}

#endif /* DUNE_FRAMES_H */
