// SPDX-License-Identifier: LGPL-2.1-or-later
/* The end of a thread's Dune mode that nobody asked for. */
#include <dune/dune.h>
#include <signal.h>
#include <stddef.h>
#include "confined.h"
#include "entry.h"
#include "export.h"
#include "host.h"
#include "own.h"
#include "raw.h"

#define STDERR	2

static dune_death_fn on_death;

DUNE_API dune_death_fn dune_on_death(dune_death_fn fn)
{
	return __atomic_exchange_n(&on_death, fn, __ATOMIC_ACQ_REL);
}

DUNE_API const struct dune_run *dune_death(void)
{
	const struct dune_thread *t = dune_current();

	return t && t->died ? t->run : NULL;
}

/* abort(): the program's handler of SIGABRT gets its turn, and then the process dies of it. */
static __attribute__((noreturn)) void die_of_sigabrt(void)
{
	const struct raw_action action = { .handler = RAW_SIG_DFL };
	const uint64_t mask = 1ULL << (SIGABRT - 1);

	raw_sigmask(SIG_UNBLOCK, &mask, NULL);
	raw_tgkill(raw_getpid(), raw_gettid(), SIGABRT);
	raw_sigaction(SIGABRT, &action, NULL);
	raw_sigmask(SIG_UNBLOCK, &mask, NULL);
	raw_tgkill(raw_getpid(), raw_gettid(), SIGABRT);
	raw_exit_group(127);
}

/* In ordinary mode, on the host stack. */
void dune_die(struct dune_thread *t)
{
	dune_death_fn fn = __atomic_load_n(&on_death, __ATOMIC_ACQUIRE);

	t->active = false;
	t->died = true;
	t->ring = 0;
#ifndef DUNE_RUNTIME
#ifndef DUNE_RUNTIME
	if (t->call_frame)
		dune_call_unwind(t);
#endif
#endif
	if (fn)
		fn(t->run);
	dune_dump(STDERR, t->run);
	if (dune_confined())
		dune_confined_kill();
	die_of_sigabrt();
}
