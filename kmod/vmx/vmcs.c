// SPDX-License-Identifier: GPL-2.0
/* What is written into a VMCS: once, when it comes to a CPU, and before an entry. */
#include <asm/cpu_entry_area.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/processor.h>
#include <asm/segment.h>
#include "vmx.h"

/* Access rights: type, S, DPL, P, then L, D/B, G. */
#define AR_CODE64	0xa09b
#define AR_CODE64_RING3	0xa0fb
#define AR_DATA		0xc093
#define AR_DATA_RING3	0xc0f3	/* survives an IRET to ring 3, as does its base */
#define AR_TSS		0x008b
#define AR_UNUSABLE	0x10000

/* Of CR4, what Dune mode shares with the host, and what it always has. */
#define CR4_HOST	(X86_CR4_MCE | X86_CR4_PGE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | \
			 X86_CR4_OSXSAVE | X86_CR4_FSGSBASE | X86_CR4_PKE)
#define CR0_GUEST	(X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | \
			 X86_CR0_AM | X86_CR0_PG)

struct field { u32 name; unsigned long value; };

static bool write_fields(const struct field *f, size_t n)
{
	bool ok = true;

	for (; n--; f++)
		if (!vmwrite_checked(f->name, f->value)) {
			pr_err_once("the CPU refuses VMCS field %#x\n", f->name);
			ok = false;
		}
	return ok;
}

/*
 * #AC and #MC exit: see exit.c for the first; the second is the host's. No
 * other exception does, but #DB while a debugger watches: they are what Dune mode is
 * for. Nothing exits on a match of the page-fault error code either, since #PF is not
 * in the bitmap.
 */
#define EXCEPTIONS (BIT(X86_TRAP_AC) | BIT(X86_TRAP_MC))

static bool setup_controls(struct vmx_vcpu *vmx)
{
	const struct field f[] = {
		{ PIN_CONTROLS, vmx_caps.pin },
		{ CPU_CONTROLS, vmx_caps.cpu },
		{ CPU2_CONTROLS, vmx_caps.cpu2 },
		{ EXIT_CONTROLS, vmx_caps.exit },
		{ ENTRY_CONTROLS, vmx_caps.entry },
		{ EXCEPTION_BITMAP, EXCEPTIONS },
		{ PF_ERROR_MASK, 0 }, { PF_ERROR_MATCH, 0 },
		{ CR3_TARGET_COUNT, 0 },
		{ EXIT_MSR_STORE_COUNT, 0 }, { EXIT_MSR_LOAD_COUNT, 0 }, { ENTRY_MSR_LOAD_COUNT, 0 },
		{ ENTRY_INTR_INFO, 0 },
		{ MSR_BITMAP, __pa(vmx_msr_bitmap) },
		{ EPT_POINTER, vmx->eptp },
		{ VMCS_LINK, ~0UL },
	};

	/*
	 * A thread that holds interrupts off still exits for the host's, says
	 * the manual. Not every emulator does; the timer is for those. It starts
	 * anew with each entry, so it costs nothing where there are other exits.
	 */
	if (cpu_has_timer() && !vmwrite_checked(TIMER_VALUE, vmx_caps.timer))
		return false;
	if (cpu_has_vpid() && !vmwrite_checked(VPID, vmx->vpid))
		return false;
	/* SGX is the host kernel's: ring 0 of Dune mode is not that */
	if (vmx_caps.cpu2 & CPU2_ENCLS && !vmwrite_checked(ENCLS_BITMAP, ~0UL))
		return false;
	return write_fields(f, ARRAY_SIZE(f));
}

static bool setup_guest(struct vmx_vcpu *vmx)
{
	unsigned long cr4 = (__read_cr4() & CR4_HOST) | X86_CR4_PAE;
	const struct field f[] = {
		{ GUEST_CR0, CR0_GUEST }, { CR0_MASK, ~0UL }, { CR0_SHADOW, CR0_GUEST },
		{ GUEST_CR4, cr4 | X86_CR4_VMXE }, { CR4_MASK, ~0UL }, { CR4_SHADOW, cr4 },
		{ GUEST_DR7, 0x400 }, { GUEST_DEBUGCTL, 0 },
		{ GUEST_SYSENTER_CS, 0 }, { GUEST_SYSENTER_ESP, 0 }, { GUEST_SYSENTER_EIP, 0 },
		{ GUEST_ES_SEL, 0 }, { GUEST_ES_BASE, 0 }, { GUEST_ES_LIMIT, ~0U }, { GUEST_ES_AR, AR_DATA_RING3 },
		{ GUEST_DS_SEL, 0 }, { GUEST_DS_BASE, 0 }, { GUEST_DS_LIMIT, ~0U }, { GUEST_DS_AR, AR_DATA_RING3 },
		{ GUEST_FS_SEL, 0 }, { GUEST_FS_BASE, 0 }, { GUEST_FS_LIMIT, ~0U }, { GUEST_FS_AR, AR_DATA_RING3 },
		{ GUEST_GS_SEL, 0 }, { GUEST_GS_BASE, 0 }, { GUEST_GS_LIMIT, ~0U }, { GUEST_GS_AR, AR_DATA_RING3 },
		{ GUEST_LDTR_SEL, 0 }, { GUEST_LDTR_BASE, 0 },
		{ GUEST_LDTR_LIMIT, 0 }, { GUEST_LDTR_AR, AR_UNUSABLE },
	};

	return write_fields(f, ARRAY_SIZE(f));
}

static bool setup_host(void)
{
	struct desc_ptr idt;
	const struct field f[] = {
		{ HOST_CR0, read_cr0() & ~X86_CR0_TS },
		{ HOST_CS_SEL, __KERNEL_CS }, { HOST_SS_SEL, __KERNEL_DS },
		{ HOST_DS_SEL, 0 }, { HOST_ES_SEL, 0 }, { HOST_FS_SEL, 0 }, { HOST_GS_SEL, 0 },
		{ HOST_TR_SEL, GDT_ENTRY_TSS * 8 },
		{ HOST_SYSENTER_CS, dune_rdmsr(MSR_IA32_SYSENTER_CS) },
		{ HOST_SYSENTER_EIP, dune_rdmsr(MSR_IA32_SYSENTER_EIP) },
		{ HOST_RIP, (unsigned long)vmx_exit_label },
	};

	store_idt(&idt);
	return vmwrite_checked(HOST_IDTR_BASE, idt.address) && write_fields(f, ARRAY_SIZE(f));
}

int vmcs_setup(struct vmx_vcpu *vmx)
{
	return setup_controls(vmx) && setup_guest(vmx) && setup_host() ? 0 : -EIO;
}

/* What is this CPU's own, or this thread's on it. */
void vmcs_load_host(struct vmx_vcpu *vmx)
{
	int cpu = smp_processor_id();

	vmwrite(HOST_TR_BASE, (unsigned long)&get_cpu_entry_area(cpu)->tss.x86_tss);
	vmwrite(HOST_GDTR_BASE, (unsigned long)get_current_gdt_ro());
	vmwrite(HOST_GS_BASE, dune_rdmsr(MSR_GS_BASE));
	vmwrite(HOST_SYSENTER_ESP, dune_rdmsr(MSR_IA32_SYSENTER_ESP));
}

/* Ring 0, from scratch, with the tables that the program gave. */
static void load_system(struct vmx_vcpu *vmx)
{
	const struct dune_system *s = &vmx->vcpu.system;
	const struct field f[] = {
		{ GUEST_CS_SEL, __KERNEL_CS }, { GUEST_CS_BASE, 0 },
		{ GUEST_CS_LIMIT, ~0U }, { GUEST_CS_AR, AR_CODE64 },
		{ GUEST_SS_SEL, __KERNEL_DS }, { GUEST_SS_BASE, 0 },
		{ GUEST_SS_LIMIT, ~0U }, { GUEST_SS_AR, AR_DATA },
		{ GUEST_TR_SEL, GDT_ENTRY_TSS * 8 }, { GUEST_TR_BASE, s->tr_base },
		{ GUEST_TR_LIMIT, 0x67 }, { GUEST_TR_AR, AR_TSS },
		{ GUEST_GDTR_BASE, s->gdt_base }, { GUEST_GDTR_LIMIT, s->gdt_limit & 0xffff },
		{ GUEST_IDTR_BASE, s->idt_base }, { GUEST_IDTR_LIMIT, s->idt_limit & 0xffff },
		{ GUEST_CR3, s->cr3 },
		{ GUEST_INTERRUPTIBILITY, 0 }, { GUEST_ACTIVITY, 0 }, { GUEST_PENDING_DEBUG, 0 },
		{ ENTRY_INTR_INFO, 0 },
	};

	write_fields(f, ARRAY_SIZE(f));
}

/*
 * The event goes in with the next entry. INT3 and INTO are delivered as the
 * instructions they were, so that their gate's DPL counts and RIP is after them.
 */
static void load_exception(struct vmx_vcpu *vmx)
{
	const struct dune_vcpu *vcpu = &vmx->vcpu;
	u32 info = INTR_VALID | INTR_TYPE_HARD | vcpu->exception_vector;

	if (vcpu->has_exception_error) {
		info |= INTR_ERROR;
		vmwrite(ENTRY_ERROR_CODE, vcpu->exception_error);
	}
	if (vcpu->exception_vector == X86_TRAP_PF)
		vmx->cr2 = vcpu->exception_address;
	vmwrite(ENTRY_INTR_INFO, info);
}

/* As after a SYSRET. */
static void load_ring3(void)
{
	vmwrite(GUEST_CS_SEL, __USER_CS);
	vmwrite(GUEST_CS_BASE, 0);
	vmwrite(GUEST_CS_LIMIT, ~0U);
	vmwrite(GUEST_CS_AR, AR_CODE64_RING3);
	vmwrite(GUEST_SS_SEL, __USER_DS);
	vmwrite(GUEST_SS_BASE, 0);
	vmwrite(GUEST_SS_LIMIT, ~0U);
	vmwrite(GUEST_SS_AR, AR_DATA_RING3);
}

/* DR0 to DR3 are the host's in both modes; an entry loads DR7. */
void vmcs_watch(struct vmx_vcpu *vmx, u64 dr7)
{
	vmwrite(GUEST_DR7, dr7 | 0x400);
	vmwrite(EXCEPTION_BITMAP, dr7 ? EXCEPTIONS | BIT(X86_TRAP_DB) : EXCEPTIONS);
	vmx->dr7 = dr7;
}

void vmcs_load_dirty(struct vmx_vcpu *vmx, u32 dirty)
{
	struct dune_vcpu *vcpu = &vmx->vcpu;

	if (dirty & (DIRTY_IP | DIRTY_REGS))
		vmwrite(GUEST_RIP, vcpu->regs.ip);
	if (dirty & DIRTY_REGS) {
		vmwrite(GUEST_RSP, vcpu->regs.sp);
		vmwrite(GUEST_RFLAGS, vcpu->regs.flags);
	}
	if (dirty & DIRTY_BASES) {
		vmwrite(GUEST_FS_BASE, vcpu->fs_base);
		vmwrite(GUEST_GS_BASE, vcpu->gs_base);
	}
	if (dirty & DIRTY_FS_SEL)
		vmwrite(GUEST_FS_SEL, 0);
	if (dirty & DIRTY_GS_SEL)
		vmwrite(GUEST_GS_SEL, 0);
	if (dirty & DIRTY_SYSTEM)
		load_system(vmx);
	if (dirty & DIRTY_RING3)
		load_ring3();
	if (dirty & DIRTY_EXCEPTION)
		load_exception(vmx);
}
