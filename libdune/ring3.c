// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Code in ring 3. It may change its FS base itself (WRFSBASE), while handlers
 * and all that they call find their thread-local variables by FS: every trap
 * out of ring 3 brings ring 0's base back, every return ring 3's.
 */
#include <dune/dune.h>
#include <errno.h>
#include "base.h"
#include "entry.h"
#include "export.h"
#include "offsets.h"
#include "syscall_trap.h"
#include "trap.h"

#define RFLAGS_CF	(1U << 0)
#define RFLAGS_PF	(1U << 2)
#define RFLAGS_AF	(1U << 4)
#define RFLAGS_ZF	(1U << 6)
#define RFLAGS_SF	(1U << 7)
#define RFLAGS_TF	(1U << 8)
#define RFLAGS_DF	(1U << 10)
#define RFLAGS_OF	(1U << 11)
#define RFLAGS_RF	(1U << 16)
#define RFLAGS_AC	(1U << 18)
#define RFLAGS_ID	(1U << 21)

/* IF is always on, IOPL always 0. */
#define RFLAGS_RING3	(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF | \
			 RFLAGS_DF | RFLAGS_OF | RFLAGS_RF | RFLAGS_AC | RFLAGS_ID)

#ifdef DUNE_RUNTIME
/* Here ring 0 has no thread-local variables, and all of the program is in ring 3. */
void dune_from_ring3(struct dune_thread *t)
{
}

void dune_to_ring3(struct dune_thread *t)
{
	t->ring = 3;
}
#else
void dune_from_ring3(struct dune_thread *t)
{
	t->ring3_fs = dune_guest_fs();
	dune_guest_set_fs(t->ring0_fs);
}

/* As dune_syscall_guard(), which has nothing to do but for the first time. */
static void guard(struct dune_thread *t)
{
	if (__builtin_expect(t->lstar != (uintptr_t)dune_syscall_entry, 0))
		dune_syscall_guard(t);
}

/* A handler may have made this return to ring 3 of a trap from ring 0: then it begins here. */
void dune_to_ring3(struct dune_thread *t)
{
	guard(t);
	t->ring0_fs = dune_guest_fs();
	t->ring = 3;
	dune_guest_set_fs(t->ring3_fs);
}

#endif

DUNE_API long dune_ring3_run_bases(const struct dune_trap *start, uint64_t fs_base, uint64_t gs_base)
{
	struct dune_thread *t = dune_current();
	struct dune_trap frame = *start;
	uint64_t outer_fs = t->ring3_fs, gs = dune_guest_gs();
	long value;

	if (fs_base >> 47 || gs_base >> 47)
		return -EINVAL;
	frame.cs = SEL_USER_CS;
	frame.ss = SEL_USER_DS;
	frame.rflags = (start->rflags & RFLAGS_RING3) | FLAGS_CLEAN;
	t->ring0_fs = dune_guest_fs();
	t->ring3_fs = fs_base;
	dune_syscall_guard(t);
	if (gs_base != gs)
		dune_guest_set_gs(gs_base);
	/* From here on no thread-local variable is at hand. */
	if (fs_base != t->ring0_fs)
		dune_guest_set_fs(fs_base);
	value = dune_ring3_enter(t, &frame);
	dune_guest_set_gs(gs);
	t->ring3_fs = outer_fs;
	return value;
}

DUNE_API long dune_ring3_run(const struct dune_trap *start)
{
	return dune_ring3_run_bases(start, dune_guest_fs(), dune_guest_gs());
}

DUNE_API void dune_ring3_exit(long value)
{
	dune_ring3_unwind(dune_current(), value);
}

/*
 * The host loop waits on the stack below the signal's frame, with ring 3's registers in the run
 * page. Put there instead: ring 0, in dune_ring3_unwind(), with all that an entry loads.
 */
DUNE_API int dune_ring3_stop(long value)
{
	struct dune_thread *t = dune_current();
	struct dune_run *run;

	if (!raw_cpl() || !t || t->ring != 3 || t->run->cpl != 3 || t->run->reason != DUNE_EXIT_INTR)
		return -EAGAIN;
	run = t->run;
	dune_thread_system(t);
	run->fs_base = t->ring0_fs;
	run->regs = (struct dune_regs){
		.rip = (uintptr_t)dune_ring3_unwind, .rdi = (uintptr_t)t, .rsi = (uint64_t)value,
		.rsp = t->ring3_frame, .rflags = FLAGS_CLEAN,
	};
	run->load |= DUNE_LOAD_SYSTEM | DUNE_LOAD_BASES;
	t->ring = 0;
	return 0;
}

DUNE_API uint64_t *dune_ring3_fs_base(void)
{
	return &dune_current()->ring3_fs;
}
