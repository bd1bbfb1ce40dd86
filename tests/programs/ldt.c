// SPDX-License-Identifier: GPL-2.0
/*
 * Code and data of other segments than the usual ones: the LDT, and 32-bit code in a 64-bit
 * program, as emulators of other systems use them.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <sched.h>
#include <stdint.h>
#include <sys/time.h>

#include "child.h"

static volatile int ticks;

static void on_tick(int sig)
{
	ticks++;
}

static unsigned int read_gs(void)
{
	unsigned int s;

	__asm__ volatile("movl %%gs, %0" : "=r"(s));
	return s;
}

/* ---- The LDT ------------------------------------------------------------ */

static void ldt(void)
{
	struct user_desc d = {
		.entry_number = 2, .base_addr = 0, .limit = 0xfffff, .seg_32bit = 1,
		.limit_in_pages = 1, .useable = 1,
	};
	unsigned long *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	unsigned int word;
	char table[64];

	need(low != MAP_FAILED);
	low[0] = 0x1d7;
	d.base_addr = (unsigned int)(uintptr_t)low;
	need(syscall(SYS_modify_ldt, 1, &d, sizeof(d)) == 0);
	need(syscall(SYS_modify_ldt, 0, table, sizeof(table)) >= 24);
	__asm__ volatile("movl %1, %%gs\n\tmovl %%gs:0, %0" : "=r"(word) : "r"(2 << 3 | 7)
			 : "memory");
	need(word == 0x1d7);
	for (int i = 0; i < 50; i++) {
		sched_yield();
		need(read_gs() == (2 << 3 | 7));
	}
	__asm__ volatile("movl %%gs:0, %0" : "=r"(word) : : "memory");
	need(word == 0x1d7);
	__asm__ volatile("movl %0, %%gs" : : "r"(0));
}

/* ---- 32-bit code -------------------------------------------------------- */

/* Copied below 4 GiB and called there with CS 0x23; ECX counts down, as only 32-bit code has it. */
extern const char code32[], code32_end[];
__asm__(".pushsection .rodata\n"
	".code32\n"
	"code32:\n\t"
	"xorl %eax, %eax\n"
	"1:\tinc %eax\n\t"			/* a REX prefix in 64-bit code */
	"loop 1b\n\t"
	"lret\n"
	".code64\n"
	"code32_end:\n"
	".popsection");

#define LOW	(64UL << 10)

static unsigned long run32(const void *code, unsigned int count, char *low_stack_top)
{
	struct {
		unsigned int offset;
		unsigned short cs;
	} __attribute__((packed)) *to = (void *)(low_stack_top + 64);
	unsigned long result;

	to->offset = (unsigned int)(uintptr_t)code;
	to->cs = 0x23;
	/* The way back is a far return of 4 bytes each: stack and code must be below 4 GiB. */
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
			 "movq %[stack], %%rsp\n\t"
			 "movq %%rsp, %%rbp\n\t"
			 "call *%[tramp]\n\t"
			 "movq %%rbx, %%rsp"
			 : "=a"(result), "+c"(count), "+d"(to)
			 : [stack] "r"(low_stack_top), [tramp] "r"((const char *)code + 64)
			 : "rbx", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
				 "memory", "cc");
	return result;
}

static void code_32(void)
{
	/* lcall *(%rdx); ret */
	static const unsigned char trampoline[] = { 0xff, 0x1a, 0xc3 };
	char *low = mmap(NULL, LOW, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct itimerval it = { .it_interval.tv_usec = 1000, .it_value.tv_usec = 1000 },
		off = { .it_value.tv_usec = 0 };

	need(low != MAP_FAILED);
	memcpy(low, code32, (size_t)(code32_end - code32));
	memcpy(low + 64, trampoline, sizeof(trampoline));
	need(run32(low, 1000, low + LOW - 192) == 1000);
	/* and interrupted by signals, whose handlers are 64-bit code */
	signal(SIGALRM, on_tick);
	ticks = 0;
	setitimer(ITIMER_REAL, &it, NULL);
	for (int i = 0; i < 1000 && ticks < 5; i++)
		need(run32(low, 100000, low + LOW - 192) == 100000);
	setitimer(ITIMER_REAL, &off, NULL);
	need(ticks >= 5);
}

int main(void)
{
	ok_child(ldt, "modify_ldt(): a segment in GS, over calls");
	ok_child(code_32, "32-bit code by a far call, also interrupted by signals");
	return tap_done();
}
