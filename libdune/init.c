// SPDX-License-Identifier: LGPL-2.1-or-later
/* Once per process, with what only libc knows: other threads, and forks. */
#include "init.h"
#include <dune/dune.h>
#include <errno.h>
#include <pthread.h>
#include <sys/auxv.h>
#include "device.h"
#include "export.h"
#include "pgtable_internal.h"
#include "space.h"
#include "thread.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool ready;
static struct dune_info info;

/* In Dune mode child.c does all this. */
static void before_fork(void)
{
	if (dune_ready() && !dune_inside())
		dune_pt_fork_prepare();
}

static void after_fork(void)
{
	if (dune_ready() && !dune_inside())
		dune_pt_fork_done(false);
}

/* The child is another mm, with no space: the module makes one when it is asked for a VCPU. */
static void after_fork_in_child(void)
{
	if (!dune_ready() || dune_inside())
		return;
	dune_pt_fork_done(true);
	dune_threads_after_fork(dune_this);
}

static int init(void)
{
	int err = dune_space_init(&info, getauxval(AT_HWCAP2));

	if (err)
		return err;
	err = dune_pt_prefill();
	if (!err)
		err = dune_thread_init();
	if (!err)
		err = -pthread_atfork(before_fork, after_fork, after_fork_in_child);
	if (err)
		dune_device_close();
	return err;
}

DUNE_API int dune_init(void)
{
	int err = 0;

	pthread_mutex_lock(&lock);
	if (!ready)
		err = init();
	if (!err)
		__atomic_store_n(&ready, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&lock);
	return err;
}

bool dune_ready(void)
{
	return __atomic_load_n(&ready, __ATOMIC_ACQUIRE);
}

DUNE_API const struct dune_info *dune_info(void)
{
	return &info;
}
