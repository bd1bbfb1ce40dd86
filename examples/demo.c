/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A tour of Dune mode. Every line is checked by what the machine itself says;
 * the exit status is 1 if any check fails. At the end a small table, Linux
 * beside Dune.
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE		4096UL
#define SAMPLES		200

/* A handler that keeps to the general registers saves the library a lot of work. */
#define GENERAL_REGS	__attribute__((target("general-regs-only")))

static int failed;

static void __attribute__((format(printf, 3, 4)))
check(bool ok, const char *what, const char *evidence, ...)
{
	va_list args;

	printf("  %-6s %-33s ", ok ? "ok" : "FAILED", what);
	va_start(args, evidence);
	vprintf(evidence, args);
	va_end(args);
	putchar('\n');
	failed += !ok;
}

static unsigned int read_cs(void)
{
	uint16_t cs;

	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	return cs;
}

static uint64_t exits(void)
{
	const volatile struct dune_counters *c = dune_counters();
	uint64_t sum = 0;
	int i;

	for (i = 0; i < DUNE_NR_EXIT_KINDS; i++)
		sum += c->exits[i];
	return sum;
}

/* ---- System calls -------------------------------------------------------- */

static void show_system_calls(pid_t pid)
{
	static const char text[] = "         (this line: write(2) through libc, in ring 0)\n";
	long ret = SYS_getpid;
	ssize_t written;

	__asm__ volatile("vmcall" : "+a"(ret) : : "memory");
	check(ret == pid, "getpid by VMCALL", "%ld, from outside %d", ret, pid);

	fflush(stdout);
	written = write(STDOUT_FILENO, text, sizeof(text) - 1);
	check(written == sizeof(text) - 1, "SYSCALL, libc unmodified", "write() gave %zd", written);

	ret = 20;	/* getpid of the i386 table */
	__asm__ volatile("int $0x80" : "+a"(ret) : : "memory");
	check(ret == pid, "INT $0x80, i386 numbers", "getpid gave %ld", ret);
}

/* ---- Exceptions ---------------------------------------------------------- */

static char page[PAGE] __attribute__((aligned(4096)));
static dune_pte_t *pte;		/* what maps it, once it has an entry of its own */

static volatile int divisions, breakpoints, faults;
static volatile uint64_t fault_error;
extern const char after_division[];

static int on_division(struct dune_trap *trap)
{
	divisions++;
	trap->rip = (uintptr_t)after_division;
	return DUNE_TRAP_DONE;
}

static int on_breakpoint(struct dune_trap *trap)
{
	breakpoints++;
	return DUNE_TRAP_DONE;
}

/* Give the right back, in the entry itself: the CPU looks again when the write is tried again. */
static GENERAL_REGS int on_fault(struct dune_trap *trap, uintptr_t address)
{
	if (address - (uintptr_t)page >= PAGE)
		return DUNE_TRAP_PASS;
	faults++;
	fault_error = trap->error;
	__atomic_fetch_or(pte, DUNE_PTE_P | DUNE_PTE_W, __ATOMIC_RELAXED);
	dune_tlb_flush_page((uintptr_t)page);
	return DUNE_TRAP_DONE;
}

static void take_right(dune_pte_t right)
{
	__atomic_fetch_and(pte, ~right, __ATOMIC_RELAXED);
	dune_tlb_flush_page((uintptr_t)page);
}

static void __attribute__((noinline)) divide_by_zero(void)
{
	__asm__ volatile("xorl %%ecx, %%ecx\n\t"
			 "divl %%ecx\n"
			 "after_division:"
			 : : : "eax", "ecx", "edx", "cc");
}

static void show_exceptions(void)
{
	enum dune_level level = DUNE_LEVEL_4K;
	int err = dune_pt_lookup(dune_root_current(), (uintptr_t)page, &level, &pte);

	dune_tlb_flush();	/* it was part of a larger page until now */
	check(!err && level == DUNE_LEVEL_4K, "an entry of our own", "for the page at %p", (void *)page);

	dune_on_exception(DUNE_VECTOR_DE, on_division, 0);
	divide_by_zero();
	check(divisions == 1, "#DE to our handler", "taken %d time, stepped over", divisions);

	dune_on_exception(DUNE_VECTOR_BP, on_breakpoint, 0);
	__asm__ volatile("int3");
	check(breakpoints == 1, "#BP to our handler", "taken %d time", breakpoints);

	dune_on_page_fault(on_fault, DUNE_GENERAL_REGS);
	take_right(DUNE_PTE_P);
	((volatile char *)page)[0] = 'a';
	check(faults == 1 && !(fault_error & DUNE_PF_P) && page[0] == 'a', "#PF: not present",
	      "error code %#lx", (long)fault_error);
	take_right(DUNE_PTE_W);
	((volatile char *)page)[0] = 'b';
	check(faults == 2 && fault_error == (DUNE_PF_P | DUNE_PF_W) && page[0] == 'b',
	      "#PF: write to a read-only page", "error code %#lx", (long)fault_error);
}

/* An interrupt of the host's may fall into a round, so the least counts. */
static void show_no_exits(void)
{
	uint64_t before, here, least = ~0UL;
	int i, none = 0, taken = faults;

	for (i = 0; i < SAMPLES; i++) {
		before = exits();
		take_right(DUNE_PTE_W);
		((volatile char *)page)[0] = i;
		here = exits() - before;
		none += !here;
		if (here < least)
			least = here;
	}
	taken = faults - taken;
	check(taken == SAMPLES && !least, "protect, trap, unprotect, write",
	      "%d traps; VM exits in one: %lu", taken, (long)least);
	check(none > SAMPLES / 2, "  in how many rounds is that so?", "%d of %d", none, SAMPLES);
}

static void show_dirty_bit(void)
{
	dune_pte_t clean, dirty;

	take_right(DUNE_PTE_D);
	clean = *(volatile dune_pte_t *)pte;
	((volatile char *)page)[1] = 1;
	dirty = *(volatile dune_pte_t *)pte;
	check(!(clean & DUNE_PTE_D) && dirty & DUNE_PTE_D, "dirty bit: cleared, written, set",
	      "flags %#03lx, then %#03lx", (long)clean & 0xfff, (long)dirty & 0xfff);
}

/* ---- A thread that stays outside ------------------------------------------- */

#define ROUNDS	100

static int ball;	/* even: ours, odd: the other thread's */

static void *outside(void *cs)
{
	int b;

	*(unsigned int *)cs = read_cs();
	while ((b = __atomic_load_n(&ball, __ATOMIC_ACQUIRE)) < 2 * ROUNDS)
		if (b & 1)
			__atomic_store_n(&ball, b + 1, __ATOMIC_RELEASE);
		else
			sched_yield();
	return NULL;
}

static void show_other_thread(const unsigned int *cs)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		__atomic_fetch_add(&ball, 1, __ATOMIC_ACQ_REL);
		while (__atomic_load_n(&ball, __ATOMIC_ACQUIRE) & 1)
			sched_yield();
	}
	check(ball == 2 * ROUNDS && (*cs & 3) == 3, "a thread in ordinary mode",
	      "%d exchanges; its CS: %#x", ROUNDS, *cs);
}

/* ---- The table ----------------------------------------------------------- */

struct figure {
	uint64_t ticks;		/* median */
	double exits;		/* mean */
};

static bool in_dune;
static uint64_t sample[SAMPLES], sample_exits;

static uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* @prepare, not measured, then @act, measured, for each sample; one round to warm up. */
static struct figure measure(void (*prepare)(int i), void (*act)(int i))
{
	uint64_t start, exits_before = 0;
	int i;

	sample_exits = 0;
	for (i = -1; i < SAMPLES; i++) {
		prepare(i);
		if (in_dune)
			exits_before = exits();
		start = rdtsc();
		act(i);
		start = rdtsc() - start;
		if (i < 0)
			continue;
		sample[i] = start;
		if (in_dune)
			sample_exits += exits() - exits_before;
	}
	qsort(sample, SAMPLES, sizeof(sample[0]), by_value);
	return (struct figure){ sample[SAMPLES / 2], (double)sample_exits / SAMPLES };
}

static char *fresh;

static void nothing(int i)
{
}

static void call_getpid(int i)
{
	getpid();
}

static void touch(int i)
{
	((volatile char *)fresh)[(i + 1) * PAGE] = 1;
}

static void write_page(int i)
{
	((volatile char *)page)[2] = i;
}

static void protect_dune(int i)
{
	take_right(DUNE_PTE_W);
}

static void protect_linux(int i)
{
	mprotect(page, PAGE, PROT_READ);
}

static void on_sigsegv(int sig)
{
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
}

static void measure_all(struct figure f[3])
{
	size_t size = (SAMPLES + 1) * PAGE;

	fresh = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fresh == MAP_FAILED)
		exit(1);
	madvise(fresh, size, MADV_NOHUGEPAGE);
	f[0] = measure(nothing, call_getpid);
	f[1] = measure(nothing, touch);
	f[2] = measure(in_dune ? protect_dune : protect_linux, write_page);
	munmap(fresh, size);
}

static void print_table(const struct figure linux_[3], const struct figure dune[3])
{
	static const char *const names[] = {
		"getpid(), libc",
		"first touch of a 4 KiB page",
		"write to a read-only page:",
	};
	int i;

	printf("\n  %-36s %10s %10s %12s\n", "", "Linux", "Dune", "VM exits");
	printf("  %-36s %10s %10s %12s\n", "", "ticks", "ticks", "in Dune");
	for (i = 0; i < 3; i++)
		printf("  %-36s %10lu %10lu %12.2f\n", names[i], (long)linux_[i].ticks,
		       (long)dune[i].ticks, dune[i].exits);
	printf("    handler, right given back, written\n\n"
	       "  Ticks are RDTSC's, medians of %d; on Linux the handler is a SIGSEGV handler\n"
	       "  that calls mprotect(). In the emulated machine a tick is an instruction.\n",
	       SAMPLES);
}

/* ---------------------------------------------------------------------------- */

static void in_ring0(pid_t pid, const unsigned int *other_cs, struct figure dune[3])
{
	check((read_cs() & 3) == 0 && dune_inside(), "in Dune mode", "CS is %#x: CPL %u",
	      read_cs(), read_cs() & 3);
	show_system_calls(pid);
	show_exceptions();
	show_no_exits();
	show_dirty_bit();
	show_other_thread(other_cs);
	in_dune = true;
	measure_all(dune);
	in_dune = false;
}

static int start(void)
{
	int err = dune_init();

	if (!err)
		return 0;
	fprintf(stderr, "demo: dune_init: %s\n", strerror(-err));
	if (err == -ENOENT)
		fprintf(stderr, "demo: no /dev/dune: is the module loaded? (make load)\n");
	return 1;
}

int main(void)
{
	struct figure linux_[3], dune[3];
	unsigned int cs = read_cs(), other_cs = 0;
	pid_t pid = getpid();
	pthread_t thread;
	int err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (start())
		return 1;
	signal(SIGSEGV, on_sigsegv);
	measure_all(linux_);
	signal(SIGSEGV, SIG_DFL);
	if (pthread_create(&thread, NULL, outside, &other_cs))
		return 1;

	printf("\n  Process %d, in ordinary mode: CS is %#x\n\n", pid, cs);
	err = dune_enter();
	if (err) {
		fprintf(stderr, "demo: dune_enter: %s\n", strerror(-err));
		return 1;
	}
	in_ring0(pid, &other_cs, dune);
	err = dune_leave();
	pthread_join(thread, NULL);
	check(!err && read_cs() == cs && !dune_inside(), "back in ordinary mode", "CS is %#x",
	      read_cs());
	print_table(linux_, dune);
	printf("\n  %s\n\n", failed ? "SOME CHECKS FAILED" : "All checks passed.");
	return failed ? 1 : 0;
}
