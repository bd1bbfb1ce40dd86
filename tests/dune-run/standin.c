// SPDX-License-Identifier: GPL-2.0
/*
 * A runtime that enters no Dune mode: it looks whether all is as rt.h says, and
 * goes on to the program. A status from 91 on says what was not. It is built as
 * the true one is, without libc, and has one of everything that dune-run must
 * place: constants, relocated ones, data, and memory that begins as 0.
 */
#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>
#include "rt.h"

_Static_assert(offsetof(struct dune_rt_start, rip) == 8 &&
	       offsetof(struct dune_rt_start, rsp) == 16, "standin.S uses them");

int standin(struct dune_rt_start *start);

extern const char __ehdr_start[], _end[];

#define PAGE	4096UL
#define STACK	(64 * 1024UL)

static int zero[3000];
static int data[3000] = { 1, 2, [2999] = 3 };
static int *volatile pointers[] = { &data[2999], &zero[2999] };
static const char *const names[] = { "ring 3", "stats", "trace", "follow", "fallback" };

static long call(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return ret;
}

static void print(int fd, const char *s)
{
	long n = 0;

	while (s[n])
		n++;
	call(SYS_write, fd, (long)s, n, 0);
}

/* What was asked for, as a line, where stats would go. */
static void report(const struct dune_rt_start *start)
{
	int fd = start->log_fd < 0 ? 2 : start->log_fd;

	print(fd, "standin:");
	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (start->flags & 1U << i) {
			print(fd, " ");
			print(fd, names[i]);
		}
	print(fd, "; self ");
	print(fd, start->self);
	print(fd, "\n");
}

/* What is not writable is no place for Linux to write to either. Destroys it if it is. */
static int writable(const void *p)
{
	return call(SYS_getrandom, (long)p, 1, 0, 0) >= 0;
}

static int check(const struct dune_rt_start *start)
{
	uintptr_t stack_end = (uintptr_t)start + sizeof(*start);

	if (start->size != sizeof(*start) || start->base + start->length != (((uintptr_t)_end + PAGE - 1) & ~(PAGE - 1)))
		return 91;
	if (stack_end != start->base + PAGE + STACK || stack_end <= (uintptr_t)__ehdr_start ||
	    stack_end > (uintptr_t)standin)
		return 92;
	if (data[0] != 1 || data[1] != 2 || *pointers[0] != 3 || pointers[1] != &zero[2999])
		return 93;
	for (unsigned int i = 0; i < sizeof(zero) / sizeof(*zero); i++)
		if (zero[i]++)
			return 94;
	if (start->log_fd >= 0 && call(SYS_fcntl, start->log_fd, F_GETFD, 0, 0) != FD_CLOEXEC)
		return 95;
	if (writable(names) || writable(names[0]) || writable((void *)standin) || !writable(zero))
		return 96;
	return 0;
}

int standin(struct dune_rt_start *start)
{
	int wrong = check(start);

	if (wrong)
		return wrong;
	/* The process that put this here is a child, where the program inherits orphans. */
	if (start->tracer)
		call(SYS_wait4, start->tracer, 0, 0x40000000 /* __WALL */, 0);
	if (start->report_fd)
		call(SYS_close, start->report_fd, 0, 0, 0);
	if (start->flags & (DUNE_RT_STATS | DUNE_RT_TRACE))
		report(start);
	return 0;
}
