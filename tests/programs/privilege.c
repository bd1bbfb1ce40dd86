// SPDX-License-Identifier: GPL-2.0
/*
 * What only user code of the lowest privilege shows: privileged instructions fault, the selectors
 * say ring 3, alignment is checked on demand, flags that are the kernel's stay as they are.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <stdint.h>
#include <ucontext.h>

#include "child.h"

/* priv_NAME() does @insn, at priv_NAME_at, and goes on at priv_NAME_on. */
#define STUB(name, insn)							\
	void priv_##name(void *mem);						\
	extern const char priv_##name##_at[], priv_##name##_on[];		\
	__asm__(".pushsection .text\n"						\
		"priv_" #name ":\n\txorl %eax, %eax\n\txorl %ecx, %ecx\n\txorl %edx, %edx\n"	\
		"priv_" #name "_at:\n\t" insn "\n"				\
		"priv_" #name "_on:\n\tret\n"					\
		".popsection")

STUB(cli, "cli");
STUB(sti, "sti");
STUB(hlt, "hlt");
STUB(in, "inb $0x80, %al");
STUB(out, "outb %al, $0x80");
STUB(rcr0, "movq %cr0, %rax");
STUB(wcr3, "movq %rax, %cr3");
STUB(wcr4, "movq %rax, %cr4");
STUB(rdr7, "movq %dr7, %rax");
STUB(wcr8, "movq %rax, %cr8");
STUB(rdmsr, "rdmsr");
STUB(wrmsr, "wrmsr");
STUB(lgdt, "lgdt (%rdi)");
STUB(lidt, "lidt (%rdi)");
STUB(lldt, "lldt %ax");
STUB(ltr, "ltr %ax");
STUB(lmsw, "lmsw %ax");
STUB(clts, "clts");
STUB(invlpg, "invlpg (%rdi)");
STUB(invd, "invd");
STUB(wbinvd, "wbinvd");
STUB(swapgs, "swapgs");
STUB(sysret, "sysretq");
STUB(xsetbv, "xsetbv");
STUB(int14, "int $14");
STUB(int33, "int $0x21");
STUB(vmcall, "vmcall");
STUB(vmlaunch, "vmlaunch");

static struct {
	int count, sig, code;
	unsigned long rip, trapno, err, addr;
} f;
static unsigned long go_on;

static void on_fault(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	/* A handler begins with AC as it was. */
	__asm__ volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandl $~0x40000, (%%rsp)\n\t"
	"popfq\n\tleaq 128(%%rsp), %%rsp"
			 : : : "cc", "memory");
	f.count++;
	f.sig = sig;
	f.code = si->si_code;
	f.addr = (unsigned long)si->si_addr;
	f.rip = (unsigned long)uc->uc_mcontext.gregs[REG_RIP];
	f.trapno = (unsigned long)uc->uc_mcontext.gregs[REG_TRAPNO];
	f.err = (unsigned long)uc->uc_mcontext.gregs[REG_ERR];
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)go_on;
	uc->uc_mcontext.gregs[REG_EFL] &= ~0x40000L;		/* AC */
}

static const struct stub {
	const char *name;
	void (*run)(void *);
	const char *at, *on;
	unsigned long trapno, err;
} stubs[] = {
#define S(n, stub, trap, err) { n, priv_##stub, priv_##stub##_at, priv_##stub##_on, trap, err }
	S("CLI", cli, 13, 0), S("STI", sti, 13, 0), S("HLT", hlt, 13, 0), S("IN", in, 13, 0),
	S("OUT", out, 13, 0),
	S("MOV from CR0", rcr0, 13, 0), S("MOV to CR3", wcr3, 13, 0), S("MOV to CR4", wcr4, 13, 0),
	S("MOV to CR8", wcr8, 13, 0), S("MOV from DR7", rdr7, 13, 0), S("RDMSR", rdmsr, 13, 0),
	S("WRMSR", wrmsr, 13, 0),
	S("LGDT", lgdt, 13, 0), S("LIDT", lidt, 13, 0), S("LLDT", lldt, 13, 0),
	S("LTR", ltr, 13, 0), S("LMSW", lmsw, 13, 0),
	S("CLTS", clts, 13, 0), S("INVLPG", invlpg, 13, 0), S("INVD", invd, 13, 0),
	S("WBINVD", wbinvd, 13, 0),
	S("SWAPGS", swapgs, 13, 0), S("SYSRET", sysret, 13, 0), S("INT 14", int14, 13, 14 * 8 + 2),
	S("INT 0x21", int33, 13, 0x21 * 8 + 2), S("XSETBV", xsetbv, 13, 0),
};

/* Of virtualization: #UD, or #GP where the kernel runs virtual machines at this moment. */
static const struct stub vmx[] = {
	S("VMCALL", vmcall, 0, 0), S("VMLAUNCH", vmlaunch, 0, 0),
};

static int has(int leaf_ecx_bit)
{
	unsigned int a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c >> leaf_ecx_bit & 1);
}

static void test_instructions(void)
{
	static char mem[64];

	for (size_t i = 0; i < sizeof(stubs) / sizeof(stubs[0]); i++) {
		const struct stub *s = &stubs[i];

		if (s->run == priv_xsetbv && !has(27)) {
			skip(1, "no XSAVE");
			continue;
		}
		memset(&f, 0, sizeof(f));
		go_on = (unsigned long)s->on;
		s->run(mem);
		if (!ok(f.count == 1 && f.sig == SIGSEGV && f.code == SI_KERNEL &&
			f.rip == (unsigned long)s->at && !f.addr &&
			f.trapno == s->trapno && f.err == s->err,
			"%s: SIGSEGV, trap %lu, error %#lx", s->name, s->trapno, s->err))
			diag("  got %d faults, signal %d code %d rip %#lx (at %p) addr %#lx "
			     "trap %lu error %#lx", f.count, f.sig,
			     f.code, f.rip, (const void *)s->at, f.addr, f.trapno, f.err);
	}
}

static void test_vmx(void)
{
	if (has(31)) {
		skip(2, "there is a hypervisor");
		return;
	}
	for (int i = 0; i < 2; i++) {
		memset(&f, 0, sizeof(f));
		go_on = (unsigned long)vmx[i].on;
		vmx[i].run(NULL);
		if (!ok(f.count == 1 && f.rip == (unsigned long)vmx[i].at &&
			((f.sig == SIGILL && f.code == ILL_ILLOPN && f.trapno == 6) ||
			 (f.sig == SIGSEGV && f.code == SI_KERNEL && f.trapno == 13)), "%s faults",
				 vmx[i].name))
			diag("  got %d faults, signal %d code %d trap %lu", f.count, f.sig, f.code,
			     f.trapno);
	}
}

static void test_selectors(void)
{
	unsigned int cs = 0, ss = 0;

	__asm__("movl %%cs, %0\n\tmovl %%ss, %1" : "=r"(cs), "=r"(ss));
	ok_eq(cs, 0x33, "CS is that of 64-bit user code");
	ok_eq(ss, 0x2b, "SS is that of user data");
}

static unsigned long flags_after(unsigned long set, unsigned long clear)
{
	unsigned long before, after;

	__asm__ volatile("leaq -128(%%rsp), %%rsp\n\t"
			 "pushfq\n\tpopq %0\n\tmovq %0, %1\n\torq %2, %1\n\tandq %3, %1\n\t"
			 "pushq %1\n\tpopfq\n\t"
			 "pushfq\n\tpopq %1\n\tpushq %0\n\tpopfq\n\t"
			 "leaq 128(%%rsp), %%rsp"
			 : "=&r"(before), "=&r"(after) : "r"(set), "r"(~clear) : "cc", "memory");
	return after;
}

static void test_flags(void)
{
	ok(flags_after(0, 0) & 0x200, "the interrupt flag is set");
	ok(flags_after(0, 0x200) & 0x200, "POPF cannot clear it");
	ok(!(flags_after(0x3000, 0) & 0x3000), "POPF cannot set IOPL");
	ok(flags_after(0x200000, 0) & 0x200000, "POPF can set ID");
}

/* IRET and a far return to the same ring are anybody's. */
static void test_returns(void)
{
	unsigned long ok_iret = 0, ok_lret = 0;

	__asm__ volatile("leaq -128(%%rsp), %%rsp\n\tmovq %%rsp, %%rcx\n\tmovl %%ss, %%eax\n\t"
	"pushq %%rax\n\tpushq %%rcx\n\tpushfq\n\t"
			 "movl %%cs, %%eax\n\tpushq %%rax\n\tleaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\tiretq\n"
			 "1:\tmovl $1, %k0\n\tleaq 128(%%rsp), %%rsp"
			 : "+r"(ok_iret) : : "rax", "rcx", "memory", "cc");
	ok_eq(ok_iret, 1, "IRET to itself");
	__asm__ volatile("leaq -128(%%rsp), %%rsp\n\tmovl %%cs, %%eax\n\tpushq %%rax\n\t"
	"leaq 1f(%%rip), %%rax\n\tpushq %%rax\n\tlretq\n"
			 "1:\tmovl $1, %k0\n\tleaq 128(%%rsp), %%rsp"
			 : "+r"(ok_lret) : : "rax", "memory", "cc");
	ok_eq(ok_lret, 1, "a far return to itself");
}

void priv_unaligned(void *mem);
extern const char priv_unaligned_at[], priv_unaligned_on[];
__asm__(".pushsection .text\n"
	"priv_unaligned:\n\tpushfq\n\torl $0x40000, (%rsp)\n\tpopfq\n"
	"priv_unaligned_at:\tmovl 1(%rdi), %eax\n"
	"priv_unaligned_on:\tpushfq\n\tandl $~0x40000, (%rsp)\n\tpopfq\n\tret\n"
	".popsection");

static void test_alignment(void)
{
	static char mem[64] __attribute__((aligned(64)));

	memset(&f, 0, sizeof(f));
	go_on = (unsigned long)priv_unaligned_on;
	priv_unaligned(mem);
	ok(f.count == 1 && f.sig == SIGBUS && f.code == BUS_ADRALN && f.trapno == 17 &&
	   f.err == 0 &&
	   f.rip == (unsigned long)priv_unaligned_at,
		   "with AC set an unaligned access gives SIGBUS, BUS_ADRALN, trap 17");
}

int main(void)
{
	static const int sigs[] = { SIGSEGV, SIGILL, SIGBUS, SIGTRAP, SIGFPE };
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	for (int i = 0; i < 5; i++)
		sigaction(sigs[i], &sa, NULL);
	test_selectors();
	test_flags();
	test_returns();
	test_alignment();
	test_instructions();
	test_vmx();
	return tap_done();
}
