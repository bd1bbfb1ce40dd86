/* SPDX-License-Identifier: GPL-2.0 */
/* Running one side of a row in a process of its own. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "bench.h"
#include "stats.h"

enum status { STATUS_NONE, STATUS_DONE, STATUS_SKIPPED, STATUS_FAILED };

struct value {
	char name[24];
	double value;
};

/* What is known of one side. Figures are for one operation; negative ones are not known. */
struct measured {
	enum status status;
	char why[200];
	int samples;
	struct stats ticks;
	double exits;				/* the median, without the host's interrupts and timer */
	double kinds[DUNE_NR_EXIT_KINDS];	/* means; negative if this is not Dune mode */
	double fast, exact, ept_faults;
	double faults;				/* Linux's page faults */
	double cycles, instructions;
	struct value values[MAX_VALUES];
};

struct options {
	int samples;		/* 0: as the row says */
	bool trace;		/* mark the last sample for vm/run --trace */
};

void measure(const struct row *row, const struct side *side, const struct options *options,
	     struct measured *m);

/* The names of enum dune_exit_kind. */
extern const char *const kind_names[DUNE_NR_EXIT_KINDS];

#endif /* BENCH_MEASURE_H */
