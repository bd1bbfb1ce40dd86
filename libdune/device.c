// SPDX-License-Identifier: LGPL-2.1-or-later
/* The module's device, the process's space, and VCPUs: the only user of the ioctls. */
#include "device.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include "entry.h"
#include "hypercall.h"
#include "own.h"
#include "raw.h"

#define DEVICE		"/dev/dune"
#define DOOR_SIZE	8192

static struct dune_info the_info;
void *dune_frame_table;
void *dune_door;

static int get_info(int fd)
{
	long ret;

	the_info = (struct dune_info){ .size = sizeof(the_info) };
	ret = raw_ioctl(fd, DUNE_GET_INFO, &the_info);
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

	return raw_ioctl(fd, DUNE_CREATE_SPACE, &create);
}

/* Both stay when the descriptor is closed, and keep the space. */
static int map_space(int fd)
{
	long table = dune_own_map(the_info.table_size, 0, PROT_READ, MAP_SHARED, fd, 0);
	long door;

	if (raw_failed(table))
		return table;
	door = dune_own_map(DOOR_SIZE, 0, PROT_READ | PROT_EXEC, MAP_SHARED, fd, the_info.table_size);
	if (raw_failed(door)) {
		dune_own_unmap((void *)table, the_info.table_size);
		return door;
	}
	dune_frame_table = (void *)table;
	dune_door = (void *)door;
	return 0;
}

void (*dune_device_space)(int fd);

static int make_space(int fd)
{
	int space = create_space(fd), ret;

	if (space < 0)
		return space;
	ret = map_space(space);
	if (!ret && dune_device_space)
		dune_device_space(space);
	raw_close(space);
	return ret;
}

int dune_device_given = -1;

int dune_device_open(struct dune_info *info, const volatile uint16_t **frames)
{
	int fd = dune_device_given >= 0 ? dune_device_given : raw_open(DEVICE, O_RDWR | O_CLOEXEC);
	long ret;

	if (fd < 0)
		return fd;
	ret = get_info(fd);
	if (!ret)
		ret = make_space(fd);
	if (fd != dune_device_given)
		raw_close(fd);
	if (ret < 0)
		return ret;
	*info = the_info;
	*frames = dune_frame_table;
	return 0;
}

uint64_t dune_device_caps(void)
{
	return the_info.caps;
}

void dune_device_close(void)
{
	dune_own_unmap(dune_frame_table, the_info.table_size);
	dune_own_unmap(dune_door, DOOR_SIZE);
}

int dune_device_assign_frame(uintptr_t hva)
{
	if (!raw_cpl())
		return dune_hypercall(DUNE_HC_FRAME, hva, 0);
	return dune_door_jump(NULL, DUNE_DOOR_FRAME, hva);
}

int dune_device_vcpu(struct dune_run *at)
{
	long ret = dune_door_jump(at, DUNE_DOOR_RUN, 0);

	/* 0 would be a run: there is a VCPU already. */
	return ret == 1 ? 0 : ret < 0 ? ret : -EBUSY;
}

long dune_device_run(struct dune_run *run)
{
	return dune_door_jump(run, DUNE_DOOR_RUN, 0);
}
