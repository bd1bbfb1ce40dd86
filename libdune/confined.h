/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a process whose program ring 0 must be safe from: nothing of the program runs any more. */
#ifndef LIBDUNE_CONFINED_H
#define LIBDUNE_CONFINED_H

#include <stdint.h>

struct dune_trap;

/* Any mode. */
void dune_confined_kill(void) __attribute__((noreturn));

/* Ring 0 of Dune mode: an exception that ring 0 itself raised, @address is for #PF. */
void dune_confined_died(const struct dune_trap *trap, uintptr_t address) __attribute__((noreturn));

/* What is to be said about that before. NULL: nothing. */
extern void (*dune_confined_report)(const struct dune_trap *trap, uintptr_t address);

#endif /* LIBDUNE_CONFINED_H */
