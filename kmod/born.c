// SPDX-License-Identifier: GPL-2.0
/*
 * Children of a watched thread.
 *
 * Where somebody watches a thread's system calls, its clone() or fork() is made in ordinary mode, by
 * the program's own instruction. So the child begins in ordinary mode, behind that instruction,
 * where only the kernel can lay hands on it before the program goes on:
 *
 *	parent, lent		SYSCALL --> kernel_clone() --> on_fork(): follow the child
 *	                                                           |
 *	child			its registers are the program's: stops for a tracer, signals ... all as ever
 *	                                                           | the last moment before user mode
 *	on_return()		keep them; pt_regs = the INT3 behind the door
 *	                                                           |
 *	born_work()		all signals held; the registers go to libdune's memory, pt_regs = libdune
 *	                                                           |
 *	libdune			the door ... Dune mode, where the program goes on
 *
 * It is lending (lend.c) of a thread that has no VCPU yet.
 */
#include <linux/irq_work.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>
#include <linux/user-return-notifier.h>
#include <linux/workqueue.h>
#include "born.h"
#include "door.h"
#include "space.h"
#include "vcpu.h"

enum born_state { BORN_FOLLOWED, BORN_CAUGHT, BORN_ENDING };

/* A child, from before it is made until it is libdune's. */
struct dune_born {
	enum born_state state;
	struct dune_birth birth;
	struct mm_struct *mm;		/* it executes another program when this is not its mm */
	struct dune_space *space;	/* keeps the module here */
	unsigned long short_way;	/* where it is sent */
	struct pt_regs program;
	struct preempt_notifier preempt;
	struct user_return_notifier on_return;
	struct callback_head work;
	struct irq_work end_irq;
	struct work_struct end_work;
};

static struct workqueue_struct *reaper;

/* ---- The end ---------------------------------------------------------------- */

static void born_free(struct dune_born *born)
{
	preempt_notifier_dec();
	space_put(born->space);
	kfree(born);
}

static void end_work(struct work_struct *work)
{
	struct dune_born *born = container_of(work, struct dune_born, end_work);

	irq_work_sync(&born->end_irq);
	born_free(born);
}

static void end_irq(struct irq_work *work)
{
	queue_work(reaper, &container_of(work, struct dune_born, end_irq)->end_work);
}

/* Where nothing may sleep, or even wake anybody. */
static void retire(struct dune_born *born)
{
	born->state = BORN_ENDING;
	irq_work_queue(&born->end_irq);
}

/* ---- The child ----------------------------------------------------------------- */

/* All signals that can be are blocked, and the mask comes along. */
static void hold_signals(sigset_t *program)
{
	sigset_t all;

	siginitsetinv(&all, sigmask(SIGKILL) | sigmask(SIGSTOP));
	sigprocmask(SIG_SETMASK, &all, program);
}

static bool give_start(const struct dune_born *born)
{
	struct dune_start __user *start = (void __user *)born->birth.start;
	const struct pt_regs *regs = &born->program;
	sigset_t mask;

	BUILD_BUG_ON(sizeof(start->regs) != sizeof(*regs));
	hold_signals(&mask);
	return !copy_to_user(&start->regs, regs, sizeof(*regs)) && !put_user(mask.sig[0], &start->sigmask);
}

static void go_to_libdune(const struct dune_born *born)
{
	struct pt_regs *regs = task_pt_regs(current);

	memset(regs, 0, offsetof(struct pt_regs, orig_ax));
	regs->di = born->birth.arg;
	regs->sp = born->birth.sp;
	regs->ip = born->birth.ip;
	regs->flags = X86_EFLAGS_IF | X86_EFLAGS_FIXED;
}

static void born_work(struct callback_head *head)
{
	struct dune_born *born = container_of(head, struct dune_born, work);

	preempt_disable();
	preempt_notifier_unregister(&born->preempt);
	preempt_enable();
	if (!(current->flags & PF_EXITING)) {
		/* its memory was there for its parent; without it there is no way to go on */
		if (give_start(born))
			go_to_libdune(born);
		else
			send_sig(SIGKILL, current, 1);
	}
	born_free(born);
}

/* The thread is about to reach user mode, with the program's registers. Interrupts off. */
static void on_return(struct user_return_notifier *urn)
{
	struct dune_born *born = container_of(urn, struct dune_born, on_return);
	struct pt_regs *regs = task_pt_regs(current);

	if (current->mm != born->mm) {
		user_return_notifier_unregister(urn);
		preempt_notifier_unregister(&born->preempt);
		retire(born);
		return;
	}
	if (!lend_fits(regs))
		return;
	user_return_notifier_unregister(urn);
	born->program = *regs;
	regs->ip = born->short_way;
	regs->flags &= ~X86_EFLAGS_TF;
	born->state = BORN_CAUGHT;
	/* a signal that comes before the INT3 finds that done; an exiting thread does not come here */
	task_work_add(current, &born->work, TWA_NONE);
}

static void born_sched_in(struct preempt_notifier *pn, int cpu)
{
	struct dune_born *born = container_of(pn, struct dune_born, preempt);

	if (born->state == BORN_FOLLOWED)
		user_return_notifier_register(&born->on_return);
}

static void born_sched_out(struct preempt_notifier *pn, struct task_struct *next)
{
	struct dune_born *born = container_of(pn, struct dune_born, preempt);

	if (born->state != BORN_FOLLOWED)
		return;
	user_return_notifier_unregister(&born->on_return);
	/* it never got to user mode */
	if (dune_task_is_dead(current))
		retire(born);
}

static struct preempt_ops born_ops = { .sched_in = born_sched_in, .sched_out = born_sched_out };

bool born_is_at(unsigned long ip)
{
	struct preempt_notifier *pn;
	struct dune_born *born;

	hlist_for_each_entry(pn, &current->preempt_notifiers, link) {
		if (pn->ops != &born_ops)
			continue;
		born = container_of(pn, struct dune_born, preempt);
		return born->state == BORN_CAUGHT && born->short_way == ip;
	}
	return false;
}

/* ---- The parent ------------------------------------------------------------------ */

/* From the run page, which user space may change as we read. */
static bool is_wanted(const struct dune_vcpu *vcpu, struct dune_birth *birth)
{
	memcpy(birth, &vcpu->run->birth, sizeof(*birth));
	return READ_ONCE(birth->ip);
}

int born_prepare(struct dune_vcpu *vcpu)
{
	struct dune_birth birth;
	struct dune_born *born;

	if (!is_wanted(vcpu, &birth))
		return 0;
	if (!born_available())
		return -EOPNOTSUPP;
	born = kzalloc(sizeof(*born), GFP_KERNEL_ACCOUNT);
	if (!born)
		return -ENOMEM;
	born->birth = birth;
	born->short_way = door_short_way(vcpu->door_regs.ip);
	born->on_return.on_user_return = on_return;
	init_task_work(&born->work, born_work);
	init_irq_work(&born->end_irq, end_irq);
	INIT_WORK(&born->end_work, end_work);
	preempt_notifier_init(&born->preempt, &born_ops);
	preempt_notifier_inc();
	space_get(vcpu->space);
	born->space = vcpu->space;
	vcpu->born = born;
	return 0;
}

void born_forget(struct dune_vcpu *vcpu)
{
	if (!vcpu->born)
		return;
	born_free(vcpu->born);
	vcpu->born = NULL;
}

/* In the parent; the child is complete and was not woken yet. */
static void on_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	struct dune_vcpu *vcpu;
	struct dune_born *born;

	preempt_disable();
	vcpu = vcpu_lent();
	preempt_enable();
	if (!vcpu || !vcpu->born || child->flags & PF_KTHREAD)
		return;
	born = vcpu->born;
	vcpu->born = NULL;
	vcpu->run->birth.ip = 0;	/* says that there is a child */
	born->mm = child->mm;
	hlist_add_head(&born->preempt.link, &child->preempt_notifiers);
}

/* ---- The tracepoint -------------------------------------------------------------- */

static struct tracepoint *fork_tracepoint;

/* It is not exported by name, but all are shown. */
static void look_for_fork(struct tracepoint *tp, void *unused)
{
	if (!strcmp(tp->name, "sched_process_fork"))
		fork_tracepoint = tp;
}

bool born_available(void)
{
	return fork_tracepoint;
}

int born_init(void)
{
	reaper = alloc_workqueue("dune-born", WQ_UNBOUND, 0);
	if (!reaper)
		return -ENOMEM;
	for_each_kernel_tracepoint(look_for_fork, NULL);
	if (!fork_tracepoint || tracepoint_probe_register(fork_tracepoint, on_fork, NULL)) {
		fork_tracepoint = NULL;
		pr_info("this kernel does not tell of new processes: children of watched threads begin in ordinary mode\n");
	}
	return 0;
}

void born_exit(void)
{
	if (fork_tracepoint) {
		tracepoint_probe_unregister(fork_tracepoint, on_fork, NULL);
		tracepoint_synchronize_unregister();
	}
	destroy_workqueue(reaper);
}
