// SPDX-License-Identifier: GPL-2.0
/*
 * What an exit was. Runs right after it with interrupts off, reads what the core
 * will want from the VMCS (which may be another's by the time the core looks),
 * and says what is asked of the core.
 */
#include <asm/debugreg.h>
#include <asm/processor.h>
#include "vmx.h"

static void count(struct vmx_vcpu *vmx, enum dune_exit_kind kind)
{
	vmx->vcpu.run->counters.exits[kind]++;
}

/* The ring is SS's DPL: CS's is not, in a conforming segment. */
#define SS_DPL (3U << 5)

static u32 guest_cpl(void)
{
	return (vmread(GUEST_SS_AR) & SS_DPL) >> 5;
}

/* The same question, an instruction less. */
static bool in_ring0(void)
{
	return !(vmread(GUEST_SS_AR) & SS_DPL);
}

static void read_ip(struct vmx_vcpu *vmx)
{
	vmx->vcpu.regs.ip = vmread(GUEST_RIP);
}

/*
 * If the exit came while the CPU was delivering an event, the event is still
 * to be delivered: the next entry does it. True if there was one.
 */
static bool redeliver(void)
{
	u32 info = vmread(IDT_VECTORING);

	if (likely(!(info & INTR_VALID)))
		return false;
	vmwrite(ENTRY_INTR_INFO, info & ~(1U << 12));	/* undefined there, zero here */
	if (info & INTR_ERROR)
		vmwrite(ENTRY_ERROR_CODE, vmread(IDT_ERROR_CODE));
	/* INT n, INT3, INTO and ICEBP return to after themselves */
	if ((info & INTR_TYPE) >= INTR_TYPE_SOFT_INT)
		vmwrite(ENTRY_INSN_LEN, vmread(EXIT_INSN_LEN));
	return true;
}

static enum hv_exit hypercall(struct vmx_vcpu *vmx)
{
	count(vmx, DUNE_KIND_HYPERCALL);
	if (unlikely(!in_ring0()))
		return HV_DENIED_UD;
	read_ip(vmx);
	return HV_HYPERCALL;
}

/*
 * #DB, which exits while the host's debug registers are in use. What is not a hit of these
 * goes where it would have gone.
 */
static enum hv_exit debug(struct vmx_vcpu *vmx, u32 info)
{
	struct dune_exit *e = &vmx->vcpu.exit;

	e->debug = vmread(EXIT_QUALIFICATION) & (DR_TRAP_BITS | DR_STEP);
	if (!(e->debug & DR_TRAP_BITS)) {
		vmwrite(ENTRY_INTR_INFO, info & ~(1U << 12));
		if ((info & INTR_TYPE) >= INTR_TYPE_SOFT_INT)
			vmwrite(ENTRY_INSN_LEN, vmread(EXIT_INSN_LEN));
		return HV_NOTHING;
	}
	get_debugreg(e->watched[0], 0);
	get_debugreg(e->watched[1], 1);
	get_debugreg(e->watched[2], 2);
	get_debugreg(e->watched[3], 3);
	redeliver();
	/* MOV SS put the hit off to an ICEBP: one #DB for both, behind that */
	if ((info & INTR_TYPE) >= INTR_TYPE_SOFT_INT) {
		read_ip(vmx);
		vcpu_skip(&vmx->vcpu, vmread(EXIT_INSN_LEN));
	}
	return HV_DEBUG;
}

/* NMI and #MC are the host's: raised again on its own IDT, as the hardware would have. */
static enum hv_exit exception(struct vmx_vcpu *vmx)
{
	u32 info = vmread(EXIT_INTR_INFO);

	if ((info & INTR_TYPE) == INTR_TYPE_NMI) {
		count(vmx, DUNE_KIND_NMI);
		redeliver();
		asm volatile("int $2");
		return HV_NOTHING;
	}
	count(vmx, DUNE_KIND_EXCEPTION);
	switch (info & INTR_VECTOR) {
	case X86_TRAP_MC:
		redeliver();
		asm volatile("int $18");
		return HV_NOTHING;
	case X86_TRAP_DB:
		return debug(vmx, info);
	case X86_TRAP_AC:
		return vmread(IDT_VECTORING) & INTR_VALID ? HV_NESTED_FAULT : HV_ALIGNMENT;
	default:
		return HV_UNKNOWN;
	}
}

static enum hv_exit ept_violation(struct vmx_vcpu *vmx)
{
	struct dune_exit *e = &vmx->vcpu.exit;
	u32 qual = vmread(EXIT_QUALIFICATION);

	count(vmx, DUNE_KIND_EPT);
	e->gpa = vmread(GUEST_PHYS_ADDR);
	e->gva_valid = qual & EPT_QUAL_GVA;
	if (e->gva_valid)
		e->gva = vmread(GUEST_LINEAR_ADDR);
	e->access = qual & EPT_QUAL_WRITE ? ACCESS_WRITE : qual & EPT_QUAL_FETCH ? ACCESS_EXEC : ACCESS_READ;
	e->mapped = qual & EPT_QUAL_MAPPED;
	if (guest_cpl())
		e->access |= ACCESS_USER;
	e->vectoring = redeliver();
	return HV_EPT;
}

static enum hv_exit with_ip(struct vmx_vcpu *vmx, enum dune_exit_kind kind, enum hv_exit exit)
{
	count(vmx, kind);
	read_ip(vmx);
	vmx->vcpu.cpl = guest_cpl();
	return exit;
}

static enum hv_exit denied(struct vmx_vcpu *vmx, enum dune_exit_kind kind, enum hv_exit exit)
{
	count(vmx, kind);
	return exit;
}

static enum hv_exit rare_exit(struct vmx_vcpu *vmx, u32 reason)
{
	switch (reason) {
	case REASON_CPUID:
		vmx->vcpu.exit.long_mode = vmread(GUEST_CS_AR) & AR_LONG;
		return with_ip(vmx, DUNE_KIND_CPUID, HV_CPUID);
	case REASON_RDMSR:
		return with_ip(vmx, DUNE_KIND_MSR, HV_RDMSR);
	case REASON_WRMSR:
		return with_ip(vmx, DUNE_KIND_MSR, HV_WRMSR);
	case REASON_XSETBV:
		return with_ip(vmx, DUNE_KIND_XSETBV, HV_XSETBV);
	case REASON_TIMER:
		return denied(vmx, DUNE_KIND_TIMER, HV_INTERRUPT);
	case REASON_TRIPLE_FAULT:
		return denied(vmx, DUNE_KIND_OTHER, HV_TRIPLE_FAULT);
	case REASON_CR:
		return denied(vmx, DUNE_KIND_CR, HV_DENIED_GP);
	case REASON_DR:
		return denied(vmx, DUNE_KIND_DR, HV_DENIED_GP);
	case REASON_IO:
		return denied(vmx, DUNE_KIND_IO, HV_DENIED_GP);
	case REASON_HLT:
	case REASON_INVD:
	case REASON_WBINVD:
	case REASON_RDPMC:
		return denied(vmx, DUNE_KIND_INSN, HV_DENIED_GP);
	case REASON_GETSEC:
	case REASON_VMCLEAR ... REASON_VMXON:
	case REASON_INVEPT:
	case REASON_INVVPID:
	case REASON_MWAIT:
	case REASON_MONITOR:
	case REASON_INVPCID:
	case REASON_VMFUNC:
	case REASON_ENCLS:
	case REASON_XSAVES:
	case REASON_XRSTORS:
		return denied(vmx, DUNE_KIND_INSN, HV_DENIED_UD);
	case REASON_BAD_GUEST:
	case REASON_BAD_MSR:
		return denied(vmx, DUNE_KIND_OTHER, HV_BAD_STATE);
	default:
		/* nothing that a program does should come here: it is a mistake of ours */
		pr_warn_once("unknown exit %u\n", reason);
		return denied(vmx, DUNE_KIND_OTHER, HV_UNKNOWN);
	}
}

/* Apart, so that a VMCALL saves no registers for it. */
static noinline enum hv_exit other_exit(struct vmx_vcpu *vmx, u32 reason)
{
	if (likely(reason == REASON_EPT))
		return ept_violation(vmx);
	if (reason == REASON_INTERRUPT) {
		count(vmx, DUNE_KIND_INTERRUPT);
		return HV_INTERRUPT;
	}
	if (reason == REASON_EXCEPTION)
		return exception(vmx);
	return rare_exit(vmx, reason);
}

/* By hand, hottest first: a jump table would be an indirect branch. */
enum hv_exit vmx_exit_info(struct vmx_vcpu *vmx)
{
	u32 reason = vmread(EXIT_REASON);

	vmx->reason = reason;
	reason &= 0xffff;
	return likely(reason == REASON_VMCALL) ? hypercall(vmx) : other_exit(vmx, reason);
}

/* For the dump of a thread that cannot go on. */
void vmx_describe(struct dune_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (vcpu->cpu < 0)
		return;
	vcpu->run->hw = (struct dune_hw_exit) {
		.reason = vmx->reason,
		.qualification = vmread(EXIT_QUALIFICATION),
		.gpa = vmread(GUEST_PHYS_ADDR),
		.gva = vmread(GUEST_LINEAR_ADDR),
		.vectoring = vmread(IDT_VECTORING),
		.cr2 = vmx->cr2,
		.cr3 = vmread(GUEST_CR3),
		.gdt_base = vmread(GUEST_GDTR_BASE),
		.idt_base = vmread(GUEST_IDTR_BASE),
		.tr_base = vmread(GUEST_TR_BASE),
	};
}
