// SPDX-License-Identifier: GPL-2.0
/*
 * Spaces: their life, and how they follow the mm.
 *
 * Linux tells of each change to the page tables before it makes it. Then what the range
 * maps is cleared, or made read-only, and every CPU that may have it cached is made to flush. Until
 * the change is over no fault may install an entry: what it looked up may be on its way
 * out. The notifier's sequence count sees to that: a fault waits for changes that are being
 * made, and one that began before a change looks up again.
 *
 * It is an interval notifier, over the whole of the mm, because its end
 * waits for nobody: a process in Dune mode ends as fast as any.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "dev.h"
#include "door.h"
#include "space.h"
#include "vcpu.h"

static LIST_HEAD(spaces);
static DEFINE_MUTEX(spaces_lock);	/* spaces: at most one for an mm */

void space_flush(struct dune_space *space)
{
	atomic64_inc(&space->tlb_gen);
	smp_mb__after_atomic();		/* see in_guest in run.c */
	vcpu_kick_all(space);
}

/*
 * Where Linux only takes the right to write away - a fork, soft-dirty, a file written back - the
 * pages stay what they are, and reading on costs no fault.
 */
static bool is_protection(const struct mmu_notifier_range *range)
{
	return range->event == MMU_NOTIFY_PROTECTION_PAGE || range->event == MMU_NOTIFY_SOFT_DIRTY;
}

/* A change that Linux makes to [start, end): clear the range, or (freed is NULL) only forbid writing. */
static bool change_frame(struct dune_space *space, u32 frame, unsigned long start, unsigned long end,
			 struct list_head *freed)
{
	u64 gpa = ((u64)frame << DUNE_FRAME_SHIFT) | (start & (FRAME_BYTES - 1));

	return freed ? ept_zap(&space->ept, gpa, end - start, freed) : ept_protect(&space->ept, gpa, end - start);
}

/*
 * The same for any range of user addresses; ept.lock held. True if a CPU may have cached more
 * than is left. Few of the GiBs of a wide range have frames: go by these.
 */
static bool change_hva(struct dune_space *space, unsigned long start, unsigned long end, struct list_head *freed)
{
	struct dune_frames *frames = &space->frames;
	/* below next, gib[] is written: see frames_hva() */
	u32 frame, nr = smp_load_acquire(&frames->next);
	bool any = false;

	if (start >> DUNE_FRAME_SHIFT == (end - 1) >> DUNE_FRAME_SHIFT) {
		frame = start >> 47 ? 0 : frames_lookup(frames, start);
		return frame && change_frame(space, frame, start, end, freed);
	}
	for (frame = 1; frame < nr; frame++) {
		unsigned long gib, from, to;

		frames_hva(frames, (u64)frame << DUNE_FRAME_SHIFT, &gib);
		from = max(start, gib);
		to = min(end, gib + FRAME_BYTES);
		if (from < to)
			any |= change_frame(space, frame, from, to, freed);
	}
	return any;
}

static bool space_invalidate(struct mmu_interval_notifier *mni, const struct mmu_notifier_range *range,
			     unsigned long seq)
{
	struct dune_space *space = container_of(mni, struct dune_space, mni);
	LIST_HEAD(freed);
	bool any;

	spin_lock(&space->ept.lock);
	mmu_interval_set_seq(mni, seq);
	/* the mm is going: nobody runs in it any more, and no page of it may be kept mapped */
	if (range->event == MMU_NOTIFY_RELEASE) {
		space->dead = true;
		any = ept_zap_all(&space->ept, &freed);
	} else {
		any = change_hva(space, range->start, range->end, is_protection(range) ? NULL : &freed);
	}
	spin_unlock(&space->ept.lock);
	if (any)
		space_flush(space);
	ept_free_pages(&freed);
	if (range->event == MMU_NOTIFY_RELEASE)
		tally_over(&space->tally);
	return true;
}

static const struct mmu_interval_notifier_ops space_mni_ops = { .invalidate = space_invalidate };

static void space_destroy(struct kref *ref)
{
	struct dune_space *space = container_of(ref, struct dune_space, ref);

	mutex_lock(&spaces_lock);
	list_del(&space->node);
	mutex_unlock(&spaces_lock);
	mmu_interval_notifier_remove(&space->mni);
	ept_free(&space->ept);
	frames_free(&space->frames);
	mmdrop(space->mm);
	kfree(space);
	hv_put();
	module_put(THIS_MODULE);
}

void space_put(struct dune_space *space)
{
	kref_put(&space->ref, space_destroy);
}

static struct dune_space *space_alloc(void)
{
	struct dune_space *space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);

	if (!space)
		return NULL;
	kref_init(&space->ref);
	atomic64_set(&space->tlb_gen, 1);
	tally_init(&space->tally);
	space->mm = current->mm;
	if (frames_init(&space->frames, hv->gpa_bits()) || ept_init(&space->ept, hv->format)) {
		frames_free(&space->frames);
		ept_free(&space->ept);
		kfree(space);
		return NULL;
	}
	mmgrab(space->mm);
	return space;
}

/* spaces_lock held. */
static struct dune_space *find(struct mm_struct *mm)
{
	struct dune_space *space;

	list_for_each_entry(space, &spaces, node)
		if (space->mm == mm)
			return space;
	return NULL;
}

/* Put a new space in the list, if it is its mm's only one, and let it hear of changes. */
static int space_publish(struct dune_space *space)
{
	int ret = -EEXIST;

	mutex_lock(&spaces_lock);
	if (!find(space->mm)) {
		ret = mmu_interval_notifier_insert(&space->mni, space->mm, 0, ULONG_MAX, &space_mni_ops);
		if (!ret)
			list_add(&space->node, &spaces);
	}
	mutex_unlock(&spaces_lock);
	return ret;
}

/* ---- its descriptor ------------------------------------------------------ */

static int space_fd_release(struct inode *inode, struct file *file)
{
	space_put(file->private_data);
	return 0;
}

static int space_fd_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct dune_space *space = file->private_data;

	if (current->mm != space->mm)
		return -EIO;
	if (vma->vm_pgoff == FRAME_TABLE_PAGES)
		return door_mmap(space, vma);
	return frames_mmap(&space->frames, vma);
}

static long space_assign_frame(struct dune_space *space, void __user *arg)
{
	struct dune_assign_frame a;
	int ret = dev_get_args(&a, sizeof(a), arg);

	if (ret)
		return ret;
	if (a.flags)
		return -EINVAL;
	return frames_assign(&space->frames, a.hva);
}

static long space_create_vcpu(struct dune_space *space, void __user *arg)
{
	struct dune_create_vcpu a;
	int ret = dev_get_args(&a, sizeof(a), arg);

	if (ret)
		return ret;
	if (a.flags)
		return -EINVAL;
	return vcpu_create(space);
}

static long space_fd_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct dune_space *space = file->private_data;

	if (current->mm != space->mm)
		return -EIO;
	switch (cmd) {
	case DUNE_ASSIGN_FRAME:
		return space_assign_frame(space, (void __user *)arg);
	case DUNE_CREATE_VCPU:
		return space_create_vcpu(space, (void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static ssize_t space_fd_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
	struct dune_space *space = file->private_data;

	return tally_read(&space->tally, to, size, !(file->f_flags & O_NONBLOCK));
}

static const struct file_operations space_fops = {
	.owner = THIS_MODULE,
	.release = space_fd_release,
	.read = space_fd_read,
	.unlocked_ioctl = space_fd_ioctl,
	.mmap = space_fd_mmap,
	.llseek = noop_llseek,
};

static void space_unmake(struct dune_space *space)
{
	ept_free(&space->ept);
	frames_free(&space->frames);
	mmdrop(space->mm);
	kfree(space);
	hv_put();
	module_put(THIS_MODULE);
}

/* A space that is not yet anybody's. */
static struct dune_space *space_make(void)
{
	struct dune_space *space;
	int ret = hv_get();

	if (ret)
		return ERR_PTR(ret);
	space = space_alloc();
	if (!space) {
		hv_put();
		return ERR_PTR(-ENOMEM);
	}
	/* a thread that dies may need us when all its descriptors and mappings are gone */
	__module_get(THIS_MODULE);
	return space;
}

int space_create(void)
{
	struct dune_space *space = space_make();
	int ret;

	if (IS_ERR(space))
		return PTR_ERR(space);
	ret = space_publish(space);
	if (ret) {
		space_unmake(space);
		/* Linux takes each lock of the mm for its first notifier, and stops when a signal comes */
		return ret == -EINTR ? -ERESTARTNOINTR : ret;
	}
	ret = anon_inode_getfd("dune-space", &space_fops, space, O_RDWR | O_CLOEXEC);
	if (ret < 0)
		space_put(space);
	return ret;
}

/* ---- After a fork ----------------------------------------------------------- */

/* The frame table and the door, where the program knows them. */
static int map_at(struct dune_space *space, unsigned long table, unsigned long door)
{
	struct file *file = anon_inode_getfile("dune-space", &space_fops, space, O_RDWR);
	unsigned long ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	space_get(space);	/* the file's */
	ret = !table ? 0 : vm_mmap(file, table, FRAME_TABLE_PAGES * PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, 0);
	if (!IS_ERR_VALUE(ret))
		ret = vm_mmap(file, door, DOOR_PAGES * PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED,
			      FRAME_TABLE_PAGES * PAGE_SIZE);
	fput(file);
	return IS_ERR_VALUE(ret) ? (int)ret : 0;
}

static int inherit(struct dune_space *space, struct dune_space *parent)
{
	int ret = frames_copy(&space->frames, &parent->frames);

	return ret ? ret : space_publish(space);
}

static struct dune_space *find_here(void)
{
	struct dune_space *space;

	mutex_lock(&spaces_lock);
	space = find(current->mm);
	if (space && !kref_get_unless_zero(&space->ref))
		space = NULL;
	mutex_unlock(&spaces_lock);
	return space;
}

/* -EEXIST if there is one already. */
static struct dune_space *inherit_new(struct dune_space *parent, unsigned long door, unsigned long table)
{
	struct dune_space *space = space_make();
	int ret;

	if (IS_ERR(space))
		return space;
	ret = inherit(space, parent);
	if (ret) {
		space_unmake(space);
		return ERR_PTR(ret);
	}
	ret = map_at(space, table, door);
	if (ret) {
		space_put(space);
		return ERR_PTR(ret);
	}
	return space;
}

struct dune_space *space_inherit(struct dune_space *parent, unsigned long door, unsigned long table)
{
	struct dune_space *space;

	for (;;) {
		space = find_here();
		if (!space)
			space = inherit_new(parent, door, table);
		/* made by another thread just now; or what there was is on its way out */
		if (space != ERR_PTR(-EEXIST) || fatal_signal_pending(current))
			return space;
		cond_resched();
	}
}
