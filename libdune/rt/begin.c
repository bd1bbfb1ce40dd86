// SPDX-License-Identifier: LGPL-2.1-or-later
#include "begin.h"
#include <errno.h>
#include <linux/auxvec.h>
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

void dune_rt_await_tracer(int pid)
{
	while (raw_syscall4(SYS_wait4, pid, 0, __WALL, 0) == -EINTR)
		;
}
