// SPDX-License-Identifier: GPL-2.0
/*
 * The proof that a cycle was right: another trace from the roots, with bits of its own, while the world
 * stands still. It knows of no dirty pages and trusts no mark.
 */
#include "mark.h"
#include "stats.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct todo { uintptr_t start; size_t size; };

static uint64_t (*seen)[MAP_WORDS];
static struct todo *stack, *top;
static uintptr_t holder;	/* the object that is looked into; 0: a root */

static void *reserve(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int verify_init(void)
{
	seen = reserve(((heap.limit - heap.lo) >> BLOCK_SHIFT) * sizeof(*seen));
	stack = reserve((heap.limit - heap.lo) / CELL_MIN * sizeof(*stack));
	top = stack;
	return seen && stack ? 0 : -1;
}

static void lost(const struct object *o, uintptr_t where)
{
	fprintf(stderr, "gc: cycle %llu would free a living object: %#lx (%zu bytes), which %#lx in %s %#lx points to\n",
		(unsigned long long)stats.cycles + 1, o->start, o->size, where, holder ? "object" : "root", holder ?: where);
	abort();
}

static void look(uintptr_t start, uintptr_t end)
{
	for (uintptr_t p = (start + 7) & ~7UL; p + 8 <= end; p += 8) {
		struct object o;

		if (!heap_find(*(uintptr_t *)p, &o) || bit_get(seen[o.block], o.cell))
			continue;
		seen[o.block][o.cell / 64] |= 1ULL << o.cell % 64;
		stats.verified_objects++;
		if (!bit_get(heap.mark[o.block], o.cell))
			lost(&o, p);
		if (!o.leaf)
			*top++ = (struct todo){ o.start, o.size };
	}
}

static void look_at_root(uintptr_t start, uintptr_t end)
{
	holder = 0;
	look(start, end);
	while (top > stack) {
		struct todo t = *--top;

		holder = t.start;
		look(t.start, t.start + t.size);
	}
}

void verify_cycle(void)
{
	memset(seen, 0, heap.nr * sizeof(*seen));
	roots_threads(look_at_root);
	roots_data(look_at_root);
}
