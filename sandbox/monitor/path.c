// SPDX-License-Identifier: GPL-2.0
/*
 * Opening files. What the program may see is the mount namespace's affair. Here:
 *
 *	- no link of /proc leads anywhere (RESOLVE_NO_MAGICLINKS). The program's own descriptors by their
 *	  names, /dev/stdin or /dev/fd/N, are made by dup()
 *	- nothing in a /proc is opened for writing: there is /proc/PID/mem among it
 *	- not /dev/dune
 *
 * truncate() is an open, too: else it would write to what /proc/self/fd/0 leads to, which may have been
 * given to be read only. Other calls by path cannot do more by such a link than by the descriptor itself, and
 * directories of the host are behind none of them: docs/sandbox.md, "Paths".
 *
 * What was opened is looked at, not its name, which is not what counts. But another thread could use the
 * descriptor before that. So where there are threads a file that is to be written to is opened from its directory,
 * which is held by a descriptor that only the monitor can name:
 *
 *	"a/b/c"  -->  slot = "a/b" (O_PATH)  -->  is it in a /proc?  -->  "c" from there, no link
 *	   ^                                                                   |
 *	   '-------------------- what the link says <-- it is one -------------'
 */
#include "monitor.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define PATH_BYTES	4096
#define OPEN_FLAGS	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | \
			 O_SYNC | O_ASYNC | O_DIRECT | 0100000 /* O_LARGEFILE */ | O_DIRECTORY | O_NOFOLLOW | \
			 O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE)
#define OPATH_FLAGS	(O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)
#define TMPFILE_ONLY	(O_TMPFILE & ~O_DIRECTORY)

static const char *after(const char *path, const char *prefix)
{
	while (*prefix)
		if (*path++ != *prefix++)
			return NULL;
	return path;
}

static bool same(const char *a, const char *b)
{
	const char *rest = after(a, b);

	return rest && !*rest;
}

/* -1 if it is no number, or none of a descriptor. */
static int number(const char *s)
{
	int value = 0, digits = 0;

	for (; *s >= '0' && *s <= '9' && digits < 9; digits++)
		value = value * 10 + *s++ - '0';
	return digits && !*s ? value : -1;
}

/* The descriptor that the path names by its number, or -1. */
static int named_descriptor(const char *path)
{
	static const char *const dirs[] = { "/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/" };
	static const char *const names[] = { "/dev/stdin", "/dev/stdout", "/dev/stderr" };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		const char *rest = after(path, dirs[i]);

		if (rest && number(rest) >= 0)
			return number(rest);
		if (same(path, names[i]))
			return (int)i;
	}
	return -1;
}

static int duplicate(struct sandbox_call *c, int fd, uint64_t flags)
{
	if (sandbox_fd_is_own((uint64_t)fd))
		return sandbox_deny(c, SANDBOX_BY_DESCRIPTOR, ENOENT, NULL);
	return sandbox_done(c, sandbox_host4(c, SYS_fcntl, (uint64_t)fd, flags & O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD,
					     0, 0));
}

/* By its name, for a better message: what it is decides below. */
static bool is_memory(const char *path)
{
	const char *last = path, *p;

	if (!after(path, "/proc/"))
		return false;
	for (p = path; *p; p++)
		if (*p == '/')
			last = p + 1;
	return same(last, "mem");
}

static bool is_in_proc(struct sandbox_call *c, long fd)
{
	struct statfs fs;

	return sandbox_host2(c, SYS_fstatfs, (uint64_t)fd, (uintptr_t)&fs) || fs.f_type == PROC_SUPER_MAGIC;
}

static bool writes(uint64_t flags)
{
	return !(flags & O_PATH) && ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC);
}

static int deny_proc(struct sandbox_call *c, const char *path)
{
	return sandbox_deny(c, SANDBOX_BY_PATH, EACCES, path);
}

static int opened(struct sandbox_call *c, long fd)
{
	if (fd >= 0 && sandbox_fd_is_own((uint64_t)fd)) {
		sandbox_host1(c, SYS_close, (uint64_t)fd);
		fd = -EMFILE;
	}
	return sandbox_done(c, fd);
}

static long openat2(struct sandbox_call *c, int dir, const char *path, const struct open_how *how)
{
	return sandbox_host4(c, SYS_openat2, (uint64_t)dir, (uintptr_t)path, (uintptr_t)how, sizeof(*how));
}

static int open_path(struct sandbox_call *c, int dir, const char *path, const struct open_how *how)
{
	long fd = openat2(c, dir, path, how);

	if (fd >= 0 && writes(how->flags) && is_in_proc(c, fd)) {
		sandbox_host1(c, SYS_close, (uint64_t)fd);
		return deny_proc(c, path);
	}
	return opened(c, fd);
}

/* ---- From its directory ------------------------------------------------------------ */

bool sandbox_fds_shared;

static struct dune_thread *slots[SANDBOX_SLOTS];

void sandbox_slot_give(struct dune_thread *t)
{
	struct dune_thread *mine = t;

	__atomic_compare_exchange_n(&slots[t->slot - 1], &mine, NULL, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
	t->slot = 0;
}

/* The other threads of a process that forked are not in its child. */
static bool is_free(const struct dune_thread *owner)
{
	return !owner || !owner->has_vcpu;
}

int sandbox_slot_take(struct sandbox_call *c)
{
	for (;;) {
		int i;

		for (i = 0; i < SANDBOX_SLOTS; i++) {
			struct dune_thread *owner = __atomic_load_n(&slots[i], __ATOMIC_ACQUIRE);

			if (!is_free(owner) || !__atomic_compare_exchange_n(&slots[i], &owner, c->thread, false,
									     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				continue;
			c->thread->slot = i + 1;
			return sandbox_fd_own() + i;
		}
		sandbox_host1(c, SYS_sched_yield, 0);
	}
}

/* Cut off the last part, which is returned; NULL if it can only be a directory. */
static const char *last_part(char *path)
{
	char *last = NULL, *p;

	for (p = path; *p; p++)
		if (*p == '/')
			last = p;
	p = last ? last + 1 : path;
	return !*p || same(p, ".") || same(p, "..") ? NULL : p;
}

/* The slot is the directory of @path then. */
static long hold_directory(struct sandbox_call *c, int slot, int dir, char *path, const char *last)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
	char parent[PATH_BYTES];
	size_t n = (size_t)(last - path), i;
	long fd, ret;

	for (i = 0; i < n; i++)
		parent[i] = path[i];
	parent[n] = 0;
	fd = openat2(c, dir, n ? parent : ".", &how);
	if (fd < 0)
		return fd;
	ret = sandbox_host4(c, SYS_dup3, (uint64_t)fd, (uint64_t)slot, O_CLOEXEC, 0);
	sandbox_host1(c, SYS_close, (uint64_t)fd);
	return ret;
}

#define LINKS_MAX	40

static int open_from_directory(struct sandbox_call *c, int dir, char *path, const struct open_how *how)
{
	struct open_how here = *how;
	int slot = sandbox_slot_take(c), links;

	here.flags |= O_NOFOLLOW;
	for (links = 0; links < LINKS_MAX; links++) {
		const char *last = last_part(path);
		char link[PATH_BYTES];
		long ret;

		/* no directory is written to */
		if (!last)
			return sandbox_done(c, -EISDIR);
		ret = hold_directory(c, slot, dir, path, last);
		if (ret < 0)
			return sandbox_done(c, ret);
		if (is_in_proc(c, slot))
			return deny_proc(c, path);
		ret = openat2(c, slot, last, &here);
		if (ret != -ELOOP || how->flags & O_NOFOLLOW)
			return opened(c, ret);
		ret = sandbox_host4(c, SYS_readlinkat, (uint64_t)slot, (uintptr_t)last, (uintptr_t)link,
				    sizeof(link) - 1);
		/* it may be no link any more */
		if (ret < 0 && ret != -EINVAL)
			return sandbox_done(c, ret);
		if (ret < 0)
			continue;
		link[ret] = 0;
		__builtin_memcpy(path, link, (size_t)ret + 1);
		dir = slot;
	}
	return sandbox_done(c, -ELOOP);
}

static int open_to_write(struct sandbox_call *c, int dir, char *path, const struct open_how *how)
{
	int what;

	if (how->resolve & ~(uint64_t)RESOLVE_NO_MAGICLINKS)
		return sandbox_deny(c, SANDBOX_BY_ARGUMENT, ENOSYS, "openat2() for writing, in a thread, with RESOLVE_*");
	what = open_from_directory(c, dir, path, how);
	sandbox_slot_give(c->thread);
	return what;
}

static int open_user_path(struct sandbox_call *c, int dir, uint64_t user_path, struct open_how *how)
{
	char path[PATH_BYTES];
	long length = sandbox_string_in(path, user_path, sizeof(path));
	int fd;

	if (length < 0)
		return sandbox_done(c, length);
	fd = named_descriptor(path);
	if (fd >= 0)
		return duplicate(c, fd, how->flags);
	if (is_memory(path) || same(path, "/dev/dune"))
		return sandbox_deny(c, SANDBOX_BY_PATH, EACCES, path);
	how->resolve |= RESOLVE_NO_MAGICLINKS;
	/* a file without a name is in no /proc */
	if (!__atomic_load_n(&sandbox_fds_shared, __ATOMIC_SEQ_CST) || !writes(how->flags) || how->flags & TMPFILE_ONLY)
		return open_path(c, dir, path, how);
	return open_to_write(c, dir, path, how);
}

/* What open() takes and openat2() would refuse. */
static struct open_how how_of(uint64_t flags, uint64_t mode)
{
	struct open_how how = { .flags = flags & OPEN_FLAGS };

	if (how.flags & O_PATH)
		how.flags &= OPATH_FLAGS;
	if (how.flags & (O_CREAT | TMPFILE_ONLY))
		how.mode = mode & 07777;
	return how;
}

int sandbox_open(struct sandbox_call *c)
{
	struct open_how how = how_of(c->args[1], c->args[2]);

	return open_user_path(c, AT_FDCWD, c->args[0], &how);
}

int sandbox_creat(struct sandbox_call *c)
{
	struct open_how how = how_of(O_CREAT | O_WRONLY | O_TRUNC, c->args[1]);

	return open_user_path(c, AT_FDCWD, c->args[0], &how);
}

int sandbox_openat(struct sandbox_call *c)
{
	struct open_how how = how_of(c->args[2], c->args[3]);

	return open_user_path(c, (int)c->args[0], c->args[1], &how);
}

int sandbox_truncate(struct sandbox_call *c)
{
	struct open_how how = { .flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };
	uint64_t fd, length = c->args[1];
	long ret;

	if ((int64_t)length < 0)
		return sandbox_done(c, -EINVAL);
	open_user_path(c, AT_FDCWD, c->args[0], &how);
	fd = c->trap->rax;
	if ((int64_t)fd < 0)
		return SANDBOX_DONE;
	ret = sandbox_host2(c, SYS_ftruncate, fd, length);
	sandbox_host1(c, SYS_close, fd);
	return sandbox_done(c, ret);
}

/* A larger struct could ask for what we do not know. */
int sandbox_openat2(struct sandbox_call *c)
{
	struct open_how how;

	if (c->args[3] != sizeof(how))
		return sandbox_done(c, c->args[3] < sizeof(how) ? -EINVAL : -E2BIG);
	if (sandbox_copy_in(&how, c->args[2], sizeof(how)))
		return sandbox_done(c, -EFAULT);
	return open_user_path(c, (int)c->args[0], c->args[1], &how);
}

/* Devices are the mount namespace's to give. */
static int make_node(struct sandbox_call *c, uint64_t mode)
{
	if ((mode & S_IFMT) == S_IFCHR || (mode & S_IFMT) == S_IFBLK)
		return sandbox_deny(c, SANDBOX_BY_ARGUMENT, EPERM, "a device");
	return SANDBOX_PASS;
}

int sandbox_mknod(struct sandbox_call *c)
{
	return make_node(c, c->args[1]);
}

int sandbox_mknodat(struct sandbox_call *c)
{
	return make_node(c, c->args[2]);
}

long sandbox_path_look(struct sandbox_call *c, int dir, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };

	return sandbox_host4(c, SYS_openat2, (uint64_t)dir, (uintptr_t)path, (uintptr_t)&how, sizeof(how));
}
