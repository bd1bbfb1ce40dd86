// SPDX-License-Identifier: GPL-2.0
/* Instructions that always exit and have a meaning in Dune mode: CPUID, RDMSR, WRMSR, XSETBV. */
#include <linux/dune.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/processor.h>
#include "vcpu.h"

#define CPUID_LEN 2
#define MSR_LEN 2
#define XSETBV_LEN 3

struct cpuid_regs_out { u32 eax, ebx, ecx, edx; };

/* What the CPU has but Dune mode has not. A program asks before it uses them. */
static void hide(u32 leaf, u32 subleaf, struct cpuid_regs_out *r)
{
	switch (leaf) {
	case 1:
		r->ecx &= ~(BIT(3) | BIT(5));		/* MONITOR, VMX */
		break;
	case 7:
		if (subleaf == 0) {
			r->ebx &= ~BIT(2);		/* SGX */
			r->ecx &= ~(BIT(5) | BIT(7) | BIT(29)); /* WAITPKG, CET_SS, ENQCMD */
			r->edx &= ~(BIT(18) | BIT(20) | BIT(22) | BIT(24) | BIT(25)); /* PCONFIG, CET_IBT, AMX */
		}
		break;
	case 0xd:
		if (subleaf == 1)
			r->eax &= ~BIT(3);		/* XSAVES */
		break;
	}
}

int vcpu_cpuid(struct dune_vcpu *vcpu)
{
	struct pt_regs *regs = &vcpu->regs;
	u32 leaf = regs->ax, subleaf = regs->cx;
	struct cpuid_regs_out r = {};

	if (leaf == DUNE_CPUID_LEAF) {
		r.eax = DUNE_ABI_VERSION;
		memcpy(&r.ebx, "Dune", 4);
		memcpy(&r.ecx, "mode", 4);
		memcpy(&r.edx, "VMX", 4);
	} else {
		asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			     : "0"(leaf), "2"(subleaf));
		hide(leaf, subleaf, &r);
	}
	regs->ax = r.eax;
	regs->bx = r.ebx;
	regs->cx = r.ecx;
	regs->dx = r.edx;
	vcpu_skip(vcpu, CPUID_LEN);
	/* ring 3 may do this, so it must not be able to make a RIP that no entry accepts */
	if (!vcpu->exit.long_mode)
		regs->ip = (u32)regs->ip;
	return 0;
}

/* The syscall MSRs of Dune mode; see also vmx/vmx.c, which loads them. */
int vcpu_rdmsr(struct dune_vcpu *vcpu)
{
	struct pt_regs *regs = &vcpu->regs;
	u64 value;

	switch ((u32)regs->cx) {
	case MSR_LSTAR:
		value = vcpu->system.lstar;
		break;
	case MSR_SYSCALL_MASK:
		value = 0;
		break;
	case MSR_STAR:
		value = (u64)__USER32_CS << 48 | (u64)__KERNEL_CS << 32;
		break;
	case MSR_EFER:
		value = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;
		break;
	default:
		vcpu_inject_gp(vcpu);
		return 0;
	}
	regs->ax = (u32)value;
	regs->dx = value >> 32;
	vcpu_skip(vcpu, MSR_LEN);
	return 0;
}

int vcpu_wrmsr(struct dune_vcpu *vcpu)
{
	struct pt_regs *regs = &vcpu->regs;
	u64 value = (u32)regs->ax | regs->dx << 32;

	/* It goes into the real MSR: a value that is not canonical would be our fault there. */
	if ((u32)regs->cx != MSR_LSTAR || (s64)(value << 16) >> 16 != value) {
		vcpu_inject_gp(vcpu);
		return 0;
	}
	vcpu->system.lstar = value;
	vcpu->dirty |= DIRTY_LSTAR;
	vcpu_skip(vcpu, MSR_LEN);
	return 0;
}

/* XCR0 is the thread's, and Linux keeps it: setting what is set is all that can be allowed. */
int vcpu_xsetbv(struct dune_vcpu *vcpu)
{
	struct pt_regs *regs = &vcpu->regs;
	u64 value = (u32)regs->ax | regs->dx << 32;

	if ((u32)regs->cx != XCR_XFEATURE_ENABLED_MASK || vcpu->cpl ||
	    value != xgetbv(XCR_XFEATURE_ENABLED_MASK)) {
		vcpu_inject_gp(vcpu);
		return 0;
	}
	vcpu_skip(vcpu, XSETBV_LEN);
	return 0;
}
