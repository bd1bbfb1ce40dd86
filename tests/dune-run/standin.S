/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entry and exit of a runtime that enters no Dune mode: for dune-run's tests on
 * machines without it. At the entry all registers but RSP and RDI are 0; at the
 * exit they are as execve() leaves them.
 */
	.text
	.globl	_start
_start:
	cmp	%rdi, %rsp
	jne	bad
	or	%rax, %rbx
	or	%rcx, %rbx
	or	%rdx, %rbx
	or	%rsi, %rbx
	or	%rbp, %rbx
	or	%r8, %rbx
	or	%r9, %rbx
	or	%r10, %rbx
	or	%r11, %rbx
	or	%r12, %rbx
	or	%r13, %rbx
	or	%r14, %rbx
	or	%r15, %rbx
	jnz	bad
	mov	%rdi, %rbx
	call	standin
	test	%eax, %eax
	jnz	1f
	mov	16(%rbx), %rsp			# rsp
	push	8(%rbx)				# rip
	xor	%eax, %eax
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%ebp, %ebp
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	ret

bad:	mov	$90, %eax
1:	mov	%eax, %edi
	mov	$231, %eax			# exit_group
	syscall
	ud2

	.section .note.GNU-stack, "", @progbits
