/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The door without libdune: the least that lets a test go through it.
 *
 *	raw_open(&r); door_open(&r);		as raw.h has it, and a door
 *	door_start(&r, fn, arg);		fill the run page; system calls of @fn work
 *	door_go(&r);				until there is a reason
 *
 * Signals that come meanwhile are handled in Dune mode, so raw_deadline() ends nothing
 * here: what may hang belongs into a raw_child().
 */
#ifndef TESTS_DOOR_H
#define TESTS_DOOR_H

#include "raw.h"

#define DOOR_SIZE 8192

static void *door, *door_table;	/* the frame table: this process's, and its children's */

__asm__(".pushsection .text\n"
	".balign 64\n"
	/* Where SYSCALL of ring 0 goes; the bytes behind it lead back to it, see DUNE_HC_RESTART. */
	"door_stub: vmcall; jmp *%rcx\n"
	/* Likewise of a program in ring 3: the module goes back there. */
	"door_stub3: vmcall; ud2\n"
	".popsection\n");

extern const char door_stub[] RAW_HIDDEN, door_stub3[] RAW_HIDDEN;

static inline void *door_map(int space, const struct dune_info *info)
{
	return mmap(NULL, DOOR_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, space, info->table_size);
}

static inline int door_open(struct raw *r)
{
	door_table = mmap(NULL, r->info.table_size, PROT_READ, MAP_SHARED, r->space, 0);
	door = door_map(r->space, &r->info);
	return door_table == MAP_FAILED || door == MAP_FAILED ? -errno : 0;
}

/* Jump to @where with all that the door looks at. */
static inline long door_jump_to(const void *where, const volatile void *run, uint64_t op, uint64_t argument,
				const void *table)
{
	register uint64_t r8 __asm__("r8") = (uintptr_t)table;
	uint64_t rax = (uintptr_t)where, rsi;

	__asm__ volatile("leaq 1f(%%rip), %%rsi; jmp *%%rax; 1:"
			 : "+a"(rax), "=&S"(rsi) : "D"(run), "d"(op), "c"(argument), "r"(r8) : "memory", "cc");
	return (long)rax;
}

static inline long door_jump(const volatile void *run, uint64_t op, uint64_t argument)
{
	return door_jump_to(door, run, op, argument, door_table);
}

static inline void door_start(struct raw *r, const void *rip, uint64_t rdi)
{
	raw_start(r, rip, rdi);
	r->run->system.lstar = (uintptr_t)door_stub;
	r->run->syscall_stub = (uintptr_t)door_stub;
	r->run->ring3_stub = r->run->critical_start = r->run->critical_end = 0;
	r->run->upcalls = 0;
}

/* Returns what the door answers: 0 when there is a reason, 1 if there was no run page, or -errno. */
static inline long door_go(struct raw *r)
{
	return door_jump(r->run, DUNE_DOOR_RUN, 0);
}

/* As door_go(), making the system calls that the module hands out. */
static inline long door_go_calls(struct raw *r)
{
	struct dune_regs *g = &r->run->regs;
	long ret;

	for (;;) {
		ret = door_go(r);
		if (ret || r->run->reason != DUNE_EXIT_SYSCALL)
			return ret;
		g->rax = (uint64_t)syscall((long)g->rax, g->rdi, g->rsi, g->rdx, g->r10, g->r8, g->r9);
		if ((long)g->rax == -1)
			g->rax = (uint64_t)-errno;
	}
}

/* A good run by the door: memory, a system call, registers in and out. */
static inline bool door_good(struct raw *r)
{
	uint64_t *seen = (uint64_t *)r->tables[RAW_TABLES - 1], want = 0, i;
	long ret;

	for (i = 0; i < 4; i++)
		seen[i] += 7 * i + 1;
	for (i = 0; i < 100; i++)
		want += seen[i % 4] * i;
	seen[4] = seen[5] = 0;
	door_start(r, raw_good_code, (uintptr_t)seen);
	ret = door_go_calls(r);
	if (raw_is(r, (int)ret, RAW_HC_DONE) && seen[4] == (uint64_t)getpid() && seen[5] == want)
		return true;
	printf("# a good run by the door went wrong: %ld reason %u hw %llx rax %llx\n", ret, r->run->reason,
	       r->run->hw.reason, r->run->regs.rax);
	fflush(stdout);
	return false;
}

#endif /* TESTS_DOOR_H */
