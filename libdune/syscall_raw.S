/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A trap frame's system call, made for it. */
#include "frame.h"
#include "hypercall.h"
#include "offsets.h"

	.text

/* long dune_forward_vmcall(const struct dune_trap *trap, long number) */
FUNCTION dune_forward_vmcall
	movq	%rsi, %rax
	movq	%rdi, %rcx
	movq	TRAP_RDI(%rcx), %rdi
	movq	TRAP_RSI(%rcx), %rsi
	movq	TRAP_RDX(%rcx), %rdx
	movq	TRAP_R10(%rcx), %r10
	movq	TRAP_R8(%rcx), %r8
	movq	TRAP_R9(%rcx), %r9
.Lforward:
	DUNE_HYPERCALL_INSN
	jmp	.Lforwarded
	jmp	.Lforward		/* DUNE_HC_RESTART: the call is made again */
.Lforwarded:
	ret
END dune_forward_vmcall

/* long dune_forward_int80(const struct dune_trap *trap): ordinary mode, i386 numbers and registers */
FUNCTION dune_forward_int80
	pushq	%rbx
	pushq	%rbp
	movq	%rdi, %r8
	movl	TRAP_RAX(%r8), %eax
	movl	TRAP_RBX(%r8), %ebx
	movl	TRAP_RCX(%r8), %ecx
	movl	TRAP_RDX(%r8), %edx
	movl	TRAP_RSI(%r8), %esi
	movl	TRAP_RDI(%r8), %edi
	movl	TRAP_RBP(%r8), %ebp
	int	$0x80
	popq	%rbp
	popq	%rbx
	ret
END dune_forward_int80

	.section .note.GNU-stack, "", @progbits
