// SPDX-License-Identifier: GPL-2.0
/* A library that knows one pointer, for tests/gc/loads.c. */
void *gc_slot = (void *)1;	/* in .data, which is the file's until it is written */
void *gc_slot_zero;		/* in .bss */
