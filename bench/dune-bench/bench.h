/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a benchmark is, and what it may ask of the frame.
 *
 *	row	an operation that is measured: one line of a table
 *	side	one way to do it: linux, dune, ptrace ...
 *
 * Each side runs in a process of its own, pinned to one CPU, so that filters, tracers, page
 * tables and a death concern nobody else:
 *
 *	[Dune mode]  setup()  { prepare() op() } x (warm-up + samples + fault and cycle passes)
 *				  not timed, timed
 */
#ifndef BENCH_H
#define BENCH_H

#include <linux/dune.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE		4096UL
#define MIB2		(2UL << 20)
#define GIB		(1UL << 30)

#define WARM_UP		32	/* rounds before the first that counts */
#define EXTRA		16	/* rounds of each of the two passes that count faults and cycles */
#define FEW		4	/* both, for the rows that have sizes: their rounds can be long */
#define MAX_SAMPLES	2000
#define MAX_SIDES	12
#define MAX_VALUES	4

/* For a handler that declares that it keeps to the general registers. */
#define GENERAL_REGS	__attribute__((target("general-regs-only")))

#define SIDE_DUNE	1	/* in ring 0 of Dune mode from before setup() on */

struct side {
	const char *name;
	unsigned int flags;
	void (*setup)(int rounds);	/* @rounds: how often op() will be called at most */
	void (*prepare)(int i);		/* not timed, before each op(); i counts from 0 */
	void (*op)(int i);
	const char *what;		/* if it is not plain from the name */
};

struct row {
	const char *name, *group, *what;
	int samples;			/* 0: the default */
	int per;			/* how many operations one op() makes; 0: one */
	unsigned int linux_cycles, dune_cycles;	/* published, for one operation; 0: nothing is */
	const int *sizes;		/* scaling: the sides are measured at each; 0 ends them */
	const char *size_is;		/* what they are */
	struct side sides[MAX_SIDES];
};

/* All of them, NULL at the end (rows.c). */
extern const struct row *const rows[];

/* ---- For the rows: measure.c ---------------------------------------------- */

/* This side ends here: it cannot be on this machine, or something went wrong. */
void bench_skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void bench_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Count the exits of this thread too, if it is in Dune mode: @counters is not NULL. */
void bench_watch(const struct dune_counters *counters);

/* Exits that another hypervisor counts. */
extern uint64_t (*bench_other_exits)(void);

/* A figure beside the ticks, the same on every machine. */
void bench_value(const char *name, double value);

/*
 * Go on in a child, while this process becomes its monitor, and ends as @monitor says.
 * The child waits until it is monitored, by raising SIGSTOP.
 */
void bench_under(int (*monitor)(int pid));

/* The size at which this side is measured. */
extern int bench_size;

/* Set by an op() to have other moments count than its beginning and end. */
extern volatile uint64_t bench_start, bench_stop;

static inline GENERAL_REGS uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* ---- Memory (memory.c) ----------------------------------------------------- */

/* Anonymous memory, aligned to @align, never of large pages; not touched yet. */
char *bench_memory(size_t len, size_t align);

/* Have it of transparent huge pages; where there are none this side is skipped. */
void bench_huge(void *p, size_t len);

/* A fixed order that looks random. */
void bench_shuffle(uint32_t *order, uint32_t n);

#endif /* BENCH_H */
