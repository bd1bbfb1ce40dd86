// SPDX-License-Identifier: GPL-2.0
/* Memory and orders for the rows. */
#define _GNU_SOURCE
#include "bench.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

char *bench_memory(size_t len, size_t align)
{
	char *p = mmap(NULL, len + align, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		bench_fail("mmap of %zu bytes: %s", len + align, strerror(errno));
	p = (char *)(((uintptr_t)p + align - 1) & ~(align - 1));
	madvise(p, len, MADV_NOHUGEPAGE);
	return p;
}

#define ENABLED "/sys/kernel/mm/transparent_hugepage/enabled"

/* Linux does not use them where there is less than 512 MiB, and madvise() does not say so. */
void bench_huge(void *p, size_t len)
{
	char text[80] = "";
	FILE *f = fopen(ENABLED, "r");

	if (!f || !fgets(text, sizeof(text), f) || strstr(text, "[never]"))
		bench_skip("no transparent huge pages: " ENABLED " says %s", text[0] ? "never" : "nothing");
	fclose(f);
	if (madvise(p, len, MADV_HUGEPAGE))
		bench_skip("no transparent huge pages: %s", strerror(errno));
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

void bench_shuffle(uint32_t *order, uint32_t n)
{
	uint32_t state = 2463534242, i, j, t;

	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n; i > 1; i--) {
		j = next_random(&state) % i;
		t = order[j];
		order[j] = order[i - 1];
		order[i - 1] = t;
	}
}
