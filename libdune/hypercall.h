/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one instruction that asks the module for something.
 *
 * Every place where it stands is made by DUNE_HYPERCALL_INSN and noted in the
 * section dune_hypercalls (offsets relative to themselves), so that a backend
 * with another instruction of three bytes (VMMCALL) can patch all of them.
 *
 * Number in RAX, arguments as for a system call, result in RAX; no other
 * register changes, not even RCX and R11.
 */
#ifndef LIBDUNE_HYPERCALL_H
#define LIBDUNE_HYPERCALL_H

#ifdef __ASSEMBLER__

.macro DUNE_HYPERCALL_INSN
771:	vmcall
	.pushsection dune_hypercalls, "a"
	.balign	4
	.long	771b - .
	.popsection
.endm

#else

#include <linux/dune.h>
#include <stdint.h>

#define DUNE_HYPERCALL_INSN					\
	"771:	vmcall\n"					\
	"	.pushsection dune_hypercalls, \"a\"\n"		\
	"	.balign	4\n"					\
	"	.long	771b - .\n"				\
	"	.popsection\n"

#define DUNE_HYPERCALL_BYTES	3

/* What the host loop (host.c) serves. */
#define DUNE_HC_LEAVE		(DUNE_HC_USER + 0)	/* go on in ordinary mode */
#define DUNE_HC_HOST_CALL	(DUNE_HC_USER + 1)	/* RDI = function, RSI = its argument */

/* Ring 0 of Dune mode only: elsewhere the instruction is #UD. */
static inline long dune_hypercall(uint64_t number, uint64_t rdi, uint64_t rsi)
{
	__asm__ volatile(DUNE_HYPERCALL_INSN
			 : "+a"(number) : "D"(rdi), "S"(rsi) : "memory");
	return (long)number;
}

#endif /* __ASSEMBLER__ */

#endif /* LIBDUNE_HYPERCALL_H */
