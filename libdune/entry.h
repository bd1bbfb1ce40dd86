/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ways in and out that are written in assembly. */
#ifndef LIBDUNE_ENTRY_H
#define LIBDUNE_ENTRY_H

#define TRAP_STUB_SIZE	16

#ifndef __ASSEMBLER__

#include <stdint.h>

struct dune_run;
struct dune_thread;
struct dune_trap;

/* trap_entry.S: one stub for each vector, TRAP_STUB_SIZE apart. */
extern const char dune_trap_stubs[];

/* Load all registers of @trap, which is on the running stack, and go there. */
void dune_trap_return(struct dune_trap *trap) __attribute__((noreturn));

/* syscall_entry.S: what LSTAR may hold, and the code in which a single step is not the program's. */
extern const char dune_syscall_pass[], dune_syscall_entry[], dune_syscall_ring3[], dune_syscall_confined[];
extern const char dune_syscall_code[], dune_syscall_code_end[];

/* Where the linker put all of this library's code: see critical_start in <linux/dune.h>. */
extern const char __start_dune_text[] __attribute__((visibility("hidden")));
extern const char __stop_dune_text[] __attribute__((visibility("hidden")));

/* syscall_entry.S: dune_run.confine.gate */
extern const char dune_syscall_gate[];

/* enter.S */

/* Jump to the door: @run in RDI, @op in RDX, @argument in RCX. What came back in RAX. */
long dune_door_jump(struct dune_run *run, uint64_t op, uint64_t argument);

/* Go on in Dune mode; 0, or what the first DUNE_RUN failed with. */
long dune_switch_in(struct dune_thread *t);
/* Back to ordinary mode by hypercall @number. */
void dune_switch_out(uint64_t number);
/* In ordinary mode: take a stack and go to @rip with RAX = @rax. */
void dune_resume_host(uint64_t rsp, uint64_t rip, long rax) __attribute__((noreturn));
/* call.S: call dune_call_body(@fn, @arg, @result), coming back by dune_call_unwind() if Dune mode dies in it. */
int dune_call_guarded(struct dune_thread *t, long (*fn)(void *), void *arg, long *result);
void dune_call_unwind(struct dune_thread *t) __attribute__((noreturn));

/* vector_state.S: call @fn(@trap, @address) with the FPU and vector state kept as it is. */
long dune_call_keeping_vectors(void *fn, struct dune_trap *trap, uintptr_t address);

/* ring3.S */
long dune_ring3_enter(struct dune_thread *t, struct dune_trap *start);
void dune_ring3_unwind(struct dune_thread *t, long value) __attribute__((noreturn));

/* syscall_raw.S: @trap's call, by the instruction named. */
long dune_forward_vmcall(const struct dune_trap *trap, long number);
long dune_forward_int80(const struct dune_trap *trap);

/* enter.c: begin a program in Dune mode, all other registers 0. */
void dune_thread_start(struct dune_thread *t, uint64_t rip, uint64_t rsp) __attribute__((noreturn));

/* What dune_syscall_confined calls. NULL unless dune_confined(). */
extern int (*dune_confined_call)(struct dune_trap *trap, struct dune_thread *t);

/* Called from assembly. */
void dune_host_loop(struct dune_thread *t) __attribute__((noreturn));
int dune_call_body(long (*fn)(void *), void *arg, long *result);
void dune_page_fault(struct dune_trap *trap, struct dune_thread *t);
void dune_trap(struct dune_trap *trap, struct dune_thread *t);
void dune_double_fault(struct dune_trap *trap, struct dune_thread *t) __attribute__((noreturn));
void dune_syscall_trap(struct dune_trap *trap, struct dune_thread *t);

#endif /* __ASSEMBLER__ */

#endif /* LIBDUNE_ENTRY_H */
