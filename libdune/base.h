/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The FS and GS bases. By instruction where there is one: Linux allows it in ordinary
 * mode since 5.9, Dune mode wherever the CPU has it, and ring 0 has the MSRs too.
 */
#ifndef LIBDUNE_BASE_H
#define LIBDUNE_BASE_H

#include <stdint.h>

/* @hwcap2: what Linux says of this machine, AT_HWCAP2 of the auxiliary vector. */
void dune_base_init(uint64_t hwcap2);

/* Ordinary mode. */
uint64_t dune_host_fs(void);
uint64_t dune_host_gs(void);
void dune_host_set_fs(uint64_t base);
void dune_host_set_gs(uint64_t base);

/* Ring 0 of Dune mode. */
uint64_t dune_guest_fs(void);
uint64_t dune_guest_gs(void);
void dune_guest_set_fs(uint64_t base);
void dune_guest_set_gs(uint64_t base);

#endif /* LIBDUNE_BASE_H */
