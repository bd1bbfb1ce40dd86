/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first things a runtime does in a process that execve() made and a tracer prepared. */
#ifndef DUNE_RT_BEGIN_H
#define DUNE_RT_BEGIN_H

#include <stdint.h>
#include "rt.h"

/* @stack as execve() makes it: argc, arguments, 0, environment, 0, auxiliary vector. 0 if @type is not there. */
uint64_t dune_rt_auxv(const uint64_t *stack, uint64_t type);
/* A child that the program does not know of: it must not find it in a wait() of its own. */
void dune_rt_await_tracer(int pid);

/* What was mapped for the runtime is [anon:dune] in /proc/PID/maps. Not every kernel can do this; nothing depends on it. */
void dune_rt_name_area(const struct dune_rt_start *start);

#endif /* DUNE_RT_BEGIN_H */
