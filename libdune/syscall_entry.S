/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the SYSCALL instruction goes in Dune mode. SFMASK is 0, so RFLAGS comes
 * as it was; RCX holds the return address and R11 a copy of RFLAGS, as Linux
 * would leave them.
 *
 * KERNEL_GS_BASE is the thread's struct, in both rings. SWAPGS brings it in for
 * a moment and is undone before any C code runs, so that this entry is the same
 * from either ring. A single step that ends between dune_syscall_code and
 * dune_syscall_code_end is swallowed by dune_trap(): no handler sees that moment.
 */
#include "entry.h"
#include "frame.h"
#include "hypercall.h"
#include "offsets.h"

	.text
	.globl	dune_syscall_code, dune_syscall_code_end
	.hidden	dune_syscall_code, dune_syscall_code_end
dune_syscall_code:

/* Ring 0 only (ring 3 would go on with ring 0's rights): no stack, no flags. */
FUNCTION dune_syscall_pass
	DUNE_HYPERCALL_INSN
	jmp	*%rcx
END dune_syscall_pass

/* For a program that is in ring 3 itself: all its calls pass. */
FUNCTION dune_syscall_ring3
	DUNE_HYPERCALL_INSN		/* the module goes on in ring 3 */
	ud2
END dune_syscall_ring3

/* With ring 3 in this thread, or a handler that wants ring 0's calls. */
FUNCTION dune_syscall_entry
	swapgs
	movq	%rsp, %gs:THREAD_SCRATCH
	cmpl	$0, %gs:THREAD_RING
	jne	.Lring3
	cmpb	$0, dune_syscall_watch_ring0(%rip)
	je	.Lpass
	/* A handler's own call passes: handlers run on the trap stack. */
	subq	%gs:THREAD_TRAP_LOW, %rsp
	cmpq	$TRAP_STACK_SIZE, %rsp
	jb	.Lpass
	movq	%gs:THREAD_TRAP_BASE, %rsp
	pushq	$SEL_KERNEL_DS
	pushq	%gs:THREAD_SCRATCH
	pushq	%r11
	pushq	$SEL_KERNEL_CS
	jmp	.Lcall
.Lring3:
	movq	%gs:THREAD_TRAP_BASE, %rsp
	pushq	$SEL_USER_DS
	pushq	%gs:THREAD_SCRATCH
	pushq	%r11
	pushq	$SEL_USER_CS
.Lcall:
	pushq	%rcx
	pushq	$0
	pushq	$0x100			/* DUNE_VECTOR_SYSCALL */
	PUSH_GENERAL
	movq	%rsp, %rdi
	movq	%gs:THREAD_SELF, %rsi
	swapgs
	/* Ring 3 chose these flags: TF, NT, AC, DF. */
	pushq	$FLAGS_CLEAN
	popfq
	call	dune_syscall_trap
	POP_GENERAL
	addq	$16, %rsp		/* vector, error */
	iretq

	/* The flags changed above; the caller's stack may not be there to pop them from. */
.Lpass:
	movq	%gs:THREAD_SELF, %rsp
	leaq	THREAD_FLAGS_END(%rsp), %rsp
	pushq	%r11
	popfq
	movq	%gs:THREAD_SCRATCH, %rsp
	swapgs
	jmp	dune_syscall_pass
END dune_syscall_entry

/*
 * A program in ring 3 that ring 0 must be safe from: dune_confined_call() looks at each call. It
 * says 0, and the program goes on with what is in the frame; or not 0, and the module makes the
 * call as the program made it, with no stack, and goes on in ring 3.
 */
FUNCTION dune_syscall_confined
	swapgs
	movq	%rsp, %gs:THREAD_SCRATCH
	movq	%gs:THREAD_TRAP_BASE, %rsp
	pushq	$SEL_USER_DS
	pushq	%gs:THREAD_SCRATCH
	pushq	%r11
	pushq	$SEL_USER_CS
	pushq	%rcx
	pushq	$0
	pushq	$0x100			/* DUNE_VECTOR_SYSCALL */
	PUSH_GENERAL
	movq	%rsp, %rdi
	movq	%gs:THREAD_SELF, %rsi
	swapgs
	pushq	$FLAGS_CLEAN
	popfq
	call	*dune_confined_call(%rip)
	movq	%rsp, %rdi
	testl	%eax, %eax
	jz	dune_trap_return
	POP_GENERAL
	movq	TRAP_RSP - TRAP_VECTOR(%rsp), %rsp
	jmp	dune_syscall_ring3
END dune_syscall_confined

dune_syscall_code_end:

/* In ordinary mode: where the call of a program that ring 0 must be safe from is made. */
FUNCTION dune_syscall_gate
	syscall
	ud2
END dune_syscall_gate

	.section .note.GNU-stack, "", @progbits
