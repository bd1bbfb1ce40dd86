/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The policy of one sandbox, as dune-sandbox hands it to the monitor: a blob in a
 * sealed memfd, which the monitor maps read-only. All of it is offsets, no pointers.
 *
 *	0             +--------------------------+
 *	              | struct sandbox_policy    |  header_size bytes
 *	bpf_offset    +--------------------------+  8 bytes aligned
 *	              | struct sock_filter[]     |  bpf_count of them, as
 *	              |                          |  seccomp_export_bpf() gives them
 *	size          +--------------------------+  = size of the file
 *
 * What the program may reach is mostly not here: files, network, processes are the
 * namespaces' affair, made before the monitor starts. The blob says which calls.
 *
 * Descriptors. The monitor's own all lie at fd_first and above, and the program's limit
 * of open files (soft and hard) is fd_first, so that no call of the program can make or
 * name one of them: a number >= fd_first is EBADF, whatever the call.
 *
 * How dune-sandbox starts the monitor (by execveat() of starter_fd, AT_EMPTY_PATH):
 *
 *	dune-sandbox-start --policy-fd N -- PROGRAM [ARG]...
 *
 * All other numbers are in the blob. PROGRAM is a path inside the sandbox, already found in
 * PATH (argv[0] of PROGRAM is --argv0 NAME where given, else PROGRAM). Neither /proc nor
 * /dev need be mounted in there. None of the descriptors is close-on-exec, so that execve()
 * inside the sandbox can start the starter again in the same way.
 */
#ifndef SANDBOX_POLICY_H
#define SANDBOX_POLICY_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SANDBOX_POLICY_MAGIC	0x31306c6f50656e44ULL	/* "DnePol01" */
#define SANDBOX_POLICY_VERSION	1
#define SANDBOX_BPF_MAX		4096			/* instructions: Linux's own limit */
#define SANDBOX_CALLS		512			/* call numbers that are counted and cached */

/* sandbox_policy.flags */
#define SANDBOX_ALLOW_JIT	0x1u	/* what the program can write to may be executable, or become so */
#define SANDBOX_LOG		0x2u	/* send a record for each denial to log_fd */
#define SANDBOX_LEARN		0x4u	/* count calls in the area behind learn_fd */
#define SANDBOX_FLAGS		0x7u	/* all that there are; others are refused */

struct sandbox_policy {
	uint64_t magic;
	uint32_t version;
	uint32_t header_size;	/* sizeof(struct sandbox_policy) */
	uint32_t size;		/* all of the blob */
	uint32_t flags;
	uint32_t bpf_offset;
	uint32_t bpf_count;

	/* Descriptors of the monitor; -1 where there is none. All >= fd_first. */
	int32_t fd_first;
	int32_t policy_fd;	/* this blob */
	int32_t starter_fd;	/* dune-sandbox-start */
	int32_t device_fd;	/* /dev/dune */
	int32_t log_fd;		/* SOCK_SEQPACKET: struct sandbox_record; with SANDBOX_LOG */
	int32_t learn_fd;	/* memfd of sizeof(struct sandbox_learn); with SANDBOX_LEARN */

	/* Limits that Linux cannot set on the program alone; 0: none. */
	uint32_t reserved;	/* 0 */
	uint32_t reserved2;	/* 0 */
	uint64_t memory_bytes;	/* addresses that the program maps, in each process: the monitor
				 * sets RLIMIT_AS to this plus what it takes for itself, and
				 * lets nobody change it */
};

_Static_assert(sizeof(struct sandbox_policy) == 72, "the layout is fixed");

/* ---- what the monitor asks --------------------------------------------------- */

/*
 * The policy, made ready: the filter checked, and what it says to the calls for which the
 * arguments do not matter. Lies in the monitor's own memory.
 */
struct sandbox_rules {
	const struct sandbox_policy *policy;	/* where it is mapped; must stay */
	const struct sock_filter *filter;
	uint32_t filter_count;
	uint64_t always[SANDBOX_CALLS / 64];	/* bit n: call n is always SECCOMP_RET_ALLOW */
	uint64_t constant[SANDBOX_CALLS / 64];	/* bit n: it is always verdict[n] */
	uint32_t verdict[SANDBOX_CALLS];
};

/*
 * Check the blob of size bytes at blob, which must not change from then on (sealed, or
 * copied). Returns 0, or -EINVAL with *why as a text for people. Nothing in the blob is
 * believed: after 0, sandbox_verdict() reads inside the blob only, and ends.
 */
int sandbox_rules_init(struct sandbox_rules *rules, const void *blob, size_t size,
		       const char **why);

/*
 * What the policy says to a call: SECCOMP_RET_* with data, as a filter returns it.
 * Unknown actions do not come: they are SECCOMP_RET_KILL_PROCESS here.
 *
 *	ALLOW, LOG                   make the call (LOG: and send a record)
 *	ERRNO                        -(verdict & SECCOMP_RET_DATA); data is at most 4095
 *	TRACE, USER_NOTIF            -ENOSYS: there is no tracer, as Linux has it then
 *	TRAP                         SIGSYS, si_code SYS_SECCOMP, si_errno the data
 *	KILL_THREAD, KILL_PROCESS    SIGSYS that nothing catches
 */
uint32_t sandbox_verdict(const struct sandbox_rules *rules, const struct seccomp_data *call);

/* True if the call is allowed whatever its arguments; for the fast path, inline. */
static inline bool sandbox_always(const struct sandbox_rules *rules, uint64_t nr)
{
	return nr < SANDBOX_CALLS && rules->always[nr / 64] >> (nr % 64) & 1;
}

/* ---- denials ------------------------------------------------------------------- */

/* sandbox_record.kind: who denied it */
enum {
	SANDBOX_BY_FILTER = 1,	/* the filter; verdict has what it said */
	SANDBOX_BY_CALL,	/* the monitor passes no such call */
	SANDBOX_BY_POINTER,	/* a pointer into the monitor's memory */
	SANDBOX_BY_DESCRIPTOR,	/* a descriptor of the monitor */
	SANDBOX_BY_PATH,	/* a path that the monitor refuses; in text */
	SANDBOX_BY_ARGUMENT,	/* an argument or combination that it refuses; text says */
	SANDBOX_BY_JIT,		/* writable and executable memory without SANDBOX_ALLOW_JIT */
	SANDBOX_BY_DEATH,	/* the monitor ends the program; text says why */
	SANDBOX_KINDS
};

/*
 * One denial: one send(log_fd, MSG_NOSIGNAL) of offsetof(text) + text_len bytes, with
 * EINTR tried again. text is not terminated.
 */
struct sandbox_record {
	uint32_t kind;
	uint32_t verdict;	/* SECCOMP_RET_*: of the filter; for other kinds what was answered */
	int32_t pid, tid;
	int32_t nr;		/* -1: no system call */
	uint32_t text_len;
	uint64_t ip;
	uint64_t args[6];
	char text[256];
};

/* ---- learning ------------------------------------------------------------------ */

/*
 * Values (32 bits) of one argument that a call was seen with: SANDBOX_VALUE_USED | value,
 * 0 where free. When no slot is free overflow is set.
 */
#define SANDBOX_VALUES		24
#define SANDBOX_VALUE_USED	(1ULL << 63)
struct sandbox_values {
	uint64_t slot[SANDBOX_VALUES];
	uint64_t overflow;
};

/* The calls whose argument is worth a rule of its own: sandbox_learn.values[] in this order. */
enum {
	SANDBOX_VALUES_SOCKET,		/* domain, 0 */
	SANDBOX_VALUES_IOCTL,		/* request, 1 */
	SANDBOX_VALUES_PRCTL,		/* option, 0 */
	SANDBOX_VALUES_PERSONALITY,	/* persona, 0 */
	SANDBOX_VALUES_CALLS
};

/* Shared by all processes of the sandbox, zero at first, changed by atomic operations. */
struct sandbox_learn {
	uint64_t made[SANDBOX_CALLS];		/* calls that were made, or answered by the monitor */
	uint64_t refused[SANDBOX_CALLS];	/* that the monitor itself refused */
	struct sandbox_values values[SANDBOX_VALUES_CALLS];
};

/*
 * Count a call in learn. To be called for each call with SANDBOX_LEARN, with what became
 * of it. Takes no lock, which a killed process could keep.
 */
void sandbox_learn_call(struct sandbox_learn *learn, const struct seccomp_data *call,
			bool refused);

#endif /* SANDBOX_POLICY_H */
