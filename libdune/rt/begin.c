// SPDX-License-Identifier: LGPL-2.1-or-later
#include "begin.h"
#include <errno.h>
#include <linux/auxvec.h>
#include <linux/prctl.h>
#include <linux/wait.h>
#include <sys/syscall.h>
#include "../raw.h"

uint64_t dune_rt_auxv(const uint64_t *stack, uint64_t type)
{
	const uint64_t *word = stack + 1 + stack[0] + 1;

	while (*word++)
		;
	for (; word[0] != AT_NULL; word += 2)
		if (word[0] == type)
			return word[1];
	return 0;
}

#ifndef PR_SET_VMA
#define PR_SET_VMA		0x53564d41
#define PR_SET_VMA_ANON_NAME	0
#endif

void dune_rt_name_area(const struct dune_rt_start *start)
{
	raw_syscall6(SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, start->base, start->length, (long)"dune", 0);
}

void dune_rt_await_tracer(int pid)
{
	while (raw_syscall4(SYS_wait4, pid, 0, __WALL, 0) == -EINTR)
		;
}
