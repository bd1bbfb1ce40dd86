/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stub, as a file. */
	.section .rodata
	.globl	plugin_stub_image, plugin_stub_end
	.hidden	plugin_stub_image, plugin_stub_end
	.balign	16
plugin_stub_image:
	.incbin	STUB
plugin_stub_end:

	.section .note.GNU-stack, "", @progbits
