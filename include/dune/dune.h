/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdune - the privileged CPU features, in an ordinary process.
 *
 * A thread of a process enters *Dune mode* (VMX non-root, ring 0) and goes on
 * running the same program: same memory, same files, same system calls. What it
 * gains: its own page tables (<dune/pgtable.h>), its own exception handlers
 * without a kernel crossing, and rings.
 *
 * The library is silent. Functions return 0 or more, or -errno.
 */
#ifndef DUNE_DUNE_H
#define DUNE_DUNE_H

#include <linux/dune.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- In and out ------------------------------------------------------- */

/**
 * dune_init() - prepare this process
 *
 * Opens /dev/dune, makes the process's space and its default root. Ordinary
 * mode, any thread, once; a second call does nothing and returns 0. -ENOENT: no
 * /dev/dune (is the module loaded?); -EACCES: not allowed to open it;
 * -EPROTONOSUPPORT: the module speaks another ABI; -EBUSY: another hypervisor
 * holds VT-x.
 */
int dune_init(void);

/**
 * dune_enter() - take the calling thread into Dune mode
 *
 * Returns 0 in ring 0 of Dune mode, on the same stack. The first time in a
 * thread it makes the thread's VCPU. -EINVAL: dune_init() was not called;
 * -EALREADY: it is inside already.
 *
 * If the thread's Dune mode dies (triple fault and the like) the handler given
 * to dune_on_death() is called; without one a register dump goes to stderr and
 * the process dies of SIGABRT.
 */
int dune_enter(void);

/**
 * dune_leave() - back to ordinary mode, on the same stack
 *
 * Ring 0 of Dune mode. -EALREADY in ordinary mode.
 */
int dune_leave(void);

/**
 * dune_call() - run a function in Dune mode
 * @fn:     called in ring 0 of Dune mode on this stack
 * @arg:    its argument
 * @result: where to put what it returned, or NULL
 *
 * Ordinary mode. Returns 0 when @fn came back, -ENOTRECOVERABLE when the
 * thread's Dune mode died in it: then dune_death() says why, and @fn's frames are
 * gone as after longjmp(). The thread may enter again.
 */
int dune_call(long (*fn)(void *arg), void *arg, long *result);

/* Is the calling thread in Dune mode? Any ring, any mode. */
bool dune_inside(void);

/* ---- When Dune mode dies ------------------------------------------------ */

/**
 * dune_death() - why the calling thread's Dune mode ended last
 *
 * The run page as DUNE_RUN left it: reason (DUNE_EXIT_*, >= DUNE_EXIT_FATAL), registers
 * and the CPU's own words; NULL if it never did. Valid until the next entry. With reason
 * DUNE_EXIT_NONE it was DUNE_RUN that failed, and detail is the errno. A double fault that
 * libdune caught is DUNE_EXIT_TRIPLE_FAULT with detail 8.
 */
const struct dune_run *dune_death(void);

/* A reason's name, for messages. Never NULL. */
const char *dune_reason_name(unsigned int reason);

/* Write a dump of @run to a descriptor, one screen. Ordinary mode, or ring 0. */
void dune_dump(int fd, const struct dune_run *run);

/* Called in ordinary mode on a stack of the library's own; if it returns, the default follows. */
typedef void (*dune_death_fn)(const struct dune_run *run);
dune_death_fn dune_on_death(dune_death_fn fn);

/* ---- Exceptions --------------------------------------------------------- */

/**
 * struct dune_trap - the interrupted registers; a handler may change any of them
 *
 * @vector and @error are the exception's (error is 0 where the CPU has none; for
 * a system call vector is DUNE_VECTOR_SYSCALL and @rax is its number).
 */
struct dune_trap {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

#define DUNE_VECTOR_DE	0
#define DUNE_VECTOR_DB	1
#define DUNE_VECTOR_BP	3
#define DUNE_VECTOR_UD	6
#define DUNE_VECTOR_GP	13
#define DUNE_VECTOR_PF	14
#define DUNE_VECTOR_INT80	0x80
#define DUNE_VECTOR_SYSCALL	0x100

/* Bits of a page fault's error code; DUNE_PF_LINUX (see <linux/dune.h>) is the module's. */
#define DUNE_PF_P	1	/* the rights forbid it; else not present */
#define DUNE_PF_W	2	/* a write */
#define DUNE_PF_U	4	/* from ring 3 */
#define DUNE_PF_I	16	/* an instruction fetch */

/* What a handler returns. */
#define DUNE_TRAP_DONE	0	/* go on with the registers as they are now */
#define DUNE_TRAP_PASS	1	/* not mine: do what happens without a handler */

typedef int (*dune_trap_fn)(struct dune_trap *trap);
typedef int (*dune_fault_fn)(struct dune_trap *trap, uintptr_t address);

/*
 * The handler, and all it calls, uses only general registers (build it with
 * -mgeneral-regs-only): the library need not save the FPU and vector state.
 */
#define DUNE_GENERAL_REGS	(1U << 0)

/**
 * dune_on_exception() - register the process's handler of an exception
 * @vector: 0 to 31 but 2 (NMI), 8 (#DF), 14 (see dune_on_page_fault()), 18 (#MC), or 3..255 for INT n
 * @fn:     runs in ring 0 of Dune mode, in the thread that trapped, on its trap stack; NULL takes
 *	    the handler away
 * @flags:  DUNE_GENERAL_REGS or 0
 *
 * Handlers nest. Without a handler, or when it passes, an exception is what it
 * is to any process: the signal that Linux sends for it. -EINVAL: no such vector or flag.
 */
int dune_on_exception(int vector, dune_trap_fn fn, unsigned int flags);

/**
 * dune_on_page_fault() - register the process's handler of page faults
 *
 * Called for faults of the program's own page tables, and for accesses that
 * Linux would not resolve (DUNE_PF_LINUX in trap->error). Passing it on lets Linux
 * decide: it grows a stack, or sends SIGSEGV or SIGBUS. As dune_on_exception().
 */
int dune_on_page_fault(dune_fault_fn fn, unsigned int flags);

/**
 * dune_on_syscall() - register the process's handler of the SYSCALL instruction
 *
 * @fn sees calls from ring 3, and from ring 0 too if @flags has DUNE_SYSCALL_RING0
 * (calls that @fn and other handlers make are passed through). Passing one makes the call as
 * it is if it came from ring 0, and gives -ENOSYS if from ring 3. Without a handler ring 0's
 * calls pass straight through and those of ring 3 give -ENOSYS. Other threads that are in
 * Dune mode already show their ring 0 calls after they entered the next time.
 */
int dune_on_syscall(dune_trap_fn fn, unsigned int flags);

#define DUNE_SYSCALL_RING0	(1U << 1)

/* Make the call that @trap holds, as Linux would; result into trap->rax. For handlers. */
void dune_syscall_forward(struct dune_trap *trap);

/* ---- Rings -------------------------------------------------------------- */

/**
 * dune_ring3_run() - run code in ring 3
 * @start: registers to start with: rip, rsp, rflags and the general ones; the
 *	   selectors are set for it. The pages must have DUNE_PROT_USER in the current root.
 *
 * Ring 0 of Dune mode. Returns what a handler gives to dune_ring3_exit().
 */
long dune_ring3_run(const struct dune_trap *start);

/* The same, and ring 3 begins with bases of its own rather than ring 0's. -EINVAL: not below 2^47. */
long dune_ring3_run_bases(const struct dune_trap *start, uint64_t fs_base, uint64_t gs_base);

/* From a handler of a trap out of ring 3: end dune_ring3_run() with a value. */
void dune_ring3_exit(long value) __attribute__((noreturn));

/**
 * dune_ring3_stop() - from a signal handler: end the thread's dune_ring3_run()
 * @value: what it is to return
 *
 * A signal that comes while ring 3 runs has its handler run in ordinary mode: there this ends the
 * run, as soon as the handler returns. -EAGAIN if it was not ring 3 that the signal interrupted
 * but ring 0, a handler of one of its traps perhaps: leave a note for that, and come again by a timer.
 * What ring 3 left in the FPU and vector registers stays there.
 */
int dune_ring3_stop(long value);

/*
 * The FS base that ring 3 has, while a handler of a trap out of ring 3 runs: each ring has its
 * own. It starts as ring 0's; ring 3 may change it with WRFSBASE, a handler here (arch_prctl()).
 */
uint64_t *dune_ring3_fs_base(void);

/* ---- To the host and back ------------------------------------------------ */

/**
 * dune_host_call() - call a function in ordinary mode
 * @fn:  runs in ordinary mode on a stack of the library's own
 *
 * Ring 0 of Dune mode. Returns what @fn returned. In ordinary mode: calls it.
 */
long dune_host_call(long (*fn)(void *arg), void *arg);

/* ---- Figures ------------------------------------------------------------- */

/* The calling thread's counters (see <linux/dune.h>); NULL before its first entry. Any mode. */
const struct dune_counters *dune_counters(void);

/* What module and CPU offer; after dune_init(). */
const struct dune_info *dune_info(void);

#ifdef __cplusplus
}
#endif

#endif /* DUNE_DUNE_H */
