// SPDX-License-Identifier: GPL-2.0
/*
 * The root of the sandbox.
 *
 *	the host's paths --open_tree--> copies of mounts, attached nowhere     root_take()
 *	an empty tmpfs  --pivot_root--> /; the host's mounts are let go        root_make()
 *	the copies      --move_mount--> their places in it
 *
 * Places are made only when the host's paths are gone: a symbolic link in something that is
 * bound cannot lead out.
 */
#include "root.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "say.h"

/* ---- the calls --------------------------------------------------------------------------- */

/* Linux before 5.12 has no mount_setattr(). */
static bool old_linux(void)
{
	return syscall(SYS_mount_setattr, -1, NULL, 0, NULL, 0) && errno == ENOSYS;
}

/* With what is mounted below it; not on an old Linux, where that could not be restricted. */
static int copy_of(const char *path)
{
	return (int)syscall(SYS_open_tree, AT_FDCWD, path,
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (old_linux() ? 0 : AT_RECURSIVE));
}

/* What it has already stays: Linux does not let us take that away. */
static int restrict_old(const char *path, uint64_t attributes)
{
	struct statvfs fs;
	unsigned long flags;

	if (statvfs(path, &fs))
		return -1;
	/* These have the same values for all three calls. */
	flags = (fs.f_flag | attributes) & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
	flags |= fs.f_flag & ST_NOATIME ? MS_NOATIME : 0;
	flags |= fs.f_flag & ST_NODIRATIME ? MS_NODIRATIME : 0;
	flags |= fs.f_flag & ST_RELATIME ? MS_RELATIME : 0;
	return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags, NULL);
}

_Static_assert((int)MS_RDONLY == (int)ST_RDONLY && MS_RDONLY == MOUNT_ATTR_RDONLY &&
	       (int)MS_NOSUID == (int)ST_NOSUID && MS_NOSUID == MOUNT_ATTR_NOSUID &&
	       (int)MS_NODEV == (int)ST_NODEV && MS_NODEV == MOUNT_ATTR_NODEV &&
	       (int)MS_NOEXEC == (int)ST_NOEXEC && MS_NOEXEC == MOUNT_ATTR_NOEXEC, "the same values");

/* At path from dir: with what is below it, or alone. */
static int restrict_mount(int dir, const char *path, uint64_t attributes, bool below)
{
	struct mount_attr attr = { .attr_set = attributes };
	unsigned int flags = (*path ? 0 : AT_EMPTY_PATH) | (below ? AT_RECURSIVE : 0);

	return (int)syscall(SYS_mount_setattr, dir, path, flags, &attr, sizeof(attr));
}

/* Nobody is to fill memory through it; what is mounted below it is another matter. */
static void make_read_only(const char *path)
{
	if (old_linux() ? restrict_old(path, MOUNT_ATTR_RDONLY) :
			  restrict_mount(AT_FDCWD, path, MOUNT_ATTR_RDONLY, false))
		fail(EXIT_FAILED, "%s: cannot be made read-only: %m", path);
}

/* Attach it there, restricted: before, so that nothing can come between, where Linux can do that. */
static void put(int fd, const char *to, uint64_t attributes)
{
	bool old = attributes && old_linux();

	if (attributes && !old && restrict_mount(fd, "", attributes, true))
		fail(EXIT_FAILED, "%s: what is mounted there cannot be restricted: %m", to);
	if (syscall(SYS_move_mount, fd, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH))
		fail(EXIT_FAILED, "%s: cannot be mounted there: %m", to);
	if (old && restrict_old(to, attributes))
		fail(EXIT_FAILED, "%s: what is mounted there cannot be restricted: %m", to);
	close(fd);
}

/* ---- what is taken ------------------------------------------------------------------------- */

static bool is_bind(enum rule_kind kind)
{
	return kind == RULE_BIND || kind == RULE_RO_BIND;
}

/* What --dev binds, in the order in which it is taken. */
static const char *const devices[] = { "null", "zero", "full", "random", "urandom", "tty" };
#define DEVICES	(sizeof(devices) / sizeof(*devices))

static int device[DEVICES];

static void take_devices(void)
{
	for (size_t i = 0; i < DEVICES; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/dev/%s", devices[i]);
		device[i] = copy_of(path);
		if (device[i] < 0 && errno != ENOENT)
			fail(EXIT_FAILED, "%s: cannot be bound: %m", path);
	}
}

static const char *why_not_bound(int err)
{
	if (err == ENOENT)
		return "it is not there";
	if (err == EINVAL && old_linux())
		return "something is mounted below it, which needs Linux 5.12";
	return strerror(err);
}

static int take(const struct path_rule *rule)
{
	int fd = copy_of(rule->from);

	if (fd < 0 && !(errno == ENOENT && rule->may_miss))
		fail(EXIT_FAILED, "%s: cannot be bound: %s", rule->from, why_not_bound(errno));
	return fd;
}

/*
 * A new /proc may be mounted only while the host's can be seen, so that nobody sees more in the
 * new one. Read-only: of much that is in it the mode and owner are the same in every /proc, and a sandbox
 * that root starts is their owner.
 */
static int take_proc(const char *to)
{
	int fs = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC), fd = -1;

	if (fs >= 0 && !syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
				  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (fd < 0)
		fail(EXIT_FAILED, "%s: no /proc can be mounted there: %s", to, errno == EPERM ?
		     "parts of the host's own are covered, as in a container; give what is needed by "
		     "--ro-bind and --dev, without --proc and --sys" : strerror(errno));
	close(fs);
	return fd;
}

int *root_take(const struct options *o)
{
	int *taken = need_memory(calloc(o->rule_count + 1, sizeof(*taken)));

	/* What happens here stays here. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		fail(EXIT_FAILED, "the mounts cannot be made private: %m");
	for (size_t i = 0; i < o->rule_count; i++) {
		taken[i] = -1;
		if (is_bind(o->rules[i].kind))
			taken[i] = take(&o->rules[i]);
		else if (o->rules[i].kind == RULE_PROC)
			taken[i] = take_proc(o->rules[i].to);
		else if (o->rules[i].kind == RULE_DEV)
			take_devices();
	}
	return taken;
}

int root_hold(const char *path, int flags)
{
	int fd = copy_of(path), held;

	if (fd < 0)
		fail(EXIT_FAILED, "%s: cannot be held for the monitor: %m", path);
	put(fd, path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
	held = open(path, flags | O_CLOEXEC);
	if (held < 0 || umount2(path, MNT_DETACH))
		fail(EXIT_FAILED, "%s: cannot be held for the monitor: %m", path);
	return held;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* A directory at path, and those above it. */
static int make_directory(const char *path)
{
	char *copy = need_memory(strdup(path));
	int err = 0;

	for (char *p = copy + 1; !err && *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		err = mkdir(copy, 0755) && errno != EEXIST ? errno : 0;
		*p = '/';
	}
	if (!err && mkdir(path, 0755) && errno != EEXIST)
		err = errno;
	free(copy);
	return err;
}

static int make_parents(const char *path)
{
	char *copy = need_memory(strdup(path)), *slash = strrchr(copy, '/');
	int err = 0;

	if (slash && slash != copy) {
		*slash = 0;
		err = make_directory(copy);
	}
	free(copy);
	return err;
}

static int make_file(const char *path)
{
	int err = make_parents(path), fd;
	struct stat st;

	if (err || !stat(path, &st))
		return err;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	err = fd < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	return err;
}

static void need_place(const char *path, int err)
{
	if (err)
		fail(EXIT_FAILED, "%s: there is no such place in the sandbox, and it cannot be made: %s "
		     "(what is mounted above it is read-only?)", path, strerror(err));
}

/* ---- what is new -------------------------------------------------------------------------------- */

static void put_tmpfs(const struct options *o, const char *to, const char *mode)
{
	char data[64];

	need_place(to, make_directory(to));
	snprintf(data, sizeof(data), "mode=%s", mode);
	if (o->memory)
		snprintf(data + strlen(data), sizeof(data) - strlen(data), ",size=%llu",
			 (unsigned long long)o->memory);
	if (mount("tmpfs", to, "tmpfs", MS_NOSUID | MS_NODEV, data))
		fail(EXIT_FAILED, "%s: no tmpfs can be mounted there: %m", to);
}

static void put_proc(int fd, const char *to)
{
	need_place(to, make_directory(to));
	put(fd, to, 0);
}

static void put_link(const char *target, const char *to)
{
	need_place(to, make_parents(to));
	if (symlink(target, to))
		fail(EXIT_FAILED, "%s: the link cannot be made: %m", to);
}

static void put_device(const char *dir, size_t i)
{
	char path[4096];

	if (device[i] < 0)
		return;
	snprintf(path, sizeof(path), "%s/%s", dir, devices[i]);
	need_place(path, make_file(path));
	/* it can be written to all the same, but not its mode or owner */
	put(device[i], path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

static void put_dev(const struct options *o, const char *to)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "fd" }, { "/proc/self/fd/0", "stdin" },
		{ "/proc/self/fd/1", "stdout" }, { "/proc/self/fd/2", "stderr" }, { "pts/ptmx", "ptmx" },
	};
	char path[4096];

	if (strlen(to) > sizeof(path) - 32)
		fail(EXIT_FAILED, "%s: %s", to, strerror(ENAMETOOLONG));
	put_tmpfs(o, to, "0755");
	for (size_t i = 0; i < DEVICES; i++)
		put_device(to, i);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		snprintf(path, sizeof(path), "%s/%s", to, links[i][1]);
		put_link(links[i][0], path);
	}
	snprintf(path, sizeof(path), "%s/shm", to);
	put_tmpfs(o, path, "1777");
	snprintf(path, sizeof(path), "%s/pts", to);
	need_place(path, make_directory(path));
	if (mount("devpts", path, "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"))
		fail(EXIT_FAILED, "%s: no terminals can be mounted there: %m", path);
	make_read_only(to);
}

static void put_bind(int fd, const char *to, enum rule_kind kind)
{
	uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	struct stat st;

	if (fd < 0)
		return;		/* it was allowed to miss */
	if (kind == RULE_RO_BIND)
		attributes |= MOUNT_ATTR_RDONLY;
	if (fstat(fd, &st))
		fail(EXIT_FAILED, "%s: %m", to);
	need_place(to, S_ISDIR(st.st_mode) ? make_directory(to) : make_file(to));
	put(fd, to, attributes);
}

/* ---- the root --------------------------------------------------------------------------------------- */

/* A tmpfs that is mounted nowhere yet. */
static int new_tmpfs(void)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), fd;

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0755", 0) ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fail(EXIT_FAILED, "the sandbox's root cannot be made: %s",
		     errno == ENOSYS ? "this needs Linux 5.2" : strerror(errno));
	fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (fd < 0)
		fail(EXIT_FAILED, "the sandbox's root cannot be mounted: %m");
	close(fs);
	return fd;
}

/*
 * The first file system of Linux, the initramfs, cannot be changed for another. There, the
 * program's root is the new one, and what keeps it in is that it has no right to chroot.
 */
static void leave_initramfs(void)
{
	if (chroot("."))
		fail(EXIT_FAILED, "the root cannot be changed: %m");
}

/* The new root lies above the old one, changes places with it, and the old one is let go. */
static void change_root(void)
{
	int fd = new_tmpfs();

	if (syscall(SYS_move_mount, fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) || fchdir(fd))
		fail(EXIT_FAILED, "the sandbox's root cannot be mounted: %m");
	close(fd);
	if (!syscall(SYS_pivot_root, ".", ".")) {
		if (umount2(".", MNT_DETACH))
			fail(EXIT_FAILED, "the host's root cannot be let go: %m");
	} else if (errno == EINVAL) {
		leave_initramfs();
	} else {
		fail(EXIT_FAILED, "the root cannot be changed: %m");
	}
	if (chdir("/"))
		fail(EXIT_FAILED, "the sandbox's root cannot be entered: %m");
}

void root_make(const struct options *o, const int *taken)
{
	mode_t mask = umask(022);

	change_root();
	for (size_t i = 0; i < o->rule_count; i++) {
		const struct path_rule *rule = &o->rules[i];

		switch (rule->kind) {
		case RULE_BIND:
		case RULE_RO_BIND:
			put_bind(taken[i], rule->to, rule->kind);
			break;
		case RULE_TMPFS:
			put_tmpfs(o, rule->to, "1777");
			break;
		case RULE_PROC:
			put_proc(taken[i], rule->to);
			break;
		case RULE_DEV:
			put_dev(o, rule->to);
			break;
		case RULE_SYMLINK:
			put_link(rule->from, rule->to);
		}
	}
	make_read_only("/");
	umask(mask);
}
