// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that a signal interrupts: which come back with EINTR, which are made again with
 * SA_RESTART, which go on after SIGSTOP and SIGCONT, as signal(7) has it.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "child.h"

/* ---- What the calls wait for -------------------------------------------- */

static int *word;			/* a futex, shared */
static int rfd, wfd;			/* a pipe */
static int sock[2];			/* a pair of sockets */
static int listener, epoll, notify, queue, sem, lockfd, dir;
static struct sockaddr_un listen_addr = { .sun_family = AF_UNIX };
static pid_t zombie_to_be;
static const struct timespec long_time = { 100, 0 };

static void send_byte(void)
{
	need(write(wfd, "x", 1) == 1);
}

static long do_read(void)
{
	char c;

	return read(rfd, &c, 1);
}

static long do_poll(void)
{
	struct pollfd p = { .fd = rfd, .events = POLLIN };

	return poll(&p, 1, 100000);
}

static long do_ppoll(void)
{
	struct pollfd p = { .fd = rfd, .events = POLLIN };
	sigset_t none;

	sigemptyset(&none);
	return ppoll(&p, 1, &long_time, &none);
}

static long do_select(void)
{
	struct timeval tv = { 100, 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(rfd, &set);
	return select(rfd + 1, &set, NULL, NULL, &tv);
}

static long do_pselect(void)
{
	sigset_t none;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(rfd, &set);
	sigemptyset(&none);
	return pselect(rfd + 1, &set, NULL, NULL, &long_time, &none);
}

static long do_epoll(void)
{
	struct epoll_event ev;

	return epoll_wait(epoll, &ev, 1, 100000);
}

static long do_nanosleep(void)
{
	return nanosleep(&long_time, NULL);
}

static long do_clock_nanosleep(void)
{
	int err = clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, NULL);

	errno = err;
	return err ? -1 : 0;
}

static long do_clock_abs(void)
{
	struct timespec t;
	int err;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += 100;
	err = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	errno = err;
	return err ? -1 : 0;
}

static long do_futex(void)
{
	return syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static long do_futex_timed(void)
{
	return syscall(SYS_futex, word, FUTEX_WAIT, 0, &long_time, NULL, 0);
}

static void wake(void)
{
	*word = 1;
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static long do_accept(void)
{
	int fd = accept(listener, NULL, NULL);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

static void do_connect(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	need(!connect(fd, (struct sockaddr *)&listen_addr, sizeof(listen_addr)));
}

static long do_recv(void)
{
	char c;

	return recv(sock[0], &c, 1, 0);
}

static void do_send(void)
{
	need(send(sock[1], "x", 1, 0) == 1);
}

/* A socket with a time-out is never waited for again. */
static long do_recv_timed(void)
{
	struct timeval tv = { 100, 0 }, none = { 0, 0 };
	long n;
	int err;
	char c;

	setsockopt(sock[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	n = recv(sock[0], &c, 1, 0);
	err = errno;
	setsockopt(sock[0], SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
	errno = err;
	return n;
}

static long do_wait4(void)
{
	return waitpid(zombie_to_be, NULL, 0) > 0 ? 0 : -1;
}

static long do_waitid(void)
{
	siginfo_t si;

	return waitid(P_PID, (id_t)zombie_to_be, &si, WEXITED | WNOWAIT);
}

static void end_child(void)
{
	kill(zombie_to_be, SIGKILL);
}

static long do_msgrcv(void)
{
	struct { long type; char c; } m;

	return msgrcv(queue, &m, 1, 0, 0);
}

static long do_semop(void)
{
	struct sembuf op = { 0, -1, 0 };

	return semop(sem, &op, 1);
}

static long do_pause(void)
{
	return pause();
}

static long do_sigsuspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	return sigsuspend(&none);
}

static long do_sigtimedwait(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	return sigtimedwait(&set, NULL, &long_time);
}

static long do_flock(void)
{
	int fd = openat(dir, "lock", O_RDWR), err;
	long r = flock(fd, LOCK_EX);

	err = errno;
	close(fd);
	errno = err;
	return r;
}

/* An open file's lock: the other process has it too. It is taken again in make_call(). */
static void drop_lock(void)
{
	flock(lockfd, LOCK_UN);
}

static long do_inotify(void)
{
	char ev[512];

	return read(notify, ev, sizeof(ev)) > 0 ? 0 : -1;
}

static void make_event(void)
{
	need(!unlinkat(dir, "file", 0));
}

static long do_write(void)
{
	static char block[65536 * 2];

	/* The pipe holds 64 KiB: it blocks for good. Nothing is left in it before. */
	return write(wfd, block, sizeof(block)) > 0 ? -2 : -1;
}

/* ---- Interrupting them -------------------------------------------------- */

struct call {
	const char *name;
	long (*make)(void);
	void (*finish)(void);		/* in the other process: what lets it end */
	long result;			/* then */
	enum { RESTARTS, NEVER } how;	/* with SA_RESTART */
	enum { GOES_ON, EINTR_TOO } stop;	/* after SIGSTOP and SIGCONT */
};

static const struct call calls[] = {
	{ "read() of a pipe", do_read, send_byte, 1, RESTARTS, GOES_ON },
	{ "recv()", do_recv, do_send, 1, RESTARTS, GOES_ON },
	{ "accept()", do_accept, do_connect, 0, RESTARTS, GOES_ON },
	{ "wait4()", do_wait4, end_child, 0, RESTARTS, GOES_ON },
	{ "waitid()", do_waitid, end_child, 0, RESTARTS, GOES_ON },
	{ "flock()", do_flock, drop_lock, 0, RESTARTS, GOES_ON },
	{ "futex(WAIT)", do_futex, wake, 0, RESTARTS, GOES_ON },
	{ "futex(WAIT) with a time-out", do_futex_timed, wake, 0, NEVER, GOES_ON },
	{ "recv() with SO_RCVTIMEO", do_recv_timed, do_send, 1, NEVER, EINTR_TOO },
	{ "poll()", do_poll, send_byte, 1, NEVER, GOES_ON },
	{ "ppoll()", do_ppoll, send_byte, 1, NEVER, GOES_ON },
	{ "select()", do_select, send_byte, 1, NEVER, GOES_ON },
	{ "pselect()", do_pselect, send_byte, 1, NEVER, GOES_ON },
	{ "epoll_wait()", do_epoll, send_byte, 1, NEVER, EINTR_TOO },
	{ "nanosleep()", do_nanosleep, NULL, 0, NEVER, GOES_ON },
	{ "clock_nanosleep()", do_clock_nanosleep, NULL, 0, NEVER, GOES_ON },
	{ "clock_nanosleep(TIMER_ABSTIME)", do_clock_abs, NULL, 0, NEVER, GOES_ON },
	{ "msgrcv()", do_msgrcv, NULL, 0, NEVER, GOES_ON },
	{ "semop()", do_semop, NULL, 0, NEVER, EINTR_TOO },
	{ "pause()", do_pause, NULL, 0, NEVER, GOES_ON },
	{ "sigsuspend()", do_sigsuspend, NULL, 0, NEVER, GOES_ON },
	{ "sigtimedwait()", do_sigtimedwait, NULL, 0, NEVER, EINTR_TOO },
	{ "read() of an inotify descriptor", do_inotify, make_event, 0, RESTARTS, GOES_ON },
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static volatile int *in_call;		/* shared: set right before the call */
static volatile int handled;
static pid_t caller;
static const struct call *c;

static void on_usr1(int sig)
{
	handled++;
}

static void arm(int flags)
{
	struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = flags };

	sigaction(SIGUSR1, &sa, NULL);
	handled = 0;
}

static void until_asleep(void)
{
	need(eventually(*in_call));
	need(eventually(state_of(caller) == 'S'));
	/* Twice: it may have slept on the way. */
	pause_ms(1);
	need(eventually(state_of(caller) == 'S'));
}

static void interrupt_it(void)
{
	until_asleep();
	kill(caller, SIGUSR1);
}

static void interrupt_and_finish(void)
{
	until_asleep();
	kill(caller, SIGUSR1);
	until_asleep();
	c->finish();
}

static void stop_it(void)
{
	until_asleep();
	kill(caller, SIGSTOP);
	need(eventually(state_of(caller) == 'T'));
	kill(caller, SIGCONT);
}

static void stop_and_finish(void)
{
	stop_it();
	until_asleep();
	if (c->finish)
		c->finish();
	else
		kill(caller, SIGUSR1);
}

/* Ignored by default, or by the program: nothing must be seen of them. */
static void ignored_and_finish(void)
{
	until_asleep();
	kill(caller, SIGWINCH);
	kill(caller, SIGURG);
	kill(caller, SIGUSR2);
	until_asleep();
	c->finish();
}

/* What make_event() removes. */
static void make_file(void)
{
	close(openat(dir, "file", O_RDWR | O_CREAT, 0600));
}

static long make_call(void (*other)(void), int *err)
{
	pid_t helper;
	long r;
	int st;

	*word = 0;
	*in_call = 0;
	flock(lockfd, LOCK_EX);
	zombie_to_be = fork();
	if (!zombie_to_be)
		for (;;)
			pause();
	helper = child(other);
	errno = 0;
	*in_call = 1;
	r = c->make();
	*err = errno;
	st = status_of(helper);
	if (st)
		diag("  the other process failed: %#x", st);
	kill(zombie_to_be, SIGKILL);
	waitpid(zombie_to_be, NULL, 0);
	return r;
}

static void empty_pipe(void)
{
	char buf[64];

	fcntl(rfd, F_SETFL, O_NONBLOCK);
	while (read(rfd, buf, sizeof(buf)) > 0)
		;
	fcntl(rfd, F_SETFL, 0);
}

static void test_eintr(void)
{
	long r;
	int err;

	arm(0);
	r = make_call(interrupt_it, &err);
	if (!ok(r == -1 && err == EINTR && handled == 1, "%s: EINTR without SA_RESTART", c->name))
		diag("  result %ld errno %d handled %d", r, err, handled);

	arm(SA_RESTART);
	r = make_call(c->how == RESTARTS && c->finish ? interrupt_and_finish : interrupt_it, &err);
	if (c->how == NEVER) {
		if (!ok(r == -1 && err == EINTR && handled == 1, "%s: EINTR even with SA_RESTART",
			c->name))
			diag("  result %ld errno %d handled %d", r, err, handled);
	} else if (c->finish) {
		if (!ok(r == c->result && handled == 1, "%s: made again with SA_RESTART", c->name))
			diag("  result %ld errno %d handled %d", r, err, handled);
	}
	empty_pipe();
}

static void test_stop(void)
{
	long r, want = c->finish ? c->result : -1;
	int err;

	arm(0);
	if (c->stop == EINTR_TOO) {
		r = make_call(stop_it, &err);
		if (!ok(r == -1 && err == EINTR && !handled, "%s: EINTR after a stop", c->name))
			diag("  result %ld errno %d handled %d", r, err, handled);
	} else {
		r = make_call(stop_and_finish, &err);
		if (!ok(r == want && handled == !c->finish && (c->finish || err == EINTR),
			"%s: goes on after a stop",
			c->name))
			diag("  result %ld errno %d handled %d", r, err, handled);
	}
	empty_pipe();
}

static void test_ignored(void)
{
	long r;
	int err;

	if (!c->finish)
		return;
	signal(SIGUSR2, SIG_IGN);
	r = make_call(ignored_and_finish, &err);
	if (!ok(r == c->result, "%s: ignored signals are not noticed", c->name))
		diag("  result %ld errno %d", r, err);
	empty_pipe();
}

/* ---- What is left ------------------------------------------------------- */

static struct timespec left;

static long do_sleep_left(void)
{
	struct timespec want = { 100, 0 };

	return nanosleep(&want, &left);
}

static long do_clock_left(void)
{
	struct timespec want = { 100, 0 };
	int err = clock_nanosleep(CLOCK_REALTIME, 0, &want, &left);

	errno = err;
	return err ? -1 : 0;
}

static long short_sleep(void)
{
	struct timespec want = { 0, 20000000 };

	return nanosleep(&want, NULL);
}

static long short_poll(void)
{
	return poll(NULL, 0, 20);
}

static void test_left(void)
{
	struct call sleep_left = { .make = do_sleep_left }, clock_left = { .make = do_clock_left };
	static const struct call naps[] = {
		{ .name = "nanosleep(20 ms)", .make = short_sleep },
		{ .name = "poll(20 ms)", .make = short_poll },
	};
	long r;
	int err;

	arm(SA_RESTART);
	c = &sleep_left;
	r = make_call(interrupt_it, &err);
	ok(r == -1 && err == EINTR && left.tv_sec < 100 && left.tv_sec > 0,
	   "nanosleep() says what was left");
	memset(&left, 0, sizeof(left));
	c = &clock_left;
	r = make_call(interrupt_it, &err);
	ok(r == -1 && err == EINTR && left.tv_sec < 100 && left.tv_sec > 0,
	   "clock_nanosleep() says what was left");

	for (int i = 0; i < 2; i++) {
		c = &naps[i];
		/* It may be over before it is stopped. */
		*in_call = 1;
		if (fork() == 0) {
			pause_ms(3);
			kill(caller, SIGSTOP);
			eventually(state_of(caller) == 'T');
			kill(caller, SIGCONT);
			_exit(0);
		}
		ok_eq(c->make(), 0, "%s over a stop", c->name);
		wait(NULL);
	}
	raise(SIGUSR1);		/* whose end forgets what was to be restarted */
	ok(syscall(SYS_restart_syscall) == -1 && errno == EINTR,
	   "restart_syscall() out of the blue: EINTR");
}

/* A full pipe: what has been written before the signal counts. */
static void test_partial(void)
{
	struct call w = { .make = do_write };
	long r;
	int err;

	arm(SA_RESTART);
	c = &w;
	r = make_call(interrupt_it, &err);
	ok(r == -2, "write() that a signal interrupts half-way says how much was written");
	empty_pipe();
}

int main(void)
{
	char path[] = "/tmp/sigrestart-XXXXXX";
	struct epoll_event ev = { .events = EPOLLIN };
	int p[2];

	word = shared(4096);
	in_call = word + 1;
	caller = getpid();
	if (pipe(p) || socketpair(AF_UNIX, SOCK_STREAM, 0, sock) || !mkdtemp(path))
		bail("pipe, socketpair, mkdtemp");
	rfd = p[0];
	wfd = p[1];
	epoll = epoll_create1(0);
	epoll_ctl(epoll, EPOLL_CTL_ADD, rfd, &ev);
	snprintf(listen_addr.sun_path + 1, sizeof(listen_addr.sun_path) - 1, "sigrestart-%d",
		 getpid());
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&listen_addr, sizeof(listen_addr)) ||
	    listen(listener, 5))
		bail("listen");
	queue = msgget(IPC_PRIVATE, 0600);
	sem = semget(IPC_PRIVATE, 1, 0600);
	notify = inotify_init();
	inotify_add_watch(notify, path, IN_DELETE);
	dir = open(path, O_RDONLY | O_DIRECTORY);
	lockfd = openat(dir, "lock", O_RDWR | O_CREAT, 0600);
	if (lockfd < 0 || flock(lockfd, LOCK_EX))
		bail("lock");

	for (size_t i = 0; i < CALLS; i++) {
		c = &calls[i];
		make_file();
		test_eintr();
		make_file();
		test_stop();
		make_file();
		test_ignored();
	}
	test_left();
	test_partial();

	unlinkat(dir, "lock", 0);
	unlinkat(dir, "file", 0);
	rmdir(path);
	msgctl(queue, IPC_RMID, NULL);
	semctl(sem, 0, IPC_RMID);
	return tap_done();
}
