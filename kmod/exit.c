// SPDX-License-Identifier: GPL-2.0
/*
 * What an exit means. A handler runs with interrupts on and preemption as it
 * finds it, and returns
 *	0	enter again
 *	> 0	DUNE_RUN ends with this enum dune_exit_reason
 *	< 0	DUNE_RUN ends with this errno: -EINTR or -ERESTART*
 */
#include "vcpu.h"

static int denied_gp(struct dune_vcpu *vcpu)
{
	vcpu_inject_gp(vcpu);
	return 0;
}

static int denied_ud(struct dune_vcpu *vcpu)
{
	vcpu_inject(vcpu, X86_TRAP_UD, false, 0);
	return 0;
}

/*
 * #AC exits because delivering it can raise it again, in microcode, for ever.
 * One that did not come of a delivery is the program's own.
 */
static int alignment(struct dune_vcpu *vcpu)
{
	vcpu_inject(vcpu, X86_TRAP_AC, true, 0);
	return 0;
}

static int triple_fault(struct dune_vcpu *vcpu)
{
	return DUNE_EXIT_TRIPLE_FAULT;
}

static int bad_state(struct dune_vcpu *vcpu)
{
	return DUNE_EXIT_BAD_STATE;
}

static int nested_fault(struct dune_vcpu *vcpu)
{
	return DUNE_EXIT_NESTED_FAULT;
}

static int unknown(struct dune_vcpu *vcpu)
{
	return DUNE_EXIT_UNHANDLED;
}

static int nothing(struct dune_vcpu *vcpu)
{
	return 0;
}

static int (*const handlers[HV_NR_EXITS])(struct dune_vcpu *vcpu) = {
	[HV_INTERRUPT]	  = nothing,
	[HV_NOTHING]	  = nothing,
	[HV_CPUID]	  = vcpu_cpuid,
	[HV_RDMSR]	  = vcpu_rdmsr,
	[HV_WRMSR]	  = vcpu_wrmsr,
	[HV_XSETBV]	  = vcpu_xsetbv,
	[HV_DENIED_GP]	  = denied_gp,
	[HV_DENIED_UD]	  = denied_ud,
	[HV_ALIGNMENT]	  = alignment,
	[HV_DEBUG]	  = vcpu_debug,
	[HV_TRIPLE_FAULT] = triple_fault,
	[HV_BAD_STATE]	  = bad_state,
	[HV_NESTED_FAULT] = nested_fault,
	[HV_UNKNOWN]	  = unknown,
};

int vcpu_rare_exit(struct dune_vcpu *vcpu, enum hv_exit exit)
{
	return handlers[exit](vcpu);
}
