/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of numbers that the kernel gives out. */
#ifndef DUNE_RT_NAMES_H
#define DUNE_RT_NAMES_H

#include <stdint.h>

/* NULL: it has none here. */
const char *dune_call_name(uint64_t number);

struct error_name {
	const char *name, *text;
};

/* What the kernel says to itself about a call that a signal interrupts; tracers see it. */
#define RESTART_ERROR_FIRST	512

/* @error is positive. NULL: none. */
const struct error_name *dune_error_name(uint64_t error);

#endif /* DUNE_RT_NAMES_H */
