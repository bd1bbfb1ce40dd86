/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The runtime, to the rest of libdune built as one (DUNE_RUNTIME). */
#ifndef DUNE_RT_RUNTIME_H
#define DUNE_RT_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>
#include "rt.h"

struct dune_thread;

/* What was asked for; never changes. */
extern const struct dune_rt_start *dune_rt;

static inline bool dune_rt_asked(uint32_t flag)
{
	return dune_rt->flags & flag;
}

/* Where stats and trace go. */
static inline int dune_rt_log_fd(void)
{
	return dune_rt->log_fd < 0 ? 2 : dune_rt->log_fd;
}

/*
 * Before the program's first instruction: there is no Dune mode, because of @err (-errno).
 * Says so and ends the process, or goes on without (DUNE_RT_FALLBACK).
 */
void dune_rt_failed(long err) __attribute__((noreturn));

/* start.S */
void dune_rt_without(uint64_t rip, uint64_t rsp) __attribute__((noreturn));

/*
 * enter.c: from ordinary mode into Dune mode: @t goes on at @rip with RSP = @rsp, RFLAGS = 0x202
 * and all other general registers 0.
 */
void dune_thread_start(struct dune_thread *t, uint64_t rip, uint64_t rsp) __attribute__((noreturn));

#endif /* DUNE_RT_RUNTIME_H */
