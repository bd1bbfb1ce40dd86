/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first and the last instructions of the runtime in ordinary mode; rt.h says what it finds. */
#include "../frame.h"

	.text

/* RDI = struct dune_rt_start *, on the runtime's own stack */
FUNCTION dune_rt_entry
	xorl	%ebp, %ebp
	andq	$-16, %rsp
	call	dune_rt_main
	ud2
END dune_rt_entry

/*
 * void dune_rt_without(uint64_t rip, uint64_t rsp): to the program's first instruction, in
 * ordinary mode, with everything as execve() left it. Below RSP nothing is anybody's yet.
 */
FUNCTION dune_rt_without
	movq	%rsi, %rsp
	pushq	%rdi
	pushq	$0x202
	xorl	%eax, %eax
	xorl	%ebx, %ebx
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%esi, %esi
	xorl	%edi, %edi
	xorl	%ebp, %ebp
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	xorl	%r12d, %r12d
	xorl	%r13d, %r13d
	xorl	%r14d, %r14d
	xorl	%r15d, %r15d
	popfq
	ret
END dune_rt_without

	.section .note.GNU-stack, "", @progbits
