// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions that become signals, and the way back from a handler.
 *
 * An exception in Dune mode that nobody there wants is to be what the same
 * exception is to any process. The registers are set to where it happened, the
 * signal is sent, and Linux delivers it when it is lent them.
 */
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <asm/debugreg.h>
#include "space.h"
#include "vcpu.h"

/* Has the program a handler that the signal would reach now? */
static bool is_handled(int sig)
{
	/* our own, while we live */
	struct sighand_struct *sighand = rcu_dereference_protected(current->sighand, true);
	__sighandler_t handler;
	bool blocked;

	spin_lock_irq(&sighand->siglock);
	blocked = sigismember(&current->blocked, sig);
	handler = sighand->action[sig - 1].sa.sa_handler;
	spin_unlock_irq(&sighand->siglock);
	return !blocked && handler != SIG_DFL && handler != SIG_IGN;
}

/*
 * As Linux does for a fault (force_sig_fault(), which is not for modules): nobody can block or ignore it, the
 * first process of a PID namespace neither. force_sig() does that as well, but says SI_KERNEL to a core dump or
 * a tracer. What is blocked is never thrown away: so the signal is queued as one that is blocked, and
 * force_sig() finds that it waits already, and only makes way for it.
 */
static void force_signal(struct kernel_siginfo *info)
{
	sigset_t set;

	siginitset(&set, sigmask(info->si_signo));
	sigprocmask(SIG_BLOCK, &set, NULL);
	send_sig_info(info->si_signo, info, current);
	force_sig(info->si_signo);
}

void vcpu_signal(const struct dune_signal *s)
{
	struct kernel_siginfo info;

	current->thread.trap_nr = s->trapno;
	current->thread.error_code = s->error;
	current->thread.cr2 = s->cr2;

	clear_siginfo(&info);
	info.si_signo = s->signo;
	info.si_code = s->code;
	info.si_addr = (void __user *)s->addr;
	if (is_handled(s->signo))
		send_sig_info(s->signo, &info, current);
	else
		force_signal(&info);
}

static bool is_exception_signal(u32 sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL || sig == SIGTRAP;
}

/* DUNE_HC_SIGNAL. An error is for RAX; else, as an exit's handler (exit.c). */
long vcpu_hc_signal(struct dune_vcpu *vcpu, const void __user *arg)
{
	struct dune_signal s;

	BUILD_BUG_ON(sizeof(s.regs) != sizeof(vcpu->regs));
	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	/* codes up to 0 are those that processes send */
	if (s.signo ? !is_exception_signal(s.signo) || s.code <= 0 : !vcpu->by_door)
		return -EINVAL;
	memcpy(&vcpu->regs, &s.regs, sizeof(vcpu->regs));
	vcpu->dirty |= DIRTY_REGS;
	if (s.regs.cs & 3)
		vcpu->dirty |= DIRTY_RING3;
	if (!s.signo)
		return VCPU_TRY_NATIVELY;
	/* what DR6 says to a debugger is of the last #DB */
	if (s.trapno == X86_TRAP_DB)
		current->thread.virtual_dr6 = s.code == TRAP_TRACE ? DR_STEP : 0;
	vcpu_signal(&s);
	return 0;
}
