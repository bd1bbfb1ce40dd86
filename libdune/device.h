/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The module: device.c is the only user of its ioctls and of its door. */
#ifndef LIBDUNE_DEVICE_H
#define LIBDUNE_DEVICE_H

#include <linux/dune.h>
#include <stdint.h>

/* An open /dev/dune, or -1: then it is found by its name. */
extern int dune_device_given;

/* Called with the descriptor of the space, which is closed afterwards; or NULL. */
extern void (*dune_device_space)(int fd);

/* Open the device, check the ABI, make the space, map frame table and door. No other descriptor stays open. */
int dune_device_open(struct dune_info *info, const volatile uint16_t **frames);
/* DUNE_CAP_*, once it was opened. */
uint64_t dune_device_caps(void);

void dune_device_close(void);

/* Give the GiB of @hva its frame: its number, or -errno. Any mode. */
int dune_device_assign_frame(uintptr_t hva);

/* Put a run page, with a VCPU, at @at. */
int dune_device_vcpu(struct dune_run *at);

/* DUNE_DOOR_RUN: exactly what the module says. */
long dune_device_run(struct dune_run *run);

#endif /* LIBDUNE_DEVICE_H */
