/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread that is, or was, in Dune mode.
 *
 * Each has one mapping of its own:
 *
 *	+----------------+ high
 *	| run page       |  1 page    shared with the module
 *	+----------------+
 *	| struct, GDT,   |  1 page    GDT and TSS are per thread: the CPU-number
 *	| TSS            |            segment and the IST stacks are
 *	+----------------+
 *	| IST 4..1       |  4 pages   where the CPU puts a frame; left at once, so no guard
 *	+----------------+
 *	| trap stack     |  128 KiB   where handlers run
 *	+----------------+
 *	| guard          |
 *	+----------------+
 *	| host stack     |  128 KiB   the host loop, and host calls
 *	+----------------+
 *	| guard          |
 *	+----------------+ low
 *
 * The trap stack:
 *
 *	trap_low + TRAP_STACK_SIZE
 *	| frame of a trap from elsewhere (trap_base)  |  struct dune_trap
 *	| its handler's C frames                      |
 *	|   ... RSP when it traps itself              |
 *	| 128 bytes, its red zone                     |
 *	| frame of the nested trap                    |
 *	| its handler's C frames                      |
 *	trap_low
 *
 * So RSP alone says where the next frame goes, and a handler that never
 * returns (longjmp, dune_ring3_exit()) leaves nothing to clean up.
 */
#ifndef LIBDUNE_THREAD_H
#define LIBDUNE_THREAD_H

#include <dune/dune.h>
#include "descriptor.h"
#include "offsets.h"
#include "raw.h"

#define PAGE		4096UL
#define HOST_STACK_SIZE	0x20000UL
#define IST_STACKS	4

struct dune_root;

/**
 * struct dune_thread - see above
 * @self:	for code that has only GS
 * @scratch:	RSP while the SYSCALL entry changes stacks
 * @trap_low:	the trap stack's lowest address
 * @trap_base:	where the frame of a trap from elsewhere ends; see dune_ring3_enter()
 * @ring:	3 while code runs in ring 3, else 0: SYSCALL does not tell
 * @run:	the run page
 * @host_sp:	where the host loop's stack starts
 * @call_frame:	RSP of dune_call_guarded(), for a death in it; else 0
 * @ring3_frame: RSP of dune_ring3_enter()
 * @flags:	room for PUSH and POPF where there is no stack
 * @has_vcpu:	the module knows the run page
 * @active:	its frames are in Dune mode, even while a host call runs
 * @entering:	the first DUNE_RUN of an entry is still to come
 * @died:	@run holds the last words
 * @root:	what CR3 holds
 * @lstar:	what LSTAR holds
 * @ring0_fs:	FS base of ring 0 while ring 3 runs
 * @ring0_gs:	likewise
 * @ring3_fs:	FS base of ring 3 while ring 0 runs
 * @area:	the mapping
 * @next:	all threads' structs; see thread.c
 * @next_free:	of those that nobody uses
 * @free_when:	when run->released is this, at least, nobody does
 * @upcalls:	DUNE_UPCALL_* besides those that all threads have
 * @start:	child.c: what the child begins with
 * @newborn:	child.c: whose struct is for the child of the call under way, which is made in ordinary mode
 * @leaving:	child.c: such a call is to end the thread; see thread.c
 * @forking:	child.c: a child of this thread will find its copy of this struct
 * @borrowed:	child.c: a process of its own, in its parent's memory
 * @traced_call: rt/hooks.c: the call that is under way, where it returns to, and its arguments
 * @pid:	what the process and the thread are to themselves, 0 where that is not known; for
 * @tid:	the sandbox
 * @slot:	of the sandbox's descriptors, the one that it uses; plus 1
 * @own_tls:	child.c: the child has thread-local variables of its own
 */
struct dune_thread {
	struct dune_thread *self;
	uint64_t scratch;
	uint64_t trap_low, trap_base;
	uint64_t ring;
	struct dune_run *run;
	uint64_t host_sp;
	uint64_t call_frame, ring3_frame;
	uint64_t flags;

	bool has_vcpu;
	bool active, entering, died;
	struct dune_root *root;
	uint64_t lstar;
	uint64_t ring0_fs, ring0_gs, ring3_fs;
	char *area;
	struct dune_thread *next, *next_free;
	uint32_t free_when;
	uint32_t upcalls;
	struct dune_start start;
	struct dune_thread *newborn;
	bool leaving;
	bool forking, own_tls, borrowed;
	uint64_t traced_call, traced_next, traced_args[6];
	int32_t pid, tid, slot;

	struct dune_tss tss;
	uint64_t gdt[GDT_ENTRIES] __attribute__((aligned(16)));
};

#ifndef DUNE_RUNTIME
/* this_thread.c. NULL before the thread's first entry. FS base is the same in both modes. */
extern __thread struct dune_thread *dune_this __attribute__((tls_model("initial-exec")));

/* Once per process: see to it that a thread's struct goes with the thread. */
int dune_thread_init(void);

#endif

/* this_thread.c: the calling thread's struct and VCPU, made if it has none. Ordinary mode. */
int dune_thread_get(struct dune_thread **thread);

/* A struct with its stacks, for a thread to come; and back, once run->released is @when. Ordinary mode. */
int dune_thread_take(struct dune_thread **thread);
void dune_thread_give(struct dune_thread *t, uint32_t when);
/* The same for the calling thread, which may yet find that it goes on. */
void dune_thread_leave(struct dune_thread *t);

/* A VCPU for the calling thread, if @t has none. Ordinary mode. */
int dune_thread_vcpu(struct dune_thread *t);

/* DUNE_UPCALL_* that all threads enter with, besides what they need for themselves. */
extern uint32_t dune_upcalls;

/* The program itself runs in ring 3. */
extern bool dune_program_ring3;

/* Put the system registers that @t has into its run page. */
void dune_thread_system(struct dune_thread *t);

/* Fill the run page for an entry with @root, all but the registers. Ordinary mode. */
void dune_thread_begin(struct dune_thread *t, struct dune_root *root);

/* In the child of a fork: there is one thread, @t or none of ours, and there are no VCPUs. */
void dune_threads_after_fork(struct dune_thread *t);

/* Call @fn for each struct that there is. */
void dune_threads_each(void (*fn)(struct dune_thread *t, void *arg), void *arg);

/* See to it that what the CPU needs to deliver a trap is mapped in the root to be loaded. */
int dune_thread_map(const struct dune_thread *t, struct dune_root *root);

static inline bool dune_on_trap_stack(const struct dune_thread *t, uint64_t rsp)
{
	return rsp - t->trap_low < TRAP_STACK_SIZE;
}

#define MSR_KERNEL_GS_BASE	0xc0000102

/*
 * This thread's in ring 0 of Dune mode, with no need of thread-local variables:
 * what SWAPGS would bring. By one instruction, so that no trap and no signal ever
 * sees a GS base that is not the program's.
 */
static inline struct dune_thread *dune_thread_ring0(void)
{
	return (struct dune_thread *)raw_rdmsr(MSR_KERNEL_GS_BASE);
}

/*
 * The calling thread's, NULL if it has none. Outside ring 0 only the library that
 * programs are linked with can tell; the runtime passes it on from call to call.
 */
static inline struct dune_thread *dune_current(void)
{
	if (!raw_cpl())
		return dune_thread_ring0();
#ifdef DUNE_RUNTIME
	return NULL;
#else
	return dune_this;
#endif
}

#endif /* LIBDUNE_THREAD_H */
