/* SPDX-License-Identifier: GPL-2.0 */
/* The runtime's ELF file, as it was built: RUNTIME is its path. */
	.section .rodata
	.balign	4096
	.globl	runtime_file, runtime_file_end
runtime_file:
	.incbin	RUNTIME
runtime_file_end:
	.section .note.GNU-stack, "", @progbits
