/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exceptions and INT n: from the gate to dune_page_fault() or dune_trap(), and back.
 *
 * The CPU puts its frame on an IST stack, so the red zone of what it interrupted
 * stays whole. A second exception would overwrite that frame; so nothing here may
 * fault until the frame is on the trap stack (thread.h draws it), where it
 * becomes a struct dune_trap:
 *
 *	IST stack, its top page-aligned		trap stack
 *
 *	-8   (unused)
 *	-16  struct dune_thread *
 *	-24  ss		--- copied -->		ss
 *	-32  rsp				rsp
 *	-40  rflags				rflags
 *	-48  cs					cs
 *	-56  rip				rip
 *	-64  error (the CPU's, or 0)		error
 *	-72  vector				vector
 *	-80  rax  \  so that there is		rdi .. r15, pushed here
 *	-88  rcx  /  something to work with
 */
#include "entry.h"
#include "frame.h"
#include "offsets.h"

/* Offsets from RSP when all of the left column is there. */
#define IST_RCX		0
#define IST_RAX		8
#define IST_VECTOR	16
#define IST_ERROR	24
#define IST_RIP		32
#define IST_CS		40
#define IST_RFLAGS	48
#define IST_RSP		56
#define IST_SS		64
#define IST_THREAD	72

	.text

/* Vectors whose exceptions push an error code: 8, 10-14, 17, 21, 29, 30. */
#define HAS_ERROR	0x60227d00

	.balign	TRAP_STUB_SIZE
	.globl	dune_trap_stubs
	.hidden	dune_trap_stubs
dune_trap_stubs:
	.set	vector, 0
	.rept	256
	.balign	TRAP_STUB_SIZE
	.if	vector > 31
	pushq	$0
	.elseif	!((HAS_ERROR >> vector) & 1)
	pushq	$0
	.endif
	pushq	$vector
	.if	vector == 8
	jmp	double_fault
	.elseif	vector == 14
	jmp	page_fault
	.else
	jmp	exception
	.endif
	.set	vector, vector + 1
	.endr

/* Twice, as page faults are worth a way of their own. */
.macro TRAP_TO handler
	pushq	%rax
	pushq	%rcx
	movq	IST_THREAD(%rsp), %rcx
	movq	IST_RSP(%rsp), %rax
	testb	$3, IST_CS(%rsp)
	jnz	.Lelsewhere\@
	subq	THREAD_TRAP_LOW(%rcx), %rax
	cmpq	$TRAP_STACK_SIZE, %rax
	jb	.Lnested\@
.Lelsewhere\@:
	movq	THREAD_TRAP_BASE(%rcx), %rax
.Lbuild\@:
	xchgq	%rax, %rsp
	pushq	IST_SS(%rax)
	pushq	IST_RSP(%rax)
	pushq	IST_RFLAGS(%rax)
	pushq	IST_CS(%rax)
	pushq	IST_RIP(%rax)
	pushq	IST_ERROR(%rax)
	pushq	IST_VECTOR(%rax)
	PUSH_GENERAL IST_RAX(%rax), IST_RCX(%rax)
	/* The IST stack is free again. */
	movq	%rsp, %rdi
	movq	%rcx, %rsi
	cld
	call	\handler
	jmp	.Lreturn

.Lnested\@:
	movq	IST_RSP(%rsp), %rax
	leaq	-128(%rax), %rax
	andq	$-16, %rax
	jmp	.Lbuild\@
.endm

	.balign	16
page_fault:
	TRAP_TO	dune_page_fault
	.balign	16
exception:
	TRAP_TO	dune_trap

/* void dune_trap_return(struct dune_trap *trap) */
FUNCTION dune_trap_return
	movq	%rdi, %rsp
.Lreturn:
	POP_GENERAL
	addq	$16, %rsp		/* vector, error */
	iretq
END dune_trap_return

/*
 * The trap stack may be what is wrong: stay on the IST stack, of which this is
 * the only user, and do not come back.
 */
double_fault:
	PUSH_GENERAL
	movq	%rsp, %rdi
	movq	22 * 8(%rsp), %rsi
	cld
	call	dune_double_fault
	ud2

	.section .note.GNU-stack, "", @progbits
