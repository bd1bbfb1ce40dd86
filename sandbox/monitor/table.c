// SPDX-License-Identifier: GPL-2.0
/*
 * The calls that the monitor knows: how their arguments are looked at, and by which function
 * if that is not enough. What is not here is not made: ENOSYS.
 *
 * Not here for what they do to other processes or to the machine: ptrace, process_vm_*, kcmp, pidfd_getfd,
 * mount and its kin, pivot_root, chroot, setns, unshare, modules, kexec, bpf, perf_event_open, keys, acct,
 * swap, quota, reboot, clocks that are set, ports, LDT, NUMA. For ways to have the kernel access memory
 * that are not looked at: io_uring, io_submit, userfaultfd, vmsplice, process_madvise. seccomp: a filter
 * that watches would send all calls the slow way, and the sandbox has its own. open_by_handle_at: it knows no
 * paths. mq_notify: it reads where an address in memory says.
 *
 * Absent, which is no news, since every libc asks for them and does without: set_robust_list, for writes
 * that come at the end of a thread, along a list in memory; clone3, whose flags are in memory.
 */
#include "monitor.h"

#define N	SANDBOX_NUM
#define F	SANDBOX_FD
#define P	SANDBOX_PTR
#define B(n)	SANDBOX_BUF(n)
#define A(n, s)	SANDBOX_ARRAY(n, s)

/* The arguments, and the function. */
#define PASS(name, ...)		[SYS_##name] = { .arg = { __VA_ARGS__ }, .known = true }
#define CALL(name, function, ...) [SYS_##name] = { .arg = { __VA_ARGS__ }, .known = true, .fn = sandbox_##function }

#ifndef SYS_cachestat
#define SYS_cachestat	451
#define SYS_fchmodat2	452
#endif

const struct sandbox_row sandbox_rows[SANDBOX_ROWS] = {
	/* files, by descriptor */
	PASS(read, F, B(2)), PASS(write, F, B(2)), PASS(pread64, F, B(2)), PASS(pwrite64, F, B(2)),
	CALL(readv, readv, F, P), CALL(writev, readv, F, P), CALL(preadv, readv, F, P), CALL(pwritev, readv, F, P),
	CALL(preadv2, readv, F, P), CALL(pwritev2, readv, F, P),
	PASS(close, F), CALL(close_range, close_range, N), PASS(lseek, F), PASS(fstat, F, P), PASS(fstatfs, F, P),
	PASS(dup, F), PASS(dup2, F, F), PASS(dup3, F, F), CALL(fcntl, fcntl, F, N, P), CALL(ioctl, ioctl, F, N, P),
	PASS(flock, F), PASS(fsync, F), PASS(fdatasync, F), PASS(syncfs, F), PASS(sync_file_range, F),
	PASS(ftruncate, F), PASS(fallocate, F), PASS(fadvise64, F), PASS(readahead, F),
	PASS(getdents, F, B(2)), PASS(getdents64, F, B(2)), PASS(fchdir, F), PASS(fchmod, F), PASS(fchown, F),
	PASS(fsetxattr, F, P, B(3)), PASS(fgetxattr, F, P, B(3)), PASS(flistxattr, F, B(2)), PASS(fremovexattr, F, P),
	PASS(sendfile, F, F, P), PASS(splice, F, P, F, P), PASS(tee, F, F), PASS(copy_file_range, F, P, F, P),
	PASS(cachestat, F, P, P),

	/* files, by path */
	CALL(open, open, P), CALL(creat, creat, P), CALL(openat, openat, F, P), CALL(openat2, openat2, F, P, P),
	PASS(stat, P, P), PASS(lstat, P, P), PASS(newfstatat, F, P, P), PASS(statx, F, P, N, N, P), PASS(statfs, P, P),
	PASS(access, P), PASS(faccessat, F, P), PASS(faccessat2, F, P),
	PASS(readlink, P, B(2)), PASS(readlinkat, F, P, B(3)),
	PASS(getcwd, B(1)), PASS(chdir, P), CALL(truncate, truncate, P),
	PASS(mkdir, P), PASS(mkdirat, F, P), PASS(rmdir, P), CALL(mknod, mknod, P), CALL(mknodat, mknodat, F, P),
	PASS(link, P, P), PASS(linkat, F, P, F, P), PASS(symlink, P, P), PASS(symlinkat, P, F, P),
	PASS(unlink, P), PASS(unlinkat, F, P),
	PASS(rename, P, P), PASS(renameat, F, P, F, P), PASS(renameat2, F, P, F, P),
	PASS(chmod, P), PASS(fchmodat, F, P), PASS(fchmodat2, F, P),
	PASS(chown, P), PASS(lchown, P), PASS(fchownat, F, P),
	PASS(utime, P, P), PASS(utimes, P, P), PASS(futimesat, F, P, P), PASS(utimensat, F, P, P),
	PASS(setxattr, P, P, B(3)), PASS(lsetxattr, P, P, B(3)), PASS(getxattr, P, P, B(3)), PASS(lgetxattr, P, P, B(3)),
	PASS(listxattr, P, B(2)), PASS(llistxattr, P, B(2)), PASS(removexattr, P, P), PASS(lremovexattr, P, P),
	PASS(umask, N), PASS(sync, N),

	/* pipes, events, waiting */
	PASS(pipe, P), PASS(pipe2, P), PASS(eventfd, N), PASS(eventfd2, N), PASS(memfd_create, P),
	PASS(signalfd, F, P), PASS(signalfd4, F, P),
	PASS(timerfd_create, N), PASS(timerfd_settime, F, N, P, P), PASS(timerfd_gettime, F, P),
	PASS(inotify_init, N), PASS(inotify_init1, N), PASS(inotify_add_watch, F, P), PASS(inotify_rm_watch, F),
	PASS(poll, A(1, 8)), PASS(ppoll, A(1, 8), N, P, P),
	PASS(select, N, P, P, P, P), PASS(pselect6, N, P, P, P, P, P),
	PASS(epoll_create, N), PASS(epoll_create1, N), PASS(epoll_ctl, F, N, F, P),
	PASS(epoll_wait, F, A(2, 12)), PASS(epoll_pwait, F, A(2, 12), N, N, P), PASS(epoll_pwait2, F, A(2, 12), N, P, P),

	/* sockets */
	CALL(socket, socket, N), CALL(socketpair, socketpair, N, N, N, P), PASS(bind, F, B(2)), PASS(listen, F),
	PASS(connect, F, B(2)), PASS(accept, F, P, P), PASS(accept4, F, P, P), PASS(shutdown, F),
	PASS(getsockname, F, P, P), PASS(getpeername, F, P, P),
	CALL(setsockopt, setsockopt, F, N, N, B(4)), CALL(getsockopt, getsockopt, F, N, N, P, P),
	PASS(sendto, F, B(2), N, N, B(5)), PASS(recvfrom, F, B(2), N, N, P, P),
	CALL(sendmsg, sendmsg, F, P), CALL(recvmsg, recvmsg, F, P),
	CALL(sendmmsg, sendmmsg, F, A(2, 64)), CALL(recvmmsg, recvmmsg, F, A(2, 64), N, N, P),

	/* memory */
	PASS(brk, N), CALL(mmap, mmap, N), CALL(munmap, range, N), CALL(mprotect, mprotect, N),
	CALL(pkey_mprotect, mprotect, N), PASS(pkey_alloc, N), PASS(pkey_free, N), CALL(mremap, mremap, N),
	CALL(madvise, range, N), CALL(msync, range, N), CALL(mincore, mincore, N), CALL(mlock, range, N),
	CALL(mlock2, range, N), CALL(munlock, range, N), PASS(mlockall, N), PASS(munlockall, N),
	PASS(shmget, N), CALL(shmat, shmat, N), PASS(shmdt, P), PASS(shmctl, N, N, P),

	/* processes and threads */
	CALL(clone, clone, N, N, P, P), PASS(fork, N), PASS(vfork, N), PASS(exit, N), PASS(exit_group, N),
	CALL(execve, execve, P, P, P), CALL(execveat, execveat, F, P, P, P),
	PASS(wait4, N, P, N, P), PASS(waitid, N, N, P, N, P),
	CALL(getpid, getpid, N), CALL(gettid, gettid, N), PASS(getppid, N), PASS(getpgrp, N), PASS(getpgid, N),
	PASS(setpgid, N), PASS(getsid, N), PASS(setsid, N), PASS(set_tid_address, P), PASS(rseq, P), PASS(membarrier, N),
	PASS(getuid, N), PASS(geteuid, N), PASS(getgid, N), PASS(getegid, N), PASS(getresuid, P, P, P),
	PASS(getresgid, P, P, P), PASS(getgroups, N, A(0, 4)), PASS(setuid, N), PASS(setgid, N), PASS(setreuid, N),
	PASS(setregid, N), PASS(setresuid, N), PASS(setresgid, N), PASS(setfsuid, N), PASS(setfsgid, N),
	PASS(setgroups, N, A(0, 4)), PASS(capget, P, P), PASS(capset, P, P),
	CALL(prctl, prctl, N, P, P, P, P), CALL(arch_prctl, arch_prctl, N), CALL(personality, personality, N),
	PASS(getrlimit, N, P), CALL(setrlimit, setrlimit, N), CALL(prlimit64, prlimit, N, N, P, P),
	PASS(getrusage, N, P), PASS(times, P), PASS(uname, P), PASS(sysinfo, P), PASS(getcpu, P, P, P),
	PASS(getpriority, N), PASS(setpriority, N), PASS(ioprio_get, N), PASS(ioprio_set, N),
	PASS(sched_yield, N), PASS(sched_getparam, N, P), PASS(sched_setparam, N, P), PASS(sched_getscheduler, N),
	PASS(sched_setscheduler, N, N, P), PASS(sched_get_priority_max, N), PASS(sched_get_priority_min, N),
	PASS(sched_rr_get_interval, N, P), PASS(sched_getaffinity, N, N, B(1)), PASS(sched_setaffinity, N, N, B(1)),
	PASS(sched_getattr, N, B(2)), PASS(sched_setattr, N, P),
	CALL(set_robust_list, absent, N), CALL(clone3, absent, N),
	PASS(futex, P, N, N, N, P), PASS(pidfd_open, N), PASS(pidfd_send_signal, F, N, P),
	PASS(landlock_create_ruleset, B(1)), PASS(landlock_add_rule, F, N, P), PASS(landlock_restrict_self, F),

	/* signals */
	PASS(rt_sigaction, N, P, P), PASS(rt_sigprocmask, N, P, P), PASS(rt_sigpending, B(1)),
	PASS(rt_sigsuspend, P), PASS(rt_sigtimedwait, P, P, P), CALL(rt_sigreturn, sigreturn, N),
	CALL(sigaltstack, sigaltstack, P, P), PASS(rt_sigqueueinfo, N, N, P), PASS(rt_tgsigqueueinfo, N, N, N, P),
	PASS(kill, N), PASS(tkill, N), PASS(tgkill, N), PASS(pause, N), PASS(restart_syscall, N),

	/* time */
	PASS(time, P), PASS(gettimeofday, P, P), PASS(clock_gettime, N, P), PASS(clock_getres, N, P),
	PASS(clock_nanosleep, N, N, P, P), PASS(nanosleep, P, P), PASS(alarm, N), PASS(getitimer, N, P),
	PASS(setitimer, N, P, P), PASS(timer_create, N, P, P), PASS(timer_settime, N, N, P, P),
	PASS(timer_gettime, N, P), PASS(timer_getoverrun, N), PASS(timer_delete, N), PASS(adjtimex, P),
	PASS(clock_adjtime, N, P),

	/* System V and POSIX queues */
	PASS(semget, N), PASS(semop, N, A(2, 6)), PASS(semtimedop, N, A(2, 6), N, P), PASS(semctl, N, N, N, P),
	PASS(msgget, N), PASS(msgsnd, N, B(2)), PASS(msgrcv, N, B(2)), PASS(msgctl, N, N, P),
	PASS(mq_open, P, N, N, P), PASS(mq_unlink, P), PASS(mq_timedsend, F, B(2), N, N, P),
	PASS(mq_timedreceive, F, B(2), N, P, P), PASS(mq_getsetattr, F, P, P),

	PASS(getrandom, B(1)),
};
