// SPDX-License-Identifier: LGPL-2.1-or-later
/* The end of a thread's Dune mode that nobody asked for. */
#include <dune/dune.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include "entry.h"
#include "export.h"
#include "host.h"

static dune_death_fn on_death;

DUNE_API dune_death_fn dune_on_death(dune_death_fn fn)
{
	return __atomic_exchange_n(&on_death, fn, __ATOMIC_ACQ_REL);
}

DUNE_API const struct dune_run *dune_death(void)
{
	const struct dune_thread *t = dune_this;

	return t && t->died ? t->run : NULL;
}

/* In ordinary mode, on the host stack. */
void dune_die(struct dune_thread *t)
{
	dune_death_fn fn = __atomic_load_n(&on_death, __ATOMIC_ACQUIRE);

	t->active = false;
	t->died = true;
	t->ring = 0;
	if (t->call_frame)
		dune_call_unwind(t);
	if (fn)
		fn(t->run);
	dune_dump(STDERR_FILENO, t->run);
	abort();
}
