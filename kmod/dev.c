// SPDX-License-Identifier: GPL-2.0
/* /dev/dune: copy, validate, call. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/dune.h>
#include "born.h"
#include "dev.h"
#include "frames.h"
#include "hv.h"
#include "space.h"
#include "vcpu.h"

/* Smallest argument that any version had: size and flags. */
#define ARGS_MIN (2 * sizeof(__u32))

int dev_get_args(void *to, size_t size, const void __user *from)
{
	__u32 given;

	if (get_user(given, (const __u32 __user *)from))
		return -EFAULT;
	if (given < ARGS_MIN || given > PAGE_SIZE)
		return -EINVAL;
	return copy_struct_from_user(to, size, from, given);
}

static long get_info(void __user *arg)
{
	struct dune_info info;
	int ret = dev_get_args(&info, sizeof(info), arg);
	u32 room = info.size;

	if (ret)
		return ret;
	if (info.flags)
		return -EINVAL;
	info = (struct dune_info) {
		.size = sizeof(info),
		.abi = DUNE_ABI_VERSION,
		.gpa_bits = hv->gpa_bits(),
		.caps = hv->caps() | DUNE_CAP_CONFINE | (fastcall_available() ? DUNE_CAP_FAST_SYSCALLS : 0) |
			(born_available() ? DUNE_CAP_BIRTH : 0),
		.frames = frames_count(hv->gpa_bits()) - 1,
		.run_size = PAGE_SIZE,
		.table_size = FRAME_TABLE_PAGES * PAGE_SIZE,
	};
	return copy_to_user(arg, &info, min_t(size_t, room, sizeof(info))) ? -EFAULT : 0;
}

static long create_space(void __user *arg)
{
	struct dune_create_space a;
	int ret = dev_get_args(&a, sizeof(a), arg);

	if (ret)
		return ret;
	if (a.flags)
		return -EINVAL;
	return space_create();
}

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case DUNE_GET_INFO:
		return get_info((void __user *)arg);
	case DUNE_CREATE_SPACE:
		return create_space((void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice dune_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dune",
	.fops = &dev_fops,
	.mode = 0660,
};

int dev_register(void)
{
	return misc_register(&dune_dev);
}

void dev_unregister(void)
{
	misc_deregister(&dune_dev);
}
