/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Into ring 3, and out by dune_ring3_unwind(). Calls nest: each keeps what it
 * replaces on its own stack.
 *
 *	ring3_frame -> the outer call's ring3_frame
 *		       the outer call's trap_base
 *		       callee-saved registers
 */
#include "frame.h"
#include "offsets.h"

	.text

/* long dune_ring3_enter(struct dune_thread *t, struct dune_trap *start) */
FUNCTION dune_ring3_enter
	PUSH_CALLEE_SAVED
	pushq	THREAD_TRAP_BASE(%rdi)
	pushq	THREAD_RING3_FRAME(%rdi)
	movq	%rsp, THREAD_RING3_FRAME(%rdi)
	/* Called from a handler: traps out of ring 3 must leave its frames alone. */
	movq	%rsp, %rax
	movq	%rsp, %rcx
	subq	THREAD_TRAP_LOW(%rdi), %rcx
	cmpq	$TRAP_STACK_SIZE, %rcx
	jae	1f
	leaq	-128(%rax), %rax
	andq	$-16, %rax
	movq	%rax, THREAD_TRAP_BASE(%rdi)
1:	movl	$3, THREAD_RING(%rdi)
	movq	%rsi, %rdi
	jmp	dune_trap_return
END dune_ring3_enter

/* void dune_ring3_unwind(struct dune_thread *t, long value) */
FUNCTION dune_ring3_unwind
	movl	$0, THREAD_RING(%rdi)
	movq	THREAD_RING3_FRAME(%rdi), %rsp
	/* An exception out of ring 3 left SS null. */
	movl	$SEL_KERNEL_DS, %ecx
	movl	%ecx, %ss
	/* An exception brings along flags that ring 3 chose: AC would fault in ordinary mode. */
	pushq	$FLAGS_CLEAN
	popfq
	popq	THREAD_RING3_FRAME(%rdi)
	popq	THREAD_TRAP_BASE(%rdi)
	movq	%rsi, %rax
	POP_CALLEE_SAVED
	ret
END dune_ring3_unwind

	.section .note.GNU-stack, "", @progbits
