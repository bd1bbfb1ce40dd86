// SPDX-License-Identifier: GPL-2.0
/* VCPUs: made by the thread that will run them, gone with their descriptor. */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "born.h"
#include "space.h"
#include "vcpu.h"

static void vcpu_destroy(struct kref *ref)
{
	struct dune_vcpu *vcpu = container_of(ref, struct dune_vcpu, ref);
	struct dune_space *space = vcpu->space;

	/* the interrupt that ended the last thread's use may still be in its last lines, on another CPU */
	irq_work_sync(&vcpu->release_irq);
	born_forget(vcpu);
	hv->vcpu_free(vcpu);
	ept_cache_drain(&vcpu->tables);
	tally_end(&space->tally, vcpu->run);
	put_page(vcpu->run_page);
	kfree(vcpu);
	preempt_notifier_dec();
	space_put(space);
}

void vcpu_put(struct dune_vcpu *vcpu)
{
	kref_put(&vcpu->ref, vcpu_destroy);
}

static struct dune_vcpu *vcpu_alloc(struct dune_space *space)
{
	struct dune_vcpu *vcpu = kzalloc(hv->vcpu_size, GFP_KERNEL_ACCOUNT);

	if (!vcpu)
		return ERR_PTR(-ENOMEM);
	vcpu->run_page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!vcpu->run_page) {
		kfree(vcpu);
		return ERR_PTR(-ENOMEM);
	}
	vcpu->run = page_address(vcpu->run_page);
	vcpu->space = space;
	vcpu->task = current;
	vcpu->cpu = -1;
	mutex_init(&vcpu->running);
	vcpu_lend_init(vcpu);
	kref_init(&vcpu->ref);
	return vcpu;
}

/* ---- its descriptor ------------------------------------------------------ */

static int vcpu_fd_release(struct inode *inode, struct file *file)
{
	vcpu_put(file->private_data);
	return 0;
}

static vm_fault_t run_page_fault(struct vm_fault *vmf)
{
	struct dune_vcpu *vcpu = vmf->vma->vm_private_data;

	if (vmf->pgoff)
		return VM_FAULT_SIGBUS;
	vmf->page = vcpu->run_page;
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct run_page_vm_ops = { .fault = run_page_fault };

struct dune_vcpu *vcpu_at(unsigned long where)
{
	struct vm_area_struct *vma = find_vma(current->mm, where);
	struct dune_vcpu *vcpu;

	if (!vma || vma->vm_start != where || vma->vm_ops != &run_page_vm_ops)
		return NULL;
	vcpu = vma->vm_private_data;
	/* MADV_DOFORK takes a mapping into a child, where it is none of ours */
	return vcpu->space->mm == current->mm ? vcpu : NULL;
}

static int vcpu_fd_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct dune_vcpu *vcpu = file->private_data;

	if (current->mm != vcpu->space->mm)
		return -EIO;
	/* a private mapping would show a copy that nobody fills */
	if (vma->vm_pgoff || vma_pages(vma) != 1 || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	dune_vma_flags(vma, VM_DONTCOPY | VM_DONTEXPAND, 0);
	vma->vm_private_data = vcpu;
	vma->vm_ops = &run_page_vm_ops;
	return 0;
}

/* With vcpu->running held. The code it runs may close the descriptor: keep the VCPU meanwhile. */
static long vcpu_run_owned(struct dune_vcpu *vcpu)
{
	if (current != vcpu->task)
		return -EPERM;
	return vcpu_run(vcpu);
}

static long vcpu_fd_run(struct dune_vcpu *vcpu)
{
	long ret;

	if (current->mm != vcpu->space->mm)
		return -EIO;
	if (!mutex_trylock(&vcpu->running))
		return -EBUSY;
	kref_get(&vcpu->ref);
	/* by the door it is some thread's, maybe this one's */
	ret = vcpu->state == VCPU_IDLE ? vcpu_run_owned(vcpu) : -EBUSY;
	mutex_unlock(&vcpu->running);
	vcpu_put(vcpu);
	return ret;
}

static long vcpu_fd_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd != DUNE_RUN)
		return -ENOTTY;
	if (arg)
		return -EINVAL;
	return vcpu_fd_run(file->private_data);
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_fd_release,
	.unlocked_ioctl = vcpu_fd_ioctl,
	.mmap = vcpu_fd_mmap,
	.llseek = noop_llseek,
};

static struct dune_vcpu *vcpu_new(struct dune_space *space)
{
	struct dune_vcpu *vcpu = vcpu_alloc(space);
	int ret;

	if (IS_ERR(vcpu))
		return vcpu;
	ret = hv->vcpu_init(vcpu);
	vcpu_reload();
	if (ret) {
		put_page(vcpu->run_page);
		kfree(vcpu);
		return ERR_PTR(ret);
	}
	space_get(space);
	tally_begin(&space->tally);
	preempt_notifier_inc();
	return vcpu;
}

int vcpu_create(struct dune_space *space)
{
	struct dune_vcpu *vcpu = vcpu_new(space);
	int ret;

	if (IS_ERR(vcpu))
		return PTR_ERR(vcpu);
	ret = anon_inode_getfd("dune-vcpu", &vcpu_fops, vcpu, O_RDWR | O_CLOEXEC);
	if (ret < 0)
		vcpu_put(vcpu);
	return ret;
}

int vcpu_create_at(struct dune_space *space, unsigned long where)
{
	struct dune_vcpu *vcpu = vcpu_new(space);
	struct file *file;
	unsigned long ret;

	if (IS_ERR(vcpu))
		return PTR_ERR(vcpu);
	file = anon_inode_getfile("dune-vcpu", &vcpu_fops, vcpu, O_RDWR);
	if (IS_ERR(file)) {
		vcpu_put(vcpu);
		return PTR_ERR(file);
	}
	ret = vm_mmap(file, where, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 0);
	fput(file);
	return IS_ERR_VALUE(ret) ? (int)ret : 0;
}
