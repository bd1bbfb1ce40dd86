/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Into Dune mode and out again. Between VMRESUME and the end of this function
 * lies everything that keeps a hostile guest from steering the host's
 * speculation; what each step is for stands beside it. Which steps a CPU needs
 * the kernel has decided at boot, in its feature bits.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>
#include "defs.h"
#include "asm-offsets.h"

#ifndef ENDBR
#define ENDBR
#endif

.section .text, "ax"

/* unsigned int vmx_enter_asm(struct vmx_vcpu *vmx) */
SYM_FUNC_START(vmx_enter_asm)
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi

	/* the exit finds this stack again; its depth rarely changes */
	cmp	%rsp, VMX_HOST_RSP(%rdi)
	je	1f
	mov	%rsp, VMX_HOST_RSP(%rdi)
	mov	$HOST_RSP, %eax
	vmwrite	%rsp, %rax
1:
	/* CF: launched? Nothing from here to the entry may touch it. */
	btw	$0, VMX_LAUNCHED(%rdi)

	mov	VMX_R15(%rdi), %r15
	mov	VMX_R14(%rdi), %r14
	mov	VMX_R13(%rdi), %r13
	mov	VMX_R12(%rdi), %r12
	mov	VMX_RBP(%rdi), %rbp
	mov	VMX_RBX(%rdi), %rbx
	mov	VMX_R11(%rdi), %r11
	mov	VMX_R10(%rdi), %r10
	mov	VMX_R9(%rdi), %r9
	mov	VMX_R8(%rdi), %r8
	mov	VMX_RAX(%rdi), %rax
	mov	VMX_RCX(%rdi), %rcx
	mov	VMX_RDX(%rdi), %rdx
	mov	VMX_RSI(%rdi), %rsi
	/* MDS and its kin: overwrite the buffers. Changes ZF only. What is loaded after it is the guest's. */
#ifdef X86_FEATURE_CLEAR_CPU_BUF
	ALTERNATIVE "", __stringify(verw VMX_VERW_SEL(%rdi)), X86_FEATURE_CLEAR_CPU_BUF
#endif
	mov	VMX_RDI(%rdi), %rdi
	jnc	.Llaunch
	UNWIND_HINT_SAVE
.Lresume:
	vmresume
	jmp	.Lfailed
.Llaunch:
	vmlaunch
	jmp	.Lfailed

	/* VT-x was taken away under us (reboot): as if the entry had failed */
	_ASM_EXTABLE(.Lresume, .Lfailed)
	_ASM_EXTABLE(.Llaunch, .Lfailed)

SYM_INNER_LABEL(vmx_exit_label, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	/* RSP is as at the entry: vmx is on top */
	push	%rdi
	mov	8(%rsp), %rdi
	mov	%r15, VMX_R15(%rdi)
	mov	%r14, VMX_R14(%rdi)
	mov	%r13, VMX_R13(%rdi)
	mov	%r12, VMX_R12(%rdi)
	mov	%rbp, VMX_RBP(%rdi)
	mov	%rbx, VMX_RBX(%rdi)
	mov	%r11, VMX_R11(%rdi)
	mov	%r10, VMX_R10(%rdi)
	mov	%r9, VMX_R9(%rdi)
	mov	%r8, VMX_R8(%rdi)
	mov	%rax, VMX_RAX(%rdi)
	mov	%rcx, VMX_RCX(%rdi)
	mov	%rdx, VMX_RDX(%rdi)
	mov	%rsi, VMX_RSI(%rdi)
	pop	VMX_RDI(%rdi)
	xor	%eax, %eax

.Lout:
	/*
	 * No value of the guest's may stay in a register that speculation
	 * could use as an address. RBX, RBP and R12 to R15 are popped below,
	 * but a miss there could still let their old values be used.
	 */
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%ebp, %ebp
	xor	%esi, %esi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d

	/*
	 * Before the first RET: fill the return stack buffer. Straight-line
	 * calls, for a loop would cost more than twice the instructions.
	 */
#ifdef X86_FEATURE_RSB_VMEXIT_LITE
	ALTERNATIVE_2 "jmp .Lrsb_done", "", X86_FEATURE_RSB_VMEXIT, \
		      "jmp .Lrsb_one", X86_FEATURE_RSB_VMEXIT_LITE
#else
	ALTERNATIVE "jmp .Lrsb_done", "", X86_FEATURE_RETPOLINE
#endif
	.rept 32
	ANNOTATE_INTRA_FUNCTION_CALL
	call	771f
	int3
771:
	.endr
	add	$(32 * 8), %rsp
	lfence
	jmp	.Lrsb_done
.Lrsb_one:
	/* eIBRS with a CPU that predicts past the exit: one call must retire */
	ANNOTATE_INTRA_FUNCTION_CALL
	call	771f
	int3
771:
	add	$8, %rsp
	lfence
.Lrsb_done:

	/* retbleed: where the kernel lives on IBRS it must be written anew after each exit */
#ifdef X86_FEATURE_KERNEL_IBRS
	ALTERNATIVE "jmp .Librs_done", "", X86_FEATURE_KERNEL_IBRS
	mov	%eax, %edi
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	rdmsr
	wrmsr
	mov	%edi, %eax
.Librs_done:
#endif

	/* BHI: forget the guest's branches, where the CPU has no BHI_DIS_S for it */
#ifdef X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
	ALTERNATIVE "jmp .Lbhb_done", "", X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
	mov	%eax, %ebx
	call	forget_branches
	mov	%ebx, %eax
.Lbhb_done:
#endif

	pop	%rdi
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	RET

.Lfailed:
	mov	$1, %eax
	jmp	.Lout
SYM_FUNC_END(vmx_enter_asm)

#ifdef X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
/* Intel's sequence of taken branches. The frame pointer is for objtool: the calls return out of step. */
SYM_FUNC_START_LOCAL(forget_branches)
	push	%rbp
	mov	%rsp, %rbp
	mov	$5, %ecx
	ANNOTATE_INTRA_FUNCTION_CALL
	call	1f
	jmp	5f
	.align 64, 0xcc
	ANNOTATE_INTRA_FUNCTION_CALL
1:	call	2f
	RET
	.align 64, 0xcc
2:	mov	$5, %eax
3:	jmp	4f
	nop
4:	sub	$1, %eax
	jnz	3b
	sub	$1, %ecx
	jnz	1b
	RET
5:	lfence
	pop	%rbp
	RET
SYM_FUNC_END(forget_branches)
STACK_FRAME_NON_STANDARD forget_branches
#endif
