/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a child begins. */
#include "frame.h"
#include "offsets.h"

	.text

/*
 * long dune_clone_insn(const struct dune_regs *r, struct dune_thread *child)
 *
 * A child that shares memory may have the stack of its parent here: it touches
 * none before it is on its own.
 */
FUNCTION dune_clone_insn
	PUSH_CALLEE_SAVED
	movq	%rsi, %r15
	movq	%rsp, %r14
	movq	%rdi, %rcx
	movq	REGS_RAX(%rcx), %rax
	movq	REGS_RSI(%rcx), %rsi
	movq	REGS_RDX(%rcx), %rdx
	movq	REGS_R10(%rcx), %r10
	movq	REGS_R8(%rcx), %r8
	movq	REGS_R9(%rcx), %r9
	movq	REGS_RDI(%rcx), %rdi
	syscall
	testq	%rax, %rax
	jz	.Lchild
	POP_CALLEE_SAVED
	ret
.Lchild:
	xorl	%esi, %esi
	cmpq	%rsp, %r14
	cmovneq	%rsp, %rsi
	movq	THREAD_HOST_SP(%r15), %rsp
	movq	%r15, %rdi
	xorl	%ebp, %ebp
	call	dune_child_start
	ud2
END dune_clone_insn

/* void dune_child_native(const struct dune_regs *r): as after a SYSCALL */
FUNCTION dune_child_native
	movq	REGS_RIP(%rdi), %rcx
	movq	REGS_RSP(%rdi), %rsp
	movq	REGS_R15(%rdi), %r15
	movq	REGS_R14(%rdi), %r14
	movq	REGS_R13(%rdi), %r13
	movq	REGS_R12(%rdi), %r12
	movq	REGS_RBP(%rdi), %rbp
	movq	REGS_RBX(%rdi), %rbx
	movq	REGS_R10(%rdi), %r10
	movq	REGS_R9(%rdi), %r9
	movq	REGS_R8(%rdi), %r8
	movq	REGS_RAX(%rdi), %rax
	movq	REGS_RDX(%rdi), %rdx
	movq	REGS_RSI(%rdi), %rsi
	movq	REGS_RDI(%rdi), %rdi
	jmp	*%rcx
END dune_child_native

	.section .note.GNU-stack, "", @progbits
