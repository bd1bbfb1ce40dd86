// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A thread's struct and stacks, and their reuse.
 *
 * They are never unmapped: a thread ends on its own stacks, and its end can be
 * seen only from outside, when the module has counted run->released up. The next
 * thread takes them, with the VCPU.
 */
#include "thread.h"
#include <dune/pgtable.h>
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include "base.h"
#include "device.h"
#include "entry.h"
#include "own.h"
#include "pgtable_internal.h"
#include "syscall_trap.h"

#define STRUCT_SIZE	((sizeof(struct dune_thread) + PAGE - 1) & ~(PAGE - 1))
#define AREA_SIZE	(2 * PAGE + HOST_STACK_SIZE + TRAP_STACK_SIZE + IST_STACKS * PAGE + STRUCT_SIZE + PAGE)

/* A program that is linked with libdune may handle faults; the runtime's program does not. */
uint32_t dune_upcalls = DUNE_UPCALL_FAULT;

bool dune_program_ring3;

static struct dune_thread *all, *free_ones;
static uint32_t list_lock;	/* both */

/* Held for a few instructions, in ordinary mode. */
static void lock(void)
{
	while (__atomic_exchange_n(&list_lock, 1, __ATOMIC_ACQUIRE))
		raw_syscall4(SYS_sched_yield, 0, 0, 0, 0);
}

static void unlock(void)
{
	__atomic_store_n(&list_lock, 0, __ATOMIC_RELEASE);
}

static char *area_new(void)
{
	long area = dune_own_map(AREA_SIZE, 0, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *guard = (char *)area;

	if (raw_failed(area))
		return NULL;
	raw_mprotect(guard, PAGE, PROT_NONE);
	guard += PAGE + HOST_STACK_SIZE;
	raw_mprotect(guard, PAGE, PROT_NONE);
	raw_no_dump((void *)area, AREA_SIZE);
	return (char *)area;
}

/* The stub finds the thread just above the CPU's frame (trap_entry.S). */
static uint64_t ist_new(char *top, struct dune_thread *t)
{
	struct dune_thread **slot = (void *)(top - 16);

	*slot = t;
	return (uintptr_t)slot;
}

static struct dune_thread *layout(char *area)
{
	char *host_stack = area + PAGE;
	char *trap_stack = host_stack + HOST_STACK_SIZE + PAGE;
	char *ist = trap_stack + TRAP_STACK_SIZE;
	struct dune_thread *t = (void *)(ist + IST_STACKS * PAGE);
	uint64_t top[IST_STACKS];
	int i;

	t->self = t;
	t->area = area;
	t->run = (void *)((char *)t + STRUCT_SIZE);
	t->trap_low = (uintptr_t)trap_stack;
	t->trap_base = t->trap_low + TRAP_STACK_SIZE;
	t->host_sp = (uintptr_t)host_stack + HOST_STACK_SIZE;
	for (i = 0; i < IST_STACKS; i++)
		top[i] = ist_new(ist + (i + 1) * PAGE, t);
	dune_tss_init(&t->tss, top, IST_STACKS);
	dune_gdt_init(t->gdt, &t->tss);
	return t;
}

static struct dune_thread *thread_new(void)
{
	char *area = area_new();
	struct dune_thread *t;

	if (!area)
		return NULL;
	t = layout(area);
	lock();
	t->next = all;
	all = t;
	unlock();
	return t;
}

/* ---- Taking and giving -------------------------------------------------------- */

static bool is_free(const struct dune_thread *t)
{
	if (!t->has_vcpu)
		return true;
	return (int32_t)(__atomic_load_n(&t->run->released, __ATOMIC_ACQUIRE) - t->free_when) >= 0 &&
	       !__atomic_load_n(&t->run->busy, __ATOMIC_ACQUIRE);
}

static struct dune_thread *take_free(void)
{
	struct dune_thread **link, *t;

	lock();
	for (link = &free_ones; (t = *link); link = &t->next_free)
		if (is_free(t)) {
			*link = t->next_free;
			break;
		}
	unlock();
	return t;
}

/* Those that left are in no list: whether they did is known when the module says so. */
static struct dune_thread *take_left(void)
{
	struct dune_thread *t;

	lock();
	for (t = all; t; t = t->next)
		if (t->leaving && is_free(t)) {
			t->leaving = false;
			break;
		}
	unlock();
	return t;
}

int dune_thread_take(struct dune_thread **thread)
{
	struct dune_thread *t = take_free();

	if (!t)
		t = take_left();
	if (!t)
		t = thread_new();
	if (!t)
		return -ENOMEM;
	t->host_sp = (uintptr_t)t->area + PAGE + HOST_STACK_SIZE;
	t->active = t->died = false;
	t->call_frame = 0;
	t->upcalls = 0;
	*thread = t;
	return 0;
}

void dune_thread_give(struct dune_thread *t, uint32_t when)
{
	t->free_when = when;
	t->leaving = false;
	lock();
	t->next_free = free_ones;
	free_ones = t;
	unlock();
}

void dune_thread_leave(struct dune_thread *t)
{
	t->free_when = t->run->released + 1;
	__atomic_store_n(&t->leaving, true, __ATOMIC_RELEASE);
}

int dune_thread_vcpu(struct dune_thread *t)
{
	int err = t->has_vcpu ? 0 : dune_device_vcpu(t->run);

	if (!err)
		t->has_vcpu = true;
	return err;
}

void dune_threads_each(void (*fn)(struct dune_thread *t, void *arg), void *arg)
{
	struct dune_thread *t;

	for (t = __atomic_load_n(&all, __ATOMIC_ACQUIRE); t; t = t->next)
		fn(t, arg);
}

void dune_threads_after_fork(struct dune_thread *mine)
{
	struct dune_thread *t;

	list_lock = 0;		/* whoever held it is not here; and neither list is ever half made */
	free_ones = NULL;
	for (t = all; t; t = t->next) {
		t->has_vcpu = t->leaving = false;
		if (t == mine)
			continue;
		t->next_free = free_ones;
		free_ones = t;
	}
}

/* ---- Entering ------------------------------------------------------------------- */

void dune_thread_system(struct dune_thread *t)
{
	t->run->system = (struct dune_system){
		.cr3 = dune_root_cr3(t->root),
		.gdt_base = (uintptr_t)t->gdt,
		.gdt_limit = GDT_LIMIT,
		.idt_base = (uintptr_t)dune_idt,
		.idt_limit = IDT_LIMIT,
		.tr_base = (uintptr_t)&t->tss,
		.lstar = t->lstar,
		.kernel_gs_base = (uintptr_t)t,
	};
}

void dune_thread_begin(struct dune_thread *t, struct dune_root *root)
{
	struct dune_run *run = t->run;

	t->root = root;
	t->ring = 0;
	t->ring3_frame = 0;
	t->lstar = dune_syscall_lstar();
	dune_thread_system(t);
	run->fs_base = dune_host_fs();
	run->gs_base = dune_host_gs();
	run->load = DUNE_LOAD_SYSTEM | DUNE_LOAD_BASES;
	run->upcalls = DUNE_UPCALL_CLONE | DUNE_UPCALL_CPU | dune_upcalls | t->upcalls;
	run->ring3_stub = dune_program_ring3 ? (uintptr_t)dune_syscall_ring3 : 0;
	run->syscall_stub = (uintptr_t)dune_syscall_pass;
	run->critical_start = (uintptr_t)__start_dune_text;
	run->critical_end = (uintptr_t)__stop_dune_text;
	run->cpu = -1;
	run->confine = (struct dune_confine){
		.start = dune_own.start, .end = dune_own.end, .gate = dune_confined() ? (uintptr_t)dune_syscall_gate : 0,
	};
	t->pid = t->tid = 0;
}

int dune_thread_map(const struct dune_thread *t, struct dune_root *root)
{
	uintptr_t needed[] = {
		(uintptr_t)t->area, (uintptr_t)t->area + AREA_SIZE - 1,	/* it may cross into the next GiB */
		(uintptr_t)dune_idt,
		(uintptr_t)&dune_idt, (uintptr_t)dune_thread_map,	/* libdune's data and text */
	};
	unsigned int i;
	int err;

	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		err = dune_pt_fill(root, needed[i]);
		/* -ENOENT: the program unmapped it, or the root is not filled in. Its choice. */
		if (err && err != -ENOENT)
			return err;
	}
	return 0;
}
