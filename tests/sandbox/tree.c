// SPDX-License-Identifier: GPL-2.0
#include "tree.h"
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tap.h"

struct file {
	char *path;
	struct stat st;
	uint64_t content;
};

struct tree {
	struct file *files;
	unsigned int count;
};

static struct tree *reading;
static const char *const *left_out;

static uint64_t mix(uint64_t sum, const char *bytes, ssize_t n)
{
	for (ssize_t i = 0; i < n; i++)
		sum = (sum ^ (unsigned char)bytes[i]) * 0x100000001b3;
	return sum;
}

static uint64_t content_of(const char *path, mode_t mode)
{
	static char bytes[65536];
	uint64_t sum = 0xcbf29ce484222325;
	ssize_t n;
	int fd;

	if (S_ISLNK(mode))
		return mix(sum, bytes, readlink(path, bytes, sizeof(bytes)));
	if (!S_ISREG(mode))
		return 0;
	fd = open(path, O_RDONLY | O_NOATIME);
	if (fd < 0)
		return 1;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		sum = mix(sum, bytes, n);
	close(fd);
	return sum;
}

static int is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

static int is_left_out(const char *path)
{
	static const char *const always[] = { "/proc", "/sys", NULL };

	for (const char *const *dir = always; *dir; dir++)
		if (is_below(path, *dir))
			return 1;
	for (const char *const *dir = left_out; *dir; dir++)
		if (is_below(path, *dir))
			return 1;
	return 0;
}

static int add(const char *path, const struct stat *st, int type, struct FTW *where)
{
	struct file *f;

	if (is_left_out(path))
		return FTW_SKIP_SUBTREE;
	if (!(reading->count & (reading->count - 1)))
		reading->files = realloc(reading->files, (2 * reading->count + 1) * sizeof(*reading->files));
	if (!reading->files)
		bail("no memory");
	f = &reading->files[reading->count++];
	*f = (struct file){ .path = strdup(path), .st = *st, .content = content_of(path, st->st_mode) };
	return FTW_CONTINUE;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

struct tree *tree_read(const char *const *without)
{
	reading = calloc(1, sizeof(*reading));
	left_out = without;
	if (!reading || nftw("/", add, 64, FTW_PHYS | FTW_ACTIONRETVAL))
		bail("the tree cannot be read");
	qsort(reading->files, reading->count, sizeof(*reading->files), by_path);
	return reading;
}

unsigned int tree_count(const struct tree *t)
{
	return t->count;
}

static int same_time(const struct stat *a, const struct stat *b)
{
	return S_ISCHR(a->st_mode) || (a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec);
}

static int differ(const struct file *a, const struct file *b)
{
	return a->st.st_ino != b->st.st_ino || a->st.st_mode != b->st.st_mode || a->st.st_uid != b->st.st_uid ||
	       a->st.st_gid != b->st.st_gid || a->st.st_size != b->st.st_size || a->st.st_nlink != b->st.st_nlink ||
	       !same_time(&a->st, &b->st) || a->content != b->content;
}

unsigned int tree_compare(const struct tree *before, const struct tree *after)
{
	unsigned int i = 0, j = 0, bad = 0;

	while (i < before->count || j < after->count) {
		const struct file *a = i < before->count ? &before->files[i] : NULL;
		const struct file *b = j < after->count ? &after->files[j] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->path, b->path);

		if (order || differ(a, b)) {
			bad++;
			diag("%s %s", order < 0 ? "gone:" : order ? "new:" : "changed:", order > 0 ? b->path : a->path);
			if (!order)
				diag("  mode %o, then %o; user %u, %u; size %ld, %ld; links %lu, %lu; time %ld, %ld",
				     a->st.st_mode, b->st.st_mode, a->st.st_uid, b->st.st_uid, a->st.st_size, b->st.st_size,
				     a->st.st_nlink, b->st.st_nlink, a->st.st_mtim.tv_sec, b->st.st_mtim.tv_sec);
		}
		i += order <= 0;
		j += order >= 0;
	}
	return bad;
}
