// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The host loop: the ordinary-mode side of a thread in Dune mode.
 *
 *	dune_enter() --> [ the door --> what does it want? --> ] --> dune_leave()
 *
 * It runs on the thread's host stack, with general registers only: a system
 * call in Dune mode must find its vector registers as they were.
 */
#include "host.h"
#include <errno.h>
#include "base.h"
#include "child.h"
#include "confined.h"
#include "device.h"
#include "entry.h"
#include "export.h"
#include "hypercall.h"
#include "own.h"

typedef long (*host_fn)(void *arg);

static __attribute__((noreturn)) void leave(struct dune_thread *t)
{
	struct dune_run *run = t->run;

	t->active = false;
	if (run->fs_base != dune_host_fs())
		dune_host_set_fs(run->fs_base);
	if (run->gs_base != dune_host_gs())
		dune_host_set_gs(run->gs_base);
	dune_resume_host(run->regs.rsp, run->regs.rip, 0);
}

static void hypercall(struct dune_thread *t)
{
	struct dune_regs *regs = &t->run->regs;

	switch (regs->rax) {
	case DUNE_HC_LEAVE:
		if (dune_confined())
			dune_confined_kill();
		leave(t);
	case DUNE_HC_HOST_CALL:
		regs->rax = ((host_fn)regs->rdi)((void *)regs->rsi);
		break;
	default:
		regs->rax = -ENOSYS;
	}
}

/*
 * The module would not: the program took its mappings away. The first time
 * dune_enter() can say so.
 */
static __attribute__((noreturn)) void failed(struct dune_thread *t, long err)
{
	struct dune_run *run = t->run;

	if (t->entering && !dune_confined()) {
		t->active = false;
		dune_resume_host(run->regs.rsp, run->regs.rip, err);
	}
	run->reason = DUNE_EXIT_NONE;
	run->detail = -err;
	dune_die(t);
}

void dune_host_loop(struct dune_thread *t)
{
	struct dune_run *run = t->run;

	for (;;) {
		long err = dune_device_run(run);

		if (err)
			failed(t, err);
		switch (run->reason) {
		case DUNE_EXIT_INTR:
			continue;
		case DUNE_EXIT_CPU:
			dune_gdt_set_cpu(t->gdt);
			continue;
		case DUNE_EXIT_SYSCALL:
			dune_syscall_exact(t);
			break;
		case DUNE_EXIT_RETURNED:
			dune_child_made(t);
			if (dune_hooks)
				dune_hooks->returned(t);
			break;
		case DUNE_EXIT_HYPERCALL:
			hypercall(t);
			break;
		default:
			dune_die(t);
		}
		t->entering = false;
	}
}

DUNE_API long dune_host_call(long (*fn)(void *arg), void *arg)
{
	if (!dune_inside())
		return fn(arg);
	return dune_hypercall(DUNE_HC_HOST_CALL, (uintptr_t)fn, (uintptr_t)arg);
}
