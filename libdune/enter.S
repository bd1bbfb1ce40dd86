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
	movq	dune_frame_table(%rip), %r8
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

	.section .note.GNU-stack, "", @progbits
