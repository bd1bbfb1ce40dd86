/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VMX instructions, and CR2, which VMX leaves to us. Those that can fail say
 * so; none of them may with what we give them.
 */
#ifndef DUNE_VMX_INSN_H
#define DUNE_VMX_INSN_H

#include <linux/types.h>
#include <linux/bug.h>
#include <asm/asm.h>

/* A VMCS or VMXON region: the CPU's own format behind the revision. */
struct vmcs {
	u32 revision;
	u32 abort;
};

static inline int vmxon(u64 pa)
{
	/* a fault means that VMX is on already, or off for good */
	asm goto("1: vmxon %[pa]\n\t"
			  _ASM_EXTABLE(1b, %l[fault])
			  : : [pa] "m"(pa) : "memory", "cc" : fault);
	return 0;
fault:
	return -EBUSY;
}

static inline void vmxoff(void)
{
	asm volatile("vmxoff" : : : "cc", "memory");
}

static inline void vmclear(u64 pa)
{
	asm volatile("vmclear %0" : : "m"(pa) : "cc", "memory");
}

static inline void vmptrld(u64 pa)
{
	asm volatile("vmptrld %0" : : "m"(pa) : "cc", "memory");
}

static __always_inline unsigned long vmread(unsigned long field)
{
	unsigned long value;

	asm volatile("vmread %1, %0" : "=r"(value) : "r"(field) : "cc");
	return value;
}

static __always_inline void vmwrite(unsigned long field, unsigned long value)
{
	asm volatile("vmwrite %1, %0" : : "r"(field), "rm"(value) : "cc", "memory");
}

/* As vmwrite(), saying whether the CPU knows the field. For set-up. */
static inline bool vmwrite_checked(unsigned long field, unsigned long value)
{
	bool failed;

	asm volatile("vmwrite %2, %1\n\tsetna %0" : "=qm"(failed) : "r"(field), "rm"(value) : "cc", "memory");
	return !failed;
}

static __always_inline unsigned long get_cr2(void)
{
	unsigned long value;

	asm volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

static __always_inline void set_cr2(unsigned long value)
{
	asm volatile("mov %0, %%cr2" : : "r"(value));
}

#define INVEPT_SINGLE 1UL
#define INVEPT_ALL 2UL

static inline void invept(unsigned long type, u64 eptp)
{
	struct { u64 eptp, zero; } d = { eptp, 0 };

	asm volatile("invept %0, %1" : : "m"(d), "r"(type) : "cc", "memory");
}

#endif /* DUNE_VMX_INSN_H */
