/* SPDX-License-Identifier: GPL-2.0 */
/*
 * L1 Terminal Fault: on CPUs that have it, code in Dune mode can read what is in
 * the L1 data cache, whosever it is, through page table entries of its own making.
 * So the cache is emptied before an entry that follows something other than this
 * process's own doing: another thread ran on this CPU, or an interrupt handler did.
 */
#ifndef DUNE_VMX_L1D_H
#define DUNE_VMX_L1D_H

#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <asm/hardirq.h>

DECLARE_STATIC_KEY_FALSE(l1d_needed);
DECLARE_PER_CPU(bool, l1d_wanted);

int l1d_init(void);
void l1d_exit(void);
void l1d_flush_now(void);

/* Interrupts or preemption off. */
static inline void l1d_flush_wanted(void)
{
	if (static_branch_unlikely(&l1d_needed))
		__this_cpu_write(l1d_wanted, true);
}

static inline bool l1d_interrupted(void)
{
#ifdef DUNE_HAVE_L1TF_FLAG
	return kvm_get_cpu_l1tf_flush_l1d();
#else
	return true;
#endif
}

/* Right before an entry, interrupts off. */
static inline void l1d_flush(void)
{
	if (static_branch_unlikely(&l1d_needed) && (__this_cpu_read(l1d_wanted) || l1d_interrupted()))
		l1d_flush_now();
}

#endif /* DUNE_VMX_L1D_H */
