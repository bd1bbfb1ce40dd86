// SPDX-License-Identifier: LGPL-2.1-or-later
/* A thread's struct, stacks and VCPU: made at its first entry, gone with the thread. */
#include "thread.h"
#include <dune/pgtable.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>
#include "device.h"
#include "pgtable_internal.h"

__thread struct dune_thread *dune_this __attribute__((tls_model("initial-exec")));

static pthread_key_t key;

#define STRUCT_SIZE	((sizeof(struct dune_thread) + PAGE - 1) & ~(PAGE - 1))
#define AREA_SIZE	(3 * PAGE + HOST_STACK_SIZE + TRAP_STACK_SIZE + IST_STACKS * PAGE + STRUCT_SIZE)

static char *area_new(void)
{
	char *area = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *guard = area;

	if (area == MAP_FAILED)
		return NULL;
	mprotect(guard, PAGE, PROT_NONE);
	guard += PAGE + HOST_STACK_SIZE;
	mprotect(guard, PAGE, PROT_NONE);
	guard += PAGE + TRAP_STACK_SIZE;
	mprotect(guard, PAGE, PROT_NONE);
	return area;
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
	char *ist = trap_stack + TRAP_STACK_SIZE + PAGE;
	struct dune_thread *t = (void *)(ist + IST_STACKS * PAGE);
	uint64_t top[IST_STACKS];
	int i;

	t->self = t;
	t->area = area;
	t->vcpu_fd = -1;
	t->trap_low = (uintptr_t)trap_stack;
	t->trap_base = t->trap_low + TRAP_STACK_SIZE;
	t->host_sp = (uintptr_t)host_stack + HOST_STACK_SIZE;
	for (i = 0; i < IST_STACKS; i++)
		top[i] = ist_new(ist + (i + 1) * PAGE, t);
	dune_tss_init(&t->tss, top, IST_STACKS);
	dune_gdt_init(t->gdt, &t->tss);
	return t;
}

static void thread_free(struct dune_thread *t)
{
	if (t->vcpu_fd >= 0)
		dune_device_vcpu_close(t->vcpu_fd, t->run);
	munmap(t->area, AREA_SIZE);
}

int dune_thread_get(struct dune_thread **thread)
{
	struct dune_thread *t = dune_this;
	char *area;

	if (!t) {
		area = area_new();
		if (!area)
			return -ENOMEM;
		t = layout(area);
		t->vcpu_fd = dune_device_vcpu(&t->run);
		if (t->vcpu_fd < 0) {
			int err = t->vcpu_fd;

			thread_free(t);
			return err;
		}
		pthread_setspecific(key, t);
		dune_this = t;
	}
	*thread = t;
	return 0;
}

/*
 * The thread ends. It may do so in Dune mode: leaving brings it back to its
 * ordinary stack, so that the library's can go.
 */
static void at_exit_of_thread(void *arg)
{
	struct dune_thread *t = arg;

	if (dune_inside())
		dune_leave();
	/* Still active: ended in a host call, on a stack in the area. */
	if (t->active)
		return;
	dune_this = NULL;
	thread_free(t);
}

int dune_thread_init(void)
{
	return -pthread_key_create(&key, at_exit_of_thread);
}

void dune_thread_forget(void)
{
	struct dune_thread *t = dune_this;

	if (!t)
		return;
	pthread_setspecific(key, NULL);
	dune_this = NULL;
	close(t->vcpu_fd);
	/* Forked in a host call: the stack in use is in there. */
	if (!t->active)
		munmap(t->area, AREA_SIZE);
}

int dune_thread_map(const struct dune_thread *t, struct dune_root *root)
{
	uintptr_t needed[] = {
		(uintptr_t)t->area, (uintptr_t)t->area + AREA_SIZE - 1,	/* it may cross into the next GiB */
		(uintptr_t)t->run, (uintptr_t)dune_idt,
		(uintptr_t)&dune_this, (uintptr_t)&key, (uintptr_t)dune_thread_map,
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
