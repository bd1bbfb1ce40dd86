/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What dune-run tells the runtime that it puts into a program.
 *
 * dune-run maps one area in the program, before its first instruction:
 *
 *	base					       base + length
 *	| guard, stack | struct dune_rt_start | the runtime's ELF   |
 *	|	       |		      | segments, relocated |
 *
 * and jumps to the runtime's entry in ordinary mode with RDI = &struct dune_rt_start,
 * RSP just below it and every other register 0.
 */
#ifndef DUNE_RT_H
#define DUNE_RT_H

#include <stdint.h>

#define DUNE_RT_RING3		1	/* run the program in ring 3 */
#define DUNE_RT_STATS		2	/* write a summary to @stats_fd when the process ends */
#define DUNE_RT_TRACE		4	/* write each system call to @trace_fd */
#define DUNE_RT_FOLLOW		8	/* execve() stays in Dune mode, by way of @self */
#define DUNE_RT_FALLBACK	16	/* where there is no Dune mode, run without */
#define DUNE_RT_CONFINED	32	/* for the sandbox: ring 0 is to be safe from ring 3 */

/**
 * struct dune_rt_start - the program's first instruction, and what was asked for
 * @size:	sizeof(struct dune_rt_start)
 * @flags:	DUNE_RT_*
 * @rip:	where the program starts (all its general registers but RSP are 0 then)
 * @rsp:	its stack, as execve() made it (argc is there)
 * @base:	the area above
 * @length:	its length
 * @log_fd:	where stats and trace go; a high number, O_CLOEXEC; -1: standard error
 * @tracer:	a process to wait for before anything else (it became the program's child); 0: none
 * @own_start:	with DUNE_RT_CONFINED: what is ring 0's; see own.h
 * @own_end:	likewise
 * @policy_fd:	likewise, the sandbox's policy
 * @report_fd:	a socket, for @DUNE_RT_STATS: whoever is there is sent the space's descriptor, to read what there
 *		was when the process ended and could not tell it. O_CLOEXEC is not set; 0: nobody is there
 * @self:	path of dune-run, for @DUNE_RT_FOLLOW
 */
struct dune_rt_start {
	uint32_t size;
	uint32_t flags;
	uint64_t rip, rsp;
	uint64_t base, length;
	int32_t log_fd;
	int32_t tracer;
	uint64_t own_start, own_end;
	int32_t policy_fd;
	int32_t report_fd;
	char self[4040];
};

#endif /* DUNE_RT_H */
