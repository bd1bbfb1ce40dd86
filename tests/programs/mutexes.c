// SPDX-License-Identifier: GPL-2.0
/*
 * Locks that sleep in the kernel: mutexes of all kinds, also those whose owner dies (a thread, a
 * process, by a signal), priority inheritance, condition variables, barriers, semaphores.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>

#include "child.h"

#define THREADS	4
#define TURNS	300

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, arg))
		bail("pthread_create");
	return t;
}

static void *join(pthread_t t)
{
	void *result = NULL;

	pthread_join(t, &result);
	return result;
}

static void init(pthread_mutex_t *m, int type, int robust, int protocol, int pshared)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setrobust(&attr, robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
	pthread_mutexattr_setprotocol(&attr, protocol);
	pthread_mutexattr_setpshared(&attr,
				     pshared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
	if (pthread_mutex_init(m, &attr))
		bail("pthread_mutex_init");
	pthread_mutexattr_destroy(&attr);
}

/* ---- Exclusion ---------------------------------------------------------- */

static pthread_mutex_t *lock;
static volatile long counter;

static void *count_up(void *arg)
{
	for (int i = 0; i < TURNS; i++) {
		long now;

		pthread_mutex_lock(lock);
		now = counter;
		if (i % 50 == 0)
			sched_yield();		/* with the lock held: others must wait */
		counter = now + 1;
		pthread_mutex_unlock(lock);
	}
	return NULL;
}

static void test_exclusion(void)
{
	static const struct { const char *name; int type, robust, protocol; } kinds[] = {
		{ "a normal mutex", PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_NONE },
		{ "a recursive mutex", PTHREAD_MUTEX_RECURSIVE, 0, PTHREAD_PRIO_NONE },
		{ "an error-checking mutex", PTHREAD_MUTEX_ERRORCHECK, 0, PTHREAD_PRIO_NONE },
		{ "a robust mutex", PTHREAD_MUTEX_NORMAL, 1, PTHREAD_PRIO_NONE },
		{ "a priority-inheriting mutex", PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_INHERIT },
		{ "a robust priority-inheriting mutex", PTHREAD_MUTEX_NORMAL, 1,
		  PTHREAD_PRIO_INHERIT },
	};
	pthread_mutex_t m;
	pthread_t t[THREADS];

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		init(&m, kinds[k].type, kinds[k].robust, kinds[k].protocol, 0);
		lock = &m;
		counter = 0;
		for (int i = 0; i < THREADS; i++)
			t[i] = start(count_up, NULL);
		for (int i = 0; i < THREADS; i++)
			join(t[i]);
		ok_eq(counter, THREADS * TURNS, "%s lets one in at a time", kinds[k].name);
		pthread_mutex_destroy(&m);
	}
}

/* ---- Owners that die ---------------------------------------------------- */

static void *lock_and_end(void *arg)
{
	pthread_mutex_lock(lock);
	return NULL;
}

static void *wait_for_lock(void *arg)
{
	*(_Atomic pid_t *)arg = gettid_();
	return (void *)(intptr_t)pthread_mutex_lock(lock);
}

static atomic_int may_end;

static void *lock_and_wait(void *arg)
{
	pthread_mutex_lock(lock);
	atomic_store((atomic_int *)arg, 1);
	while (!may_end)
		usleep(500);
	return NULL;
}

static void lock_and_exit(void)
{
	need(!pthread_mutex_lock(lock));
}

static void lock_and_be_killed(void)
{
	need(!pthread_mutex_lock(lock));
	kill(getpid(), SIGKILL);
}

static volatile int *volatile nowhere = (volatile int *)8;

static void lock_and_fault(void)
{
	need(!pthread_mutex_lock(lock));
	*nowhere = 1;
}

static void lock_and_exec(void)
{
	need(!pthread_mutex_lock(lock));
	execl("/proc/self/exe", "mutexes", "--nothing", (char *)NULL);
	_exit(1);
}

static void owner_died(const char *how)
{
	int err = pthread_mutex_lock(lock);

	ok_eq(err, EOWNERDEAD, "%s: the next one gets it with EOWNERDEAD", how);
	if (err == EOWNERDEAD) {
		pthread_mutex_consistent(lock);
		pthread_mutex_unlock(lock);
		ok_eq(pthread_mutex_lock(lock), 0, "%s: made consistent, it is as good as new",
		      how);
		pthread_mutex_unlock(lock);
	}
}

static void test_robust(int protocol, const char *kind)
{
	_Atomic pid_t waiter = 0;
	atomic_int held = 0;
	pthread_t a, b;

	diag("%s", kind);
	lock = shared(4096);
	init(lock, PTHREAD_MUTEX_NORMAL, 1, protocol, 1);
	join(start(lock_and_end, NULL));
	owner_died("the owner, a thread, ends");

	may_end = 0;
	a = start(lock_and_wait, &held);
	eventually(held);
	b = start(wait_for_lock, &waiter);
	eventually(waiter && state_of(waiter) == 'S');
	may_end = 1;
	join(a);
	ok_eq((intptr_t)join(b), EOWNERDEAD, "the owner ends while another one waits: EOWNERDEAD");
	/* that one has ended with it, too */
	owner_died("and that one with it");

	status_of(child(lock_and_exit));
	owner_died("the owner, a process, exits");
	status_of(child(lock_and_be_killed));
	owner_died("the owner, a process, is killed");
	status_of(child(lock_and_fault));
	owner_died("the owner, a process, dies of a fault");
	status_of(child(lock_and_exec));
	owner_died("the owner, a process, becomes another program");

	status_of(child(lock_and_exit));
	ok_eq(pthread_mutex_lock(lock), EOWNERDEAD, "an owner dies once more");
	pthread_mutex_unlock(lock);
	ok_eq(pthread_mutex_lock(lock), ENOTRECOVERABLE,
	      "released without having been made consistent: for ever lost");
	munmap(lock, 4096);
}

/* ---- Priority inheritance, by the bare calls ---------------------------- */

static void test_pi_raw(void)
{
	static uint32_t word;
	pthread_mutex_t m;

	ok_eq(syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0,
	      "FUTEX_LOCK_PI of a free lock");
	ok_eq(word & FUTEX_TID_MASK, gettid_(), "it has the owner's tid");
	ok(syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == -1 && errno == EDEADLK,
	   "twice: EDEADLK");
	ok_eq(syscall(SYS_futex, &word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0, "FUTEX_UNLOCK_PI");
	ok_eq(word, 0, "it is free");
	init(&m, PTHREAD_MUTEX_ERRORCHECK, 0, PTHREAD_PRIO_INHERIT, 0);
	pthread_mutex_lock(&m);
	ok_eq(pthread_mutex_lock(&m), EDEADLK,
	      "a priority-inheriting error-checking mutex, twice: EDEADLK");
	pthread_mutex_unlock(&m);
	ok_eq(pthread_mutex_unlock(&m), EPERM, "unlocked twice: EPERM");
}

/* ---- Condition variables, barriers, semaphores -------------------------- */

static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;

static void *take_turns(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(&plain);
		while (turn % THREADS != me)
			pthread_cond_wait(&changed, &plain);
		turn++;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&plain);
	}
	return NULL;
}

static pthread_barrier_t barrier;
static atomic_int arrived, serial, early;

static void *meet(void *arg)
{
	for (int i = 1; i <= 50; i++) {
		arrived++;
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			serial++;
		if (arrived < i * THREADS)
			early++;
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static sem_t *items, *room;
static volatile int *slot;

static void produce(void)
{
	for (int i = 0; i < 100; i++) {
		sem_wait(room);
		*slot = i;
		sem_post(items);
	}
}

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static volatile long rw_a, rw_b;

static void *read_or_write(void *arg)
{
	long wrong = 0;

	for (int i = 0; i < 200; i++) {
		if (i % 4 == (int)(intptr_t)arg) {
			pthread_rwlock_wrlock(&rw);
			rw_a++;
			sched_yield();
			rw_b++;
		} else {
			pthread_rwlock_rdlock(&rw);
			wrong += rw_a != rw_b;
		}
		pthread_rwlock_unlock(&rw);
	}
	return (void *)wrong;
}

static void all(void *(*fn)(void *), long *wrong)
{
	pthread_t t[THREADS];

	for (intptr_t i = 0; i < THREADS; i++)
		t[i] = start(fn, (void *)i);
	for (int i = 0; i < THREADS; i++)
		*wrong += (intptr_t)join(t[i]);
}

static void test_others(void)
{
	struct timespec past = { 1, 0 };
	long wrong = 0;
	pid_t pid;
	char *mem;

	all(take_turns, &wrong);
	ok_eq(turn, THREADS * 50, "four threads take turns by a condition variable");
	pthread_mutex_lock(&plain);
	ok_eq(pthread_cond_timedwait(&changed, &plain, &past), ETIMEDOUT,
	      "pthread_cond_timedwait() times out");
	pthread_mutex_unlock(&plain);

	pthread_barrier_init(&barrier, NULL, THREADS);
	all(meet, &wrong);
	ok(!early && serial == 50, "a barrier lets four threads through together, 50 times");

	all(read_or_write, &wrong);
	ok(!wrong && rw_a == THREADS * 50, "a read-write lock keeps writers alone");

	mem = shared(4096);
	items = (sem_t *)mem;
	room = (sem_t *)(mem + 256);
	slot = (int *)(mem + 512);
	sem_init(items, 1, 0);
	sem_init(room, 1, 1);
	pid = child(produce);
	for (int i = 0; i < 100; i++) {
		sem_wait(items);
		wrong += *slot != i;
		sem_post(room);
	}
	ok_eq(status_of(pid), 0, "a process gives another one 100 things by semaphores");
	ok_eq(wrong, 0, "they come in order");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 0;
	test_exclusion();
	test_robust(PTHREAD_PRIO_NONE, "robust mutexes");
	test_robust(PTHREAD_PRIO_INHERIT, "robust mutexes with priority inheritance");
	test_pi_raw();
	test_others();
	return tap_done();
}
