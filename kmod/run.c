// SPDX-License-Identifier: GPL-2.0
/*
 * DUNE_RUN: enter, act on the exit, enter again, until user space is needed.
 *
 * A VCPU is loaded on this CPU from the beginning of vcpu_run() to its end, but
 * for the times the thread is scheduled away; the preempt notifiers see to
 * that. Whatever the exit's handler does - a system call may sleep, unmap,
 * come back into this module - no lock of ours is held meanwhile but
 * vcpu->running, which is only ever tried.
 */
#include <linux/entry-common.h>
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <asm/fpu/api.h>
#include <asm/segment.h>
#include "space.h"
#include "vcpu.h"

/* Work that is done by going through user mode, so that it is done as for any process. */
#define WORK_USER (EXIT_TO_USER_MODE_WORK & ~_TIF_NEED_RESCHED)
#define WORK_ANY (WORK_USER | _TIF_NEED_RESCHED | _TIF_NEED_FPU_LOAD)

/* The VCPU whose RUN goes on here, in the current thread. */
static DEFINE_PER_CPU(struct dune_vcpu *, running_here);

/* Preemption off, as for all that touches running_here. */
static void vcpu_load(struct dune_vcpu *vcpu, bool fresh)
{
	__this_cpu_write(running_here, vcpu);
	/* what another CPU flushed, or another space left behind under the same tag, is not known here */
	if (vcpu->cpu != smp_processor_id())
		vcpu->dirty |= DIRTY_TLB;
	hv->load(vcpu, fresh);
}

static void vcpu_unload(struct dune_vcpu *vcpu)
{
	__this_cpu_write(running_here, NULL);
	hv->put(vcpu);
}

static void sched_in(struct preempt_notifier *pn, int cpu)
{
	struct dune_vcpu *vcpu = container_of(pn, struct dune_vcpu, preempt);

	/* what tells the program its CPU (GDT, rseq) is brought up to date in user mode */
	if (vcpu->cpu != cpu)
		set_thread_flag(TIF_NOTIFY_RESUME);
	vcpu_load(vcpu, false);
}

static void sched_out(struct preempt_notifier *pn, struct task_struct *next)
{
	vcpu_unload(container_of(pn, struct dune_vcpu, preempt));
}

static struct preempt_ops vcpu_preempt_ops = { .sched_in = sched_in, .sched_out = sched_out };

/* Addresses that go into MSRs, where one that is not canonical would be the host's fault. */
static bool is_canonical(u64 address)
{
	return (s64)(address << 16) >> 16 == address;
}

static int take_system(struct dune_vcpu *vcpu)
{
	struct dune_system s = vcpu->run->system;

	if (!is_canonical(s.lstar) || !is_canonical(s.kernel_gs_base))
		return -EINVAL;
	vcpu->system = s;
	/* MOV to CR3 would have flushed; an entry with another CR3 does not */
	vcpu->dirty |= DIRTY_SYSTEM | DIRTY_TLB;
	vcpu->dirty &= ~DIRTY_EXCEPTION;	/* it belonged to the state that is replaced */
	return 0;
}

/*
 * From the run page, which user space may change as we read: each value is
 * copied before it is checked. All else in it the CPU checks, at the entry.
 */
static int take_image(struct dune_vcpu *vcpu)
{
	struct dune_run *run = vcpu->run;
	u32 load = READ_ONCE(run->load);

	BUILD_BUG_ON(sizeof(run->regs) != sizeof(vcpu->regs));
	BUILD_BUG_ON(sizeof(*run) > PAGE_SIZE);
	if (load & ~(DUNE_LOAD_SYSTEM | DUNE_LOAD_BASES))
		return -EINVAL;
	if (load & DUNE_LOAD_SYSTEM && take_system(vcpu))
		return -EINVAL;
	if (load & DUNE_LOAD_BASES) {
		vcpu->fs_base = run->fs_base;
		vcpu->gs_base = run->gs_base;
		vcpu->dirty |= DIRTY_BASES;
	}
	memcpy(&vcpu->regs, &run->regs, sizeof(vcpu->regs));
	vcpu->dirty |= DIRTY_REGS;
	run->load = 0;
	return 0;
}

/* An exit can bring back the bases of FS and GS, but no selectors. No 64-bit program has any. */
static int check_segments(void)
{
	u16 fs, gs;

	savesegment(fs, fs);
	savesegment(gs, gs);
	return fs | gs ? -EINVAL : 0;
}

static void give_image(struct dune_vcpu *vcpu)
{
	struct dune_run *run = vcpu->run;

	hv->store(vcpu);
	memcpy(&run->regs, &vcpu->regs, sizeof(vcpu->regs));
	run->fs_base = vcpu->fs_base;
	run->gs_base = vcpu->gs_base;
	run->cpl = vcpu->cpl;
}

/* Interrupts on. 0, or why the run ends. */
static int do_work(struct dune_vcpu *vcpu, unsigned long work)
{
	if (work & WORK_USER)
		return -EINTR;
	if (work & _TIF_NEED_RESCHED)
		schedule();
#ifdef DUNE_HAVE_SWITCH_FPU_RETURN
	if (test_thread_flag(TIF_NEED_FPU_LOAD)) {
		local_irq_disable();
		switch_fpu_return();
		local_irq_enable();
	}
	return 0;
#else
	/* the way back to user mode loads them */
	return work & _TIF_NEED_FPU_LOAD ? -EINTR : 0;
#endif
}

/*
 * The host's interrupt is taken here, at once, on the host's own IDT. A tick that
 * ends up here interrupted the program and not the kernel: it is user time, and a
 * quiescent state.
 */
static void take_interrupt(void)
{
	rcu_note_context_switch(false);
	current->flags |= PF_VCPU;
	local_irq_enable();
	asm volatile("nop");	/* the interrupt shadow of STI */
	local_irq_disable();
	current->flags &= ~PF_VCPU;
}

static int run_loop(struct dune_vcpu *vcpu)
{
	/*
	 * The first time round TIF_NOTIFY_RESUME waits: a tracer's stop at the entry to
	 * this very ioctl sets it, and giving up for it would be giving up for ever.
	 */
	unsigned long heed = WORK_ANY & ~_TIF_NOTIFY_RESUME;
	struct dune_space *space = vcpu->space;
	enum hv_exit exit;
	int ret;

	for (;;) {
		unsigned long work;

		local_irq_disable();
		work = READ_ONCE(current_thread_info()->flags) & heed;
		if (unlikely(work)) {
			local_irq_enable();
			ret = do_work(vcpu, work);
			if (ret)
				return ret;
			continue;
		}
		smp_store_mb(vcpu->mode, IN_GUEST);	/* see enum vcpu_mode */
		if (unlikely(vcpu->tlb_gen != atomic64_read(&space->tlb_gen))) {
			vcpu->tlb_gen = atomic64_read(&space->tlb_gen);
			vcpu->dirty |= DIRTY_TLB;
		}
		exit = hv->enter(vcpu);
		heed = WORK_ANY;
		WRITE_ONCE(vcpu->mode, OUTSIDE_GUEST);
		if (exit == HV_INTERRUPT)
			take_interrupt();
		local_irq_enable();

		if (likely(exit == HV_HYPERCALL))
			ret = vcpu_hypercall(vcpu);
		else
			ret = vcpu_rare_exit(vcpu, exit);
		if (unlikely(ret))
			return ret;
	}
}

/*
 * After something that may have made another VCPU current on this CPU: if that was a
 * system call out of Dune mode, its own VCPU has to be it again.
 */
void vcpu_reload(void)
{
	struct dune_vcpu *vcpu;

	preempt_disable();
	vcpu = __this_cpu_read(running_here);
	if (vcpu)
		vcpu_load(vcpu, false);
	preempt_enable();
}

/* A system call made in Dune mode can be DUNE_RUN of another VCPU: one thread is in one Dune mode. */
static bool is_nested(void)
{
	bool nested;

	preempt_disable();
	nested = __this_cpu_read(running_here);
	preempt_enable();
	return nested;
}

static int begin(struct dune_vcpu *vcpu)
{
	int ret = is_nested() ? -EBUSY : check_segments();

	if (!ret)
		ret = take_image(vcpu);
	if (ret)
		return ret;
	vcpu->run->counters.runs++;
	preempt_disable();
	preempt_notifier_init(&vcpu->preempt, &vcpu_preempt_ops);
	preempt_notifier_register(&vcpu->preempt);
	vcpu_load(vcpu, true);
	preempt_enable();
	return 0;
}

static void end(struct dune_vcpu *vcpu, bool fatal)
{
	preempt_disable();
	give_image(vcpu);
	if (fatal)
		hv->describe(vcpu);
	vcpu_unload(vcpu);
	preempt_notifier_unregister(&vcpu->preempt);
	preempt_enable();
}

/*
 * With vcpu->running held. A positive reason ends the run with success; -ERESTART* is
 * a system call that a signal interrupted, which Linux's signal code deals with on
 * the way to user mode as if the call had been made from there.
 */
long vcpu_run(struct dune_vcpu *vcpu)
{
	struct dune_run *run = vcpu->run;
	int ret = begin(vcpu);

	if (ret)
		return ret;
	ret = run_loop(vcpu);
	end(vcpu, ret >= DUNE_EXIT_FATAL);

	run->detail = 0;
	if (ret > 0) {
		run->reason = ret;
		return 0;
	}
	run->reason = DUNE_EXIT_INTR;
	if (ret != -EINTR)
		run->detail = DUNE_DETAIL_CALL;
	return ret;
}
