/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What assembly knows of the structures; offsets.c checks every number. */
#ifndef LIBDUNE_OFFSETS_H
#define LIBDUNE_OFFSETS_H

/* struct dune_thread */
#define THREAD_SELF		0
#define THREAD_SCRATCH		8
#define THREAD_TRAP_LOW		16
#define THREAD_TRAP_BASE	24
#define THREAD_RING		32
#define THREAD_RUN		40
#define THREAD_HOST_SP		48
#define THREAD_CALL_FRAME	56
#define THREAD_RING3_FRAME	64
#define THREAD_FLAGS_END	80	/* the end of 8 bytes for PUSH and POPF */

#define TRAP_STACK_SIZE		0x20000

/* struct dune_run */
#define RUN_RIP			144
#define RUN_RSP			168

/* struct dune_regs */
#define REGS_R15		0
#define REGS_R14		8
#define REGS_R13		16
#define REGS_R12		24
#define REGS_RBP		32
#define REGS_RBX		40
#define REGS_R10		56
#define REGS_R9			64
#define REGS_R8			72
#define REGS_RAX		80
#define REGS_RDX		96
#define REGS_RSI		104
#define REGS_RDI		112
#define REGS_RIP		128
#define REGS_RSP		152

/* struct dune_trap */
#define TRAP_RAX		80
#define TRAP_RCX		88
#define TRAP_RDX		96
#define TRAP_RSI		104
#define TRAP_RDI		112
#define TRAP_R8			72
#define TRAP_R9			64
#define TRAP_R10		56
#define TRAP_RBX		40
#define TRAP_RBP		32
#define TRAP_VECTOR		120
#define TRAP_RSP		160

/* Selectors, Linux's own. */
#define SEL_KERNEL_CS		0x10
#define SEL_KERNEL_DS		0x18
#define SEL_USER_DS		0x2b
#define SEL_USER_CS		0x33

/* What C code starts with: interrupts on, everything else off. */
#define FLAGS_CLEAN		0x202
#define MXCSR_DEFAULT		0x1f80

#endif /* LIBDUNE_OFFSETS_H */
