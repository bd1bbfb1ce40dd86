// SPDX-License-Identifier: GPL-2.0
/* Running one side of a row in a process of its own. */
#define _GNU_SOURCE
#include "measure.h"
#include <dune/dune.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_WATCHED	16
#define TIME_LIMIT	1000		/* seconds; a side that hangs is ended */

const char *const kind_names[DUNE_NR_EXIT_KINDS] = {
	[DUNE_KIND_HYPERCALL] = "hypercall", [DUNE_KIND_INTERRUPT] = "interrupt",
	[DUNE_KIND_NMI] = "nmi", [DUNE_KIND_EPT] = "ept", [DUNE_KIND_CPUID] = "cpuid",
	[DUNE_KIND_MSR] = "msr", [DUNE_KIND_CR] = "cr", [DUNE_KIND_DR] = "dr",
	[DUNE_KIND_IO] = "io", [DUNE_KIND_INSN] = "insn", [DUNE_KIND_EXCEPTION] = "exception",
	[DUNE_KIND_TIMER] = "timer", [DUNE_KIND_XSETBV] = "xsetbv", [DUNE_KIND_OTHER] = "other",
};

volatile uint64_t bench_start, bench_stop;
uint64_t (*bench_other_exits)(void);
int bench_size;

/* Between the two processes. */
static struct shared {
	enum status status;
	char why[200];
	int samples, warm_up, extra;	/* rounds */
	uint64_t overhead;
	uint64_t ticks[MAX_SAMPLES], exits[MAX_SAMPLES];
	uint64_t kinds[DUNE_NR_EXIT_KINDS];	/* sums over all samples */
	uint64_t fast, exact, ept_faults;
	int64_t faults, cycles, instructions;	/* sums over the extra rounds */
	bool in_dune, custom;
	int nr_values;
	struct value values[MAX_VALUES];
} *shared;

static const volatile struct dune_counters *watched[MAX_WATCHED];
static int nr_watched;

/* ---- Ends ------------------------------------------------------------------- */

static void __attribute__((noreturn)) finish(enum status status, const char *fmt, va_list ap)
{
	vsnprintf(shared->why, sizeof(shared->why), fmt, ap);
	shared->status = status;
	_exit(0);
}

void bench_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	finish(STATUS_SKIPPED, fmt, ap);
}

void bench_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	finish(STATUS_FAILED, fmt, ap);
}

/* ---- What rows may ask for ---------------------------------------------------- */

void bench_watch(const struct dune_counters *counters)
{
	int n;

	if (!counters)
		return;
	n = __atomic_fetch_add(&nr_watched, 1, __ATOMIC_ACQ_REL);
	if (n >= MAX_WATCHED)
		bench_fail("more than %d threads to watch", MAX_WATCHED);
	watched[n] = counters;
	shared->in_dune = true;
}

void bench_value(const char *name, double value)
{
	struct value *v = &shared->values[shared->nr_values];

	if (shared->nr_values == MAX_VALUES)
		bench_fail("more than %d values", MAX_VALUES);
	snprintf(v->name, sizeof(v->name), "%s", name);
	v->value = value;
	shared->nr_values++;
}

void bench_under(int (*monitor)(int pid))
{
	int pid = fork();

	if (pid < 0)
		bench_fail("fork: %s", strerror(errno));
	if (pid)
		_exit(monitor(pid));
	raise(SIGSTOP);
}

/* ---- Counters ----------------------------------------------------------------- */

struct count {
	uint64_t kinds[DUNE_NR_EXIT_KINDS];
	uint64_t fast, exact, ept_faults, other;
};

static void count(struct count *c)
{
	int i, k;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < nr_watched && watched[i]; i++) {
		for (k = 0; k < DUNE_NR_EXIT_KINDS; k++)
			c->kinds[k] += watched[i]->exits[k];
		c->fast += watched[i]->syscalls_fast;
		c->exact += watched[i]->syscalls_exact;
		c->ept_faults += watched[i]->ept_faults;
	}
	if (bench_other_exits)
		c->other = bench_other_exits();
}

/* Returns the exits of the operation itself: the host's interrupts and timer are none of it. */
static uint64_t add_difference(const struct count *a, const struct count *b)
{
	uint64_t exits = b->other - a->other;
	int k;

	for (k = 0; k < DUNE_NR_EXIT_KINDS; k++) {
		shared->kinds[k] += b->kinds[k] - a->kinds[k];
		if (k != DUNE_KIND_INTERRUPT && k != DUNE_KIND_TIMER)
			exits += b->kinds[k] - a->kinds[k];
	}
	shared->fast += b->fast - a->fast;
	shared->exact += b->exact - a->exact;
	shared->ept_faults += b->ept_faults - a->ept_faults;
	return exits;
}

/* ---- Cycles and instructions, where perf_event_open() gives them --------------- */

static int perf_fd[2] = { -1, -1 };

static int perf_open(uint64_t config, int leader)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE, .size = sizeof(attr), .config = config,
		.disabled = leader < 0,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, leader, PERF_FLAG_FD_CLOEXEC);
}

static void perf_setup(void)
{
	perf_fd[0] = perf_open(PERF_COUNT_HW_CPU_CYCLES, -1);
	if (perf_fd[0] >= 0)
		perf_fd[1] = perf_open(PERF_COUNT_HW_INSTRUCTIONS, perf_fd[0]);
}

static void perf_switch(unsigned long request)
{
	if (perf_fd[1] >= 0)
		ioctl(perf_fd[0], request, PERF_IOC_FLAG_GROUP);
}

static int64_t perf_read(int n)
{
	uint64_t value;

	if (perf_fd[1] < 0 || read(perf_fd[n], &value, sizeof(value)) != sizeof(value))
		return -1;
	return value;
}

/* ---- The rounds ---------------------------------------------------------------- */

static void nothing(int i)
{
}

/* The end of vm/run --trace's stretch, and its beginning. Else it does nothing. */
static inline void mark(bool trace)
{
	if (trace)
		__asm__ volatile("xchg %bx, %bx");
}

static uint64_t __attribute__((noinline)) timed(void (*op)(int i), int i)
{
	uint64_t start, stop;

	bench_start = bench_stop = 0;
	start = ticks();
	op(i);
	stop = ticks();
	if (bench_stop) {
		shared->custom = true;
		return bench_stop - (bench_start ? bench_start : start);
	}
	return stop - start;
}

/* What timed() itself takes: the least of many, for an interrupt may come between. */
static uint64_t overhead(void)
{
	uint64_t least = -1, t;
	int i;

	for (i = 0; i < WARM_UP; i++) {
		t = timed(nothing, i);
		if (t < least)
			least = t;
	}
	return least;
}

static void prepare(const struct side *side, int i)
{
	if (side->prepare)
		side->prepare(i);
}

static void sample(const struct side *side, int i, int n, bool trace)
{
	struct count before, after;

	prepare(side, i);
	count(&before);
	mark(trace);
	shared->ticks[n] = timed(side->op, i);
	mark(trace);
	count(&after);
	shared->exits[n] = add_difference(&before, &after);
}

static int64_t page_faults(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt + u.ru_majflt;
}

static void fault_pass(const struct side *side, int i)
{
	int64_t before;
	int n;

	for (n = 0; n < shared->extra; n++) {
		prepare(side, i + n);
		before = page_faults();
		side->op(i + n);
		shared->faults += page_faults() - before;
	}
}

static void perf_rounds(void (*before)(const struct side *side, int i), void (*op)(int i),
			const struct side *side, int i)
{
	int n;

	perf_switch(PERF_EVENT_IOC_RESET);
	for (n = 0; n < shared->extra; n++) {
		before(side, i + n);
		perf_switch(PERF_EVENT_IOC_ENABLE);
		op(i + n);
		perf_switch(PERF_EVENT_IOC_DISABLE);
	}
}

static void not_prepared(const struct side *side, int i)
{
}

static int64_t at_least_0(int64_t v)
{
	return v < 0 ? 0 : v;
}

/* Less what it costs to switch the counters on and off. */
static void perf_pass(const struct side *side, int i)
{
	int64_t cycles, instructions;

	shared->cycles = shared->instructions = -1;
	if (perf_fd[1] < 0)
		return;
	perf_rounds(not_prepared, nothing, side, i);
	cycles = perf_read(0);
	instructions = perf_read(1);
	perf_rounds(prepare, side->op, side, i);
	shared->cycles = at_least_0(perf_read(0) - cycles);
	shared->instructions = at_least_0(perf_read(1) - instructions);
}

/* ---- The process ----------------------------------------------------------------- */

static void enter_dune(void)
{
	int err = dune_init();

	if (err == -ENOENT)
		bench_skip("no /dev/dune: is the module loaded? (make load)");
	if (err == -EBUSY)
		bench_skip("another hypervisor holds VT-x");
	if (err)
		bench_fail("dune_init: %s", strerror(-err));
	err = dune_enter();
	if (err)
		bench_fail("dune_enter: %s", strerror(-err));
	bench_watch(dune_counters());
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bench_fail("sched_setaffinity: %s", strerror(errno));
}

static void __attribute__((noreturn)) run(const struct side *side, const struct options *options)
{
	int n, i = 0;

	pin();
	perf_setup();
	if (side->flags & SIDE_DUNE)
		enter_dune();
	/* or a fault of ours would fall into the rounds */
	memset(shared->ticks, 0, sizeof(shared->ticks));
	memset(shared->exits, 0, sizeof(shared->exits));
	if (side->setup)
		side->setup(shared->warm_up + shared->samples + 2 * shared->extra);
	shared->overhead = overhead();
	for (; i < shared->warm_up; i++) {
		prepare(side, i);
		timed(side->op, i);
	}
	for (n = 0; n < shared->samples; n++)
		sample(side, i++, n, options->trace && n == shared->samples - 1);
	fault_pass(side, i);
	perf_pass(side, i + shared->extra);
	shared->status = STATUS_DONE;
	_exit(0);
}

/* ---- From outside ------------------------------------------------------------------ */

static double each(int64_t sum, int rounds, int per)
{
	return sum < 0 ? -1 : (double)sum / rounds / per;
}

static void take_exits(struct measured *m, int per)
{
	int k;

	m->exits = stats_of(shared->exits, m->samples, 0, per).median;
	for (k = 0; k < DUNE_NR_EXIT_KINDS; k++)
		m->kinds[k] = shared->in_dune ? each(shared->kinds[k], m->samples, per) : -1;
	m->fast = each(shared->fast, m->samples, per);
	m->exact = each(shared->exact, m->samples, per);
	m->ept_faults = each(shared->ept_faults, m->samples, per);
}

static void take(struct measured *m, int per)
{
	m->samples = shared->samples;
	m->ticks = stats_of(shared->ticks, m->samples, shared->custom ? 0 : shared->overhead, per);
	take_exits(m, per);
	m->faults = each(shared->faults, shared->extra, per);
	m->cycles = each(shared->cycles, shared->extra, per);
	m->instructions = each(shared->instructions, shared->extra, per);
	memcpy(m->values, shared->values, sizeof(m->values));
}

static void died(struct measured *m, int status)
{
	m->status = STATUS_FAILED;
	if (WIFSIGNALED(status))
		snprintf(m->why, sizeof(m->why), "ended by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(m->why, sizeof(m->why), "ended with status %d and no result",
			 WEXITSTATUS(status));
}

void measure(const struct row *row, const struct side *side, const struct options *options,
	     struct measured *m)
{
	int samples = options->samples ? options->samples : row->samples ? row->samples : 200;
	int status = 0;
	pid_t pid;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		perror("dune-bench: mmap");
		exit(1);
	}
	shared->samples = samples < MAX_SAMPLES ? samples : MAX_SAMPLES;
	shared->warm_up = row->sizes ? FEW : WARM_UP;
	shared->extra = row->sizes ? FEW : EXTRA;
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		alarm(TIME_LIMIT);
		run(side, options);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		perror("dune-bench: fork");
		exit(1);
	}
	kill(-pid, SIGKILL);		/* what it may have left */
	memset(m, 0, sizeof(*m));
	m->status = shared->status;
	memcpy(m->why, shared->why, sizeof(m->why));
	if (m->status == STATUS_DONE)
		take(m, row->per ? row->per : 1);
	else if (m->status == STATUS_NONE)
		died(m, status);
	munmap(shared, sizeof(*shared));
}
