// SPDX-License-Identifier: GPL-2.0
/*
 * What a program maps. Two things are looked at.
 *
 * The monitor's memory is one part of the address space, reserved as a whole: Linux puts nothing in it
 * by itself, so only calls that name a range can reach it.
 *
 * Without SANDBOX_ALLOW_JIT no memory that was ever writable becomes executable: only files
 * are, mapped privately and not for writing. Not covered: a file that the program itself wrote,
 * mapped anew. Where that matters, bind nothing both writable and executable (MS_NOEXEC).
 */
#include "monitor.h"
#include <sys/mman.h>
#include <sys/shm.h>

#define PAGE_MASK	4095UL

static bool is_users_range(uint64_t at, uint64_t length)
{
	uint64_t start = at & ~PAGE_MASK, end = (at + length + PAGE_MASK) & ~PAGE_MASK;

	/* what wraps Linux refuses */
	return at + length < at || at + length + PAGE_MASK < at || sandbox_is_users(start, end - start);
}

static int deny_range(struct sandbox_call *c)
{
	return sandbox_deny(c, SANDBOX_BY_POINTER, EINVAL, "the range has memory of the monitor's");
}

static int deny_jit(struct sandbox_call *c, const char *text)
{
	return sandbox_deny(c, SANDBOX_BY_JIT, EACCES, text);
}

int sandbox_range(struct sandbox_call *c)
{
	return is_users_range(c->args[0], c->args[1]) ? SANDBOX_PASS : deny_range(c);
}

int sandbox_mmap(struct sandbox_call *c)
{
	uint64_t prot = c->args[2], flags = c->args[3];

	if (!(flags & MAP_ANONYMOUS) && sandbox_fd_is_own(c->args[4]))
		return sandbox_deny(c, SANDBOX_BY_DESCRIPTOR, EBADF, NULL);
	/* elsewhere than it was asked for Linux looks for room, and there is none in a reservation */
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) && !is_users_range(c->args[0], c->args[1]))
		return deny_range(c);
	if (!(prot & PROT_EXEC) || sandbox_allows_jit())
		return SANDBOX_PASS;
	if (prot & PROT_WRITE)
		return deny_jit(c, "writable and executable");
	if (flags & MAP_ANONYMOUS)
		return deny_jit(c, "executable, and no file's");
	if ((flags & MAP_TYPE) != MAP_PRIVATE)
		return deny_jit(c, "executable and shared");
	return SANDBOX_PASS;
}

int sandbox_mprotect(struct sandbox_call *c)
{
	if (!is_users_range(c->args[0], c->args[1]))
		return deny_range(c);
	if (c->args[2] & PROT_EXEC && !sandbox_allows_jit())
		return deny_jit(c, "to be executable");
	return SANDBOX_PASS;
}

int sandbox_mremap(struct sandbox_call *c)
{
	if (!is_users_range(c->args[0], c->args[1]) || !is_users_range(c->args[0], c->args[2]))
		return deny_range(c);
	if (c->args[3] & MREMAP_FIXED && !is_users_range(c->args[4], c->args[2]))
		return deny_range(c);
	return SANDBOX_PASS;
}

/* A byte for each page. */
int sandbox_mincore(struct sandbox_call *c)
{
	if (!is_users_range(c->args[0], c->args[1]))
		return deny_range(c);
	if (!sandbox_is_users(c->args[2], c->args[1] / (PAGE_MASK + 1) + 1))
		return sandbox_deny(c, SANDBOX_BY_POINTER, EFAULT, NULL);
	return SANDBOX_PASS;
}

int sandbox_shmat(struct sandbox_call *c)
{
	/* how much it would replace only Linux knows */
	if (c->args[2] & SHM_REMAP)
		return sandbox_deny(c, SANDBOX_BY_ARGUMENT, EINVAL, "SHM_REMAP");
	if (c->args[2] & SHM_EXEC && !sandbox_allows_jit())
		return deny_jit(c, "executable and shared");
	return SANDBOX_PASS;
}
