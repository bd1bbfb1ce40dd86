// SPDX-License-Identifier: GPL-2.0
/*
 * Alternate signal stacks: who runs on one, what sigaltstack() says of it meanwhile, nesting,
 * SS_AUTODISARM, and overflows of the normal stack that are handled there.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/resource.h>
#include <ucontext.h>

#include "child.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
#define ALT	(32UL << 10)

static char alt[ALT] __attribute__((aligned(4096))), alt2[ALT] __attribute__((aligned(4096)));

static int within(const void *p, const char *stack)
{
	return (uintptr_t)p >= (uintptr_t)stack && (uintptr_t)p < (uintptr_t)stack + ALT;
}

static int on_alt(void)
{
	return within(__builtin_frame_address(0), alt);
}

static void set_alt(char *stack, int flags)
{
	stack_t ss = { .ss_sp = stack, .ss_size = ALT, .ss_flags = flags };

	if (sigaltstack(&ss, NULL))
		bail("sigaltstack: %s", strerror(errno));
}

static void no_alt(void)
{
	stack_t ss = { .ss_flags = SS_DISABLE };

	sigaltstack(&ss, NULL);
}

static void handle_with(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags };

	sigaction(sig, &sa, NULL);
}

/* ---- Who runs on it ----------------------------------------------------- */

static struct {
	int runs, on_alt, flags, change_err, uc_flags;
	void *sp, *uc_sp;
} saw;

static void look(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	stack_t now, other = { .ss_sp = alt2, .ss_size = ALT };

	saw.runs++;
	saw.on_alt = on_alt();
	sigaltstack(NULL, &now);
	saw.flags = now.ss_flags;
	saw.sp = now.ss_sp;
	saw.uc_flags = uc->uc_stack.ss_flags;
	saw.uc_sp = uc->uc_stack.ss_sp;
	saw.change_err = sigaltstack(&other, NULL) ? errno : 0;
}

static void raise_with(int sig, int flags)
{
	memset(&saw, 0, sizeof(saw));
	handle_with(sig, look, flags);
	raise(sig);
}

static void test_basic(void)
{
	stack_t ss = { .ss_sp = alt, .ss_size = 512 }, now;

	ok(!sigaltstack(NULL, &now) && now.ss_flags == SS_DISABLE, "there is none at first");
	ok(sigaltstack(&ss, NULL) == -1 && errno == ENOMEM, "one that is too small: ENOMEM");
	ss.ss_flags = 0x55;
	ss.ss_size = ALT;
	ok(sigaltstack(&ss, NULL) == -1 && errno == EINVAL, "unknown flags: EINVAL");

	set_alt(alt, 0);
	ok(!sigaltstack(NULL, &now) && now.ss_sp == alt && now.ss_size == ALT && !now.ss_flags,
	   "sigaltstack() says what was set");
	raise_with(SIGUSR1, SA_ONSTACK);
	ok(saw.runs == 1 && saw.on_alt, "SA_ONSTACK: the handler runs on it");
	ok(saw.flags == SS_ONSTACK && saw.sp == alt, "meanwhile sigaltstack() says SS_ONSTACK");
	ok(saw.uc_flags == 0 && saw.uc_sp == alt, "uc_stack has it as it was before");
	ok_eq(saw.change_err, EPERM, "meanwhile it cannot be changed: EPERM");
	ok(!sigaltstack(NULL, &now) && !now.ss_flags, "afterwards it is free again");

	raise_with(SIGUSR1, 0);
	ok(saw.runs == 1 && !saw.on_alt && !saw.flags,
	   "without SA_ONSTACK the handler runs on the normal stack");
	ok_eq(saw.change_err, 0, "and may change it");
	set_alt(alt, 0);
	no_alt();
	raise_with(SIGUSR1, SA_ONSTACK);
	ok(saw.runs == 1 && !saw.on_alt, "SA_ONSTACK without such a stack: the normal one");
	no_alt();
}

/* ---- Nesting ------------------------------------------------------------ */

static uintptr_t frame_at[6];
static volatile int depth, all_on_alt;

static void nest(int sig, siginfo_t *si, void *uc)
{
	frame_at[depth++] = (uintptr_t)__builtin_frame_address(0);
	all_on_alt &= on_alt();
	if (depth < 6)
		raise(sig);
}

static void test_nested(void)
{
	int below = 1;

	set_alt(alt, 0);
	all_on_alt = 1;
	handle_with(SIGUSR1, nest, SA_ONSTACK | SA_NODEFER);
	raise(SIGUSR1);
	for (int i = 1; i < 6; i++)
		below &= frame_at[i] < frame_at[i - 1];
	ok(depth == 6 && all_on_alt && below,
	   "six handlers, one within the other, one below the other on it");
	no_alt();
}

/* ---- SS_AUTODISARM ------------------------------------------------------ */

static stack_t in_handler, in_inner;
static volatile int inner_on_alt2;

static void inner(int sig, siginfo_t *si, void *uc)
{
	sigaltstack(NULL, &in_inner);
	inner_on_alt2 = within(__builtin_frame_address(0), alt2);
}

static void outer(int sig, siginfo_t *si, void *uc)
{
	stack_t second = { .ss_sp = alt2, .ss_size = ALT };

	sigaltstack(NULL, &in_handler);
	saw.on_alt = on_alt();
	saw.change_err = sigaltstack(&second, NULL) ? errno : 0;
	raise(SIGUSR2);
}

static void test_autodisarm(void)
{
	stack_t now;

	set_alt(alt, (int)SS_AUTODISARM);
	sigaltstack(NULL, &now);
	ok_eq((unsigned int)now.ss_flags, SS_AUTODISARM, "SS_AUTODISARM is shown");
	handle_with(SIGUSR1, outer, SA_ONSTACK);
	handle_with(SIGUSR2, inner, SA_ONSTACK);
	raise(SIGUSR1);
	ok(saw.on_alt && in_handler.ss_flags == SS_DISABLE,
	   "SS_AUTODISARM: in the handler there is none");
	ok_eq(saw.change_err, 0, "in the handler another one may be set");
	ok(inner_on_alt2, "a signal in the handler runs on that one");
	sigaltstack(NULL, &now);
	ok(now.ss_sp == alt && (unsigned int)now.ss_flags == SS_AUTODISARM,
	   "afterwards the first one is back");
	no_alt();
}

/* ---- Overflow ----------------------------------------------------------- */

static sigjmp_buf out;
static volatile int overflows, handler_on_alt, sink, deep_enough = 1 << 30;
static volatile uintptr_t fault_rsp, fault_addr;

static void on_overflow(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	overflows++;
	handler_on_alt = on_alt();
	fault_rsp = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
	fault_addr = (uintptr_t)si->si_addr;
	siglongjmp(out, 1);
}

static __attribute__((noinline)) int recurse(int n)
{
	volatile char frame[1024];

	if (n == deep_enough)
		return 0;
	frame[0] = (char)n;
	sink = recurse(n + 1) + frame[0];
	return sink + frame[1];
}

/* In a child: its main stack may grow to 512 KiB only. */
static void overflow_main(void)
{
	struct rlimit lim = { 512 << 10, RLIM_INFINITY };

	need(!setrlimit(RLIMIT_STACK, &lim));
	set_alt(alt, 0);
	handle_with(SIGSEGV, on_overflow, SA_ONSTACK);
	for (volatile int i = 0; i < 3; i++)
		if (!sigsetjmp(out, 1))
			recurse(0);
	need(overflows == 3 && handler_on_alt);
	need(fault_addr - fault_rsp + 65536 < 131072);
	raise_with(SIGUSR1, SA_ONSTACK);	/* out by siglongjmp(): it is free again */
	need(saw.on_alt);
}

static void overflow_plain(void)
{
	struct rlimit lim = { 512 << 10, RLIM_INFINITY };

	need(!setrlimit(RLIMIT_STACK, &lim));
	handle_with(SIGSEGV, on_overflow, 0);	/* no room for its frame */
	if (!sigsetjmp(out, 1))
		recurse(0);
	_exit(overflows);
}

/* The alternate stack itself is too small for what the handler does. */
static void eat_alt(int sig, siginfo_t *si, void *uc)
{
	recurse(0);
}

static void overflow_alt(void)
{
	char *small = mmap(NULL, 32 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			   0);
	stack_t ss = { .ss_sp = small + (16 << 10), .ss_size = 16 << 10 };

	mprotect(small, 16 << 10, PROT_NONE);
	sigaltstack(&ss, NULL);
	handle_with(SIGUSR1, eat_alt, SA_ONSTACK);
	raise(SIGUSR1);
}

/* ---- Whose it is -------------------------------------------------------- */

static void child_has_it(void)
{
	stack_t now;

	need(!sigaltstack(NULL, &now) && now.ss_sp == alt && !now.ss_flags);
	raise_with(SIGUSR1, SA_ONSTACK);
	need(saw.on_alt);
}

static void *thread_has_none(void *arg)
{
	char own[ALT];
	stack_t now, mine = { .ss_sp = own, .ss_size = ALT };
	long good = !sigaltstack(NULL, &now) && now.ss_flags == SS_DISABLE;

	good &= !sigaltstack(&mine, NULL) && !sigaltstack(NULL, &now) && now.ss_sp == own;
	no_alt();
	return (void *)good;
}

static void exec_self(void)
{
	execl("/proc/self/exe", "sigstack", "--none", (char *)NULL);
}

static void test_whose(void)
{
	pthread_t t;
	void *good = NULL;
	stack_t now;

	set_alt(alt, 0);
	ok_child(child_has_it, "a child of fork() has it too");
	pthread_create(&t, NULL, thread_has_none, NULL);
	pthread_join(t, &good);
	sigaltstack(NULL, &now);
	ok(good && now.ss_sp == alt, "a thread has none at first, and its own afterwards");
	ok_child(exec_self, "a new program has none");
	no_alt();
}

int main(int argc, char **argv)
{
	stack_t now;

	if (argc > 1)
		return sigaltstack(NULL, &now) || now.ss_flags != SS_DISABLE;
	test_basic();
	test_nested();
	test_autodisarm();
	test_whose();
	ok_child(overflow_main,
		 "the main stack overflows three times, handled on the alternate one");
	ok_killed(overflow_plain, SIGSEGV,
		  "the main stack overflows without an alternate one: killed");
	ok_killed(overflow_alt, SIGSEGV, "the alternate stack overflows: killed");
	return tap_done();
}
