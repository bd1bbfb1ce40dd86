// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Files: read only, and only those that the policy names. A path is followed by Linux first, and
 * then it is where it led to that is looked at; what is opened is that, not the path again.
 */
#define _GNU_SOURCE
#include "plugin.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "raw.h"

#define FIRST_FILE	3

static const char *const system_libraries[] = {
	"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", NULL,
};

/* Is @path this file, or below this directory? */
static bool is_under(const char *path, const char *allowed)
{
	size_t i;

	for (i = 0; allowed[i]; i++)
		if (path[i] != allowed[i])
			return false;
	return !path[i] || path[i] == '/';
}

static bool is_in(const char *path, const char *const *list)
{
	for (; list && *list; list++)
		if (is_under(path, *list))
			return true;
	return false;
}

static bool is_allowed(const struct dune_plugin *p, const char *path)
{
	return path[0] == '/' && (is_under(path, p->path) || is_in(path, system_libraries) ||
				  is_in(path, p->policy.read));
}

/* "/proc/self/fd/N" */
static void name_of(char *name, int fd)
{
	static const char prefix[] = "/proc/self/fd/";
	char digits[12];
	size_t n = sizeof(prefix) - 1, i = 0;

	copy_bytes(name, prefix, n);
	do {
		digits[i++] = '0' + fd % 10;
		fd /= 10;
	} while (fd);
	while (i)
		name[n++] = digits[--i];
	name[n] = 0;
}

static long open_real(const struct dune_plugin *p, int there, char *path)
{
	char name[32];
	struct stat st;
	long n;

	name_of(name, there);
	n = sys(SYS_readlink, (long)name, (long)path, 4095, 0, 0, 0);
	if (n < 0)
		return n;
	path[n] = 0;
	if (!is_allowed(p, path))
		return -EACCES;
	n = sys(SYS_fstat, there, (long)&st, 0, 0, 0, 0);
	if (n < 0)
		return n;
	/* Never a device, nor a FIFO to wait for. */
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return sys(SYS_open, (long)name, O_RDONLY | O_CLOEXEC, 0, 0, 0, 0);
}

static int free_place(const struct dune_plugin *p)
{
	int i;

	for (i = 0; i < FILES; i++)
		if (p->file[i] < 0)
			return i;
	return -EMFILE;
}

/* @path is a buffer of 4096 bytes, which this changes. */
long plugin_file_open(struct dune_plugin *p, char *path, int flags)
{
	int place = free_place(p);
	long there, fd;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_LARGEFILE | O_NOCTTY))
		return -EACCES;
	if (place < 0)
		return place;
	if (path[0] != '/')
		return -EACCES;
	there = sys(SYS_open, (long)path, O_PATH | O_CLOEXEC, 0, 0, 0, 0);
	/* What is there and what is not is told only where it may look. */
	if (there < 0)
		return is_allowed(p, path) ? there : -ENOENT;
	fd = open_real(p, there, path);
	sys(SYS_close, there, 0, 0, 0, 0, 0);
	if (fd < 0)
		return fd == -EACCES ? -ENOENT : fd;
	p->file[place] = fd;
	return place + FIRST_FILE;
}

int plugin_file(const struct dune_plugin *p, uint64_t fd)
{
	return fd >= FIRST_FILE && fd < FIRST_FILE + FILES ? p->file[fd - FIRST_FILE] : -1;
}

long plugin_file_close(struct dune_plugin *p, uint64_t fd)
{
	int host = plugin_file(p, fd);

	if (host < 0)
		return -EBADF;
	p->file[fd - FIRST_FILE] = -1;
	return sys(SYS_close, host, 0, 0, 0, 0, 0);
}

void plugin_files_close(struct dune_plugin *p)
{
	unsigned int fd;

	for (fd = FIRST_FILE; fd < FIRST_FILE + FILES; fd++)
		plugin_file_close(p, fd);
}
