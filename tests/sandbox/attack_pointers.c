// SPDX-License-Identifier: GPL-2.0
/* Have the kernel read or write the monitor's memory. */
#include "attack.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <termios.h>

#define O	own_data

static int zero(void)
{
	return open("/dev/zero", O_RDWR);
}

static int pair(void)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fd))
		return -1;
	return fd[0];
}

static int read_in(void) { return fails(EFAULT, "read", SYS_read, zero(), O, 64, 0, 0, 0); }
static int write_out(void) { return fails(EFAULT, "write", SYS_write, zero(), O, 64, 0, 0, 0); }
static int read_text(void) { return fails(EFAULT, "read", SYS_read, zero(), own_text, 64, 0, 0, 0); }
static int read_last(void) { return fails(EFAULT, "read", SYS_read, zero(), own_end - 1, 1, 0, 0, 0); }

static int straddle(void)
{
	return fails(EFAULT, "read", SYS_read, zero(), own_start - 4096, 8192, 0, 0, 0) |
	       fails(EFAULT, "read", SYS_read, zero(), own_start - 4096, own_end - own_start + 8192, 0, 0, 0);
}

static int wrap(void)
{
	return fails(EFAULT, "read", SYS_read, zero(), own_start - 4096, ~0UL, 0, 0, 0) |
	       fails(EFAULT, "read", SYS_read, zero(), ~0UL - 4, 64, 0, 0, 0) |
	       fails(EFAULT, "epoll_wait", SYS_epoll_wait, epoll_create1(0), own_start - 4096, 0x80000000, 0, 0, 0);
}

static int vector(void)
{
	char own[16];
	struct iovec v[2] = { { own, sizeof(own) }, { (void *)O, 64 } };
	int fd = zero();

	return fails(EFAULT, "readv", SYS_readv, fd, (uint64_t)v, 2, 0, 0, 0) |
	       fails(EFAULT, "writev", SYS_writev, fd, (uint64_t)v, 2, 0, 0, 0) |
	       fails(EFAULT, "preadv", SYS_preadv, fd, (uint64_t)v, 2, 0, 0, 0) |
	       fails(EFAULT, "pwritev", SYS_pwritev, fd, (uint64_t)v, 2, 0, 0, 0) |
	       fails(EFAULT, "preadv2", SYS_preadv2, fd, (uint64_t)v, 2, 0, 0, 0) |
	       fails(EFAULT, "readv", SYS_readv, fd, O, 2, 0, 0, 0);
}

static int vector_count(void)
{
	struct iovec v[2] = { { NULL, 0 } };

	return fails(EINVAL, "readv", SYS_readv, zero(), (uint64_t)v, 1025, 0, 0, 0) |
	       fails(EINVAL, "readv", SYS_readv, zero(), (uint64_t)v, 1UL << 60, 0, 0, 0);
}

static int message(void)
{
	char byte = 1;
	struct iovec good = { &byte, 1 }, bad = { (void *)O, 8 };
	struct msghdr iov = { .msg_iov = &bad, .msg_iovlen = 1 };
	struct msghdr name = { .msg_iov = &good, .msg_iovlen = 1, .msg_name = (void *)O, .msg_namelen = 64 };
	struct msghdr control = { .msg_iov = &good, .msg_iovlen = 1, .msg_control = (void *)O, .msg_controllen = 64 };
	struct msghdr *all[] = { &iov, &name, &control };
	int fd = pair(), bad_ones = 0;

	for (int i = 0; i < 3; i++)
		bad_ones |= fails(EFAULT, "recvmsg", SYS_recvmsg, fd, (uint64_t)all[i], MSG_DONTWAIT, 0, 0, 0) |
			    fails(EFAULT, "sendmsg", SYS_sendmsg, fd, (uint64_t)all[i], MSG_DONTWAIT, 0, 0, 0);
	return bad_ones | fails(EFAULT, "recvmsg", SYS_recvmsg, fd, O, MSG_DONTWAIT, 0, 0, 0);
}

static int messages(void)
{
	struct iovec bad = { (void *)O, 8 };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &bad, .msg_iovlen = 1 } };
	int fd = pair();

	return fails(EFAULT, "sendmmsg", SYS_sendmmsg, fd, (uint64_t)&m, 1, 0, 0, 0) |
	       fails(EFAULT, "recvmmsg", SYS_recvmmsg, fd, (uint64_t)&m, 1, MSG_DONTWAIT, 0, 0);
}

static int results(void)
{
	int fd = zero(), bad = 0;

	bad |= fails(EFAULT, "stat", SYS_stat, (uint64_t)"/", O, 0, 0, 0, 0);
	bad |= fails(EFAULT, "fstat", SYS_fstat, fd, O, 0, 0, 0, 0);
	bad |= fails(EFAULT, "statx", SYS_statx, AT_FDCWD, (uint64_t)"/", 0, 0, O, 0);
	bad |= fails(EFAULT, "statfs", SYS_statfs, (uint64_t)"/", O, 0, 0, 0, 0);
	bad |= fails(EFAULT, "getcwd", SYS_getcwd, O, 64, 0, 0, 0, 0);
	bad |= fails(EFAULT, "pipe", SYS_pipe, O, 0, 0, 0, 0, 0);
	bad |= fails(EFAULT, "pipe2", SYS_pipe2, O, 0, 0, 0, 0, 0);
	bad |= fails(EFAULT, "getrandom", SYS_getrandom, O, 64, 0, 0, 0, 0);
	bad |= fails(EFAULT, "clock_gettime", SYS_clock_gettime, 0, O, 0, 0, 0, 0);
	bad |= fails(EFAULT, "gettimeofday", SYS_gettimeofday, O, 0, 0, 0, 0, 0);
	bad |= fails(EFAULT, "uname", SYS_uname, O, 0, 0, 0, 0, 0);
	bad |= fails(EFAULT, "sysinfo", SYS_sysinfo, O, 0, 0, 0, 0, 0);
	bad |= fails(EFAULT, "getrusage", SYS_getrusage, 0, O, 0, 0, 0, 0);
	bad |= fails(EFAULT, "prlimit64", SYS_prlimit64, 0, 3, 0, O, 0, 0);
	bad |= fails(EFAULT, "wait4", SYS_wait4, -1, O, 1, 0, 0, 0);
	bad |= fails(EFAULT, "waitid", SYS_waitid, 0, 0, O, 4, 0, 0);
	bad |= fails(EFAULT, "getresuid", SYS_getresuid, O, O, O, 0, 0, 0);
	bad |= fails(EFAULT, "getgroups", SYS_getgroups, 32, O, 0, 0, 0, 0);
	bad |= fails(EFAULT, "sched_getaffinity", SYS_sched_getaffinity, 0, 128, O, 0, 0, 0);
	bad |= fails(EFAULT, "sched_getattr", SYS_sched_getattr, 0, O, 48, 0, 0, 0);
	bad |= fails(EFAULT, "getitimer", SYS_getitimer, 0, O, 0, 0, 0, 0);
	bad |= fails(EFAULT, "timer_create", SYS_timer_create, 0, 0, O, 0, 0, 0);
	bad |= fails(EFAULT, "nanosleep", SYS_nanosleep, O, O, 0, 0, 0, 0);
	bad |= fails(EFAULT, "readlink", SYS_readlink, (uint64_t)"/proc/self", O, 64, 0, 0, 0);
	bad |= fails(EFAULT, "getdents64", SYS_getdents64, open("/", O_RDONLY), O, 4096, 0, 0, 0);
	bad |= fails(EFAULT, "getcpu", SYS_getcpu, O, 0, 0, 0, 0, 0);
	bad |= fails(EFAULT, "times", SYS_times, O, 0, 0, 0, 0, 0);
	bad |= fails(EFAULT, "select", SYS_select, 1, O, 0, 0, 0, 0);
	bad |= fails(EFAULT, "poll", SYS_poll, O, 1, 0, 0, 0, 0);
	bad |= fails(EFAULT, "poll", SYS_poll, own_start - 8, 2000000000, 0, 0, 0, 0);
	bad |= fails(EFAULT, "copy_file_range", SYS_copy_file_range, fd, O, fd, 0, 64, 0);
	bad |= fails(EFAULT, "sendfile", SYS_sendfile, fd, fd, O, 64, 0, 0);
	bad |= fails(EFAULT, "capget", SYS_capget, O, O, 0, 0, 0, 0);
	bad |= fails(EFAULT, "semctl", SYS_semctl, 0, 0, 3, O, 0, 0);
	bad |= fails(EFAULT, "shmctl", SYS_shmctl, 0, 3, O, 0, 0, 0);
	return bad;
}

static int socket_results(void)
{
	int fd = pair(), bad = 0;
	uint32_t length = 64;

	bad |= fails(EFAULT, "getsockopt", SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, O, (uint64_t)&length, 0);
	bad |= fails(EFAULT, "getsockopt", SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, (uint64_t)&length, O, 0);
	bad |= fails(EFAULT, "getsockname", SYS_getsockname, fd, O, (uint64_t)&length, 0, 0, 0);
	bad |= fails(EFAULT, "recvfrom", SYS_recvfrom, fd, (uint64_t)&length, 4, MSG_DONTWAIT, O, (uint64_t)&length);
	bad |= fails(EFAULT, "recvfrom", SYS_recvfrom, fd, O, 64, MSG_DONTWAIT, 0, 0);
	bad |= fails(EFAULT, "sendto", SYS_sendto, fd, (uint64_t)&length, 4, 0, O, 16);
	bad |= fails(EFAULT, "accept", SYS_accept, fd, O, (uint64_t)&length, 0, 0, 0);
	bad |= fails(EFAULT, "socketpair", SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, O, 0, 0);
	return bad;
}

static int zerocopy(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t what[8] = { O, 4096, O, 4096 };
	uint32_t length = sizeof(what);

	return fails(ENOPROTOOPT, "TCP_ZEROCOPY_RECEIVE", SYS_getsockopt, fd, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE,
		     (uint64_t)what, (uint64_t)&length, 0);
}

static int futexes(void)
{
	uint32_t word = 0;
	int bad = 0;

	bad |= fails(EFAULT, "FUTEX_WAIT", SYS_futex, O, FUTEX_WAIT, 12345, 0, 0, 0);
	bad |= fails(EFAULT, "FUTEX_LOCK_PI", SYS_futex, O, FUTEX_LOCK_PI, 0, 0, 0, 0);
	bad |= fails(EFAULT, "FUTEX_WAKE_OP", SYS_futex, (uint64_t)&word, FUTEX_WAKE_OP, 1, 1, O,
		     FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0));
	bad |= fails(EFAULT, "FUTEX_CMP_REQUEUE_PI", SYS_futex, (uint64_t)&word, FUTEX_CMP_REQUEUE_PI, 1, 1, O, 0);
	return bad;
}

/* What the kernel writes later. */
static int tid_address(void) { return fails(EFAULT, "set_tid_address", SYS_set_tid_address, O, 0, 0, 0, 0, 0); }

static int clone_tids(void)
{
	uint64_t stack = (uint64_t)mmap(NULL, 65536, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 65536;
	uint64_t flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

	return fails(EFAULT, "CLONE_CHILD_CLEARTID", SYS_clone, flags | CLONE_CHILD_CLEARTID, stack, 0, O, 0, 0) |
	       fails(EFAULT, "CLONE_CHILD_SETTID", SYS_clone, flags | CLONE_CHILD_SETTID, stack, 0, O, 0, 0) |
	       fails(EFAULT, "CLONE_PARENT_SETTID", SYS_clone, flags | CLONE_PARENT_SETTID, stack, O, 0, 0, 0) |
	       fails(EFAULT, "CLONE_PIDFD", SYS_clone, CLONE_PIDFD | SIGCHLD, 0, O, 0, 0, 0);
}

static int clone3(void)
{
	uint64_t args[8] = { CLONE_PARENT_SETTID, 0, 0, O };

	return fails(ENOSYS, "clone3", SYS_clone3, (uint64_t)args, sizeof(args), 0, 0, 0, 0);
}

static int robust_list(void)
{
	uint64_t head[3] = { O, 0, 0 };

	return fails(ENOSYS, "set_robust_list", SYS_set_robust_list, (uint64_t)head, sizeof(head), 0, 0, 0, 0);
}

static int rseq(void)
{
	return fails(EFAULT, "rseq", SYS_rseq, O & ~31UL, 32, 0, 0x53053053, 0, 0);
}

static int signal_results(void)
{
	uint64_t action[4] = { 0 }, set = 0;
	int bad = 0;

	bad |= fails(EFAULT, "rt_sigaction", SYS_rt_sigaction, SIGUSR1, (uint64_t)action, O, 8, 0, 0);
	bad |= fails(EFAULT, "rt_sigaction", SYS_rt_sigaction, SIGUSR1, O, 0, 8, 0, 0);
	bad |= fails(EFAULT, "rt_sigprocmask", SYS_rt_sigprocmask, 0, (uint64_t)&set, O, 8, 0, 0);
	bad |= fails(EFAULT, "rt_sigpending", SYS_rt_sigpending, O, 8, 0, 0, 0, 0);
	bad |= fails(EFAULT, "rt_sigtimedwait", SYS_rt_sigtimedwait, (uint64_t)&set, O, (uint64_t)action, 8, 0, 0);
	return bad;
}

static int control(void)
{
	int fd = pair();

	return fails(EFAULT, "FIONREAD", SYS_ioctl, fd, 0x541b, O, 0, 0, 0) |
	       fails(EFAULT, "F_GETLK", SYS_fcntl, fd, F_GETLK, O, 0, 0, 0) |
	       fails(EFAULT, "PR_GET_NAME", SYS_prctl, PR_GET_NAME, O, 0, 0, 0, 0) |
	       fails(EFAULT, "PR_GET_TID_ADDRESS", SYS_prctl, PR_GET_TID_ADDRESS, O, 0, 0, 0, 0) |
	       fails(EFAULT, "PR_GET_PDEATHSIG", SYS_prctl, PR_GET_PDEATHSIG, O, 0, 0, 0, 0) |
	       fails(EFAULT, "ARCH_GET_FS", SYS_arch_prctl, 0x1003, O, 0, 0, 0, 0);
}

static int mincore_vector(void)
{
	char *page = mmap(NULL, 4096, 1, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return fails(EFAULT, "mincore", SYS_mincore, (uint64_t)page, 4096, O, 0, 0, 0) |
	       fails(EFAULT, "mincore", SYS_mincore, 0x10000, 0x300000000000, own_start - 4096, 0, 0, 0);
}

/* Nothing of the monitor's may come out by a name. */
static int names(void)
{
	return fails(EFAULT, "open", SYS_open, O, 0, 0, 0, 0, 0) | fails(EFAULT, "mkdir", SYS_mkdir, O, 0, 0, 0, 0, 0) |
	       fails(EFAULT, "openat2", SYS_openat2, AT_FDCWD, (uint64_t)"/", O, 24, 0, 0) |
	       fails(EFAULT, "symlink", SYS_symlink, O, (uint64_t)"/tmp/leak", 0, 0, 0, 0) |
	       fails(EFAULT, "PR_SET_NAME", SYS_prctl, PR_SET_NAME, O, 0, 0, 0, 0) |
	       fails(EFAULT, "execve", SYS_execve, O, 0, 0, 0, 0, 0);
}

static int exec_strings(void)
{
	const char *argv[] = { "x", (char *)O, NULL };

	return fails(EFAULT, "execve", SYS_execve, (uint64_t)"/proc/self/exe", (uint64_t)argv, 0, 0, 0, 0) |
	       fails(EFAULT, "execve", SYS_execve, (uint64_t)"/proc/self/exe", O, 0, 0, 0, 0);
}

/* ---- Mappings ------------------------------------------------------------------------ */

static int unmap(void)
{
	return fails(EINVAL, "munmap", SYS_munmap, O, 4096, 0, 0, 0, 0) |
	       fails(EINVAL, "munmap", SYS_munmap, own_start, 4096, 0, 0, 0, 0) |
	       fails(EINVAL, "munmap", SYS_munmap, own_start - 4096, 8192, 0, 0, 0, 0) |
	       fails(EINVAL, "munmap", SYS_munmap, own_start - 4096, 4097, 0, 0, 0, 0) |
	       fails(EINVAL, "munmap", SYS_munmap, 0, 1UL << 47, 0, 0, 0, 0);
}

static int unmap_wrapping(void)
{
	return fails(EINVAL, "munmap", SYS_munmap, own_start, ~0UL, 0, 0, 0, 0) |
	       fails(EINVAL, "munmap", SYS_munmap, own_start, -own_start, 0, 0, 0, 0) |
	       fails(EINVAL, "munmap", SYS_munmap, 4096, ~4095UL, 0, 0, 0, 0);
}

static int map_over(void)
{
	return fails(EINVAL, "mmap", SYS_mmap, O, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) |
	       fails(EINVAL, "mmap", SYS_mmap, own_end - 4096, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) |
	       fails(EINVAL, "mmap", SYS_mmap, own_start - 4096, 3UL << 30, 3,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

static int map_near(void)
{
	long at = raw(SYS_mmap, O, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at > 0 && ((uint64_t)at < own_start || (uint64_t)at >= own_end) ? HELD : escaped("a hint was followed");
}

static int protect(void)
{
	return fails(EINVAL, "mprotect", SYS_mprotect, own_text, 4096, 3, 0, 0, 0) |
	       fails(EINVAL, "mprotect", SYS_mprotect, own_start, 4096, 3, 0, 0, 0) |
	       fails(EINVAL, "pkey_mprotect", SYS_pkey_mprotect, O, 4096, 3, -1, 0, 0);
}

static int advise(void)
{
	return fails(EINVAL, "madvise", SYS_madvise, O, 4096, MADV_DONTNEED, 0, 0, 0) |
	       fails(EINVAL, "madvise", SYS_madvise, own_start - 4096, 1UL << 31, MADV_DONTFORK, 0, 0, 0) |
	       fails(EINVAL, "mlock", SYS_mlock, O, 4096, 0, 0, 0, 0) |
	       fails(EINVAL, "msync", SYS_msync, O, 4096, 0, 0, 0, 0);
}

static int remap(void)
{
	char *page = mmap(NULL, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return fails(EINVAL, "mremap", SYS_mremap, O, 4096, 8192, MREMAP_MAYMOVE, 0, 0) |
	       fails(EINVAL, "mremap", SYS_mremap, O, 0, 4096, MREMAP_MAYMOVE, 0, 0) |
	       fails(EINVAL, "mremap", SYS_mremap, (uint64_t)page, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, O, 0) |
	       fails(EINVAL, "mremap", SYS_mremap, (uint64_t)page, 4096, 4096, 7, own_text, 0);
}

static int shared_memory(void)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600);
	int bad = fails(EINVAL, "shmat", SYS_shmat, (uint64_t)id, own_text, SHM_REMAP, 0, 0, 0);

	bad |= fails(EFAULT, "shmdt", SYS_shmdt, O, 0, 0, 0, 0, 0);
	shmctl(id, IPC_RMID, NULL);
	return bad;
}

static int stack_into(void)
{
	/* a stack that grows down from above */
	long at = raw(SYS_mmap, own_end, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN, -1, 0);

	if (at < 0)
		return HELD;	/* something is there */
	*(volatile char *)(at - 8192) = 1;
	return escaped("a stack grew into the monitor's memory");
}

/* ---- Code ------------------------------------------------------------------------------ */

static int write_and_execute(void)
{
	return fails(EACCES, "mmap", SYS_mmap, 0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) |
	       fails(EACCES, "mmap", SYS_mmap, 0, 4096, 7, MAP_PRIVATE, open("/proc/self/exe", O_RDONLY), 0);
}

static int execute_memory(void)
{
	char *page = mmap(NULL, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = (int)raw(SYS_memfd_create, (uint64_t)"x", 0, 0, 0, 0, 0);

	return fails(EACCES, "mmap", SYS_mmap, 0, 4096, 5, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) |
	       fails(EACCES, "mprotect", SYS_mprotect, (uint64_t)page, 4096, 5, 0, 0, 0) |
	       fails(EACCES, "pkey_mprotect", SYS_pkey_mprotect, (uint64_t)page, 4096, 5, -1, 0, 0) |
	       fails(EACCES, "mmap", SYS_mmap, 0, 4096, 5, MAP_SHARED, fd, 0) |
	       fails(EACCES, "shmat", SYS_shmat, 0, 0, SHM_EXEC, 0, 0, 0);
}

/* What the program itself has written, in files. */
static int execute_files(void)
{
	char path[64];
	int fd, memory = (int)raw(SYS_memfd_create, (uint64_t)"x", 0, 0, 0, 0, 0), bad = 0;
	char *alias;

	snprintf(path, sizeof(path), "/tmp/code%d", getpid());
	fd = open(path, O_RDWR | O_CREAT, 0777);
	if (fd < 0 || ftruncate(fd, 4096) || ftruncate(memory, 4096))
		return 2;
	alias = mmap(NULL, 4096, 3, MAP_SHARED, fd, 0);
	if (alias == MAP_FAILED)
		return 2;
	alias[0] = (char)0xc3;
	bad |= fails(EACCES, "a file", SYS_mmap, 0, 4096, 5, MAP_PRIVATE, (uint64_t)fd, 0);
	bad |= fails(EACCES, "a file anew", SYS_mmap, 0, 4096, 5, MAP_PRIVATE, (uint64_t)open(path, O_RDONLY), 0);
	bad |= fails(EACCES, "a file over it", SYS_mmap, (uint64_t)alias, 4096, 5, MAP_PRIVATE | MAP_FIXED, (uint64_t)fd, 0);
	bad |= fails(EACCES, "memfd", SYS_mmap, 0, 4096, 5, MAP_PRIVATE, (uint64_t)memory, 0);
	bad |= fails(EACCES, "the upper half", SYS_mmap, 0, 4096, 5, MAP_PRIVATE, 1UL << 32 | (uint64_t)memory, 0);
	bad |= fails(EACCES, "mremap", SYS_mprotect, (uint64_t)mremap(alias, 4096, 8192, MREMAP_MAYMOVE), 4096, 5, 0, 0, 0);
	unlink(path);
	return bad;
}

static int read_implies_exec(void) { return fails(EPERM, "personality", SYS_personality, 0x400000, 0, 0, 0, 0, 0); }

/* With --jit it works, and is still ring 3. */
static int jit(void)
{
	char *page = (char *)raw(SYS_mmap, 0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if ((long)page < 0)
		return escaped("--jit does not work");
	memcpy(page, "\x0f\x01\xc1\xc3", 4);	/* vmcall; ret */
	((void (*)(void))page)();
	return escaped("VMCALL in ring 3");
}

const struct attack pointer_attacks[] = {
	{ "read into", read_in, HELD, "refused: pointer" },
	{ "write out of", write_out, HELD, "refused: pointer" },
	{ "read over text", read_text, HELD, "refused: pointer" },
	{ "read at the last byte", read_last, HELD, "refused: pointer" },
	{ "read across the border", straddle, HELD, "refused: pointer" },
	{ "lengths that wrap", wrap, HELD, "refused: pointer" },
	{ "vectors", vector, HELD, "refused: pointer" },
	{ "too many vectors", vector_count, HELD, NULL },
	{ "messages", message, HELD, "refused: pointer" },
	{ "many messages", messages, HELD, "refused: pointer" },
	{ "results of calls", results, HELD, "refused: pointer" },
	{ "results of calls on sockets", socket_results, HELD, "refused: pointer" },
	{ "zero-copy receive", zerocopy, HELD, "refused: argument" },
	{ "futexes", futexes, HELD, "refused: pointer" },
	{ "set_tid_address", tid_address, HELD, "refused: pointer" },
	{ "thread numbers by clone", clone_tids, HELD, "refused: pointer" },
	{ "clone3", clone3, HELD, NULL },
	{ "robust list", robust_list, HELD, NULL },
	{ "rseq", rseq, HELD, "refused: pointer" },
	{ "results about signals", signal_results, HELD, "refused: pointer" },
	{ "ioctl, fcntl, prctl", control, HELD, "refused: pointer" },
	{ "mincore", mincore_vector, HELD, "refused: pointer" },
	{ "names", names, HELD, "refused: pointer" },
	{ "strings of execve", exec_strings, HELD, NULL },
	{ "munmap", unmap, HELD, "refused: pointer" },
	{ "munmap that wraps", unmap_wrapping, HELD, NULL },
	{ "mmap over", map_over, HELD, "refused: pointer" },
	{ "mmap with a hint", map_near, HELD, NULL },
	{ "mprotect", protect, HELD, "refused: pointer" },
	{ "madvise, mlock, msync", advise, HELD, "refused: pointer" },
	{ "mremap", remap, HELD, "refused: pointer" },
	{ "shmat", shared_memory, HELD, "refused: argument" },
	{ "a stack above", stack_into, 128 + SIGSEGV, NULL },
	{ "writable and executable", write_and_execute, HELD, "refused: jit" },
	{ "memory made executable", execute_memory, HELD, "refused: jit" },
	{ "files made executable", execute_files, HELD, "refused: jit" },
	{ "READ_IMPLIES_EXEC", read_implies_exec, HELD, "refused: argument" },
	{ "VMCALL in made code", jit, 128 + SIGILL, NULL, "--jit" },
	{ NULL }
};
