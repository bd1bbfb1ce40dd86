/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The monitor: ring 0 of Dune mode, between an untrusted program in ring 3 and Linux.
 *
 *	ring 3		SYSCALL
 *	                  |  no VM exit
 *	ring 0		sandbox_call()   the policy's filter, then the row of the call (table.c):
 *	                  |              pointers, descriptors, what the row's function looks at
 *	                  |
 *	                  |-- refused: an errno, a line in the log
 *	                  |-- answered here: no VM exit
 *	                  |-- as it is: the module makes it with the program's registers
 *	                  '-- changed: the monitor makes it with its own copies of the arguments
 *
 * Other threads of the program run meanwhile, and change all of its memory: whatever is looked at and
 * then used is copied first.
 */
#ifndef SANDBOX_MONITOR_H
#define SANDBOX_MONITOR_H

#include <dune/dune.h>
#include <errno.h>
#include <linux/dune.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include "../../libdune/own.h"
#include "../../libdune/thread.h"
#include "../policy/policy.h"

#define SANDBOX_USER_END	(1UL << 47)

/**
 * struct sandbox_call - a system call of the program's
 * @trap:	its registers; the result goes into trap->rax
 * @thread:	the thread's
 * @nr:		its number
 * @args:	its arguments, as the registers hold them
 * @prepared:	a signal may interrupt what the monitor does for it
 */
struct sandbox_call {
	struct dune_trap *trap;
	struct dune_thread *thread;
	int nr;
	bool prepared;
	uint64_t args[6];
};

/* What a row's function says. */
#define SANDBOX_DONE	0	/* trap->rax is the result */
#define SANDBOX_PASS	1	/* make the call as it is */

typedef int (*sandbox_fn)(struct sandbox_call *c);

/* ---- The policy: start.c ----------------------------------------------------- */

extern struct sandbox_rules sandbox_rules;
extern struct sandbox_learn *sandbox_learn;

static inline const struct sandbox_policy *sandbox_policy(void)
{
	return sandbox_rules.policy;
}

static inline bool sandbox_allows_jit(void)
{
	return sandbox_policy()->flags & SANDBOX_ALLOW_JIT;
}

/*
 * Descriptors, from the highest down: those that the policy names; and below fd_first, which
 * is the limit of open files, a few for the monitor to use, always taken.
 */
#define SANDBOX_SLOTS	8

static inline int32_t sandbox_fd_own(void)
{
	return sandbox_policy()->fd_first - SANDBOX_SLOTS;
}

/* Is @fd, as a call takes it, one of the monitor's? */
static inline bool sandbox_fd_is_own(uint64_t fd)
{
	return (int32_t)fd >= sandbox_fd_own();
}

/* ---- Calls: call.c -------------------------------------------------------------- */

/* From the SYSCALL entry. */
int sandbox_call(struct dune_trap *trap, struct dune_thread *t);

static inline int sandbox_done(struct sandbox_call *c, long result)
{
	c->trap->rax = (uint64_t)result;
	return SANDBOX_DONE;
}

/* Refuse the call with -@err. @kind: SANDBOX_BY_*; @text may be NULL. */
int sandbox_deny(struct sandbox_call *c, uint32_t kind, int err, const char *text);

/*
 * Make a call for the program. If a signal interrupts it this does not come back: Linux is shown the
 * program at its own call, which is made again after the signal, or has failed with EINTR.
 */
long sandbox_host(struct sandbox_call *c, long nr, uint64_t a, uint64_t b, uint64_t d, uint64_t e,
		  uint64_t f, uint64_t g);
#define sandbox_host1(c, nr, a)		sandbox_host(c, nr, a, 0, 0, 0, 0, 0)
#define sandbox_host2(c, nr, a, b)	sandbox_host(c, nr, a, b, 0, 0, 0, 0)
#define sandbox_host4(c, nr, a, b, d, e) sandbox_host(c, nr, a, b, d, e, 0, 0)

/* ---- The program's memory: copy.c ------------------------------------------------- */

/* May the kernel be given [@at, @at + @size)? */
static inline bool sandbox_is_users(uint64_t at, uint64_t size)
{
	return !dune_is_own(at, size);
}

/* 0 or -EFAULT. */
int sandbox_copy_in(void *to, uint64_t from, size_t size);
int sandbox_copy_out(uint64_t to, const void *from, size_t size);
/* A string with its 0: its length, -EFAULT, or -ENAMETOOLONG where it does not fit. */
long sandbox_string_in(char *to, uint64_t from, size_t size);

/* copy.S */
int sandbox_copy_raw(void *to, const void *from, size_t size);
extern const char sandbox_copy_insn[], sandbox_copy_failed[];

/* ---- Rows: table.c ------------------------------------------------------------------ */

/*
 * How an argument is looked at: kind | where its length is | size of its elements.
 *
 *	NUM	not at all
 *	FD	a descriptor, not one of the monitor's
 *	PTR	an address; what is there is smaller than the guards of the monitor's memory
 *	BUF(n)	an address, with as many bytes as argument n says
 *	ARRAY(n, size)  likewise, elements of @size bytes
 */
#define SANDBOX_NUM		0
#define SANDBOX_FD		1
#define SANDBOX_PTR		2
#define SANDBOX_ARRAY(n, size)	(3 | (n) << 4 | (size) << 8)
#define SANDBOX_BUF(n)		SANDBOX_ARRAY(n, 1)

struct sandbox_row {
	uint16_t arg[6];
	bool known;
	sandbox_fn fn;		/* NULL: passes when its arguments are good */
};

#define SANDBOX_ROWS	512
extern const struct sandbox_row sandbox_rows[SANDBOX_ROWS];

/* ---- Functions of rows ---------------------------------------------------------------- */

/* memory.c */
int sandbox_mmap(struct sandbox_call *c);
int sandbox_mprotect(struct sandbox_call *c);
int sandbox_range(struct sandbox_call *c);
int sandbox_mremap(struct sandbox_call *c);
int sandbox_mincore(struct sandbox_call *c);
int sandbox_shmat(struct sandbox_call *c);

/* path.c */
int sandbox_open(struct sandbox_call *c);
int sandbox_creat(struct sandbox_call *c);
int sandbox_openat(struct sandbox_call *c);
int sandbox_openat2(struct sandbox_call *c);
int sandbox_mknod(struct sandbox_call *c);
int sandbox_mknodat(struct sandbox_call *c);
int sandbox_truncate(struct sandbox_call *c);
/*
 * Slots: descriptors that the program's other threads can neither use nor change, one for a thread at a time.
 * A call that was given up for a signal left the thread's taken.
 */
int sandbox_slot_take(struct sandbox_call *c);
void sandbox_slot_give(struct dune_thread *t);
/* Another thread can use what this one opens, from the moment on that it is open. */
extern bool sandbox_fds_shared;
/* O_PATH, for the monitor: a descriptor among the program's, or -errno. */
long sandbox_path_look(struct sandbox_call *c, int dir, const char *path);

/* vector.c */
int sandbox_readv(struct sandbox_call *c);
int sandbox_sendmsg(struct sandbox_call *c);
int sandbox_recvmsg(struct sandbox_call *c);
int sandbox_sendmmsg(struct sandbox_call *c);
int sandbox_recvmmsg(struct sandbox_call *c);

/* descriptor.c */
int sandbox_fcntl(struct sandbox_call *c);
int sandbox_ioctl(struct sandbox_call *c);
int sandbox_close_range(struct sandbox_call *c);
int sandbox_socket(struct sandbox_call *c);
int sandbox_socketpair(struct sandbox_call *c);
int sandbox_setsockopt(struct sandbox_call *c);
int sandbox_getsockopt(struct sandbox_call *c);

/* process.c */
int sandbox_clone(struct sandbox_call *c);
int sandbox_absent(struct sandbox_call *c);
int sandbox_prctl(struct sandbox_call *c);
int sandbox_arch_prctl(struct sandbox_call *c);
int sandbox_personality(struct sandbox_call *c);
int sandbox_setrlimit(struct sandbox_call *c);
int sandbox_prlimit(struct sandbox_call *c);
int sandbox_getpid(struct sandbox_call *c);
int sandbox_gettid(struct sandbox_call *c);

/* signal.c */
int sandbox_sigaltstack(struct sandbox_call *c);
int sandbox_sigreturn(struct sandbox_call *c);
void sandbox_raise_sigsys(struct sandbox_call *c, uint32_t data);
/* No call is made any more, by any thread: the process is about to end by SIGSYS. */
void sandbox_end_by_sigsys(struct sandbox_call *c);
extern bool sandbox_ending;

/* exec.c */
int sandbox_execve(struct sandbox_call *c);
int sandbox_execveat(struct sandbox_call *c);

/* ---- Ends: report.c --------------------------------------------------------------------- */

/* Send a record, if there is a log. @c may be NULL. */
void sandbox_report(struct sandbox_call *c, struct dune_thread *t, uint32_t kind, uint32_t verdict,
		    const char *text);
/* End the process by SIGKILL. */
void sandbox_kill(struct sandbox_call *c, struct dune_thread *t, const char *text) __attribute__((noreturn));
/* The exceptions that are the monitor's. */
void sandbox_traps_init(void);

#endif /* SANDBOX_MONITOR_H */
