// SPDX-License-Identifier: GPL-2.0
/* To and from the program's memory. */
#include "monitor.h"

/* What is looked at of a string at once. Most paths are shorter, and what is copied behind one is for nothing. */
#define PIECE	128UL

/* Ring 0 could touch its own memory, and an address that is not canonical is no page fault. */
static bool is_touchable(uint64_t at, size_t size)
{
	return at < SANDBOX_USER_END && size <= SANDBOX_USER_END - at && sandbox_is_users(at, size);
}

int sandbox_copy_in(void *to, uint64_t from, size_t size)
{
	return is_touchable(from, size) ? sandbox_copy_raw(to, (const void *)from, size) : -EFAULT;
}

int sandbox_copy_out(uint64_t to, const void *from, size_t size)
{
	return is_touchable(to, size) ? sandbox_copy_raw((void *)to, from, size) : -EFAULT;
}

/* In pieces that lie in one page each: what is behind it may not be there. */
long sandbox_string_in(char *to, uint64_t from, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t n = PIECE - (from + done) % PIECE, i;

		if (n > size - done)
			n = size - done;
		if (sandbox_copy_in(to + done, from + done, n))
			return -EFAULT;
		for (i = 0; i < n; i++)
			if (!to[done + i])
				return (long)(done + i);
		done += n;
	}
	return -ENAMETOOLONG;
}
