// SPDX-License-Identifier: LGPL-2.1-or-later
/* Exceptions and INT n: from the entry to the program's handler, or to what happens without one. */
#include "trap.h"
#include <errno.h>
#include <stddef.h>
#include "export.h"
#include "host.h"
#include "raw.h"

#define VECTOR_NMI	2
#define VECTOR_DF	8
#define VECTOR_MC	18
#define VECTORS		256
#define EXCEPTIONS	32
#define INT_N_BYTES	2
#define FLAG_TF		0x100

static dune_handler_t handlers[VECTORS];

DUNE_API int dune_on_exception(int vector, dune_trap_fn fn, unsigned int flags)
{
	if (vector < 0 || vector >= VECTORS || flags & ~DUNE_GENERAL_REGS)
		return -EINVAL;
	if (vector == VECTOR_NMI || vector == VECTOR_DF || vector == DUNE_VECTOR_PF ||
	    vector == VECTOR_MC)
		return -EINVAL;
	__atomic_store_n(&handlers[vector], dune_handler_pack(fn, flags), __ATOMIC_RELEASE);
	return 0;
}

/*
 * TF was on at a SYSCALL, and the entry has not changed stacks and GS yet: the
 * step is not over before the call is. The module puts the flag back then, from R11.
 */
static bool step_in_entry(const struct dune_trap *trap)
{
	return trap->vector == DUNE_VECTOR_DB && !(trap->cs & 3) &&
	       trap->rip - (uintptr_t)dune_syscall_code <
	       (uintptr_t)(dune_syscall_code_end - dune_syscall_code);
}

static __attribute__((noinline)) void unhandled(struct dune_trap *trap, uint64_t ring)
{
	if (trap->vector == DUNE_VECTOR_INT80) {
		if (trap->cs & 3 && !dune_program_ring3)
			trap->rax = -ENOSYS;
		else
			dune_syscall_forward(trap);
		return;
	}
	/* Linux has no other gate: there the instruction is a fault. */
	if (trap->vector >= EXCEPTIONS) {
		trap->error = trap->vector << 3 | 2;
		trap->vector = DUNE_VECTOR_GP;
		trap->rip -= INT_N_BYTES;
	}
	dune_raise(trap, 0, ring);
}

/* Called by trap_entry.S on the trap stack, which may already hold outer traps. */
void dune_trap(struct dune_trap *trap, struct dune_thread *t)
{
	dune_handler_t handler;
	uint64_t ring;

	if (step_in_entry(trap)) {
		trap->rflags &= ~FLAG_TF;
		return;
	}
	ring = dune_trap_begin(trap, t);
	handler = __atomic_load_n(&handlers[trap->vector], __ATOMIC_ACQUIRE);
	if (!handler || dune_handler_call(handler, trap, 0) != DUNE_TRAP_DONE)
		unhandled(trap, ring);
	dune_trap_end(trap, t, ring);
}

static void copy_registers(struct dune_regs *to, const struct dune_trap *from)
{
	*to = (struct dune_regs){
		.r15 = from->r15, .r14 = from->r14, .r13 = from->r13, .r12 = from->r12,
		.rbp = from->rbp, .rbx = from->rbx, .r11 = from->r11, .r10 = from->r10,
		.r9 = from->r9, .r8 = from->r8, .rax = from->rax, .rcx = from->rcx,
		.rdx = from->rdx, .rsi = from->rsi, .rdi = from->rdi,
		.rip = from->rip, .cs = from->cs, .rflags = from->rflags,
		.rsp = from->rsp, .ss = from->ss,
	};
}

struct double_fault {
	const struct dune_trap *trap;
	struct dune_thread *thread;
};

/* In ordinary mode. */
static long die_of_double_fault(void *arg)
{
	const struct double_fault *fault = arg;
	struct dune_run *run = fault->thread->run;

	run->reason = DUNE_EXIT_TRIPLE_FAULT;
	run->detail = VECTOR_DF;
	copy_registers(&run->regs, fault->trap);
	dune_die(fault->thread);
}

/* Called by trap_entry.S on the IST stack. What is in the run page now is the dump. */
void dune_double_fault(struct dune_trap *trap, struct dune_thread *t)
{
	struct double_fault fault = { trap, t };

	t->run->hw = (struct dune_hw_exit){
		.reason = VECTOR_DF,
		.cr2 = raw_read_cr2(),
		.cr3 = raw_read_cr3(),
		.gdt_base = (uintptr_t)t->gdt,
		.idt_base = (uintptr_t)dune_idt,
		.tr_base = (uintptr_t)&t->tss,
	};
	dune_host_call(die_of_double_fault, &fault);
	__builtin_unreachable();
}
