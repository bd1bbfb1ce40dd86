// SPDX-License-Identifier: GPL-2.0
/* Instructions. */
#include "attack.h"
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>

/* Runs the instruction in a child and says what it died of; 0 if it did not. */
#define DIES_OF(signal, text, asm_)						\
	({									\
		int status_;							\
		pid_t pid_ = fork();						\
		if (!pid_) {							\
			__asm__ volatile(asm_ : : : "rax", "rcx", "rdx", "rbx", "rsi", "rdi", "memory"); \
			_exit(0);						\
		}								\
		waitpid(pid_, &status_, 0);					\
		WIFSIGNALED(status_) && WTERMSIG(status_) == (signal) ? HELD :	\
			(fprintf(stderr, "ESCAPED: %s: status %x\n", text, status_), ESCAPED); \
	})

static int load(void)
{
	return escaped(*(volatile char *)own_data ? "a load" : "a load of 0");
}

static int store(void)
{
	*(volatile char *)own_data = 1;
	return escaped("a store");
}

static int load_guard(void) { return escaped(*(volatile char *)own_start ? "a load" : "a load of 0"); }
static int load_last(void) { return escaped(*(volatile char *)(own_end - 1) ? "a load" : "a load of 0"); }

static int jump(void)
{
	((void (*)(void))own_text)();
	return escaped("a jump");
}

/* Bytes that may be found in the monitor's text are of no use to ring 3, wherever they are. */
static int jump_all(void)
{
	for (uint64_t at = own_text; at < own_text + 0x4000; at += 0x400) {
		int status;
		pid_t pid = fork();

		if (!pid) {
			((void (*)(void))at)();
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
			return escaped("a jump into the monitor's text");
	}
	return HELD;
}

static int vmx(void)
{
	return DIES_OF(SIGILL, "vmcall", "mov $39, %%eax; vmcall") | DIES_OF(SIGILL, "vmlaunch", "vmlaunch") |
	       DIES_OF(SIGILL, "vmxoff", "vmxoff") | DIES_OF(SIGILL, "vmfunc", "xor %%eax, %%eax; .byte 0x0f, 0x01, 0xd4");
}

static int privileged(void)
{
	return DIES_OF(SIGSEGV, "hlt", "hlt") | DIES_OF(SIGSEGV, "cli", "cli") |
	       DIES_OF(SIGSEGV, "mov cr3", "mov %%cr3, %%rax; mov %%rax, %%cr3") |
	       DIES_OF(SIGSEGV, "mov to cr3", "xor %%eax, %%eax; mov %%rax, %%cr3") |
	       DIES_OF(SIGSEGV, "mov to cr4", "xor %%eax, %%eax; mov %%rax, %%cr4") |
	       DIES_OF(SIGSEGV, "mov to dr7", "xor %%eax, %%eax; mov %%rax, %%dr7") |
	       DIES_OF(SIGSEGV, "wrmsr", "mov $0xc0000102, %%ecx; wrmsr") |
	       DIES_OF(SIGSEGV, "rdmsr", "mov $0xc0000082, %%ecx; rdmsr") |
	       DIES_OF(SIGSEGV, "swapgs", "swapgs") | DIES_OF(SIGSEGV, "invlpg", "invlpg (%%rsp)") |
	       DIES_OF(SIGSEGV, "lgdt", "sub $16, %%rsp; lgdt (%%rsp)") |
	       DIES_OF(SIGSEGV, "lidt", "sub $16, %%rsp; lidt (%%rsp)") |
	       DIES_OF(SIGSEGV, "lldt", "xor %%eax, %%eax; lldt %%ax") | DIES_OF(SIGSEGV, "ltr", "mov $0x40, %%eax; ltr %%ax") |
	       DIES_OF(SIGSEGV, "in", "in $0x80, %%al") | DIES_OF(SIGSEGV, "out", "out %%al, $0x80") |
	       DIES_OF(SIGSEGV, "xsetbv", "xor %%ecx, %%ecx; xgetbv; xsetbv") | DIES_OF(SIGSEGV, "wbinvd", "wbinvd") |
	       DIES_OF(SIGSEGV, "sysret", "mov $0, %%ecx; sysretq") | DIES_OF(SIGSEGV, "clts", "clts");
}

/* SYSENTER and INT n have no way past the monitor. */
static int sysenter(void)
{
	return DIES_OF(SIGSEGV, "sysenter", "mov $39, %%eax; mov %%rsp, %%rbp; sysenter");
}

static int int_n(void)
{
	return DIES_OF(SIGSEGV, "int 0x20", "int $0x20") | DIES_OF(SIGSEGV, "int 14", "int $14") |
	       DIES_OF(SIGSEGV, "int 8", "int $8") | DIES_OF(SIGSEGV, "int 2", "int $2") |
	       DIES_OF(SIGSEGV, "int 0xff", "int $0xff") | DIES_OF(SIGTRAP, "int3", "int3") |
	       DIES_OF(SIGTRAP, "int1", ".byte 0xf1");
}

static int int80(void)
{
	long ret = 20;	/* i386 getpid */

	__asm__ volatile("int $0x80" : "+a"(ret) : : "memory", "r8", "r9", "r10", "r11");
	return (int)ret == -ENOSYS ? HELD : escaped("INT $0x80 made a call");
}

/* ---- Selectors ---------------------------------------------------------------------- */

static int far_jump(void)
{
	return DIES_OF(SIGSEGV, "kernel CS", "pushq $0x10; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:") |
	       DIES_OF(SIGSEGV, "iret to ring 0", "mov %%rsp, %%rcx; pushq $0x18; push %%rcx; pushq $0x202; pushq $0x10; "
		       "lea 1f(%%rip), %%rax; push %%rax; iretq; 1:") |
	       DIES_OF(SIGSEGV, "kernel SS", "mov $0x18, %%eax; mov %%eax, %%ss") |
	       DIES_OF(SIGSEGV, "the TSS", "pushq $0x40; pushq $0; lretq");
}

/* 32-bit code: SYSCALL is none on Intel, SYSENTER and INT 0x80 as in 64-bit code. */
static int compat(void)
{
	static const unsigned char code[][8] = {
		{ 0xb8, 20, 0, 0, 0, 0x0f, 0x05, 0xf4 },	/* mov $20,%eax; syscall; hlt */
		{ 0xb8, 20, 0, 0, 0, 0x0f, 0x34, 0xf4 },	/* sysenter */
		{ 0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xf4 },	/* int $0x80; hlt: to end by #GP */
	};
	char *low = mmap((void *)0x20000000, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	for (int i = 0; i < 3; i++) {
		int status;
		pid_t pid = fork();

		if (!pid) {
			memcpy(low, code[i], sizeof(code[i]));
			__asm__ volatile("pushq $0x23; pushq $0x20000000; lretq" : : : "memory");
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (!WIFSIGNALED(status))
			return escaped("32-bit code");
	}
	return HELD;
}

/* ---- State at the SYSCALL ------------------------------------------------------------- */

static long getppid_with_rsp(uint64_t rsp)
{
	long ret = SYS_getppid;

	__asm__ volatile("mov %%rsp, %%r12; mov %1, %%rsp; syscall; mov %%r12, %%rsp"
			 : "+a"(ret) : "r"(rsp) : "rcx", "r11", "r12", "memory");
	return ret;
}

/* The monitor's stack is its own. */
static int any_rsp(void)
{
	static const uint64_t odd[] = { 0, 1, 8, 0x1000, 1UL << 63, ~0UL, 0x8000000000000000UL, 0x7ffffffffff8UL };
	pid_t parent = getppid();

	for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (getppid_with_rsp(odd[i]) != parent)
			return escaped("RSP");
	return HELD;
}

/* When Linux has something to do just then, it is the end. */
static int own_rsp(void)
{
	pid_t parent = getpid();

	for (uint64_t at = own_data; at < own_data + 0x80000; at += 0x8ff8) {
		int status;
		pid_t pid = fork();

		if (!pid)
			_exit(getppid_with_rsp(at) != parent);
		waitpid(pid, &status, 0);
		if (WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL : WEXITSTATUS(status))
			return escaped("RSP in the monitor's memory");
	}
	return HELD;
}

static long getppid_with_flags(uint64_t flags)
{
	long ret = SYS_getppid;

	__asm__ volatile("pushfq; pushfq; or %1, (%%rsp); popfq; syscall; popfq"
			 : "+a"(ret) : "r"(flags) : "rcx", "r11", "memory", "cc");
	return ret;
}

static int any_flags(void)
{
	static const uint64_t flags[] = { 1 << 10 /* DF */, 1 << 14 /* NT */, 1 << 18 /* AC */, 0x44400, 3 << 12 /* IOPL */,
					  1 << 16 /* RF */, 1 << 17 /* VM */, 1 << 21 };
	pid_t parent = getppid();

	for (unsigned int i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (getppid_with_flags(flags[i]) != parent)
			return escaped("flags");
	return HELD;
}

static volatile int steps;

static void count_step(int sig)
{
	steps++;
}

static int single_step(void)
{
	pid_t parent = getppid();

	signal(SIGTRAP, count_step);
	for (int i = 0; i < 20; i++)
		if (getppid_with_flags(1 << 8) != parent)
			return escaped("TF");
	return steps ? HELD : escaped("no steps");
}

/* With the stack in the monitor's trap stacks the step's frame must not hurt. */
static int single_step_rsp(void)
{
	for (uint64_t at = own_data & ~0xfffUL; at < (own_data & ~0xfffUL) + 0x80000; at += 0x4010) {
		int status;
		pid_t pid = fork();

		if (!pid) {
			long ret = SYS_getppid;

			__asm__ volatile("mov %%rsp, %%r12; mov %1, %%r13; pushfq; orq $0x100, (%%rsp); popfq; mov %%r13, %%rsp; "
					 "syscall; mov %%r12, %%rsp; pushfq; andq $~0x100, (%%rsp); popfq"
					 : "+a"(ret) : "r"(at) : "rcx", "r11", "r12", "r13", "memory", "cc");
			_exit(ret == getppid() ? 1 : 2);
		}
		waitpid(pid, &status, 0);
		/* SIGTRAP, whose frame cannot be put there: an end */
		if (!WIFSIGNALED(status))
			return escaped("a step with RSP in the monitor's memory went on");
	}
	return HELD;
}

static int bases(void)
{
	pid_t parent = getppid();
	uint64_t fs, gs;
	long ret;

	__asm__ volatile("rdfsbase %0; rdgsbase %1" : "=r"(fs), "=r"(gs));
	for (int i = 0; i < 3; i++) {
		uint64_t base = (uint64_t[]){ own_data, 0, 0xffff800000000000UL }[i];

		ret = SYS_getppid;
		__asm__ volatile("wrgsbase %1; wrfsbase %1; syscall; wrfsbase %2; wrgsbase %3"
				 : "+a"(ret) : "r"(base), "r"(fs), "r"(gs) : "rcx", "r11", "memory");
		if (ret != parent)
			return escaped("bases");
	}
	return HELD;
}

/* The monitor's own hypercalls have numbers that look like none. */
static int numbers(void)
{
	static const uint64_t odd[] = { ~0UL, -1, 0x40000000 | SYS_getppid, 0x80000000, 1000, 511, 512, 0x44756e65fffff000UL,
					0x44756e65fffff001UL, 0x44756e65fffff002UL, 0x44756e65fffff100UL, 0x44756e65fffff101UL };

	for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		long ret = raw((long)odd[i], own_data, own_data, own_data, 0, 0, 0);

		if (ret != -ENOSYS) {
			fprintf(stderr, "%lx gave %ld\n", odd[i], ret);
			return escaped("a number");
		}
	}
	return raw((long)(0xdead00000000UL | SYS_getppid), 0, 0, 0, 0, 0, 0) == getppid() ? HELD : escaped("upper half");
}

static int vsyscall(void)
{
	((long (*)(long *))0xffffffffff600400UL)(NULL);	/* time() */
	return escaped("the vsyscall page");
}

static int bad_rip(void)
{
	return DIES_OF(SIGSEGV, "jump", "mov $0x800000000000, %%rax; jmp *%%rax") |
	       DIES_OF(SIGSEGV, "jump", "mov $-4096, %%rax; jmp *%%rax") | DIES_OF(SIGSEGV, "ret", "mov $1, %%eax; shl $63, %%rax; push %%rax; ret");
}

const struct attack cpu_attacks[] = {
	{ "a load", load, 128 + SIGSEGV, NULL },
	{ "a store", store, 128 + SIGSEGV, NULL },
	{ "a load from the guard", load_guard, 128 + SIGSEGV, NULL },
	{ "a load from the end", load_last, 128 + SIGSEGV, NULL },
	{ "a jump", jump, 128 + SIGSEGV, NULL },
	{ "jumps all over the text", jump_all, HELD, NULL },
	{ "VMX instructions", vmx, HELD, NULL },
	{ "privileged instructions", privileged, HELD, NULL },
	{ "SYSENTER", sysenter, HELD, NULL },
	{ "INT n", int_n, HELD, NULL },
	{ "INT 0x80", int80, HELD, "refused: call, call -1: INT $0x80" },
	{ "far jumps and returns", far_jump, HELD, NULL },
	{ "32-bit code", compat, HELD, NULL, "--jit" },
	{ "any RSP", any_rsp, HELD, NULL },
	{ "RSP in the monitor", own_rsp, HELD, NULL },
	{ "any flags", any_flags, HELD, NULL },
	{ "single steps", single_step, HELD, NULL },
	{ "single steps with RSP in the monitor", single_step_rsp, HELD, NULL },
	{ "any bases", bases, HELD, NULL },
	{ "odd numbers", numbers, HELD, "refused: call" },
	{ "vsyscall", vsyscall, 128 + SIGSEGV, NULL },
	{ "addresses that are not canonical", bad_rip, HELD, NULL },
	{ NULL }
};
