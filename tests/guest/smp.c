// SPDX-License-Identifier: GPL-2.0
/*
 * Several CPUs and several threads: Dune mode goes from CPU to CPU, many threads
 * are in it at once, more than there are CPUs, CPUs come and go, and no thread ever
 * sees memory that another one has taken away or replaced. With one CPU what remains
 * is preemption.
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "tap.h"

#define PAGE	4096UL
#define WORDS	(PAGE / sizeof(uint64_t))
#define RW	(PROT_READ | PROT_WRITE)
#define ANON	(MAP_PRIVATE | MAP_ANONYMOUS)

static int cpus;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bail("CPU %d: %s", cpu, strerror(errno));
}

static void go_anywhere(void)
{
	cpu_set_t set;
	int i;

	CPU_ZERO(&set);
	for (i = 0; i < cpus; i++)
		CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* What the vDSO says, which reads it by LSL. */
static int cpu_by_lsl(void)
{
	uint64_t cpu = 0;

	__asm__ volatile("lsl %1, %0" : "+r"(cpu) : "r"(0x7bUL) : "cc");
	return cpu & 0xfff;
}

/* ---- From CPU to CPU ------------------------------------------------------------ */

static void test_migration(void)
{
	enum { MOVES = 2000, PAGES = 16 };
	volatile uint64_t *mem = (volatile uint64_t *)mmap(NULL, PAGES * PAGE, RW, ANON, -1, 0);
	int i, calls = 0, memory = 0, where = 0, lsl = 0;
	pid_t tid = gettid();
	unsigned int cpu;

	dune_enter();
	for (i = 0; i < MOVES; i++) {
		stay_on(i % cpus);
		calls += gettid() != tid;
		syscall(SYS_getcpu, &cpu, NULL, NULL);
		where += (int)cpu != i % cpus;
		lsl += cpu_by_lsl() != i % cpus;
		mem[i % PAGES * WORDS]++;
		memory += mem[i % PAGES * WORDS] != (uint64_t)i / PAGES + 1;
		if (i % 16 == 15)
			madvise((char *)mem + PAGES / 2 * PAGE, PAGE, MADV_DONTNEED), mem[PAGES / 2 * WORDS] = i / PAGES + 1;
	}
	go_anywhere();
	dune_leave();
	ok_eq(where, 0, "%d times to another CPU: always there", MOVES);
	ok_eq(calls, 0, "system calls are right after it");
	ok_eq(memory, 0, "and memory");
	ok_eq(lsl, 0, "and the CPU's number, as the vDSO's getcpu() reads it");
	munmap((void *)mem, PAGES * PAGE);
}

static volatile bool stop;
static volatile int moves;
static pid_t dune_tid;

static void *move_it(void *arg)
{
	cpu_set_t set;

	while (!stop) {
		CPU_ZERO(&set);
		CPU_SET(moves % cpus, &set);
		sched_setaffinity(dune_tid, sizeof(set), &set);
		moves++;
		usleep(200);
	}
	return NULL;
}

static int on_breakpoint(struct dune_trap *trap)
{
	trap->rax++;
	return DUNE_TRAP_DONE;
}

/* Moved at any instant: in traps, in calls, in between. */
static void test_being_moved(void)
{
	pthread_t t;
	uint64_t n = 0, rax, bad = 0;
	double sum = 0;

	dune_tid = gettid();
	stop = false;
	moves = 0;
	pthread_create(&t, NULL, move_it, NULL);
	dune_enter();
	while (moves < 500) {
		rax = n++;
		sum += 0.25;
		__asm__ volatile("int3" : "+a"(rax));
		bad += rax != n || (n % 64 == 0 && gettid() != dune_tid);
	}
	dune_leave();
	stop = true;
	pthread_join(t, NULL);
	go_anywhere();
	ok(!bad && sum == n * 0.25, "moved by another thread 500 times, during %lu traps", (long)n);
}

/* ---- No stale memory --------------------------------------------------------------- */

/*
 * One thread in ordinary mode changes pages; each has a sequence number that is odd
 * meanwhile. When it is even, and the same before and after, what was read or
 * written between must be of that very generation.
 */
enum { PAGES = 24, VERIFIERS = 2 };
enum state { WRITABLE, READ_ONLY, NO_ACCESS, GONE };

static volatile char *arena;
static struct { volatile unsigned int seq; volatile int state; } page_of[PAGES];
static volatile unsigned long checks[VERIFIERS], stale[VERIFIERS], raced[VERIFIERS];

extern const char probe_read_at[], probe_write_at[], probe_fault[];
long probe_read(const volatile void *p), probe_write(volatile void *p);
__asm__(".pushsection .text\n"
	"probe_read:\n"
	"probe_read_at: movq (%rdi), %rax\n\tret\n"
	"probe_write:\n"		/* changes nothing, but needs the right */
	"probe_write_at: lock orq $0, (%rdi)\n\txorl %eax, %eax\n\tret\n"
	"probe_fault: movq $-1, %rax\n\tret\n"
	".popsection");

static int on_fault(struct dune_trap *trap, uintptr_t address)
{
	if (trap->rip != (uintptr_t)probe_read_at && trap->rip != (uintptr_t)probe_write_at)
		return DUNE_TRAP_PASS;
	trap->rip = (uintptr_t)probe_fault;
	return DUNE_TRAP_DONE;
}

static uint64_t value(int page, unsigned int seq, unsigned int word)
{
	return (uint64_t)seq << 32 | (uint64_t)page << 16 | word;
}

static bool looks_right(int page, unsigned int seq, int state)
{
	volatile uint64_t *p = (volatile uint64_t *)(arena + page * PAGE);
	unsigned int i;

	if (state >= NO_ACCESS)
		return probe_read(p) == -1 && probe_write(p + 5) == -1;
	for (i = 0; i < WORDS; i += 7)
		if ((uint64_t)probe_read(&p[i]) != value(page, seq, i))
			return false;
	return (probe_write(p + 9) == -1) == (state == READ_ONLY);
}

static void *verify(void *number)
{
	long me = (long)number;
	unsigned int seed = me + 1;

	if (dune_enter())
		return NULL;
	while (!stop) {
		int page = rand_r(&seed) % PAGES;
		unsigned int before = __atomic_load_n(&page_of[page].seq, __ATOMIC_ACQUIRE);
		int state = page_of[page].state;
		bool right;

		if (before & 1) {
			sched_yield();
			continue;
		}
		right = looks_right(page, before, state);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (page_of[page].seq != before)
			raced[me]++;
		else if (right)
			checks[me]++;
		else
			stale[me]++;
	}
	dune_leave();
	return NULL;
}

static void fill(int page, unsigned int seq)
{
	volatile uint64_t *p = (volatile uint64_t *)(arena + page * PAGE);
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		p[i] = value(page, seq, i);
}

/* In ordinary mode. The page is writable when it is filled, whatever it was. */
static void change(int page, unsigned int how)
{
	void *p = (void *)(arena + page * PAGE);
	unsigned int seq = page_of[page].seq + 2;
	int state = how % 4;

	__atomic_store_n(&page_of[page].seq, seq - 1, __ATOMIC_SEQ_CST);
	if (page_of[page].state == GONE || how & 64)
		mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0);	/* over the old one, or into the hole */
	else
		mprotect(p, PAGE, RW);
	if (how & 16)
		madvise(p, PAGE, MADV_DONTNEED);
	fill(page, seq);
	if (state == READ_ONLY)
		mprotect(p, PAGE, PROT_READ);
	else if (state == NO_ACCESS)
		mprotect(p, PAGE, PROT_NONE);
	else if (state == GONE)
		munmap(p, PAGE);
	page_of[page].state = state;
	__atomic_store_n(&page_of[page].seq, seq, __ATOMIC_RELEASE);
}

static void test_stale(void)
{
	pthread_t t[VERIFIERS];
	unsigned int seed = 7;
	int i, n;
	long i_arg;
	double until;

	arena = mmap(NULL, PAGES * PAGE, RW, ANON, -1, 0);
	for (i = 0; i < PAGES; i++)
		fill(i, 0);
	dune_on_page_fault(on_fault, 0);
	stop = false;
	for (i_arg = 0; i_arg < VERIFIERS; i_arg++)
		pthread_create(&t[i_arg], NULL, verify, (void *)i_arg);
	until = now() + 2.5;
	for (n = 0; now() < until; n++) {
		change(rand_r(&seed) % PAGES, rand_r(&seed) >> 4);
		if (n % 8 == 0)
			usleep(300);
	}
	stop = true;
	for (i = 0; i < VERIFIERS; i++)
		pthread_join(t[i], NULL);
	dune_on_page_fault(NULL, 0);
	ok(n > 200, "%d changes by a thread in ordinary mode", n);
	for (i = 0; i < VERIFIERS; i++)
		ok(!stale[i] && checks[i] > 100, "thread %d in Dune mode: %lu pages as they should be, %lu not, %lu in change",
		   i, checks[i], stale[i], raced[i]);
	munmap((void *)arena, PAGES * PAGE);
}

/* ---- Many threads ---------------------------------------------------------------------- */

enum { THREADS = 32 };
static pthread_barrier_t barrier;
static volatile int thread_errors;

static void *work(void *number)
{
	long me = (long)number, i;
	volatile long *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
	pid_t tid = gettid();
	int bad = 0;

	bad += dune_enter() != 0;
	pthread_barrier_wait(&barrier);		/* all are inside now */
	for (i = 0; i < 60; i++) {
		uint64_t rax = i;

		p[i % 4 * (PAGE / sizeof(long))] = me * 1000 + i;
		__asm__ volatile("int3" : "+a"(rax));
		bad += gettid() != tid || rax != (uint64_t)i + 1 || p[i % 4 * (PAGE / sizeof(long))] != me * 1000 + i;
		if (i % 10 == 0)
			sched_yield();
	}
	pthread_barrier_wait(&barrier);
	bad += dune_leave() != 0;
	munmap((void *)p, 4 * PAGE);
	__atomic_add_fetch(&thread_errors, bad, __ATOMIC_RELAXED);
	return NULL;
}

static void test_many(void)
{
	pthread_t t[THREADS];
	long i;

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, work, (void *)i);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	ok_eq(thread_errors, 0, "%d threads in Dune mode at once: calls, traps, memory", THREADS);
}

enum { SPINNERS = 5 };
static volatile uint64_t progress[SPINNERS];

/* No calls, no faults: only a timer interrupt can take the CPU away. */
static void *spin(void *number)
{
	long me = (long)number;
	double mine = me;

	if (dune_enter())
		return NULL;
	while (!stop) {
		mine += 0.5;
		progress[me]++;
		if (mine != me + progress[me] * 0.5)
			break;
	}
	dune_leave();
	return NULL;
}

static void test_preemption(void)
{
	uint64_t first[SPINNERS];
	pthread_t t[SPINNERS];
	double slept;
	int i, moved = 0;
	long n;

	stop = false;
	for (n = 0; n < SPINNERS; n++)
		pthread_create(&t[n], NULL, spin, (void *)n);
	for (i = 0; i < SPINNERS; i++)
		while (!progress[i])
			usleep(1000);
	memcpy(first, (void *)progress, sizeof(first));
	slept = now();
	usleep(500000);
	slept = now() - slept;
	for (i = 0; i < SPINNERS; i++)
		moved += progress[i] > first[i] + 100;
	stop = true;
	for (i = 0; i < SPINNERS; i++)
		pthread_join(t[i], NULL);
	ok_eq(moved, SPINNERS, "%d threads spin in Dune mode on %d CPUs: all get on", SPINNERS, cpus);
	diag("a sleep of 0.5 s beside them took %.2f s", slept);
}

/* ---- CPUs come and go ---------------------------------------------------------------------- */

static bool switch_cpu(const char *to)
{
	int fd = open("/sys/devices/system/cpu/cpu1/online", O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, to, 1) == 1;

	if (fd >= 0)
		close(fd);
	return done;
}

/* Threads are pushed off a CPU in the middle of Dune mode, and may go back to it. */
static void test_hotplug(void)
{
	uint64_t before[3];
	pthread_t t[3];
	int i, done = 0, moved = 0;
	long n;

	if (cpus < 2 || access("/sys/devices/system/cpu/cpu1/online", W_OK)) {
		skip(2, "no CPU to switch off");
		return;
	}
	stop = false;
	memset((void *)progress, 0, sizeof(progress));
	for (n = 0; n < 3; n++)
		pthread_create(&t[n], NULL, spin, (void *)n);
	for (i = 0; i < 3; i++)
		while (!progress[i])
			usleep(1000);
	for (i = 0; i < 4; i++) {
		done += switch_cpu("0");
		usleep(30000);
		done += switch_cpu("1");
		usleep(30000);
	}
	memcpy(before, (void *)progress, sizeof(before));
	usleep(200000);
	for (i = 0; i < 3; i++)
		moved += progress[i] > before[i];
	stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	ok_eq(done, 8, "a CPU was switched off and on 4 times");
	ok_eq(moved, 3, "the threads in Dune mode go on");
}

int main(void)
{
	int err = dune_init();

	if (err)
		bail("dune_init: %s", strerror(-err));
	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	diag("%d CPUs", cpus);
	dune_on_exception(DUNE_VECTOR_BP, on_breakpoint, 0);
	test_migration();
	test_being_moved();
	test_stale();
	test_many();
	test_preemption();
	test_hotplug();
	return tap_done();
}
