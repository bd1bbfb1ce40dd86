// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Exceptions that nobody handles become the signals that Linux sends for them
 * (arch/x86/kernel/traps.c), sent in ordinary mode by the thread to itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include "raw.h"
#include "trap.h"

#ifndef SI_KERNEL
#define SI_KERNEL 0x80
#endif

/* What goes into si_addr, or how si_code is found. */
enum how { ADDR_NONE, ADDR_RIP, CODE_X87, CODE_SSE, PAGE_FAULT };

static const struct {
	unsigned char signal, code, how;
} signal_of[32] = {
	[0]  = { SIGFPE, FPE_INTDIV, ADDR_RIP },
	[1]  = { SIGTRAP, TRAP_TRACE, ADDR_RIP },
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

/* As force_sig() does: a fault cannot be put off or ignored. */
static void make_deliverable(int sig)
{
	uint64_t bit = 1ULL << (sig - 1), blocked = 0;
	struct raw_action action;

	raw_syscall4(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&blocked, sizeof(blocked));
	raw_sigaction(sig, NULL, &action);
	if (!(blocked & bit) && action.handler != RAW_SIG_IGN)
		return;
	action = (struct raw_action){ .handler = RAW_SIG_DFL };
	raw_sigaction(sig, &action, NULL);
	raw_syscall4(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&bit, 0, sizeof(bit));
}

/* In ordinary mode. If a handler of the program's returns, the instruction is tried again. */
static long raise_in_host(void *arg)
{
	siginfo_t *info = arg;

	make_deliverable(info->si_signo);
	raw_syscall4(SYS_rt_tgsigqueueinfo, raw_syscall4(SYS_getpid, 0, 0, 0, 0),
		     raw_syscall4(SYS_gettid, 0, 0, 0, 0), info->si_signo, (long)info);
	return 0;
}

static void classify(siginfo_t *info, const struct dune_trap *trap, uintptr_t address)
{
	unsigned int vector = trap->vector & 31;

	info->si_signo = signal_of[vector].signal;
	info->si_code = signal_of[vector].code;
	if (!info->si_signo) {
		info->si_signo = SIGSEGV;
		info->si_code = SI_KERNEL;
	}
	if (signal_of[vector].how != ADDR_NONE)
		info->si_addr = (void *)trap->rip;
	switch (signal_of[vector].how) {
	case CODE_X87:
		info->si_code = x87_code();
		break;
	case CODE_SSE:
		info->si_code = sse_code();
		break;
	case PAGE_FAULT:
		info->si_code = trap->error & DUNE_PF_P ? SEGV_ACCERR : SEGV_MAPERR;
		info->si_addr = (void *)address;
		break;
	}
}

void dune_raise(const struct dune_trap *trap, uintptr_t address)
{
	siginfo_t info;
	uint64_t *words = (uint64_t *)&info;
	unsigned int i;

	for (i = 0; i < sizeof(info) / sizeof(*words); i++)
		((volatile uint64_t *)words)[i] = 0;	/* not by memset(), which may use vector registers */
	classify(&info, trap, address);
	/* The x87 and SSE units may have nothing to report: not an error to Linux either. */
	if (info.si_code)
		dune_host_call(raise_in_host, &info);
}
