// SPDX-License-Identifier: GPL-2.0
/*
 * Ring 3 of Dune mode: code that a program confines there reaches neither Linux nor
 * the module. VMCALL is #UD, privileged instructions are #GP, SYSCALL lands in the
 * program's own ring 0, and nothing that ring 3 does ends the program's Dune mode.
 */
#define _GNU_SOURCE

#define END	0x81			/* the one vector that ring 3 may call: "I came to my end" */
#define FINISH	"int $0x81"
#define DONE	RAW_TRAP(END, 0)

#include "hostile.h"

#define CONFORMING 0x58			/* a code segment of ring 0 that ring 3 may run in, as ring 3 */

/* ---- one instruction -------------------------------------------------------------------- */

#define FRAME(ss, cs) "mov %rsp, %rbx; push $" ss "; push %rbx; push $0x202; push $" cs "; push (%rdi); "

/* X(label, what comes before, the instruction, what happens). RDI = scratch. */
#define INSNS(X)									\
	X(nop, "", "nop", DONE | ANYRIP)						\
	X(cpuid, "", "cpuid", DONE | ANYRIP)						\
	X(rdtsc, "", "rdtsc", DONE | ANYRIP)						\
	X(vmcall, "", "vmcall", UD)							\
	X(vmxon, "", "vmxon (%rdi)", UD)						\
	X(vmxoff, "", "vmxoff", UD)							\
	X(vmclear, "", "vmclear (%rdi)", UD)						\
	X(vmptrld, "", "vmptrld (%rdi)", UD)						\
	X(vmptrst, "", "vmptrst (%rdi)", UD)						\
	X(vmread, "", "vmread %rax, %rbx", UD)						\
	X(vmwrite, "", "vmwrite %rax, %rbx", UD)					\
	X(vmlaunch, "", "vmlaunch", UD)							\
	X(vmresume, "", "vmresume", UD)							\
	X(invept, "mov $2, %eax; ", "invept (%rdi), %rax", UD)				\
	X(invvpid, "mov $2, %eax; ", "invvpid (%rdi), %rax", UD)			\
	X(vmfunc, "", "vmfunc", UD)							\
	X(getsec, "", "getsec", UD)							\
	X(rsm, "", "rsm", UD)								\
	X(monitor, "mov %rdi, %rax; ", "monitor", UD)					\
	X(mwait, "", "mwait", UD)							\
	X(hlt, "", "hlt", GP)								\
	X(cli, "", "cli", GP)								\
	X(sti, "", "sti", GP)								\
	X(in, "", "in $0x80, %al", GP)							\
	X(out, "mov $0x8900, %edx; ", "out %al, %dx", GP)				\
	X(outs, "mov %rdi, %rsi; mov $0xcf8, %edx; ", "outsl", GP)			\
	X(invd, "", "invd", GP)								\
	X(wbinvd, "", "wbinvd", GP)							\
	X(invlpg, "", "invlpg (%rdi)", GP)						\
	X(invpcid, "mov $2, %eax; ", "invpcid 256(%rdi), %rax", GP | INVPCID)		\
	X(from_cr0, "", "mov %cr0, %rax", GP)						\
	X(from_cr3, "", "mov %cr3, %rax", GP)						\
	X(cr0, "", "mov %rax, %cr0", GP)						\
	X(cr2, "", "mov %rax, %cr2", GP)						\
	X(cr3, "", "mov %rax, %cr3", GP)						\
	X(cr4, "", "mov %rax, %cr4", GP)						\
	X(cr8, "", "mov %rax, %cr8", GP)						\
	X(from_dr7, "", "mov %dr7, %rax", GP)						\
	X(dr7, "", "mov %rax, %dr7", GP)						\
	X(clts, "", "clts", GP)								\
	X(lmsw, "", "lmsw %ax", GP)							\
	X(rdmsr, "mov $0xc0000080, %ecx; ", "rdmsr", GP)				\
	X(wrmsr, "mov $0xc0000080, %ecx; ", "wrmsr", GP)				\
	X(rdmsr_fs, "mov $0xc0000100, %ecx; ", "rdmsr", GP)				\
	X(wrmsr_lstar, "mov $0xc0000082, %ecx; ", "wrmsr", GP)				\
	X(rdpmc, "", "rdpmc", GP)							\
	X(xsetbv, "mov $1, %eax; ", "xsetbv", GP | XSAVE)				\
	X(lgdt, "", "lgdt (%rdi)", GP)							\
	X(lidt, "", "lidt (%rdi)", GP)							\
	X(lldt, "", "lldt %ax", GP)							\
	X(ltr, "", "ltr %ax", GP)							\
	X(swapgs, "", "swapgs", GP)							\
	X(sysret, "", "sysretq", GP)							\
	X(sysenter, "", "sysenter", GP)							\
	X(sysexit, "", "sysexitl", GP)							\
	X(int3, "", "int3", GPS(3 * 8 + 2))						\
	X(int80, "", "int $0x80", GPS(0x80 * 8 + 2))					\
	X(int14, "", "int $14", GPS(14 * 8 + 2))					\
	X(icebp, "", ".byte 0xf1; nop", RAW_TRAP(1, 0) | ANYRIP)			\
	X(div, "", "div %ecx", RAW_TRAP(0, 0))						\
	X(ljmp, "", "rex.w ljmp *(%rdi)", GPS(0x10))					\
	X(lret, "push $0x10; push (%rdi); ", "rex.w lret", GPS(0x10))			\
	X(iret, FRAME("0x18", "0x10"), "iretq", GPS(0x10))				\
	X(iret_ss, FRAME("0x18", "0x33"), "iretq", GPS(0x18))				\
	X(iret_null, FRAME("0", "0x33"), "iretq", GP)					\
	X(mov_ss, "mov $0x18, %eax; ", "mov %eax, %ss", GPS(0x18))			\
	X(mov_ds, "mov $0x18, %eax; ", "mov %eax, %ds", GPS(0x18))			\
	X(wrfsbase, BAD, "wrfsbase %rax", GP | FSGS)					\
	X(popf_iopl, "pushf; orl $0x3000, (%rsp); popf; ", "cli", GP)			\
	X(popf_if, "pushf; btrl $9, (%rsp); ", "popf", DONE | ANYRIP)			\
	X(popf_tf, "pushf; btsl $8, (%rsp); ", "popf; nop", RAW_TRAP(1, 0) | ANYRIP)	\
	X(popf_ac, "pushf; btsl $18, (%rsp); popf; ", "mov 1(%rdi), %eax", RAW_TRAP(17, 0)) \
	X(rsp_bad, BAD "mov %rax, %rsp; ", "ud2", UD)					\
	X(push_bad, BAD "mov %rax, %rsp; ", "push %rax", RAW_TRAP(12, 0))		\
	X(jump_bad, BAD, "jmp *%rax", GP | ANYRIP)					\
	X(jump_0, "", "jmp *%rax", PF(U | I) | ANYRIP)					\
	X(conforming, "push $0x5b; lea 1f(%rip), %rax; push %rax; rex.w lret; 1: ", "vmcall", UD)

HOSTILE_INSNS(INSNS);

__asm__(".pushsection .text\n"
	/* RDI: where in ring 3, RSI: its RDI, R8: its RFLAGS, R9: its CS; all others as they are */
	"to_ring3: mov %rsp, %rbx; push $0x2b; push %rbx; push %r8; push %r9; push %rdi; mov %rsi, %rdi; iretq\n"
	"by_sysret: mov %rdi, %rcx; mov %r8, %r11; mov %rsi, %rdi; sysretq\n"
	"do_syscall: syscall; after_syscall: int $0x81\n"
	"do_cpuid: mov $0x4000d000, %eax; cpuid; int $0x81\n"
	"spin: jmp spin\n"
	/* where SYSCALL lands: what it found, for the test */
	"landed: mov %cs, %rax; mov %ss, %rbx; jmp raw_done\n"
	".popsection\n");

extern const char to_ring3[] RAW_HIDDEN, by_sysret[] RAW_HIDDEN, do_syscall[] RAW_HIDDEN,
	after_syscall[] RAW_HIDDEN, do_cpuid[] RAW_HIDDEN, spin[] RAW_HIDDEN, landed[] RAW_HIDDEN;

/* Start in ring 3, by way of ring 0. */
static void start(const void *code, uint64_t rdi)
{
	raw_start_traps(&raw, to_ring3, (uintptr_t)code);
	raw.run->regs.rsi = rdi;
	raw.run->regs.r8 = RAW_RFLAGS;
	raw.run->regs.r9 = RAW_USER_CS;
	raw.run->system.lstar = (uintptr_t)landed;
}

static uint64_t calls_made(void)
{
	return raw.run->counters.syscalls_fast + raw.run->counters.syscalls_exact;
}

/* It ended as @want says, in ring 3, and no system call was made. */
static bool ends(const char *name, uint64_t want)
{
	uint64_t calls = calls_made(), got;
	const struct raw_trap *t;
	int ret = go();

	got = raw_outcome(&raw, ret);
	t = raw_trapped(&raw, ret);
	if (ok(got == want && t && (t->cs & 3) == 3 && (t->ss & 3) == 3 && calls == calls_made(), "ring 3: %s: %s", name,
	       raw_outcome_name(want)))
		return true;
	diag("  got %s, hw.reason %#llx, CS %#lx", raw_outcome_name(got), raw.run->hw.reason, t ? (long)t->cs : -1L);
	return false;
}

static void test_insn(const struct insn *i)
{
	uint64_t want = want_here(i->want);

	memset(scratch, 0, PAGE);
	scratch[0] = (uintptr_t)raw_done;
	scratch[1] = 0x10;
	start(i->code, (uintptr_t)scratch);
	if (ends(i->name, OUTCOME(want)) && !(want & ANYRIP)) {
		const struct raw_trap *t = raw_trapped(&raw, 0);

		if (t->rip != (uintptr_t)i->at)
			ok(false, "RIP of the exception is %#lx, not %p", (unsigned long)t->rip, i->at);
	}
	if (!raw_good(&raw))
		ok(false, "a good run after it");
}

/* ---- VMCALL, whatever it asks for ------------------------------------------------------------ */

static void test_vmcalls(void)
{
	static const uint64_t numbers[] = {
		SYS_read, SYS_write, SYS_getpid, SYS_exit, SYS_exit_group, SYS_kill, SYS_close, SYS_ioctl, SYS_munmap,
		0x40000000 | SYS_getpid, 0xdeadbeef00000000 | SYS_getpid, ~0ULL, 4096, DUNE_HC_FRAME, DUNE_HC_FLUSH,
		DUNE_HC_USER, RAW_HC_DONE, RAW_HC_TRAP, DUNE_HC(0xfff),
	};
	uint64_t flushes = raw.run->counters.flushes;
	unsigned int i;
	char name[64];

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		start(insn_vmcall, (uint64_t)getpid());
		raw.run->regs.rax = numbers[i];
		snprintf(name, sizeof(name), "VMCALL of %#llx", (unsigned long long)numbers[i]);
		ends(name, UD);
	}
	start(insn_conforming, 0);
	ends("VMCALL in a conforming segment of ring 0", UD);
	ok(raw_good(&raw), "a good run after them");
	diag("%llu flushes meanwhile", raw.run->counters.flushes - flushes);
}

static void test_syscall(void)
{
	int ret;

	start(do_syscall, 0);
	raw.run->regs.rax = SYS_exit_group;
	ret = go();
	if (!ok(raw_is(&raw, ret, RAW_HC_DONE), "SYSCALL lands at LSTAR"))
		diag("  %s", raw_outcome_name(raw_outcome(&raw, ret)));
	ok(raw.run->regs.rsi == RAW_CS && raw.run->regs.rbx == RAW_SS, "in ring 0 (CS %#llx, SS %#llx)",
	   raw.run->regs.rsi, raw.run->regs.rbx);
	ok_eq(raw.run->regs.rcx, (uintptr_t)after_syscall, "RCX is where it came from");
	ok_eq(raw.run->cpl, 0, "and ring 0 is where DUNE_RUN left");

	start(insn_nop, 0);
	raw.run->regs.rip = (uintptr_t)by_sysret;
	if (ends("by SYSRET", DONE)) {
		const struct raw_trap *t = raw_trapped(&raw, 0);

		ok(t->cs == RAW_USER_CS && t->ss == RAW_USER_SS, "SYSRET gives Linux's selectors (CS %#lx, SS %#lx)",
		   (long)t->cs, (long)t->ss);
	}
	start(do_cpuid, 0);
	ends("CPUID of Dune", DONE);
	ok_eq(raw_trapped(&raw, 0) ? raw_trapped(&raw, 0)->rax : 0, DUNE_ABI_VERSION, "CPUID shows Dune in ring 3");
}

static void test_int_n(void)
{
	unsigned char bytes[] = { 0xcd, 0, 0xcd, END };
	char *code = raw_code(bytes, sizeof(bytes), PAGE);
	unsigned int n, bad = 0;

	raw_map(&raw, code);
	for (n = 0; n < 256; n++) {
		uint64_t got;

		code[1] = (char)n;
		start(code, 0);
		got = raw_outcome(&raw, go());
		if (got == (n == END ? DONE : GPS(n * 8 + 2)))
			continue;
		bad++;
		diag("INT %u: %s", n, raw_outcome_name(got));
	}
	ok_eq(bad, 0, "INT n is #GP in ring 3, for each n whose gate is ring 0's");
	ok(raw_good(&raw), "a good run after them");
	munmap(code, PAGE);
}

/* ---- memory -------------------------------------------------------------------------------------- */

static void test_memory(void)
{
	static const struct { const char *name; int prot; const char *code; uint64_t want; } cases[] = {
		{ "PROT_READ memory read", PROT_READ, do_read, DONE },
		{ "PROT_READ memory written", PROT_READ, do_write, PF(LINUX | P | W | U) },
		{ "PROT_READ memory executed", PROT_READ, do_exec, PF(LINUX | P | I | U) },
		{ "PROT_NONE memory read", PROT_NONE, do_read, PF(LINUX | P | U) },
		{ "unmapped memory read", -1, do_read, PF(LINUX | U) },
		{ "unmapped memory written", -1, do_write, PF(LINUX | W | U) },
		{ "unmapped memory executed", -1, do_exec, PF(LINUX | I | U) },
	};
	uint64_t va = RAW_OWN_VA;
	char *p = raw_code("\xc3", 1, PAGE);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		char *m = raw_code("\xc3", 1, PAGE);

		raw_map(&raw, m);
		if (cases[i].prot < 0)
			munmap(m, PAGE);
		else
			mprotect(m, PAGE, cases[i].prot);
		start(cases[i].code, (uintptr_t)m);
		ends(cases[i].name, cases[i].want);
		munmap(m, PAGE);
	}
	/* not for ring 3: no U in the program's own entry. The U of those above it is not enough. */
	raw_own(&raw, va, raw_gpa(&raw, p) | 3);
	for (i = 0; i < 3; i++) {
		static const char *const names[] = { "ring 0's page read", "ring 0's page written", "ring 0's page executed" };
		const char *code[] = { do_read, do_write, do_exec };
		const uint64_t want[] = { PF(P | U), PF(P | U | W), PF(P | U | I) };

		start(code[i], va);
		ends(names[i], want[i]);
	}
	ok(raw_good(&raw), "a good run after them");
	munmap(p, PAGE);
}

/* ---- compatibility mode ------------------------------------------------------------------------------ */

/* Machine code for the last bytes of 4 GiB, or a page below, in 32-bit mode. */
static void compat(const char *name, const void *bytes, size_t len, bool at_end, uint64_t want)
{
	char *p = mmap((void *)0xfffff000, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	char *code = at_end ? p + PAGE - len : p;

	raw_map(&raw, p);
	memset(p, 0xf4, PAGE);			/* HLT */
	memcpy(code, bytes, len);
	start(code, 0);
	raw.run->regs.r9 = RAW_USER_CS32;
	raw.run->regs.rsp = (uintptr_t)raw.stack - 8;
	ends(name, want);
	if (!raw_good(&raw))
		ok(false, "a good run after it");
	munmap(p, PAGE);
}

static void test_compat(void)
{
	compat("32-bit: INT", "\xcd\x81", 2, false, DONE);
	compat("32-bit: VMCALL", "\x0f\x01\xc1", 3, false, UD);
	compat("32-bit: HLT", "\xf4", 1, false, GP);
	compat("32-bit: CPUID", "\x0f\xa2\xcd\x81", 4, false, DONE);
	/* the CPU has SYSCALL in 64-bit mode only */
	compat("32-bit: SYSCALL", "\x0f\x05", 2, false, UD);
	compat("32-bit: VMCALL at the end of 4 GiB", "\x0f\x01\xc1", 3, true, UD);
}

/*
 * Where the next instruction would be at 4 GiB, and CPUID is stepped over by the
 * module: that it is ring 3's and must not end the program's Dune mode. What it is
 * exactly (a fetch at 0, or #GP) is the CPU's affair.
 */
static void test_compat_wrap(void)
{
	char *p = mmap((void *)0xfffff000, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	uint64_t got;
	int ret;

	raw_map(&raw, p);
	memcpy(p + PAGE - 2, "\x0f\xa2", 2);
	start(p + PAGE - 2, 0);
	raw.run->regs.r9 = RAW_USER_CS32;
	got = raw_outcome(&raw, ret = go());
	ok(raw_trapped(&raw, ret), "ring 3: 32-bit: CPUID at the end of 4 GiB is the program's own exception (%s)",
	   raw_outcome_name(got));
	ok(raw_good(&raw), "a good run after it");
	munmap(p, PAGE);
}

/* A thread that spins in ring 3 is preempted and killed as any other. */
static int spins(void *arg)
{
	int i;

	if (raw_open(&raw) || raw_traps(&raw))
		return 1;
	start(spin, 0);
	/* the first signals may find it on its way there */
	for (i = 0, raw.run->cpl = 0; i < 20 && raw.run->cpl != 3; i++) {
		raw_deadline(50);
		if (raw_go(&raw) != -ETIMEDOUT)
			return 2;
	}
	if (raw.run->cpl != 3)
		return 4;
	raw_deadline(0);
	alarm(1);
	signal(SIGALRM, SIG_DFL);
	raw_go(&raw);
	return 3;
}

int main(void)
{
	unsigned int i;

	raw_health_begin(&health);
	ok_eq(raw_child(spins, NULL, 10), SIGALRM, "code that spins in ring 3 is interrupted, and ended by a signal");
	hostile_open();
	raw_gate(&raw, END, (uintptr_t)raw_stubs + 16 * END, RAW_CS, 1, 3);
	raw.gdt[CONFORMING / 8] = 0x00af9f000000ffff;

	for (i = 0; i < ARRAY_SIZE(insns); i++)
		test_insn(&insns[i]);
	test_vmcalls();
	test_syscall();
	test_int_n();
	test_memory();
	test_compat();
	test_compat_wrap();
	raw_health_end(&health, &raw);
	raw_close(&raw);
	return tap_done();
}
