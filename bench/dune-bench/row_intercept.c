// SPDX-License-Identifier: GPL-2.0
/* Ways for a monitor to see another's system calls: getpid(), passed on, or answered in its place. */
#define _GNU_SOURCE
#include "bench.h"
#include "guest.h"
#include "kvm.h"
#include "trap.h"
#include "watch.h"
#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef SECCOMP_USER_NOTIF_FLAG_CONTINUE
#define SECCOMP_USER_NOTIF_FLAG_CONTINUE 1
#endif

static pid_t expected;
static volatile long result;

static void call(int i)
{
	result = syscall(SYS_getpid);
}

static void check(void)
{
	if (result != expected)
		bench_fail("getpid() gave %ld, not %d", result, expected);
}

/* ---- ptrace ------------------------------------------------------------------------ */

static void ptrace_two(int rounds)
{
	bench_under(watch_by_ptrace);
}

static void ptrace_sysemu(int rounds)
{
	bench_under(watch_by_sysemu);
	expected = syscall(SYS_gettid);
	call(0);
	check();
}

/* ---- seccomp ----------------------------------------------------------------------- */

static void filter(int rounds)
{
	watch_filter();
}

static volatile int listener = -1;
static bool answer;		/* in its place; else the call goes on */

/* Made before the filter, which is the other thread's alone. */
static void *listen(void *arg)
{
	struct seccomp_notif call_;
	struct seccomp_notif_resp response;

	while (listener < 0)
		usleep(1000);
	for (;;) {
		memset(&call_, 0, sizeof(call_));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call_))
			break;
		response = (struct seccomp_notif_resp){
			.id = call_.id,
			.val = answer ? call_.pid : 0,
			.flags = answer ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE,
		};
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response))
			break;
	}
	bench_fail("seccomp listener: %s", strerror(errno));
}

static void notify(void)
{
	pthread_t t;

	expected = getpid();
	if (pthread_create(&t, NULL, listen, NULL))
		bench_fail("pthread_create");
	listener = watch_notify();
	call(0);
	check();
}

static void notify_pass(int rounds)
{
	notify();
}

static void notify_answer(int rounds)
{
	answer = true;
	notify();
}

/* ---- User dispatch ------------------------------------------------------------------ */

static volatile unsigned char selector = WATCH_ALLOW;

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	selector = WATCH_ALLOW;
	r[REG_RAX] = answer ? expected : syscall(SYS_getpid);
}

static void dispatch(void)
{
	expected = getpid();
	trap_catch(SIGSYS, on_sigsys);
	watch_dispatch_by(&selector);
}

static void dispatch_pass(int rounds)
{
	dispatch();
}

static void dispatch_answer(int rounds)
{
	answer = true;
	dispatch();
}

static void blocked_call(int i)
{
	selector = WATCH_BLOCK;
	call(i);
}

/* ---- A KVM guest ---------------------------------------------------------------------- */

static void kvm(int rounds)
{
	kvm_setup();
}

static void kvm_call(int i)
{
	kvm_answer(kvm_run() == SYS_getpid ? syscall(SYS_getpid) : -1);
}

static void kvm_call_answered(int i)
{
	kvm_answer(kvm_run() == SYS_getpid ? expected : -1);
}

/* ---- Dune ------------------------------------------------------------------------------ */

static GENERAL_REGS int forward(struct dune_trap *trap)
{
	dune_syscall_forward(trap);
	return DUNE_TRAP_DONE;
}

static GENERAL_REGS int give_answer(struct dune_trap *trap)
{
	trap->rax = expected;
	return DUNE_TRAP_DONE;
}

static void ring3_pass(int rounds)
{
	guest_ring3_setup(forward, DUNE_GENERAL_REGS);
}

static void ring3_answer(int rounds)
{
	expected = getpid();
	guest_ring3_setup(give_answer, DUNE_GENERAL_REGS);
}

static void ring3_pass_vectors(int rounds)
{
	guest_ring3_setup(forward, 0);
}

static void ring0_pass(int rounds)
{
	guest_ring3_setup(forward, DUNE_GENERAL_REGS | DUNE_SYSCALL_RING0);
}

static void ring0_answer(int rounds)
{
	expected = getpid();
	guest_ring3_setup(give_answer, DUNE_GENERAL_REGS | DUNE_SYSCALL_RING0);
}

const struct row row_ptrace = {
	"ptrace", "speed-up", "getpid() that a monitor sees and passes on",
	.samples = 100, .linux_cycles = 27317, .dune_cycles = 1091,
	.sides = {
		{ "linux", 0, ptrace_two, NULL, call, "ptrace, two stops" },
		{ "dune", SIDE_DUNE, ring3_pass, NULL, guest_ring3_getpid, "ring 3, a handler in ring 0" },
	},
};

const struct row row_intercept = {
	"intercept", "alternatives", "getpid() that a monitor sees and passes on", .samples = 100,
	.sides = {
		{ "linux", 0, NULL, NULL, call, "nobody looks" },
		{ "bpf", 0, filter, NULL, call, "a seccomp filter that allows it" },
		{ "dispatch", 0, dispatch_pass, NULL, blocked_call, "user dispatch: SIGSYS, the handler makes the call" },
		{ "notify", 0, notify_pass, NULL, call, "seccomp user notification, continued" },
		{ "ptrace", 0, ptrace_two, NULL, call, "two stops" },
		{ "kvm", 0, kvm, NULL, kvm_call, "a KVM guest: KVM_RUN, getpid(), KVM_RUN" },
		{ "dune-ring3", SIDE_DUNE, ring3_pass, NULL, guest_ring3_getpid, "a handler in ring 0, for ring 3" },
		{ "dune-vectors", SIDE_DUNE, ring3_pass_vectors, NULL, guest_ring3_getpid,
		  "the same; it may use vector registers" },
		{ "dune-ring0", SIDE_DUNE, ring0_pass, NULL, call, "a handler in ring 0, for ring 0 itself" },
	},
};

const struct row row_emulate = {
	"emulate", "alternatives", "getpid() that a monitor answers in the kernel's place", .samples = 100,
	.sides = {
		{ "dispatch", 0, dispatch_answer, NULL, blocked_call, "user dispatch: SIGSYS" },
		{ "notify", 0, notify_answer, NULL, call, "seccomp user notification" },
		{ "sysemu", 0, ptrace_sysemu, NULL, call, "PTRACE_SYSEMU, one stop" },
		{ "kvm", 0, kvm, NULL, kvm_call_answered, "a KVM guest: one KVM_RUN" },
		{ "dune-ring3", SIDE_DUNE, ring3_answer, NULL, guest_ring3_getpid, "a handler in ring 0, for ring 3" },
		{ "dune-ring0", SIDE_DUNE, ring0_answer, NULL, call, "a handler in ring 0, for ring 0 itself" },
	},
};
