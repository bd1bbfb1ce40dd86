// SPDX-License-Identifier: GPL-2.0
/*
 * A program in ring 3 that ring 0, and all outside, is to be safe from.
 *
 * Its memory is its own to change at any time, by another thread too. So no instruction of it is
 * executed in ordinary mode, where no ring 0 of Dune mode sees what it does. A system call
 * that has to be made there is made by an instruction of ring 0's:
 *
 *	                      a signal first                    no signal
 *	lend       RIP = the program's SYSCALL         RIP = the program's SYSCALL
 *	Linux      frame: the program at its SYSCALL                 -
 *	notifier   taken back: its handler             RIP = the gate, work queued
 *	user mode             -                        SYSCALL
 *	Linux                 -                        makes the call; a signal: the work makes RIP
 *	                                               the program's, then frame or restart
 *	notifier              -                        RIP = behind the program's SYSCALL: taken back
 *
 * get_signal() runs task works before it looks at signals.
 */
#include <linux/sched/signal.h>
#include <linux/task_work.h>
#include "space.h"
#include "vcpu.h"

bool vcpu_confined(const struct dune_vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->confine.end);
}

void confine_kill(void)
{
	force_sig(SIGKILL);
}

static bool is_ring0s(const struct dune_vcpu *vcpu, unsigned long start, unsigned long size)
{
	unsigned long low = READ_ONCE(vcpu->run->confine.start), high = READ_ONCE(vcpu->run->confine.end);

	return start < high && (start >= low || size > low - start);
}

/*
 * Frames grow downwards: what is above ring 0's memory cannot reach it but through its
 * highest pages, which nobody may write to. The alternate stack comes from memory
 * of the program's as well, by sigreturn.
 */
void confine_check_stack(const struct dune_vcpu *vcpu, unsigned long sp)
{
	if (is_ring0s(vcpu, sp, 1) ||
	    is_ring0s(vcpu, current->sas_ss_sp, current->sas_ss_size))
		confine_kill();
}

/* ---- The gate ---------------------------------------------------------------- */

static void leave_gate(const struct dune_vcpu *vcpu, struct pt_regs *regs)
{
	if (regs->ip == vcpu->gate) {
		regs->ip = vcpu->native_ip;
	} else if (regs->ip == vcpu->gate + SYSCALL_LEN) {
		regs->ip = vcpu->native_ip + SYSCALL_LEN;
		if (regs->cx == vcpu->gate + SYSCALL_LEN)
			regs->cx = regs->ip;
	} else {
		return;
	}
	regs->flags |= vcpu->regs.flags & X86_EFLAGS_TF;
}

static void gate_work(struct callback_head *head)
{
	struct dune_vcpu *vcpu = container_of(head, struct dune_vcpu, gate_work);

	clear_bit_unlock(0, &vcpu->gate_queued);
	if (!(current->flags & PF_EXITING) && vcpu->state == VCPU_LENT && vcpu->task == current && vcpu->gate)
		leave_gate(vcpu, task_pt_regs(current));
	vcpu_put(vcpu);
}

static bool queue_gate_work(struct dune_vcpu *vcpu)
{
	if (test_and_set_bit_lock(0, &vcpu->gate_queued))
		return true;
	vcpu_get(vcpu);
	init_task_work(&vcpu->gate_work, gate_work);
	if (!task_work_add(current, &vcpu->gate_work, TWA_NONE))
		return true;
	clear_bit_unlock(0, &vcpu->gate_queued);
	vcpu_put(vcpu);		/* not the last: it is lent */
	return false;
}

/*
 * Is it still the call that ring 0 looked at? What only has its address - the handler of a
 * signal may begin there - is the program's to make, and ring 0's to look at.
 */
static bool is_lent_call(const struct dune_vcpu *vcpu, const struct pt_regs *regs)
{
	return vcpu->native_ip && regs->ip == vcpu->native_ip && regs->sp == vcpu->regs.sp &&
	       !memcmp(regs, &vcpu->regs, offsetof(struct pt_regs, orig_ax));
}

bool confine_gate(struct dune_vcpu *vcpu, struct pt_regs *regs)
{
	if (vcpu->gate)
		leave_gate(vcpu, regs);
	if (!is_lent_call(vcpu, regs)) {
		vcpu->gate = 0;
		return false;
	}
	vcpu->gate = READ_ONCE(vcpu->run->confine.gate);
	/* it is ring 0's, and nothing else of Dune's is executed there */
	if (!is_ring0s(vcpu, vcpu->gate, SYSCALL_LEN) || vcpu->gate == vcpu->native_ip || !lend_fits(regs) ||
	    !queue_gate_work(vcpu)) {
		vcpu->gate = 0;
		confine_kill();
		return false;
	}
	regs->ip = vcpu->gate;
	/* it is the program's instruction that is stepped over, and not this one */
	regs->flags &= ~X86_EFLAGS_TF;
	return true;
}

/* ---- A call that ring 0 makes --------------------------------------------------- */

void confine_show_pending(struct dune_vcpu *vcpu)
{
	if (signal_pending(current) && vcpu_confined(vcpu))
		WRITE_ONCE(vcpu->run->confine.pending, 1);
}

unsigned long confine_take_caller(struct dune_vcpu *vcpu)
{
	memcpy(&vcpu->regs, &vcpu->run->confine.caller, sizeof(vcpu->regs));
	vcpu->dirty |= DIRTY_REGS | DIRTY_RING3;
	return vcpu->regs.orig_ax;
}
