// SPDX-License-Identifier: LGPL-2.1-or-later
/* Into Dune mode and back. */
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <errno.h>
#include "base.h"
#include "cr3.h"
#include "device.h"
#include "entry.h"
#include "export.h"
#include "host.h"
#include "hypercall.h"
#include "init.h"
#include "pgtable_internal.h"
#include "raw.h"
#include "syscall_trap.h"
#include "thread.h"

/* Below everything that the calls between here and the switch put on this stack. */
#define HEADROOM	1024

/*
 * Where the host loop starts. A death handler may enter again and jump away: then
 * the library's stack is already in use.
 */
static void choose_stacks(struct dune_thread *t)
{
	uint64_t low = (uintptr_t)t->area + PAGE;
	uint64_t rsp = raw_rsp();

	t->host_sp = low + HOST_STACK_SIZE;
	if (rsp - low < HOST_STACK_SIZE)
		t->host_sp = (rsp - HEADROOM) & ~15UL;
	/* In a handler that left Dune mode and comes back, traps of ring 3 stay below it. */
	if (!dune_on_trap_stack(t, rsp))
		t->trap_base = t->trap_low + TRAP_STACK_SIZE;
}

static int prepare(struct dune_thread *t)
{
	struct dune_root *root = dune_root_default();
	int err = dune_thread_map(t, root);

	if (err)
		return err;
	choose_stacks(t);
	t->died = false;
	t->entering = true;
	t->active = true;
	dune_thread_begin(t, root);
	t->run->regs.rax = 0;
	t->run->regs.rflags = FLAGS_CLEAN;
	return 0;
}

DUNE_API int dune_enter(void)
{
	struct dune_thread *t;
	int err;

	if (!dune_ready())
		return -EINVAL;
	if (dune_inside())
		return -EALREADY;
	err = dune_thread_get(&t);
	if (err)
		return err;
	/* A host call, or a signal handler, while the thread's frames are in Dune mode. */
	if (t->active)
		return -EALREADY;
	err = prepare(t);
	if (err)
		return err;
	dune_was_entered = true;
	err = dune_switch_in(t);
	/* Tables may have changed while it was outside. */
	if (!err)
		dune_tlb_flush();
	return err;
}

static void start_in_ring3(struct dune_thread *t)
{
	struct dune_regs *r = &t->run->regs;
	struct dune_trap *trap = (struct dune_trap *)t->trap_base - 1;

	*trap = (struct dune_trap){
		.rip = r->rip, .cs = SEL_USER_CS, .rflags = r->rflags, .rsp = r->rsp, .ss = SEL_USER_DS,
	};
	r->rip = (uintptr_t)dune_trap_return;
	r->rdi = (uintptr_t)trap;
	r->rsp = (uintptr_t)trap;
}

/* For a program that never was in ordinary mode: its first instruction is in Dune mode. */
void dune_thread_start(struct dune_thread *t, uint64_t rip, uint64_t rsp)
{
	int err = dune_thread_map(t, dune_root_default());

	if (err) {
		t->run->detail = -err;
		dune_die(t);
	}
	t->active = true;
	dune_was_entered = true;
	dune_thread_begin(t, dune_root_default());
	t->run->regs = (struct dune_regs){ .rip = rip, .rsp = rsp, .rflags = FLAGS_CLEAN };
	if (dune_program_ring3)
		start_in_ring3(t);
	dune_host_loop(t);
}

DUNE_API int dune_leave(void)
{
	if (!dune_inside())
		return -EALREADY;
	dune_switch_out(DUNE_HC_LEAVE);
	return 0;
}

static bool cpuid_says_dune(void)
{
	uint32_t r[4];

	raw_cpuid(DUNE_CPUID_LEAF, 0, r);
	return r[1] == 0x656e7544 && r[2] == 0x65646f6d;	/* "Dune", "mode" */
}

/*
 * In ring 0 the answer is plain. In ring 3 CS looks as in ordinary mode: while
 * this thread runs something in ring 3, that or a signal handler may be asking.
 */
DUNE_API bool dune_inside(void)
{
	struct dune_thread *t;

	if (!raw_cpl())
		return true;
	t = dune_current();
	return t && t->ring == 3 && cpuid_says_dune();
}

DUNE_API const struct dune_counters *dune_counters(void)
{
	struct dune_thread *t = dune_current();

	return t && t->has_vcpu ? &t->run->counters : NULL;
}
