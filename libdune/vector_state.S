/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handlers that use the FPU or vector registers: keep what the interrupted code
 * had in them, and give the handler what a signal handler gets, the initial
 * control words and an empty x87 stack.
 */
#include "frame.h"
#include "offsets.h"

#define XSAVE_HEADER	512

	.text

/* long dune_call_keeping_vectors(void *fn, struct dune_trap *trap, uintptr_t address) */
FUNCTION dune_call_keeping_vectors
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%rbx
	pushq	%r12
	movq	%rdi, %rbx
	movq	%rdx, %r12
	subq	dune_vector_size(%rip), %rsp
	andq	$-64, %rsp
	movl	dune_vector_mask(%rip), %eax
	movl	4 + dune_vector_mask(%rip), %edx
	movq	%rax, %rcx
	orq	%rdx, %rcx
	jz	.Lfxsave
	/* XSAVE reads the header; XRSTOR wants its unused words zero. */
	xorl	%ecx, %ecx
	.irp	word, 0, 1, 2, 3, 4, 5, 6, 7
	movq	%rcx, XSAVE_HEADER + 8 * \word(%rsp)
	.endr
	xsave64	(%rsp)
	call	.Lhandler
	movq	%rax, %rcx
	movl	dune_vector_mask(%rip), %eax
	movl	4 + dune_vector_mask(%rip), %edx
	xrstor64 (%rsp)
	jmp	.Ldone
.Lfxsave:
	fxsave64 (%rsp)
	call	.Lhandler
	movq	%rax, %rcx
	fxrstor64 (%rsp)
.Ldone:
	movq	%rcx, %rax
	leaq	-16(%rbp), %rsp
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret

.Lhandler:
	subq	$8, %rsp
	movl	$MXCSR_DEFAULT, (%rsp)
	fninit
	ldmxcsr	(%rsp)
	movq	%rsi, %rdi
	movq	%r12, %rsi
	call	*%rbx
	addq	$8, %rsp
	ret
END dune_call_keeping_vectors

	.section .note.GNU-stack, "", @progbits
