// SPDX-License-Identifier: GPL-2.0
/* getpid(): the fast path, the exact path, and under a filter. */
#define _GNU_SOURCE
#include "bench.h"
#include "watch.h"
#include <sys/syscall.h>
#include <unistd.h>

static void call(int i)
{
	syscall(SYS_getpid);
}

static void call_by_vmcall(int i)
{
	long ret = SYS_getpid;

	__asm__ volatile("vmcall" : "+a"(ret) : : "memory");
}

static void dispatch(int rounds)
{
	watch_dispatch();
}

static void filter(int rounds)
{
	watch_filter();
}

const struct row row_getpid = {
	"getpid", "overhead", "getpid() by the SYSCALL instruction",
	.linux_cycles = 138, .dune_cycles = 895,
	.sides = {
		{ "linux", 0, NULL, NULL, call },
		{ "dune", SIDE_DUNE, NULL, NULL, call },
		{ "dune-vmcall", SIDE_DUNE, NULL, NULL, call_by_vmcall, "VMCALL in place of SYSCALL" },
	},
};

const struct row row_getpid_exact = {
	"getpid-exact", "overhead", "getpid() while user dispatch is on and lets it pass: Dune's exact path",
	.sides = {
		{ "linux", 0, dispatch, NULL, call },
		{ "dune", SIDE_DUNE, dispatch, NULL, call },
	},
};

const struct row row_getpid_filter = {
	"getpid-filter", "overhead", "getpid() under a seccomp filter that allows it",
	.sides = {
		{ "linux", 0, filter, NULL, call },
		{ "dune", SIDE_DUNE, filter, NULL, call },
	},
};
