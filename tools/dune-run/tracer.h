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
 *	 |				  X
 */
#ifndef DUNE_RUN_TRACER_H
#define DUNE_RUN_TRACER_H

#include "rt.h"
#include "why.h"

/*
 * Be traced: the next execve() that succeeds comes up in the runtime, with
 * @start. One that fails changes nothing and can be followed by another. 0 or
 * an errno: this process is not traced.
 *
 * What goes wrong after execve() the tracer says on standard error; then it ends
 * the program with EXIT_FAILED, or with DUNE_RT_FALLBACK lets it run as it is.
 */
int tracer_begin(const struct dune_rt_start *start, struct why *w);

#endif /* DUNE_RUN_TRACER_H */
