// SPDX-License-Identifier: LGPL-2.1-or-later
/* The summary that --stats asks for. */
#include "stats.h"
#include <linux/prctl.h>
#include <stddef.h>
#include "../raw.h"
#include "../thread.h"

#define NAME_SIZE	16	/* of a thread's name, to Linux */

/* Counters are 64-bit words, one and all, and other threads are at work. */
void dune_stats_add(struct dune_stats *stats, const struct dune_counters *counters)
{
	const volatile uint64_t *from = (const uint64_t *)counters;
	uint64_t *to = (uint64_t *)&stats->sum;
	unsigned int i;

	_Static_assert(sizeof(stats->sum) % sizeof(uint64_t) == 0, "words");
	for (i = 0; i < sizeof(stats->sum) / sizeof(uint64_t); i++)
		to[i] += from[i];
	stats->vcpus++;
}

static void add_thread(struct dune_thread *t, void *stats)
{
	if (t->has_vcpu)
		dune_stats_add(stats, &t->run->counters);
}

/* ---- Text ---------------------------------------------------------------- */

#define NUMBER_END	48	/* column */

static int digits_of(uint64_t value)
{
	int n = 1;

	while (value /= 10)
		n++;
	return n;
}

static void put_line(struct dune_text *text, const char *indent, const char *what, uint64_t value)
{
	size_t start = text->length;

	dune_put(text, indent);
	dune_put(text, what);
	dune_put_to(text, start, NUMBER_END - digits_of(value));
	dune_put_unsigned(text, value);
	dune_put_char(text, '\n');
}

static const char *const kinds[DUNE_NR_EXIT_KINDS] = {
	[DUNE_KIND_HYPERCALL]	= "VMCALL",
	[DUNE_KIND_INTERRUPT]	= "interrupts of the machine",
	[DUNE_KIND_NMI]		= "NMI",
	[DUNE_KIND_EPT]		= "EPT violations",
	[DUNE_KIND_CPUID]	= "CPUID",
	[DUNE_KIND_MSR]		= "RDMSR, WRMSR",
	[DUNE_KIND_CR]		= "control registers",
	[DUNE_KIND_DR]		= "debug registers",
	[DUNE_KIND_IO]		= "IN, OUT",
	[DUNE_KIND_INSN]	= "instructions that Dune mode has not",
	[DUNE_KIND_EXCEPTION]	= "exceptions",
	[DUNE_KIND_TIMER]	= "preemption timer",
	[DUNE_KIND_XSETBV]	= "XSETBV",
	[DUNE_KIND_OTHER]	= "other",
};

static void put_exits(struct dune_text *text, const struct dune_counters *c)
{
	uint64_t all = 0;
	unsigned int i;

	for (i = 0; i < DUNE_NR_EXIT_KINDS; i++)
		all += c->exits[i];
	put_line(text, "  ", "VM exits", all);
	for (i = 0; i < DUNE_NR_EXIT_KINDS; i++)
		if (c->exits[i])
			put_line(text, "    ", kinds[i] ? kinds[i] : "?", c->exits[i]);
}

void dune_stats_put(struct dune_text *text, const struct dune_stats *stats, int64_t pid,
		    const char *name)
{
	const struct dune_counters *c = &stats->sum;

	dune_put(text, "dune-run: process ");
	dune_put_decimal(text, pid);
	dune_put(text, " (");
	dune_put(text, name);
	dune_put(text, "), in Dune mode:\n");
	put_line(text, "  ", "threads at a time, at most", stats->vcpus);
	put_line(text, "  ", "system calls", c->syscalls_fast + c->syscalls_exact);
	put_line(text, "    ", "fast, inside a VM exit", c->syscalls_fast);
	put_line(text, "    ", "exact, in ordinary mode", c->syscalls_exact);
	put_line(text, "  ", "pages mapped after an EPT violation", c->ept_faults);
	put_line(text, "  ", "exceptions injected", c->injected);
	put_line(text, "  ", "TLB flushes", c->flushes);
	put_line(text, "  ", "times that it was entered", c->runs);
	put_exits(text, c);
}

void dune_rt_stats(int fd)
{
	char buffer[2048], name[NAME_SIZE + 1] = "?";
	struct dune_text text = DUNE_TEXT(buffer);
	struct dune_stats stats = { .vcpus = 0 };

	dune_threads_each(add_thread, &stats);
	raw_syscall4(SYS_prctl, PR_GET_NAME, (long)name, 0, 0);
	name[NAME_SIZE] = 0;
	dune_stats_put(&text, &stats, raw_getpid(), name);
	dune_text_write(fd, &text);
}
