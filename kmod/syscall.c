// SPDX-License-Identifier: GPL-2.0
/*
 * VMCALL: system calls, and the few calls that are Dune's own.
 *
 * The fast path runs the kernel's own handler right here. It may do so only
 * where nobody watches this thread's system calls (seccomp, ptrace, audit,
 * tracing, user dispatch: looked at for each call, since another thread can turn
 * them on), and where the handler needs nothing of the real user frame. All
 * other calls are exact: DUNE_RUN returns, and libdune executes the very SYSCALL
 * instruction in ordinary mode.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <asm/syscall.h>
#include <asm/unistd.h>
#include "space.h"
#include "vcpu.h"

static bool fast_syscalls = true;
module_param(fast_syscalls, bool, 0444);
MODULE_PARM_DESC(fast_syscalls, "run system calls inside the VM exit where nobody watches them (default on)");

/* The handler for each number that may take the fast path, NULL for the others. */
static syscall_fn *fast;
static syscall_fn sigreturn;

/* Calls that look at the real user frame, change what the thread is, or end it. */
static const u16 always_exact[] = {
	__NR_clone, __NR_clone3, __NR_fork, __NR_vfork, __NR_execve, __NR_execveat,
	__NR_exit, __NR_exit_group, __NR_rt_sigreturn, __NR_rt_sigaction, __NR_sigaltstack,
	__NR_restart_syscall, __NR_arch_prctl, __NR_prctl, __NR_iopl, __NR_ioperm,
	__NR_modify_ldt, __NR_ptrace, __NR_seccomp,
	__NR_unshare, __NR_setns, __NR_personality,
#ifdef __NR_uretprobe
	__NR_uretprobe,
#endif
#ifdef __NR_uprobe
	__NR_uprobe,
#endif
};

/* The table is not exported. A probe that is never armed has its address looked up, and is gone again. */
static syscall_fn *find_table(void)
{
	struct kprobe kp = { .symbol_name = "sys_call_table", .flags = KPROBE_FLAG_DISABLED };

	if (register_kprobe(&kp) == 0)
		unregister_kprobe(&kp);
	return (syscall_fn *)kp.addr;
}

static void fill_fast(syscall_fn *table)
{
	unsigned int i;

	for (i = 0; i < NR_syscalls; i++)
		fast[i] = table[i];
	for (i = 0; i < ARRAY_SIZE(always_exact); i++)
		fast[always_exact[i]] = NULL;
	sigreturn = table[__NR_rt_sigreturn];
}

int fastcall_init(void)
{
	syscall_fn *table = fast_syscalls ? find_table() : NULL;

	fast = kvcalloc(NR_syscalls, sizeof(*fast), GFP_KERNEL);
	if (!fast)
		return -ENOMEM;
	if (table)
		fill_fast(table);
	else if (fast_syscalls)
		pr_info("this kernel does not show its system call table: every call takes the exact path\n");
	fast_syscalls = table;
	return 0;
}

void fastcall_exit(void)
{
	kvfree(fast);
}

bool fastcall_available(void)
{
	return fast_syscalls;
}

/* The call ended early for a signal, and Linux has to decide how it goes on. */
static bool wants_restart(long ret)
{
	return ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND ||
	       ret == -ERESTART_RESTARTBLOCK;
}

/* The flags at a SYSCALL are in R11. libdune takes TF away from what is behind it. */
static noinline void restore_step(struct dune_vcpu *vcpu)
{
	preempt_disable();
	hv->store(vcpu);
	preempt_enable();
	vcpu->regs.flags = vcpu->regs.r11;
	vcpu->dirty |= DIRTY_REGS;
}

static noinline void done_elsewhere(struct dune_vcpu *vcpu)
{
	if (vcpu->regs.ip != READ_ONCE(vcpu->run->ring3_stub)) {
		confine_show_pending(vcpu);
		vcpu_skip(vcpu, VMCALL_LEN);
		return;
	}
	restore_step(vcpu);
	vcpu->regs.ip = vcpu->regs.cx;
	vcpu->dirty |= DIRTY_RING3;
}

/* After the program's own SYSCALL the return is made here: a step, or a signal, finds it complete. */
static int done(struct dune_vcpu *vcpu, long ret)
{
	vcpu->regs.ax = ret;
	if (likely(vcpu_at_stub(vcpu))) {
		if (unlikely(vcpu->regs.r11 & X86_EFLAGS_TF))
			restore_step(vcpu);
		vcpu->regs.ip = vcpu->regs.cx;
		vcpu->dirty |= DIRTY_IP;
	} else {
		done_elsewhere(vcpu);
	}
	return 0;
}

static int hc_signal(struct dune_vcpu *vcpu)
{
	long ret = vcpu_hc_signal(vcpu, (const void __user *)vcpu->regs.di);

	return ret < 0 ? done(vcpu, ret) : ret;
}

/* It looks at the program's frame: only its own SYSCALL has that. */
static bool may_sigreturn(const struct dune_vcpu *vcpu)
{
	return vcpu->by_door && sigreturn && !vcpu->traced && !dune_syscall_work() &&
	       (vcpu_at_stub(vcpu) || vcpu->regs.ip == READ_ONCE(vcpu->run->ring3_stub));
}

/* Not a fast call: one of ours, or one for user space. */
static noinline int slow_call(struct dune_vcpu *vcpu)
{
	struct pt_regs *regs = &vcpu->regs;

	switch (regs->ax) {
	case DUNE_HC_FRAME:
		return done(vcpu, frames_assign(&vcpu->space->frames, regs->di));
	case DUNE_HC_FLUSH:
		space_flush(vcpu->space);
		return done(vcpu, 0);
	case DUNE_HC_SIGNAL:
		return hc_signal(vcpu);
	case DUNE_HC_CALLER:
		if (!vcpu->by_door || !vcpu_confined(vcpu))
			break;
		confine_take_caller(vcpu);
		return 0;
	case __NR_rt_sigreturn:
		if (may_sigreturn(vcpu))
			return vcpu_lend_for(vcpu, sigreturn);
	}
	vcpu_skip(vcpu, VMCALL_LEN);
	if (regs->ax >= DUNE_HC_USER && regs->ax < DUNE_HC(0x1000))
		return DUNE_EXIT_HYPERCALL;
	vcpu->run->counters.syscalls_exact++;
	return DUNE_EXIT_SYSCALL;
}

int vcpu_hypercall(struct dune_vcpu *vcpu)
{
	struct pt_regs *regs = &vcpu->regs;
	/* whole: what the upper half means differs between kernels, and the exact path asks the kernel */
	unsigned long nr = regs->ax;
	syscall_fn fn;
	long ret;

	if (unlikely(nr >= NR_syscalls))
		return slow_call(vcpu);
	fn = fast[array_index_nospec(nr, NR_syscalls)];
	if (unlikely(!fn || vcpu->traced || dune_syscall_work()))
		return slow_call(vcpu);

	vcpu->run->counters.syscalls_fast++;
	ret = fn(regs);
	if (unlikely((unsigned long)ret >= -ERESTART_RESTARTBLOCK && wants_restart(ret)))
		return ret;	/* rip is still at the VMCALL: making the call again is running again */
	return done(vcpu, ret);
}
