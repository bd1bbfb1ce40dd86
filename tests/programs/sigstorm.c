// SPDX-License-Identifier: GPL-2.0
/*
 * Many signals while a program computes, calls, faults and makes children: nothing of it must
 * notice.
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>

#include "child.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define PAGE	4096UL

static atomic_int ticks;
static volatile double handler_float = 1;
static volatile char handler_bytes[64];

/* Uses vector registers, calls and memory itself. */
static void on_tick(int sig)
{
	int err = errno;

	handler_float = sqrt(handler_float * 1.5 + 1);
	memset((void *)handler_bytes, atomic_fetch_add(&ticks, 1), sizeof(handler_bytes));
	if (syscall(SYS_getppid) != getppid())
		_exit(1);
	errno = err;
}

static void tick_every(int us)
{
	struct itimerval it = { .it_interval.tv_usec = us, .it_value.tv_usec = us };

	setitimer(ITIMER_REAL, &it, NULL);
}

/* ---- Computing ---------------------------------------------------------- */

struct result {
	uint64_t a, b;
	double x, y;
	float v[16];
};

static __attribute__((noinline)) void compute(struct result *r, int n)
{
	uint64_t a = 1, b = 2;
	double x = 0.5, y = 0.25;
	float v[16];

	for (int i = 0; i < 16; i++)
		v[i] = (float)i;
	for (int i = 0; i < n; i++) {
		a = a * 6364136223846793005ULL + b;
		b ^= a >> 7 | (uint64_t)i << 40;
		x = x * 3.7 * (1 - x);
		y = sqrt(y + x);
		for (int j = 0; j < 16; j++)
			v[j] = v[j] * 0.99f + (float)x;
	}
	r->a = a;
	r->b = b;
	r->x = x;
	r->y = y;
	memcpy(r->v, v, sizeof(v));
}

static int rep_works(void)
{
	static char from[3 * PAGE], to[3 * PAGE];
	size_t n = sizeof(from);
	char *d = to, *s = from;

	for (size_t i = 0; i < n; i++)
		from[i] = (char)(i * 7);
	memset(to, 0, n);
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
	return !memcmp(from, to, sizeof(from));
}

#define CHUNK	20000

static void test_compute(int want_ticks)
{
	struct result quiet, now;
	int wrong = 0, runs = 0;

	memset(&quiet, 0, sizeof(quiet));
	memset(&now, 0, sizeof(now));
	compute(&quiet, CHUNK);
	ticks = 0;
	tick_every(1000);
	while (ticks < want_ticks && runs < 2000) {
		compute(&now, CHUNK);
		wrong += memcmp(&quiet, &now, sizeof(now)) != 0;
		wrong += !rep_works();
		runs++;
	}
	tick_every(0);
	ok(ticks >= want_ticks, "%d ticks while it computes", want_ticks);
	ok_eq(wrong, 0,
	      "the results are those without ticks: integers, floats, vectors, REP MOVSB");
}

/* ---- System calls ------------------------------------------------------- */

static void test_calls(int want_ticks)
{
	int p[2], wrong = 0, rounds = 0;
	pid_t pid = getpid();
	char buf[300], back[300];

	if (pipe(p))
		bail("pipe");
	memset(buf, 'b', sizeof(buf));
	ticks = 0;
	tick_every(1000);
	while (ticks < want_ticks && rounds < 100000) {
		wrong += getpid() != pid;
		wrong += write(p[1], buf, sizeof(buf)) != sizeof(buf);
		wrong += read(p[0], back, sizeof(back)) != sizeof(back) ||
			memcmp(buf, back, sizeof(back));
		wrong += syscall(SYS_close, -1) != -1 || errno != EBADF;
		rounds++;
	}
	tick_every(0);
	ok_eq(wrong, 0, "%d ticks while it makes calls: all give what they should", want_ticks);
	close(p[0]);
	close(p[1]);
}

/* Blocking calls are made again: a child echoes byte by byte. */
static int there[2], back[2];

static void echo(void)
{
	unsigned char c;

	close(there[1]);
	while (read(there[0], &c, 1) == 1) {
		pause_ms(1);
		c++;
		need(write(back[1], &c, 1) == 1);
	}
}

static void test_blocking(int count)
{
	int wrong = 0;
	pid_t pid;

	if (pipe(there) || pipe(back))
		bail("pipe");
	pid = child(echo);
	close(there[0]);
	ticks = 0;
	tick_every(700);
	for (int i = 0; i < count; i++) {
		unsigned char c = (unsigned char)i;

		wrong += write(there[1], &c, 1) != 1;
		wrong += read(back[0], &c, 1) != 1 || c != (unsigned char)(i + 1);
	}
	tick_every(0);
	close(there[1]);
	ok(!wrong && ticks > 0, "ticks while it blocks in read(): SA_RESTART hides them, %d times",
	   count);
	ok_eq(status_of(pid), 0, "the other process ends well");
	close(back[0]);
	close(back[1]);
}

/* ---- Faults and children ------------------------------------------------ */

static void test_faults(int want_ticks)
{
	int wrong = 0, rounds = 0;

	ticks = 0;
	tick_every(1000);
	while (ticks < want_ticks && rounds < 1000) {
		char *m = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		for (size_t i = 0; i < 16; i++)
			m[i * PAGE] = (char)(i + 1);
		for (size_t i = 0; i < 16; i++)
			wrong += m[i * PAGE] != (char)(i + 1);
		munmap(m, 16 * PAGE);
		rounds++;
	}
	tick_every(0);
	ok_eq(wrong, 0, "%d ticks while it maps and touches memory", want_ticks);
}

static volatile int answer;

static void compute_answer(void)
{
	struct result r;

	compute(&r, 500);
	_exit(answer);
}

static void test_children(int count)
{
	int wrong = 0;

	ticks = 0;
	tick_every(1000);
	for (answer = 0; answer < count; answer++) {
		int st = status_of(child(compute_answer));

		wrong += !WIFEXITED(st) || WEXITSTATUS(st) != answer;
	}
	tick_every(0);
	ok_eq(wrong, 0, "%d children while ticks come", count);
}

/* ---- From outside ------------------------------------------------------- */

#define QUEUED	400
static atomic_int got, out_of_order;
static pid_t parent;

static void on_number(int sig, siginfo_t *si, void *uc)
{
	if (si->si_value.sival_int != got)
		out_of_order++;
	got++;
}

static void send_numbers(void)
{
	for (int i = 0; i < QUEUED; i++)
		while (sigqueue(parent, SIGRTMIN + 2, (union sigval){ .sival_int = i }))
			need(errno == EAGAIN);
}

static void test_queued(void)
{
	struct sigaction sa = { .sa_sigaction = on_number, .sa_flags = SA_SIGINFO };
	struct result quiet, now;
	int wrong = 0;
	pid_t pid;

	sigaction(SIGRTMIN + 2, &sa, NULL);
	memset(&quiet, 0, sizeof(quiet));
	memset(&now, 0, sizeof(now));
	compute(&quiet, 2000);
	parent = getpid();
	pid = child(send_numbers);
	for (int i = 0; i < 10000 && got < QUEUED; i++) {
		compute(&now, 2000);
		wrong += memcmp(&quiet, &now, sizeof(now)) != 0;
	}
	ok_eq(got, QUEUED, "another process sends %d realtime signals: all come", QUEUED);
	ok_eq(out_of_order, 0, "and in their order");
	ok_eq(wrong, 0, "meanwhile it computes right");
	ok_eq(status_of(pid), 0, "the sender ends well");
}

/* ---- Threads ------------------------------------------------------------ */

#define THREADS	3
static __thread volatile int own_ticks;
static __thread pid_t own_tid;
static atomic_int strays;

static void on_own_tick(int sig)
{
	if (own_tid != gettid_())
		strays++;
	own_ticks++;
}

static void *compute_ticked(void *arg)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 4 };
	struct itimerspec when = { { 0, 1500000 }, { 0, 1500000 } };
	struct result quiet, now;
	long wrong = 0;
	timer_t id;

	own_tid = gettid_();
	ev.sigev_notify_thread_id = own_tid;
	memset(&quiet, 0, sizeof(quiet));
	memset(&now, 0, sizeof(now));
	compute(&quiet, 2000);
	if (timer_create(CLOCK_MONOTONIC, &ev, &id))
		return (void *)-1;
	timer_settime(id, 0, &when, NULL);
	for (int i = 0; i < 5000 && own_ticks < 20; i++) {
		compute(&now, 2000);
		wrong += memcmp(&quiet, &now, sizeof(now)) != 0;
	}
	timer_delete(id);
	return (void *)(wrong + (own_ticks < 20));
}

static void test_threads(void)
{
	struct sigaction sa = { .sa_handler = on_own_tick, .sa_flags = SA_RESTART };
	pthread_t t[THREADS];
	void *r;
	int wrong = 0;

	sigaction(SIGRTMIN + 4, &sa, NULL);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, compute_ticked, NULL))
			bail("pthread_create");
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &r);
		wrong += r != NULL;
	}
	ok_eq(wrong, 0, "%d threads, each with a timer of its own, compute right", THREADS);
	ok_eq(strays, 0, "each tick comes to its own thread");
}

/* ---- Where handlers run --------------------------------------------------- */

static uint16_t program_cs;
static atomic_int elsewhere, looked;

static uint16_t read_cs(void)
{
	uint16_t cs;

	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	return cs;
}

/* What the frame says of CS is a selector of user mode in any case; this is the register. */
static void on_look(int sig)
{
	looked++;
	elsewhere += read_cs() != program_cs;
}

/* libc blocks signals while it makes a thread or process; the calls themselves do not. */
static void make_child(bool shared)
{
	pid_t pid = shared ? vfork() : (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(0);
	if (pid < 0)
		bail("no child");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void test_places(int n)
{
	struct sigaction sa = { .sa_handler = on_look, .sa_flags = SA_RESTART }, old;

	program_cs = read_cs();
	sigaction(SIGALRM, &sa, &old);
	tick_every(230);
	for (int i = 0; i < n; i++)
		make_child(i % 4);
	tick_every(0);
	sigaction(SIGALRM, &old, NULL);
	ok(looked, "%d signals while %d children are made", looked, n);
	ok_eq(elsewhere, 0, "all handlers run in the ring of the program");
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_tick, .sa_flags = SA_RESTART };

	sigaction(SIGALRM, &sa, NULL);
	test_compute(100);
	test_calls(60);
	test_blocking(30);
	test_faults(40);
	test_children(30);
	test_queued();
	test_threads();
	test_places(120);
	return tap_done();
}
