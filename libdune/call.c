// SPDX-License-Identifier: LGPL-2.1-or-later
/* A function in Dune mode, and a way out if Dune mode dies in it. */
#include <dune/dune.h>
#include <errno.h>
#include <stddef.h>
#include "entry.h"
#include "export.h"
#include "init.h"
#include "thread.h"

int dune_call_body(long (*fn)(void *), void *arg, long *result)
{
	int err = dune_enter();
	long value;

	if (err)
		return err;
	value = fn(arg);
	dune_leave();
	if (result)
		*result = value;
	return 0;
}

DUNE_API int dune_call(long (*fn)(void *arg), void *arg, long *result)
{
	struct dune_thread *t;
	int err;

	if (!dune_ready())
		return -EINVAL;
	if (dune_inside())
		return -EALREADY;
	err = dune_thread_get(&t);
	if (err)
		return err;
	if (t->active)
		return -EALREADY;
	return dune_call_guarded(t, fn, arg, result);
}
