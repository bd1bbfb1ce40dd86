// SPDX-License-Identifier: GPL-2.0
/*
 * Signal handlers: what they are told, what is blocked meanwhile, in which order
 * signals come, and the ways to take one without a handler.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/time.h>

#include "child.h"

/* ---- What the last signals were ----------------------------------------- */

#define MAX_SEEN 64
static siginfo_t seen[MAX_SEEN];
static volatile int count;

static void note(int sig, siginfo_t *si, void *uc)
{
	if (count < MAX_SEEN)
		seen[count] = *si;
	count++;
}

static void handle_with(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags };

	sigemptyset(&sa.sa_mask);
	if (sigaction(sig, &sa, NULL))
		bail("sigaction(%d): %s", sig, strerror(errno));
}

/* Count @sig from now on, from 0. */
static void watch(int sig)
{
	handle_with(sig, note, 0);
	count = 0;
	memset(seen, 0, sizeof(seen));
}

static sigset_t set_of(int a, int b)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, a);
	if (b)
		sigaddset(&set, b);
	return set;
}

static void block(int sig)
{
	sigset_t set = set_of(sig, 0);

	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void unblock(int sig)
{
	sigset_t set = set_of(sig, 0);

	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int is_blocked(int sig)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	return sigismember(&now, sig);
}

/* ---- siginfo ------------------------------------------------------------ */

static void test_sent(void)
{
	union sigval value = { .sival_ptr = (void *)0x123456789abcdef0 };

	watch(SIGUSR1);
	kill(getpid(), SIGUSR1);
	ok_eq(count, 1, "kill() to itself: the handler has run before it returns");
	ok(seen[0].si_signo == SIGUSR1 && seen[0].si_code == SI_USER &&
	   seen[0].si_pid == getpid() &&
	   seen[0].si_uid == getuid(), "kill(): SI_USER, pid and uid of the sender");

	watch(SIGUSR1);
	syscall(SYS_tgkill, getpid(), gettid_(), SIGUSR1);
	ok(count == 1 && seen[0].si_code == SI_TKILL && seen[0].si_pid == getpid(),
	   "tgkill(): SI_TKILL");

	watch(SIGUSR1);
	ok_eq(raise(SIGUSR1), 0, "raise() returns 0");
	ok_eq(count, 1, "raise(): the handler has run before it returns");

	watch(SIGUSR2);
	sigqueue(getpid(), SIGUSR2, value);
	ok(count == 1 && seen[0].si_code == SI_QUEUE && seen[0].si_pid == getpid() &&
	   seen[0].si_value.sival_ptr == value.sival_ptr, "sigqueue(): SI_QUEUE and its value");

	watch(SIGRTMIN + 3);
	pthread_sigqueue(pthread_self(), SIGRTMIN + 3, value);
	ok(count == 1 && seen[0].si_signo == SIGRTMIN + 3 && seen[0].si_code == SI_QUEUE &&
	   seen[0].si_value.sival_ptr == value.sival_ptr,
		   "pthread_sigqueue(): SI_QUEUE and its value");
}

static void test_timer(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1 };
	struct itimerspec when = { .it_value.tv_nsec = 1000000 };
	timer_t id;

	watch(SIGRTMIN + 1);
	ev.sigev_value.sival_int = 4711;
	ok_eq(timer_create(CLOCK_MONOTONIC, &ev, &id), 0, "timer_create()");
	timer_settime(id, 0, &when, NULL);
	ok(eventually(count), "the timer's signal comes");
	ok(seen[0].si_code == SI_TIMER && seen[0].si_value.sival_int == 4711 &&
	   seen[0].si_overrun == 0,
	   "the timer's signal: SI_TIMER, its value, no overrun");

	block(SIGRTMIN + 1);
	watch(SIGRTMIN + 1);
	when.it_interval = when.it_value;
	timer_settime(id, 0, &when, NULL);
	pause_ms(8);
	unblock(SIGRTMIN + 1);
	ok(count >= 1 && seen[0].si_overrun >= 1,
	   "a timer that ran on while blocked: overruns are counted");
	timer_delete(id);
}

static void exit_7(void)
{
	_exit(7);
}

static void die_of_usr2(void)
{
	signal(SIGUSR2, SIG_DFL);
	kill(getpid(), SIGUSR2);
}

static pid_t parent;

static void signal_parent(void)
{
	kill(parent, SIGUSR1);
}

static void test_chld(void)
{
	pid_t pid;

	watch(SIGCHLD);
	pid = child(exit_7);
	ok(eventually(count == 1), "SIGCHLD when a child exits");
	ok(seen[0].si_code == CLD_EXITED && seen[0].si_pid == pid && seen[0].si_status == 7,
	   "SIGCHLD: CLD_EXITED, pid and exit status");
	waitpid(pid, NULL, 0);

	watch(SIGCHLD);
	pid = child(die_of_usr2);
	ok(eventually(count == 1), "SIGCHLD when a child is killed");
	ok(seen[0].si_code == CLD_KILLED && seen[0].si_pid == pid && seen[0].si_status == SIGUSR2,
	   "SIGCHLD: CLD_KILLED, pid and signal");
	waitpid(pid, NULL, 0);
	signal(SIGCHLD, SIG_DFL);

	parent = getpid();
	watch(SIGUSR1);
	pid = child(signal_parent);
	ok_eq(status_of(pid), 0, "a child sends its parent a signal");
	ok(count == 1 && seen[0].si_code == SI_USER && seen[0].si_pid == pid,
	   "SI_USER with the child's pid");
}

/* ---- Masks and flags ---------------------------------------------------- */

/* Who began (a capital) and who ended: A is SIGUSR1, B SIGUSR2, H SIGHUP. */
static char story[32];
static volatile int runs_of_a, blocked_in_a[3];

static void tell(char c)
{
	size_t len = strlen(story);

	if (len < sizeof(story) - 1)
		story[len] = c;
}

static void tell_a(int sig, siginfo_t *si, void *uc)
{
	tell('A');
	if (!runs_of_a++) {
		blocked_in_a[0] = is_blocked(SIGUSR1);
		blocked_in_a[1] = is_blocked(SIGUSR2);
		blocked_in_a[2] = is_blocked(SIGHUP);
		raise(SIGHUP);		/* not blocked: runs here */
		raise(SIGUSR2);		/* in sa_mask: waits */
		raise(SIGUSR1);		/* the signal itself: waits */
	}
	tell('a');
}

static void tell_other(int sig, siginfo_t *si, void *uc)
{
	tell(sig == SIGHUP ? 'H' : 'B');
	tell(sig == SIGHUP ? 'h' : 'b');
}

static void test_mask(void)
{
	struct sigaction sa = { .sa_sigaction = tell_a, .sa_flags = SA_SIGINFO }, old;

	sa.sa_mask = set_of(SIGUSR2, 0);
	sigaction(SIGUSR1, &sa, NULL);
	handle_with(SIGHUP, tell_other, 0);
	handle_with(SIGUSR2, tell_other, 0);
	memset(story, 0, sizeof(story));
	raise(SIGUSR1);
	ok(blocked_in_a[0] && blocked_in_a[1] && !blocked_in_a[2],
	   "in a handler: the signal itself and sa_mask are blocked, others not");
	ok_str(story, "AHhaAaBb",
	       "a handler is interrupted by what is not blocked; the rest comes after it");
	ok(!is_blocked(SIGUSR1) && !is_blocked(SIGUSR2), "afterwards nothing is blocked");

	ok(!sigaction(SIGUSR1, NULL, &old) && old.sa_sigaction == tell_a &&
	   (old.sa_flags & SA_SIGINFO) && sigismember(&old.sa_mask, SIGUSR2),
	   "sigaction() says what was set");
	ok(sigaction(SIGKILL, &sa, NULL) == -1 && errno == EINVAL, "no handler for SIGKILL");
	ok(sigaction(SIGSTOP, &sa, NULL) == -1 && errno == EINVAL, "no handler for SIGSTOP");
}

static volatile int depth, deepest;

static void dive(int sig, siginfo_t *si, void *uc)
{
	if (++depth > deepest)
		deepest = depth;
	if (depth < 5)
		raise(sig);
	depth--;
}

static void test_flags(void)
{
	struct sigaction now;

	handle_with(SIGUSR1, dive, SA_NODEFER);
	raise(SIGUSR1);
	ok_eq(deepest, 5, "SA_NODEFER: a handler interrupts itself, five deep");

	watch(SIGUSR1);
	handle_with(SIGUSR1, note, SA_RESETHAND);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &now);
	ok(count == 1 && now.sa_handler == SIG_DFL,
	   "SA_RESETHAND: runs once, then the default action");

	signal(SIGUSR1, SIG_IGN);
	count = 0;
	ok_eq(raise(SIGUSR1), 0, "an ignored signal is sent");
	ok_eq(count, 0, "an ignored signal does nothing");
	block(SIGUSR1);
	watch(SIGUSR1);
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_IGN);
	unblock(SIGUSR1);
	ok_eq(count, 0, "SIG_IGN throws a pending signal away");
}

static void test_pending(void)
{
	sigset_t pending;
	int i, good = 1, rt = SIGRTMIN + 4;

	block(SIGUSR1);
	watch(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	kill(getpid(), SIGUSR1);
	sigpending(&pending);
	ok(count == 0 && sigismember(&pending, SIGUSR1) && !sigismember(&pending, SIGUSR2),
	   "sigpending() shows what waits");
	unblock(SIGUSR1);
	/* Once for the thread, once for the process. */
	ok_eq(count, 2, "a standard signal is queued once (for the thread, and for the process)");

	block(rt);
	watch(rt);
	for (i = 0; i < 20; i++)
		sigqueue(getpid(), rt, (union sigval){ .sival_int = i });
	unblock(rt);
	ok_eq(count, 20, "realtime signals are queued each");
	for (i = 0; i < 20; i++)
		good &= seen[i].si_value.sival_int == i;
	ok(good, "realtime signals come in the order they were sent");

	{
		sigset_t two = set_of(rt, rt + 1), old;

		sigprocmask(SIG_BLOCK, &two, &old);
		watch(rt);
		handle_with(rt + 1, note, 0);
		sigqueue(getpid(), rt + 1, (union sigval){ .sival_int = 1 });
		sigqueue(getpid(), rt, (union sigval){ .sival_int = 2 });
		sigprocmask(SIG_SETMASK, &old, NULL);
		/* Both frames are made; the one made last runs first. */
		ok_eq(count, 2, "two signals unblocked at once both come");
		ok(seen[0].si_signo == rt + 1 && seen[1].si_signo == rt,
		   "of two signals the lower one's frame is made first, so it runs last");
	}
}

static void limit_queue(void)
{
	struct rlimit none = { 0, 0 };
	int rt = SIGRTMIN + 4;

	need(!setrlimit(RLIMIT_SIGPENDING, &none));
	block(rt);
	need(sigqueue(getpid(), rt, (union sigval){ 0 }) == -1 && errno == EAGAIN);
}

/* ---- Without a handler -------------------------------------------------- */

static void test_wait(void)
{
	struct timespec now = { 0, 0 }, soon = { 0, 2000000 };
	sigset_t set, empty;
	siginfo_t si;

	sigemptyset(&empty);
	block(SIGUSR1);
	watch(SIGUSR1);
	raise(SIGUSR1);
	ok(sigsuspend(&empty) == -1 && errno == EINTR && count == 1,
	   "sigsuspend() lets the pending signal in and returns EINTR");
	ok(is_blocked(SIGUSR1), "sigsuspend() brings the mask back");

	set = set_of(SIGUSR1, SIGRTMIN + 2);
	block(SIGRTMIN + 2);
	ok(sigtimedwait(&set, &si, &now) == -1 && errno == EAGAIN,
	   "sigtimedwait(0) without a signal: EAGAIN");
	ok(sigtimedwait(&set, &si, &soon) == -1 && errno == EAGAIN,
	   "sigtimedwait(2 ms) times out: EAGAIN");
	sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = 77 });
	count = 0;
	ok_eq(sigwaitinfo(&set, &si), SIGRTMIN + 2, "sigwaitinfo() takes the signal");
	ok(si.si_code == SI_QUEUE && si.si_value.sival_int == 77 && !count,
	   "sigwaitinfo() gives its siginfo, and no handler runs");
	unblock(SIGUSR1);
	unblock(SIGRTMIN + 2);
}

static void test_signalfd(void)
{
	struct signalfd_siginfo fdsi = { 0 };
	sigset_t set = set_of(SIGUSR1, SIGUSR2);
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);

	sigprocmask(SIG_BLOCK, &set, NULL);
	watch(SIGUSR2);
	ok(fd >= 0, "signalfd()");
	ok(read(fd, &fdsi, sizeof(fdsi)) == -1 && errno == EAGAIN, "signalfd: nothing yet");
	sigqueue(getpid(), SIGUSR2, (union sigval){ .sival_int = 5 });
	ok_eq(read(fd, &fdsi, sizeof(fdsi)), sizeof(fdsi), "signalfd: a signal is read");
	ok(fdsi.ssi_signo == SIGUSR2 && fdsi.ssi_pid == (unsigned int)getpid() &&
	   fdsi.ssi_int == 5 && !count,
	   "signalfd: who sent it, its value, and no handler runs");
	close(fd);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	ok_eq(count, 0, "signalfd: what was read does not come again");
}

/* ---- Clocks ------------------------------------------------------------- */

static volatile unsigned long work;

static void compute_until_counted(void)
{
	/* Some 200 M instructions at most, should the signal not come. */
	for (long i = 0; i < 50000000 && !count; i++)
		work = work * 3 + 1;
}

static void test_itimers(void)
{
	static const struct { int which, sig; const char *name; } t[] = {
		{ ITIMER_REAL, SIGALRM, "ITIMER_REAL" },
		{ ITIMER_VIRTUAL, SIGVTALRM, "ITIMER_VIRTUAL" },
		{ ITIMER_PROF, SIGPROF, "ITIMER_PROF" },
	};
	struct itimerval when = { .it_value.tv_usec = 3000 }, left;

	for (int i = 0; i < 3; i++) {
		watch(t[i].sig);
		ok_eq(setitimer(t[i].which, &when, NULL), 0, "%s is set", t[i].name);
		compute_until_counted();
		ok_eq(count, 1, "%s interrupts a loop that makes no call", t[i].name);
		getitimer(t[i].which, &left);
		ok(!left.it_value.tv_sec && !left.it_value.tv_usec, "%s has run out", t[i].name);
	}
	alarm(100);
	ok((int)alarm(0) > 90, "alarm() says what was left");
}

/* ---- Leaving a handler by siglongjmp() ---------------------------------- */

static sigjmp_buf jump_to;

static void jump(int sig, siginfo_t *si, void *uc)
{
	siglongjmp(jump_to, sig);
}

static void test_longjmp(void)
{
	volatile int times = 0, wrong = 0;
	volatile unsigned long on_stack = 0x1234;

	handle_with(SIGUSR1, jump, 0);
	while (times < 1000) {
		int sig = sigsetjmp(jump_to, 1);

		if (!sig) {
			raise(SIGUSR1);
			wrong++;
		}
		wrong += sig != SIGUSR1 || is_blocked(SIGUSR1) || on_stack != 0x1234;
		times++;
	}
	ok_eq(wrong, 0, "1000 times out of a handler by siglongjmp(): the mask is the old one");

	times = 0;
	if (!sigsetjmp(jump_to, 0))
		raise(SIGUSR1);
	ok(is_blocked(SIGUSR1), "siglongjmp() without a saved mask leaves the signal blocked");
	unblock(SIGUSR1);
}

/* ---- Children's signals ------------------------------------------------- */

static void test_nocld(void)
{
	struct sigaction sa = { .sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_NOCLDWAIT };
	pid_t pid;
	int status;

	count = 0;
	sigaction(SIGCHLD, &sa, NULL);
	pid = child(exit_7);
	ok(waitpid(pid, NULL, 0) == -1 && errno == ECHILD, "SA_NOCLDWAIT: no zombie to wait for");
	signal(SIGCHLD, SIG_IGN);
	pid = child(exit_7);
	ok(waitpid(pid, NULL, 0) == -1 && errno == ECHILD,
	   "SIGCHLD ignored: no zombie to wait for");

	for (int flag = 0; flag < 2; flag++) {
		watch(SIGCHLD);
		handle_with(SIGCHLD, note, flag ? SA_NOCLDSTOP | SA_RESTART : SA_RESTART);
		pid = fork();
		if (!pid)
			for (;;)
				pause();
		kill(pid, SIGSTOP);
		waitpid(pid, &status, WUNTRACED);
		ok(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP, "a child is stopped");
		if (flag)
			ok_eq(count, 0, "SA_NOCLDSTOP: no SIGCHLD when it stops");
		else
			ok(eventually(count) && seen[0].si_code == CLD_STOPPED &&
			   seen[0].si_pid == pid &&
			   seen[0].si_status == SIGSTOP, "SIGCHLD when it stops: CLD_STOPPED");
		kill(pid, SIGKILL);
		status = status_of(pid);
		ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		   "SIGKILL kills it though stopped");
	}
	signal(SIGCHLD, SIG_DFL);
}

static void keep_blocked(void)
{
	need(is_blocked(SIGUSR2));
	need(!sigpending(&(sigset_t){ 0 }));
	raise(SIGUSR2);
	unblock(SIGUSR2);
	need(count == 1);
}

int main(void)
{
	test_sent();
	test_timer();
	test_mask();
	test_flags();
	test_pending();
	test_wait();
	test_signalfd();
	test_itimers();
	test_longjmp();
	test_chld();
	test_nocld();
	ok_child(limit_queue, "RLIMIT_SIGPENDING: EAGAIN when the queue is full");
	watch(SIGUSR2);
	block(SIGUSR2);
	ok_child(keep_blocked, "a child has its parent's mask and handlers");
	return tap_done();
}
