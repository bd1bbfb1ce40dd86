// SPDX-License-Identifier: GPL-2.0
/* Linux's soft-dirty protocol, answered from the D bits of page tables: libgc_dirty.h. */
#include "libgc_dirty.h"
#include <dune/dune.h>
#include <gc/gc.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "bits.h"
#include "hook.h"
#include "notes.h"
#include "stats.h"

#define PAGE		4096UL
#define SIZE_2M		(2UL << 20)
#define PRESENT		(1ULL << 63)
#define SOFT_DIRTY	(1ULL << 55)
#define ANSWER		64	/* pages that one read() tells of at most */

struct libgc_dirty libgc_dirty;

/*
 * The bounds of its heap are not in libgc's headers, but its library has always exported them: with
 * them nothing has to be known of how it gets its memory.
 */
extern void *GC_least_plausible_heap_addr, *GC_greatest_plausible_heap_addr;

#define SPAN	(1UL << 32)	/* that the heap's pieces may lie apart */

static uintptr_t lo, hi;	/* what has entries of 4 KiB */
static struct notes_area *notes;
static uint8_t *dirty;		/* by page, from notes->lo on; NULL: this is not for us */
static bool taken;		/* the bits are in there, since they were cleared last */
static int map_fd = -1, clear_fd = -1;
static uint64_t map_offset;

const char *libgc_dirty_init(void)
{
	int err = dune_init();

	if (!err)
		err = dune_enter();
	return err ? strerror(-err) : NULL;
}

/* The heap grew, or this is the first time. What is new is dirty: it is split from dirty pages. */
static int follow_heap(void)
{
	uintptr_t start = (uintptr_t)GC_least_plausible_heap_addr & ~(SIZE_2M - 1);
	uintptr_t end = ((uintptr_t)GC_greatest_plausible_heap_addr + SIZE_2M - 1) & ~(SIZE_2M - 1);
	int err = 0;

	if (start < notes->lo || end > notes->hi)
		return -ENOSPC;
	for (uintptr_t p = start; p < end && !err; p += SIZE_2M)
		if (p < lo || p >= hi)
			err = bits_split(p, SIZE_2M);
	lo = start;
	hi = end;
	return err;
}

int libgc_dirty_start(void)
{
	size_t pages = SPAN / PAGE;
	uintptr_t first = ((uintptr_t)GC_least_plausible_heap_addr & ~(SIZE_2M - 1)) - SPAN / 2;
	uint8_t *bytes = mmap(NULL, 2 * pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int err;

	if (bytes == MAP_FAILED || notes_init())
		return -ENOMEM;
	notes = notes_watch(first, first + SPAN, bytes + pages);
	lo = hi = first;
	err = follow_heap() ?: dune_on_syscall(hook_syscall, DUNE_GENERAL_REGS | DUNE_SYSCALL_RING0);
	if (err)
		return err;
	dirty = bytes;
	GC_enable_incremental();
	/* nobody wrote all that was just split */
	libgc_dirty.pages = 0;
	/* A libgc that tracks in another way has not asked. */
	return libgc_dirty.clears ? 0 : -ENOTSUP;
}

/* Writes would be missed. Not by stdio: a stopped thread may have its lock. */
static void give_up(int err)
{
	char text[160];
	int n = snprintf(text, sizeof(text), "gc-libgc: libgc's heap, %p to %p, cannot be tracked: %s\n",
			 GC_least_plausible_heap_addr, GC_greatest_plausible_heap_addr, strerror(-err));

	if (syscall(SYS_write, STDERR_FILENO, text, n) == n)
		abort();
	_exit(1);
}

/* ---- What the two files say ---------------------------------------------------------- */

static size_t page_nr(uintptr_t p)
{
	return (p - notes->lo) / PAGE;
}

static void note(uintptr_t page)
{
	dirty[page_nr(page)] = 1;
	libgc_dirty.pages++;
}

/*
 * With the world stopped; libgc reads it all, and then clears it, before that goes on: so the bits may as well be cleared
 * now. What Linux wrote has no bit and is noted.
 */
static void take(void)
{
	int err = follow_heap();

	if (err)
		give_up(err);
	if (notes_collect(notes, dirty, page_nr(lo), page_nr(hi)))
		memset(dirty + page_nr(lo), 1, (hi - lo) / PAGE);
	bits_take(lo, hi - lo, true, note);
	taken = true;
}

/* Of what is not tracked nothing is known. */
static bool is_dirty(uintptr_t p)
{
	return p < lo || p >= hi || dirty[page_nr(p)];
}

static void answer_map(uint64_t *entry, size_t n)
{
	uint64_t t = ticks();

	if (!taken)
		take();
	for (size_t i = 0; i < n; i++) {
		bool set = is_dirty((map_offset / 8 + i) * PAGE);

		entry[i] = PRESENT | (set ? SOFT_DIRTY : 0);
	}
	map_offset += n * 8;
	libgc_dirty.ticks += ticks() - t;
}

static void answer_clear(void)
{
	uint64_t t = ticks();

	if (!taken)
		take();
	memset(dirty + page_nr(lo), 0, (hi - lo) / PAGE);
	taken = false;
	libgc_dirty.clears++;
	libgc_dirty.ticks += ticks() - t;
}

/* ---- The calls, in place of libc's --------------------------------------------------- */

static bool is_file(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return !strncmp(path, "/proc/", 6) && slash && !strcmp(slash + 1, name);
}

int open(const char *path, int flags, ...)
{
	va_list args;
	int mode, fd;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (dirty && is_file(path, "pagemap"))
		map_fd = fd;
	if (dirty && is_file(path, "clear_refs"))
		clear_fd = fd;
	return fd;
}

/* What open() is with _FORTIFY_SOURCE, as Debian has it. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return open(path, flags, 0);
}

off_t lseek(int fd, off_t offset, int whence)
{
	if (fd != map_fd || fd < 0)
		return syscall(SYS_lseek, fd, offset, whence);
	map_offset = offset;
	return offset;
}

ssize_t read(int fd, void *p, size_t n)
{
	if (fd != map_fd || fd < 0)
		return syscall(SYS_read, fd, p, n);
	/* It asks for as much as it has room for, and takes less. */
	n = n / 8 < ANSWER ? n / 8 : ANSWER;
	answer_map(p, n);
	return n * 8;
}

ssize_t write(int fd, const void *p, size_t n)
{
	if (fd != clear_fd || fd < 0)
		return syscall(SYS_write, fd, p, n);
	answer_clear();
	return n;
}
