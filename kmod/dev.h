/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DUNE_DEV_H
#define DUNE_DEV_H

#include <linux/types.h>

int dev_register(void);
void dev_unregister(void);

/*
 * Copy an ioctl's argument, whose first word is its size. A caller that knows
 * less than we do gets zeroes for the rest; one that knows more must not use it (-E2BIG).
 */
int dev_get_args(void *to, size_t size, const void __user *from);

#endif /* DUNE_DEV_H */
