// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel has a function for hypervisors that does what the way to user mode would do, but for what
 * needs the registers of user mode: of a restartable sequence that was preempted it would take the flag away, and
 * leave the sequence as it is.
 */
#include <linux/sched.h>
#include <linux/uaccess.h>
#include "work.h"

#if defined(DUNE_HAVE_XFER_TAKES_VCPU) && defined(DUNE_HAVE_XFER_TO_GUEST) && defined(DUNE_HAVE_RSEQ_EVENTS)
#include <linux/entry-kvm.h>
#include <linux/kvm_host.h>
#include <linux/rseq.h>

/* It wants to tell KVM's VCPU that a signal came: there is one here, which nobody looks at. */
static struct kvm_run nobodys_run;
static struct kvm_vcpu nobody = { .run = &nobodys_run };

/*
 * What is asked is whether the thread is in a sequence, as it says itself, and not whether it was
 * preempted: Linux forgets that only when there is one.
 */
static bool is_in_sequence(void)
{
	u64 sequence;

	return current->rseq && (get_user(sequence, (u64 __user *)&current->rseq->rseq_cs) || sequence);
}

bool dune_work_in_place(void)
{
	return !is_in_sequence() && !xfer_to_guest_mode_handle_work(&nobody);
}
#elif defined(DUNE_HAVE_XFER_ALONE) && defined(DUNE_HAVE_XFER_TO_GUEST) && defined(DUNE_HAVE_RSEQ_SLOWPATH)
#include <linux/entry-virt.h>

/* Sequences have a flag of their own there, and only what went wrong with one is left to this one. */
bool dune_work_in_place(void)
{
	return !READ_ONCE(current->rseq.event.slowpath) && !xfer_to_guest_mode_handle_work();
}
#else
bool dune_work_in_place(void)
{
	return false;
}
#endif
