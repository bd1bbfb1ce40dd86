// SPDX-License-Identifier: LGPL-2.1-or-later
/* The calling thread's struct, by a thread-local variable: it comes at the first entry. */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include "thread.h"

__thread struct dune_thread *dune_this __attribute__((tls_model("initial-exec")));

static pthread_key_t key;

int dune_thread_get(struct dune_thread **thread)
{
	int err;

	if (!dune_this) {
		err = dune_thread_take(&dune_this);
		if (err)
			return err;
		pthread_setspecific(key, dune_this);
	}
	*thread = dune_this;
	/* Anew in the child of a fork. */
	return dune_thread_vcpu(dune_this);
}

/*
 * The thread ends. It may do so in Dune mode: leaving brings it back to its
 * ordinary stack, so that the library's can be another's. (A thread that was made in
 * Dune mode never comes here: see child.c.)
 */
static void at_exit_of_thread(void *arg)
{
	struct dune_thread *t = arg;

	if (dune_inside())
		dune_leave();
	/* Still active: ended in a host call, on a stack in the area. */
	if (t->active)
		return;
	dune_this = NULL;
	dune_thread_give(t, t->run->released);
}

int dune_thread_init(void)
{
	return -pthread_key_create(&key, at_exit_of_thread);
}
