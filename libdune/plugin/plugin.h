/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plugin and its compartment.
 *
 *	base	+----------------------+
 *		| never mapped         |  64 KiB
 *		+----------------------+
 *		| stub                 |  stub.c, from its image
 *		+----------------------+  + 16 MiB
 *		| ld.so                |
 *		+----------------------+  + 32 MiB
 *		| heap, by brk()       |
 *		+----------------------+  + 256 MiB
 *		| mappings: libraries, |
 *		| buffers, grants      |
 *		+----------------------+
 *		| never mapped         |  1 MiB
 *		+----------------------+
 *		| stack                |
 *	+ 1 GiB	+----------------------+
 *
 * In the plugin's root the whole GiB is ring 3's; what of it there is, and with which rights,
 * Linux's own mappings say, and EPT with them. page[] is the library's word for them: no pointer of
 * the plugin ever goes to Linux but those that page[] has been asked about, and
 * none at all as a buffer.
 */
#ifndef LIBDUNE_PLUGIN_H
#define LIBDUNE_PLUGIN_H

#include <dune/dune.h>
#include <dune/pgtable.h>
#include <dune/plugin.h>
#include <pthread.h>
#include <stdbool.h>
#include "calls.h"

#define PAGE		4096UL
#define SPACE_SIZE	(1UL << 30)
#define SPACE_PAGES	(SPACE_SIZE / PAGE)
#define STUB_AT		0x10000UL
#define LDSO_AT		(16UL << 20)
#define HEAP_AT		(32UL << 20)
#define MAPS_AT		(256UL << 20)
#define STACK_GAP	(1UL << 20)
#define STACK_MAX	(128UL << 20)

/* page[]: 0, or PG_MAPPED and rights. */
#define PG_READ		1	/* as PROT_READ, PROT_WRITE, PROT_EXEC */
#define PG_WRITE	2
#define PG_EXEC		4
#define PG_RIGHTS	7
#define PG_MAPPED	8
#define PG_GRANT	16	/* the host's memory */
#define PG_SAVED	32	/* there was such a page when it was opened, with its contents in the snapshot */
#define PG_SEALED	64	/* likewise, but read-only: it stays as it is */
#define PG_LOST		128	/* Linux could not map here: whose it is now is not known */

/* Changes of rights within the compartment: each is a VMA of Linux's, of which a process has few. */
#define BORDERS_MAX	2048

#define FILES		16
#define READ_MAX	64

/* Pages @first to @end - 1. */
struct plugin_run {
	size_t first, end;
};

/**
 * struct dune_plugin
 * @lock:	one thread at a time
 * @base:	the compartment
 * @root:	its page tables
 * @page:	what is mapped
 * @saved:	the same when the snapshot was made
 * @snapshot:	the contents of the pages that were writable, at the place that they have in the compartment
 * @saved_run:	those pages, in runs of neighbours that are alike
 * @changed:	page[] differs from saved[] from here to @changed_end at most
 * @mapped:	pages mapped, grants not counted
 * @borders:	between pages that are neighbours and differ
 * @file_maps:	files mapped since it was opened
 * @heap:	end of the heap
 * @file:	the plugin's descriptors, from 3 on: the host's, or -1
 * @policy:	its copy
 * @path:	real path of the object
 * @read:	what else it may read, in real paths
 * @stub:	what the stub told
 * @sp, @fs:	stack pointer and FS base of a call
 * @dead:	the last call did not come back
 * @vectors:	the host's FPU and vector registers, during a call
 * @mailbox:	pages in the compartment, for strings
 * @handle:	of the object, as dlopen() gave it
 */
struct dune_plugin {
	pthread_mutex_t lock;
	uintptr_t base;
	struct dune_root *root;
	uint8_t *page, *saved;
	char *snapshot;
	size_t mapped, borders, file_maps, heap;
	size_t saved_heap, saved_file_maps;
	size_t changed, changed_end;
	struct plugin_run *saved_run;
	size_t saved_runs;
	int file[FILES];
	struct dune_plugin_policy policy;
	char path[4096];
	char *read[READ_MAX + 1];
	struct stub_table stub;
	uint64_t sp, fs;
	bool opening, dead;
	void *vectors;
	uint64_t mailbox, handle;
	uint64_t result;
	uint32_t expired;
	struct dune_plugin_error error;
	struct dune_plugin_stats stats;
};

/* ---- space.c: what is mapped. In Dune mode, general registers only. ------------------------- */

int plugin_space_new(struct dune_plugin *p);
void plugin_space_free(struct dune_plugin *p);

static inline size_t plugin_page_of(const struct dune_plugin *p, uint64_t address)
{
	return (address - p->base) / PAGE;
}

/* Is the range in the compartment, and has every page of it all of @flags? */
bool plugin_has(const struct dune_plugin *p, uint64_t address, uint64_t len, unsigned int flags);

/* Map [address, +len) anew by Linux's mmap(), and note it. -ENOMEM where the policy says so. */
long plugin_map(struct dune_plugin *p, uint64_t address, uint64_t len, int prot, int fd, uint64_t offset);
/* A free range, or 0. */
uint64_t plugin_find(struct dune_plugin *p, uint64_t len);
long plugin_unmap(struct dune_plugin *p, uint64_t address, uint64_t len);
long plugin_protect(struct dune_plugin *p, uint64_t address, uint64_t len, int prot);

/* Copy, on the plugin's root: the CPU notes what is written. -EFAULT. */
long plugin_copy_in(struct dune_plugin *p, uint64_t to, const void *from, uint64_t len);
long plugin_copy_out(struct dune_plugin *p, void *to, uint64_t from, uint64_t len);
long plugin_copy_string(struct dune_plugin *p, char *to, uint64_t from, uint64_t size);

/* Was the fault in one of those copies? Then @trap goes on behind it. */
bool plugin_copy_fixup(struct dune_trap *trap);

/* Note what is mapped, and that Linux failed to map: gives @error back. */
void plugin_note(struct dune_plugin *p, size_t first, size_t count, uint8_t flags);
long plugin_lose(struct dune_plugin *p, uint64_t address, uint64_t len, long error);

/* ---- image.c --------------------------------------------------------------------------------- */

/* Put the stub and ld.so in, and all that ld.so is to find on its stack: where to start. */
int plugin_image_load(struct dune_plugin *p, uint64_t *rip, uint64_t *rsp);

/* ---- files.c: general registers only ----------------------------------------------------------- */

long plugin_file_open(struct dune_plugin *p, char *path, int flags);
int plugin_file(const struct dune_plugin *p, uint64_t fd);
long plugin_file_close(struct dune_plugin *p, uint64_t fd);
void plugin_files_close(struct dune_plugin *p);

/* ---- monitor.c ------------------------------------------------------------------------------------ */

/* Register the handlers, once. */
void plugin_monitor_init(void);

/* The plugin that the calling thread is running, or NULL. */
extern __thread struct dune_plugin *plugin_running;

/* calls.c: answer a system call, the result into trap->rax. false: it is refused. */
bool plugin_syscall(struct dune_plugin *p, struct dune_trap *trap);

/* From a handler: end the run. */
void plugin_end(struct dune_plugin *p, enum dune_plugin_reason reason, const struct dune_trap *trap)
	__attribute__((noreturn));

/* ---- run.c ------------------------------------------------------------------------------------------ */

/* Run in ring 3, on the plugin's root, until the stub says that it is done. 0, or -errno with p->error. */
int plugin_run(struct dune_plugin *p, const struct dune_trap *start);

/* Call @fn in the plugin. The lock is held, Dune mode, the plugin's root is loaded. */
int plugin_call(struct dune_plugin *p, uint64_t fn, const uint64_t *args, unsigned int count, uint64_t *result);

/* The state of the FPU and vector registers: how large, and a buffer for it. */
void *plugin_vectors_new(void);

/* ---- limit.c ---------------------------------------------------------------------------------------- */

int plugin_limit_begin(struct dune_plugin *p);
void plugin_limit_end(struct dune_plugin *p);

/* ---- snapshot.c ------------------------------------------------------------------------------------- */

int plugin_snapshot(struct dune_plugin *p);
int plugin_restore(struct dune_plugin *p);

#endif /* LIBDUNE_PLUGIN_H */
