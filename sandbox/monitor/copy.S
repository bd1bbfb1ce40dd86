/* SPDX-License-Identifier: GPL-2.0 */
/* The one place where the monitor touches memory of the program's. */
#include "../../libdune/frame.h"

	.text

/* int sandbox_copy_raw(void *to, const void *from, size_t size): 0 or -EFAULT; a fault at the MOVS goes on behind */
FUNCTION sandbox_copy_raw
	movq	%rdx, %rcx
	.globl	sandbox_copy_insn, sandbox_copy_failed
	.hidden	sandbox_copy_insn, sandbox_copy_failed
sandbox_copy_insn:
	rep movsb
	xorl	%eax, %eax
	ret
sandbox_copy_failed:
	movl	$-14, %eax		/* EFAULT */
	ret
END sandbox_copy_raw

	.section .note.GNU-stack, "", @progbits
