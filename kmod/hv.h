/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a virtualization backend does for the rest of the module. Above this
 * line nothing knows VMX; below it nothing knows Linux mm or system calls.
 */
#ifndef DUNE_HV_H
#define DUNE_HV_H

#include <linux/types.h>

struct dune_vcpu;
struct dune_run;
struct ept_format;

/*
 * enum hv_exit - what an exit asks of the core
 *
 * The backend leaves what the core needs to know in vcpu->exit.
 */
enum hv_exit {
	HV_HYPERCALL,		/* VMCALL in ring 0; regs.ip is at the instruction */
	HV_INTERRUPT,		/* the host has an interrupt pending */
	HV_NOTHING,		/* dealt with; go on */
	HV_EPT,			/* exit.gpa, exit.gva, exit.access */
	HV_CPUID,
	HV_RDMSR,
	HV_WRMSR,
	HV_XSETBV,
	HV_DENIED_GP,		/* an instruction that gets #GP(0) */
	HV_DENIED_UD,		/* an instruction that gets #UD */
	HV_ALIGNMENT,		/* #AC */
	HV_DEBUG,		/* the host's debug registers hit: exit.debug, exit.watched */
	HV_TRIPLE_FAULT,
	HV_BAD_STATE,
	HV_NESTED_FAULT,	/* while an exception was being delivered */
	HV_UNKNOWN,
	HV_NR_EXITS
};

/**
 * struct hv_ops - one backend
 * @name:	for messages
 * @format:	of its second-level page table entries
 * @probe:	can this CPU do it? -EOPNOTSUPP, having said what is missing
 * @remove:	undo what @probe did
 * @gpa_bits:	width of a guest-physical address
 * @caps:	DUNE_CAP_* of the backend
 * @cpu_up:	turn virtualization on, on this CPU; preemption off
 * @cpu_down:	and off; takes every VCPU off this CPU
 * @vcpu_size:	of the backend's struct, which begins with struct dune_vcpu
 * @vcpu_init:	make a VCPU in vcpu->space
 * @vcpu_free:	undo that
 * @load:	bring the VCPU to this CPU; @fresh: straight from user mode. Preemption off
 * @put:	give this CPU's state back to Linux. Preemption off
 * @enter:	one VM entry and exit; interrupts off before and after
 * @store:	bring regs, bases and cpl up to date; loaded, preemption off
 * @hurry:	the next entry is for few instructions only, as far as the CPU can do that
 * @forget_event: what the next entry was to deliver, it does not; loaded, preemption off
 * @describe:	fill the run page's hw; loaded, preemption off
 */
struct hv_ops {
	const char *name;
	const struct ept_format *format;
	int (*probe)(void);
	void (*remove)(void);
	unsigned int (*gpa_bits)(void);
	u64 (*caps)(void);
	int (*cpu_up)(void);
	void (*cpu_down)(void);
	size_t vcpu_size;
	int (*vcpu_init)(struct dune_vcpu *vcpu);
	void (*vcpu_free)(struct dune_vcpu *vcpu);
	void (*load)(struct dune_vcpu *vcpu, bool fresh);
	void (*put)(struct dune_vcpu *vcpu);
	enum hv_exit (*enter)(struct dune_vcpu *vcpu);
	void (*store)(struct dune_vcpu *vcpu);
	void (*hurry)(struct dune_vcpu *vcpu);
	void (*forget_event)(struct dune_vcpu *vcpu);
	void (*describe)(struct dune_vcpu *vcpu);
};

extern const struct hv_ops vmx_ops;

/* The backend in use; set once, before anything can be opened. */
extern const struct hv_ops *hv;

/* Virtualization is on, on all CPUs, while someone holds it. */
int hv_get(void);
void hv_put(void);

#endif /* DUNE_HV_H */
