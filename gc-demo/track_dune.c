// SPDX-License-Identifier: GPL-2.0
/*
 * In Dune mode the process owns page tables, and in their entries the CPU notes the first write to
 * a page: bit D. No fault, no exit, no call. Arming is clearing the bits and flushing the TLBs.
 *
 * What the kernel writes it writes through Linux's tables, where our bit is not: so all system calls pass a
 * handler here, which knows where each may write (calls.h).
 */
#include "track.h"
#include <dune/dune.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include "bits.h"
#include "hook.h"
#include "notes.h"
#include "calls.h"

#define PAGE	4096UL


static const char *init(void)
{
	static char why[96] = "no Dune mode: ";
	int err = dune_init();

	if (!err)
		err = dune_enter();
	if (!err)
		err = dune_on_syscall(hook_syscall, DUNE_GENERAL_REGS | DUNE_SYSCALL_RING0);
	if (err) {
		strncat(why, strerror(-err), sizeof(why) - strlen(why) - 1);
		if (err == -ENOENT)
			strncat(why, " (is dune.ko loaded?)", sizeof(why) - strlen(why) - 1);
		return why;
	}
	/* Who is not root cannot write here from another process: nothing would tell of it. */
	prctl(PR_SET_DUMPABLE, 0);
	return NULL;
}

static void extend(uintptr_t start, size_t len)
{
	int err = bits_split(start, len);

	if (err) {
		fprintf(stderr, "gc: the heap's page tables: %s\n", strerror(-err));
		exit(1);
	}
}

static void retire(uintptr_t start, size_t len)
{
	bits_merge(start, len);
}

static void arm(uintptr_t start, size_t len)
{
	bits_take(start, len, true, NULL);
}

static void collect(uintptr_t start, size_t len, bool rearm, track_fn fn)
{
	/* The kernel may be writing at any time now, anywhere: all of it is looked at. */
	if (__atomic_load_n(&calls_async, __ATOMIC_ACQUIRE))
		for (uintptr_t p = start; p < start + len; p += PAGE)
			fn(p);
	bits_take(start, len, rearm, fn);
}

/* A thread that is not in Dune mode would write past the bits. */
static const char *thread(void)
{
	return dune_inside() ? NULL : "this thread is not in Dune mode: its writes would not be seen";
}

const struct track track_dune = {
	.name = "dune", .concurrent = true, .rearm = true, .free_writes = true, .in_stop = true, .init = init, .extend = extend,
	.retire = retire, .arm = arm, .collect = collect, .watch = bits_split, .thread = thread,
};
