// SPDX-License-Identifier: GPL-2.0
/*
 * Cancellation of threads: by libc a signal that leaves a call or a computation for good, with
 * all cleanup handlers on the way.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>

#include "child.h"

static _Atomic pid_t tid;
static atomic_int cleaned, in_order, reached;
static int p[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;

static void clean(void *arg)
{
	/* The last pushed comes first: 2, then 1. */
	if (2 - cleaned == (int)(intptr_t)arg)
		in_order++;
	cleaned++;
}

static void unlock(void *arg)
{
	pthread_mutex_unlock(arg);
}

static void *blocks_in(void *arg)
{
	char c;

	tid = gettid_();
	pthread_cleanup_push(clean, (void *)1);
	pthread_cleanup_push(clean, (void *)2);
	switch ((int)(intptr_t)arg) {
	case 0:
		if (read(p[0], &c, 1) < 0)
			reached++;
		break;
	case 1:
		for (;;)
			pause();
	case 2:
		sem_wait(&sem);
		break;
	case 3:
		sleep(100);
		break;
	case 4:
		waitpid(-1, NULL, 0);
		break;
	}
	reached++;
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	tid = 0;
	cleaned = in_order = reached = 0;
	if (pthread_create(&t, NULL, fn, arg))
		bail("pthread_create");
	if (!eventually(tid))
		bail("the thread does not run");
	return t;
}

static void *join(pthread_t t)
{
	void *result = NULL;

	pthread_join(t, &result);
	return result;
}

static void test_blocked(void)
{
	static const char *const where[] = { "read()", "pause()", "sem_wait()", "sleep()",
					     "waitpid()" };
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	for (intptr_t i = 0; i < 5; i++) {
		pthread_t t = start(blocks_in, (void *)i);

		eventually(state_of(tid) == 'S');
		ok_eq(pthread_cancel(t), 0, "a thread in %s is cancelled", where[i]);
		ok(join(t) == PTHREAD_CANCELED && !reached, "%s does not come back", where[i]);
		ok(cleaned == 2 && in_order == 2, "%s: cleanup handlers run, the last one first",
		   where[i]);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void *waits_for_cond(void *arg)
{
	pthread_mutex_lock(&lock);
	pthread_cleanup_push(unlock, &lock);
	tid = gettid_();
	for (;;)
		pthread_cond_wait(&cond, &lock);
	pthread_cleanup_pop(1);
	return NULL;
}

static void test_cond(void)
{
	pthread_t t = start(waits_for_cond, NULL);

	eventually(state_of(tid) == 'S');
	pthread_cancel(t);
	ok(join(t) == PTHREAD_CANCELED, "a thread in pthread_cond_wait() is cancelled");
	ok_eq(pthread_mutex_trylock(&lock), 0,
	      "it had the mutex back, and its cleanup handler released it");
	pthread_mutex_unlock(&lock);
}

/* Asynchronously: anywhere, here in a loop that makes no call. */
static void *computes(void *arg)
{
	volatile unsigned long n = 0;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	pthread_cleanup_push(clean, (void *)2);
	tid = gettid_();
	for (;;)
		n++;
	pthread_cleanup_pop(0);
	return NULL;
}

static void test_async(void)
{
	int good = 0;

	for (int i = 0; i < 20; i++) {
		pthread_t t = start(computes, NULL);

		pthread_cancel(t);
		good += join(t) == PTHREAD_CANCELED && cleaned == 1;
	}
	ok_eq(good, 20, "20 threads in endless loops are cancelled asynchronously, with cleanup");
}

static atomic_int let_it;

static void *defers(void *arg)
{
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	tid = gettid_();
	while (!let_it)
		usleep(1000);		/* a cancellation point, if it were enabled */
	reached = 1;
	pthread_setcancelstate(old, NULL);
	pthread_testcancel();
	reached = 2;
	return NULL;
}

static void test_disabled(void)
{
	pthread_t t = start(defers, NULL);

	pthread_cancel(t);
	pause_ms(3);
	ok_eq(reached, 0, "a thread that has disabled cancellation goes on");
	let_it = 1;
	ok(join(t) == PTHREAD_CANCELED && reached == 1, "it is cancelled once it allows that");
}

static void *cancels_itself(void *arg)
{
	tid = gettid_();
	pthread_cleanup_push(clean, (void *)2);
	pthread_cancel(pthread_self());
	pthread_testcancel();
	reached = 1;
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	pthread_t t;

	if (pipe(p))
		bail("pipe");
	sem_init(&sem, 0, 0);
	test_blocked();
	test_cond();
	test_async();
	test_disabled();
	t = start(cancels_itself, NULL);
	ok(join(t) == PTHREAD_CANCELED && cleaned == 1 && !reached, "a thread cancels itself");
	return tap_done();
}
