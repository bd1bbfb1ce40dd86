/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs that attack the monitor, each in a process of its own.
 *
 * An attack runs in ring 3 and returns HELD if it got nowhere, or dies of it; the table says which, and
 * what the monitor has to say. What is not as it should be it returns ESCAPED for, with a word on standard error.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "own.h"

#define HELD	0
#define ESCAPED	77

/**
 * struct attack
 * @name:	of the attack; with a ? at its end it is a part of others
 * @fn:		the attack
 * @status:	how it is to end: an exit status, 128 + signal, as a shell has it
 * @log:	part of what the monitor is to report, NULL: anything or nothing
 * @options:	for launch, NULL: none
 */
struct attack {
	const char *name;
	int (*fn)(void);
	int status;
	const char *log;
	const char *options;
};

extern const struct attack pointer_attacks[], cpu_attacks[], signal_attacks[], file_attacks[], call_attacks[],
	race_attacks[];

static inline int escaped(const char *what)
{
	fprintf(stderr, "ESCAPED: %s\n", what);
	return ESCAPED;
}

/* A call as the kernel has it: no errno. */
static inline long raw(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	register uint64_t r9 __asm__("r9") = f;

	__asm__ volatile("syscall" : "+a"(nr) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return nr;
}

/* The call is to fail with @err. */
static inline int fails(int err, const char *what, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
			uint64_t e, uint64_t f)
{
	long ret = raw(nr, a, b, c, d, e, f);

	if (ret == -err)
		return HELD;
	fprintf(stderr, "ESCAPED: %s gave %ld, not %d\n", what, ret, -err);
	return ESCAPED;
}

#endif /* ATTACK_H */
