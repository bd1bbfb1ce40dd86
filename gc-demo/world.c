// SPDX-License-Identifier: GPL-2.0
/* Threads: known, stopped, started. */
#include "world.h"
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "mark.h"
#include "stats.h"
#include "track.h"

#define STOP_SIGNAL	SIGPWR

__thread struct thread *self;
struct thread *threads;

static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;	/* a thread did; gc_lock */
static uint32_t stop_number;	/* odd: the world is to stand still */
static uint32_t stopped;	/* threads that do */
static uint64_t moved_at;	/* when the first of them moved again; 0: not yet */

static void futex_wait(uint32_t *p, uint32_t value)
{
	syscall(SYS_futex, p, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(uint32_t *p)
{
	syscall(SYS_futex, p, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* ---- Stopping, in the thread that stops ----------------------------------------------- */

static void stand_still(struct thread *t, uintptr_t sp)
{
	uint32_t number = __atomic_load_n(&stop_number, __ATOMIC_ACQUIRE);

	t->pending = false;
	/* An old request: the world moves again, or it was counted already. */
	if (!(number & 1) || t->stopped == number)
		return;
	t->sp = sp;
	t->stopped = number;
	__atomic_add_fetch(&stopped, 1, __ATOMIC_RELEASE);
	futex_wake(&stopped);
	while (__atomic_load_n(&stop_number, __ATOMIC_ACQUIRE) == number)
		futex_wait(&stop_number, number);
	if (!__atomic_load_n(&moved_at, __ATOMIC_RELAXED))
		__atomic_store_n(&moved_at, ticks(), __ATOMIC_RELAXED);
}

/* The program's registers are in the signal's frame, which lies above this frame. */
static void on_stop(int signo, siginfo_t *info, void *context)
{
	struct thread *t = self;
	int saved = errno;

	if (t) {
		t->pending = true;
		if (!t->busy)
			stand_still(t, (uintptr_t)__builtin_frame_address(0));
	}
	errno = saved;
}

/* Here only what a call keeps can hold a pointer: it is put on the stack. */
__attribute__((noinline)) void world_park(void)
{
	int saved = errno;

	__builtin_unwind_init();
	stand_still(self, (uintptr_t)__builtin_frame_address(0) - 256);
	errno = saved;
}

/* As above. What it does to its stack from here on is no object's. */
#define WAIT_HERE(t, call) do {								\
	__builtin_unwind_init();							\
	(t)->sp = (uintptr_t)__builtin_frame_address(0) - 256;				\
	__atomic_store_n(&(t)->waits, true, __ATOMIC_RELEASE);				\
	call;										\
	(t)->waits = false;								\
} while (0)

__attribute__((noinline)) void world_lock(void)
{
	if (self)
		WAIT_HERE(self, pthread_mutex_lock(&gc_lock));
	else
		pthread_mutex_lock(&gc_lock);
}

__attribute__((noinline)) void world_wait(pthread_cond_t *cond)
{
	WAIT_HERE(self, pthread_cond_wait(cond, &gc_lock));
}

/* ---- Stopping, in the collector -------------------------------------------------------- */

void world_init(void)
{
	struct sigaction sa = { .sa_sigaction = on_stop, .sa_flags = SA_SIGINFO | SA_RESTART };

	sigfillset(&sa.sa_mask);
	sigdelset(&sa.sa_mask, SIGSEGV);
	sigaction(STOP_SIGNAL, &sa, NULL);
}

bool world_waits(void)
{
	const struct thread *t = threads;

	while (t && __atomic_load_n(&t->waits, __ATOMIC_ACQUIRE))
		t = t->next;
	return !t;
}

void world_stop(void)
{
	uint32_t wanted = 0, have;

	__atomic_store_n(&stopped, 0, __ATOMIC_RELAXED);
	__atomic_add_fetch(&stop_number, 1, __ATOMIC_RELEASE);
	for (struct thread *t = threads; t; t = t->next) {
		if (__atomic_load_n(&t->waits, __ATOMIC_ACQUIRE))
			continue;
		syscall(SYS_tgkill, getpid(), t->tid, STOP_SIGNAL);
		wanted++;
	}
	stats.stop_signals += wanted;
	while ((have = __atomic_load_n(&stopped, __ATOMIC_ACQUIRE)) != wanted)
		futex_wait(&stopped, have);
}

uint64_t world_start(void)
{
	uint64_t t, moved;

	__atomic_store_n(&moved_at, 0, __ATOMIC_RELAXED);
	__atomic_add_fetch(&stop_number, 1, __ATOMIC_RELEASE);
	futex_wake(&stop_number);
	t = ticks();
	moved = __atomic_load_n(&moved_at, __ATOMIC_RELAXED);
	return moved ?: t;
}

/* ---- Coming and going ------------------------------------------------------------------- */

static int add_tls(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct thread *t = arg;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t start = (uintptr_t)info->dlpi_tls_data;

		if (info->dlpi_phdr[i].p_type != PT_TLS || !start)
			continue;
		if (t->nr_tls == MAX_TLS) {
			fprintf(stderr, "gc: more than %d libraries with thread-local variables: some roots would not be seen\n", MAX_TLS);
			abort();
		}
		t->tls[t->nr_tls++] = (struct range){ start, start + info->dlpi_phdr[i].p_memsz };
	}
	return 0;
}

static void find_stack(struct thread *t)
{
	pthread_attr_t attr;
	void *start;
	size_t len;

	if (pthread_getattr_np(pthread_self(), &attr) || pthread_attr_getstack(&attr, &start, &len)) {
		fprintf(stderr, "gc: where is this thread's stack? %s\n", strerror(errno));
		exit(1);
	}
	pthread_attr_destroy(&attr);
	t->stack_start = (uintptr_t)start;
	t->stack_end = (uintptr_t)start + len;
}

void gc_thread_begin(void)
{
	const char *why = track->thread ? track->thread() : NULL;
	struct thread *t = calloc(1, sizeof(*t));

	if (!t || why) {
		fprintf(stderr, "gc: %s\n", why ?: strerror(ENOMEM));
		exit(1);
	}
	t->pthread = pthread_self();
	t->tid = gettid();
	find_stack(t);
	pthread_mutex_lock(&roots_lock);
	dl_iterate_phdr(add_tls, t);
	pthread_mutex_unlock(&roots_lock);
	for (int c = 0; c < CLASSES; c++)
		for (int k = 0; k < KINDS; k++)
			t->cache[c][k].block = NO_BLOCK;
	pthread_mutex_lock(&gc_lock);
	t->next = threads;
	threads = t;
	self = t;
	pthread_mutex_unlock(&gc_lock);
}

static void unlink_thread(struct thread *t)
{
	struct thread **link = &threads;

	while (*link != t)
		link = &(*link)->next;
	*link = t->next;
}

static void retire_caches(struct thread *t)
{
	for (int c = 0; c < CLASSES; c++)
		for (int k = 0; k < KINDS; k++)
			cache_retire(&t->cache[c][k]);
}

void gc_thread_end(void)
{
	struct thread *t = self;

	if (!t)
		return;
	world_lock();
	stats_thread_end();
	retire_caches(t);
	unlink_thread(t);
	self = NULL;
	pthread_mutex_unlock(&gc_lock);
	pthread_cond_broadcast(&ended);
	free(t);
}

struct start {
	void *(*fn)(void *arg);
	void *arg;
	sem_t begun;
};

static void *begin(void *arg)
{
	struct start *s = arg;
	void *(*fn)(void *arg) = s->fn, *volatile a = s->arg, *result;

	gc_thread_begin();
	/* From here on a is a root of ours; until then it is one of our maker's. */
	sem_post(&s->begun);
	result = fn(a);
	gc_thread_end();
	return result;
}

int gc_spawn(pthread_t *thread, void *(*fn)(void *arg), void *arg)
{
	struct start s = { .fn = fn, .arg = arg };
	int err;

	sem_init(&s.begun, 0, 0);
	err = pthread_create(thread, NULL, begin, &s);
	while (!err && sem_wait(&s.begun))
		;
	sem_destroy(&s.begun);
	return err;
}

static bool is_known(pthread_t thread)
{
	const struct thread *t = threads;

	while (t && !pthread_equal(t->pthread, thread))
		t = t->next;
	return t;
}

int gc_join(pthread_t thread)
{
	world_lock();
	while (is_known(thread))
		world_wait(&ended);
	pthread_mutex_unlock(&gc_lock);
	return pthread_join(thread, NULL);
}

/* Only the thread that forked is there. */
void world_after_fork(void)
{
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	struct thread *next;

	ended = cond;
	for (struct thread *t = threads; t; t = next) {
		next = t->next;
		if (t == self)
			continue;
		retire_caches(t);
		unlink_thread(t);
	}
	stop_number &= ~1U;
	if (self) {
		self->tid = gettid();
		self->stopped = 0;
	}
}
