// SPDX-License-Identifier: LGPL-2.1-or-later
/* What of the FPU and vector state there is to save on this machine. */
#include "vector.h"
#include <stdint.h>
#include "raw.h"

#define CPUID1_ECX_OSXSAVE	(1U << 27)
#define CPUID_XSTATE		0xd
#define FXSAVE_SIZE		512

/* Not vector state: what a handler does to its protection keys is to stay. */
#define XCR0_PKRU		(1ULL << 9)

/* 0: FXSAVE. */
uint64_t dune_vector_mask;
uint64_t dune_vector_size = FXSAVE_SIZE;

void dune_vector_init(void)
{
	uint32_t r[4];

	raw_cpuid(1, 0, r);
	if (!(r[2] & CPUID1_ECX_OSXSAVE))
		return;
	dune_vector_mask = raw_xgetbv() & ~XCR0_PKRU;
	raw_cpuid(CPUID_XSTATE, 0, r);
	dune_vector_size = r[1];	/* of all that XCR0 allows now */
}
