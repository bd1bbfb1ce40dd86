/* SPDX-License-Identifier: GPL-2.0 */
/* A space: what all Dune threads of one mm share. */
#ifndef DUNE_SPACE_H
#define DUNE_SPACE_H

#include <linux/kref.h>
#include <linux/mmu_notifier.h>
#include "ept.h"
#include "frames.h"
#include "tally.h"

/**
 * struct dune_space - one per mm
 * @mm:		whose; a struct mm_struct reference (mmgrab), not its user count
 * @mni:	tells of every change to the mm's page tables, and counts them
 * @ept:	GPA to host-physical, filled on demand, emptied by @mni
 * @frames:	HVA to GPA
 * @tlb_gen:	raised when something was cleared that a CPU may have cached
 * @dead:	the mm is gone; ept.lock
 * @tally:	what its VCPUs did
 */
struct dune_space {
	struct mm_struct *mm;
	struct mmu_interval_notifier mni;
	struct ept ept;
	struct dune_frames frames;
	atomic64_t tlb_gen;
	bool dead;
	struct tally tally;
	struct kref ref;
	struct list_head node;
};

int space_create(void);

/*
 * The space of the calling thread's mm, made like @parent with its door at @door and its frame
 * table at @table (if that is not 0), if there was none. With a reference, or an error pointer.
 */
struct dune_space *space_inherit(struct dune_space *parent, unsigned long door, unsigned long table);
void space_put(struct dune_space *space);

/* No CPU uses a translation made before this call once it returns. Interrupts on. */
void space_flush(struct dune_space *space);

static inline void space_get(struct dune_space *space)
{
	kref_get(&space->ref);
}

/* Was anything changed since mmu_interval_read_begin() gave @seq? ept.lock held. */
static inline bool space_retry(struct dune_space *space, unsigned long seq)
{
	lockdep_assert_held(&space->ept.lock);
	return mmu_interval_read_retry(&space->mni, seq) || space->dead;
}

#endif /* DUNE_SPACE_H */
