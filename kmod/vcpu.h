/* SPDX-License-Identifier: GPL-2.0 */
/* A VCPU: one thread's Dune mode. */
#ifndef DUNE_VCPU_H
#define DUNE_VCPU_H

#include <linux/irq_work.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/ptrace.h>
#include <linux/task_work.h>
#include <linux/user-return-notifier.h>
#include <linux/workqueue.h>
#include <asm/traps.h>
#include <asm/trapnr.h>
#include <linux/dune.h>
#include "ept.h"
#include "hv.h"
#include "lend.h"

struct dune_born;
struct dune_space;

/* What an exit told us; see enum hv_exit. */
struct dune_exit {
	u64 gpa;
	u64 gva;
	u32 access;		/* ACCESS_* */
	bool gva_valid;
	bool mapped;		/* some access is allowed there */
	bool vectoring;		/* it came while an exception was being delivered */
	bool long_mode;		/* 64-bit code */
	u32 debug;		/* of DR6: what was hit, and if it was a step as well */
	u64 watched[4];		/* the addresses in the debug registers then */
};

#define ACCESS_READ	1
#define ACCESS_WRITE	2
#define ACCESS_EXEC	4
#define ACCESS_USER	8	/* from ring 3 */

#define VMCALL_LEN	3
#define SYSCALL_LEN	2

typedef long (*syscall_fn)(const struct pt_regs *regs);

/*
 * What is beside a page in memory is likely to be used next, and an exit costs more than
 * a look. Only what is present in Linux's table is mapped, with the rights it has there.
 */
#define AROUND 16

/* vcpu->dirty: what the next entry must see to. One test when there is nothing, one when a call was skipped. */
#define DIRTY_IP	1	/* regs.ip */
#define DIRTY_REGS	2	/* regs.ip, sp, flags */
#define DIRTY_BASES	4
#define DIRTY_SYSTEM	8
#define DIRTY_EXCEPTION	16	/* the exception below is to be delivered */
#define DIRTY_LSTAR	32
#define DIRTY_MSRS	64	/* the syscall MSRs are the host's */
#define DIRTY_TLB	128	/* flush, whatever tlb_gen says */
#define DIRTY_RING3	256	/* enter ring 3, whatever ring was left */
#define DIRTY_FS_SEL	512	/* FS's selector is 0 */
#define DIRTY_GS_SEL	1024	/* GS's is */

/**
 * struct dune_vcpu - one thread's Dune mode
 * @regs:	general registers always; ip, sp, flags as @dirty and hv->store say
 * @dirty:	DIRTY_*
 * @tlb_gen:	the space's tlb_gen when this VCPU last flushed
 * @cpu:	where its state is loaded, -1 if nowhere
 * @absent_run: so many faults to come are expected to find no page; see mm.c
 * @tables:	set aside for the next fault, so that most faults allocate nothing
 * @near:	what a fault found; not on its stack, to be cleared for each
 */
struct dune_vcpu {
	struct pt_regs regs;
	u32 dirty;
	u64 tlb_gen;
	int cpu;
	u8 absent_run;
	bool has_exception_error;
	u8 exception_vector;
	u32 exception_error;
	u64 exception_address;
	struct dune_exit exit;
	u64 fs_base, gs_base;
	struct dune_system system;
	u32 cpl;
	struct ept_cache_pages tables;
	u64 near[2 * AROUND - 1];

	struct dune_run *run;
	struct page *run_page;
	struct dune_space *space;
	struct task_struct *task;	/* the owner; compared, never followed */
	struct mutex running;		/* held by DUNE_RUN */
	struct kref ref;
	struct preempt_notifier preempt;

	enum vcpu_state state;		/* from here on: for runs by the door */
	bool by_door;
	bool traced;			/* no call is made here */
	bool moved;			/* to another CPU, since the run began */
	u32 hurried;			/* entries made with work for Linux waiting; see is_critical() */
	unsigned long native_ip;	/* LENT: the call to be made in ordinary mode is there */
	unsigned long gate;		/* confined: and is made here */
	unsigned long gate_queued;	/* bit 0: gate_work is */
	struct callback_head gate_work;
	struct pt_regs door_regs;	/* as they were at the jump */
	struct pt_regs odd_regs;	/* with VCPU_STAY_LENT */
	struct dune_born *born;		/* LENT: for the child that the call may make */
	unsigned long door_queued;	/* bit 0: door_work is */
	struct callback_head door_work;
	struct user_return_notifier on_return;
	struct irq_work release_irq;
	struct work_struct put_work;
};

/* A VCPU with a descriptor; or with its run page mapped at @where and no descriptor, 0 or an error. */
int vcpu_create(struct dune_space *space);
int vcpu_create_at(struct dune_space *space, unsigned long where);
void vcpu_put(struct dune_vcpu *vcpu);

/* The VCPU whose run page is mapped there, NULL if none is. mmap_lock held; no reference is taken. */
struct dune_vcpu *vcpu_at(unsigned long where);

static inline void vcpu_get(struct dune_vcpu *vcpu)
{
	kref_get(&vcpu->ref);
}

/* run.c */
long vcpu_run(struct dune_vcpu *vcpu);
/* Every CPU that is in @space's Dune mode leaves it, and was out of it on return. Interrupts on. */
void vcpu_kick_all(struct dune_space *space);
void vcpu_reload(void);
bool vcpu_running_here(void);
bool vcpu_in_own_code(struct dune_vcpu *vcpu);

/* With the VCPU claimed. 0 or an errno for libdune; DUNE_DOOR_LENT: the program's registers are in pt_regs. */
#define DUNE_DOOR_LENT 1
int vcpu_run_door(struct dune_vcpu *vcpu);

/*
 * Acting on an exit: see exit.c for what they return. System calls are apart,
 * so that the hottest exit makes no indirect call.
 */
int vcpu_rare_exit(struct dune_vcpu *vcpu, enum hv_exit exit);
int vcpu_hypercall(struct dune_vcpu *vcpu);	/* syscall.c */
int vcpu_ept_fault(struct dune_vcpu *vcpu);	/* mm.c */
int vcpu_cpuid(struct dune_vcpu *vcpu);		/* emul.c */
int vcpu_rdmsr(struct dune_vcpu *vcpu);
int vcpu_wrmsr(struct dune_vcpu *vcpu);
int vcpu_xsetbv(struct dune_vcpu *vcpu);
int vcpu_debug(struct dune_vcpu *vcpu);		/* debug.c */

/* Addresses that go into MSRs, where one that is not canonical would be the host's fault. */
static inline bool is_canonical(u64 address)
{
	return (s64)(address << 16) >> 16 == address;
}

/* The entry after this one delivers an exception. */
static inline void vcpu_inject(struct dune_vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	vcpu->exception_vector = vector;
	vcpu->has_exception_error = has_error;
	vcpu->exception_error = error;
	vcpu->dirty |= DIRTY_EXCEPTION;
	vcpu->run->counters.injected++;
}

static inline void vcpu_inject_gp(struct dune_vcpu *vcpu)
{
	vcpu_inject(vcpu, X86_TRAP_GP, true, 0);
}

/* Step over the instruction that made the exit. */
static inline void vcpu_skip(struct dune_vcpu *vcpu, unsigned int len)
{
	vcpu->regs.ip += len;
	vcpu->dirty |= DIRTY_IP;
}

/* At a VMCALL: is it the one that the program's own SYSCALL, in ring 0, leads to? */
static inline bool vcpu_at_stub(const struct dune_vcpu *vcpu)
{
	return vcpu->regs.ip == READ_ONCE(vcpu->run->syscall_stub);
}

/* confine.c: a program in ring 3 that ring 0 is safe from. */
bool vcpu_confined(const struct dune_vcpu *vcpu);
/* The registers are up to date. */
static inline bool vcpu_in_ring0(const struct dune_vcpu *vcpu)
{
	return !vcpu->cpl && !(vcpu->dirty & DIRTY_RING3);
}

/* The calling thread reaches user mode no more. In any context of its own. */
void confine_kill(void);
/* The program is about to be lent: may Linux put a frame where it would? */
void confine_check_stack(const struct dune_vcpu *vcpu, unsigned long sp);
/*
 * Before user mode, interrupts off: the way to a call that is to be made there. True: let it by. What
 * comes back from the gate is made the program again, here or, where a signal comes first, by a task work.
 */
bool confine_gate(struct dune_vcpu *vcpu, struct pt_regs *regs);
/* For ring 0, whose call is done: does a signal wait? */
void confine_show_pending(struct dune_vcpu *vcpu);
/* Ring 0 gave up a call that it made for the program: vcpu->regs is the program behind its own. The call's number. */
unsigned long confine_take_caller(struct dune_vcpu *vcpu);

/* signal.c */
void vcpu_signal(const struct dune_signal *s);
/* Besides the exit reasons, what an exit's handler ends a run by the door for: */
#define VCPU_TRY_NATIVELY (DUNE_NR_EXIT_REASONS + 0)	/* the instruction is to be made in ordinary mode */
#define VCPU_STAY_LENT (DUNE_NR_EXIT_REASONS + 1)	/* odd_regs has segments that Dune mode has not */

long vcpu_hc_signal(struct dune_vcpu *vcpu, const void __user *arg);

/* syscall.c */
int fastcall_init(void);
void fastcall_exit(void);
bool fastcall_available(void);

#endif /* DUNE_VCPU_H */
