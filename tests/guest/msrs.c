// SPDX-License-Identifier: GPL-2.0
/*
 * The MSRs that Dune mode has of its own are loaded lazily and given back often;
 * whatever comes in between, each side finds its own value.
 */
#define _GNU_SOURCE
#include "tap.h"
#include "raw.h"
#include <asm/prctl.h>
#include <sys/syscall.h>

#define MSR_LSTAR	0xc0000082
#define MSR_GS_BASE	0xc0000101
#define MSR_KGS_BASE	0xc0000102
#define KGS		0x123456000UL

static uint64_t after_lstar, after_fast, after_sleep, after_exact, after_swap, lstar;

static void write_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low | (uint64_t)high << 32;
}

/* In ring 0 of Dune mode. */
static void code(void)
{
	static struct timespec moment = { 0, 5000000 };

	write_msr(MSR_KGS_BASE, KGS);
	write_msr(MSR_LSTAR, 0x5678000);
	raw_vmcall(SYS_getpid, 0, 0, 0);
	after_lstar = read_msr(MSR_KGS_BASE);
	raw_vmcall(SYS_getpid, 0, 0, 0);
	after_fast = read_msr(MSR_KGS_BASE);
	raw_vmcall(SYS_nanosleep, (uintptr_t)&moment, 0, 0);
	after_sleep = read_msr(MSR_KGS_BASE);
	raw_vmcall(SYS_sigaltstack, 0, 0, 0);
	after_exact = read_msr(MSR_KGS_BASE);
	__asm__ volatile("swapgs");
	raw_vmcall(SYS_sigaltstack, 0, 0, 0);
	after_swap = read_msr(MSR_GS_BASE);
	__asm__ volatile("swapgs");
	lstar = read_msr(MSR_LSTAR);
	raw_vmcall(DUNE_HC_USER, 0, 0, 0);
}

static unsigned long host_gs(void)
{
	unsigned long base = ~0UL;

	syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
	return base;
}

int main(void)
{
	unsigned long before;
	struct raw r;
	int err = raw_open(&r), ret;

	if (err)
		bail("no Dune mode: %s", strerror(-err));
	syscall(SYS_arch_prctl, ARCH_SET_GS, 0x70000000UL);
	before = host_gs();
	raw_start(&r, code, 0);
	/* exact calls are not the point here: each is answered with 0 */
	while (!(ret = raw_go(&r)) && r.run->reason == DUNE_EXIT_SYSCALL) {
		ok_eq(host_gs(), before, "the host's GS base, in the middle");
		r.run->regs.rax = 0;
	}
	ok_eq(ret, 0, "DUNE_RUN");
	ok_eq(r.run->reason, DUNE_EXIT_HYPERCALL, "it came to its end");
	ok_eq(after_lstar, KGS, "KERNEL_GS_BASE after a write to LSTAR");
	ok_eq(after_fast, KGS, "after a fast call");
	ok_eq(after_sleep, KGS, "after a sleep");
	ok_eq(after_exact, KGS, "after an exact call");
	ok_eq(after_swap, KGS, "swapped into GS, after an exact call");
	ok_eq(lstar, 0x5678000, "LSTAR as written");
	ok_eq(host_gs(), before, "the host's GS base, at the end");
	raw_close(&r);
	return tap_done();
}
