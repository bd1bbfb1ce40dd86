/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One memory, seen from two sides: the main thread is in Dune mode (INSIDE), a second one in
 * ordinary mode (OUTSIDE). A change is made by one of them, and then both look.
 *
 *	sides_start(argc, argv)		with the argument "native" both stay in ordinary mode: what
 *					a test wants must be what Linux does
 *	on(side, fn, arg)		call fn there
 *	holds(p, value)			a byte, as both sides read it
 *	shared(p)			what either side stores there the other one sees
 *	refuses(p, ACCESS, SIG, CODE)	both sides get that signal, for that address
 *	fill(), wrong()			pages full of words that encode where they are, and when
 *
 * Accesses that may fault are made by three instructions that the signal handler knows.
 */
#ifndef TESTS_COHERENT_H
#define TESTS_COHERENT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dune/dune.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "tap.h"

#define PAGE	4096UL
#define MIB2	(2UL << 20)
#define GIB	(1UL << 30)
#define WORDS	(PAGE / sizeof(uint64_t))
#define RW	(PROT_READ | PROT_WRITE)
#define ANON	(MAP_PRIVATE | MAP_ANONYMOUS)
#define UNUSED	__attribute__((unused))

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

enum side { INSIDE, OUTSIDE, SIDES };
static const char *const side_name[SIDES] UNUSED = { "inside", "outside" };

#define for_each_side(s) for (enum side s = INSIDE; s < SIDES; s++)

/* ---- The two threads -------------------------------------------------------------- */

static struct {
	sem_t wanted, done;
	long (*fn)(void *);
	void *arg;
	long ret;
	pthread_t thread;
} errand;

static bool native;

static void *errand_thread(void *unused)
{
	for (;;) {
		while (sem_wait(&errand.wanted))
			;
		if (!errand.fn)
			return NULL;
		errand.ret = errand.fn(errand.arg);
		sem_post(&errand.done);
	}
}

UNUSED static long on(enum side side, long (*fn)(void *), void *arg)
{
	if (side == INSIDE)
		return fn(arg);
	errand.fn = fn;
	errand.arg = arg;
	sem_post(&errand.wanted);
	while (sem_wait(&errand.done))
		;
	return errand.ret;
}

/* ---- Accesses that may fault --------------------------------------------------------- */

enum access { READ, WRITE, EXECUTE };

/* What came of it: a value, or a signal. */
struct seen {
	int signo, code;
	uintptr_t address;
	long value;
};

static __thread struct seen seen;

extern const char probe_read_at[], probe_write_at[], probe_fault[], probe_call_end[];
long probe_read(const volatile void *p), probe_write(volatile void *p, long value), probe_call(const volatile void *p);
__asm__(".pushsection .text\n"
	"probe_read:\n"
	"probe_read_at: movzbl (%rdi), %eax\n\tret\n"
	"probe_write:\n"
	"probe_write_at: movb %sil, (%rdi)\n\txorl %eax, %eax\n\tret\n"
	"probe_call: jmp *%rdi\n"
	"probe_fault: movq $-1, %rax\n\tret\n"
	".popsection");

static __thread uintptr_t calling;	/* where probe_call() goes */

static void on_signal(int sig, siginfo_t *si, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t rip = (uintptr_t)g[REG_RIP];

	if (rip != (uintptr_t)probe_read_at && rip != (uintptr_t)probe_write_at && (!calling || rip != calling)) {
		diag("signal %d, code %d, for %p at %#lx", sig, si->si_code, si->si_addr, (long)rip);
		signal(sig, SIG_DFL);
		return;
	}
	seen.signo = sig;
	seen.code = si->si_code;
	seen.address = (uintptr_t)si->si_addr;
	g[REG_RIP] = (greg_t)(uintptr_t)probe_fault;
}

struct probe {
	volatile void *p;
	enum access access;
	long value;
	struct seen *result;
};

static long make_access(void *arg)
{
	struct probe *a = arg;

	memset(&seen, 0, sizeof(seen));
	if (a->access == READ) {
		seen.value = probe_read(a->p);
	} else if (a->access == WRITE) {
		probe_write(a->p, a->value);
	} else {
		calling = (uintptr_t)a->p;
		seen.value = probe_call(a->p);
		calling = 0;
	}
	*a->result = seen;
	return 0;
}

static struct seen access_from(enum side side, volatile void *p, enum access access, long value)
{
	struct seen result;
	struct probe a = { .p = p, .access = access, .value = value, .result = &result };

	on(side, make_access, &a);
	return result;
}

/* A byte as a side reads it; -signal if it cannot. */
UNUSED static long peek(enum side side, const volatile void *p)
{
	struct seen s = access_from(side, (volatile void *)p, READ, 0);

	return s.signo ? -s.signo : s.value;
}

/* 0, or -signal. */
UNUSED static long poke(enum side side, volatile void *p, long value)
{
	return -access_from(side, p, WRITE, value).signo;
}

/* What code at @p returns, or -signal. */
UNUSED static long execute(enum side side, volatile void *p)
{
	struct seen s = access_from(side, p, EXECUTE, 0);

	return s.signo ? -s.signo : s.value;
}

/* ---- What both sides see ------------------------------------------------------------------ */

UNUSED static bool holds(const volatile void *p, long value)
{
	bool same = true;

	value &= 255;
	for_each_side(s) {
		long got = peek(s, p);

		if (got != value)
			diag("  %s: %p holds %ld, not %ld", side_name[s], p, got, value);
		same &= got == value;
	}
	return same;
}

/* Leaves the byte as it was. */
UNUSED static bool shared(volatile void *p)
{
	long before = peek(INSIDE, p);
	bool good = before >= 0;

	for_each_side(s) {
		long err = poke(s, p, before + 1 + s);

		if (err)
			diag("  %s: a store to %p: signal %ld", side_name[s], p, -err);
		good &= !err && holds(p, before + 1 + s);
	}
	return good && !poke(INSIDE, p, before) && holds(p, before);
}

UNUSED static bool refuses(volatile void *p, enum access access, int signo, int code)
{
	bool good = true;

	for_each_side(s) {
		struct seen got = access_from(s, p, access, 99);
		bool same = got.signo == signo && got.code == code && got.address == (uintptr_t)p;

		if (!same)
			diag("  %s: access %d to %p: signal %d, code %d, address %#lx", side_name[s], access, p,
			     got.signo, got.code, (long)got.address);
		good &= same;
	}
	return good;
}

/* Have both sides read and write @pages pages, so that there is something to be stale. */
UNUSED static void warm(volatile char *p, long pages)
{
	for_each_side(s)
		for (long i = 0; i < pages; i++)
			poke(s, p + i * PAGE, peek(s, p + i * PAGE));
}

/* ---- Patterns ------------------------------------------------------------------------------- */

/* Some words in each page, first and last among them. */
#define STRIDE 73

static uint64_t word_of(const volatile uint64_t *at, uint64_t tag)
{
	return (uintptr_t)at * 0x9e3779b97f4a7c15ULL ^ tag * 0xff51afd7ed558ccdULL;
}

struct pattern {
	volatile void *p;
	long pages;
	uint64_t tag;
};

static long fill_fn(void *arg)
{
	struct pattern *a = arg;
	volatile uint64_t *w = a->p;

	for (long i = 0; i < a->pages; i++, w += WORDS)
		for (unsigned long j = 0; j < WORDS; j += STRIDE)
			w[j] = word_of(w + j, a->tag);
	return 0;
}

static long wrong_fn(void *arg)
{
	struct pattern *a = arg;
	volatile uint64_t *w = a->p;
	long wrong = 0;

	for (long i = 0; i < a->pages; i++, w += WORDS)
		for (unsigned long j = 0; j < WORDS; j += STRIDE)
			wrong += w[j] != word_of(w + j, a->tag);
	return wrong;
}

UNUSED static void fill(enum side side, volatile void *p, long pages, uint64_t tag)
{
	struct pattern a = { p, pages, tag };

	on(side, fill_fn, &a);
}

/* How many words are not as fill() left them. */
UNUSED static long wrong(enum side side, volatile void *p, long pages, uint64_t tag)
{
	struct pattern a = { p, pages, tag };

	return on(side, wrong_fn, &a);
}

UNUSED static bool intact(volatile void *p, long pages, uint64_t tag)
{
	bool good = true;

	for_each_side(s) {
		long n = wrong(s, p, pages, tag);

		if (n)
			diag("  %s: %ld words of %ld pages at %p are wrong", side_name[s], n, pages, p);
		good &= !n;
	}
	return good;
}

UNUSED static volatile char *map_pages(long pages)
{
	char *p = mmap(NULL, pages * PAGE, RW, ANON, -1, 0);

	if (p == MAP_FAILED)
		bail("no memory for %ld pages: %s", pages, strerror(errno));
	madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
	return p;
}

/* ---- Linux's settings, and what it says of a page ------------------------------------------------ */

UNUSED static bool set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

UNUSED static long get(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	return n > 0 ? atol(text) : -1;
}

#define PM_SOFT_DIRTY	(1UL << 55)
#define PM_WP		(1UL << 57)	/* by userfaultfd */
#define PM_SWAPPED	(1UL << 62)
#define PM_PRESENT	(1UL << 63)
#define PM_FRAME	((1UL << 55) - 1)

/* Which the process needs to be root for. */
UNUSED static uint64_t pagemap(const volatile void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (fd < 0 || pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8) != 8)
		bail("pagemap: %s", strerror(errno));
	close(fd);
	return entry;
}

UNUSED static void pagemaps(const volatile void *p, long pages, uint64_t *entry)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, entry, pages * 8, (uintptr_t)p / PAGE * 8) != pages * 8)
		bail("pagemap: %s", strerror(errno));
	close(fd);
}

/* How many of the pages have any of the bits. */
UNUSED static long pages_with(const volatile void *p, long pages, uint64_t bits)
{
	uint64_t entry[pages];
	long n = 0;

	pagemaps(p, pages, entry);
	for (long i = 0; i < pages; i++)
		n += (entry[i] & bits) != 0;
	return n;
}

/* A number of /proc/self/smaps for the mapping that @at is in, in KiB. */
UNUSED static long smaps_kib(const volatile void *at, const char *what)
{
	char line[256], format[64];
	unsigned long start, end;
	long kib = -1;
	bool here = false;
	FILE *f = fopen("/proc/self/smaps", "re");

	snprintf(format, sizeof(format), "%s: %%ld", what);
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = start <= (uintptr_t)at && (uintptr_t)at < end;
		if (here && sscanf(line, format, &kib) == 1)
			break;
	}
	if (f)
		fclose(f);
	return kib;
}

/* ---- Begin and end ----------------------------------------------------------------------------------- */

/* In ordinary mode for a moment: to make a thread that shall stay there. */
UNUSED static void step_out(void)
{
	if (!native && dune_leave())
		bail("dune_leave");
}

UNUSED static void step_in(void)
{
	int err = native ? 0 : dune_enter();

	if (err)
		bail("no Dune mode: %s", strerror(-err));
}

UNUSED static void sides_start(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	int err;

	native = argc > 1 && !strcmp(argv[1], "native");
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sem_init(&errand.wanted, 0, 0);
	sem_init(&errand.done, 0, 0);
	if (pthread_create(&errand.thread, NULL, errand_thread, NULL))
		bail("no thread");
	err = native ? 0 : dune_init();
	if (err)
		bail("no Dune mode: %s", strerror(-err));
	step_in();
}

UNUSED static int sides_end(void)
{
	step_out();
	errand.fn = NULL;
	sem_post(&errand.wanted);
	pthread_join(errand.thread, NULL);
	return tap_done();
}

#endif /* TESTS_COHERENT_H */
