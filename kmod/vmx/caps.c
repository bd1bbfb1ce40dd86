// SPDX-License-Identifier: GPL-2.0
/*
 * For each control field the CPU says which bits may be 0 and which may be 1.
 * We say which we need, which we would like, and which we cannot have.
 */
#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <asm/tsc.h>
#include "caps.h"

struct vmx_caps vmx_caps;

/* About how often a thread that holds interrupts off is looked at, in ms; see vmcs.c. */
#define TIMER_MS 20

struct control {
	const char *name;
	u32 msr;		/* its capability MSR */
	u32 need, want, never;	/* bits */
	u32 *result;
};

static int missing(const char *what, const char *todo)
{
	pr_err("cannot run here: %s (%s)\n", what, todo);
	return -EOPNOTSUPP;
}

static int settle(const struct control *c)
{
	u64 cap = dune_rdmsr(c->msr);
	u32 may_be_1 = cap >> 32, must_be_1 = (u32)cap;
	char what[80];

	if ((c->need & may_be_1) == c->need && !(c->never & must_be_1)) {
		*c->result = c->need | (c->want & may_be_1) | must_be_1;
		return 0;
	}
	snprintf(what, sizeof(what), "the CPU's VMX lacks %s %#x", c->name,
		 (c->need & ~may_be_1) | (c->never & must_be_1));
	return missing(what, "another CPU is needed");
}

/* The second MSR is there only where the first says so. */
static bool has_ept(void)
{
	return dune_rdmsr(MSR_IA32_VMX_PROCBASED_CTLS) >> 32 & CPU_SECONDARY &&
	       dune_rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2) >> 32 & CPU2_EPT;
}

static int settle_all(void)
{
	u64 basic = dune_rdmsr(MSR_IA32_VMX_BASIC);
	bool true_msrs = basic & (1ULL << 55);
	const struct control controls[] = {
		{ "pin-based controls", true_msrs ? MSR_IA32_VMX_TRUE_PINBASED_CTLS : MSR_IA32_VMX_PINBASED_CTLS,
		  PIN_EXT_INTR | PIN_NMI, PIN_TIMER, 0, &vmx_caps.pin },
		{ "processor-based controls",
		  true_msrs ? MSR_IA32_VMX_TRUE_PROCBASED_CTLS : MSR_IA32_VMX_PROCBASED_CTLS,
		  CPU_HLT | CPU_MWAIT | CPU_RDPMC | CPU_CR8_LOAD | CPU_CR8_STORE | CPU_MOV_DR | CPU_IO |
		  CPU_MSR_BITMAP | CPU_MONITOR | CPU_SECONDARY, 0,
		  CPU_CR3_LOAD | CPU_CR3_STORE | CPU_INVLPG | CPU_RDTSC, &vmx_caps.cpu },
		{ "secondary controls", MSR_IA32_VMX_PROCBASED_CTLS2,
		  CPU2_EPT, CPU2_VPID | CPU2_RDTSCP | CPU2_INVPCID | CPU2_WBINVD | CPU2_ENCLS, 0, &vmx_caps.cpu2 },
		{ "VM-exit controls", true_msrs ? MSR_IA32_VMX_TRUE_EXIT_CTLS : MSR_IA32_VMX_EXIT_CTLS,
		  EXIT_HOST_64, 0, EXIT_ACK_INTR, &vmx_caps.exit },
		{ "VM-entry controls", true_msrs ? MSR_IA32_VMX_TRUE_ENTRY_CTLS : MSR_IA32_VMX_ENTRY_CTLS,
		  ENTRY_IA32E | ENTRY_LOAD_DEBUG, 0, 0, &vmx_caps.entry },
	};
	unsigned int i;
	int ret;

	vmx_caps.revision = basic & 0x7fffffff;
	if (!has_ept())
		return missing("the CPU's VMX has no EPT", "Nehalem or later is needed");
	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		ret = settle(&controls[i]);
		if (ret)
			return ret;
	}
	return 0;
}

static int probe_ept(void)
{
	const u64 need = CAP_EPT_WALK_4 | CAP_EPT_WB | CAP_INVEPT;

	vmx_caps.ept = dune_rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);
	if ((vmx_caps.ept & need) != need || !(vmx_caps.ept & (CAP_INVEPT_SINGLE | CAP_INVEPT_ALL)))
		return missing("EPT lacks four-level walks, write-back tables or INVEPT", "another CPU is needed");
	return 0;
}

/* The timer counts down once every 2^n TSC ticks. */
static void probe_timer(void)
{
	unsigned int shift = dune_rdmsr(MSR_IA32_VMX_MISC) & 0x1f;

	vmx_caps.timer = min_t(u64, (u64)tsc_khz * TIMER_MS >> shift, U32_MAX);
	if (!vmx_caps.timer)
		vmx_caps.timer = 1U << 20;
}

int vmx_caps_probe(void)
{
	int ret;

	if (!boot_cpu_has(X86_FEATURE_VMX))
		return missing("no VT-x",
			       "not in this CPU, or switched off by firmware or by the hypervisor around it");
#ifdef X86_CR4_FRED
	if (__read_cr4() & X86_CR4_FRED)
		return missing("FRED is on", "boot with fred=off");
#endif
#ifndef DUNE_HAVE_CR4_UPDATE
	return missing("this kernel lets only KVM turn VT-x on", "use a kernel before 6.19");
#endif
	ret = settle_all();
	if (!ret)
		ret = probe_ept();
	if (!ret)
		probe_timer();
	return ret;
}
