// SPDX-License-Identifier: GPL-2.0
/* Calls about the process itself, and its children. */
#include "monitor.h"
#include <asm/prctl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sys/resource.h>
#include "../../libdune/base.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

static int refuse(struct sandbox_call *c, int err, const char *text)
{
	return sandbox_deny(c, SANDBOX_BY_ARGUMENT, err, text);
}

/* ---- Answered here -------------------------------------------------------------- */

int sandbox_getpid(struct sandbox_call *c)
{
	if (!c->thread->pid)
		c->thread->pid = (int32_t)sandbox_host1(c, SYS_getpid, 0);
	return sandbox_done(c, c->thread->pid);
}

int sandbox_gettid(struct sandbox_call *c)
{
	if (!c->thread->tid)
		c->thread->tid = (int32_t)sandbox_host1(c, SYS_gettid, 0);
	return sandbox_done(c, c->thread->tid);
}

static int base_out(struct sandbox_call *c, uint64_t base)
{
	return sandbox_done(c, sandbox_copy_out(c->args[1], &base, sizeof(base)));
}

/* The bases are ring 3's while the monitor runs: it has no use for any. */
int sandbox_arch_prctl(struct sandbox_call *c)
{
	int what = (int)c->args[0];

	switch (what) {
	case ARCH_GET_FS:
		return base_out(c, dune_guest_fs());
	case ARCH_GET_GS:
		return base_out(c, dune_guest_gs());
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (c->args[1] >= SANDBOX_USER_END)
			return sandbox_done(c, -EPERM);
		(what == ARCH_SET_FS ? dune_guest_set_fs : dune_guest_set_gs)(c->args[1]);
		return sandbox_done(c, 0);
	}
	return sandbox_done(c, -EINVAL);
}

/* ---- Children -------------------------------------------------------------------- */

#define CLONE_REFUSED (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
		       CLONE_NEWNET | CLONE_PTRACE | CLONE_PARENT)

int sandbox_clone(struct sandbox_call *c)
{
	if (c->args[0] & CLONE_REFUSED)
		return refuse(c, EPERM, "namespaces, CLONE_PTRACE or CLONE_PARENT");
	/* two monitors would not know of each other */
	if ((c->args[0] & (CLONE_FILES | CLONE_VM)) == CLONE_FILES)
		return refuse(c, EPERM, "CLONE_FILES without CLONE_VM");
	if (c->args[0] & CLONE_FILES)
		__atomic_store_n(&sandbox_fds_shared, true, __ATOMIC_SEQ_CST);
	return SANDBOX_PASS;
}

int sandbox_absent(struct sandbox_call *c)
{
	return sandbox_done(c, -ENOSYS);
}

/* ---- Options of the process -------------------------------------------------------- */

int sandbox_prctl(struct sandbox_call *c)
{
	switch ((int)c->args[0]) {
	case PR_SET_PDEATHSIG:
	case PR_GET_PDEATHSIG:
	case PR_GET_DUMPABLE:
	case PR_SET_DUMPABLE:
	case PR_GET_KEEPCAPS:
	case PR_SET_KEEPCAPS:
	case PR_SET_NAME:
	case PR_GET_NAME:
	case PR_GET_SECCOMP:
	case PR_CAPBSET_READ:
	case PR_CAPBSET_DROP:
	case PR_SET_TIMERSLACK:
	case PR_GET_TIMERSLACK:
	case PR_SET_CHILD_SUBREAPER:
	case PR_GET_CHILD_SUBREAPER:
	case PR_SET_NO_NEW_PRIVS:
	case PR_GET_NO_NEW_PRIVS:
	case PR_GET_TID_ADDRESS:
	case PR_SET_THP_DISABLE:
	case PR_GET_THP_DISABLE:
	case PR_CAP_AMBIENT:
	case PR_GET_SPECULATION_CTRL:
		return SANDBOX_PASS;
	case PR_SET_VMA:
		/* a name of memory; the allocators of libc do without */
		return sandbox_done(c, -EINVAL);
	}
	return refuse(c, EINVAL, "prctl() option");
}

#define PER_SAME	0xffffffffU
#define PER_GOOD	0x0040000U	/* ADDR_NO_RANDOMIZE; of the others some bring rights to execute */

int sandbox_personality(struct sandbox_call *c)
{
	uint32_t persona = (uint32_t)c->args[0];

	return persona == PER_SAME || !(persona & ~PER_GOOD) ? SANDBOX_PASS : refuse(c, EPERM, "personality");
}

/* ---- Limits -------------------------------------------------------------------------- */

static bool may_limit(unsigned int resource, const struct rlimit *limit)
{
	uint64_t files = (uint64_t)sandbox_policy()->fd_first;

	if (resource == RLIMIT_AS)
		return !sandbox_policy()->memory_bytes;
	/* what is above is the monitor's, whatever the privileges */
	if (resource == RLIMIT_NOFILE)
		return limit->rlim_cur <= files && limit->rlim_max <= files;
	return true;
}

static int set_limit(struct sandbox_call *c, unsigned int resource, uint64_t new, uint64_t old)
{
	struct rlimit limit;

	if (!new)
		return sandbox_done(c, sandbox_host4(c, SYS_prlimit64, 0, resource, 0, old));
	if (sandbox_copy_in(&limit, new, sizeof(limit)))
		return sandbox_done(c, -EFAULT);
	if (!may_limit(resource, &limit))
		return refuse(c, EPERM, "this limit is the sandbox's");
	return sandbox_done(c, sandbox_host4(c, SYS_prlimit64, 0, resource, (uintptr_t)&limit, old));
}

int sandbox_setrlimit(struct sandbox_call *c)
{
	return c->args[1] ? set_limit(c, (unsigned int)c->args[0], c->args[1], 0) : sandbox_done(c, -EFAULT);
}

int sandbox_prlimit(struct sandbox_call *c)
{
	int32_t pid = (int32_t)c->args[0];

	if (!c->thread->pid)
		c->thread->pid = (int32_t)sandbox_host1(c, SYS_getpid, 0);
	if (pid && pid != c->thread->pid)
		return refuse(c, EPERM, "limits of another process");
	return set_limit(c, (unsigned int)c->args[1], c->args[2], c->args[3]);
}
