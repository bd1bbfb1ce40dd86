/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plugins: a shared object that is not trusted, loaded into ring 3.
 *
 * A plugin lives in a *compartment*, one GiB of addresses with page tables of its own, in which
 * only the compartment is ring 3's: the host and other plugins are out of its reach. There the
 * real ld.so loads the object and the libraries it needs. Its system calls come to the library,
 * in ring 0, which answers those that a library needs - memory inside the compartment, reading
 * files that the policy names, the clock - and refuses all others. Whatever it does, a
 * call comes back: with a result, or with an error.
 *
 *	dune_plugin_open("/usr/lib/x86_64-linux-gnu/libz.so.1", NULL, &plugin);
 *	dune_plugin_sym(plugin, "crc32", &fn);
 *	dune_plugin_put(plugin, text, sizeof(text), &address);
 *	dune_plugin_call(plugin, fn, (uint64_t[]){ 0, address, sizeof(text) }, 3, &crc);
 *
 * All functions may be called in ordinary mode, which they leave for the while, and in ring 0 of
 * Dune mode, from any thread, not in handlers, after dune_init(). One plugin is used by
 * one thread at a time: the others wait. They return 0 or -errno: -EINVAL for arguments that cannot be,
 * -ENOMEM, -ENOTRECOVERABLE for a plugin whose last call did not come back
 * (dune_plugin_reset() repairs it). An *address* is one in the compartment, and what a plugin answers is its
 * word: it may be any number.
 *
 * The library takes the process's handlers of SYSCALL, page faults and exceptions (see
 * dune_on_syscall() and its kin), and the signal DUNE_PLUGIN_SIGNAL.
 *
 * Link with libdune-plugin.a and libdune.
 */
#ifndef DUNE_PLUGIN_H
#define DUNE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dune_plugin;

/* dune_plugin_policy.flags */
#define DUNE_PLUGIN_STRICT	(1U << 0)	/* a refused system call ends the call with an error */
#define DUNE_PLUGIN_OUTPUT	(1U << 1)	/* it may write to the host's descriptors 1 and 2 */

/* dune_plugin_policy.time_ns */
#define DUNE_PLUGIN_NO_LIMIT	UINT64_MAX

/* The signal that ends a call whose time is over. */
#define DUNE_PLUGIN_SIGNAL	(SIGRTMAX - 3)

/**
 * struct dune_plugin_policy - what a plugin may do; all zero is a policy
 * @flags:	DUNE_PLUGIN_*
 * @memory:	bytes that it may have mapped, its libraries and stack included; 0: 64 MiB
 * @stack:	bytes of its stack; 0: 256 KiB
 * @time_ns:	CPU time of the thread for each call, and for opening; 0: 1 s
 * @read:	NULL-terminated: files, and directories with all below, that it may read besides itself
 *		and the system's libraries (/lib, /usr/lib and the like, /etc/ld.so.cache); or NULL
 */
struct dune_plugin_policy {
	unsigned int flags;
	size_t memory, stack;
	uint64_t time_ns;
	const char *const *read;
};

enum dune_plugin_reason {
	DUNE_PLUGIN_FINE,
	DUNE_PLUGIN_CRASH,	/* an exception: @vector, @code, @address for a page fault, @rip */
	DUNE_PLUGIN_TIME,	/* the time was over */
	DUNE_PLUGIN_REFUSED,	/* system call @number, with DUNE_PLUGIN_STRICT; @rip is behind it */
	DUNE_PLUGIN_EXIT,	/* it called exit(@number) or its kin */
	DUNE_PLUGIN_LOAD,	/* ld.so would not: @text */
};

/* Why the last call, or opening, did not come back. */
struct dune_plugin_error {
	enum dune_plugin_reason reason;
	unsigned int vector;
	uint64_t code, address, rip;
	int64_t number;
	char text[256];
};

/**
 * struct dune_plugin_stats - figures of one plugin
 * @pages:	mapped now
 * @saved:	that dune_plugin_reset() would restore if all of them were written to
 * @restored:	that the last dune_plugin_reset() did restore
 * @calls:	system calls that were answered, since it was opened
 * @refused:	and that were refused
 */
struct dune_plugin_stats {
	size_t pages, saved, restored;
	uint64_t calls, refused;
};

/**
 * dune_plugin_open() - load a shared object
 * @path:   of the object
 * @policy: NULL: all zero. Copied.
 * @plugin: where to put it; NULL where the return value is not 0, but for -ENOEXEC
 *
 * Runs the object's constructors, in ring 3 and under the policy. -ENOEXEC: ld.so would not, or it
 * crashed: dune_plugin_error() says why, and dune_plugin_close() is still to be called.
 */
int dune_plugin_open(const char *path, const struct dune_plugin_policy *policy,
		     struct dune_plugin **plugin);

/* Its destructors are not run: the compartment is unmapped. NULL is no error. */
void dune_plugin_close(struct dune_plugin *plugin);

/* Look a symbol up, in the object and in what it needs. -ENOENT. */
int dune_plugin_sym(struct dune_plugin *plugin, const char *name, uint64_t *address);

#define DUNE_PLUGIN_ARGS	12

/**
 * dune_plugin_call() - call a function in the plugin
 * @fn:     its address
 * @args:   integers and addresses, @count of them, at most DUNE_PLUGIN_ARGS
 * @result: where to put what it returned, or NULL
 *
 * -EFAULT: it crashed; -ETIME: its time was over; -EACCES: it made a system call that is
 * refused, with DUNE_PLUGIN_STRICT; -ECANCELED: it called exit(). dune_plugin_error() has more. All
 * registers, FPU and vector registers too, are the host's own afterwards, and ring 3 never sees the host's.
 */
int dune_plugin_call(struct dune_plugin *plugin, uint64_t fn, const uint64_t *args,
		     unsigned int count, uint64_t *result);

/* From now on another time limit: see dune_plugin_policy.time_ns. */
int dune_plugin_limit(struct dune_plugin *plugin, uint64_t time_ns);

/* Memory for buffers in the compartment, zeroed, in whole pages; a reset takes it away. */
int dune_plugin_alloc(struct dune_plugin *plugin, size_t len, uint64_t *address);
int dune_plugin_free(struct dune_plugin *plugin, uint64_t address, size_t len);

/* Copy in and out. -EFAULT: not all of the range is the plugin's to write, or to read. */
int dune_plugin_write(struct dune_plugin *plugin, uint64_t to, const void *from, size_t len);
int dune_plugin_read(struct dune_plugin *plugin, void *to, uint64_t from, size_t len);

/* dune_plugin_alloc() and dune_plugin_write() in one. */
int dune_plugin_put(struct dune_plugin *plugin, const void *from, size_t len, uint64_t *address);

/**
 * dune_plugin_grant() - show memory of the host, without a copy
 * @hva:     the host's memory, whole pages
 * @prot:    DUNE_PROT_READ, or with DUNE_PROT_WRITE (<dune/pgtable.h>)
 * @address: where the plugin has it
 *
 * The plugin sees what is there now and later, until dune_plugin_revoke(). What it can write may
 * change between two looks of the host's.
 */
int dune_plugin_grant(struct dune_plugin *plugin, void *hva, size_t len, int prot, uint64_t *address);
int dune_plugin_revoke(struct dune_plugin *plugin, uint64_t address, size_t len);

/**
 * dune_plugin_reset() - as it was when it had been opened
 *
 * Puts back the pages that were written to since, which the CPU's dirty bits tell, and unmaps
 * what came later. Grants stay. Works on a plugin that crashed, too. -EIO: Linux could not map
 * memory for the plugin before, and the place of it is lost: close it.
 */
int dune_plugin_reset(struct dune_plugin *plugin);

/* Never NULL; valid until the next call. */
const struct dune_plugin_error *dune_plugin_error(const struct dune_plugin *plugin);

void dune_plugin_stats(const struct dune_plugin *plugin, struct dune_plugin_stats *stats);

#ifdef __cplusplus
}
#endif

#endif /* DUNE_PLUGIN_H */
