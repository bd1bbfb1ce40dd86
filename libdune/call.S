/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dune_call(): what is kept to come back to. */
#include <asm/errno.h>
#include "frame.h"
#include "offsets.h"

	.text

/*
 * int dune_call_guarded(struct dune_thread *t, fn, arg, result)
 *
 * What the calling convention keeps waits at call_frame, MXCSR and the x87
 * control word among it.
 */
FUNCTION dune_call_guarded
	PUSH_CALLEE_SAVED
	pushq	%rdi
	subq	$16, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movq	%rsp, THREAD_CALL_FRAME(%rdi)
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	call	dune_call_body
.Lcall_done:
	addq	$16, %rsp
	popq	%rdi
	movq	$0, THREAD_CALL_FRAME(%rdi)
	POP_CALLEE_SAVED
	ret
END dune_call_guarded

/* void dune_call_unwind(struct dune_thread *t): dune_call_guarded() returns -ENOTRECOVERABLE. */
FUNCTION dune_call_unwind
	movq	THREAD_CALL_FRAME(%rdi), %rsp
	fninit
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	movl	$-ENOTRECOVERABLE, %eax
	jmp	.Lcall_done
END dune_call_unwind

	.section .note.GNU-stack, "", @progbits
