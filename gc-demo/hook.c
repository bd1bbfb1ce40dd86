// SPDX-License-Identifier: GPL-2.0
/* Each system call of every thread: what it may write is noted, then it passes. */
#include "hook.h"
#include "calls.h"
#include <sys/syscall.h>

int hook_syscall(struct dune_trap *trap)
{
	uint64_t arg[CALL_ARGS] = { trap->rdi, trap->rsi, trap->rdx, trap->r10, trap->r8, trap->r9 };
	struct notes *n = notes_mine;

	if (!n)
		n = notes_mine = notes_take();
	if (!n) {
		notes_lost();
		return DUNE_TRAP_PASS;
	}
	notes_drop(n);
	calls_note(n, (unsigned int)trap->rax, arg);
	if ((unsigned int)trap->rax == SYS_exit) {
		notes_mine = NULL;
		notes_give(n);
	}
	return DUNE_TRAP_PASS;
}
