// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * New threads and processes.
 *
 * The call is made here, in ordinary mode, so that the child begins here too, and
 * can go into Dune mode with its parent's registers:
 *
 *	parent, Dune mode	SYSCALL -> VMCALL
 *	parent, host loop	a struct dune_thread for the child, SYSCALL
 *	                            |                              \
 *	parent                  result in the image           child, on its own host stack:
 *	                            |                          the parent's image, RAX = 0
 *	both, Dune mode		the program goes on
 *
 * Signals are off from the VMCALL on until both are in Dune mode again: the module
 * sees to that, and each brings the program's mask along in its run page.
 *
 * A child with an mm of its own (fork) has a copy of its parent's struct, and all it
 * needs is a space and a VCPU, which the module makes when it comes to the door.
 *
 * Where somebody watches the thread's system calls he must see the program's, so the call is
 * made in ordinary mode by the program's own instruction. The module then sends the child here:
 *
 *	parent, host loop	dune_run.birth, DUNE_LOAD_NATIVE
 *	parent, ordinary mode	the program's SYSCALL
 *	                            |             \
 *	parent, DUNE_EXIT_RETURNED  |            child, on its own host stack: what the module caught
 */
#include "child.h"
#include <dune/pgtable.h>
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include "base.h"
#include "confined.h"
#include "device.h"
#include "entry.h"
#include "host.h"
#include "own.h"
#include "pgtable_internal.h"
#include "raw.h"

/* ---- What kind of child ---------------------------------------------------- */

static uint64_t clone_flags(const struct dune_run *run)
{
	switch ((unsigned int)run->regs.rax) {
	case SYS_clone:
		return run->regs.rdi;
	case SYS_fork:
		return 0;
	case SYS_vfork:
		return CLONE_VM | CLONE_VFORK;
	default:
		return run->clone_flags;
	}
}

/* ---- Back into Dune mode ----------------------------------------------------- */

/*
 * The module goes on in ring 3 where a call of it was answered at once. After this
 * one it is ours to: behind the stub there is nothing.
 */
static void resume(struct dune_thread *t, uint64_t rip)
{
	struct dune_regs *r = &t->run->regs;
	struct dune_trap *trap = (struct dune_trap *)t->trap_base - 1;

	if (!dune_program_ring3)
		return;
	*trap = (struct dune_trap){
		.r15 = r->r15, .r14 = r->r14, .r13 = r->r13, .r12 = r->r12, .rbp = r->rbp,
		.rbx = r->rbx, .r11 = r->r11, .r10 = r->r10, .r9 = r->r9, .r8 = r->r8,
		.rax = r->rax, .rcx = r->rcx, .rdx = r->rdx, .rsi = r->rsi, .rdi = r->rdi,
		.rip = rip, .cs = SEL_USER_CS, .rflags = r->rflags, .rsp = r->rsp,
		.ss = SEL_USER_DS,
	};
	r->rip = (uintptr_t)dune_trap_return;
	r->rdi = (uintptr_t)trap;
	r->rsp = (uintptr_t)trap;
	r->rflags = FLAGS_CLEAN;
}

/* ---- The child ---------------------------------------------------------------- */

/* No Dune mode for this child: it goes on as the program would without. */
static __attribute__((noreturn)) void go_natively(struct dune_thread *t, uint64_t rip)
{
	if (dune_confined())
		dune_confined_kill();
	t->active = false;
	t->start.regs.rip = rip;
	raw_sigmask(SIG_SETMASK, (const uint64_t *)&t->start.sigmask, NULL);
	dune_child_native(&t->start.regs);
}

/* The struct is the child's. What else its parent had is not here. */
static void settle(struct dune_thread *t)
{
	if (t->forking) {
		t->forking = false;
		dune_pt_fork_done(true);
		dune_threads_after_fork(t);
		return;
	}
#ifndef DUNE_RUNTIME
	if (t->own_tls)
		dune_this = t;
#endif
}

static __attribute__((noreturn)) void go(struct dune_thread *t, uint64_t rip)
{
	int err = dune_thread_vcpu(t);

	if (!err)
		err = dune_thread_map(t, t->root);
	if (err)
		go_natively(t, rip);
	dune_thread_begin(t, t->root);
	t->run->regs = t->start.regs;
	t->run->sigmask = t->start.sigmask;
	t->run->load |= DUNE_LOAD_SIGMASK;
	resume(t, rip);
	dune_host_loop(t);
}

void dune_child_start(struct dune_thread *t, uint64_t stack)
{
	settle(t);
	t->start.regs.rax = 0;
	if (stack)
		t->start.regs.rsp = stack;
	go(t, t->start.regs.rcx);
}

/* The module's, with all of @t->start. */
static __attribute__((noreturn)) void born(struct dune_thread *t)
{
	settle(t);
	t->newborn = NULL;
	go(t, t->start.regs.rip);
}

/* ---- The parent ---------------------------------------------------------------- */

/* The host's bases are what the child inherits. */
static void set_host_bases(const struct dune_run *run)
{
	if (run->fs_base != dune_host_fs())
		dune_host_set_fs(run->fs_base);
	if (run->gs_base != dune_host_gs())
		dune_host_set_gs(run->gs_base);
}

static void set_start(struct dune_thread *child, const struct dune_run *run)
{
	child->start.regs = run->regs;
	child->start.sigmask = run->sigmask;
}

static void begin_fork(struct dune_thread *t)
{
	t->forking = true;
	dune_pt_fork_prepare();
}

static void end_fork(struct dune_thread *t)
{
	dune_pt_fork_done(false);
	t->forking = false;
}

static long make_process(struct dune_thread *t)
{
	long ret;

	set_start(t, t->run);
	begin_fork(t);
	ret = dune_clone_insn(&t->start.regs, t);
	end_fork(t);
	return ret;
}

static int take_for_child(struct dune_thread *t, uint64_t flags, struct dune_thread **child)
{
	struct dune_thread *c;
	int err = dune_thread_take(&c);

	if (err)
		return err;
	c->root = t->root;
	c->active = true;
	c->own_tls = flags & CLONE_SETTLS;
	c->borrowed = !(flags & CLONE_THREAD);
	c->upcalls = flags & CLONE_VFORK ? 0 :
		     flags & CLONE_THREAD ? DUNE_UPCALL_EXIT : DUNE_UPCALL_EXIT | DUNE_UPCALL_EXIT_GROUP;
	*child = c;
	return 0;
}

static long make_thread(struct dune_thread *t, uint64_t flags)
{
	struct dune_thread *child;
	long ret = take_for_child(t, flags, &child);

	if (ret)
		return -EAGAIN;
	set_start(child, t->run);
	ret = dune_clone_insn(&child->start.regs, child);
	/* With vfork it has come and gone by now. */
	if (ret < 0 || flags & CLONE_VFORK)
		dune_thread_give(child, child->run->released);
	return ret;
}

static bool is_watched(const struct dune_thread *t)
{
	return t->run->detail & DUNE_DETAIL_WATCHED;
}

/* ---- The parent, watched --------------------------------------------------------- */

/* The call is the program's own; see dune_child_made() for its end. */
static void make_watched(struct dune_thread *t, uint64_t flags)
{
	struct dune_thread *child = t;

	dune_native(t);
	if (!(dune_device_caps() & DUNE_CAP_BIRTH))
		return;
	if (!(flags & CLONE_VM))
		begin_fork(t);
	else if (take_for_child(t, flags, &child))
		return;
	t->newborn = child;
	t->run->upcalls |= DUNE_UPCALL_RETURN;
	t->run->birth = (struct dune_birth){
		.ip = (uintptr_t)born, .sp = child->host_sp - 8,	/* as after a call */
		.arg = (uintptr_t)child, .start = (uintptr_t)&child->start,
	};
}

void dune_child_made(struct dune_thread *t)
{
	struct dune_thread *child = t->newborn;
	bool is_made = !t->run->birth.ip;

	if (!child)
		return;
	t->newborn = NULL;
	t->run->birth.ip = 0;
	t->run->upcalls &= ~DUNE_UPCALL_RETURN;
	if (child == t)
		end_fork(t);
	else if (!is_made || !child->upcalls)	/* vfork: it has come and gone */
		dune_thread_give(child, child->run->released);
}

/* ---- What the host loop calls ----------------------------------------------------- */

void dune_child_make(struct dune_thread *t)
{
	uint64_t flags = clone_flags(t->run);
	long ret;

	/* no instruction of a confined program is executed in ordinary mode */
	if (is_watched(t) && !dune_confined()) {
		make_watched(t, flags);
		return;
	}
	set_host_bases(t->run);
	ret = flags & CLONE_VM ? make_thread(t, flags) : make_process(t);
	t->run->regs.rax = ret;
	resume(t, t->run->regs.rcx);
}

void dune_child_exit(struct dune_thread *t, uint32_t end)
{
	dune_native(t);
	if (!(t->upcalls & end))
		return;
	/* a filter may refuse it */
	if (is_watched(t)) {
		dune_thread_leave(t);
		return;
	}
	/*
	 * Signals stay off, so this is the last that happens, and when the module has seen the
	 * end of it the struct is free.
	 */
	t->run->load &= ~DUNE_LOAD_SIGMASK;
	dune_thread_give(t, t->run->released + 1);
}
