// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * New threads and processes.
 *
 * The call is made here, in ordinary mode, so that the child begins here too, and
 * can go into Dune mode with its parent's registers:
 *
 *	parent, Dune mode	SYSCALL -> VMCALL
 *	parent, host loop	a struct dune_thread for the child, signals off, SYSCALL
 *	                            |                              \
 *	parent                  result in the image           child, on its own host stack:
 *	                            |                          the parent's image, RAX = 0
 *	both, Dune mode		signals on again, then the program goes on
 *
 * A child with an mm of its own (fork) has a copy of its parent's struct, and all it
 * needs is a space and a VCPU, which the module makes when it comes to the door.
 *
 * Where somebody watches the thread's system calls he must see the program's, so
 * the call is made natively, and the child is an ordinary one.
 */
#include "child.h"
#include <dune/pgtable.h>
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include "base.h"
#include "entry.h"
#include "host.h"
#include "hypercall.h"
#include "pgtable_internal.h"
#include "raw.h"

/* ---- What kind of child ---------------------------------------------------- */

/* The first word of clone3's argument, which may point anywhere. */
static long read_flags(uint64_t args, uint64_t *flags)
{
	struct { void *base; size_t length; } to = { flags, sizeof(*flags) },
					      from = { (void *)args, sizeof(*flags) };

	return raw_syscall6(SYS_process_vm_readv, raw_getpid(), (long)&to, 1, (long)&from, 1, 0);
}

/* False if that cannot be known: then the kernel has an error for it. */
static bool clone_flags(const struct dune_regs *r, uint64_t *flags)
{
	switch ((unsigned int)r->rax) {
	case SYS_clone:
		*flags = r->rdi;
		return true;
	case SYS_fork:
		*flags = 0;
		return true;
	case SYS_vfork:
		*flags = CLONE_VM | CLONE_VFORK;
		return true;
	default:
		return read_flags(r->rdi, flags) == sizeof(*flags);
	}
}

/* ---- Back into Dune mode ----------------------------------------------------- */

/*
 * In Dune mode, on the trap stack: signals as the program has them, then the program.
 * What is pending by now waits until that is there.
 */
static __attribute__((noreturn)) void resume(struct dune_trap *trap)
{
	struct dune_thread *t = dune_current();
	struct dune_trap call = {
		.rdi = SIG_SETMASK, .rsi = (uintptr_t)&t->mask, .r10 = sizeof(t->mask),
	};

	dune_forward_vmcall(&call, SYS_rt_sigprocmask);
	dune_trap_return(trap);
}

/* Make the image one that goes to resume(), and from there to where it is now. */
static void resume_by_trap(struct dune_thread *t)
{
	struct dune_regs *r = &t->run->regs;
	struct dune_trap *trap = (struct dune_trap *)t->trap_base - 1;

	*trap = (struct dune_trap){
		.r15 = r->r15, .r14 = r->r14, .r13 = r->r13, .r12 = r->r12, .rbp = r->rbp,
		.rbx = r->rbx, .r11 = r->r11, .r10 = r->r10, .r9 = r->r9, .r8 = r->r8,
		.rax = r->rax, .rcx = r->rcx, .rdx = r->rdx, .rsi = r->rsi, .rdi = r->rdi,
		.rip = r->rip, .cs = SEL_KERNEL_CS, .rflags = r->rflags, .rsp = r->rsp,
		.ss = SEL_KERNEL_DS,
	};
	/* What is behind the stub for ring 3 is not for ring 0. */
	if (dune_program_ring3) {
		trap->rip = r->rcx;
		trap->cs = SEL_USER_CS;
		trap->ss = SEL_USER_DS;
	}
	r->rdi = (uintptr_t)trap;
	r->rip = (uintptr_t)resume;
	r->rsp = (uintptr_t)trap - 8;		/* as after a call */
	r->rflags = FLAGS_CLEAN;
}

/* ---- The child ---------------------------------------------------------------- */

/* No Dune mode for this child: it goes on as the program would without. */
static __attribute__((noreturn)) void go_natively(struct dune_thread *t, struct dune_regs *r)
{
	t->active = false;
	r->rip = r->rcx;
	raw_sigmask(SIG_SETMASK, &t->mask, NULL);
	dune_child_native(r);
}

void dune_child_start(struct dune_thread *t, uint64_t stack)
{
	int err;

	if (t->forking) {
		t->forking = false;
		dune_pt_fork_done(true);
		dune_threads_after_fork(t);
	} else {
#ifndef DUNE_RUNTIME
		if (t->own_tls)
			dune_this = t;
#endif
	}
	t->image.rax = 0;
	if (stack)
		t->image.rsp = stack;
	err = dune_thread_vcpu(t);
	if (!err)
		err = dune_thread_map(t, t->root);
	if (err)
		go_natively(t, &t->image);
	dune_thread_begin(t, t->root);
	t->run->regs = t->image;
	resume_by_trap(t);
	dune_host_loop(t);
}

/* ---- The parent ---------------------------------------------------------------- */

static const uint64_t all_signals = ~0UL;

/* The host's bases are what the child inherits. */
static void set_host_bases(const struct dune_run *run)
{
	if (run->fs_base != dune_host_fs())
		dune_host_set_fs(run->fs_base);
	if (run->gs_base != dune_host_gs())
		dune_host_set_gs(run->gs_base);
}

static long make_process(struct dune_thread *t)
{
	long ret;

	t->image = t->run->regs;
	t->forking = true;
	dune_pt_fork_prepare();
	ret = dune_clone_insn(&t->image, t);
	dune_pt_fork_done(false);
	t->forking = false;
	return ret;
}

static long make_thread(struct dune_thread *t, uint64_t flags)
{
	struct dune_thread *child;
	long ret = dune_thread_take(&child);

	if (ret)
		return -EAGAIN;
	child->image = t->run->regs;
	child->mask = t->mask;
	child->root = t->root;
	child->active = true;
	child->own_tls = flags & CLONE_SETTLS;
	child->borrowed = !(flags & CLONE_THREAD);
	child->upcalls = flags & CLONE_VFORK ? 0 :
			 flags & CLONE_THREAD ? DUNE_UPCALL_EXIT : DUNE_UPCALL_EXIT | DUNE_UPCALL_EXIT_GROUP;
	ret = dune_clone_insn(&child->image, child);
	/* With vfork it has come and gone by now. */
	if (ret < 0 || flags & CLONE_VFORK)
		dune_thread_give(child, child->run->released);
	return ret;
}

static bool is_watched(const struct dune_thread *t)
{
	return t->run->detail & DUNE_DETAIL_WATCHED;
}

void dune_child_make(struct dune_thread *t)
{
	struct dune_regs *r = &t->run->regs;
	uint64_t flags;
	long ret;

	if (is_watched(t) || !clone_flags(r, &flags)) {
		dune_native(t);
		return;
	}
	set_host_bases(t->run);
	raw_sigmask(SIG_SETMASK, &all_signals, &t->mask);
	ret = flags & CLONE_VM ? make_thread(t, flags) : make_process(t);
	r->rax = ret;
	resume_by_trap(t);
}

void dune_child_exit(struct dune_thread *t, uint32_t end)
{
	/*
	 * Where nobody watches: with signals off this is the last that happens, and when the
	 * module has seen the end of it the struct is free.
	 */
	if (t->upcalls & end && !is_watched(t)) {
		raw_sigmask(SIG_SETMASK, &all_signals, NULL);
		dune_thread_give(t, t->run->released + 1);
	}
	dune_native(t);
}
