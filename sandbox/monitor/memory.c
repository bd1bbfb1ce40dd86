// SPDX-License-Identifier: GPL-2.0
/*
 * What a program maps. Two things are looked at.
 *
 * The monitor's memory is one part of the address space, reserved as a whole: Linux puts nothing in it
 * by itself, so only calls that name a range can reach it.
 *
 * Without SANDBOX_ALLOW_JIT no memory that was ever writable becomes executable: only files
 * are, mapped privately and not for writing, and only those that the program cannot write to either: what is
 * mounted read-only, and what is somebody else's and closed to it. What execve() maps is not seen here:
 * sandbox/start/wx.c.
 */
#include "monitor.h"
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
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

/* Can the program change the file, by whatever other name or descriptor? */
static bool can_write(struct sandbox_call *c, uint64_t fd)
{
	static const char itself[] = "";
	struct statfs fs;
	struct stat st;

	if (sandbox_host2(c, SYS_fstatfs, fd, (uintptr_t)&fs))
		return true;
	if (fs.f_flags & ST_RDONLY)
		return false;
	/* its owner may write as soon as it wants to */
	return sandbox_host2(c, SYS_fstat, fd, (uintptr_t)&st) ||
	       (long)st.st_uid == sandbox_host1(c, SYS_geteuid, 0) ||
	       sandbox_host4(c, SYS_faccessat2, fd, (uintptr_t)itself, 2 /* W_OK */,
			     AT_EMPTY_PATH | AT_EACCESS) != -EACCES;
}

/* Where there are other threads, what is looked at is held by a descriptor that they cannot change. */
static int map_code(struct sandbox_call *c)
{
	uint64_t fd = (uint32_t)c->args[4];
	bool shared = __atomic_load_n(&sandbox_fds_shared, __ATOMIC_SEQ_CST);
	long ret = 0;
	int what;

	if (shared) {
		uint64_t slot = (uint64_t)sandbox_slot_take(c);

		ret = sandbox_host4(c, SYS_dup3, fd, slot, O_CLOEXEC, 0);
		fd = slot;
	}
	if (ret < 0)
		what = sandbox_done(c, ret);
	else if (can_write(c, fd))
		what = deny_jit(c, "executable, and of a file that the program can write to");
	else if (shared)
		what = sandbox_done(c, sandbox_host(c, SYS_mmap, c->args[0], c->args[1], c->args[2], c->args[3], fd,
						    c->args[5]));
	else
		what = SANDBOX_PASS;
	if (shared)
		sandbox_slot_give(c->thread);
	return what;
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
	return map_code(c);
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
