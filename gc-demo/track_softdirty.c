// SPDX-License-Identifier: GPL-2.0
/*
 * Linux's soft-dirty bits: /proc/self/clear_refs clears those of the whole process, and
 * /proc/self/pagemap shows them. Reading and clearing are two steps, so while threads run the
 * bits cannot be taken and cleared without losing one.
 */
#include "track.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE		4096UL
#define SOFT_DIRTY	(1ULL << 55)
#define ENTRIES		512

static int clear_fd = -1, map_fd = -1;

static bool opened(void)
{
	close(clear_fd);
	close(map_fd);
	clear_fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	map_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	return clear_fd >= 0 && map_fd >= 0;
}

static bool is_dirty(const volatile char *p)
{
	uint64_t e = 0;

	return pread(map_fd, &e, 8, (uintptr_t)p / PAGE * 8) == 8 && e & SOFT_DIRTY;
}

static bool clear(void)
{
	return write(clear_fd, "4", 1) == 1;
}

/* A kernel without CONFIG_MEM_SOFT_DIRTY takes the 4 and has no bits. */
static const char *init(void)
{
	volatile char *p;
	bool before, after;

	if (!opened())
		return strerror(errno);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return strerror(errno);
	*p = 1;
	clear();
	before = is_dirty(p);
	*p = 2;
	after = is_dirty(p);
	munmap((void *)p, PAGE);
	return !before && after ? NULL : "this kernel has no soft-dirty bits (CONFIG_MEM_SOFT_DIRTY)";
}

static void after_fork(void)
{
	opened();
}

static void arm(uintptr_t start, size_t len)
{
	clear();
}

static void collect(uintptr_t start, size_t len, bool rearm, track_fn fn)
{
	uint64_t e[ENTRIES];

	for (uintptr_t p = start; p < start + len; p += ENTRIES * PAGE) {
		ssize_t n = pread(map_fd, e, sizeof(e), p / PAGE * 8) / 8;

		/* What cannot be read is taken for dirty. */
		for (ssize_t i = 0; i < ENTRIES && p + i * PAGE < start + len; i++)
			if (i >= n || e[i] & SOFT_DIRTY)
				fn(p + i * PAGE);
	}
	if (rearm)
		clear();
}

const struct track track_softdirty = {
	.name = "softdirty", .concurrent = true, .init = init, .arm = arm, .collect = collect,
	.after_fork = after_fork,
};
