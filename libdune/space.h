/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process's side of a space: the device, the default root, the IDT. */
#ifndef LIBDUNE_SPACE_H
#define LIBDUNE_SPACE_H

#include <linux/dune.h>
#include <stdint.h>

/*
 * Bring it up, once per process; @hwcap2 as for dune_base_init(). Ordinary mode. Of the process only what
 * is libdune's own is mapped then: dune_pt_prefill().
 */
int dune_space_init(struct dune_info *info, uint64_t hwcap2);

#endif /* LIBDUNE_SPACE_H */
