// SPDX-License-Identifier: GPL-2.0
/*
 * Watchpoints and breakpoints of the hardware, which a debugger sets by ptrace().
 *
 * Linux has them in the CPU's debug registers while the thread runs. The backend has
 * them hit in Dune mode too, where addresses are the process's; a hit exits, and the
 * debugger is told here as arch/x86/kernel/{traps,ptrace}.c tell it: by DR6 and SIGTRAP.
 */
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <linux/sched/signal.h>
#include <asm/debugreg.h>
#include "vcpu.h"

/*
 * Which of the debugger's registers are hit: it numbers them as it likes, perf puts them
 * where there is room. Those of others, who watch by perf itself, are not told.
 */
static u32 debugger_hits(const struct dune_exit *e, bool *execute)
{
	u32 hits = 0;
	int i, j;

	for (i = 0; i < HBP_NUM; i++) {
		struct perf_event *bp = current->thread.ptrace_bps[i];

		if (!bp)
			continue;
		for (j = 0; j < HBP_NUM; j++) {
			if (!(e->debug & (DR_TRAP0 << j)) || e->watched[j] != counter_arch_bp(bp)->address)
				continue;
			hits |= DR_TRAP0 << i;
			*execute |= counter_arch_bp(bp)->type == X86_BREAKPOINT_EXECUTE;
		}
	}
	return hits;
}

int vcpu_debug(struct dune_vcpu *vcpu)
{
	const struct dune_exit *e = &vcpu->exit;
	struct dune_signal s = { .signo = SIGTRAP, .trapno = X86_TRAP_DB };
	bool own = vcpu_in_own_code(vcpu), execute = false;
	u32 hits = debugger_hits(e, &execute);

	if (!hits) {
		if (e->debug & DR_STEP)
			vcpu_inject(vcpu, X86_TRAP_DB, false, 0);
		return 0;
	}
	current->thread.virtual_dr6 = hits | (e->debug & DR_STEP);
	/* the instruction goes on without hitting again */
	if (execute) {
		vcpu->regs.flags |= X86_EFLAGS_RF;
		vcpu->dirty |= DIRTY_REGS;
	}
	/* MOV SS put it off to the first instruction of ring 0: Linux stops for none in its own entry */
	if (own)
		return 0;
	s.code = e->debug & DR_STEP ? TRAP_TRACE : TRAP_HWBKPT;
	s.addr = vcpu->regs.ip;
	vcpu_signal(&s);
	return 0;
}
