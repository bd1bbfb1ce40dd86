// SPDX-License-Identifier: GPL-2.0
/* Roots: data segments of program and libraries, threads' stacks and TLS, objects to be finalized. */
#include "mark.h"
#include "stats.h"
#include "world.h"
#include "written.h"
#include <link.h>
#include <stdlib.h>

#define MAX_SEGMENTS	256

static struct range segment[MAX_SEGMENTS];
static unsigned int nr_segments;
pthread_mutex_t roots_lock = PTHREAD_MUTEX_INITIALIZER;

static void add_segment(uintptr_t start, uintptr_t end)
{
	if (start < end && nr_segments < MAX_SEGMENTS)
		segment[nr_segments++] = (struct range){ start, end };
}

/* Our figures are no pointers. */
static void add_without_stats(uintptr_t start, uintptr_t end)
{
	uintptr_t from = (uintptr_t)&stats, to = (uintptr_t)(&stats + 1);

	if (from < start || to > end) {
		add_segment(start, end);
		return;
	}
	add_segment(start, from);
	add_segment(to, end);
}

/* _end is the linker's: where .bss ends. */
extern char _end[];

static void add_without_libdune(uintptr_t start, uintptr_t end)
{
	uintptr_t from = (uintptr_t)roots_end, to = (uintptr_t)_end;

	if (from < start || to > end || from > to) {
		add_without_stats(start, end);
		return;
	}
	add_without_stats(start, from);
	add_segment(to, end);
}

/* What the loader made read-only after it relocated it; whole pages. */
static struct range relro_of(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_GNU_RELRO)
			return (struct range){ start & ~(PAGE_SIZE - 1), (start + ph->p_memsz) & ~(PAGE_SIZE - 1) };
	}
	return (struct range){ 0, 0 };
}

static void add_without_relro(struct range relro, uintptr_t start, uintptr_t end)
{
	if (relro.end <= start || relro.start >= end) {
		add_without_libdune(start, end);
		return;
	}
	if (start < relro.start)
		add_without_libdune(start, relro.start);
	if (relro.end < end)
		add_without_libdune(relro.end, end);
}

static int add_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct range relro = relro_of(info);

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && ph->p_flags & PF_W)
			add_without_relro(relro, info->dlpi_addr + ph->p_vaddr, info->dlpi_addr + ph->p_vaddr + ph->p_memsz);
	}
	return 0;
}

static void refresh(void)
{
	nr_segments = 0;
	dl_iterate_phdr(add_object, NULL);
	if (nr_segments == MAX_SEGMENTS) {
		fprintf(stderr, "gc: more than %d data segments: some roots would not be seen\n", MAX_SEGMENTS);
		abort();
	}
}

struct fixed {
	bool (*fn)(bool arg);
	bool arg, result;
};

/* The loader calls this with its lock; the same thread may take it once more. */
static int with_loaders_lock(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct fixed *f = arg;

	refresh();
	f->result = f->fn(f->arg);
	return 1;
}

bool roots_fixed(bool (*fn)(bool arg), bool arg)
{
	struct fixed f = { .fn = fn, .arg = arg };

	pthread_mutex_lock(&roots_lock);
	dl_iterate_phdr(with_loaders_lock, &f);
	pthread_mutex_unlock(&roots_lock);
	return f.result;
}

void roots_data(root_fn fn)
{
	for (unsigned int i = 0; i < nr_segments; i++)
		fn(segment[i].start, segment[i].end);
	final_roots(fn);
}

void roots_arm(void)
{
	written_arm(segment, nr_segments);
}

void roots_written(root_fn fn)
{
	written_since(segment, nr_segments, fn);
	final_roots(fn);
}

/* Where its frames are nobody knows: a collector that guesses frees what lives. */
static void elsewhere(const struct thread *t)
{
	fprintf(stderr, "gc: thread %d is not on its stack (%#lx): alternate stacks are not supported\n", t->tid, t->sp);
	abort();
}

void roots_threads(root_fn fn)
{
	for (struct thread *t = threads; t; t = t->next) {
		if (t->sp < t->stack_start || t->sp >= t->stack_end)
			elsewhere(t);
		fn(t->sp & ~7UL, t->stack_end);
		for (uint32_t i = 0; i < t->nr_tls; i++)
			fn(t->tls[i].start, t->tls[i].end);
	}
}
