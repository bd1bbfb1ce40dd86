/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMX constants, named after the Intel SDM vol. 3, appendices A to C. Our own,
 * since <asm/vmx.h> gains and loses names from one kernel to the next. Only what is used.
 */
#ifndef DUNE_VMX_DEFS_H
#define DUNE_VMX_DEFS_H

/* Pin-based controls */
#define PIN_EXT_INTR		(1U << 0)
#define PIN_NMI			(1U << 3)
#define PIN_TIMER		(1U << 6)

/* Processor-based controls */
#define CPU_HLT			(1U << 7)
#define CPU_INVLPG		(1U << 9)
#define CPU_MWAIT		(1U << 10)
#define CPU_RDPMC		(1U << 11)
#define CPU_RDTSC		(1U << 12)
#define CPU_CR3_LOAD		(1U << 15)
#define CPU_CR3_STORE		(1U << 16)
#define CPU_CR8_LOAD		(1U << 19)
#define CPU_CR8_STORE		(1U << 20)
#define CPU_MOV_DR		(1U << 23)
#define CPU_IO			(1U << 24)
#define CPU_MSR_BITMAP		(1U << 28)
#define CPU_MONITOR		(1U << 29)
#define CPU_SECONDARY		(1U << 31)

/* Secondary processor-based controls */
#define CPU2_EPT		(1U << 1)
#define CPU2_RDTSCP		(1U << 3)
#define CPU2_VPID		(1U << 5)
#define CPU2_WBINVD		(1U << 6)
#define CPU2_INVPCID		(1U << 12)
#define CPU2_ENCLS		(1U << 15)

/* VM-exit and VM-entry controls */
#define EXIT_HOST_64		(1U << 9)
#define EXIT_ACK_INTR		(1U << 15)
#define ENTRY_LOAD_DEBUG	(1U << 2)
#define ENTRY_IA32E		(1U << 9)

/* IA32_VMX_EPT_VPID_CAP */
#define CAP_EPT_WALK_4		(1ULL << 6)
#define CAP_EPT_WB		(1ULL << 14)
#define CAP_EPT_2M		(1ULL << 16)
#define CAP_EPT_1G		(1ULL << 17)
#define CAP_INVEPT		(1ULL << 20)
#define CAP_INVEPT_SINGLE	(1ULL << 25)
#define CAP_INVEPT_ALL		(1ULL << 26)

/* EPT pointer */
#define EPTP_WB			6ULL
#define EPTP_WALK_4		(3ULL << 3)

/* Fields. 16 bits */
#define VPID			0x0000
#define GUEST_ES_SEL		0x0800
#define GUEST_CS_SEL		0x0802
#define GUEST_SS_SEL		0x0804
#define GUEST_DS_SEL		0x0806
#define GUEST_FS_SEL		0x0808
#define GUEST_GS_SEL		0x080a
#define GUEST_LDTR_SEL		0x080c
#define GUEST_TR_SEL		0x080e
#define HOST_ES_SEL		0x0c00
#define HOST_CS_SEL		0x0c02
#define HOST_SS_SEL		0x0c04
#define HOST_DS_SEL		0x0c06
#define HOST_FS_SEL		0x0c08
#define HOST_GS_SEL		0x0c0a
#define HOST_TR_SEL		0x0c0c
/* 64 bits */
#define MSR_BITMAP		0x2004
#define EPT_POINTER		0x201a
#define ENCLS_BITMAP		0x202e
#define GUEST_PHYS_ADDR		0x2400
#define VMCS_LINK		0x2800
#define GUEST_DEBUGCTL		0x2802
/* 32 bits */
#define PIN_CONTROLS		0x4000
#define CPU_CONTROLS		0x4002
#define EXCEPTION_BITMAP	0x4004
#define PF_ERROR_MASK		0x4006
#define PF_ERROR_MATCH		0x4008
#define CR3_TARGET_COUNT	0x400a
#define EXIT_CONTROLS		0x400c
#define EXIT_MSR_STORE_COUNT	0x400e
#define EXIT_MSR_LOAD_COUNT	0x4010
#define ENTRY_CONTROLS		0x4012
#define ENTRY_MSR_LOAD_COUNT	0x4014
#define ENTRY_INTR_INFO		0x4016
#define ENTRY_ERROR_CODE	0x4018
#define ENTRY_INSN_LEN		0x401a
#define CPU2_CONTROLS		0x401e
#define INSN_ERROR		0x4400
#define EXIT_REASON		0x4402
#define EXIT_INTR_INFO		0x4404
#define IDT_VECTORING		0x4408
#define IDT_ERROR_CODE		0x440a
#define EXIT_INSN_LEN		0x440c
#define GUEST_ES_LIMIT		0x4800
#define GUEST_CS_LIMIT		0x4802
#define GUEST_SS_LIMIT		0x4804
#define GUEST_DS_LIMIT		0x4806
#define GUEST_FS_LIMIT		0x4808
#define GUEST_GS_LIMIT		0x480a
#define GUEST_LDTR_LIMIT	0x480c
#define GUEST_TR_LIMIT		0x480e
#define GUEST_GDTR_LIMIT	0x4810
#define GUEST_IDTR_LIMIT	0x4812
#define GUEST_ES_AR		0x4814
#define GUEST_CS_AR		0x4816
#define GUEST_SS_AR		0x4818
#define GUEST_DS_AR		0x481a
#define GUEST_FS_AR		0x481c
#define GUEST_GS_AR		0x481e
#define GUEST_LDTR_AR		0x4820
#define GUEST_TR_AR		0x4822
#define GUEST_INTERRUPTIBILITY	0x4824
#define GUEST_ACTIVITY		0x4826
#define GUEST_SYSENTER_CS	0x482a
#define TIMER_VALUE		0x482e
#define HOST_SYSENTER_CS	0x4c00
/* natural width */
#define CR0_MASK		0x6000
#define CR4_MASK		0x6002
#define CR0_SHADOW		0x6004
#define CR4_SHADOW		0x6006
#define EXIT_QUALIFICATION	0x6400
#define GUEST_LINEAR_ADDR	0x640a
#define GUEST_CR0		0x6800
#define GUEST_CR3		0x6802
#define GUEST_CR4		0x6804
#define GUEST_ES_BASE		0x6806
#define GUEST_CS_BASE		0x6808
#define GUEST_SS_BASE		0x680a
#define GUEST_DS_BASE		0x680c
#define GUEST_FS_BASE		0x680e
#define GUEST_GS_BASE		0x6810
#define GUEST_LDTR_BASE		0x6812
#define GUEST_TR_BASE		0x6814
#define GUEST_GDTR_BASE		0x6816
#define GUEST_IDTR_BASE		0x6818
#define GUEST_DR7		0x681a
#define GUEST_RSP		0x681c
#define GUEST_RIP		0x681e
#define GUEST_RFLAGS		0x6820
#define GUEST_PENDING_DEBUG	0x6822
#define GUEST_SYSENTER_ESP	0x6824
#define GUEST_SYSENTER_EIP	0x6826
#define HOST_CR0		0x6c00
#define HOST_CR3		0x6c02
#define HOST_CR4		0x6c04
#define HOST_FS_BASE		0x6c06
#define HOST_GS_BASE		0x6c08
#define HOST_TR_BASE		0x6c0a
#define HOST_GDTR_BASE		0x6c0c
#define HOST_IDTR_BASE		0x6c0e
#define HOST_SYSENTER_ESP	0x6c10
#define HOST_SYSENTER_EIP	0x6c12
#define HOST_RSP		0x6c14
#define HOST_RIP		0x6c16

/* Segment access rights: 64-bit code */
#define AR_LONG			(1U << 13)

/* Interruption information: valid, has an error code, type, vector */
#define INTR_VALID		(1U << 31)
#define INTR_ERROR		(1U << 11)
#define INTR_TYPE		(7U << 8)
#define INTR_TYPE_NMI		(2U << 8)
#define INTR_TYPE_HARD		(3U << 8)
#define INTR_TYPE_SOFT_INT	(4U << 8)
#define INTR_TYPE_PRIV		(5U << 8)
#define INTR_TYPE_SOFT		(6U << 8)
#define INTR_VECTOR		0xffU

/* Exit qualification of an EPT violation */
#define EPT_QUAL_READ		(1U << 0)
#define EPT_QUAL_WRITE		(1U << 1)
#define EPT_QUAL_FETCH		(1U << 2)
#define EPT_QUAL_MAPPED		(7U << 3)	/* any of read, write, execute */
#define EPT_QUAL_GVA		(1U << 7)

/* Basic exit reasons */
#define REASON_EXCEPTION	0
#define REASON_INTERRUPT	1
#define REASON_TRIPLE_FAULT	2
#define REASON_INIT		3
#define REASON_TASK_SWITCH	9
#define REASON_CPUID		10
#define REASON_GETSEC		11
#define REASON_HLT		12
#define REASON_INVD		13
#define REASON_RDPMC		15
#define REASON_VMCALL		18
#define REASON_VMCLEAR		19
#define REASON_VMLAUNCH		20
#define REASON_VMPTRLD		21
#define REASON_VMPTRST		22
#define REASON_VMREAD		23
#define REASON_VMRESUME		24
#define REASON_VMWRITE		25
#define REASON_VMXOFF		26
#define REASON_VMXON		27
#define REASON_CR		28
#define REASON_DR		29
#define REASON_IO		30
#define REASON_RDMSR		31
#define REASON_WRMSR		32
#define REASON_BAD_GUEST	33
#define REASON_BAD_MSR		34
#define REASON_MWAIT		36
#define REASON_MONITOR		39
#define REASON_GDT_IDT		46
#define REASON_LDT_TR		47
#define REASON_EPT		48
#define REASON_EPT_MISCONFIG	49
#define REASON_INVEPT		50
#define REASON_TIMER		52
#define REASON_INVVPID		53
#define REASON_WBINVD		54
#define REASON_XSETBV		55
#define REASON_INVPCID		58
#define REASON_VMFUNC		59
#define REASON_ENCLS		60
#define REASON_XSAVES		63
#define REASON_XRSTORS		64
#define REASON_FAILED_ENTRY	(1U << 31)

#endif /* DUNE_VMX_DEFS_H */
