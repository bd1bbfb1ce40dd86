// SPDX-License-Identifier: GPL-2.0
/*
 * Start of the monitor: in ordinary mode, in a process that has nothing yet but what
 * execve() made. Its own descriptors are those that the policy names, and stay.
 */
#include "monitor.h"
#include <dune/pgtable.h>
#include <fcntl.h>
#include <linux/auxvec.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include "../../libdune/device.h"
#include "../../libdune/host.h"
#include "../../libdune/pgtable_internal.h"
#include "../../libdune/raw.h"
#include "../../libdune/rt/begin.h"
#include "../../libdune/rt/runtime.h"
#include "../../libdune/space.h"
#include "../../libdune/text.h"

#define STDERR		2
#define EXIT_STATUS	125	/* as the command's own failures */
#define POLICY_MAX	(1UL << 20)

void dune_rt_main(const struct dune_rt_start *start) __attribute__((noreturn));

const struct dune_rt_start *dune_rt;
struct sandbox_rules sandbox_rules;
struct sandbox_learn *sandbox_learn;

static __attribute__((noreturn)) void fail(const char *what, long err)
{
	char buffer[256];
	struct dune_text text = DUNE_TEXT(buffer);

	dune_put(&text, "dune-sandbox: ");
	dune_put(&text, what);
	if (err) {
		dune_put(&text, ": error ");
		dune_put_decimal(&text, -err);
	}
	dune_put_char(&text, '\n');
	dune_text_write(STDERR, &text);
	raw_exit_group(EXIT_STATUS);
}

/* ---- The policy ------------------------------------------------------------------ */

static long seek(int fd, long offset, int whence)
{
	return raw_syscall4(SYS_lseek, fd, offset, whence, 0);
}

/* A copy of its own: then nobody can change it, sealed or not. */
static void take_policy(int fd)
{
	long size = seek(fd, 0, 2 /* SEEK_END */), at, done = 0, n;
	const char *why = NULL;

	if (size <= 0 || (unsigned long)size > POLICY_MAX)
		fail("the policy cannot be read", size < 0 ? size : 0);
	at = dune_own_map((size_t)size, 0, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (raw_failed(at))
		fail("no memory for the policy", at);
	for (; done < size; done += n) {
		n = raw_syscall4(SYS_pread64, fd, at + done, size - done, done);
		if (n <= 0)
			fail("the policy cannot be read", n);
	}
	if (sandbox_rules_init(&sandbox_rules, (void *)at, (size_t)size, &why))
		fail(why ?: "the policy is not good", 0);
}

#define FILES_MIN	(SANDBOX_SLOTS + 8)	/* less, and few programs would start */

/* None of their numbers is ever free for a call of the program's to find. */
static void take_slots(void)
{
	int32_t fd;

	if (sandbox_policy()->fd_first < FILES_MIN)
		fail("the policy leaves the program no descriptors", 0);
	for (fd = sandbox_fd_own(); fd < sandbox_policy()->fd_first; fd++) {
		long ret = raw_syscall4(SYS_dup3, sandbox_policy()->policy_fd, fd, O_CLOEXEC, 0);

		if (ret < 0)
			fail("the monitor's descriptors cannot be made", ret);
	}
}

static void map_learn(void)
{
	long at;

	if (!(sandbox_policy()->flags & SANDBOX_LEARN))
		return;
	at = dune_own_map(sizeof(*sandbox_learn), 0, PROT_READ | PROT_WRITE, MAP_SHARED,
			  sandbox_policy()->learn_fd, 0);
	if (raw_failed(at))
		fail("what was learnt cannot be mapped", at);
	sandbox_learn = (void *)at;
}

/* What the monitor takes for itself is not the program's to pay for. */
static void limit_memory(void)
{
	uint64_t limit = sandbox_policy()->memory_bytes + (dune_own.end - dune_own.start);
	struct rlimit both = { limit, limit };
	long err;

	if (!sandbox_policy()->memory_bytes)
		return;
	err = raw_syscall4(SYS_prlimit64, 0, RLIMIT_AS, (long)&both, 0);
	if (err)
		fail("the limit of memory cannot be set", err);
}

/* ---- The calls that the host loop sees --------------------------------------------- */

/* What makes or ends a thread is libdune's; all others are made at the gate. */
static bool on_call(struct dune_thread *t)
{
	return false;
}

static void on_returned(struct dune_thread *t)
{
}

static const struct dune_hooks hooks = { .call = on_call, .returned = on_returned };

/* ---- In ----------------------------------------------------------------------------- */

static const char *what_failed(long err)
{
	switch (err) {
	case -EPROTONOSUPPORT:
		return "the loaded dune.ko is of another version: load the one that came with dune-sandbox";
	case -EOPNOTSUPP:
		return "the CPU lacks what Dune mode needs: the kernel's log says more (dmesg)";
	case -EBUSY:
		return "another hypervisor holds VT-x: stop its guests, or unload it (rmmod kvm_intel)";
	case -ENOMEM:
		return "not enough memory or address space: raise the limit (ulimit -v unlimited)";
	default:
		return "cannot enter Dune mode";
	}
}

static int prepare(const struct dune_rt_start *start, struct dune_thread **t)
{
	struct dune_info info;
	int err;

	dune_device_given = sandbox_policy()->device_fd;
	err = dune_space_init(&info, dune_rt_auxv((const uint64_t *)start->rsp, AT_HWCAP2));
	if (!err && !(info.caps & DUNE_CAP_CONFINE))
		err = -EPROTONOSUPPORT;
	if (!err)
		err = dune_pt_prefill();
	if (!err)
		err = dune_pt_prefill_range(start->base, start->base + start->length);
	if (!err)
		err = dune_thread_take(t);
	return err ? err : dune_thread_vcpu(*t);
}

void dune_rt_main(const struct dune_rt_start *start)
{
	struct dune_thread *t;
	int err;

	dune_rt = start;
	if (start->tracer)
		dune_rt_await_tracer(start->tracer);
	dune_rt_name_area(start);
	dune_own = (struct dune_own){
		.start = start->own_start, .end = start->own_end,
		.next = (start->base + start->length + 4095) & ~4095UL,
	};
	take_policy(start->policy_fd);
	take_slots();
	map_learn();
	dune_upcalls = DUNE_UPCALL_FAULT;
	dune_hooks = &hooks;
	dune_program_ring3 = true;
	dune_pt_fill_bits |= DUNE_PTE_U;
	sandbox_traps_init();
	err = prepare(start, &t);
	if (err)
		fail(what_failed(err), err);
	limit_memory();
	dune_thread_start(t, start->rip, start->rsp);
}
