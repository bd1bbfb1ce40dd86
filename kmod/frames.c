// SPDX-License-Identifier: GPL-2.0
/*
 * Frames of 1 GiB, handed out on demand.
 *
 *	HVA   47 bits  | GiB: 17 bits | offset: 30 bits |
 *	                     |               |
 *	               table[GiB]            |
 *	                     v               v
 *	GPA            | frame: <= 16 | offset: 30 bits |
 *
 * One rule for every CPU: even where guest-physical addresses are wide enough
 * for the identity, the table is what all follow, so there is one path to test.
 */
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "frames.h"

u32 frames_count(unsigned int gpa_bits)
{
	return min_t(u64, 1ULL << (gpa_bits - DUNE_FRAME_SHIFT), 1U << 16);
}

int frames_init(struct dune_frames *f, unsigned int gpa_bits)
{
	f->nr = frames_count(gpa_bits);
	f->next = 1;
	mutex_init(&f->lock);
	return 0;
}

void frames_free(struct dune_frames *f)
{
	unsigned int i;

	for (i = 0; i < FRAME_TABLE_PAGES; i++)
		free_page((unsigned long)f->table[i]);
	for (i = 0; i < GIB_PAGES; i++)
		free_page((unsigned long)f->gib[i]);
}

static u16 *table_page(struct dune_frames *f, unsigned int i)
{
	lockdep_assert_held(&f->lock);
	if (!f->table[i]) {
		u16 *page = (u16 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);

		/* readers take no lock: zeroes first, then the pointer */
		smp_store_release(&f->table[i], page);
	}
	return f->table[i];
}

/* Where the GiB of frame @frame is noted, NULL if there is no memory. */
static u32 *gib_slot(struct dune_frames *f, u32 frame)
{
	u32 **page = &f->gib[frame / GIB_PER_PAGE];

	lockdep_assert_held(&f->lock);
	if (!*page)
		*page = (u32 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return *page ? *page + frame % GIB_PER_PAGE : NULL;
}

static int assign_locked(struct dune_frames *f, unsigned long gib)
{
	u16 *page = table_page(f, gib / FRAME_PER_PAGE);
	u16 *entry;
	u32 *slot;

	if (!page)
		return -ENOMEM;
	entry = &page[gib % FRAME_PER_PAGE];
	if (*entry)
		return *entry;
	if (f->next == f->nr)
		return -ENOSPC;
	slot = gib_slot(f, f->next);
	if (!slot)
		return -ENOMEM;
	*slot = gib;
	WRITE_ONCE(*entry, f->next);
	/* frames_hva() trusts gib[] below next */
	smp_store_release(&f->next, f->next + 1);
	return *entry;
}

/* The frame of the GiB that holds @hva, a new one if it had none. */
int frames_assign(struct dune_frames *f, u64 hva)
{
	int ret;

	if (hva >> 47)
		return -EINVAL;
	mutex_lock(&f->lock);
	ret = assign_locked(f, hva >> DUNE_FRAME_SHIFT);
	mutex_unlock(&f->lock);
	return ret;
}

static int copy_locked(struct dune_frames *to, struct dune_frames *from)
{
	unsigned int i;

	for (i = 0; i < FRAME_TABLE_PAGES; i++) {
		if (!from->table[i])
			continue;
		if (!table_page(to, i))
			return -ENOMEM;
		memcpy(to->table[i], from->table[i], PAGE_SIZE);
	}
	/* a space without a frame has not even the first of these */
	for (i = 0; i < GIB_PAGES; i++) {
		if (!from->gib[i])
			continue;
		if (!gib_slot(to, i * GIB_PER_PAGE))
			return -ENOMEM;
		memcpy(to->gib[i], from->gib[i], PAGE_SIZE);
	}
	to->next = from->next;
	return 0;
}

/* What @from has by now. @to is new, and nobody else's. */
int frames_copy(struct dune_frames *to, struct dune_frames *from)
{
	int ret;

	mutex_lock(&from->lock);
	mutex_lock_nested(&to->lock, SINGLE_DEPTH_NESTING);
	ret = copy_locked(to, from);
	mutex_unlock(&to->lock);
	mutex_unlock(&from->lock);
	return ret;
}

static vm_fault_t frames_fault(struct vm_fault *vmf)
{
	struct dune_frames *f = vmf->vma->vm_private_data;
	u16 *page;

	if (vmf->pgoff >= FRAME_TABLE_PAGES)
		return VM_FAULT_SIGBUS;
	mutex_lock(&f->lock);
	page = table_page(f, vmf->pgoff);
	mutex_unlock(&f->lock);
	if (!page)
		return VM_FAULT_OOM;
	vmf->page = virt_to_page(page);
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct frames_vm_ops = { .fault = frames_fault };

/* The file keeps the space, and with it the table, while it is mapped. */
int frames_mmap(struct dune_frames *f, struct vm_area_struct *vma)
{
	if (vma->vm_flags & VM_WRITE)
		return -EPERM;
	if (vma->vm_pgoff || vma_pages(vma) > FRAME_TABLE_PAGES)
		return -EINVAL;
	dune_vma_flags(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYWRITE);
	vma->vm_private_data = f;
	vma->vm_ops = &frames_vm_ops;
	return 0;
}
