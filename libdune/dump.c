// SPDX-License-Identifier: LGPL-2.1-or-later
/* A run page for people. No allocation and no stdio: this is what a dying thread calls. */
#include <dune/dune.h>
#include <stddef.h>
#include "export.h"
#include "text.h"

struct field {
	const char *name;
	uint64_t value;
};

/* Three to a line. */
static void put_fields(struct dune_text *text, const struct field *field, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		dune_put(text, "  ");
		dune_put(text, field[i].name);
		dune_put(text, " ");
		dune_put_digits(text, field[i].value, 16);
		if (i % 3 == 2 || i == count - 1)
			dune_put(text, "\n");
	}
}

DUNE_API const char *dune_reason_name(unsigned int reason)
{
	static const char *const names[DUNE_NR_EXIT_REASONS] = {
		[DUNE_EXIT_NONE]	= "DUNE_RUN failed",
		[DUNE_EXIT_INTR]	= "interrupted",
		[DUNE_EXIT_SYSCALL]	= "system call",
		[DUNE_EXIT_HYPERCALL]	= "hypercall",
		[DUNE_EXIT_TRIPLE_FAULT] = "triple fault",
		[DUNE_EXIT_BAD_STATE]	= "bad state to enter with",
		[DUNE_EXIT_BAD_GPA]	= "page tables name memory that is not there",
		[DUNE_EXIT_NESTED_FAULT] = "unresolvable fault while an exception was being delivered",
		[DUNE_EXIT_UNHANDLED]	= "unhandled VM exit",
		[DUNE_EXIT_NOMEM]	= "out of memory",
	};

	if (reason >= DUNE_NR_EXIT_REASONS || !names[reason])
		return "unknown reason";
	return names[reason];
}

static void put_reason(struct dune_text *text, const struct dune_run *run)
{
	dune_put(text, "dune: ");
	/* libdune's own last words: see dune_double_fault(). */
	if (run->reason == DUNE_EXIT_TRIPLE_FAULT && run->detail == 8)
		dune_put(text, "double fault");
	else
		dune_put(text, dune_reason_name(run->reason));
	if (run->reason == DUNE_EXIT_NONE) {
		dune_put(text, ": errno ");
		dune_put_unsigned(text, run->detail);
	}
	dune_put(text, " in ring ");
	dune_put_unsigned(text, run->regs.cs & 3);
	dune_put(text, "\n");
}

static void put_registers(struct dune_text *text, const struct dune_regs *r)
{
	const struct field fields[] = {
		{ "rip   ", r->rip }, { "rsp   ", r->rsp }, { "rflags", r->rflags },
		{ "rax   ", r->rax }, { "rbx   ", r->rbx }, { "rcx   ", r->rcx },
		{ "rdx   ", r->rdx }, { "rsi   ", r->rsi }, { "rdi   ", r->rdi },
		{ "rbp   ", r->rbp }, { "r8    ", r->r8  }, { "r9    ", r->r9  },
		{ "r10   ", r->r10 }, { "r11   ", r->r11 }, { "r12   ", r->r12 },
		{ "r13   ", r->r13 }, { "r14   ", r->r14 }, { "r15   ", r->r15 },
		{ "cs    ", r->cs  }, { "ss    ", r->ss  },
	};

	put_fields(text, fields, sizeof(fields) / sizeof(fields[0]));
}

static void put_hardware(struct dune_text *text, const struct dune_run *run)
{
	const struct dune_hw_exit *hw = &run->hw;
	const struct field fields[] = {
		{ "fsbase", run->fs_base }, { "gsbase", run->gs_base }, { "cr2   ", hw->cr2 },
		{ "cr3   ", hw->cr3 }, { "gdt   ", hw->gdt_base }, { "idt   ", hw->idt_base },
		{ "tss   ", hw->tr_base }, { "exit  ", hw->reason }, { "qualif", hw->qualification },
		{ "gpa   ", hw->gpa }, { "gva   ", hw->gva }, { "vector", hw->vectoring },
	};

	put_fields(text, fields, sizeof(fields) / sizeof(fields[0]));
}

DUNE_API void dune_dump(int fd, const struct dune_run *run)
{
	char buffer[2048];
	struct dune_text text = DUNE_TEXT(buffer);

	put_reason(&text, run);
	put_registers(&text, &run->regs);
	put_hardware(&text, run);
	dune_text_write(fd, &text);
}
