// SPDX-License-Identifier: LGPL-2.1-or-later
/* The module's device, the process's space, and VCPUs: the only user of the ioctls. */
#include "device.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "hypercall.h"
#include "raw.h"

#define DEVICE	"/dev/dune"

/* Programs count on small descriptors being free, or close them all from 3 on. */
#define FD_MIN	100

static int space_fd = -1;
static struct dune_info the_info;
static void *frame_table;

static long ioctl_raw(int fd, unsigned long request, void *arg)
{
	return raw_syscall4(SYS_ioctl, fd, (long)request, (long)arg, 0);
}

/* The same descriptor with a number out of the program's way, if there is one. */
static int move_away(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, FD_MIN);

	if (high < 0)
		return fd;
	close(fd);
	return high;
}

static int get_info(int fd)
{
	long ret;

	the_info = (struct dune_info){ .size = sizeof(the_info) };
	ret = ioctl_raw(fd, DUNE_GET_INFO, &the_info);
	/* A module that does not even know the request is of another age, or is not ours. */
	if (ret == -ENOTTY || (!ret && the_info.abi != DUNE_ABI_VERSION))
		return -EPROTONOSUPPORT;
	if (!ret && the_info.run_size < sizeof(struct dune_run))
		return -EPROTONOSUPPORT;
	return ret;
}

static int create_space(int fd)
{
	struct dune_create_space create = { .size = sizeof(create) };
	long ret = ioctl_raw(fd, DUNE_CREATE_SPACE, &create);

	return ret < 0 ? ret : move_away(ret);
}

int dune_device_open(struct dune_info *info, const volatile uint16_t **frames)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = get_info(fd);
	if (!ret)
		ret = create_space(fd);
	close(fd);
	if (ret < 0)
		return ret;
	space_fd = ret;

	frame_table = mmap(NULL, the_info.table_size, PROT_READ, MAP_SHARED, space_fd, 0);
	if (frame_table == MAP_FAILED) {
		ret = -errno;
		close(space_fd);
		space_fd = -1;
		return ret;
	}
	*info = the_info;
	*frames = frame_table;
	return 0;
}

void dune_device_close(void)
{
	munmap(frame_table, the_info.table_size);
	close(space_fd);
	space_fd = -1;
}

void dune_device_forget(void)
{
	close(space_fd);
	space_fd = -1;
}

int dune_device_assign_frame(uintptr_t hva)
{
	struct dune_assign_frame assign = { .size = sizeof(assign), .hva = hva };

	if (!raw_cpl())
		return dune_hypercall(DUNE_HC_FRAME, hva, 0);
	return ioctl_raw(space_fd, DUNE_ASSIGN_FRAME, &assign);
}

int dune_device_vcpu(struct dune_run **run)
{
	struct dune_create_vcpu create = { .size = sizeof(create) };
	int fd = ioctl_raw(space_fd, DUNE_CREATE_VCPU, &create);
	void *page;
	int err;

	if (fd < 0)
		return fd;
	fd = move_away(fd);
	page = mmap(NULL, the_info.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		err = -errno;
		close(fd);
		return err;
	}
	*run = page;
	return fd;
}

void dune_device_vcpu_close(int fd, struct dune_run *run)
{
	munmap(run, the_info.run_size);
	close(fd);
}

long dune_device_run(int fd)
{
	return ioctl_raw(fd, DUNE_RUN, NULL);
}
