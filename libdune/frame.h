/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Assembly only: the general registers of a struct dune_trap, below vector and error. */
#ifndef LIBDUNE_FRAME_H
#define LIBDUNE_FRAME_H

#ifdef __ASSEMBLER__

/* RAX and RCX come from where the entry put them. */
.macro PUSH_GENERAL rax=%rax, rcx=%rcx
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	\rcx
	pushq	\rax
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
.endm

.macro POP_GENERAL
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
.endm

/* What the C calling convention lets a function expect to find again. */
.macro PUSH_CALLEE_SAVED
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
.endm

.macro POP_CALLEE_SAVED
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
.endm

.macro FUNCTION name
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.balign	16
\name:
.endm

.macro END name
	.size	\name, . - \name
.endm

#endif /* __ASSEMBLER__ */

#endif /* LIBDUNE_FRAME_H */
