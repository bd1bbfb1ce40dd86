/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the VMX backend share. */
#ifndef DUNE_VMX_H
#define DUNE_VMX_H

#include "../vcpu.h"
#include "../ept.h"
#include "caps.h"
#include "insn.h"

/* vmx_vcpu.after */
#define AFTER_RARE	1	/* the host uses @host_debugctl or @host_ldt: put them back, each time */
#define AFTER_HURRY	2	/* the next entry is a short one, and that one alone */

/**
 * struct vmx_vcpu - a VCPU of this backend
 * @vcpu:	the core's part, first
 * @host_rsp:	what the VMCS has; vmenter.S keeps it
 * @verw_sel:	a selector that VERW can verify, for vmenter.S
 * @launched:	VMRESUME, not VMLAUNCH
 * @vmcs:	its VMCS
 * @vpid:	its tag in the TLB; 0 where the CPU has none
 * @eptp:	of its space
 * @loaded:	in the list of what this CPU holds: a VMCS must be cleared before it goes elsewhere
 * @host_cr3, @host_cr4: what the VMCS has
 * @cr2:	of Dune mode; the CPU has one only, and the host's page faults change it
 * @host_ds, @host_es, @host_ldt: selectors that an exit takes away
 * @host_debugctl: likewise
 * @dr7:	what the host watches for this thread, and so Dune mode does
 * @after:	what is to be done after the next exit, AFTER_*
 * @msrs_loaded: the CPU's syscall MSRs are those of Dune mode
 * @host_lstar, @host_sfmask, @host_gs: what to give back then
 * @reason:	of the last exit
 */
struct vmx_vcpu {
	struct dune_vcpu vcpu;
	unsigned long host_rsp;
	u16 verw_sel;
	u8 launched;
	struct vmcs *vmcs;
	u16 vpid;
	u64 eptp;
	struct list_head loaded;
	unsigned long host_cr3, host_cr4;
	unsigned long cr2;
	u16 host_ds, host_es, host_ldt;
	u64 host_debugctl;
	u64 dr7;
	u8 after;
	bool msrs_loaded;
	u64 host_lstar, host_sfmask, host_gs;
	u32 reason;
};

static inline struct vmx_vcpu *to_vmx(struct dune_vcpu *vcpu)
{
	return container_of(vcpu, struct vmx_vcpu, vcpu);
}

extern const struct ept_format vmx_ept_format;
extern unsigned long *vmx_msr_bitmap;

/* vmenter.S: 0 after an exit, 1 when the CPU refused to enter at all. Interrupts off. */
unsigned int vmx_enter_asm(struct vmx_vcpu *vmx);
void vmx_exit_label(void);

/* vmcs.c. All with the VMCS loaded. */
int vmcs_setup(struct vmx_vcpu *vmx);
void vmcs_load_host(struct vmx_vcpu *vmx);
void vmcs_load_dirty(struct vmx_vcpu *vmx, u32 dirty);
void vmcs_watch(struct vmx_vcpu *vmx, u64 dr7);

/* exit_info.c: what the exit was. Interrupts off, right after it. */
enum hv_exit vmx_exit_info(struct vmx_vcpu *vmx);
void vmx_describe(struct dune_vcpu *vcpu);

#endif /* DUNE_VMX_H */
