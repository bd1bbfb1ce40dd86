// SPDX-License-Identifier: GPL-2.0
/*
 * The door.
 *
 *	jmp door --> #PF, an instruction fetch --> door_fault(): a task work
 *	    ^                                             |
 *	    |                                             v on the way back to user mode
 *	    +---- pt_regs: program lent, taken back <-- run_work(): Dune mode
 *
 * The run itself is not made in the fault handler, where Linux holds locks and
 * expects an answer, but as a task work: it runs in the thread's own context, may sleep,
 * and what it leaves in pt_regs is what the signal code works on next.
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include "door.h"
#include "space.h"
#include "vcpu.h"

/* The jumper goes on where it wanted to. */
static void answer(long result)
{
	struct pt_regs *regs = task_pt_regs(current);

	regs->ax = result;
	regs->ip = regs->si;
}

/* ---- Running ---------------------------------------------------------------- */

/* With a reference to the VCPU. The registers are still those of the jump. */
static void run_work(struct callback_head *head)
{
	struct dune_vcpu *vcpu = container_of(head, struct dune_vcpu, door_work);
	int ret;

	clear_bit_unlock(0, &vcpu->door_queued);
	ret = vcpu_claim(vcpu);
	if (!ret) {
		vcpu->door_regs = *task_pt_regs(current);
		ret = vcpu_run_door(vcpu);
		if (ret == DUNE_DOOR_LENT)
			goto out;
		vcpu_release(vcpu);
	}
	answer(ret);
out:
	vcpu_put(vcpu);
}

/* ---- Making ------------------------------------------------------------------ */

/* A request that is not about a run page that is there. */
struct door_request {
	struct callback_head work;
	struct dune_space *space;	/* that the door belongs to; with a reference */
};

/*
 * The space of the calling thread. If the door was inherited through a fork, that
 * is a new one with the frames of the door's, unless there is one by now.
 */
static struct dune_space *space_here(struct dune_space *space, unsigned long door, unsigned long table)
{
	if (space->mm == current->mm) {
		space_get(space);
		return space;
	}
	return space_inherit(space, door, table);
}

static long make_vcpu(struct dune_space *space, unsigned long where)
{
	if (!PAGE_ALIGNED(where) || !where)
		return -EINVAL;
	return vcpu_create_at(space, where) ?: 1;
}

static long serve(const struct door_request *r)
{
	const struct pt_regs *regs = task_pt_regs(current);
	struct dune_space *space;
	long ret;

	if (regs->dx != DUNE_DOOR_RUN && regs->dx != DUNE_DOOR_FRAME)
		return -EINVAL;
	if (!PAGE_ALIGNED(regs->r8))
		return -EINVAL;
	space = space_here(r->space, regs->ip, regs->r8);
	if (IS_ERR(space))
		return PTR_ERR(space);
	if (regs->dx == DUNE_DOOR_FRAME)
		ret = frames_assign(&space->frames, regs->cx);
	else
		ret = make_vcpu(space, regs->di);
	space_put(space);
	return ret;
}

static void request_work(struct callback_head *head)
{
	struct door_request *r = container_of(head, struct door_request, work);

	answer(serve(r));
	space_put(r->space);
	kfree(r);
}

/* ---- The fault ----------------------------------------------------------------- */

static int queue_request(struct dune_space *space)
{
	struct door_request *r = kmalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);

	if (!r)
		return -ENOMEM;
	space_get(space);
	r->space = space;
	init_task_work(&r->work, request_work);
	if (!task_work_add(current, &r->work, TWA_RESUME))
		return 0;
	space_put(space);
	kfree(r);
	return -ESRCH;
}

static int queue_run(struct dune_vcpu *vcpu)
{
	/* two threads that use one page: one of them is wrong */
	if (test_and_set_bit_lock(0, &vcpu->door_queued)) {
		answer(-EBUSY);
		return 0;
	}
	vcpu_get(vcpu);
	init_task_work(&vcpu->door_work, run_work);
	if (!task_work_add(current, &vcpu->door_work, TWA_RESUME))
		return 0;
	clear_bit_unlock(0, &vcpu->door_queued);
	vcpu_put(vcpu);		/* not the last one: its page is mapped, and mmap_lock held */
	return -ESRCH;
}

/* Only a jump here, by a thread in ordinary mode, of the process itself. */
static bool is_jump(const struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_USER && vmf->flags & FAULT_FLAG_INSTRUCTION &&
	       !(vmf->flags & FAULT_FLAG_REMOTE) && vmf->vma->vm_mm == current->mm &&
	       user_64bit_mode(task_pt_regs(current)) &&
	       task_pt_regs(current)->ip == vmf->vma->vm_start && !vcpu_running_here();
}

static vm_fault_t door_fault(struct vm_fault *vmf)
{
	struct dune_space *space = vmf->vma->vm_private_data;
	const struct pt_regs *regs = task_pt_regs(current);
	struct dune_vcpu *vcpu = NULL;
	int ret;

	if (!is_jump(vmf))
		return VM_FAULT_SIGBUS;
	if (dune_release_vma_lock(vmf))
		return VM_FAULT_RETRY;	/* and come with mmap_lock, to look at another mapping */
	if (regs->dx == DUNE_DOOR_RUN)
		vcpu = vcpu_at(regs->di);
	ret = vcpu ? queue_run(vcpu) : queue_request(space);
	return ret ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
}

static const struct vm_operations_struct door_vm_ops = { .fault = door_fault };

/*
 * Something that is mapped beside the door keeps the page table for both: else Linux
 * would allocate one for each jump, and find that it was not needed.
 */
static int map_anchor(struct vm_area_struct *vma)
{
	return remap_pfn_range(vma, vma->vm_start + PAGE_SIZE, page_to_pfn(ZERO_PAGE(0)), PAGE_SIZE, PAGE_READONLY);
}

/* The file keeps the space. A fork takes the door along, as all the child has of it. */
int door_mmap(struct dune_space *space, struct vm_area_struct *vma)
{
	if (vma_pages(vma) != DOOR_PAGES || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EPERM;
	dune_vma_flags(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYWRITE);
	vma->vm_private_data = space;
	vma->vm_ops = &door_vm_ops;
	return map_anchor(vma);
}
