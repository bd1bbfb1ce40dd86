/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The FS and GS bases. By instruction where there is one: Linux allows it in ordinary
 * mode since 5.9, Dune mode wherever the CPU has it, and ring 0 has the MSRs too.
 */
#ifndef LIBDUNE_BASE_H
#define LIBDUNE_BASE_H

#include <stdbool.h>
#include <stdint.h>
#include "raw.h"

/* @hwcap2: what Linux says of this machine, AT_HWCAP2 of the auxiliary vector. */
void dune_base_init(uint64_t hwcap2);

/* Ordinary mode. */
uint64_t dune_host_fs(void);
uint64_t dune_host_gs(void);
void dune_host_set_fs(uint64_t base);
void dune_host_set_gs(uint64_t base);

/* Ring 0 of Dune mode. Inline: they are in every trap out of ring 3. */
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101

extern bool dune_guest_has_base_insn;

static inline uint64_t dune_guest_fs(void)
{
	return dune_guest_has_base_insn ? raw_rdfsbase() : raw_rdmsr(MSR_FS_BASE);
}

static inline uint64_t dune_guest_gs(void)
{
	return dune_guest_has_base_insn ? raw_rdgsbase() : raw_rdmsr(MSR_GS_BASE);
}

static inline void dune_guest_set_fs(uint64_t base)
{
	if (dune_guest_has_base_insn)
		raw_wrfsbase(base);
	else
		raw_wrmsr(MSR_FS_BASE, base);
}

static inline void dune_guest_set_gs(uint64_t base)
{
	if (dune_guest_has_base_insn)
		raw_wrgsbase(base);
	else
		raw_wrmsr(MSR_GS_BASE, base);
}

#endif /* LIBDUNE_BASE_H */
