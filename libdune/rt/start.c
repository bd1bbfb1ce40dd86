// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Start of the runtime: in ordinary mode, before the program's first instruction, in a
 * process that has nothing yet but what execve() made.
 */
#include "runtime.h"
#include <errno.h>
#include <linux/auxvec.h>
#include <stddef.h>
#include <dune/pgtable.h>
#include "../pgtable_internal.h"
#include "../raw.h"
#include "../space.h"
#include "../text.h"
#include "../thread.h"
#include "begin.h"
#include "hooks.h"
#include "names.h"
#include "report.h"

#define STDERR		2
#define EXIT_STATUS	127	/* as a shell's for a command that it cannot run */

void dune_rt_main(const struct dune_rt_start *start) __attribute__((noreturn));

const struct dune_rt_start *dune_rt;

struct advice {
	int err;
	const char *what, *to_do;
};

static const struct advice advices[] = {
	{ ENOENT, "there is no /dev/dune", "load the module (make load)" },
	{ ENXIO, "there is nothing behind /dev/dune", "load the module (make load)" },
	{ ENODEV, "there is nothing behind /dev/dune", "load the module (make load)" },
	{ EACCES, "no permission for /dev/dune", "be root, or a member of its group" },
	{ EPERM, "no permission for /dev/dune", "be root, or a member of its group" },
	{ EPROTONOSUPPORT, "the loaded module is of another version",
	  "build and load the one that dune-run came with" },
	{ EOPNOTSUPP, "the CPU lacks what Dune mode needs", "the kernel's log says more (dmesg)" },
	{ EBUSY, "another hypervisor holds VT-x",
	  "stop its guests, or unload it (rmmod kvm_intel)" },
	{ ENOMEM, "not enough memory or address space", "raise the limit (ulimit -v unlimited)" },
	{ ENOSPC, "too many spaces or threads are in Dune mode", "end some of them" },
	{ EMFILE, "too many open descriptors", "raise the limit (ulimit -n)" },
	{ ENFILE, "too many open files in the system", "raise the limit (sysctl fs.file-max)" },
};

static void put_error(struct dune_text *text, long err)
{
	const struct error_name *name = dune_error_name(err);
	size_t i;

	for (i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
		if (advices[i].err != err)
			continue;
		dune_put(text, advices[i].what);
		dune_put(text, ": ");
		dune_put(text, advices[i].to_do);
		return;
	}
	if (name) {
		dune_put(text, name->text);
		dune_put(text, " (");
		dune_put(text, name->name);
		dune_put(text, ")");
	} else {
		dune_put(text, "error ");
		dune_put_decimal(text, err);
	}
	dune_put(text, ": the kernel's log may say more (dmesg)");
}

void dune_rt_failed(long err)
{
	char buffer[256];
	struct dune_text text = DUNE_TEXT(buffer);

	if (dune_rt_asked(DUNE_RT_FALLBACK))
		dune_rt_without(dune_rt->rip, dune_rt->rsp);
	dune_put(&text, "dune-run: cannot enter Dune mode: ");
	put_error(&text, -err);
	dune_put_char(&text, '\n');
	dune_text_write(STDERR, &text);
	raw_exit_group(EXIT_STATUS);
}

/* A program at its first instruction has few GiBs: to read in /proc which costs more than faults for the others. */
static int prefill(const struct dune_rt_start *start)
{
	return dune_pt_prefill_range(start->base, start->base + start->length) ?:
	       dune_pt_prefill_range(start->rip, start->rip + 1) ?:
	       dune_pt_prefill_range(start->rsp, start->rsp + 1);
}

void dune_rt_main(const struct dune_rt_start *start)
{
	struct dune_thread *t;
	struct dune_info info;
	long err;

	dune_rt = start;
	if (start->tracer)
		dune_rt_await_tracer(start->tracer);
	dune_rt_name_area(start);
	/* Everything else is between the program and Linux. */
	dune_upcalls = (dune_rt_asked(DUNE_RT_STATS) ? DUNE_UPCALL_EXIT_GROUP : 0) |
		       (dune_rt_asked(DUNE_RT_FOLLOW) ? DUNE_UPCALL_EXEC : 0) |
		       (dune_rt_asked(DUNE_RT_TRACE) ? DUNE_UPCALL_TRACE : 0);
	dune_rt_hooks_init();
	if (dune_rt_asked(DUNE_RT_RING3)) {
		dune_program_ring3 = true;
		dune_pt_fill_bits |= DUNE_PTE_U;
	}
	dune_rt_report_begin();
	err = dune_space_init(&info, dune_rt_auxv((const uint64_t *)start->rsp, AT_HWCAP2));
	dune_rt_report_end();
	if (!err)
		err = prefill(start);
	if (!err)
		err = dune_thread_take(&t);
	if (!err)
		err = dune_thread_vcpu(t);
	if (err)
		dune_rt_failed(err);
	dune_thread_start(t, start->rip, start->rsp);
}
