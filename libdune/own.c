// SPDX-License-Identifier: LGPL-2.1-or-later
/* The library's own mappings: see own.h. */
#include "own.h"
#include <errno.h>
#include <sys/mman.h>
#include "raw.h"

#define PAGE_SIZE	4096UL

struct dune_own dune_own;

static uintptr_t up(uintptr_t value, size_t align)
{
	return (value + align - 1) & ~(align - 1);
}

/* Addresses that are used up are not used again; there are enough. */
static uintptr_t take(size_t length, size_t align)
{
	uintptr_t old = __atomic_load_n(&dune_own.next, __ATOMIC_RELAXED), at;

	do {
		at = up(old, align > PAGE_SIZE ? align : PAGE_SIZE);
		if (length > dune_own.end || at > dune_own.end - DUNE_OWN_GUARD - length)
			return 0;
	} while (!__atomic_compare_exchange_n(&dune_own.next, &old, at + up(length, PAGE_SIZE), false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return at;
}

/* More than is wanted, so that the part of it that is aligned is large enough. */
static long map_anywhere(size_t length, size_t align, int prot, int flags, int fd, long offset)
{
	uintptr_t start, at, end;
	long map;

	if (align <= PAGE_SIZE)
		return raw_mmap(NULL, length, prot, flags, fd, offset);
	map = raw_mmap(NULL, length + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw_failed(map))
		return map;
	start = map;
	at = up(start, align);
	end = start + length + align;
	if (at != start)
		raw_munmap((void *)start, at - start);
	if (at + length != end)
		raw_munmap((void *)(at + length), end - at - length);
	/* Only now with rights, so that strict overcommit counts it once. */
	map = raw_mmap((void *)at, length, prot, flags | MAP_FIXED, fd, offset);
	if (raw_failed(map))
		raw_munmap((void *)at, length);
	return map;
}

long dune_own_map(size_t length, size_t align, int prot, int flags, int fd, long offset)
{
	uintptr_t at;

	if (!dune_confined())
		return map_anywhere(length, align, prot, flags, fd, offset);
	at = take(length, align);
	return at ? raw_mmap((void *)at, length, prot, flags | MAP_FIXED, fd, offset) : -ENOMEM;
}

void dune_own_unmap(void *at, size_t length)
{
	if (!dune_confined())
		raw_munmap(at, length);
	else
		raw_mmap(at, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}
