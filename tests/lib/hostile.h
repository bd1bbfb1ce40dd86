/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the hostile_*.c that run code of their own have in common: the VCPU that
 * they run it on, names for what is expected of it, tables of single instructions.
 *
 * A program whose code does not end in ring 0 defines FINISH, an instruction that
 * is executed behind the hostile ones, and DONE, the outcome that it leads to.
 */
#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H

#include <cpuid.h>
#include "tap.h"
#include "raw.h"

#ifndef FINISH
#define FINISH	"jmp raw_done"
#define DONE	RAW_DONE
#endif

#define PAGE 4096UL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct raw raw;
static struct raw_health health;
static uint64_t *scratch;	/* a page that code may be given in RDI */

/* A program cannot go on without it, so there is no point for it. */
static inline void hostile_open(void)
{
	int ret = raw_open(&raw);

	if (ret || raw_traps(&raw))
		bail("cannot enter Dune mode: %s", strerror(-ret));
	scratch = raw_table(&raw);
}

/* ---- what is expected ------------------------------------------------------------------- */

/* Of page faults. */
#define LINUX DUNE_PF_LINUX
#define P 1
#define W 2
#define U 4
#define RSVD 8
#define I 16

#define DE	RAW_TRAP(0, 0)
#define DB	RAW_TRAP(1, 0)
#define UD	RAW_TRAP(6, 0)
#define SS	RAW_TRAP(12, 0)
#define GP	RAW_TRAP(13, 0)
#define GPS(s)	RAW_TRAP(13, s)
#define PF(e)	RAW_TRAP(14, e)

/* Added to it, for an instruction. */
#define XSAVE	(1ULL << 40)	/* #UD if there is no XSAVE */
#define INVPCID	(1ULL << 41)	/* #UD if there is no INVPCID */
#define FSGS	(1ULL << 42)	/* #UD if there is no FSGSBASE */
#define OPTION	(1ULL << 43)	/* or it is just done: VMX cannot always forbid it */
#define ANYRIP	(1ULL << 44)	/* the exception is not at the instruction */
#define OUTCOME(want) ((want) & ((1ULL << 40) - 1))	/* without these */

/* What this CPU makes of it. */
static inline uint64_t want_here(uint64_t want)
{
	unsigned int a, b, c, d, missing = 0;

	__cpuid(1, a, b, c, d);
	missing |= want & XSAVE && !(c & bit_OSXSAVE);
	__cpuid_count(7, 0, a, b, c, d);
	missing |= want & INVPCID && !(b & 1 << 10);
	missing |= want & FSGS && !(b & bit_FSGSBASE);
	return missing ? UD | ANYRIP : want & ~(XSAVE | INVPCID | FSGS);
}

/* ---- code -------------------------------------------------------------------------------- */

#define BAD	"mov $1, %eax; shl $63, %rax; "		/* not canonical */

/*
 * INSNS(X) is a table of X(label, what comes before, the instruction, what happens).
 * HOSTILE_INSNS(INSNS) makes their code and insns[] of it.
 */
struct insn { const char *name, *code, *at; uint64_t want; };

#define AS_CODE(id, before, insn, want) "insn_" #id ": " before "at_" #id ": " insn "; " FINISH "\n"
#define AS_DECL(id, before, insn, want) extern const char insn_##id[] RAW_HIDDEN, at_##id[] RAW_HIDDEN;
#define AS_ENTRY(id, before, insn, want) { before insn, insn_##id, at_##id, want },

#define HOSTILE_INSNS(table)								\
	__asm__(".pushsection .text\n" table(AS_CODE) ".popsection\n");			\
	table(AS_DECL)									\
	static const struct insn insns[] = { table(AS_ENTRY) }

__asm__(".pushsection .text\n"
	"do_read: mov (%rdi), %al; " FINISH "\n"
	"do_write: movb $0xc3, (%rdi); " FINISH "\n"
	"do_exec: call *%rdi; " FINISH "\n"
	".popsection\n");
extern const char do_read[] RAW_HIDDEN, do_write[] RAW_HIDDEN, do_exec[] RAW_HIDDEN;

/* ---- running it ---------------------------------------------------------------------------- */

static inline int go(void)
{
	int ret;

	raw_deadline(3000);
	ret = raw_go(&raw);
	raw_deadline(0);
	return ret;
}

/* As go(), making the system calls that the module hands out (all of them, where it has no fast ones). */
static inline int go_calls(void)
{
	int ret;

	raw_deadline(3000);
	ret = raw_go_calls(&raw);
	raw_deadline(0);
	return ret;
}

/* Judge how a run ended, and that the VCPU is good for another one. */
static inline bool judge(const char *name, int ret, uint64_t want)
{
	uint64_t got = raw_outcome(&raw, ret);
	bool right = got == want;

	if (!ok(right, "%s: %s", name, raw_outcome_name(want)))
		diag("  got %s (hw.reason %#llx, rip %#llx)", raw_outcome_name(got), raw.run->hw.reason,
		     raw.run->regs.rip);
	if (!raw_good(&raw))
		ok(false, "a good run after: %s", name);
	return right;
}

#endif /* TESTS_HOSTILE_H */
