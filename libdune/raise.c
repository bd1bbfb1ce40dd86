// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Exceptions that nobody handles become the signals that Linux sends for them
 * (arch/x86/kernel/traps.c), with the registers as they were.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include "confined.h"
#include "host.h"
#include "hypercall.h"
#include "own.h"
#include "raw.h"
#include "trap.h"

#ifndef SI_KERNEL
#define SI_KERNEL 0x80
#endif

/* What goes into si_addr, or how si_code is found. */
enum how { ADDR_NONE, ADDR_RIP, ADDR_STEP, CODE_X87, CODE_SSE, PAGE_FAULT };

#define FLAG_TF	0x100
#define INT1	0xf1

static const struct {
	unsigned char signal, code, how;
} signal_of[32] = {
	[0]  = { SIGFPE, FPE_INTDIV, ADDR_RIP },
	[1]  = { SIGTRAP, TRAP_TRACE, ADDR_STEP },
	[3]  = { SIGTRAP, SI_KERNEL, ADDR_NONE },
	[4]  = { SIGSEGV, SI_KERNEL, ADDR_NONE },
	[5]  = { SIGSEGV, SI_KERNEL, ADDR_NONE },
	[6]  = { SIGILL, ILL_ILLOPN, ADDR_RIP },
	[10] = { SIGSEGV, SI_KERNEL, ADDR_NONE },
	[11] = { SIGBUS, SI_KERNEL, ADDR_NONE },
	[12] = { SIGBUS, SI_KERNEL, ADDR_NONE },
	[13] = { SIGSEGV, SI_KERNEL, ADDR_NONE },
	[14] = { SIGSEGV, 0, PAGE_FAULT },
	[16] = { SIGFPE, 0, CODE_X87 },
	[17] = { SIGBUS, BUS_ADRALN, ADDR_NONE },
	[19] = { SIGFPE, 0, CODE_SSE },
};

/* One unmasked exception bit, the same in both units, to its name. */
static int fpe_code(unsigned int bits)
{
	if (bits & 0x01)
		return FPE_FLTINV;
	if (bits & 0x04)
		return FPE_FLTDIV;
	if (bits & 0x08)
		return FPE_FLTOVF;
	if (bits & 0x12)
		return FPE_FLTUND;
	if (bits & 0x20)
		return FPE_FLTRES;
	return 0;
}

static int x87_code(void)
{
	uint16_t status, control;

	__asm__ volatile("fnstsw %0\n\tfnstcw %1" : "=m"(status), "=m"(control));
	return fpe_code(status & ~control);
}

static int sse_code(void)
{
	uint32_t mxcsr;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	return fpe_code(mxcsr & ~(mxcsr >> 7));
}

/*
 * The instruction of its own for #DB. With TF on it cannot be told from a step, and need not be. It
 * may be gone by now, which ring 0 does not bet on where it must be safe from the program.
 */
static bool is_int1(const struct dune_trap *trap)
{
	return !dune_confined() && !(trap->rflags & FLAG_TF) && *(const uint8_t *)(trap->rip - 1) == INT1;
}

static void classify(struct dune_signal *s, const struct dune_trap *trap, uintptr_t address)
{
	unsigned int vector = trap->vector & 31;

	s->signo = signal_of[vector].signal;
	s->code = signal_of[vector].code;
	if (!s->signo) {
		s->signo = SIGSEGV;
		s->code = SI_KERNEL;
	}
	if (signal_of[vector].how != ADDR_NONE)
		s->addr = trap->rip;
	switch (signal_of[vector].how) {
	case CODE_X87:
		s->code = x87_code();
		break;
	case CODE_SSE:
		s->code = sse_code();
		break;
	case ADDR_STEP:
		s->code = is_int1(trap) ? TRAP_BRKPT : TRAP_TRACE;
		break;
	case PAGE_FAULT:
		s->error = (trap->error & (DUNE_PF_P | DUNE_PF_W | DUNE_PF_I)) | DUNE_PF_U;
		/* Linux does not tell what its own half has */
		if (address >> 47)
			s->error |= DUNE_PF_P;
		s->code = trap->error & DUNE_PF_P ? SEGV_ACCERR : SEGV_MAPERR;
		s->addr = address;
		s->cr2 = address;
		break;
	}
}

/* ---- From ring 0: the program itself ----------------------------------------- */

static void copy_registers(struct dune_regs *to, const struct dune_trap *from)
{
	*to = (struct dune_regs){
		.r15 = from->r15, .r14 = from->r14, .r13 = from->r13, .r12 = from->r12,
		.rbp = from->rbp, .rbx = from->rbx, .r11 = from->r11, .r10 = from->r10,
		.r9 = from->r9, .r8 = from->r8, .rax = from->rax, .rcx = from->rcx,
		.rdx = from->rdx, .rsi = from->rsi, .rdi = from->rdi,
		.rip = from->rip, .cs = from->cs, .rflags = from->rflags, .rsp = from->rsp,
	};
}

/* ---- From ring 3: something that the program runs ----------------------------- */

/* As force_sig() does: a fault cannot be put off or ignored. */
static void make_deliverable(int sig)
{
	uint64_t bit = 1ULL << (sig - 1), blocked = 0;
	struct raw_action action;

	raw_sigmask(SIG_BLOCK, NULL, &blocked);
	raw_sigaction(sig, NULL, &action);
	if (!(blocked & bit) && action.handler != RAW_SIG_IGN)
		return;
	action = (struct raw_action){ .handler = RAW_SIG_DFL };
	raw_sigaction(sig, &action, NULL);
	raw_sigmask(SIG_UNBLOCK, &bit, NULL);
}

/* In ordinary mode. If a handler of the program's returns, the instruction is tried again. */
static long raise_in_host(void *arg)
{
	const struct dune_signal *s = arg;
	siginfo_t info;
	volatile uint64_t *words = (uint64_t *)&info;
	unsigned int i;

	for (i = 0; i < sizeof(info) / sizeof(*words); i++)
		words[i] = 0;		/* not by memset(), which may use vector registers */
	info.si_signo = s->signo;
	info.si_code = s->code;
	info.si_addr = (void *)s->addr;
	make_deliverable(info.si_signo);
	raw_syscall4(SYS_rt_tgsigqueueinfo, raw_getpid(), raw_gettid(), info.si_signo, (long)&info);
	return 0;
}

/*
 * Instructions that Linux may allow this process, and Dune mode does not have: ports after
 * ioperm(), segments of an LDT, SYSENTER. Made natively they work, or get their own signal.
 */
static bool may_work_natively(uint64_t vector)
{
	return !dune_confined() && (vector == 6 || (vector >= 10 && vector <= 13));
}

void dune_raise(const struct dune_trap *trap, uintptr_t address, uint64_t ring)
{
	struct dune_signal s = { .trapno = trap->vector, .error = trap->error };

	/* no handler of the program's may begin with ring 0's rights */
	if (dune_confined() && !(trap->cs & 3))
		dune_confined_died(trap, address);
	if (dune_hooks && may_work_natively(trap->vector))
		dune_try_natively(trap, ring);
	classify(&s, trap, address);
	/* The x87 and SSE units may have nothing to report: not an error to Linux either. */
	if (!s.code)
		return;
	if (trap->cs & 3 && !dune_program_ring3) {
		dune_host_call(raise_in_host, &s);
		return;
	}
	copy_registers(&s.regs, trap);
	dune_current()->ring = ring;
	dune_hypercall(DUNE_HC_SIGNAL, (uintptr_t)&s, 0);
}

void dune_try_natively(const struct dune_trap *trap, uint64_t ring)
{
	struct dune_signal s = { .signo = 0 };

	copy_registers(&s.regs, trap);
	dune_current()->ring = ring;
	dune_hypercall(DUNE_HC_SIGNAL, (uintptr_t)&s, 0);
}
