/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread that is, or was, in Dune mode.
 *
 * Each has one mapping of its own:
 *
 *	+----------------+ high
 *	| struct, GDT,   |  1 page    GDT and TSS are per thread: the CPU-number
 *	| TSS            |            segment and the IST stacks are
 *	+----------------+
 *	| IST 4..1       |  4 pages   where the CPU puts a frame; left at once
 *	+----------------+
 *	| guard          |
 *	+----------------+
 *	| trap stack     |  128 KiB   where handlers run
 *	+----------------+
 *	| guard          |
 *	+----------------+
 *	| host stack     |  128 KiB   the host loop, host calls, and signal handlers
 *	+----------------+            that run while the thread is in Dune mode
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

#define PAGE		4096UL
#define HOST_STACK_SIZE	0x20000UL
#define IST_STACKS	4

struct dune_root;

/* A page fault that the default action met, to notice when it leads nowhere. */
struct dune_last_fault {
	uint64_t rip, rsp, rcx, address, error, calls;
	unsigned int repeats;
};

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
 * @vcpu_fd:	-1 if there is none
 * @active:	its frames are in Dune mode, even while a host call runs
 * @entering:	the first DUNE_RUN of an entry is still to come
 * @died:	@run holds the last words
 * @root:	what CR3 holds
 * @lstar:	what LSTAR holds
 * @ring0_fs:	FS base of ring 0 while ring 3 runs
 * @ring0_gs:	likewise
 * @ring3_fs:	FS base of ring 3 while ring 0 runs
 * @last_fault:	see fault.c
 * @area:	the mapping
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

	int vcpu_fd;
	bool active, entering, died;
	struct dune_root *root;
	uint64_t lstar;
	uint64_t ring0_fs, ring0_gs, ring3_fs;
	struct dune_last_fault last_fault;
	char *area;

	struct dune_tss tss;
	uint64_t gdt[GDT_ENTRIES] __attribute__((aligned(16)));
};

/* The calling thread's, NULL before its first entry. FS base is the same in both modes. */
extern __thread struct dune_thread *dune_this __attribute__((tls_model("initial-exec")));

/* Make the calling thread's struct, stacks and VCPU if it has none. Ordinary mode. */
int dune_thread_get(struct dune_thread **t);

int dune_thread_init(void);

/* In the child of a fork: the calling thread has no VCPU any more. */
void dune_thread_forget(void);

/* See to it that what the CPU needs to deliver a trap is mapped in the root to be loaded. */
int dune_thread_map(const struct dune_thread *t, struct dune_root *root);

static inline bool dune_on_trap_stack(const struct dune_thread *t, uint64_t rsp)
{
	return rsp - t->trap_low < TRAP_STACK_SIZE;
}

#endif /* LIBDUNE_THREAD_H */
