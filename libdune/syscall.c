// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * System calls that come to the host loop.
 *
 * By the door these are few: those that make, end or replace a thread or a process,
 * and those that a handler in Dune mode forwards while somebody watches. All others are
 * made by the module, or in ordinary mode by the program's own instruction.
 */
#include "host.h"
#include <asm/prctl.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include "base.h"
#include "child.h"
#include "entry.h"
#include "hypercall.h"
#include "own.h"
#include "raw.h"

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

const struct dune_hooks *dune_hooks;

bool dune_at_stub(const struct dune_regs *r)
{
	uint64_t vmcall = r->rip - DUNE_HYPERCALL_BYTES;

	return vmcall == (uintptr_t)dune_syscall_pass || vmcall == (uintptr_t)dune_syscall_ring3;
}

void dune_native(struct dune_thread *t)
{
	t->run->load |= DUNE_LOAD_NATIVE;
}

/* ---- Forwarded calls ---------------------------------------------------------- */

static long make(const struct dune_regs *r)
{
	return raw_syscall6(r->rax, r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9);
}

/* The kernel writes the answer from its own bases: lend it the image's. */
static long get_base(const struct dune_regs *r, uint64_t image, uint64_t (*read)(void),
		     void (*write)(uint64_t))
{
	uint64_t host = read();
	long ret;

	if (host == image)
		return make(r);
	write(image);
	ret = make(r);
	write(host);
	return ret;
}

static long do_arch_prctl(struct dune_run *run, const struct dune_regs *r)
{
	long ret;

	switch ((int)r->rdi) {
	case ARCH_GET_FS:
		return get_base(r, run->fs_base, dune_host_fs, dune_host_set_fs);
	case ARCH_GET_GS:
		return get_base(r, run->gs_base, dune_host_gs, dune_host_set_gs);
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		ret = make(r);
		if (ret)
			return ret;
		if ((int)r->rdi == ARCH_SET_FS)
			run->fs_base = r->rsi;
		else
			run->gs_base = r->rsi;
		run->load |= DUNE_LOAD_BASES;
		return 0;
	default:
		return make(r);
	}
}

/*
 * The thread's mask is not the program's while the host loop runs: that waits in the run
 * page, and is the thread's again afterwards. Only a confined program's monitor comes here for it.
 */
static long do_sigprocmask(struct dune_run *run, const struct dune_regs *r)
{
	const uint64_t *new = (const uint64_t *)r->rsi;
	uint64_t *old = (uint64_t *)r->rdx;
	uint64_t set = new ? *new : 0;

	if (old)
		*old = run->sigmask;
	if (!new)
		return 0;
	switch ((int)r->rdi) {
	case SIG_BLOCK:
		run->sigmask |= set;
		return 0;
	case SIG_UNBLOCK:
		run->sigmask &= ~set;
		return 0;
	case SIG_SETMASK:
		run->sigmask = set;
		return 0;
	default:
		return -EINVAL;
	}
}

/* A handler's frames are no place for a child to begin or a signal's frame to be. */
static long forward(struct dune_thread *t)
{
	const struct dune_regs *r = &t->run->regs;

	switch ((unsigned int)r->rax) {
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
	case SYS_rt_sigreturn:
		return -ENOSYS;
	case SYS_rt_sigprocmask:
		return dune_confined() ? do_sigprocmask(t->run, r) : make(r);
	case SYS_arch_prctl:
		return do_arch_prctl(t->run, r);
	default:
		return make(r);
	}
}

/* ---- The program's own ----------------------------------------------------------- */

void dune_syscall_exact(struct dune_thread *t)
{
	struct dune_regs *r = &t->run->regs;

	if (!dune_at_stub(r)) {
		r->rax = forward(t);
		return;
	}
	if (dune_hooks && dune_hooks->call(t))
		return;
	switch ((unsigned int)r->rax) {
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
		dune_child_make(t);
		break;
	case SYS_exit:
		dune_child_exit(t, DUNE_UPCALL_EXIT);
		break;
	case SYS_exit_group:
		dune_child_exit(t, DUNE_UPCALL_EXIT_GROUP);
		break;
	default:
		dune_native(t);
	}
}
