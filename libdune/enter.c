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

static void prepare_system(struct dune_thread *t, const struct dune_root *root)
{
	struct dune_system *system = &t->run->system;

	t->lstar = dune_syscall_lstar();
	*system = (struct dune_system){
		.cr3 = dune_root_cr3(root),
		.gdt_base = (uintptr_t)t->gdt,
		.gdt_limit = GDT_LIMIT,
		.idt_base = (uintptr_t)dune_idt,
		.idt_limit = IDT_LIMIT,
		.tr_base = (uintptr_t)&t->tss,
		.lstar = t->lstar,
		.kernel_gs_base = (uintptr_t)t,
	};
}

static int prepare(struct dune_thread *t)
{
	struct dune_root *root = dune_root_default();
	int err = dune_thread_map(t, root);

	if (err)
		return err;
	choose_stacks(t);
	t->root = root;
	t->ring = 0;
	t->ring3_frame = 0;
	t->died = false;
	t->entering = true;
	t->active = true;
	prepare_system(t, root);
	t->run->fs_base = dune_host_fs();
	t->run->gs_base = dune_host_gs();
	t->run->regs.rax = 0;
	t->run->regs.rflags = FLAGS_CLEAN;
	t->run->load = DUNE_LOAD_SYSTEM | DUNE_LOAD_BASES;
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

DUNE_API int dune_leave(void)
{
	if (!dune_inside())
		return -EALREADY;
	dune_switch_out(DUNE_HC_LEAVE);
	return 0;
}

int dune_call_body(long (*fn)(void *), void *arg, long *result)
{
	int err = dune_enter();
	long value;

	if (err)
		return err;
	value = fn(arg);
	dune_leave();
	if (result)
		*result = value;
	return 0;
}

DUNE_API int dune_call(long (*fn)(void *arg), void *arg, long *result)
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
	if (t->active)
		return -EALREADY;
	return dune_call_guarded(t, fn, arg, result);
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
	if (!raw_cpl())
		return true;
	return dune_this && dune_this->ring == 3 && cpuid_says_dune();
}

DUNE_API const struct dune_counters *dune_counters(void)
{
	return dune_this ? &dune_this->run->counters : NULL;
}
