// SPDX-License-Identifier: LGPL-2.1-or-later
/* FS and GS bases: three ways to the same two registers. */
#include "base.h"
#include <asm/prctl.h>
#include <sys/syscall.h>
#include "raw.h"

#define HWCAP2_FSGSBASE		(1UL << 1)	/* <asm/hwcap2.h> */
#define CPUID7_EBX_FSGSBASE	(1U << 0)

static bool host_has_insn;
bool dune_guest_has_base_insn;

void dune_base_init(uint64_t hwcap2)
{
	uint32_t r[4];

	host_has_insn = hwcap2 & HWCAP2_FSGSBASE;
	raw_cpuid(0, 0, r);
	if (r[0] < 7)
		return;
	raw_cpuid(7, 0, r);
	dune_guest_has_base_insn = r[1] & CPUID7_EBX_FSGSBASE;
}

static uint64_t ask_linux(int code)
{
	uint64_t base = 0;

	raw_syscall4(SYS_arch_prctl, code, (long)&base, 0, 0);
	return base;
}

uint64_t dune_host_fs(void)
{
	return host_has_insn ? raw_rdfsbase() : ask_linux(ARCH_GET_FS);
}

uint64_t dune_host_gs(void)
{
	return host_has_insn ? raw_rdgsbase() : ask_linux(ARCH_GET_GS);
}

void dune_host_set_fs(uint64_t base)
{
	if (host_has_insn)
		raw_wrfsbase(base);
	else
		raw_syscall4(SYS_arch_prctl, ARCH_SET_FS, base, 0, 0);
}

void dune_host_set_gs(uint64_t base)
{
	if (host_has_insn)
		raw_wrgsbase(base);
	else
		raw_syscall4(SYS_arch_prctl, ARCH_SET_GS, base, 0, 0);
}
