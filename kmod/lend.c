// SPDX-License-Identifier: GPL-2.0
/*
 * Lending.
 *
 * Much of what Linux does to a thread it does on the way back to user mode, to the
 * registers saved at the entry to the kernel: signal frames, restarts of system
 * calls, stops for a debugger, core dumps, restartable sequences. So when there is
 * such work for a thread in Dune mode, the registers of the *program* are put
 * there, and Linux goes its way. When all is done, in the last moment before user mode,
 * a user-return notifier takes them out again and sends the thread
 * back to the door. Nothing of what Linux does is imitated.
 *
 * A system call that must be made in ordinary mode, because somebody watches or
 * because it looks at these registers, is the same with one more step: the thread does go to
 * user mode, to the program's own SYSCALL instruction, and the notifier waits for its return.
 *
 * The notifier belongs to a CPU and not to a thread, so it goes with the thread by way of
 * preempt notifiers. These also tell of the thread's end, when nobody will come back.
 */
#include <linux/irq_work.h>
#include <linux/sched/signal.h>
#include <linux/user-return-notifier.h>
#include <linux/workqueue.h>
#include <asm/segment.h>
#include <asm/sighandling.h>
#include "door.h"
#include "space.h"
#include "vcpu.h"

static struct workqueue_struct *reaper;

/* ---- The end of a thread ------------------------------------------------- */

static void make_idle(struct dune_vcpu *vcpu)
{
	WRITE_ONCE(vcpu->run->released, vcpu->run->released + 1);
	/* what is above is done by the time that another thread can claim it */
	smp_store_release(&vcpu->state, VCPU_IDLE);
	/* whoever sees this may use the page again: it can be claimed by now */
	smp_store_release(&vcpu->run->busy, 0);
}

static void put_work(struct work_struct *work)
{
	vcpu_put(container_of(work, struct dune_vcpu, put_work));
}

static void release_irq(struct irq_work *work)
{
	struct dune_vcpu *vcpu = container_of(work, struct dune_vcpu, release_irq);

	make_idle(vcpu);
	/* the last reference, which nobody can add to, is dropped where that may sleep */
	if (!refcount_dec_not_one(&vcpu->ref.refcount))
		queue_work(reaper, &vcpu->put_work);
}

/*
 * Called where nothing may sleep, or even wake anybody. The interrupt comes when the
 * scheduler is done with the thread.
 */
static void retire(struct dune_vcpu *vcpu)
{
	vcpu->state = VCPU_ENDING;
	irq_work_queue(&vcpu->release_irq);
}

/* ---- Following the thread -------------------------------------------------- */

static void watch_return(struct dune_vcpu *vcpu)
{
	user_return_notifier_register(&vcpu->on_return);
}

static void lent_sched_in(struct preempt_notifier *pn, int cpu)
{
	struct dune_vcpu *vcpu = container_of(pn, struct dune_vcpu, preempt);

	if (vcpu->state == VCPU_LENT)
		watch_return(vcpu);
}

static void lent_sched_out(struct preempt_notifier *pn, struct task_struct *next)
{
	struct dune_vcpu *vcpu = container_of(pn, struct dune_vcpu, preempt);

	if (vcpu->state == VCPU_LENT)
		user_return_notifier_unregister(&vcpu->on_return);
	/* the list that we are on dies with the task: no need to leave it, which is not allowed here */
	if (dune_task_is_dead(current))
		retire(vcpu);
}

static struct preempt_ops lent_ops = { .sched_in = lent_sched_in, .sched_out = lent_sched_out };

/* Preemption off. */
static void follow(struct dune_vcpu *vcpu)
{
	preempt_notifier_init(&vcpu->preempt, &lent_ops);
	preempt_notifier_register(&vcpu->preempt);
}

static struct dune_vcpu *followed(enum vcpu_state state)
{
	struct preempt_notifier *pn;
	struct dune_vcpu *vcpu;

	hlist_for_each_entry(pn, &current->preempt_notifiers, link) {
		if (pn->ops != &lent_ops)
			continue;
		vcpu = container_of(pn, struct dune_vcpu, preempt);
		return vcpu->state == state ? vcpu : NULL;
	}
	return NULL;
}

struct dune_vcpu *vcpu_awaited(void)
{
	return followed(VCPU_AWAITED);
}

struct dune_vcpu *vcpu_lent(void)
{
	return followed(VCPU_LENT);
}

/* ---- The registers --------------------------------------------------------- */

/* What a process may set of its flags: those that sigreturn takes, and two that only POPF does. */
#define FLAGS_PROGRAM	(FIX_EFLAGS | X86_EFLAGS_ID | X86_EFLAGS_NT)

/* The general registers come first in all three: pt_regs, dune_regs, and in the same order. */
#define GENERAL_SIZE	offsetof(struct pt_regs, orig_ax)

static void put_program(struct pt_regs *regs, const struct pt_regs *program)
{
	memcpy(regs, program, GENERAL_SIZE);
	regs->sp = program->sp;
	regs->flags = (regs->flags & ~FLAGS_PROGRAM) | (program->flags & FLAGS_PROGRAM);
	regs->cs = __USER_CS;
	regs->ss = __USER_DS;
}

/*
 * What came from the run page and was never entered with may be anything. And where
 * programs cannot set a base by themselves, Linux knows its own GS base by its sign.
 */
static bool is_user_base(u64 base)
{
	return base < TASK_SIZE_MAX || (boot_cpu_has(X86_FEATURE_FSGSBASE) && is_canonical(base));
}

/* Preemption off; the bases of user mode are in their registers. */
static void put_bases(const struct dune_vcpu *vcpu)
{
	if (dune_user_fs_base() != vcpu->fs_base && is_user_base(vcpu->fs_base))
		dune_set_user_fs_base(vcpu->fs_base);
	if (dune_user_gs_base() != vcpu->gs_base && is_user_base(vcpu->gs_base))
		dune_set_user_gs_base(vcpu->gs_base);
}

/* What is in pt_regs now is the program. */
static void begin_lending(struct dune_vcpu *vcpu)
{
	if (vcpu_confined(vcpu))
		confine_check_stack(vcpu, task_pt_regs(current)->sp);
	preempt_disable();
	put_bases(vcpu);
	vcpu->state = VCPU_LENT;
	follow(vcpu);
	watch_return(vcpu);
	preempt_enable();
}

static void lend(struct dune_vcpu *vcpu, unsigned long ip, long nr)
{
	struct pt_regs *regs = task_pt_regs(current);

	put_program(regs, &vcpu->regs);
	regs->ip = ip;
	regs->orig_ax = nr;
	begin_lending(vcpu);
}

void vcpu_lend(struct dune_vcpu *vcpu, unsigned long ip, long nr, long ret)
{
	if (nr != -1)
		vcpu->regs.ax = ret;
	vcpu->native_ip = 0;
	lend(vcpu, ip, nr);
}

void vcpu_lend_call(struct dune_vcpu *vcpu, unsigned long ip)
{
	vcpu->native_ip = ip;
	lend(vcpu, ip, -1);
}

/* Dune mode is 64-bit code without segments. */
static bool fits_dune_mode(const struct pt_regs *regs)
{
	u16 fs, gs;

	savesegment(fs, fs);
	savesegment(gs, gs);
	return regs->cs == __USER_CS && regs->ss == __USER_DS && !(fs | gs);
}

/*
 * What a program in ring 0 reads of CS and SS it may put into a signal frame, and
 * sigreturn takes it for selectors of ring 3. Here they are the same as the frame's own.
 */
static void accept_ring0(struct pt_regs *regs)
{
	if (regs->cs == (__KERNEL_CS | 3))
		regs->cs = __USER_CS;
	if (regs->ss == (__KERNEL_DS | 3))
		regs->ss = __USER_DS;
}

bool lend_fits(struct pt_regs *regs)
{
	accept_ring0(regs);
	return fits_dune_mode(regs);
}

/* Interrupts off. */
static void take_back(struct dune_vcpu *vcpu, struct pt_regs *regs)
{
	struct dune_run *run = vcpu->run;
	u64 fs = dune_user_fs_base(), gs = dune_user_gs_base();

	memcpy(&run->regs, regs, GENERAL_SIZE);
	run->regs.rip = regs->ip;
	run->regs.rflags = regs->flags;
	run->regs.rsp = regs->sp;
	if (fs != vcpu->fs_base || gs != vcpu->gs_base) {
		run->fs_base = fs;
		run->gs_base = gs;
		run->load |= DUNE_LOAD_BASES;
	}
	*regs = vcpu->door_regs;
	regs->ip = door_short_way(regs->ip);
	vcpu->state = VCPU_AWAITED;
	door_await(vcpu);
}

/*
 * The thread is about to reach user mode. Interrupts off. What must be let by:
 * the way to a call that is to be made there, and code that Dune mode cannot run.
 */
static void on_user_return(struct user_return_notifier *urn)
{
	struct dune_vcpu *vcpu = container_of(urn, struct dune_vcpu, on_return);
	struct pt_regs *regs = task_pt_regs(current);

	if (WARN_ON_ONCE(current != vcpu->task)) {
		user_return_notifier_unregister(urn);
		return;
	}
	if (current->mm != vcpu->space->mm) {
		/* execve(): another program, in ordinary mode */
		user_return_notifier_unregister(urn);
		preempt_notifier_unregister(&vcpu->preempt);
		retire(vcpu);
		return;
	}
	if (vcpu_confined(vcpu)) {
		if (confine_gate(vcpu, regs))
			return;
		if (!lend_fits(regs))
			confine_kill();
	} else if ((vcpu->native_ip && regs->ip == vcpu->native_ip) || !lend_fits(regs)) {
		return;
	}
	user_return_notifier_unregister(urn);
	take_back(vcpu, regs);
}

int vcpu_lend_for(struct dune_vcpu *vcpu, syscall_fn fn)
{
	bool ring3 = vcpu->regs.ip == READ_ONCE(vcpu->run->ring3_stub);
	struct pt_regs *regs = task_pt_regs(current);
	struct pt_regs jumper = *regs;

	preempt_disable();
	hv->store(vcpu);
	preempt_enable();
	vcpu->regs.flags = vcpu->regs.r11;
	put_program(regs, &vcpu->regs);
	regs->ip = vcpu->regs.cx;
	regs->orig_ax = vcpu->regs.ax;
	regs->ax = fn(regs);
	accept_ring0(regs);
	vcpu->regs = *regs;
	vcpu->odd_regs = *regs;
	*regs = jumper;
	vcpu->dirty |= DIRTY_REGS | (ring3 ? DIRTY_RING3 : 0);
	if (fits_dune_mode(&vcpu->regs))
		return 0;
	if (!vcpu_confined(vcpu))
		return VCPU_STAY_LENT;
	confine_kill();
	return 0;
}

/* The run ended for that: vcpu->regs is what pt_regs would be. */
void vcpu_stay_lent(struct dune_vcpu *vcpu)
{
	*task_pt_regs(current) = vcpu->odd_regs;
	vcpu->native_ip = 0;
	begin_lending(vcpu);
}

/* ---- Claim and release ------------------------------------------------------ */

void vcpu_lend_init(struct dune_vcpu *vcpu)
{
	init_irq_work(&vcpu->release_irq, release_irq);
	INIT_WORK(&vcpu->put_work, put_work);
	vcpu->on_return.on_user_return = on_user_return;
}

int vcpu_claim(struct dune_vcpu *vcpu)
{
	int ret = 0;

	if (!mutex_trylock(&vcpu->running))
		return -EBUSY;
	switch (vcpu->state) {
	case VCPU_IDLE:
		kref_get(&vcpu->ref);
		vcpu->task = current;
		vcpu->run->busy = 1;
		vcpu->door_regs = *task_pt_regs(current);
		break;
	case VCPU_AWAITED:
		if (vcpu->task == current) {
			preempt_disable();
			preempt_notifier_unregister(&vcpu->preempt);
			preempt_enable();
			break;
		}
		fallthrough;
	default:
		ret = -EBUSY;
	}
	if (!ret)
		vcpu->state = VCPU_RUNNING;
	mutex_unlock(&vcpu->running);
	return ret;
}

void vcpu_release(struct dune_vcpu *vcpu)
{
	make_idle(vcpu);
	vcpu_put(vcpu);
}

int lend_init(void)
{
	reaper = alloc_workqueue("dune", WQ_UNBOUND, 0);
	return reaper ? 0 : -ENOMEM;
}

void lend_exit(void)
{
	destroy_workqueue(reaper);
}
