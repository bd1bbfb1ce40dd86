// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel has a function for hypervisors that does what the way to user mode would do. Up to
 * 6.12 it wants to tell KVM's VCPU that a signal came: there is one here, which nobody looks at.
 */
#include <linux/sched.h>
#include "work.h"

#ifdef DUNE_HAVE_XFER_TAKES_VCPU
#include <linux/entry-kvm.h>
#include <linux/kvm_host.h>

static struct kvm_run nobodys_run;
static struct kvm_vcpu nobody = { .run = &nobodys_run };

static int handle_work(void)
{
	return xfer_to_guest_mode_handle_work(&nobody);
}
#endif

#if defined(DUNE_HAVE_XFER_TAKES_VCPU) && defined(DUNE_HAVE_XFER_TO_GUEST) && defined(DUNE_HAVE_RSEQ_EVENTS)
/*
 * A restartable sequence that was preempted has to be looked at with the program's registers.
 * That function would take the flag for it away, and leave the sequence as it is.
 */
static bool is_sequence_preempted(void)
{
	return current->rseq && READ_ONCE(current->rseq_event_mask);
}

bool dune_work_in_place(void)
{
	if (is_sequence_preempted() || handle_work())
		return false;
	if (!is_sequence_preempted())
		return true;
	set_thread_flag(TIF_NOTIFY_RESUME);
	return false;
}
#else
bool dune_work_in_place(void)
{
	return false;
}
#endif
