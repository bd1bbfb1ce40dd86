/* SPDX-License-Identifier: GPL-2.0 */
/* What this CPU's VMX can do, and the controls we run with; computed once. */
#ifndef DUNE_VMX_CAPS_H
#define DUNE_VMX_CAPS_H

#include <linux/types.h>
#include "defs.h"

struct vmx_caps {
	u32 revision;
	u32 pin, cpu, cpu2, exit, entry;
	u64 ept;
	u32 timer;		/* what the preemption timer starts from */
};

extern struct vmx_caps vmx_caps;

/* 0, or -EOPNOTSUPP, having said which feature is missing and what to do. */
int vmx_caps_probe(void);

static inline bool cpu_has_vpid(void)
{
	return vmx_caps.cpu2 & CPU2_VPID;
}

static inline bool cpu_has_ept_2m(void)
{
	return vmx_caps.ept & CAP_EPT_2M;
}

static inline bool cpu_has_ept_1g(void)
{
	return vmx_caps.ept & CAP_EPT_1G;
}

static inline bool cpu_has_invept_single(void)
{
	return vmx_caps.ept & CAP_INVEPT_SINGLE;
}

static inline bool cpu_has_timer(void)
{
	return vmx_caps.pin & PIN_TIMER;
}

#endif /* DUNE_VMX_CAPS_H */
