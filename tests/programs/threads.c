// SPDX-License-Identifier: GPL-2.0
/*
 * Threads by libpthread: made, joined, detached and ended in all ways; what is each
 * one's own (stack, errno, TLS, mask) and what they share (memory, signals, exit).
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdint.h>

#include "child.h"

#define ALIVE	64

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	int err = pthread_create(&t, NULL, fn, arg);

	if (err)
		bail("pthread_create: %s", strerror(err));
	return t;
}

static void *join(pthread_t t)
{
	void *result = NULL;
	int err = pthread_join(t, &result);

	if (err)
		bail("pthread_join: %s", strerror(err));
	return result;
}

/* ---- Many --------------------------------------------------------------- */

static void *square(void *arg)
{
	return (void *)((uintptr_t)arg * (uintptr_t)arg);
}

static void test_create(void)
{
	int wrong = 0;

	ok(join(start(square, (void *)12)) == (void *)144,
	   "a thread gets its argument and gives its result");
	for (uintptr_t i = 0; i < 600; i++)
		wrong += join(start(square, (void *)i)) != (void *)(i * i);
	ok_eq(wrong, 0, "600 threads, one after the other");
}

static __thread long own = 42;
static __thread char own_big[5000];
static pthread_barrier_t all_there;
static atomic_long sum;
static pid_t tids[ALIVE];

static void *one_of_many(void *arg)
{
	long me = (long)arg, ok_so_far = own == 42 && !own_big[4999];

	tids[me] = gettid_();
	own += me;
	own_big[4999] = (char)me;
	errno = (int)me;
	pthread_barrier_wait(&all_there);
	for (int i = 0; i < 20; i++) {
		atomic_fetch_add(&sum, 1);
		sched_yield();
	}
	ok_so_far &= own == 42 + me && own_big[4999] == (char)me && errno == (int)me;
	pthread_barrier_wait(&all_there);
	return (void *)ok_so_far;
}

static void test_alive(void)
{
	pthread_t t[ALIVE];
	int distinct = 1, own_ok = 1;
	long i, j;

	pthread_barrier_init(&all_there, NULL, ALIVE);
	for (int round = 0; round < 6; round++) {
		atomic_store(&sum, 0);
		for (i = 0; i < ALIVE; i++)
			t[i] = start(one_of_many, (void *)i);
		for (i = 0; i < ALIVE; i++)
			own_ok &= !!join(t[i]);
		for (i = 0; i < ALIVE; i++)
			for (j = 0; j < i; j++)
				distinct &= tids[i] != tids[j] && tids[i] != getpid();
		if (sum != ALIVE * 20)
			own_ok = 0;
	}
	pthread_barrier_destroy(&all_there);
	ok(distinct, "64 threads at once have 64 tids");
	ok(own_ok, "64 threads at once, 6 times: thread-local memory and errno are each one's own");
	ok_eq(own, 42, "the main thread's is untouched");
}

/* ---- Stacks ------------------------------------------------------------- */

static volatile size_t eat;

static void *use_stack(void *arg)
{
	char *mem = alloca(eat);

	for (size_t i = 0; i < eat; i += 4096)
		mem[i] = (char)(i >> 12);
	for (size_t i = 0; i < eat; i += 4096)
		if (mem[i] != (char)(i >> 12))
			return NULL;
	return (void *)1;
}

static void test_stacks(void)
{
	static const size_t sizes[] = { 0, 64 << 10, 1 << 20, 64 << 20 };
	pthread_attr_t attr;
	pthread_t t;
	void *mine, *base, *result;
	size_t size;

	for (size_t i = 0; i < 4; i++) {
		size_t want = sizes[i] ? sizes[i] : (size_t)PTHREAD_STACK_MIN;

		pthread_attr_init(&attr);
		ok_eq(pthread_attr_setstacksize(&attr, want), 0, "a stack of %zu KiB", want >> 10);
		/* Of the large ones not all: each page costs a fault. */
		eat = want > 1 << 20 ? 2 << 20 : want - 12 * 1024;
		if (want <= 64 << 10)
			eat = want / 4;
		result = NULL;
		if (!pthread_create(&t, &attr, use_stack, NULL))
			pthread_join(t, &result);
		ok(result, "%zu KiB of it are used", eat >> 10);
		pthread_attr_destroy(&attr);
	}

	mine = mmap(NULL, 256 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, mine, 256 << 10);
	eat = 128 << 10;
	result = NULL;
	if (!pthread_create(&t, &attr, use_stack, NULL))
		pthread_join(t, &result);
	ok(result, "a stack that the program brings");
	munmap(mine, 256 << 10);
	pthread_attr_destroy(&attr);

	ok_eq(pthread_getattr_np(pthread_self(), &attr), 0,
	      "pthread_getattr_np() of the main thread");
	pthread_attr_getstack(&attr, &base, &size);
	ok((char *)&attr >= (char *)base && (char *)&attr < (char *)base + size,
	   "its stack is where it says");
	pthread_attr_destroy(&attr);
}

static sigjmp_buf overflowed;
static volatile uintptr_t fault_at;
static volatile int sink, deep_enough = 1 << 30;

static void on_overflow(int sig, siginfo_t *si, void *uc)
{
	fault_at = (uintptr_t)si->si_addr;
	siglongjmp(overflowed, 1);
}

static __attribute__((noinline)) int recurse(int n)
{
	volatile char frame[512];

	if (n == deep_enough)
		return 0;
	frame[0] = (char)n;
	sink = recurse(n + 1) + frame[0];
	return sink + frame[1];
}

static void *overflow(void *arg)
{
	char alt[16 << 10];
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) }, off = { .ss_flags = SS_DISABLE };
	pthread_attr_t attr;
	void *base;
	size_t size;

	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &base, &size);
	pthread_attr_destroy(&attr);
	sigaltstack(&ss, NULL);
	if (!sigsetjmp(overflowed, 1))
		recurse(0);
	sigaltstack(&off, NULL);
	return (void *)(uintptr_t)(fault_at >= (uintptr_t)base - 4096 &&
				   fault_at < (uintptr_t)base + 4096);
}

static void *overflow_plain(void *arg)
{
	return (void *)(uintptr_t)recurse(0);
}

static void die_of_overflow(void)
{
	signal(SIGSEGV, SIG_DFL);
	join(start(overflow_plain, NULL));
}

static void test_overflow(void)
{
	struct sigaction sa = { .sa_sigaction = on_overflow, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	pthread_attr_t attr;
	pthread_t t;
	void *result = NULL;

	sigaction(SIGSEGV, &sa, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	if (!pthread_create(&t, &attr, overflow, NULL))
		pthread_join(t, &result);
	ok(result,
	   "a thread's stack overflows, and the handler runs on the alternate one");
	signal(SIGSEGV, SIG_DFL);
	ok_killed(die_of_overflow, SIGSEGV,
		  "overflow of a thread's stack without a handler kills the process");
}

/* ---- Ends --------------------------------------------------------------- */

static atomic_int done;
static pthread_key_t key;

static void *say_done(void *arg)
{
	atomic_fetch_add(&done, 1);
	return NULL;
}

static void key_gone(void *value)
{
	if (value == &key)
		atomic_fetch_add(&done, 1);
}

static void *exit_deep(void *arg)
{
	pthread_setspecific(key, &key);
	pthread_exit((void *)99);
}

static void test_ends(void)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 50; i++) {
		if (pthread_create(&t, i & 1 ? &attr : NULL, say_done, NULL))
			bail("pthread_create");
		if (!(i & 1))
			pthread_detach(t);
	}
	ok(eventually(done == 50), "50 detached threads run to their end");
	pthread_attr_destroy(&attr);

	done = 0;
	pthread_key_create(&key, key_gone);
	ok(join(start(exit_deep, NULL)) == (void *)99, "pthread_exit() gives the result");
	ok_eq(done, 1, "the destructor of a thread-specific value runs");
	pthread_key_delete(key);
}

static void *wait_and_exit(void *arg)
{
	pid_t main_tid = getpid();

	/* The main thread is a zombie when it has gone. */
	if (eventually(state_of(main_tid) == 'Z'))
		exit(33);
	exit(1);
}

static void main_goes_first(void)
{
	start(wait_and_exit, NULL);
	pthread_exit(NULL);
}

__attribute__((noreturn)) static void *for_ever(void *arg)
{
	for (;;)
		if (arg)
			pause();
}

static void *exits_all(void *arg)
{
	pause_ms(2);
	_exit(44);
}

static void one_exits_all(void)
{
	for (int i = 0; i < 4; i++)
		start(for_ever, (void *)(uintptr_t)(i & 1));
	start(exits_all, NULL);
	for_ever(NULL);
}

static void main_exits_all(void)
{
	for (int i = 0; i < 4; i++)
		start(for_ever, (void *)(uintptr_t)(i & 1));
	pause_ms(2);
	exit(45);
}

static volatile int *volatile nowhere = (volatile int *)8;

static void *wild(void *arg)
{
	pause_ms(2);
	*nowhere = 1;
	return NULL;
}

static void fault_ends_all(void)
{
	for (int i = 0; i < 4; i++)
		start(for_ever, (void *)(uintptr_t)(i & 1));
	start(wild, NULL);
	for_ever((void *)1);
}

static void *execs(void *arg)
{
	execl("/proc/self/exe", "threads", "--tid", (char *)NULL);
	_exit(1);
}

static void thread_execs(void)
{
	start(for_ever, (void *)0);
	start(for_ever, (void *)1);
	start(execs, NULL);
	for_ever((void *)1);
}

static void raw_exit(void)
{
	pthread_t t = start(for_ever, (void *)1);

	(void)t;
	syscall(SYS_exit_group, 46);
}

static void test_process_ends(void)
{
	int st;

	st = status_of(child(main_goes_first));
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 33,
	   "the main thread ends first, another one ends the process");
	st = status_of(child(one_exits_all));
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 44,
	   "_exit() in a thread ends those that compute and those that sleep");
	st = status_of(child(main_exits_all));
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 45, "exit() in the main thread ends all");
	st = status_of(child(raw_exit));
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 46, "exit_group() ends all");
	ok_killed(fault_ends_all, SIGSEGV, "a fault in a thread kills all");
	st = status_of(child(thread_execs));
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 47,
	   "execve() in a thread: the others are gone, it has the pid as tid");
}

/* After exec: alone, and with the leader's tid. */
static int executed(void)
{
	char line[128];
	FILE *status = fopen("/proc/self/status", "r");
	int threads = 0;

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "Threads: %d", &threads);
	return threads == 1 && gettid_() == getpid() ? 47 : 1;
}

/* ---- Signals and names -------------------------------------------------- */

static _Atomic pid_t handled_by;
static atomic_int stop;

static void by_whom(int sig)
{
	handled_by = gettid_();
}

static _Atomic pid_t target_tid;

static void *compute(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	if (arg)
		pthread_sigmask(SIG_BLOCK, &set, NULL);
	target_tid = gettid_();
	while (!stop)
		;
	return NULL;
}

static void *sleeps(void *arg)
{
	target_tid = gettid_();
	while (!stop)
		pause();
	return NULL;
}

static void test_signals(void)
{
	struct sigaction sa = { .sa_handler = by_whom };
	sigset_t set;
	pthread_t a, b;
	pid_t tid;

	sigaction(SIGUSR1, &sa, NULL);
	for (int asleep = 0; asleep < 2; asleep++) {
		stop = 0;
		target_tid = handled_by = 0;
		a = start(asleep ? sleeps : compute, NULL);
		eventually(target_tid);
		ok_eq(pthread_kill(a, SIGUSR1), 0, "pthread_kill() of a thread that %s",
		      asleep ? "sleeps" : "computes");
		ok(eventually(handled_by == target_tid), "it, and no other, runs the handler");
		stop = 1;
		pthread_kill(a, SIGUSR1);
		join(a);
	}

	/* A signal for the process goes to whoever does not block it. */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	stop = 0;
	target_tid = 0;
	a = start(compute, (void *)1);
	eventually(target_tid);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	target_tid = 0;
	b = start(compute, NULL);
	eventually(target_tid);
	tid = target_tid;
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	handled_by = 0;
	kill(getpid(), SIGUSR1);
	ok(eventually(handled_by == tid),
	   "a signal for the process goes to the one thread that does not block it");
	stop = 1;
	join(a);
	join(b);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	ok_eq(pthread_kill(pthread_self(), 0), 0, "pthread_kill(0) of itself");
}

static void *says_name(void *arg)
{
	char *name = arg;

	pthread_setname_np(pthread_self(), "a-thread");
	pthread_getname_np(pthread_self(), name, 16);
	return NULL;
}

static void test_names(void)
{
	char name[16] = "", before[16], after[16];

	pthread_getname_np(pthread_self(), before, sizeof(before));
	join(start(says_name, name));
	pthread_getname_np(pthread_self(), after, sizeof(after));
	ok_str(name, "a-thread", "a thread has a name of its own");
	ok_str(after, before, "the main thread keeps its own");
}

/* ---- fork() with threads ------------------------------------------------ */

static char atfork_story[8];

static void prepare(void)
{
	strcat(atfork_story, "p");
}

static void in_parent(void)
{
	strcat(atfork_story, "P");
}

static void in_child(void)
{
	strcat(atfork_story, "C");
}

static void child_is_alone(void)
{
	char line[128];
	FILE *status = fopen("/proc/self/status", "r");
	int threads = 0;

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "Threads: %d", &threads);
	need(threads == 1);
	need(gettid_() == getpid());
	need(!strcmp(atfork_story, "pC"));
	/* and it may have threads of its own */
	need(join(start(square, (void *)5)) == (void *)25);
}

static void *forks(void *arg)
{
	return (void *)(uintptr_t)status_of(child(arg));
}

static void test_fork(void)
{
	pthread_t t;

	stop = 0;
	target_tid = 0;
	t = start(compute, NULL);
	eventually(target_tid);
	pthread_atfork(prepare, in_parent, in_child);
	ok_child(child_is_alone, "a child of a process with threads has one, and may have more");
	ok_str(atfork_story, "pP", "pthread_atfork(): the handlers run in both");
	atfork_story[0] = 0;
	ok(!join(start(forks, child_is_alone)), "a thread forks: its child has one thread");
	stop = 1;
	join(t);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--tid"))
		return executed();
	test_create();
	test_alive();
	test_stacks();
	test_overflow();
	test_ends();
	test_process_ends();
	test_signals();
	test_names();
	test_fork();
	return tap_done();
}
