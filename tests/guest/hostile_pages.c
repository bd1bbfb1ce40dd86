// SPDX-License-Identifier: GPL-2.0
/*
 * Hostile code in ring 0 of Dune mode, by its memory: what Linux does not let the
 * process do is a page fault in Dune mode, what its own page tables and descriptor
 * tables cannot give is its own exception or the end of its Dune mode; and the next
 * good run on the same VCPU works.
 */
#define _GNU_SOURCE
#include "hostile.h"

/* ---- memory: what Linux would not let the process do ------------------------------------------------ */

enum kind { ANON, UNMAPPED, FILE_END };

static const struct memory {
	const char *name;
	enum kind kind;
	int prot;
	uint64_t read, write, exec;
} memories[] = {
	{ "PROT_READ", ANON, PROT_READ, DONE, PF(LINUX | P | W), PF(LINUX | P | I) },
	{ "PROT_NONE", ANON, PROT_NONE, PF(LINUX | P), PF(LINUX | P | W), PF(LINUX | P | I) },
	{ "PROT_READ|WRITE", ANON, PROT_READ | PROT_WRITE, DONE, DONE, PF(LINUX | P | I) },
	{ "PROT_READ|EXEC", ANON, PROT_READ | PROT_EXEC, DONE, PF(LINUX | P | W), DONE },
	{ "all rights", ANON, PROT_READ | PROT_WRITE | PROT_EXEC, DONE, DONE, DONE },
	{ "munmap()ped", UNMAPPED, PROT_NONE, PF(LINUX), PF(LINUX | W), PF(LINUX | I) },
	{ "beyond the end of a file", FILE_END, PROT_READ | PROT_WRITE | PROT_EXEC, PF(LINUX | P), PF(LINUX | P | W),
	  PF(LINUX | P | I) },
};

static void set_memory(char *p, const struct memory *m)
{
	switch (m->kind) {
	case ANON:
		mprotect(p, PAGE, m->prot);
		break;
	case UNMAPPED:
		munmap(p, PAGE);
		break;
	case FILE_END: {
		int fd = memfd_create("short", MFD_CLOEXEC);

		mmap(p, PAGE, m->prot, MAP_SHARED | MAP_FIXED, fd, 0);
		close(fd);
	}
	}
}

static void try_memory(const struct memory *m, const char *how, const char *code, uint64_t want, bool touched)
{
	char *p = raw_code("\xc3", 1, PAGE), name[96];
	int ret;

	raw_map(&raw, p);
	if (touched) {		/* all that a good access leaves behind must go */
		raw_start_traps(&raw, do_write, (uintptr_t)p);
		go();
		raw_start_traps(&raw, do_exec, (uintptr_t)p);
		go();
	}
	set_memory(p, m);
	snprintf(name, sizeof(name), "%s memory, %s%s", m->name, how, touched ? ", used before" : "");
	raw_start_traps(&raw, code, (uintptr_t)p);
	ret = go();
	if (raw_trapped(&raw, ret) && raw.run->regs.rsi != (uintptr_t)p)
		ok(false, "%s: CR2 is %#llx, not %p", name, raw.run->regs.rsi, p);
	judge(name, ret, want);
	munmap(p, PAGE);
}

static void test_memory(void)
{
	unsigned int i, t;

	for (i = 0; i < ARRAY_SIZE(memories); i++)
		for (t = 0; t < 2; t++) {
			try_memory(&memories[i], "read", do_read, memories[i].read, t);
			try_memory(&memories[i], "written", do_write, memories[i].write, t);
			try_memory(&memories[i], "executed", do_exec, memories[i].exec, t);
		}
}

/* ---- its own page tables -------------------------------------------------------------------------------- */

#define NX (1ULL << 63)

static uint64_t own_va = RAW_OWN_VA;

static void try_entry(const char *name, uint64_t entry, const char *code, uint64_t want)
{
	raw_own(&raw, own_va, entry);
	raw_start_traps(&raw, code, own_va);
	judge(name, go(), want);
	own_va += PAGE;		/* what the TLB has of this one is of no use to the next */
}

/* An entry of a level above: the table is made by raw_own(), then replaced. */
static void try_above(const char *name, int level, uint64_t entry, uint64_t want)
{
	uint64_t va = RAW_OWN_VA + (1ULL << 39) * (unsigned int)level, *at = &raw.tables[0][va >> 39 & 511];

	if (level < 4) {
		if (!*at)
			*at = raw_gpa(&raw, raw_table(&raw)) | 7;
		at = (uint64_t *)raw_next(&raw, at) + (va >> 30 & 511);
	}
	if (level < 3) {
		if (!*at)
			*at = raw_gpa(&raw, raw_table(&raw)) | 7;
		at = (uint64_t *)raw_next(&raw, at) + (va >> 21 & 511);
	}
	*at = entry;
	raw_start_traps(&raw, do_read, va);
	judge(name, go(), want);
	*at = 0;
}

/* Loading CR3 from outside has to forget what was cached under the old one, as MOV to CR3 does. */
static void try_other_cr3(char *here)
{
	uint64_t va = RAW_OWN_VA + (6ULL << 39), *root = raw_table(&raw), *slot = &raw.tables[0][va >> 39 & 511];
	unsigned int i, bad = 0;

	raw_own(&raw, va, raw_gpa(&raw, here) | 3);
	memcpy(root, raw.tables[0], PAGE);
	root[va >> 39 & 511] = 0;
	for (i = 0; i < 4; i++) {
		raw_start_traps(&raw, do_read, va);
		if (i % 2)
			raw.run->system.cr3 = raw_gpa(&raw, root);
		bad += raw_outcome(&raw, go()) != (i % 2 ? PF(0) : DONE);
	}
	ok_eq(bad, 0, "another CR3 is another address space");
	*slot = 0;
}

static void test_own_tables(void)
{
	char *p = raw_code("\xc3", 1, PAGE), *ro = raw_code("\xc3", 1, PAGE);
	uint64_t gpa = raw_gpa(&raw, p), nobody = (uint64_t)raw.info.frames << 30, wide = 1ULL << raw.info.gpa_bits;
	uint64_t *table = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t table_gpa = raw_gpa(&raw, table), got;

	mprotect(ro, PAGE, PROT_READ);
	try_entry("own entry: read", gpa | 3, do_read, DONE);
	try_entry("own entry: written", gpa | 3, do_write, DONE);
	try_entry("own entry: executed", gpa | 3, do_exec, DONE);
	try_entry("own entry, not present", gpa | 2, do_read, PF(0));
	try_entry("own entry, read-only, written", gpa | 1, do_write, PF(P | W));
	try_entry("own entry, NX, executed", gpa | 3 | NX, do_exec, PF(P | I));
	try_entry("own entry, writable, memory read-only", raw_gpa(&raw, ro) | 3, do_write, PF(LINUX | P | W));
	try_entry("own entry, frame 0", 3, do_read, RAW_REASON(DUNE_EXIT_BAD_GPA));
	try_entry("own entry, frame 0, executed", 0x1003, do_exec, RAW_REASON(DUNE_EXIT_BAD_GPA));
	try_entry("own entry, the last frame, which nobody has", nobody | 3, do_write, RAW_REASON(DUNE_EXIT_BAD_GPA));
	try_entry("own entry, the APIC's address", 0xfee00003 + (1ULL << 34), do_read, RAW_REASON(DUNE_EXIT_BAD_GPA));
	if (raw.info.gpa_bits < 48) {
		try_entry("own entry, the first address that is too wide", wide | 3, do_read, PF(P | RSVD));
		try_entry("own entry, bit 51", 1ULL << 51 | gpa | 3, do_read, PF(P | RSVD));
	} else {
		skip(2, "the width of guest-physical addresses here is our own limit, not the CPU's");
	}
	try_other_cr3(p);
	try_above("PML4 entry with PS", 4, table_gpa | 0x83, PF(P | RSVD));
	try_above("2 MiB leaf, not aligned", 2, 0x2083 | (gpa & ~0x3fffffffULL), PF(P | RSVD));
	try_above("2 MiB leaf in frame 0", 2, 0x83, RAW_REASON(DUNE_EXIT_BAD_GPA));
	if (raw.info.caps & DUNE_CAP_GUEST_1G)
		try_above("1 GiB leaf of a frame that nobody has", 3, nobody | 0x83, RAW_REASON(DUNE_EXIT_BAD_GPA));
	else
		try_above("1 GiB leaf where the CPU has none", 3, (gpa & ~0x3fffffffULL) | 0x83, PF(P | RSVD));
	try_above("a table in frame 0", 2, 3, RAW_REASON(DUNE_EXIT_BAD_GPA));
	try_above("a table in a frame that nobody has", 2, nobody | 3, RAW_REASON(DUNE_EXIT_BAD_GPA));

	table[0] = gpa | 0x63;
	mprotect(table, PAGE, PROT_READ);
	try_above("a table in memory that is read-only", 2, table_gpa | 0x23, DONE);
	mprotect(table, PAGE, PROT_READ | PROT_WRITE);
	table[0] = gpa | 3;
	mprotect(table, PAGE, PROT_READ);
	/* Bochs writes these bits without a look at EPT. */
	if (access("/vm", F_OK))
		try_above("a table in memory that is read-only, where bit A is to be set", 2, table_gpa | 0x23,
			  PF(LINUX | P | W));
	else
		skip(1, "that the CPU sets no bit A in memory that is read-only: the emulator does");
	munmap(table, PAGE);
	raw.tables[0][(RAW_OWN_VA >> 39) + 5] = table_gpa | 3;
	raw_start_traps(&raw, do_read, RAW_OWN_VA + (5ULL << 39));
	got = raw_outcome(&raw, go());
	ok((got & ~(uint64_t)(W | P)) == PF(LINUX) || got == RAW_REASON(DUNE_EXIT_NESTED_FAULT),
	   "a table in memory that was unmapped (%s)", raw_outcome_name(got));
	raw.tables[0][(RAW_OWN_VA >> 39) + 5] = 0;
	ok(raw_good(&raw), "a good run after it");
	munmap(p, PAGE);
	munmap(ro, PAGE);
}

/* ---- a page fault of Linux's while an exception is being delivered ------------------------------------- */

__asm__(".pushsection .text\n"
	"do_ud2: ud2\n"
	"push_ud2: mov %rdi, %rsp; at_push_ud2: ud2\n"
	".popsection\n");
extern const char do_ud2[] RAW_HIDDEN, push_ud2[] RAW_HIDDEN;

/* Another place for the first @pages pages of what is at @from: in a file, and not touched since. */
static char *untouched(const void *from, size_t pages)
{
	int fd = memfd_create("untouched", MFD_CLOEXEC);
	char *p;

	if (write(fd, from, pages * PAGE) != (ssize_t)(pages * PAGE))
		bail("cannot write to a memfd");
	p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, fd, 0);
	close(fd);
	raw_map(&raw, p);
	raw_map(&raw, p + pages * PAGE - 1);
	return p;
}

static void test_delivery(void)
{
	char *idt = untouched(raw.idt, 1), *gdt = untouched(raw.gdt, 1), *stack = untouched(raw.sys, 1);
	char *both = untouched(raw.sys, 2), *gone = untouched(raw.sys, 2), *tss;
	uint64_t ist[2];

	memcpy(ist, raw.tss->ist[0], 8);
	raw_start_traps(&raw, do_ud2, 0);
	raw.run->system.idt_base = (uintptr_t)idt;
	judge("an IDT that was never touched", go(), UD);
	raw_start_traps(&raw, do_ud2, 0);
	raw.run->system.gdt_base = (uintptr_t)gdt;
	judge("a GDT that was never touched", go(), UD);
	tss = untouched(raw.gdt, 1);
	raw_start_traps(&raw, do_ud2, 0);
	raw.run->system.tr_base = (uintptr_t)tss + 0x800;
	judge("a TSS that was never touched", go(), UD);
	raw_put_tss(raw.tss->ist[0], stack + PAGE);
	raw_start_traps(&raw, do_ud2, 0);
	judge("a trap stack that was never touched", go(), UD);
	stack = untouched(raw.sys, 1);
	raw_put_tss(((struct raw_tss *)(both + 0x1800))->ist[0], stack + PAGE);
	raw_start_traps(&raw, do_ud2, 0);
	raw.run->system.idt_base = (uintptr_t)both;
	raw.run->system.gdt_base = (uintptr_t)both + PAGE;
	raw.run->system.tr_base = (uintptr_t)both + 0x1800;
	madvise(both, 2 * PAGE, MADV_DONTNEED);		/* the mapping is empty again; the file is not */
	judge("none of these was touched", go(), UD);

	/* and where Linux does not help */
	mprotect(stack, PAGE, PROT_READ);
	raw_put_tss(raw.tss->ist[0], stack + PAGE);
	raw_start_traps(&raw, do_ud2, 0);
	judge("a trap stack that is read-only", go(), RAW_REASON(DUNE_EXIT_NESTED_FAULT));
	munmap(stack, PAGE);
	raw_start_traps(&raw, do_ud2, 0);
	judge("a trap stack that was unmapped", go(), RAW_REASON(DUNE_EXIT_NESTED_FAULT));
	memcpy(raw.tss->ist[0], ist, 8);
	munmap(gone, 2 * PAGE);
	raw_start_traps(&raw, do_ud2, 0);
	raw.run->system.idt_base = (uintptr_t)gone;
	judge("an IDT that was unmapped", go(), RAW_REASON(DUNE_EXIT_NESTED_FAULT));
	raw_start_traps(&raw, do_ud2, 0);
	raw.run->system.gdt_base = (uintptr_t)gone;
	judge("a GDT that was unmapped", go(), RAW_REASON(DUNE_EXIT_NESTED_FAULT));

	/* no stack of its own: the program's page tables have none there either, so it is a double fault */
	raw_gate(&raw, 6, (uintptr_t)raw_stubs + 16 * 6, RAW_CS, 0, 0);
	raw_gate(&raw, 14, (uintptr_t)raw_stubs_error + 16 * 14, RAW_CS, 0, 0);
	raw_start_traps(&raw, push_ud2, 0x7000);
	judge("an exception on a stack that is not mapped", go(), RAW_TRAP(8, 0));
	raw_start_traps(&raw, push_ud2, (uintptr_t)gone + PAGE);
	judge("an exception on a stack that was unmapped", go(), RAW_REASON(DUNE_EXIT_NESTED_FAULT));
	raw_start(&raw, push_ud2, 0x7000);
	judge("an exception with neither stack nor IDT", go(), RAW_REASON(DUNE_EXIT_TRIPLE_FAULT));
	raw_gates(&raw);
	munmap(idt, PAGE);
	munmap(gdt, PAGE);
	munmap(tss, PAGE);
	munmap(both, 2 * PAGE);
}

int main(void)
{
	raw_health_begin(&health);
	hostile_open();
	test_memory();
	test_own_tables();
	test_delivery();
	raw_health_kept(&health, &raw);
	raw_close(&raw);
	return tap_done();
}
