// SPDX-License-Identifier: LGPL-2.1-or-later
/* A run page for people. No allocation and no stdio: this is what a dying thread calls. */
#include <dune/dune.h>
#include <stddef.h>
#include <sys/syscall.h>
#include "export.h"
#include "raw.h"

struct text {
	char buffer[2048];
	size_t length;
};

static void put(struct text *text, const char *s)
{
	while (*s && text->length < sizeof(text->buffer))
		text->buffer[text->length++] = *s++;
}

static void put_hex(struct text *text, uint64_t value, int digits)
{
	char s[17];
	int i;

	for (i = digits - 1; i >= 0; i--, value >>= 4)
		s[i] = "0123456789abcdef"[value & 15];
	s[digits] = 0;
	put(text, s);
}

static void put_decimal(struct text *text, unsigned int value)
{
	char s[11];
	int i = sizeof(s) - 1;

	s[i] = 0;
	do
		s[--i] = '0' + value % 10;
	while (value /= 10);
	put(text, s + i);
}

struct field {
	const char *name;
	uint64_t value;
};

/* Three to a line. */
static void put_fields(struct text *text, const struct field *field, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		put(text, "  ");
		put(text, field[i].name);
		put(text, " ");
		put_hex(text, field[i].value, 16);
		if (i % 3 == 2 || i == count - 1)
			put(text, "\n");
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

static void put_reason(struct text *text, const struct dune_run *run)
{
	put(text, "dune: ");
	/* libdune's own last words: see dune_double_fault(). */
	if (run->reason == DUNE_EXIT_TRIPLE_FAULT && run->detail == 8)
		put(text, "double fault");
	else
		put(text, dune_reason_name(run->reason));
	if (run->reason == DUNE_EXIT_NONE) {
		put(text, ": errno ");
		put_decimal(text, run->detail);
	}
	put(text, " in ring ");
	put_decimal(text, run->regs.cs & 3);
	put(text, "\n");
}

static void put_registers(struct text *text, const struct dune_regs *r)
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

static void put_hardware(struct text *text, const struct dune_run *run)
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
	struct text text;
	size_t done = 0;

	text.length = 0;
	put_reason(&text, run);
	put_registers(&text, &run->regs);
	put_hardware(&text, run);
	while (done < text.length) {
		long n = raw_syscall4(SYS_write, fd, (long)(text.buffer + done),
				      (long)(text.length - done), 0);

		if (n <= 0)
			break;
		done += n;
	}
}
