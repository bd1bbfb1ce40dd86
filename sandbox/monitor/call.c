// SPDX-License-Identifier: GPL-2.0
/* What becomes of a system call. */
#include "monitor.h"
#include <linux/audit.h>
#include "../../libdune/confined.h"
#include "../../libdune/entry.h"
#include "../../libdune/hypercall.h"

static void learn(struct sandbox_call *c, bool refused)
{
	struct seccomp_data data = { .nr = c->nr };
	unsigned int i;

	if (!sandbox_learn)
		return;
	for (i = 0; i < 6; i++)
		data.args[i] = c->args[i];
	sandbox_learn_call(sandbox_learn, &data, refused);
}

int sandbox_deny(struct sandbox_call *c, uint32_t kind, int err, const char *text)
{
	if (kind != SANDBOX_BY_FILTER)
		learn(c, true);
	sandbox_report(c, c->thread, kind, SECCOMP_RET_ERRNO | (uint32_t)err, text);
	return sandbox_done(c, -err);
}

/* ---- For the program ----------------------------------------------------------- */

/* What Linux is shown if a signal comes. */
static void prepare(struct sandbox_call *c)
{
	const struct dune_trap *t = c->trap;

	c->thread->run->confine.caller = (struct dune_regs){
		.r15 = t->r15, .r14 = t->r14, .r13 = t->r13, .r12 = t->r12, .rbp = t->rbp,
		.rbx = t->rbx, .r11 = t->r11, .r10 = t->r10, .r9 = t->r9, .r8 = t->r8,
		.rax = t->rax, .rcx = t->rcx, .rdx = t->rdx, .rsi = t->rsi, .rdi = t->rdi,
		.orig_rax = (uint64_t)c->nr, .rip = t->rip, .rflags = t->rflags, .rsp = t->rsp,
	};
	c->prepared = true;
}

long sandbox_host(struct sandbox_call *c, long nr, uint64_t a, uint64_t b, uint64_t d, uint64_t e,
		  uint64_t f, uint64_t g)
{
	struct dune_trap regs = { .rdi = a, .rsi = b, .rdx = d, .r10 = e, .r8 = f, .r9 = g };

	if (!c->prepared)
		prepare(c);
	return dune_forward_vmcall(&regs, nr);
}

/* ---- The filter -------------------------------------------------------------------- */

static int by_filter(struct sandbox_call *c, uint32_t verdict)
{
	uint32_t data = verdict & SECCOMP_RET_DATA;

	learn(c, true);
	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ERRNO:
		sandbox_report(c, c->thread, SANDBOX_BY_FILTER, verdict, NULL);
		return sandbox_done(c, -(long)data);
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_USER_NOTIF:
		sandbox_report(c, c->thread, SANDBOX_BY_FILTER, verdict, NULL);
		return sandbox_done(c, -ENOSYS);
	case SECCOMP_RET_TRAP:
		sandbox_report(c, c->thread, SANDBOX_BY_FILTER, verdict, NULL);
		sandbox_raise_sigsys(c, data);
		return SANDBOX_DONE;
	default:
		sandbox_report(c, c->thread, SANDBOX_BY_FILTER, verdict, NULL);
		sandbox_end_by_sigsys(c);
		return SANDBOX_DONE;
	}
}

/* True: the call goes on. */
static bool ask_filter(struct sandbox_call *c, int *what)
{
	struct seccomp_data data;
	uint32_t verdict;
	unsigned int i;

	if (sandbox_always(&sandbox_rules, (uint64_t)c->nr))
		return true;
	data.nr = c->nr;
	data.arch = AUDIT_ARCH_X86_64;
	data.instruction_pointer = c->trap->rip;
	for (i = 0; i < 6; i++)
		data.args[i] = c->args[i];
	verdict = sandbox_verdict(&sandbox_rules, &data);
	if ((verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW)
		return true;
	if ((verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_LOG) {
		sandbox_report(c, c->thread, SANDBOX_BY_FILTER, verdict, NULL);
		return true;
	}
	*what = by_filter(c, verdict);
	return false;
}

/* ---- The row --------------------------------------------------------------------------- */

static bool is_good_array(const struct sandbox_call *c, uint64_t at, uint16_t arg)
{
	uint64_t count = c->args[arg >> 4 & 15], size = arg >> 8;

	/* what Linux takes of it, all or the lower half, is no more */
	return sandbox_is_users(at, count > UINT64_MAX / size ? UINT64_MAX : count * size);
}

/* Of arguments @first and up, how those that are left are looked at: 16 bits each, 0 when none is. */
static uint64_t four_args(const struct sandbox_row *row, unsigned int first)
{
	uint64_t kinds = 0;

	__builtin_memcpy(&kinds, &row->arg[first], first ? 2 * sizeof(row->arg[0]) : sizeof(kinds));
	return kinds;
}

/* True: these are good, of which the first is argument @i. */
static bool check_some(struct sandbox_call *c, uint64_t kinds, unsigned int i, int *what)
{
	for (; kinds; kinds >>= 16, i++) {
		uint64_t value = c->args[i];
		bool good = true;

		switch (kinds & 15) {
		case SANDBOX_FD:
			if (!sandbox_fd_is_own(value))
				break;
			*what = sandbox_deny(c, SANDBOX_BY_DESCRIPTOR, EBADF, NULL);
			return false;
		case SANDBOX_PTR:
			good = sandbox_is_users(value, 1);
			break;
		case SANDBOX_ARRAY(0, 0) & 15:
			good = is_good_array(c, value, (uint16_t)kinds);
			break;
		}
		if (!good) {
			*what = sandbox_deny(c, SANDBOX_BY_POINTER, EFAULT, NULL);
			return false;
		}
	}
	return true;
}

static bool check_args(struct sandbox_call *c, const struct sandbox_row *row, int *what)
{
	uint64_t first = four_args(row, 0), last = four_args(row, 4);

	return (!first || check_some(c, first, 0, what)) && (!last || check_some(c, last, 4, what));
}

static int unknown(struct sandbox_call *c)
{
	return sandbox_deny(c, SANDBOX_BY_CALL, ENOSYS, NULL);
}

/* A signal came with the end of a call that was made here: now, and not with the next VM exit. */
static void show_signal(struct sandbox_call *c)
{
	struct dune_run *run = c->thread->run;

	if (!run->confine.pending)
		return;
	run->confine.pending = 0;
	prepare(c);
	dune_hypercall(DUNE_HC_CALLER, 0, 0);
}

static int look_at(struct sandbox_call *c)
{
	const struct sandbox_row *row;
	int what;

	if (!ask_filter(c, &what))
		return what;
	if ((unsigned int)c->nr >= SANDBOX_ROWS)
		return unknown(c);
	row = &sandbox_rows[c->nr];
	if (!row->known)
		return unknown(c);
	if (!check_args(c, row, &what))
		return what;
	what = row->fn ? row->fn(c) : SANDBOX_PASS;
	/* what a function refused it has counted */
	if (sandbox_learn && (what == SANDBOX_PASS || (long)c->trap->rax >= 0))
		learn(c, false);
	return what;
}

int sandbox_call(struct dune_trap *trap, struct dune_thread *t)
{
	struct sandbox_call c = {
		.trap = trap, .thread = t, .nr = (int)trap->rax,
		.args = { trap->rdi, trap->rsi, trap->rdx, trap->r10, trap->r8, trap->r9 },
	};

	int what;

	if (__builtin_expect(__atomic_load_n(&sandbox_ending, __ATOMIC_RELAXED), 0))
		dune_confined_kill();
	t->run->upcalls &= ~DUNE_UPCALL_PASS;
	if (__builtin_expect(t->slot, 0))
		sandbox_slot_give(t);
	/* Linux looks at the lower half, and the module at all of it */
	trap->rax = (uint64_t)c.nr;
	what = look_at(&c);
	if (what == SANDBOX_DONE && c.prepared)
		show_signal(&c);
	return what;
}
