// SPDX-License-Identifier: LGPL-2.1-or-later
/* Once per process: the device, the default root, the IDT. */
#include "init.h"
#include <dune/dune.h>
#include <errno.h>
#include <pthread.h>
#include "base.h"
#include "cr3.h"
#include "descriptor.h"
#include "device.h"
#include "export.h"
#include "pgtable_internal.h"
#include "thread.h"
#include "vector.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool ready, forked;
static struct dune_info info;

static void before_fork(void)
{
	if (dune_ready())
		dune_pt_fork_prepare();
}

static void after_fork(void)
{
	if (dune_ready())
		dune_pt_fork_done(false);
}

/*
 * The child is another mm, with no space. What it inherited describes its
 * parent's: let go of that, and of the descriptors that keep it alive.
 */
static void after_fork_in_child(void)
{
	if (!dune_ready())
		return;
	dune_pt_fork_done(true);
	dune_thread_forget();
	dune_device_forget();
	ready = false;
	forked = true;
}

static int tables_init(const volatile uint16_t *frames)
{
	int err = dune_layout_init(frames, dune_device_assign_frame);

	if (!err)
		err = dune_page_init();
	if (!err)
		err = dune_pt_init(info.caps & DUNE_CAP_GUEST_1G);
	if (!err)
		dune_pt_on_retire(dune_flush_if_possible);
	return err;
}

static int init(void)
{
	const volatile uint16_t *frames;
	int err = dune_device_open(&info, &frames);

	if (err)
		return err;
	dune_base_init();
	dune_vector_init();
	err = tables_init(frames);
	if (!err)
		err = dune_idt_init();
	if (!err)
		err = dune_thread_init();
	if (!err)
		err = -pthread_atfork(before_fork, after_fork, after_fork_in_child);
	if (!err)
		err = dune_pt_prefill();
	if (err)
		dune_device_close();
	return err;
}

DUNE_API int dune_init(void)
{
	int err = 0;

	pthread_mutex_lock(&lock);
	if (forked)
		err = -ENOSYS;
	else if (!ready)
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
