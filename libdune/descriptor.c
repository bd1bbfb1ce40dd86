// SPDX-License-Identifier: LGPL-2.1-or-later
/* GDT, TSS and IDT. */
#include "descriptor.h"
#include <stddef.h>
#include <sys/mman.h>
#include "entry.h"
#include "offsets.h"
#include "own.h"
#include "raw.h"

/* Linux's own values and places (arch/x86/kernel/cpu/common.c), accessed bits set. */
static const uint64_t gdt_template[GDT_ENTRIES] = {
	[1] = DESCRIPTOR(0x9b, 0xc, 0ULL, 0xfffffULL),	/* 0x08 KERNEL32_CS */
	[2] = DESCRIPTOR(0x9b, 0xa, 0ULL, 0xfffffULL),	/* 0x10 KERNEL_CS */
	[3] = DESCRIPTOR(0x93, 0xc, 0ULL, 0xfffffULL),	/* 0x18 KERNEL_DS */
	[4] = DESCRIPTOR(0xfb, 0xc, 0ULL, 0xfffffULL),	/* 0x23 USER32_CS */
	[5] = DESCRIPTOR(0xf3, 0xc, 0ULL, 0xfffffULL),	/* 0x2b USER_DS */
	[6] = DESCRIPTOR(0xfb, 0xa, 0ULL, 0xfffffULL),	/* 0x33 USER_CS */
};

_Static_assert(DESCRIPTOR(0x9b, 0xa, 0ULL, 0xfffffULL) == 0x00af9b000000ffffULL, "KERNEL_CS");
_Static_assert(DESCRIPTOR(0x93, 0xc, 0ULL, 0xfffffULL) == 0x00cf93000000ffffULL, "KERNEL_DS");
_Static_assert(DESCRIPTOR(0xfb, 0xa, 0ULL, 0xfffffULL) == 0x00affb000000ffffULL, "USER_CS");
_Static_assert(DESCRIPTOR(0xf5, 0x4, 0ULL, 0x12345ULL) == 0x0041f50000002345ULL, "CPU number");
_Static_assert(SEL_TSS == 0x40 && SEL_CPU == 0x7b, "selectors");
_Static_assert(sizeof(struct dune_tss) == 104, "TSS");
_Static_assert(sizeof(struct dune_gate) == 16, "gate");

void dune_gdt_init(uint64_t *gdt, struct dune_tss *tss)
{
	uint64_t base = (uintptr_t)tss;
	int i;

	for (i = 0; i < GDT_ENTRIES; i++)
		gdt[i] = gdt_template[i];
	gdt[GDT_TSS] = DESCRIPTOR(0x8b, 0, base, sizeof(*tss) - 1);	/* busy, as TR says */
	gdt[GDT_TSS + 1] = base >> 32;
	dune_gdt_set_cpu(gdt);
}

void dune_tss_init(struct dune_tss *tss, const uint64_t *ist_top, int stacks)
{
	int i;

	for (i = 0; i < stacks; i++)
		tss->ist[i] = ist_top[i];
	tss->io_bitmap = sizeof(*tss);
}

struct dune_gate *dune_idt;

/*
 * Exceptions that can come while the stub of another one is still on its stack
 * have their own.
 */
static int ist_of(int vector)
{
	switch (vector) {
	case 14:
		return 2;
	case 8:
		return 3;
	case 1:
	case 2:
	case 18:
		return 4;
	default:
		return 1;
	}
}

/* What ring 3 may call by INT n: breakpoint, overflow, and Linux's i386 system calls. */
static int dpl_of(int vector)
{
	return vector == 3 || vector == 4 || vector == 0x80 ? 3 : 0;
}

/*
 * Trap gates: IF stays on. Nothing here needs it off, as interrupts are the
 * host's and always leave Dune mode.
 */
static void set_gate(struct dune_gate *gate, int vector)
{
	uintptr_t entry = (uintptr_t)dune_trap_stubs + (unsigned int)vector * TRAP_STUB_SIZE;

	gate->offset0 = entry;
	gate->offset1 = entry >> 16;
	gate->offset2 = entry >> 32;
	gate->selector = SEL_KERNEL_CS;
	gate->ist = ist_of(vector);
	gate->type = 0x80 | dpl_of(vector) << 5 | 0xf;
	gate->reserved = 0;
}

int dune_idt_init(void)
{
	long page = dune_own_map(sizeof(struct dune_gate) * IDT_ENTRIES, 0, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int i;

	if (raw_failed(page))
		return page;
	/* as its neighbours have it, so that they are one mapping */
	raw_no_dump((void *)page, sizeof(struct dune_gate) * IDT_ENTRIES);
	dune_idt = (void *)page;
	for (i = 0; i < IDT_ENTRIES; i++)
		set_gate(&dune_idt[i], i);
	return 0;
}
