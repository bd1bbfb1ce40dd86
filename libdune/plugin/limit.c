// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The time limit: a timer of the thread's CPU time, and its signal.
 *
 * Where the signal finds ring 3 the run is ended at once. Where it finds ring 0, in the middle of
 * something, it leaves a note, which is looked at before ring 3 goes on; and as that may have
 * been just before, it comes again.
 */
#define _GNU_SOURCE
#include "plugin.h"
#include <errno.h>
#include <signal.h>
#include <time.h>
#include "raw.h"

#define SECOND	1000000000L
#define AGAIN	10000000L		/* 10 ms */

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static __thread timer_t timer;
static __thread bool have_timer;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int init_error;

static long again_after(uint64_t limit)
{
	return limit / 4 < AGAIN ? limit / 4 + 1 : AGAIN;
}

/* A signal that was on its way when its call ended does not end the next one: that has more time left. */
static bool is_over(const struct dune_plugin *p)
{
	struct itimerspec left;

	if (p->policy.time_ns == DUNE_PLUGIN_NO_LIMIT || timer_gettime(timer, &left))
		return false;
	return !left.it_value.tv_sec && left.it_value.tv_nsec <= again_after(p->policy.time_ns);
}

static void on_time(int sig, siginfo_t *info, void *context)
{
	struct dune_plugin *p = plugin_running;
	int saved = errno;

	if (p && info->si_code == SI_TIMER && is_over(p)) {
		__atomic_store_n(&p->expired, 1, __ATOMIC_RELAXED);
		dune_ring3_stop(DUNE_PLUGIN_TIME);
	}
	errno = saved;
}

static void timer_gone(void *unused)
{
	timer_delete(timer);
	have_timer = false;
}

static void init(void)
{
	struct sigaction action = { .sa_sigaction = on_time, .sa_flags = SA_SIGINFO | SA_RESTART };

	init_error = sigaction(DUNE_PLUGIN_SIGNAL, &action, NULL) ? errno : pthread_key_create(&key, timer_gone);
}

static int timer_new(void)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = DUNE_PLUGIN_SIGNAL,
		.sigev_notify_thread_id = sys(SYS_gettid, 0, 0, 0, 0, 0, 0),
	};
	sigset_t set;

	pthread_once(&once, init);
	if (init_error)
		return -init_error;
	if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer))
		return -errno;
	have_timer = true;
	pthread_setspecific(key, &timer);
	sigemptyset(&set);
	sigaddset(&set, DUNE_PLUGIN_SIGNAL);
	return -pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int plugin_limit_begin(struct dune_plugin *p)
{
	uint64_t limit = p->policy.time_ns;
	struct itimerspec when = {
		.it_value = { limit / SECOND, limit % SECOND }, .it_interval = { 0, again_after(limit) },
	};
	int err = 0;

	if (limit == DUNE_PLUGIN_NO_LIMIT)
		return 0;
	/* the child of a fork has its parent's memory, but no timers */
	if (have_timer && !timer_settime(timer, 0, &when, NULL))
		return 0;
	err = timer_new();
	return err ? err : timer_settime(timer, 0, &when, NULL) ? -errno : 0;
}

void plugin_limit_end(struct dune_plugin *p)
{
	static const struct itimerspec never;

	if (p->policy.time_ns != DUNE_PLUGIN_NO_LIMIT)
		timer_settime(timer, 0, &never, NULL);
}
