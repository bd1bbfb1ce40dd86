// SPDX-License-Identifier: GPL-2.0
/* Where system calls write: calls.h. */
#include "calls.h"
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#endif

enum how { ANYWHERE, NOWHERE, OUTPUTS, ASYNC };

/* @len: bytes; or LEN(argument that says how many); or TIMES(argument, bytes of one). */
struct output {
	uint8_t arg;		/* counted from 1; 0: no more */
	uint8_t len_arg;	/* likewise */
	uint16_t unit;
};

struct call {
	uint8_t how;
	struct output out[3];
};

#define NO		{ NOWHERE, {} }
#define OUT(...)	{ OUTPUTS, { __VA_ARGS__ } }
#define LEN(p, n)	{ p, n, 1 }
#define TIMES(p, n, u)	{ p, n, u }
#define FIX(p, u)	{ p, 0, u }

static const struct call table[] = {
	/* into a buffer */
	[SYS_read] = OUT(LEN(2, 3)), [SYS_pread64] = OUT(LEN(2, 3)),
	[SYS_recvfrom] = OUT(LEN(2, 3), FIX(5, 128), FIX(6, 4)),
	[SYS_getdents64] = OUT(LEN(2, 3)), [SYS_getcwd] = OUT(LEN(1, 2)),
	[SYS_readlink] = OUT(LEN(2, 3)), [SYS_readlinkat] = OUT(LEN(3, 4)),
	[SYS_getrandom] = OUT(LEN(1, 2)), [SYS_getxattr] = OUT(LEN(3, 4)),
	[SYS_lgetxattr] = OUT(LEN(3, 4)), [SYS_fgetxattr] = OUT(LEN(3, 4)),
	[SYS_listxattr] = OUT(LEN(2, 3)), [SYS_llistxattr] = OUT(LEN(2, 3)), [SYS_flistxattr] = OUT(LEN(2, 3)),
	[SYS_sched_getaffinity] = OUT(LEN(3, 2)), [SYS_mincore] = OUT(LEN(3, 2)),
	[SYS_getgroups] = OUT(TIMES(2, 1, 4)),
	/* structures */
	[SYS_stat] = OUT(FIX(2, 144)), [SYS_fstat] = OUT(FIX(2, 144)), [SYS_lstat] = OUT(FIX(2, 144)),
	[SYS_newfstatat] = OUT(FIX(3, 144)), [SYS_statx] = OUT(FIX(5, 256)),
	[SYS_statfs] = OUT(FIX(2, 120)), [SYS_fstatfs] = OUT(FIX(2, 120)),
	[SYS_clock_gettime] = OUT(FIX(2, 16)), [SYS_clock_getres] = OUT(FIX(2, 16)),
	[SYS_gettimeofday] = OUT(FIX(1, 16), FIX(2, 8)), [SYS_time] = OUT(FIX(1, 8)), [SYS_times] = OUT(FIX(1, 32)),
	[SYS_nanosleep] = OUT(FIX(2, 16)), [SYS_clock_nanosleep] = OUT(FIX(4, 16)),
	[SYS_getrusage] = OUT(FIX(2, 144)), [SYS_getrlimit] = OUT(FIX(2, 16)), [SYS_prlimit64] = OUT(FIX(4, 16)),
	[SYS_uname] = OUT(FIX(1, 390)), [SYS_sysinfo] = OUT(FIX(1, 112)),
	[SYS_wait4] = OUT(FIX(2, 4), FIX(4, 144)), [SYS_waitid] = OUT(FIX(3, 128), FIX(5, 144)),
	[SYS_pipe] = OUT(FIX(1, 8)), [SYS_pipe2] = OUT(FIX(1, 8)), [SYS_socketpair] = OUT(FIX(4, 8)),
	[SYS_accept] = OUT(FIX(2, 128), FIX(3, 4)), [SYS_accept4] = OUT(FIX(2, 128), FIX(3, 4)),
	[SYS_getsockname] = OUT(FIX(2, 128), FIX(3, 4)), [SYS_getpeername] = OUT(FIX(2, 128), FIX(3, 4)),
	[SYS_rt_sigaction] = OUT(FIX(3, 32)), [SYS_rt_sigprocmask] = OUT(FIX(3, 8)),
	[SYS_rt_sigpending] = OUT(FIX(1, 8)), [SYS_rt_sigtimedwait] = OUT(FIX(2, 128)),
	[SYS_sigaltstack] = OUT(FIX(2, 24)), [SYS_sched_getparam] = OUT(FIX(2, 4)),
	[SYS_getitimer] = OUT(FIX(2, 32)), [SYS_setitimer] = OUT(FIX(3, 32)),
	[SYS_epoll_wait] = OUT(TIMES(2, 3, 12)), [SYS_epoll_pwait] = OUT(TIMES(2, 3, 12)), [SYS_poll] = OUT(TIMES(1, 2, 8)),
	[SYS_ppoll] = OUT(TIMES(1, 2, 8), FIX(3, 16)),
	[SYS_sendfile] = OUT(FIX(3, 8)), [SYS_splice] = OUT(FIX(2, 8), FIX(4, 8)), [SYS_copy_file_range] = OUT(FIX(2, 8), FIX(4, 8)),
	[SYS_getresuid] = OUT(FIX(1, 4), FIX(2, 4), FIX(3, 4)), [SYS_getresgid] = OUT(FIX(1, 4), FIX(2, 4), FIX(3, 4)),
	[SYS_getcpu] = OUT(FIX(1, 4), FIX(2, 4)), [SYS_arch_prctl] = OUT(FIX(2, 8)),
	[SYS_futex] = OUT(FIX(1, 4), FIX(5, 4)), [SYS_set_tid_address] = OUT(FIX(1, 4)),
	/* memory comes or goes under an address */
	[SYS_mmap] = OUT(LEN(1, 2)), [SYS_munmap] = OUT(LEN(1, 2)), [SYS_madvise] = OUT(LEN(1, 2)),
	/* none of the program's memory */
	[SYS_write] = NO, [SYS_pwrite64] = NO, [SYS_writev] = NO, [SYS_pwritev] = NO, [SYS_open] = NO, [SYS_openat] = NO,
	[SYS_close] = NO, [SYS_lseek] = NO, [SYS_mprotect] = NO, [SYS_brk] = NO, [SYS_access] = NO, [SYS_faccessat] = NO,
	[SYS_sched_yield] = NO, [SYS_dup] = NO, [SYS_dup2] = NO, [SYS_dup3] = NO, [SYS_pause] = NO, [SYS_alarm] = NO,
	[SYS_getpid] = NO, [SYS_gettid] = NO, [SYS_getppid] = NO, [SYS_getuid] = NO, [SYS_geteuid] = NO, [SYS_getgid] = NO,
	[SYS_getegid] = NO, [SYS_socket] = NO, [SYS_connect] = NO, [SYS_bind] = NO, [SYS_listen] = NO, [SYS_sendto] = NO,
	[SYS_sendmsg] = NO, [SYS_shutdown] = NO, [SYS_setsockopt] = NO, [SYS_clone] = NO, [SYS_fork] = NO, [SYS_vfork] = NO,
	[SYS_execve] = NO, [SYS_exit] = NO, [SYS_exit_group] = NO, [SYS_kill] = NO, [SYS_tkill] = NO, [SYS_tgkill] = NO,
	[SYS_rt_sigreturn] = NO, [SYS_rt_sigsuspend] = NO, [SYS_rt_sigqueueinfo] = NO, [SYS_fsync] = NO, [SYS_fdatasync] = NO,
	[SYS_truncate] = NO, [SYS_ftruncate] = NO, [SYS_chdir] = NO, [SYS_fchdir] = NO, [SYS_rename] = NO, [SYS_mkdir] = NO,
	[SYS_rmdir] = NO, [SYS_unlink] = NO, [SYS_unlinkat] = NO, [SYS_umask] = NO, [SYS_chmod] = NO, [SYS_fchmod] = NO,
	[SYS_setpgid] = NO, [SYS_getpgrp] = NO, [SYS_setsid] = NO, [SYS_getpgid] = NO, [SYS_getsid] = NO,
	[SYS_sched_setaffinity] = NO, [SYS_epoll_create1] = NO, [SYS_epoll_ctl] = NO, [SYS_eventfd2] = NO, [SYS_msync] = NO,
	[SYS_set_robust_list] = NO, [SYS_membarrier] = NO, [SYS_setpriority] = NO, [SYS_getpriority] = NO,
	[SYS_timerfd_create] = NO, [SYS_memfd_create] = NO, [SYS_fallocate] = NO, [SYS_setrlimit] = NO, [SYS_flock] = NO,
	[SYS_rseq] = NO, [SYS_clone3] = NO,
	/* what writes later */
	[SYS_io_setup] = { ASYNC, {} }, [SYS_io_uring_setup] = { ASYNC, {} },
};

uint8_t calls_async;

static uint64_t length(const struct output *out, const uint64_t arg[CALL_ARGS])
{
	uint64_t n;

	if (!out->len_arg)
		return out->unit;
	n = arg[out->len_arg - 1];
	return n > UINT64_MAX / out->unit ? UINT64_MAX : n * out->unit;
}

static void note_outputs(struct notes *n, const struct call *call, const uint64_t arg[CALL_ARGS])
{
	for (unsigned int i = 0; i < 3 && call->out[i].arg; i++)
		notes_add(n, arg[call->out[i].arg - 1], length(&call->out[i], arg));
}

void calls_note(struct notes *n, unsigned int nr, const uint64_t arg[CALL_ARGS])
{
	const struct call *call = nr < sizeof(table) / sizeof(table[0]) ? &table[nr] : NULL;

	switch (call ? call->how : ANYWHERE) {
	case NOWHERE:
		break;
	case OUTPUTS:
		note_outputs(n, call, arg);
		break;
	case ASYNC:
		__atomic_store_n(&calls_async, 1, __ATOMIC_RELEASE);
		break;
	default:
		notes_any(n);
	}
}
