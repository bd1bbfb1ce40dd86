/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BENCH_TRAP_H
#define BENCH_TRAP_H

#include <signal.h>

/* Have @fn handle a signal, with siginfo. */
void trap_catch(int sig, void (*fn)(int sig, siginfo_t *info, void *context));

#endif /* BENCH_TRAP_H */
