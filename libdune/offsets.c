// SPDX-License-Identifier: LGPL-2.1-or-later
/* Is offsets.h true? */
#include "offsets.h"
#include <dune/dune.h>
#include <stddef.h>
#include "entry.h"
#include "thread.h"

#define CHECK(value, truth)	_Static_assert((value) == (truth), #value)
#define THREAD(field)		offsetof(struct dune_thread, field)
#define REGS(field)		offsetof(struct dune_regs, field)
#define TRAP(field)		offsetof(struct dune_trap, field)

CHECK(THREAD_SELF, THREAD(self));
CHECK(THREAD_SCRATCH, THREAD(scratch));
CHECK(THREAD_TRAP_LOW, THREAD(trap_low));
CHECK(THREAD_TRAP_BASE, THREAD(trap_base));
CHECK(THREAD_RING, THREAD(ring));
CHECK(THREAD_RUN, THREAD(run));
CHECK(THREAD_HOST_SP, THREAD(host_sp));
CHECK(THREAD_CALL_FRAME, THREAD(call_frame));
CHECK(THREAD_RING3_FRAME, THREAD(ring3_frame));
CHECK(THREAD_FLAGS_END, THREAD(flags) + 8);

CHECK(RUN_RIP, offsetof(struct dune_run, regs.rip));
CHECK(RUN_RSP, offsetof(struct dune_run, regs.rsp));

CHECK(REGS_R15, REGS(r15));
CHECK(REGS_R14, REGS(r14));
CHECK(REGS_R13, REGS(r13));
CHECK(REGS_R12, REGS(r12));
CHECK(REGS_RBP, REGS(rbp));
CHECK(REGS_RBX, REGS(rbx));
CHECK(REGS_R10, REGS(r10));
CHECK(REGS_R9, REGS(r9));
CHECK(REGS_R8, REGS(r8));
CHECK(REGS_RAX, REGS(rax));
CHECK(REGS_RDX, REGS(rdx));
CHECK(REGS_RSI, REGS(rsi));
CHECK(REGS_RDI, REGS(rdi));
CHECK(REGS_RIP, REGS(rip));
CHECK(REGS_RSP, REGS(rsp));

CHECK(TRAP_RAX, TRAP(rax));
CHECK(TRAP_RCX, TRAP(rcx));
CHECK(TRAP_RDX, TRAP(rdx));
CHECK(TRAP_RSI, TRAP(rsi));
CHECK(TRAP_RDI, TRAP(rdi));
CHECK(TRAP_R8, TRAP(r8));
CHECK(TRAP_R9, TRAP(r9));
CHECK(TRAP_R10, TRAP(r10));
CHECK(TRAP_RBX, TRAP(rbx));
CHECK(TRAP_RBP, TRAP(rbp));
CHECK(TRAP_VECTOR, TRAP(vector));
CHECK(TRAP_RSP, TRAP(rsp));

/* The order in which the entries push. */
CHECK(15 * 8, TRAP(vector));
CHECK(17 * 8, TRAP(rip));
CHECK(22 * 8, sizeof(struct dune_trap));
/* Frames keep the stack aligned for C. */
CHECK(sizeof(struct dune_trap) % 16, 0);

CHECK(TRAP_STUB_SIZE * 256 % PAGE, 0);
CHECK(DUNE_VECTOR_SYSCALL, 0x100);
