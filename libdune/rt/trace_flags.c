// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Flags and other named numbers of system calls. Kinds of arguments:
 *
 *	a	access()		C	clone(), unshare()
 *	c	a clock			D	a socket's domain
 *	F	mmap(): flags		h	sigprocmask(): how
 *	I	ioctl()			K	fcntl()
 *	o	open()			O	futex()
 *	P	mmap(): rights		R	a resource
 *	T	...at(): flags		v, V	prctl(), arch_prctl()
 *	w	lseek()			W	wait4(), waitid()
 *	y	madvise()		Y	a socket's type
 */
#define _GNU_SOURCE
#include <asm/ioctls.h>
#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "trace_call.h"

struct name {
	uint64_t value;
	const char *text;
};

#define N(name)		{ name, #name }
#define END		{ 0, NULL }

/* Of one of these at most, and the rest of it as flags. */
static const struct name access_modes[] = { N(F_OK), END };
static const struct name access_bits[] = { N(R_OK), N(W_OK), N(X_OK), END };
static const struct name open_modes[] = { N(O_RDONLY), N(O_WRONLY), N(O_RDWR), END };
/* O_SYNC and O_TMPFILE are others' bits and one more: first. O_LARGEFILE is 0 to libc. */
static const struct name open_bits[] = {
	N(O_SYNC), N(O_TMPFILE), N(O_CREAT), N(O_EXCL), N(O_NOCTTY), N(O_TRUNC), N(O_APPEND),
	N(O_NONBLOCK), N(O_DSYNC), N(O_ASYNC), N(O_DIRECT), { 0100000, "O_LARGEFILE" },
	N(O_DIRECTORY), N(O_NOFOLLOW), N(O_NOATIME), N(O_CLOEXEC), N(O_PATH), END
};
static const struct name prot_modes[] = { N(PROT_NONE), END };
static const struct name prot_bits[] = {
	N(PROT_READ), N(PROT_WRITE), N(PROT_EXEC), N(PROT_GROWSDOWN), N(PROT_GROWSUP), END
};
static const struct name map_modes[] = {
	N(MAP_SHARED), N(MAP_PRIVATE), N(MAP_SHARED_VALIDATE), END
};
static const struct name map_bits[] = {
	N(MAP_FIXED), N(MAP_ANONYMOUS), N(MAP_32BIT), N(MAP_GROWSDOWN), N(MAP_DENYWRITE),
	N(MAP_EXECUTABLE), N(MAP_LOCKED), N(MAP_NORESERVE), N(MAP_POPULATE), N(MAP_NONBLOCK),
	N(MAP_STACK), N(MAP_HUGETLB), N(MAP_SYNC), N(MAP_FIXED_NOREPLACE), END
};
static const struct name no_modes[] = { { 0, "0" }, END };
static const struct name at_bits[] = {
	N(AT_SYMLINK_NOFOLLOW), N(AT_REMOVEDIR), N(AT_SYMLINK_FOLLOW), N(AT_NO_AUTOMOUNT),
	N(AT_EMPTY_PATH), END
};
static const struct name clone_bits[] = {
	N(CLONE_VM), N(CLONE_FS), N(CLONE_FILES), N(CLONE_SIGHAND), N(CLONE_PIDFD),
	N(CLONE_PTRACE), N(CLONE_VFORK), N(CLONE_PARENT), N(CLONE_THREAD), N(CLONE_NEWNS),
	N(CLONE_SYSVSEM), N(CLONE_SETTLS), N(CLONE_PARENT_SETTID), N(CLONE_CHILD_CLEARTID),
	N(CLONE_DETACHED), N(CLONE_UNTRACED), N(CLONE_CHILD_SETTID), N(CLONE_NEWCGROUP),
	N(CLONE_NEWUTS), N(CLONE_NEWIPC), N(CLONE_NEWUSER), N(CLONE_NEWPID), N(CLONE_NEWNET),
	N(CLONE_IO), END
};
static const struct name wait_bits[] = {
	N(WNOHANG), N(WUNTRACED), N(WEXITED), N(WCONTINUED), N(WNOWAIT),
	{ 0x20000000, "__WNOTHREAD" }, { 0x40000000, "__WALL" }, { 0x80000000, "__WCLONE" }, END
};
static const struct name futex_ops[] = {
	N(FUTEX_WAIT), N(FUTEX_WAKE), N(FUTEX_FD), N(FUTEX_REQUEUE), N(FUTEX_CMP_REQUEUE),
	N(FUTEX_WAKE_OP), N(FUTEX_LOCK_PI), N(FUTEX_UNLOCK_PI), N(FUTEX_TRYLOCK_PI),
	N(FUTEX_WAIT_BITSET), N(FUTEX_WAKE_BITSET), N(FUTEX_WAIT_REQUEUE_PI),
	N(FUTEX_CMP_REQUEUE_PI), { 13, "FUTEX_LOCK_PI2" }, END
};
static const struct name futex_bits[] = {
	{ FUTEX_PRIVATE_FLAG, "FUTEX_PRIVATE_FLAG" },
	{ FUTEX_CLOCK_REALTIME, "FUTEX_CLOCK_REALTIME" }, END
};
static const struct name domains[] = {
	N(AF_UNSPEC), N(AF_UNIX), N(AF_INET), N(AF_INET6), N(AF_NETLINK), N(AF_PACKET),
	N(AF_VSOCK), END
};
static const struct name types[] = {
	{ 0, "0" }, N(SOCK_STREAM), N(SOCK_DGRAM), N(SOCK_RAW), N(SOCK_SEQPACKET), END
};
static const struct name type_bits[] = { N(SOCK_NONBLOCK), N(SOCK_CLOEXEC), END };
static const struct name whences[] = {
	N(SEEK_SET), N(SEEK_CUR), N(SEEK_END), N(SEEK_DATA), N(SEEK_HOLE), END
};
static const struct name hows[] = { N(SIG_BLOCK), N(SIG_UNBLOCK), N(SIG_SETMASK), END };
static const struct name clocks[] = {
	N(CLOCK_REALTIME), N(CLOCK_MONOTONIC), N(CLOCK_PROCESS_CPUTIME_ID),
	N(CLOCK_THREAD_CPUTIME_ID), N(CLOCK_MONOTONIC_RAW), N(CLOCK_REALTIME_COARSE),
	N(CLOCK_MONOTONIC_COARSE), N(CLOCK_BOOTTIME), N(CLOCK_REALTIME_ALARM),
	N(CLOCK_BOOTTIME_ALARM), N(CLOCK_TAI), END
};
static const struct name resources[] = {
	N(RLIMIT_CPU), N(RLIMIT_FSIZE), N(RLIMIT_DATA), N(RLIMIT_STACK), N(RLIMIT_CORE),
	N(RLIMIT_RSS), N(RLIMIT_NPROC), N(RLIMIT_NOFILE), N(RLIMIT_MEMLOCK), N(RLIMIT_AS),
	N(RLIMIT_LOCKS), N(RLIMIT_SIGPENDING), N(RLIMIT_MSGQUEUE), N(RLIMIT_NICE),
	N(RLIMIT_RTPRIO), N(RLIMIT_RTTIME), END
};
static const struct name advices[] = {
	N(MADV_NORMAL), N(MADV_RANDOM), N(MADV_SEQUENTIAL), N(MADV_WILLNEED), N(MADV_DONTNEED),
	N(MADV_FREE), N(MADV_REMOVE), N(MADV_DONTFORK), N(MADV_DOFORK), N(MADV_MERGEABLE),
	N(MADV_UNMERGEABLE), N(MADV_HUGEPAGE), N(MADV_NOHUGEPAGE), N(MADV_DONTDUMP),
	N(MADV_DODUMP), N(MADV_WIPEONFORK), N(MADV_KEEPONFORK), N(MADV_COLD), N(MADV_PAGEOUT),
	END
};
static const struct name fcntls[] = {
	N(F_DUPFD), N(F_GETFD), N(F_SETFD), N(F_GETFL), N(F_SETFL), { 5, "F_GETLK" },
	{ 6, "F_SETLK" }, { 7, "F_SETLKW" }, N(F_SETOWN), N(F_GETOWN), N(F_SETSIG), N(F_GETSIG),
	N(F_DUPFD_CLOEXEC), N(F_OFD_GETLK), N(F_OFD_SETLK), N(F_OFD_SETLKW), N(F_SETLEASE),
	N(F_GETLEASE), N(F_NOTIFY), N(F_SETPIPE_SZ), N(F_GETPIPE_SZ), N(F_ADD_SEALS),
	N(F_GET_SEALS), END
};
static const struct name ioctls[] = {
	N(TCGETS), N(TCSETS), N(TCSETSW), N(TCSETSF), N(TCSBRK), N(TCFLSH), N(TIOCGWINSZ),
	N(TIOCSWINSZ), N(TIOCGPGRP), N(TIOCSPGRP), N(TIOCSCTTY), N(TIOCNOTTY), N(TIOCGSID),
	N(TIOCGPTN), N(TIOCSPTLCK), N(FIONREAD), N(FIONBIO), N(FIOCLEX), N(FIONCLEX), END
};
static const struct name prctls[] = {
	N(PR_SET_PDEATHSIG), N(PR_GET_PDEATHSIG), N(PR_GET_DUMPABLE), N(PR_SET_DUMPABLE),
	N(PR_SET_KEEPCAPS), N(PR_SET_NAME), N(PR_GET_NAME), N(PR_GET_SECCOMP), N(PR_SET_SECCOMP),
	N(PR_CAPBSET_READ), N(PR_CAPBSET_DROP), N(PR_SET_TSC), N(PR_GET_TSC),
	N(PR_SET_TIMERSLACK), N(PR_SET_MM), N(PR_SET_CHILD_SUBREAPER), N(PR_SET_NO_NEW_PRIVS),
	N(PR_GET_NO_NEW_PRIVS), N(PR_SET_THP_DISABLE), N(PR_CAP_AMBIENT), N(PR_SET_PTRACER),
	N(PR_SET_VMA), N(PR_SET_SYSCALL_USER_DISPATCH), END
};
static const struct name arch_prctls[] = {
	N(ARCH_SET_GS), N(ARCH_SET_FS), N(ARCH_GET_FS), N(ARCH_GET_GS), N(ARCH_GET_CPUID),
	N(ARCH_SET_CPUID), { 0x3001, "ARCH_CET_STATUS" }, { 0x5005, "ARCH_SHSTK_STATUS" }, END
};

/* @mask of the argument is one of @modes, the rest is @bits. */
static const struct kind {
	char letter;
	uint32_t mask;
	const struct name *modes, *bits;
} flag_kinds[] = {
	{ 'a', 0, access_modes, access_bits },
	{ 'o', O_ACCMODE, open_modes, open_bits },
	{ 'P', 0, prot_modes, prot_bits },
	{ 'F', MAP_TYPE, map_modes, map_bits },
	{ 'T', 0, no_modes, at_bits },
	{ 'W', 0, no_modes, wait_bits },
	{ 'O', 127, futex_ops, futex_bits },
	{ 'Y', 15, types, type_bits },
	{ 'D', ~0U, domains, NULL },
	{ 'w', ~0U, whences, NULL },
	{ 'h', ~0U, hows, NULL },
	{ 'c', ~0U, clocks, NULL },
	{ 'R', ~0U, resources, NULL },
	{ 'y', ~0U, advices, NULL },
	{ 'K', ~0U, fcntls, NULL },
	{ 'I', ~0U, ioctls, NULL },
	{ 'v', ~0U, prctls, NULL },
	{ 'V', ~0U, arch_prctls, NULL },
};

static const char *name_of(const struct name *name, uint64_t value)
{
	for (; name->text; name++)
		if (name->value == value)
			return name->text;
	return NULL;
}

/* What is left has no name. @any: something stands before it. */
static void put_bits(struct dune_text *text, const struct name *bit, uint64_t value, bool any)
{
	for (; bit && bit->text; bit++) {
		if ((value & bit->value) != bit->value)
			continue;
		if (any)
			dune_put_char(text, '|');
		dune_put(text, bit->text);
		value &= ~bit->value;
		any = true;
	}
	if (!value && any)
		return;
	if (any)
		dune_put_char(text, '|');
	dune_put_hex(text, value);
}

/* The lowest byte is the signal that the child sends when it ends. */
static void put_clone_flags(struct dune_text *text, uint64_t value)
{
	uint64_t bits = value & ~0xffULL, sig = value & 0xff;

	if (bits)
		put_bits(text, clone_bits, bits, false);
	if (bits && sig)
		dune_put_char(text, '|');
	if (sig || !bits)
		trace_put_signal(text, sig);
}

static void put_kind(struct dune_text *text, const struct kind *kind, uint64_t value)
{
	const char *mode;

	value = (uint32_t)value;	/* each of them is an int */
	mode = name_of(kind->modes, value & kind->mask);
	/* Where there is no field apart, 0 has a name only if it is all there is. */
	if (!kind->mask && value)
		mode = NULL;
	if (mode)
		dune_put(text, mode);
	if (!mode || value & ~(uint64_t)kind->mask)
		put_bits(text, kind->bits, mode ? value & ~(uint64_t)kind->mask : value, mode);
}

bool trace_put_flags(struct dune_text *text, char letter, uint64_t value)
{
	unsigned int i;

	if (letter == 'C') {
		put_clone_flags(text, value);
		return true;
	}
	for (i = 0; i < sizeof(flag_kinds) / sizeof(flag_kinds[0]); i++) {
		if (flag_kinds[i].letter != letter)
			continue;
		put_kind(text, &flag_kinds[i], value);
		return true;
	}
	return false;
}

void trace_put_signal(struct dune_text *text, uint64_t sig)
{
	static const char names[][7] = {
		"0", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1",
		"SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP",
		"TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR",
		"SYS",
	};

	sig = (uint32_t)sig;
	if (sig && sig <= 64)
		dune_put(text, "SIG");
	if (sig < sizeof(names) / sizeof(names[0])) {
		dune_put(text, names[sig]);
	} else if (sig <= 64) {
		dune_put(text, "RT_");
		dune_put_unsigned(text, sig - 32);
	} else {
		dune_put_decimal(text, (int32_t)sig);
	}
}
