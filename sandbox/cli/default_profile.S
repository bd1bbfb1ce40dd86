/* SPDX-License-Identifier: GPL-2.0 */
/* The profile that holds where none is given. */
	.section .rodata
	.globl default_profile, default_profile_end
default_profile:
	.incbin "sandbox/profiles/default.json"
default_profile_end:
	.section .note.GNU-stack, "", @progbits
