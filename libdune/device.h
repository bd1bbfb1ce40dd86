/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The module: device.c is the only user of its ioctls. */
#ifndef LIBDUNE_DEVICE_H
#define LIBDUNE_DEVICE_H

#include <linux/dune.h>
#include <stdint.h>

/* Open the device, check the ABI, make the space, map the frame table. */
int dune_device_open(struct dune_info *info, const volatile uint16_t **frames);
void dune_device_close(void);

/* In the child of a fork, which inherits descriptors but no mappings of the module's. */
void dune_device_forget(void);

/* Give the GiB of @hva its frame: its number, or -errno. Any mode. */
int dune_device_assign_frame(uintptr_t hva);

/* A VCPU for the calling thread: its descriptor, and its run page. */
int dune_device_vcpu(struct dune_run **run);
void dune_device_vcpu_close(int fd, struct dune_run *run);

/* DUNE_RUN: exactly what the kernel returned; only general registers change. */
long dune_device_run(int fd);

#endif /* LIBDUNE_DEVICE_H */
