// SPDX-License-Identifier: GPL-2.0
/*
 * Hostile code in ring 0 of Dune mode: whatever it executes, it is answered with
 * the exception that the contract has for it or its Dune mode ends with a reason;
 * nothing of the host's changes, and the next good run on the same VCPU works.
 *
 * Here: instructions. What is hostile by its memory is in hostile_pages.c, and by
 * its time and its system calls in hostile_calls.c.
 */
#define _GNU_SOURCE
#include "hostile.h"

/* ---- one instruction ------------------------------------------------------------------- */

#define FLAG(f)	"pushf; orl $" f ", (%rsp); "
#define FRAME(cs, rip) "mov %rsp, %rbx; mov " rip ", %rcx; push $0x18; push %rbx; push $2; push $" cs "; push %rcx; "

/*
 * X(label, what comes before, the instruction, what happens). RDI = scratch,
 * see fill_scratch(); all other registers are zero.
 */
#define INSNS(X)									\
	X(nop, "", "nop", DONE)								\
	X(vmxon, "", "vmxon (%rdi)", UD)						\
	X(vmxon_bad, BAD, "vmxon (%rax)", UD)						\
	X(vmxoff, "", "vmxoff", UD)							\
	X(vmclear, "", "vmclear (%rdi)", UD)						\
	X(vmptrld, "", "vmptrld (%rdi)", UD)						\
	X(vmptrst, "", "vmptrst (%rdi)", UD)						\
	X(vmread, "mov $0x681e, %eax; ", "vmread %rax, %rbx", UD)			\
	X(vmwrite, "mov $0x6c16, %eax; ", "vmwrite %rbx, %rax", UD)			\
	X(vmlaunch, "", "vmlaunch", UD)							\
	X(vmresume, "", "vmresume", UD)							\
	X(invept, "mov $2, %eax; ", "invept (%rdi), %rax", UD)				\
	X(invvpid, "mov $2, %eax; ", "invvpid (%rdi), %rax", UD)			\
	X(vmfunc, "", "vmfunc", UD)							\
	X(vmrun, "", "vmrun", UD)							\
	X(rsm, "", "rsm", UD)								\
	X(getsec, "", "getsec", UD)							\
	X(xsaves, "", "xsaves (%rdi)", UD)						\
	X(xrstors, "", "xrstors (%rdi)", UD)						\
	X(in, "", "in $0x80, %al", GP)							\
	X(out, "", "out %al, $0x80", GP)						\
	X(out_8900, "mov $0x8900, %edx; ", "out %al, %dx", GP)				\
	X(out_cf8, "mov $0xcf8, %edx; ", "out %eax, %dx", GP)				\
	X(in_cfc, "mov $0xcfc, %edx; ", "in %dx, %eax", GP)				\
	X(out_64, "mov $0xfe, %eax; ", "out %al, $0x64", GP)				\
	X(ins, "mov $0x60, %edx; ", "insb", GP)						\
	X(outs, "mov %rdi, %rsi; mov $0x80, %edx; ", "outsb", GP)			\
	X(rep_outs, "mov %rdi, %rsi; mov $3, %ecx; ", "rep outsl", GP)			\
	X(cli, "", "cli", DONE)								\
	X(from_cr0, "", "mov %cr0, %rax", DONE)						\
	X(from_cr2, "", "mov %cr2, %rax", DONE)						\
	X(from_cr3, "", "mov %cr3, %rax", DONE)						\
	X(from_cr4, "", "mov %cr4, %rax", DONE)						\
	X(from_cr8, "", "mov %cr8, %rax", GP)						\
	X(cr0_same, "mov %cr0, %rax; ", "mov %rax, %cr0", DONE)				\
	X(cr0_zero, "", "mov %rax, %cr0", GP)						\
	X(cr0_ones, "dec %rax; ", "mov %rax, %cr0", GP)					\
	X(cr0_no_pg, "mov %cr0, %rax; btr $31, %rax; ", "mov %rax, %cr0", GP)		\
	X(cr0_no_wp, "mov %cr0, %rax; btr $16, %rax; ", "mov %rax, %cr0", GP)		\
	X(cr0_cd, "mov %cr0, %rax; bts $30, %rax; ", "mov %rax, %cr0", GP)		\
	X(cr0_ts, "mov %cr0, %rax; bts $3, %rax; ", "mov %rax, %cr0", GP)		\
	X(cr2, BAD, "mov %rax, %cr2", DONE)						\
	X(cr3_same, "mov %cr3, %rax; ", "mov %rax, %cr3", DONE)				\
	X(cr3_bit51, "mov %cr3, %rax; bts $51, %rax; ", "mov %rax, %cr3", GP)		\
	X(cr4_same, "mov %cr4, %rax; ", "mov %rax, %cr4", DONE)				\
	X(cr4_zero, "", "mov %rax, %cr4", GP)						\
	X(cr4_ones, "dec %rax; ", "mov %rax, %cr4", GP)					\
	X(cr4_vmxe, "mov %cr4, %rax; bts $13, %rax; ", "mov %rax, %cr4", GP)		\
	X(cr4_pcide, "mov %cr4, %rax; bts $17, %rax; ", "mov %rax, %cr4", GP)		\
	X(cr4_pge, "mov %cr4, %rax; btc $7, %rax; ", "mov %rax, %cr4", GP)		\
	X(cr4_pae, "mov %cr4, %rax; btr $5, %rax; ", "mov %rax, %cr4", GP)		\
	X(cr8, "mov $15, %eax; ", "mov %rax, %cr8", GP)					\
	X(clts, "", "clts", DONE)							\
	X(smsw, "", "smsw %eax", DONE)							\
	X(lmsw_same, "smsw %eax; ", "lmsw %ax", DONE)					\
	X(lmsw_ts, "smsw %eax; or $8, %eax; ", "lmsw %ax", GP)				\
	X(from_dr0, "", "mov %dr0, %rax", GP)						\
	X(from_dr3, "", "mov %dr3, %rax", GP)						\
	X(from_dr6, "", "mov %dr6, %rax", GP)						\
	X(from_dr7, "", "mov %dr7, %rax", GP)						\
	X(dr0, "", "mov %rax, %dr0", GP)						\
	X(dr1, "", "mov %rax, %dr1", GP)						\
	X(dr2, "", "mov %rax, %dr2", GP)						\
	X(dr3, "", "mov %rax, %dr3", GP)						\
	X(dr6, "", "mov %rax, %dr6", GP)						\
	X(dr7, "mov $0x403, %eax; ", "mov %rax, %dr7", GP)				\
	X(xgetbv, "", "xgetbv", DONE | XSAVE)						\
	X(xgetbv_5, "mov $5, %ecx; ", "xgetbv", GP | XSAVE)				\
	X(xsetbv_same, "xgetbv; ", "xsetbv", DONE | XSAVE | ANYRIP)			\
	X(xsetbv_0, "", "xsetbv", GP | XSAVE)						\
	X(xsetbv_1, "mov $1, %eax; ", "xsetbv", GP | XSAVE)				\
	X(xsetbv_ones, "dec %eax; dec %edx; ", "xsetbv", GP | XSAVE)			\
	X(xsetbv_other, "mov $1, %ecx; mov $1, %eax; ", "xsetbv", GP | XSAVE)		\
	X(hlt, "", "hlt", GP)								\
	X(monitor, "mov %rdi, %rax; ", "monitor", UD)					\
	X(mwait, "", "mwait", UD)							\
	X(invd, "", "invd", GP)								\
	X(wbinvd, "", "wbinvd", GP | OPTION)						\
	X(rdpmc, "", "rdpmc", GP)							\
	X(rdtsc, "", "rdtsc", DONE)							\
	X(invlpg, "", "invlpg (%rdi)", DONE)						\
	X(invlpg_bad, BAD, "invlpg (%rax)", DONE)					\
	X(invpcid, "mov $2, %eax; ", "invpcid 256(%rdi), %rax", DONE | INVPCID)		\
	X(invpcid_7, "mov $7, %eax; ", "invpcid 256(%rdi), %rax", GP | INVPCID)		\
	X(swapgs, "", "swapgs", DONE)							\
	X(wrfsbase, BAD, "wrfsbase %rax", GP | FSGS)					\
	X(wrgsbase, BAD, "wrgsbase %rax", GP | FSGS)					\
	X(ud2, "", "ud2", UD)								\
	X(into, "", ".byte 0xce", UD)							\
	X(int3, "", "int3; nop", RAW_TRAP(3, 0) | ANYRIP)				\
	X(icebp, "", ".byte 0xf1; nop", DB | ANYRIP)					\
	X(div, "", "div %ecx", DE)							\
	X(sysenter, "", "sysenter", GP)							\
	X(sysexit, "", "sysexitl", GP)							\
	X(sysret_bad, "mov $1, %ecx; shl $63, %rcx; ", "sysretq", GP)			\
	X(sysret_user, "mov $0x1000, %ecx; mov $2, %r11d; ", "sysretq", PF(U | I) | ANYRIP) \
	X(sysret_32, "mov $0x1000, %ecx; mov $2, %r11d; ", "sysretl", PF(U | I) | ANYRIP) \
	X(ljmp, "", "rex.w ljmp *(%rdi)", DONE)						\
	X(ljmp_far, "", "rex.w ljmp *16(%rdi)", GPS(0xfff8))				\
	X(ljmp_null, "", "rex.w ljmp *32(%rdi)", GP)					\
	X(ljmp_data, "", "rex.w ljmp *48(%rdi)", GPS(0x18))				\
	X(ljmp_tss, "", "rex.w ljmp *64(%rdi)", GPS(0x40))				\
	X(ljmp_user, "", "rex.w ljmp *80(%rdi)", GPS(0x30))				\
	X(lcall, "", "rex.w lcall *(%rdi)", DONE)					\
	X(lcall_far, "", "rex.w lcall *16(%rdi)", GPS(0xfff8))				\
	X(lret, "push 8(%rdi); push (%rdi); ", "rex.w lret", DONE)			\
	X(lret_far, "push 24(%rdi); push (%rdi); ", "rex.w lret", GPS(0xfff8))		\
	X(iret, FRAME("0x10", "(%rdi)"), "iretq", DONE)					\
	X(iret_far, FRAME("0xfff8", "(%rdi)"), "iretq", GPS(0xfff8))			\
	X(iret_null, FRAME("0", "(%rdi)"), "iretq", GP)					\
	X(iret_bad, FRAME("0x10", "$0x8000000000000000"), "iretq", GP | ANYRIP)		\
	X(iret_zero, FRAME("0x10", "$0"), "iretq", PF(I) | ANYRIP)			\
	X(iret_nt, FLAG("0x4000") "popf; " FRAME("0x10", "(%rdi)"), "iretq", GP)	\
	X(popf_tf, FLAG("0x100"), "popf; nop", DB | ANYRIP)				\
	X(popf_nt, FLAG("0x4000"), "popf", DONE)					\
	X(popf_ac, FLAG("0x40000"), "popf", DONE)					\
	X(popf_iopl, FLAG("0x3000"), "popf", DONE)					\
	X(popf_all, FLAG("0xfffffeff"), "popf", DONE)					\
	X(lldt_null, "", "lldt %ax", DONE)						\
	X(lldt_far, "mov $0xfff8, %eax; ", "lldt %ax", GPS(0xfff8))			\
	X(lldt_tss, "mov $0x40, %eax; ", "lldt %ax", GPS(0x40))				\
	X(lldt_ldt, "mov $0x44, %eax; ", "lldt %ax", GPS(0x44))				\
	X(ltr_null, "", "ltr %ax", GP)							\
	X(ltr_busy, "mov $0x40, %eax; ", "ltr %ax", GPS(0x40))				\
	X(ltr_far, "mov $0xfff8, %eax; ", "ltr %ax", GPS(0xfff8))			\
	X(mov_ds, "mov $0x2b, %eax; ", "mov %eax, %ds", DONE)				\
	X(mov_ds_far, "mov $0xfff8, %eax; ", "mov %eax, %ds", GPS(0xfff8))		\
	X(mov_ss_null, "", "mov %eax, %ss", DONE)					\
	X(mov_ss_user, "mov $0x2b, %eax; ", "mov %eax, %ss", GPS(0x28))			\
	X(mov_fs, "mov $0x2b, %eax; ", "mov %eax, %fs", DONE)				\
	X(mov_gs, "mov $0x2b, %eax; ", "mov %eax, %gs", DONE)				\
	X(mov_es_code, "mov $0x10, %eax; ", "mov %eax, %es", DONE)			\
	X(lgdt_bad, "", "lgdt 96(%rdi)", GP)						\
	X(lidt_bad, "", "lidt 96(%rdi)", GP)						\
	X(lgdt_none, "lgdt 112(%rdi); ", "mov %cs, %eax; mov %eax, %ds", RAW_REASON(DUNE_EXIT_TRIPLE_FAULT)) \
	X(sgdt, "", "sgdt 128(%rdi)", DONE)						\
	X(sidt, "", "sidt 128(%rdi)", DONE)						\
	X(str, "", "str %eax", DONE)							\
	X(read_0, "", "mov (%rax), %al", PF(0))						\
	X(write_0, "", "mov %al, (%rax)", PF(W))					\
	X(jump_0, "", "jmp *%rax", PF(I) | ANYRIP)					\
	X(read_bad, BAD, "mov (%rax), %al", GP)						\
	X(jump_bad, BAD, "jmp *%rax", GP | ANYRIP)					\
	X(push_bad, BAD "mov %rax, %rsp; ", "push %rax", SS)				\
	X(ldmxcsr, "", "ldmxcsr 144(%rdi)", GP)						\
	X(syscall_0, "", "syscall", PF(I) | ANYRIP)

HOSTILE_INSNS(INSNS);

static void fill_scratch(void)
{
	const struct { unsigned int at; uint64_t selector; } pointers[] = {
		{ 0, 0x10 }, { 16, 0xfff8 }, { 32, 0 }, { 48, 0x18 }, { 64, 0x40 }, { 80, 0x33 },
	};
	unsigned int i;

	memset(scratch, 0, PAGE);
	for (i = 0; i < ARRAY_SIZE(pointers); i++) {
		scratch[pointers[i].at / 8] = (uintptr_t)raw_done;
		scratch[pointers[i].at / 8 + 1] = pointers[i].selector;
	}
	/* 96: a table at an address that is not canonical; 112: one with nothing in it; 144: a wrong MXCSR */
	scratch[12] = 0xffff;
	scratch[13] = 0x8000;
	scratch[18] = ~0ULL;
}

static void test_insn(const struct insn *t)
{
	uint64_t want = want_here(t->want);
	const struct raw_trap *trap;
	int ret;

	fill_scratch();
	raw_start_traps(&raw, t->code, (uintptr_t)scratch);
	ret = go();
	trap = raw_trapped(&raw, ret);
	if (want & OPTION && raw_is(&raw, ret, RAW_HC_DONE))
		want = DONE;
	if (trap && !(want & ANYRIP) && trap->rip != (uintptr_t)t->at)
		ok(false, "%s: RIP of the exception is %#lx, not that of the instruction, %p", t->name,
		   (unsigned long)trap->rip, t->at);
	judge(t->name, ret, OUTCOME(want));
}

/* The same with no IDT and no GDT: the end is a triple fault, which is the thread's alone. */
static void test_without_idt(void)
{
	unsigned int i, bad = 0;

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		uint64_t want = OUTCOME(want_here(insns[i].want)), got;

		fill_scratch();
		raw_start(&raw, insns[i].code, (uintptr_t)scratch);
		got = raw_outcome(&raw, go());
		if (got == RAW_REASON(DUNE_EXIT_TRIPLE_FAULT) || (got == DONE && want == DONE) ||
		    (got == DONE && insns[i].want & OPTION))
			continue;
		bad++;
		diag("without an IDT: %s: %s", insns[i].name, raw_outcome_name(got));
	}
	ok_eq(bad, 0, "without an IDT all of these end in a triple fault, or are done");
	ok(raw_good(&raw), "a good run after them");
}

/* ---- INT n --------------------------------------------------------------------------------- */

static void test_int_n(void)
{
	unsigned char bytes[] = { 0xcd, 0, 0x90 };
	char *code = raw_code(bytes, sizeof(bytes), PAGE);
	unsigned int n, bad = 0;

	raw_map(&raw, code);
	for (n = 0; n < 256; n++) {
		const struct raw_trap *t;

		/* no error code comes with these, not even for the vectors of exceptions that have one */
		raw_gate(&raw, n, (uintptr_t)raw_stubs + 16 * n, RAW_CS, 1, 0);
		code[1] = (char)n;
		raw_start_traps(&raw, code, 0);
		t = raw_trapped(&raw, go());
		if (t && t->vector == n && t->rip == (uintptr_t)code + 2)
			continue;
		bad++;
		diag("INT %u: reason %u", n, raw.run->reason);
	}
	raw_gates(&raw);
	ok_eq(bad, 0, "INT n arrives, for each n");
	ok(raw_good(&raw), "a good run after them");
	munmap(code, PAGE);
}

/* ---- MSRs ------------------------------------------------------------------------------------ */

__asm__(".pushsection .text\n"
	"do_rdmsr: mov (%rdi), %ecx; rdmsr; shl $32, %rdx; or %rdx, %rax; jmp raw_done\n"
	"do_wrmsr: mov (%rdi), %ecx; mov 8(%rdi), %eax; mov 12(%rdi), %edx; wrmsr; jmp raw_done\n"
	"do_syscall: syscall; after_syscall: ud2\n"
	"here_syscall: mov %rcx, %rax; jmp raw_done\n"
	".popsection\n");
extern const char do_rdmsr[] RAW_HIDDEN, do_wrmsr[] RAW_HIDDEN, do_syscall[] RAW_HIDDEN, after_syscall[] RAW_HIDDEN,
	here_syscall[] RAW_HIDDEN;

static uint64_t msr(const char *code, uint32_t nr, uint64_t value)
{
	scratch[0] = nr;
	scratch[1] = value;
	raw_start_traps(&raw, code, (uintptr_t)scratch);
	return raw_outcome(&raw, go());
}

static void test_msrs(void)
{
	static const struct { const char *name; uint32_t nr; uint64_t value, read, write; } msrs[] = {
		{ "EFER with NXE clear", 0xc0000080, 0x501, DONE, GP },
		{ "EFER as it is", 0xc0000080, 0xd01, DONE, GP },
		{ "EFER of 0", 0xc0000080, 0, DONE, GP },
		{ "STAR", 0xc0000081, 0, DONE, GP },
		{ "LSTAR", 0xc0000082, 0x1000, DONE, DONE },
		{ "LSTAR in the kernel", 0xc0000082, 0xffffffff81000000, DONE, DONE },
		{ "LSTAR not canonical", 0xc0000082, 0x800000000000, DONE, GP },
		{ "LSTAR not canonical, top bit", 0xc0000082, 1ULL << 63, DONE, GP },
		{ "CSTAR", 0xc0000083, 0, GP, GP },
		{ "SFMASK", 0xc0000084, 0, DONE, GP },
		{ "FS_BASE", 0xc0000100, 0x1234, DONE, DONE },
		{ "FS_BASE not canonical", 0xc0000100, 1ULL << 63, DONE, GP },
		{ "GS_BASE in the kernel", 0xc0000101, 0xffff888000000000, DONE, DONE },
		{ "GS_BASE not canonical", 0xc0000101, 0x800000000000, DONE, GP },
		{ "KERNEL_GS_BASE", 0xc0000102, 0xffff888000000000, DONE, DONE },
		{ "KERNEL_GS_BASE not canonical", 0xc0000102, 0x800000000000, DONE, GP },
		{ "TSC_AUX", 0xc0000103, 7, GP, GP },
		{ "TSC", 0x10, 0, GP, GP },
		{ "APIC_BASE", 0x1b, 0, GP, GP },
		{ "FEATURE_CONTROL", 0x3a, 0, GP, GP },
		{ "TSC_ADJUST", 0x3b, 1, GP, GP },
		{ "SPEC_CTRL", 0x48, 0, GP, GP },
		{ "PRED_CMD", 0x49, 1, GP, GP },
		{ "microcode update", 0x79, 0, GP, GP },
		{ "PERF_EVTSEL0", 0x186, 0x430000, GP, GP },
		{ "SYSENTER_CS", 0x174, 0x10, GP, GP },
		{ "SYSENTER_ESP", 0x175, 0x1000, GP, GP },
		{ "SYSENTER_EIP", 0x176, 0x1000, GP, GP },
		{ "MISC_ENABLE", 0x1a0, 0, GP, GP },
		{ "DEBUGCTL", 0x1d9, 1, GP, GP },
		{ "PAT", 0x277, 0, GP, GP },
		{ "VMX_BASIC", 0x480, 0, GP, GP },
		{ "DS_AREA", 0x600, 0, GP, GP },
		{ "TSC_DEADLINE", 0x6e0, 1, GP, GP },
		{ "x2APIC TPR", 0x808, 0xf, GP, GP },
		{ "x2APIC ICR: INIT to all", 0x830, 0xc4500, GP, GP },
		{ "x2APIC self IPI", 0x83f, 2, GP, GP },
		{ "XSS", 0xda0, 1, GP, GP },
		{ "MSR 0", 0, 0, GP, GP },
		{ "the last of the low range", 0x1fff, ~0ULL, GP, GP },
		{ "behind the low range", 0x2000, 0, GP, GP },
		{ "a hypervisor's range", 0x40000000, 1, GP, GP },
		{ "KVM's clock", 0x4b564d01, 1, GP, GP },
		{ "before the high range", 0xbfffffff, 0, GP, GP },
		{ "the last of the high range", 0xc0001fff, 0, GP, GP },
		{ "behind the high range", 0xc0002000, 0, GP, GP },
		{ "VM_CR of AMD", 0xc0010114, 0, GP, GP },
		{ "MSR -1", 0xffffffff, ~0ULL, GP, GP },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		uint64_t read = msr(do_rdmsr, msrs[i].nr, 0), write = msr(do_wrmsr, msrs[i].nr, msrs[i].value);

		if (!ok(read == msrs[i].read && write == msrs[i].write, "MSR %s", msrs[i].name))
			diag("  RDMSR: %s, WRMSR: %s", raw_outcome_name(read), raw_outcome_name(write));
	}
	ok(raw_good(&raw), "a good run after them");
	msr(do_rdmsr, 0xc0000080, 0);
	ok_eq(raw.run->regs.rsi, 0xd01, "EFER has SCE, LME, LMA and NX");
	msr(do_rdmsr, 0xc0000084, 0);
	ok_eq(raw.run->regs.rsi, 0, "SFMASK is 0");
	msr(do_rdmsr, 0xc0000081, 0);
	ok_eq(raw.run->regs.rsi >> 32, 0x230010, "STAR has Linux's selectors");

	raw_start_traps(&raw, do_syscall, 0);
	raw.run->system.lstar = (uintptr_t)here_syscall;
	judge("SYSCALL in ring 0", go(), DONE);
	raw_start_traps(&raw, do_syscall, 0);
	raw.run->system.lstar = (uintptr_t)here_syscall;
	go();
	ok_eq(raw.run->regs.rsi, (uintptr_t)after_syscall, "goes to LSTAR, and RCX is where it came from");
	ok_eq(raw.run->regs.cs, RAW_CS, "in ring 0");
}

/* ---- CPUID ------------------------------------------------------------------------------------- */

__asm__(".pushsection .text\n"
	"do_cpuid: mov (%rdi), %eax; mov 4(%rdi), %ecx; cpuid\n"
	"mov %eax, 8(%rdi); mov %ebx, 12(%rdi); mov %ecx, 16(%rdi); mov %edx, 20(%rdi); jmp raw_done\n"
	".popsection\n");
extern const char do_cpuid[] RAW_HIDDEN;

static const uint32_t *dune_cpuid(uint32_t leaf, uint32_t sub)
{
	uint32_t *words = (uint32_t *)scratch;

	words[0] = leaf;
	words[1] = sub;
	raw_start_traps(&raw, do_cpuid, (uintptr_t)words);
	return raw_outcome(&raw, go()) == DONE ? words + 2 : NULL;
}

/* Is a leaf what it is outside, but for features that Dune mode has not? */
static bool same_leaf(uint32_t leaf, uint32_t sub)
{
	uint32_t n[4] = { 0 };
	const uint32_t *d;

	__cpuid_count(leaf, sub, n[0], n[1], n[2], n[3]);
	d = dune_cpuid(leaf, sub);
	if (!d)
		return false;
	/* words 1 to 3 of leaf 1 hold features; those with the APIC's number depend on where we run */
	if (leaf == 0xb || leaf == 0x1f)
		return true;
	if (leaf == 1)
		return d[0] == n[0] && d[2] == (n[2] & ~(1U << 3 | 1U << 5)) && d[3] == n[3];
	if (leaf == 7 || leaf == 0xd)
		return !(d[0] & ~n[0]) && !(d[1] & ~n[1]) && !(d[2] & ~n[2]) && !(d[3] & ~n[3]);
	return !memcmp(d, n, sizeof(n));
}

static void test_cpuid(void)
{
	static const uint32_t odd[] = { 0x40000000, 0x40000001, 0x4000d001, 0x7fffffff, 0xc0000000, 0xffffffff };
	unsigned int i, sub, bad = 0, max;
	const uint32_t *d;

	max = __get_cpuid_max(0, NULL);
	for (i = 0; i <= max + 1; i++)
		for (sub = 0; sub < 3; sub++)
			bad += !same_leaf(i, sub);
	for (i = 0x80000000; i <= __get_cpuid_max(0x80000000, NULL) + 1; i++)
		bad += !same_leaf(i, 0);
	for (i = 0; i < ARRAY_SIZE(odd); i++)
		bad += !same_leaf(odd[i], 0);
	ok_eq(bad, 0, "CPUID is that of the CPU, without VMX and MONITOR");
	d = dune_cpuid(1, 0);
	ok(d && !(d[2] & 1 << 5), "CPUID does not show VMX");
	d = dune_cpuid(DUNE_CPUID_LEAF, 0);
	ok(d && d[0] == DUNE_ABI_VERSION && !memcmp(d + 1, "Dunemode" "VMX", 12), "CPUID shows Dune");
}

/* ---- in the shadow of STI and MOV SS, and single-stepped --------------------------------------------------- */

#define GETPID "mov $39, %eax; "

#define SHADOWS(X)									\
	X(movss_vmcall, GETPID "mov %ss, %ecx; mov %ecx, %ss; vmcall", DONE)		\
	X(sti_vmcall, GETPID "cli; sti; vmcall", DONE)					\
	X(movss_cpuid, "mov %ss, %esi; mov %esi, %ss; cpuid; " GETPID "vmcall", DONE)	\
	X(movss_fault, "mov %ss, %ecx; mov %ecx, %ss; mov 512(%rdi), %al; " GETPID "vmcall", DONE) \
	X(movss_hlt, "mov %ss, %ecx; mov %ecx, %ss; hlt", GP)				\
	X(movss_ud2, "mov %ss, %ecx; mov %ecx, %ss; ud2", UD)				\
	X(sti_hlt, "cli; sti; hlt", GP)							\
	X(movss_int3, "mov %ss, %ecx; mov %ecx, %ss; int3", RAW_TRAP(3, 0))		\
	X(tf_vmcall, GETPID FLAG("0x100") "popf; vmcall; nop; nop; nop", DB)		\
	X(tf_cpuid, FLAG("0x100") "popf; cpuid; nop; nop; nop", DB)			\
	X(tf_fault, FLAG("0x100") "popf; mov 512(%rdi), %al; nop; nop; nop", DB)	\
	X(tf_movss_vmcall, GETPID "mov %ss, %ecx; " FLAG("0x100") "popf; mov %ecx, %ss; vmcall; nop; nop; nop", DB) \
	X(tf_movss_fault, "mov %ss, %ecx; " FLAG("0x100") "popf; mov %ecx, %ss; mov 512(%rdi), %al; nop; nop", DB) \
	X(tf_sti_vmcall, GETPID "cli; " FLAG("0x100") "popf; sti; vmcall; nop; nop; nop", DB)

#define AS_SHADOW(id, code, want) "shadow_" #id ": " code "; jmp raw_done\n"
__asm__(".pushsection .text\n" SHADOWS(AS_SHADOW) ".popsection\n");
#define AS_SHADOW_DECL(id, code, want) extern const char shadow_##id[] RAW_HIDDEN;
SHADOWS(AS_SHADOW_DECL)
#define AS_SHADOW_ENTRY(id, code, want) { code, shadow_##id, shadow_##id, want },
static const struct insn shadows[] = { SHADOWS(AS_SHADOW_ENTRY) };

/* Single-stepping goes on to the end once the first step has come; that is how it is seen not to be stuck. */
static void test_shadows(void)
{
	unsigned int i, steps;

	for (i = 0; i < ARRAY_SIZE(shadows); i++) {
		char *fresh = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		struct raw_trap *t;
		uint64_t got;
		int ret;

		raw_map(&raw, fresh);
		raw_start_traps(&raw, shadows[i].code, (uintptr_t)fresh);
		got = raw_outcome(&raw, ret = go_calls());
		if (!ok(got == shadows[i].want, "%s: %s", shadows[i].name, raw_outcome_name(shadows[i].want)))
			diag("  got %s, hw.reason %#llx", raw_outcome_name(got), raw.run->hw.reason);
		if (got == DONE && strstr(shadows[i].name, "vmcall"))
			ok_eq(raw.run->regs.rsi, getpid(), "and the call was made");
		if (got == DB) {
			for (steps = 0; (t = raw_trapped(&raw, ret)) && steps < 20; steps++) {
				if (t->rip == (uintptr_t)raw_done)
					t->rflags &= ~0x100ULL;
				ret = go_calls();
			}
			if (!ok(raw_is(&raw, ret, RAW_HC_DONE) && steps >= 3, "and is stepped through (%u steps)", steps))
				diag("  %s", raw_outcome_name(raw_outcome(&raw, ret)));
		}
		ok(raw_good(&raw), "a good run after it");
		munmap(fresh, PAGE);
	}
}

int main(void)
{
	unsigned int i;

	raw_health_begin(&health);
	hostile_open();
	for (i = 0; i < ARRAY_SIZE(insns); i++)
		test_insn(&insns[i]);
	test_without_idt();
	test_int_n();
	test_msrs();
	test_cpuid();
	test_shadows();
	raw_health_kept(&health, &raw);
	raw_close(&raw);
	return tap_done();
}
