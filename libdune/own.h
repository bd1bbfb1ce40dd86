/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the library's own mappings go. Usually: where Linux likes.
 *
 * For a program in ring 3 that ring 0 must be safe from, all of them are in one part of the
 * address space, so that it is easily told whether an address is the library's:
 *
 *	start, a multiple of a GiB			   end, likewise
 *	| guard | image, stack | mappings, upwards ... | guard |
 *	        low			next		high
 *
 * It is reserved as a whole, without rights, and stays so for the process's life: Linux maps
 * nothing else in it. The guards have no rights ever; what begins outside, and is smaller than a
 * guard, cannot reach what is inside.
 */
#ifndef LIBDUNE_OWN_H
#define LIBDUNE_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DUNE_OWN_GUARD	0x200000UL

struct dune_own {
	uintptr_t start, end;
	uintptr_t next;
};

/* @end is 0 where there is no such part. Set once, before anything is mapped. */
extern struct dune_own dune_own;

/* Is ring 0 to be safe from the program? */
static inline bool dune_confined(void)
{
	return __builtin_expect(dune_own.end != 0, 0);
}

/* Has [@at, @at + @size) an address of the library's, or does it wrap? 0 bytes have none, but at an address of its. */
static inline bool dune_is_own(uintptr_t at, size_t size)
{
	uintptr_t last = at + (size ? size - 1 : 0);

	return last < at || (at < dune_own.end && last >= dune_own.start);
}

/* As mmap() of @length bytes at a multiple of @align, a power of 2 or 0, and munmap(). */
long dune_own_map(size_t length, size_t align, int prot, int flags, int fd, long offset);
void dune_own_unmap(void *at, size_t length);

#endif /* LIBDUNE_OWN_H */
