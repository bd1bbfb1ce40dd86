/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between ordinary and Dune mode. The FPU and vector registers belong to the
 * thread and pass through untouched; so do the callee-saved registers, which
 * wait on the thread's own stack while the host loop runs on another.
 */
#include <asm/errno.h>
#include "frame.h"
#include "hypercall.h"
#include "offsets.h"

	.text

/* long dune_door_jump(run, op, argument): the module brings all registers back but RAX */
FUNCTION dune_door_jump
	movq	%rdx, %rcx
	movq	%rsi, %rdx
	leaq	1f(%rip), %rsi
	jmp	*dune_door(%rip)
1:	ret
END dune_door_jump

/* long dune_switch_in(struct dune_thread *t) */
FUNCTION dune_switch_in
	PUSH_CALLEE_SAVED
	movq	THREAD_RUN(%rdi), %rax
	leaq	.Lresume(%rip), %rcx
	movq	%rcx, RUN_RIP(%rax)
	movq	%rsp, RUN_RSP(%rax)
	movq	THREAD_HOST_SP(%rdi), %rsp
	xorl	%ebp, %ebp
	call	dune_host_loop
	ud2
	/* In Dune mode with RAX = 0; or in ordinary mode when the entry failed. */
.Lresume:
	POP_CALLEE_SAVED
	ret
END dune_switch_in

/* void dune_switch_out(uint64_t number): the instruction returns in ordinary mode. */
FUNCTION dune_switch_out
	PUSH_CALLEE_SAVED
	movq	%rdi, %rax
	DUNE_HYPERCALL_INSN
	POP_CALLEE_SAVED
	ret
END dune_switch_out

/* void dune_resume_host(uint64_t rsp, uint64_t rip, long rax) */
FUNCTION dune_resume_host
	movq	%rdi, %rsp
	movq	%rdx, %rax
	jmp	*%rsi
END dune_resume_host

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
