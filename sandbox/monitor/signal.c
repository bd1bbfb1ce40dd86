// SPDX-License-Identifier: GPL-2.0
/* Signals: where their frames go, and those that the filter sends. */
#include "monitor.h"
#include <linux/audit.h>
#include <signal.h>

bool sandbox_ending;

/* The kernel's stack_t. */
struct alternate {
	uint64_t sp;
	int32_t flags;
	uint64_t size;
};

static bool is_on(const struct sandbox_call *c, const struct alternate *a)
{
	return a->size && c->trap->rsp - a->sp - 1 < a->size;
}

/* Linux would look at the stack that it is called on: the monitor's. */
int sandbox_sigaltstack(struct sandbox_call *c)
{
	struct alternate new, old;
	long ret;

	if (c->args[0] && sandbox_copy_in(&new, c->args[0], sizeof(new)))
		return sandbox_done(c, -EFAULT);
	if (c->args[0] && !(new.flags & SS_DISABLE) && !sandbox_is_users(new.sp, new.size))
		return sandbox_deny(c, SANDBOX_BY_POINTER, EFAULT, "a stack for signals in the monitor's memory");
	ret = sandbox_host2(c, SYS_sigaltstack, 0, (uintptr_t)&old);
	if (ret)
		return sandbox_done(c, ret);
	if (is_on(c, &old))
		old.flags |= SS_ONSTACK;
	if (c->args[0] && old.flags & SS_ONSTACK)
		return sandbox_done(c, -EPERM);
	if (c->args[0]) {
		ret = sandbox_host2(c, SYS_sigaltstack, (uintptr_t)&new, 0);
		if (ret)
			return sandbox_done(c, ret);
	}
	return sandbox_done(c, c->args[1] ? sandbox_copy_out(c->args[1], &old, sizeof(old)) : 0);
}

/* The frame is the program's, and may say what it likes: the module looks at what comes of it. */
int sandbox_sigreturn(struct sandbox_call *c)
{
	if (!sandbox_is_users(c->trap->rsp, 1))
		sandbox_kill(c, c->thread, "the frame of a signal in the monitor's memory");
	return SANDBOX_PASS;
}

/* ---- SIGSYS ----------------------------------------------------------------------- */

struct kernel_action {
	uint64_t handler, flags, restorer, mask;
};

/* The part of siginfo_t that it uses. */
struct sigsys_info {
	int32_t signo, error, code, pad;
	uint64_t address;
	int32_t nr;
	uint32_t arch;
	uint64_t rest[12];
};

#define SIGSYS_BIT	(1ULL << (SIGSYS - 1))
#define CODE_SECCOMP	1

static long send(struct sandbox_call *c, uint32_t data)
{
	struct sigsys_info info = {
		.signo = SIGSYS, .error = (int32_t)data, .code = CODE_SECCOMP, .address = c->trap->rip,
		.nr = c->nr, .arch = AUDIT_ARCH_X86_64,
	};

	_Static_assert(sizeof(info) == 128, "siginfo_t");
	return sandbox_host4(c, SYS_rt_tgsigqueueinfo, (uint64_t)sandbox_host1(c, SYS_getpid, 0),
			     (uint64_t)sandbox_host1(c, SYS_gettid, 0), SIGSYS, (uintptr_t)&info);
}

void sandbox_end_by_sigsys(struct sandbox_call *c)
{
	struct kernel_action action = { .handler = 0 };
	uint64_t mask = SIGSYS_BIT;

	__atomic_store_n(&sandbox_ending, true, __ATOMIC_RELAXED);
	sandbox_host4(c, SYS_rt_sigaction, SIGSYS, (uintptr_t)&action, 0, sizeof(mask));
	sandbox_host4(c, SYS_rt_sigprocmask, SIG_UNBLOCK, (uintptr_t)&mask, 0, sizeof(mask));
	send(c, 0);
}

/* As Linux does it: what is blocked or not caught kills. The handler finds the call's number in RAX. */
void sandbox_raise_sigsys(struct sandbox_call *c, uint32_t data)
{
	struct kernel_action action = { .handler = 0 };
	uint64_t mask = 0;

	sandbox_host4(c, SYS_rt_sigaction, SIGSYS, 0, (uintptr_t)&action, sizeof(mask));
	sandbox_host4(c, SYS_rt_sigprocmask, SIG_BLOCK, 0, (uintptr_t)&mask, sizeof(mask));
	if (action.handler <= 1 || mask & SIGSYS_BIT || send(c, data))
		sandbox_end_by_sigsys(c);
}
