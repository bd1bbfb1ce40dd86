/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System calls and copies for handlers: no libc, no vector registers, no errno. */
#ifndef LIBDUNE_PLUGIN_RAW_H
#define LIBDUNE_PLUGIN_RAW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

static inline long sys(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;

	__asm__ volatile("syscall" : "+a"(number)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return number;
}

static inline void copy_bytes(void *to, const void *from, size_t len)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
}

static inline void clear_bytes(void *to, size_t len)
{
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(len) : "a"(0) : "memory");
}

#endif /* LIBDUNE_PLUGIN_RAW_H */
