/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process that has just executed a program and that this one traces: its
 * memory, and system calls that it is made to do before its first instruction.
 */
#ifndef DUNE_RUN_REMOTE_H
#define DUNE_RUN_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>
#include "why.h"

/*
 * @regs:	what execve() left
 * @status:	wait status when it has ended, else -1
 * @mem:	/proc/PID/mem, or -1
 * @writable:	it can be written to: what the process may not write as well, and at once
 * @gate:	address of a SYSCALL instruction
 * @word:	what was at @gate, where @poked
 * @signals:	the program's signal mask
 */
struct remote {
	pid_t pid;
	int status;
	int mem;
	bool writable;
	struct user_regs_struct regs;
	uint64_t gate;
	long word;
	bool poked;
	uint64_t signals;
};

/*
 * Take charge of @pid, which is at its PTRACE_EVENT_EXEC; @proc is its
 * directory in /proc, or -1. All signals wait until it is released. Returns 0
 * or an errno, as the others here. ESRCH: it has ended, and @status says how.
 */
int remote_open(struct remote *r, pid_t pid, int proc, struct why *w);

/* Its result, or -errno. */
long remote_call(struct remote *r, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
		 uint64_t e, uint64_t f);

int remote_read(struct remote *r, uint64_t address, void *to, size_t length);

/* Writes to pages that the process itself may not write as well. */
int remote_write(struct remote *r, uint64_t address, const void *from, size_t length);

/* Let it go on with registers @regs, traced no more. */
int remote_release(struct remote *r, const struct user_regs_struct *regs);

/* Make it end with exit status @status. */
void remote_exit(struct remote *r, int status);

#endif /* DUNE_RUN_REMOTE_H */
