// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ends of a confined process. */
#include "confined.h"
#include <dune/dune.h>
#include <signal.h>
#include <stddef.h>
#include "entry.h"
#include "raw.h"

#define KILLED	(128 + SIGKILL)		/* as a shell has it */

void (*dune_confined_report)(const struct dune_trap *trap, uintptr_t address);

static long call(long number, uint64_t a, uint64_t b)
{
	struct dune_trap trap = { .rdi = a, .rsi = b };

	return raw_cpl() ? raw_syscall4(number, a, b, 0, 0) : dune_forward_vmcall(&trap, number);
}

/* No handler can be made for it; and the first process of a PID namespace, which it does not reach, just ends. */
void dune_confined_kill(void)
{
	for (;;) {
		call(SYS_kill, call(SYS_getpid, 0, 0), SIGKILL);
		call(SYS_exit_group, KILLED, 0);
	}
}

void dune_confined_died(const struct dune_trap *trap, uintptr_t address)
{
	if (dune_confined_report)
		dune_confined_report(trap, address);
	dune_confined_kill();
}
