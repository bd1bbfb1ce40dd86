// SPDX-License-Identifier: GPL-2.0
/* Exceptions: on Linux a signal, in Dune mode a handler that no kernel stands before. */
#define _GNU_SOURCE
#include "bench.h"
#include "guest.h"
#include "trap.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

/* Instructions that trap, with their lengths, to step over them. */
#define WRITE_BYTES	3	/* movb $1, (%rdi) */
#define DIV_BYTES	2	/* divl %ecx */
#define IN_BYTES	2	/* inb $0x80, %al */
#define CR8_BYTES	4	/* mov %rax, %cr8 */

static int bytes;		/* of the one that is measured */
static char *page;

/* ---- Linux ------------------------------------------------------------------------ */

void trap_catch(int sig, void (*fn)(int sig, siginfo_t *info, void *context))
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO };

	if (sigaction(sig, &sa, NULL))
		bench_fail("sigaction: %s", strerror(errno));
}

static void step_over(int sig, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += bytes;
}

static void note_and_step_over(int sig, siginfo_t *info, void *context)
{
	bench_stop = ticks();
	step_over(sig, info, context);
}

/* A page that cannot be written but is there. */
static void protected_page(void)
{
	bytes = WRITE_BYTES;
	page = bench_memory(PAGE, PAGE);
	page[0] = 1;
	if (mprotect(page, PAGE, PROT_READ))
		bench_fail("mprotect: %s", strerror(errno));
}

static void linux_there(int rounds)
{
	protected_page();
	trap_catch(SIGSEGV, note_and_step_over);
}

static void linux_and_back(int rounds)
{
	protected_page();
	trap_catch(SIGSEGV, step_over);
}

static void linux_div(int rounds)
{
	bytes = DIV_BYTES;
	trap_catch(SIGFPE, step_over);
}

static void linux_in(int rounds)
{
	bytes = IN_BYTES;
	trap_catch(SIGSEGV, step_over);
}

static void linux_cr8(int rounds)
{
	bytes = CR8_BYTES;
	trap_catch(SIGSEGV, step_over);
}

/* ---- Dune ------------------------------------------------------------------------- */

static GENERAL_REGS int dune_step_over(struct dune_trap *trap)
{
	trap->rip += bytes;
	return DUNE_TRAP_DONE;
}

static GENERAL_REGS int dune_fault(struct dune_trap *trap, uintptr_t address)
{
	return dune_step_over(trap);
}

static GENERAL_REGS int dune_note_fault(struct dune_trap *trap, uintptr_t address)
{
	bench_stop = ticks();
	return dune_step_over(trap);
}

static void guest_protected_page(dune_fault_fn fn, unsigned int flags)
{
	bytes = WRITE_BYTES;
	page = bench_memory(PAGE, PAGE);
	page[0] = 1;
	pte_clear(guest_pte((uintptr_t)page), DUNE_PTE_W);
	dune_tlb_flush();
	if (dune_on_page_fault(fn, flags))
		bench_fail("dune_on_page_fault");
}

static void dune_there(int rounds)
{
	guest_protected_page(dune_note_fault, DUNE_GENERAL_REGS);
}

static void dune_and_back(int rounds)
{
	guest_protected_page(dune_fault, DUNE_GENERAL_REGS);
}

static void dune_and_back_vectors(int rounds)
{
	guest_protected_page(dune_fault, 0);
}

static void on_vector(int vector, int length)
{
	bytes = length;
	if (dune_on_exception(vector, dune_step_over, DUNE_GENERAL_REGS))
		bench_fail("dune_on_exception");
}

static void dune_div(int rounds)
{
	on_vector(DUNE_VECTOR_DE, DIV_BYTES);
}

static void dune_in(int rounds)
{
	on_vector(DUNE_VECTOR_GP, IN_BYTES);
}

static void dune_cr8(int rounds)
{
	on_vector(DUNE_VECTOR_GP, CR8_BYTES);
}

/* ---- What traps ------------------------------------------------------------------------ */

static void write_it(int i)
{
	__asm__ volatile(".byte 0xc6, 0x07, 0x01" : : "D"(page) : "memory");
}

static void divide(int i)
{
	__asm__ volatile("divl %%ecx" : : "a"(1), "d"(0), "c"(0) : "cc");
}

static void in(int i)
{
	__asm__ volatile(".byte 0xe4, 0x80" : : : "rax");
}

static void write_cr8(int i)
{
	__asm__ volatile(".byte 0x44, 0x0f, 0x22, 0xc0" : : "a"(0L));
}

const struct row row_trap = {
	"trap", "speed-up", "from a write that is not allowed to the first line of the program's handler",
	.linux_cycles = 2821, .dune_cycles = 587,
	.sides = {
		{ "linux", 0, linux_there, NULL, write_it, "SIGSEGV" },
		{ "dune", SIDE_DUNE, dune_there, NULL, write_it, "#PF" },
	},
};

const struct row row_trap_return = {
	"trap-return", "speed-up", "the same, and back behind the write",
	.sides = {
		{ "linux", 0, linux_and_back, NULL, write_it, "SIGSEGV" },
		{ "dune", SIDE_DUNE, dune_and_back, NULL, write_it, "#PF" },
		{ "dune-vectors", SIDE_DUNE, dune_and_back_vectors, NULL, write_it,
		  "the handler may use vector registers" },
	},
};

const struct row row_divzero = {
	"divzero", "nano", "division by zero, handler that steps over it",
	.sides = {
		{ "linux", 0, linux_div, NULL, divide, "SIGFPE" },
		{ "dune", SIDE_DUNE, dune_div, NULL, divide, "#DE" },
	},
};

const struct row row_in = {
	"in", "nano", "IN from a port, which is denied; handler that steps over it",
	.sides = {
		{ "linux", 0, linux_in, NULL, in, "SIGSEGV" },
		{ "dune", SIDE_DUNE, dune_in, NULL, in, "#GP" },
	},
};

const struct row row_cr8wr = {
	"cr8wr", "nano", "MOV to CR8; where it is denied, handler that steps over it",
	.sides = {
		{ "linux", 0, linux_cr8, NULL, write_cr8, "SIGSEGV" },
		{ "dune", SIDE_DUNE, dune_cr8, NULL, write_cr8 },
	},
};

/* ---- callret ------------------------------------------------------------------------- */

#define CALLS 1000

static void __attribute__((noinline)) callee(void)
{
	__asm__ volatile("");
}

static void call(int i)
{
	int n;

	for (n = 0; n < CALLS; n++)
		callee();
}

const struct row row_callret = {
	"callret", "nano", "CALL and RET, in a loop", 50, CALLS,
	.sides = {
		{ "linux", 0, NULL, NULL, call },
		{ "dune", SIDE_DUNE, NULL, NULL, call },
	},
};
