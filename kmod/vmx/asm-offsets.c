// SPDX-License-Identifier: GPL-2.0
/* Offsets for vmenter.S. */
#define COMPILE_OFFSETS
#include <linux/kbuild.h>
#include "vmx.h"

static void __used common(void)
{
	OFFSET(VMX_R15, vmx_vcpu, vcpu.regs.r15);
	OFFSET(VMX_R14, vmx_vcpu, vcpu.regs.r14);
	OFFSET(VMX_R13, vmx_vcpu, vcpu.regs.r13);
	OFFSET(VMX_R12, vmx_vcpu, vcpu.regs.r12);
	OFFSET(VMX_RBP, vmx_vcpu, vcpu.regs.bp);
	OFFSET(VMX_RBX, vmx_vcpu, vcpu.regs.bx);
	OFFSET(VMX_R11, vmx_vcpu, vcpu.regs.r11);
	OFFSET(VMX_R10, vmx_vcpu, vcpu.regs.r10);
	OFFSET(VMX_R9, vmx_vcpu, vcpu.regs.r9);
	OFFSET(VMX_R8, vmx_vcpu, vcpu.regs.r8);
	OFFSET(VMX_RAX, vmx_vcpu, vcpu.regs.ax);
	OFFSET(VMX_RCX, vmx_vcpu, vcpu.regs.cx);
	OFFSET(VMX_RDX, vmx_vcpu, vcpu.regs.dx);
	OFFSET(VMX_RSI, vmx_vcpu, vcpu.regs.si);
	OFFSET(VMX_RDI, vmx_vcpu, vcpu.regs.di);
	OFFSET(VMX_HOST_RSP, vmx_vcpu, host_rsp);
	OFFSET(VMX_VERW_SEL, vmx_vcpu, verw_sel);
	OFFSET(VMX_LAUNCHED, vmx_vcpu, launched);
}
