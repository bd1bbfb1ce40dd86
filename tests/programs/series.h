/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A known series of system calls, for the programs that look at what others are told of calls: all
 * six registers filled, an error, an unknown number, a path, and a call that a signal interrupts.
 */
#ifndef SERIES_H
#define SERIES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>

#include "child.h"

/* Where the kernel makes a call again after the handler; programs never see it. */
#define RESTARTS	(-512L)

/**
 * struct made - a call of the series
 * @nr:		its number
 * @args:	the first three arguments
 * @ret:	its result
 * @returns:	it is rt_sigreturn(): what its registers are is the handler's affair, and no result of its own
 */
struct made {
	long nr, args[3], ret;
	bool returns;
};

#define SERIES_MAX	16

/* A call by an instruction of our own: behind it is series_call_on. */
long series_call(long nr, long a, long b, long c);
extern const char series_call_on[];
__asm__(".pushsection .text\n"
	"series_call:\n\tmovq %rdi, %rax\n\tmovq %rsi, %rdi\n\tmovq %rdx, %rsi\n\t"
	"movq %rcx, %rdx\n\tsyscall\n"
	"series_call_on:\n\tret\n"
	".popsection");

#define UNKNOWN_CALL	998
#define MARK_CALL	SYS_getpgid	/* of a process that cannot be */
#define MARK_BEGIN	0x7fff1111L
#define MARK_END	0x7fff2222L

static int series_pipe[2];
static char series_byte;
static const char series_path[] = "/nonexistent/series";

TAP_UNUSED static void series_mark(long mark)
{
	series_call(MARK_CALL, mark, 0, 0);
}

static void series_handler(int sig)
{
	series_call(SYS_write, series_pipe[1], (long)"x", 1);
}

/* The handler is there; once, before the series. */
TAP_UNUSED static void series_prepare(void)
{
	struct sigaction act = { .sa_handler = series_handler, .sa_flags = SA_RESTART };

	if (pipe(series_pipe) || sigaction(SIGALRM, &act, NULL))
		bail("pipe, sigaction: %s", strerror(errno));
}

static const struct itimerval series_soon = { .it_value = { .tv_usec = 100000 } };

/* What series_make() of process @pid makes; the number of calls. */
TAP_UNUSED static int series_of(pid_t pid, struct made made[SERIES_MAX])
{
	const long fd = series_pipe[0], byte = (long)&series_byte;
	const struct made all[] = {
		{ SYS_getpid, { 0 }, pid, false },
		{ SYS_dup3, { 0x11111111, 0x2222222200000000, 0x33333333 }, -EINVAL, false },
		{ SYS_dup3, { 0x11111111, 0x2222222200000001, 0 }, -EBADF, false },
		{ UNKNOWN_CALL, { 0x5555, 0x6666, 0x7777777777777777 }, -ENOSYS, false },
		{ SYS_open, { (long)series_path, O_RDONLY, 0 }, -ENOENT, false },
		{ SYS_setitimer, { ITIMER_REAL, (long)&series_soon, 0 }, 0, false },
		{ SYS_read, { fd, byte, 1 }, RESTARTS, false },
		{ SYS_write, { series_pipe[1], (long)"x", 1 }, 1, false },
		{ SYS_rt_sigreturn, { 0 }, 0, true },
		{ SYS_read, { fd, byte, 1 }, 1, false },
		{ SYS_getuid, { 1, 2, 3 }, 0, false },
	};
	const int n = sizeof(all) / sizeof(all[0]);

	memcpy(made, all, sizeof(all));
	return n;
}

/* The calls themselves, between two marks. The handler makes two of them. */
TAP_UNUSED static void series_make(void)
{
	struct made made[SERIES_MAX];
	int i, n = series_of(getpid(), made);

	series_mark(MARK_BEGIN);
	for (i = 0; i < n; i++) {
		series_call(made[i].nr, made[i].args[0], made[i].args[1], made[i].args[2]);
		if (made[i].ret == RESTARTS)
			i += 3;
	}
	series_mark(MARK_END);
}

#endif /* SERIES_H */
