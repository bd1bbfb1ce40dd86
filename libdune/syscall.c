// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * System calls by the exact path: made here, in ordinary mode, by the very
 * instruction, so that seccomp, ptrace and audit see what they always see.
 *
 * Most are simply made. Those in the table act on the thread or its registers
 * and need to know that these are in the run page.
 */
#include "host.h"
#include <asm/prctl.h>
#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include "base.h"
#include "raw.h"

typedef long (*exact_fn)(struct dune_thread *t, const struct dune_regs *r);

static long make(struct dune_thread *t, const struct dune_regs *r)
{
	return raw_syscall6(r->rax, r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9);
}

/* A child would wake up in the host loop, with no Dune mode of its own. */
static long no_child(struct dune_thread *t, const struct dune_regs *r)
{
	return -ENOSYS;
}

/*
 * A handler that code in Dune mode installs would expect to run there. Only the
 * kernel can read the argument without risk, so let it, and look at the result.
 */
static long do_rt_sigaction(struct dune_thread *t, const struct dune_regs *r)
{
	struct raw_action old, now;
	long ret;

	if (!r->rsi || raw_sigaction(r->rdi, NULL, &old))
		return make(t, r);
	ret = make(t, r);
	if (ret || raw_sigaction(r->rdi, NULL, &now) || now.handler <= RAW_SIG_IGN)
		return ret;
	raw_sigaction(r->rdi, &old, NULL);
	return -ENOSYS;
}

static long no_rt_sigreturn(struct dune_thread *t, const struct dune_regs *r)
{
	return -ENOSYS;
}

static long do_sigaltstack(struct dune_thread *t, const struct dune_regs *r)
{
	return r->rdi ? -ENOSYS : make(t, r);
}

/* The kernel writes the answer from its own bases: lend it the image's. */
static long get_base(struct dune_thread *t, const struct dune_regs *r, uint64_t image,
		     uint64_t (*read)(void), void (*write)(uint64_t))
{
	uint64_t host = read();
	long ret;

	if (host == image)
		return make(t, r);
	write(image);
	ret = make(t, r);
	write(host);
	return ret;
}

static long do_arch_prctl(struct dune_thread *t, const struct dune_regs *r)
{
	struct dune_run *run = t->run;
	long ret;

	switch ((int)r->rdi) {
	case ARCH_GET_FS:
		return get_base(t, r, run->fs_base, dune_host_fs, dune_host_set_fs);
	case ARCH_GET_GS:
		return get_base(t, r, run->gs_base, dune_host_gs, dune_host_set_gs);
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		ret = make(t, r);
		if (ret)
			return ret;
		if ((int)r->rdi == ARCH_SET_FS)
			run->fs_base = r->rsi;
		else
			run->gs_base = r->rsi;
		run->load |= DUNE_LOAD_BASES;
		return 0;
	default:
		return make(t, r);
	}
}

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

static const exact_fn special[] = {
	[SYS_rt_sigaction]	= do_rt_sigaction,
	[SYS_rt_sigreturn]	= no_rt_sigreturn,
	[SYS_clone]		= no_child,
	[SYS_fork]		= no_child,
	[SYS_vfork]		= no_child,
	[SYS_sigaltstack]	= do_sigaltstack,
	[SYS_arch_prctl]	= do_arch_prctl,
	[SYS_clone3]		= no_child,
};

void dune_syscall_exact(struct dune_thread *t)
{
	struct dune_regs *r = &t->run->regs;
	/* Linux looks at the lower half only. */
	unsigned int number = r->rax;
	exact_fn fn = number < sizeof(special) / sizeof(special[0]) ? special[number] : NULL;

	r->rax = fn ? fn(t, r) : make(t, r);
}
