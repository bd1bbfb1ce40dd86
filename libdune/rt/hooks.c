// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the runtime does about system calls: trace them, count at the end, follow an execve(). */
#include "hooks.h"
#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include "../host.h"
#include "../raw.h"
#include "exec.h"
#include "runtime.h"
#include "stats.h"
#include "trace.h"

/* The arguments, as they are in the registers of a call. */
static void arguments(const struct dune_regs *r, uint64_t args[6])
{
	args[0] = r->rdi;
	args[1] = r->rsi;
	args[2] = r->rdx;
	args[3] = r->r10;
	args[4] = r->r8;
	args[5] = r->r9;
}

static void trace_call(struct dune_thread *t)
{
	const struct dune_regs *r = &t->run->regs;

	arguments(r, t->traced_args);
	t->traced_call = r->rax;
	t->traced_next = r->rcx;
	dune_rt_trace_call(dune_rt_log_fd(), raw_gettid(), r->rax, t->traced_args);
}

/* If a signal came with the end of the call, RAX is its handler's. */
static void returned(struct dune_thread *t)
{
	const struct dune_regs *r = &t->run->regs;

	if (dune_rt_asked(DUNE_RT_TRACE) && r->rip == t->traced_next)
		dune_rt_trace_result(dune_rt_log_fd(), raw_gettid(), t->traced_call, t->traced_args, r->rax);
}

static bool call(struct dune_thread *t)
{
	unsigned int number = t->run->regs.rax;

	if (dune_rt_asked(DUNE_RT_TRACE))
		trace_call(t);
	switch (number) {
	case SYS_exit_group:
		/* the child of a vfork() counts as its parent's thread */
		if (dune_rt_asked(DUNE_RT_STATS) && !t->borrowed) {
			dune_rt_stats(dune_rt_log_fd());
			t->run->told = 1;
		}
		return false;
	case SYS_execve:
		if (dune_rt_asked(DUNE_RT_FOLLOW))
			dune_rt_follow(t);
		return false;
	case SYS_clone:
	case SYS_fork:
	case SYS_vfork:
	case SYS_clone3:
	case SYS_exit:
		return false;
	default:
		dune_native(t);
		return true;
	}
}

static const struct dune_hooks hooks = { .call = call, .returned = returned };

void dune_rt_hooks_init(void)
{
	dune_hooks = &hooks;
}
