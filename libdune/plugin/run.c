// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Into ring 3 and back: what of the thread's state the plugin gets, and what the host gets back.
 *
 *	general registers, flags	dune_ring3_run_bases(); the plugin's begin as 0
 *	FS, GS base			likewise
 *	FPU, vectors, MXCSR, PKRU	here: kept before, initial for the plugin, brought back
 *	CR3				plugin.c: the plugin's root meanwhile
 */
#include "plugin.h"
#include <errno.h>
#include <stdlib.h>
#include "raw.h"

#define CPUID1_ECX_OSXSAVE	(1U << 27)
#define CPUID_XSTATE		0xd
#define XCR0_PKRU		(1ULL << 9)
#define FCW_INIT		0x37f
#define MXCSR_INIT		0x1f80
#define MXCSR_OFFSET		24
#define FXSAVE_SIZE		512

/* Initial state: no component present, so only MXCSR (and, for FXRSTOR, FCW) is read from here. */
static uint8_t initial[1024] __attribute__((aligned(64)));
static uint64_t components;		/* 0: there is only FXSAVE */

static void cpuid(uint32_t leaf, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

/* How much room the state takes. */
static size_t vectors_init(void)
{
	uint32_t r[4], low, high;

	*(uint16_t *)initial = FCW_INIT;
	*(uint32_t *)(initial + MXCSR_OFFSET) = MXCSR_INIT;
	cpuid(1, r);
	if (!(r[2] & CPUID1_ECX_OSXSAVE))
		return FXSAVE_SIZE;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	components = (uint64_t)high << 32 | low;
	cpuid(CPUID_XSTATE, r);
	return r[1];
}

void *plugin_vectors_new(void)
{
	size_t size = (vectors_init() + 63) & ~63UL;
	void *area = aligned_alloc(64, size);

	if (area)
		clear_bytes(area, size);
	return area;
}

static void save(void *area)
{
	if (components)
		__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"((uint32_t)components),
				 "d"((uint32_t)(components >> 32)) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static void load(const void *area, uint64_t which)
{
	if (components)
		__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"((uint32_t)which),
				 "d"((uint32_t)(which >> 32)) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

/* Nothing between the two loads may use those registers. */
static long cross(struct dune_plugin *p, const struct dune_trap *start)
{
	long reason;

	save(p->vectors);
	load(initial, components & ~XCR0_PKRU);
	reason = dune_ring3_run_bases(start, p->fs, 0);
	load(p->vectors, components);
	return reason;
}

static int error_of(long reason)
{
	switch (reason) {
	case DUNE_PLUGIN_FINE:
		return 0;
	case DUNE_PLUGIN_CRASH:
		return -EFAULT;
	case DUNE_PLUGIN_TIME:
		return -ETIME;
	case DUNE_PLUGIN_REFUSED:
		return -EACCES;
	case DUNE_PLUGIN_EXIT:
		return -ECANCELED;
	default:
		return -ENOEXEC;
	}
}

int plugin_run(struct dune_plugin *p, const struct dune_trap *start)
{
	long reason;
	int err;

	clear_bytes(&p->error, sizeof(p->error));
	p->expired = 0;
	p->dead = true;
	err = plugin_limit_begin(p);
	if (err)
		return err;
	plugin_running = p;
	reason = cross(p, start);
	plugin_running = NULL;
	plugin_limit_end(p);
	p->error.reason = reason;
	p->dead = reason != DUNE_PLUGIN_FINE;
	return error_of(reason);
}

#define IN_REGISTERS	6

int plugin_call(struct dune_plugin *p, uint64_t fn, const uint64_t *args, unsigned int count, uint64_t *result)
{
	uint64_t a[DUNE_PLUGIN_ARGS] = { 0 }, stack[DUNE_PLUGIN_ARGS - IN_REGISTERS + 1], size;
	struct dune_trap start = { .rip = fn };
	unsigned int i;
	int err;

	if (p->dead)
		return -ENOTRECOVERABLE;
	for (i = 0; i < count; i++)
		a[i] = args[i];
	/* The return address, and above it the arguments that are not in registers. */
	stack[0] = p->stub.done;
	for (i = IN_REGISTERS; i < DUNE_PLUGIN_ARGS; i++)
		stack[i - IN_REGISTERS + 1] = a[i];
	size = count > IN_REGISTERS ? DUNE_PLUGIN_ARGS - IN_REGISTERS : 0;
	start.rsp = p->sp - size * 8 - 8;
	start.rdi = a[0];
	start.rsi = a[1];
	start.rdx = a[2];
	start.rcx = a[3];
	start.r8 = a[4];
	start.r9 = a[5];
	/* Addresses are its own word: one that is not canonical must not get as far as IRET. */
	if (fn >> 47 || start.rsp >> 47)
		return -EINVAL;
	err = plugin_copy_in(p, start.rsp, stack, size * 8 + 8);
	if (err)
		return err;
	err = plugin_run(p, &start);
	if (!err && result)
		*result = p->result;
	return err;
}
