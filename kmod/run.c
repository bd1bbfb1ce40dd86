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
#include <linux/uaccess.h>
#include <asm/fpu/api.h>
#include <asm/prctl.h>
#include <asm/segment.h>
#include <asm/unistd.h>
#include "born.h"
#include "space.h"
#include "vcpu.h"
#include "work.h"

/* Work that is done by going through user mode, so that it is done as for any process. */
#define WORK_USER (EXIT_TO_USER_MODE_WORK & ~_TIF_NEED_RESCHED)
#define WORK_ANY (WORK_USER | _TIF_NEED_RESCHED | _TIF_NEED_FPU_LOAD)

/* The VCPU whose RUN goes on here, in the current thread. */
static DEFINE_PER_CPU(struct dune_vcpu *, running_here);

/*
 * The space whose Dune mode this CPU is in, by which an invalidation knows whom to kick. Written with
 * interrupts off, from before the entry to after the exit:
 *
 *	entry				invalidation
 *	in_guest = space		tlb_gen++
 *	full barrier			full barrier
 *	read tlb_gen, flush		read in_guest of each CPU, IPI where it is the space
 *	enter
 *
 * One of the two sees what the other wrote: an entry that missed the new tlb_gen is seen in in_guest, and the IPI,
 * for which the exit's CPU has to turn interrupts on, is taken outside. Which CPUs to look at Linux knows, whose own
 * flushes rest on it: a CPU that runs a thread of an mm is in its mask from the switch to that mm on, which was long
 * before this entry's barrier, and stays there until it has another. So the cost is by the CPUs that the process
 * is on, however many VCPUs sleep. Only the address is compared: nothing here keeps a space alive.
 */
static DEFINE_PER_CPU(struct dune_space *, in_guest);

static bool is_in_guest(int cpu, void *space)
{
	return READ_ONCE(per_cpu(in_guest, cpu)) == space;
}

/* That the interrupt was taken is all that was wanted: the CPU is out of the guest. */
static void kicked(void *unused)
{
}

void vcpu_kick_all(struct dune_space *space)
{
	const struct cpumask *cpus = mm_cpumask(space->mm);
	int cpu;

	for_each_cpu(cpu, cpus) {
		if (!is_in_guest(cpu, space))
			continue;
		on_each_cpu_cond_mask(is_in_guest, kicked, space, true, cpus);
		return;
	}
}

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
	if (vcpu->cpu != cpu) {
		vcpu->moved = true;
		set_thread_flag(TIF_NOTIFY_RESUME);
	}
	vcpu_load(vcpu, false);
}

static void sched_out(struct preempt_notifier *pn, struct task_struct *next)
{
	vcpu_unload(container_of(pn, struct dune_vcpu, preempt));
}

static struct preempt_ops vcpu_preempt_ops = { .sched_in = sched_in, .sched_out = sched_out };

static int take_system(struct dune_vcpu *vcpu)
{
	struct dune_system s = vcpu->run->system;

	if (!is_canonical(s.lstar) || !is_canonical(s.kernel_gs_base))
		return -EINVAL;
	vcpu->system = s;
	/* MOV to CR3 would have flushed; an entry with another CR3 does not */
	vcpu->dirty |= DIRTY_SYSTEM | DIRTY_TLB;
	vcpu->dirty &= ~(DIRTY_EXCEPTION | DIRTY_RING3);	/* they belonged to the state that is replaced */
	return 0;
}

/*
 * From the run page, which user space may change as we read: each value is
 * copied before it is checked. All else in it the CPU checks, at the entry.
 */
static int take_image(struct dune_vcpu *vcpu, u32 allowed, u32 *loaded)
{
	struct dune_run *run = vcpu->run;
	u32 load = READ_ONCE(run->load);

	BUILD_BUG_ON(sizeof(run->regs) != sizeof(vcpu->regs));
	BUILD_BUG_ON(sizeof(*run) > PAGE_SIZE);
	if (load & ~allowed)
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
	*loaded = load;
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

/* Is ring 0 in code that is not the program's? The registers are up to date afterwards. */
bool vcpu_in_own_code(struct dune_vcpu *vcpu)
{
	const struct dune_run *run = vcpu->run;
	u64 start = READ_ONCE(run->critical_start), end = READ_ONCE(run->critical_end);

	preempt_disable();
	hv->store(vcpu);
	preempt_enable();
	return vcpu->by_door && vcpu_in_ring0(vcpu) && start < end && vcpu->regs.ip - start < end - start;
}

/* There what Linux has to do waits for it to get out, which it does soon; but not for ever. */
#define CRITICAL_ENTRIES 100000

static bool is_critical(struct dune_vcpu *vcpu)
{
	return vcpu->by_door && !fatal_signal_pending(current) && vcpu_in_own_code(vcpu) &&
	       vcpu->hurried++ < CRITICAL_ENTRIES;
}

/* No handler of the program's may begin with ring 0's rights. */
static void refuse_ring0(struct dune_vcpu *vcpu, long ret)
{
	if (ret == -EINTR && vcpu_confined(vcpu) && vcpu_in_ring0(vcpu))
		confine_kill();
}

/*
 * Every file that is closed leaves work for the way to user mode, which is long: most such work
 * can be done right here.
 */
static bool is_done_in_place(struct dune_vcpu *vcpu, unsigned long work)
{
	return (work & WORK_USER) == _TIF_NOTIFY_RESUME && !vcpu->moved && dune_work_in_place();
}

/* Interrupts on. 0, or why the run ends. */
static int do_work(struct dune_vcpu *vcpu, unsigned long work)
{
	if (work & WORK_USER && !is_done_in_place(vcpu, work) && !is_critical(vcpu))
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
			if (READ_ONCE(current_thread_info()->flags) & work & WORK_USER) {
				/* just a few instructions, and look again */
				hv->hurry(vcpu);
				heed &= ~WORK_USER;
			}
			continue;
		}
		this_cpu_write(in_guest, space);
		smp_mb();	/* see in_guest */
		if (unlikely(vcpu->tlb_gen != atomic64_read(&space->tlb_gen))) {
			vcpu->tlb_gen = atomic64_read(&space->tlb_gen);
			vcpu->dirty |= DIRTY_TLB;
		}
		exit = hv->enter(vcpu);
		heed = WORK_ANY;
		this_cpu_write(in_guest, NULL);
		if (exit == HV_INTERRUPT)
			take_interrupt();
		local_irq_enable();

		if (likely(exit == HV_HYPERCALL))
			ret = vcpu_hypercall(vcpu);
		else if (exit == HV_EPT)
			ret = vcpu_ept_fault(vcpu);
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
bool vcpu_running_here(void)
{
	bool running;

	preempt_disable();
	running = __this_cpu_read(running_here);
	preempt_enable();
	return running;
}

static int take(struct dune_vcpu *vcpu, u32 allowed, u32 *loaded)
{
	int ret = vcpu_running_here() ? -EBUSY : check_segments();

	return ret ? ret : take_image(vcpu, allowed, loaded);
}

static void begin(struct dune_vcpu *vcpu)
{
	vcpu->run->counters.runs++;
	vcpu->hurried = 0;
	vcpu->moved = false;
	preempt_disable();
	preempt_notifier_init(&vcpu->preempt, &vcpu_preempt_ops);
	preempt_notifier_register(&vcpu->preempt);
	vcpu_load(vcpu, true);
	preempt_enable();
}

static void end(struct dune_vcpu *vcpu, bool fatal)
{
	preempt_disable();
	give_image(vcpu);
	/*
	 * What was being delivered is not: the program is lent as it was before, and a
	 * fault happens again when it goes on there.
	 */
	if (vcpu->by_door) {
		hv->forget_event(vcpu);
		vcpu->dirty &= ~DIRTY_EXCEPTION;
	}
	if (fatal)
		hv->describe(vcpu);
	vcpu_unload(vcpu);
	preempt_notifier_unregister(&vcpu->preempt);
	preempt_enable();
}

#define LOAD_ANY (DUNE_LOAD_SYSTEM | DUNE_LOAD_BASES)

/*
 * DUNE_RUN, with vcpu->running held. A positive reason ends the run with success;
 * -ERESTART* is a system call that a signal interrupted, which Linux's signal code
 * deals with on the way to user mode as if the call had been made from there.
 */
long vcpu_run(struct dune_vcpu *vcpu)
{
	struct dune_run *run = vcpu->run;
	u32 loaded;
	int ret = take(vcpu, LOAD_ANY, &loaded);

	if (ret)
		return ret;
	vcpu->traced = false;
	begin(vcpu);
	ret = run_loop(vcpu);
	end(vcpu, ret >= DUNE_EXIT_FATAL && ret < DUNE_NR_EXIT_REASONS);

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

/* ---- By the door ---------------------------------------------------------- */

/* The calls that libdune asked for; @nr as the kernel will look at it. */
static bool is_upcall(const struct dune_vcpu *vcpu, u32 nr)
{
	u32 wanted = READ_ONCE(vcpu->run->upcalls);

	if (vcpu->traced)
		return true;
	switch (nr) {
	case __NR_clone:
	case __NR_clone3:
	case __NR_fork:
	case __NR_vfork:
		return wanted & DUNE_UPCALL_CLONE;
	case __NR_execve:
	case __NR_execveat:
		return wanted & DUNE_UPCALL_EXEC;
	case __NR_exit:
		return wanted & DUNE_UPCALL_EXIT;
	case __NR_exit_group:
		return wanted & DUNE_UPCALL_EXIT_GROUP;
	default:
		return false;
	}
}

/* Is @ip, of a VMCALL, where the program's own SYSCALL leads? */
static bool is_stub(const struct dune_vcpu *vcpu, unsigned long ip)
{
	return ip == READ_ONCE(vcpu->run->syscall_stub) || ip == READ_ONCE(vcpu->run->ring3_stub);
}

/* If so, and it was made in ring 3, it is to ring 3 that the program goes back, after whatever Linux does. */
static bool goes_back(struct dune_vcpu *vcpu, unsigned long ip)
{
	if (!is_stub(vcpu, ip))
		return false;
	if (ip != READ_ONCE(vcpu->run->syscall_stub))
		vcpu->dirty |= DIRTY_RING3;
	return true;
}

/* The VMCALL that was handed out. */
static unsigned long vmcall_ip(const struct dune_vcpu *vcpu)
{
	return vcpu->regs.ip - VMCALL_LEN;
}

/*
 * What arch_prctl() does to a selector it does to user mode's, where Dune mode's is not
 * brought. It takes effect with the entry after the call.
 */
static u32 selector_set(const struct pt_regs *regs)
{
	if ((u32)regs->ax != __NR_arch_prctl)
		return 0;
	return (u32)regs->di == ARCH_SET_FS ? DIRTY_FS_SEL : (u32)regs->di == ARCH_SET_GS ? DIRTY_GS_SEL : 0;
}

/* The program, as it was before its SYSCALL. */
static int lend_call(struct dune_vcpu *vcpu)
{
	vcpu->dirty |= selector_set(&vcpu->regs);
	vcpu->regs.flags = vcpu->regs.r11;
	vcpu_lend_call(vcpu, vcpu->regs.cx - SYSCALL_LEN);
	return DUNE_DOOR_LENT;
}

/* The kernel will look for itself: what libdune prepares for another kind of child is not used. */
static void show_clone_flags(struct dune_vcpu *vcpu)
{
	u64 flags;

	if ((u32)vcpu->regs.ax != __NR_clone3)
		return;
	if (get_user(flags, (const u64 __user *)vcpu->regs.di))
		flags = 0;
	vcpu->run->clone_flags = flags;
}

/*
 * What libdune does next is not the program, and no place for a signal to find it in.
 * The mask is kept where the thread's child can take its own from.
 */
static void hold_signals(struct dune_run *run)
{
	sigset_t all, program;

	siginitsetinv(&all, sigmask(SIGKILL) | sigmask(SIGSTOP));
	sigprocmask(SIG_SETMASK, &all, &program);
	run->sigmask = program.sig[0];
	run->load |= DUNE_LOAD_SIGMASK;
}

static void release_signals(struct dune_run *run)
{
	sigset_t program;

	BUILD_BUG_ON(sizeof(program) != sizeof(run->sigmask));
	if (!(READ_ONCE(run->load) & DUNE_LOAD_SIGMASK))
		return;
	run->load &= ~DUNE_LOAD_SIGMASK;
	program.sig[0] = READ_ONCE(run->sigmask);
	sigdelsetmask(&program, sigmask(SIGKILL) | sigmask(SIGSTOP));
	sigprocmask(SIG_SETMASK, &program, NULL);
}

/* Not execve(), which takes the mask along, nor a call that is just passed on: it may be long. */
static bool is_libdunes(const struct dune_vcpu *vcpu)
{
	u32 nr = vcpu->regs.ax;

	/* no handler runs there */
	if (vcpu_confined(vcpu))
		return true;
	return nr != __NR_execve && nr != __NR_execveat && is_stub(vcpu, vmcall_ip(vcpu));
}

/* The program made a system call that is to be made in ordinary mode. */
static int ended_by_call(struct dune_vcpu *vcpu)
{
	if (!is_upcall(vcpu, vcpu->regs.ax) && goes_back(vcpu, vmcall_ip(vcpu)))
		return lend_call(vcpu);
	show_clone_flags(vcpu);
	vcpu->run->reason = DUNE_EXIT_SYSCALL;
	vcpu->run->detail = (dune_syscall_work() ? DUNE_DETAIL_WATCHED : 0) |
			    (current->ptrace ? DUNE_DETAIL_TRACED : 0);
	if (is_libdunes(vcpu))
		hold_signals(vcpu->run);
	return 0;
}

/*
 * Linux has something to do. A call that was interrupted is shown after its instruction,
 * as it always is, so that Linux can step back to make it again.
 */
static int ended_for_linux(struct dune_vcpu *vcpu, long ret)
{
	struct pt_regs *regs = &vcpu->regs;

	/* ring 3 is not the program, but something that it runs: it is in ordinary mode that it hears of this */
	if (vcpu->cpl && !READ_ONCE(vcpu->run->ring3_stub)) {
		vcpu->run->reason = DUNE_EXIT_INTR;
		return 0;
	}
	refuse_ring0(vcpu, ret);
	if (ret == -EINTR) {
		vcpu_lend(vcpu, regs->ip, -1, 0);
	} else if (goes_back(vcpu, regs->ip)) {
		regs->flags = regs->r11;
		vcpu_lend(vcpu, regs->cx, regs->ax, ret);
	} else if (vcpu_confined(vcpu)) {
		unsigned long nr = confine_take_caller(vcpu);

		vcpu_lend(vcpu, regs->ip, nr, ret);
	} else {
		vcpu_lend(vcpu, regs->ip + DUNE_HC_RESTART, regs->ax, ret);
	}
	return DUNE_DOOR_LENT;
}

static int make_call_natively(struct dune_vcpu *vcpu)
{
	int ret;

	if (!goes_back(vcpu, vmcall_ip(vcpu)))
		return -EINVAL;
	ret = born_prepare(vcpu);
	return ret ? ret : lend_call(vcpu);
}

/* Is this the way back from a call that was made in ordinary mode, and did libdune ask? */
static bool is_back(const struct dune_vcpu *vcpu)
{
	const struct dune_run *run = vcpu->run;

	return vcpu->native_ip && !(READ_ONCE(run->load) & DUNE_LOAD_NATIVE) &&
	       READ_ONCE(run->upcalls) & (DUNE_UPCALL_TRACE | DUNE_UPCALL_RETURN);
}

/* What in Dune mode tells the program its CPU is libdune's to write. */
static bool is_on_another_cpu(struct dune_run *run)
{
	u32 cpu = raw_smp_processor_id();

	if (!(READ_ONCE(run->upcalls) & DUNE_UPCALL_CPU) || READ_ONCE(run->cpu) == cpu)
		return false;
	run->cpu = cpu;
	return true;
}

static int run_door(struct dune_vcpu *vcpu)
{
	u32 loaded;
	int ret;

	vcpu->run->detail = 0;
	born_forget(vcpu);
	release_signals(vcpu->run);
	confine_show_pending(vcpu);
	/* not with a signal to come: it is to find the program, and not libdune */
	if (!signal_pending(current) && is_on_another_cpu(vcpu->run) && !(vcpu->run->load & DUNE_LOAD_NATIVE)) {
		vcpu->run->reason = DUNE_EXIT_CPU;
		hold_signals(vcpu->run);
		return 0;
	}
	vcpu->traced = READ_ONCE(vcpu->run->upcalls) & DUNE_UPCALL_TRACE;
	if (is_back(vcpu)) {
		vcpu->native_ip = 0;
		vcpu->run->reason = DUNE_EXIT_RETURNED;
		hold_signals(vcpu->run);
		return 0;
	}
	ret = take(vcpu, LOAD_ANY | DUNE_LOAD_NATIVE, &loaded);
	if (ret)
		return ret;
	if (loaded & DUNE_LOAD_NATIVE)
		return make_call_natively(vcpu);
	begin(vcpu);
	vcpu->by_door = true;
	ret = run_loop(vcpu);
	end(vcpu, ret >= DUNE_EXIT_FATAL && ret < DUNE_NR_EXIT_REASONS);
	vcpu->by_door = false;

	if (ret < 0)
		return ended_for_linux(vcpu, ret);
	if (ret == VCPU_TRY_NATIVELY) {
		if (vcpu_confined(vcpu))
			confine_kill();
		vcpu_lend_call(vcpu, vcpu->regs.ip);
		return DUNE_DOOR_LENT;
	}
	if (ret == VCPU_STAY_LENT) {
		vcpu_stay_lent(vcpu);
		return DUNE_DOOR_LENT;
	}
	if (ret == DUNE_EXIT_SYSCALL)
		return ended_by_call(vcpu);
	vcpu->run->reason = ret;
	return 0;
}

/* In libdune no handler of a program begins that ring 0 must be safe from: it would in ordinary mode. */
int vcpu_run_door(struct dune_vcpu *vcpu)
{
	int ret = run_door(vcpu);

	if (ret != DUNE_DOOR_LENT && vcpu_confined(vcpu) && !(READ_ONCE(vcpu->run->load) & DUNE_LOAD_SIGMASK))
		hold_signals(vcpu->run);
	return ret;
}
