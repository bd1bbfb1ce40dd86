/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process that traces this one until it has executed the program, puts the
 * runtime into it, and is gone.
 *
 *	dune-run, then the program	the tracer
 *	 |  clone(), clone() ------------>|  a process of its own: not in the group of the
 *	 |<--------------- its number ----|  program, nor its child
 *	 |  lets it trace ("Yama") ------>|
 *	 |				  |  PTRACE_SEIZE
 *	 |<------------------- result ----|
 *	 |  execve()			  |
 *	 X  PTRACE_EVENT_EXEC		  |
 *	 .				  |  system calls in the program, its memory
 *	 X<---- the runtime's entry ------|  PTRACE_DETACH
 *	 |				  |  @after
 *	 |				  X
 */
#ifndef DUNE_RUN_TRACER_H
#define DUNE_RUN_TRACER_H

#include <sys/types.h>
#include "rt.h"
#include "why.h"

/* @name: as Linux has it, "?" where there is no /proc */
struct traced {
	pid_t pid;
	char name[16];
};

/* What the tracer does afterwards: @line is the other end of the program's report_fd, @log of its log_fd. */
typedef void tracer_after_fn(int line, int log, const struct traced *program);

/*
 * Be traced: the next execve() that succeeds comes up in the runtime, with
 * @start; with @after (may be NULL) its report_fd is set, to be inherited. One that fails changes nothing and can be followed by another. 0 or
 * an errno: this process is not traced.
 *
 * What goes wrong after execve() the tracer says on standard error; then it ends
 * the program with EXIT_FAILED, or with DUNE_RT_FALLBACK lets it run as it is.
 */
int tracer_begin(struct dune_rt_start *start, tracer_after_fn *after, struct why *w);

#endif /* DUNE_RUN_TRACER_H */
