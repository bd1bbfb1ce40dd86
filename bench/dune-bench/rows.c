// SPDX-License-Identifier: GPL-2.0
/* All rows, in the order of the report. */
#include "bench.h"

#define ROWS(row) \
	row(getpid) row(getpid_exact) row(getpid_filter) \
	row(touch) row(touch_random) row(touch_file) row(touch_huge) \
	row(present) row(present_apart) row(present_sequential) \
	row(walk_4k) row(walk_2m) row(walk_1g) \
	row(switch) row(thread) row(fork) row(exec) row(signal) \
	row(ptrace) row(trap) row(trap_return) row(appel1) row(appel2) \
	row(callret) row(divzero) row(in) row(cr8wr) row(ptemod) \
	row(intercept) row(emulate) \
	row(protect_fault) row(protect) row(dirty) \
	row(domain) \
	row(scale_touch) row(scale_discard) row(scale_unmap) row(scale_mappings) \
	row(scale_threads) row(scale_spaces) row(scale_vcpus)

#define DECLARE(name) extern const struct row row_##name;
#define LIST(name) &row_##name,

ROWS(DECLARE)

const struct row *const rows[] = { ROWS(LIST) NULL };
