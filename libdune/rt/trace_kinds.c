// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the arguments of each system call are: a letter for each, see trace_args.c
 * and trace_flags.c. Calls that are not here are shown with six numbers.
 */
#include <stddef.h>
#include <sys/syscall.h>
#include "trace_call.h"

/* Later than the headers that this may be built with. */
#ifndef SYS_process_mrelease
#define SYS_process_mrelease	448
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv		449
#endif

#define NONE	"."	/* known to have none */

static const char kinds[][CALL_ARGS + 1] = {
	/* files */
	[SYS_read] = "fBu", [SYS_write] = "fbu", [SYS_pread64] = "fBul", [SYS_pwrite64] = "fbul",
	[SYS_readv] = "fpi", [SYS_writev] = "fpi", [SYS_preadv] = "fpil", [SYS_pwritev] = "fpil",
	[SYS_open] = "soM", [SYS_openat] = "dsoM", [SYS_openat2] = "dspu", [SYS_creat] = "sm",
	[SYS_close] = "f", [SYS_close_range] = "uux", [SYS_lseek] = "flw",
	[SYS_dup] = "f", [SYS_dup2] = "ff", [SYS_dup3] = "ffo",
	[SYS_pipe] = "2", [SYS_pipe2] = "2o",
	[SYS_fcntl] = "fKx", [SYS_ioctl] = "fIp", [SYS_flock] = "fx",
	[SYS_stat] = "sp", [SYS_lstat] = "sp", [SYS_fstat] = "fp", [SYS_newfstatat] = "dspT",
	[SYS_statx] = "dsTxp", [SYS_statfs] = "sp", [SYS_fstatfs] = "fp",
	[SYS_access] = "sa", [SYS_faccessat] = "dsa", [SYS_faccessat2] = "dsaT",
	[SYS_readlink] = "sBu", [SYS_readlinkat] = "dsBu", [SYS_getcwd] = "Su",
	[SYS_chdir] = "s", [SYS_fchdir] = "f", [SYS_chroot] = "s",
	[SYS_mkdir] = "sm", [SYS_mkdirat] = "dsm", [SYS_rmdir] = "s",
	[SYS_mknod] = "smx", [SYS_mknodat] = "dsmx",
	[SYS_rename] = "ss", [SYS_renameat] = "dsds", [SYS_renameat2] = "dsdsx",
	[SYS_link] = "ss", [SYS_linkat] = "dsdsT", [SYS_symlink] = "ss", [SYS_symlinkat] = "sds",
	[SYS_unlink] = "s", [SYS_unlinkat] = "dsT",
	[SYS_chmod] = "sm", [SYS_fchmod] = "fm", [SYS_fchmodat] = "dsm",
	[SYS_chown] = "sii", [SYS_fchown] = "fii", [SYS_lchown] = "sii", [SYS_fchownat] = "dsiiT",
	[SYS_truncate] = "sl", [SYS_ftruncate] = "fl", [SYS_fallocate] = "fxll",
	[SYS_utime] = "sp", [SYS_utimes] = "sp", [SYS_futimesat] = "dsp", [SYS_utimensat] = "dspT",
	[SYS_getdents] = "fpu", [SYS_getdents64] = "fpu", [SYS_umask] = "m",
	[SYS_sync] = NONE, [SYS_syncfs] = "f", [SYS_fsync] = "f", [SYS_fdatasync] = "f",
	[SYS_sendfile] = "ffpu", [SYS_copy_file_range] = "fpfpux", [SYS_splice] = "fpfpux",
	[SYS_tee] = "ffux", [SYS_vmsplice] = "fpux", [SYS_fadvise64] = "flli",
	[SYS_readahead] = "flu", [SYS_mount] = "sssxp", [SYS_umount2] = "sx",
	[SYS_getxattr] = "sspu", [SYS_lgetxattr] = "sspu", [SYS_fgetxattr] = "fspu",
	[SYS_setxattr] = "ssbui", [SYS_lsetxattr] = "ssbui", [SYS_fsetxattr] = "fsbui",
	[SYS_listxattr] = "spu", [SYS_llistxattr] = "spu", [SYS_flistxattr] = "fpu",
	[SYS_removexattr] = "ss", [SYS_lremovexattr] = "ss", [SYS_fremovexattr] = "fs",
	[SYS_inotify_init] = NONE, [SYS_inotify_init1] = "x", [SYS_inotify_add_watch] = "fsx",
	[SYS_inotify_rm_watch] = "fi", [SYS_memfd_create] = "sx", [SYS_name_to_handle_at] = "dsppT",

	/* waiting for descriptors */
	[SYS_poll] = "pui", [SYS_ppoll] = "putku", [SYS_select] = "ipppp",
	[SYS_pselect6] = "ippptp",
	[SYS_epoll_create] = "i", [SYS_epoll_create1] = "x", [SYS_epoll_ctl] = "fifp",
	[SYS_epoll_wait] = "fpii", [SYS_epoll_pwait] = "fpiiku",
	[SYS_eventfd] = "u", [SYS_eventfd2] = "ux", [SYS_signalfd] = "fku",
	[SYS_signalfd4] = "fkux",
	[SYS_timerfd_create] = "cx", [SYS_timerfd_settime] = "fxpp", [SYS_timerfd_gettime] = "fp",

	/* memory */
	[SYS_mmap] = "puPFfx", [SYS_munmap] = "pu", [SYS_mprotect] = "puP", [SYS_mremap] = "puuxp",
	[SYS_brk] = "p", [SYS_madvise] = "puy", [SYS_msync] = "pux", [SYS_mincore] = "pup",
	[SYS_mlock] = "pu", [SYS_mlock2] = "pux", [SYS_munlock] = "pu", [SYS_mlockall] = "x",
	[SYS_munlockall] = NONE, [SYS_pkey_alloc] = "xx", [SYS_pkey_free] = "i",
	[SYS_pkey_mprotect] = "puPi", [SYS_shmget] = "xux", [SYS_shmat] = "ipx", [SYS_shmdt] = "p",
	[SYS_shmctl] = "ixp", [SYS_userfaultfd] = "x", [SYS_membarrier] = "xxi",

	/* processes */
	[SYS_clone] = "Cpppp", [SYS_clone3] = "pu", [SYS_fork] = NONE, [SYS_vfork] = NONE,
	[SYS_execve] = "sAE", [SYS_execveat] = "dsAET", [SYS_exit] = "i", [SYS_exit_group] = "i",
	[SYS_wait4] = "inWp", [SYS_waitid] = "iipWp",
	[SYS_getpid] = NONE, [SYS_getppid] = NONE, [SYS_gettid] = NONE,
	[SYS_getpgrp] = NONE, [SYS_getpgid] = "i", [SYS_setpgid] = "ii",
	[SYS_getsid] = "i", [SYS_setsid] = NONE,
	[SYS_getuid] = NONE, [SYS_geteuid] = NONE, [SYS_getgid] = NONE, [SYS_getegid] = NONE,
	[SYS_setuid] = "i", [SYS_setgid] = "i", [SYS_setreuid] = "ii", [SYS_setregid] = "ii",
	[SYS_setresuid] = "iii", [SYS_setresgid] = "iii", [SYS_getresuid] = "nnn",
	[SYS_getresgid] = "nnn", [SYS_getgroups] = "ip", [SYS_setgroups] = "ip",
	[SYS_setfsuid] = "i", [SYS_setfsgid] = "i",
	[SYS_getrlimit] = "Rp", [SYS_setrlimit] = "Rp", [SYS_prlimit64] = "iRpp",
	[SYS_getrusage] = "ip", [SYS_times] = "p", [SYS_getpriority] = "ii",
	[SYS_setpriority] = "iii", [SYS_prctl] = "vxxxx", [SYS_arch_prctl] = "Vp",
	[SYS_personality] = "x", [SYS_capget] = "pp", [SYS_capset] = "pp",
	[SYS_unshare] = "C", [SYS_setns] = "fC", [SYS_ptrace] = "iipp", [SYS_seccomp] = "xxp",
	[SYS_pidfd_open] = "ix", [SYS_pidfd_send_signal] = "fgpx", [SYS_pidfd_getfd] = "ffx",
	[SYS_process_vm_readv] = "ipupux", [SYS_process_vm_writev] = "ipupux",
	[SYS_process_mrelease] = "fx", [SYS_kcmp] = "iiixx",

	/* threads */
	[SYS_futex] = "pOxpxx", [SYS_futex_waitv] = "puxpc", [SYS_set_tid_address] = "p",
	[SYS_set_robust_list] = "pu", [SYS_get_robust_list] = "ipp", [SYS_rseq] = "puxx",
	[SYS_sched_yield] = NONE, [SYS_sched_getaffinity] = "iup", [SYS_sched_setaffinity] = "iup",
	[SYS_sched_getscheduler] = "i", [SYS_sched_setscheduler] = "iip",
	[SYS_sched_getparam] = "ip", [SYS_sched_setparam] = "ip",
	[SYS_sched_get_priority_max] = "i", [SYS_sched_get_priority_min] = "i",
	[SYS_sched_rr_get_interval] = "ip", [SYS_sched_getattr] = "ipux",
	[SYS_sched_setattr] = "ipx",
	[SYS_getcpu] = "nnp",

	/* signals */
	[SYS_rt_sigaction] = "gppu", [SYS_rt_sigprocmask] = "hkpu", [SYS_rt_sigreturn] = NONE,
	[SYS_rt_sigpending] = "pu", [SYS_rt_sigsuspend] = "ku", [SYS_rt_sigtimedwait] = "kptu",
	[SYS_rt_sigqueueinfo] = "igp", [SYS_rt_tgsigqueueinfo] = "iigp", [SYS_sigaltstack] = "pp",
	[SYS_kill] = "ig", [SYS_tkill] = "ig", [SYS_tgkill] = "iig", [SYS_pause] = NONE,
	[SYS_restart_syscall] = NONE,

	/* time */
	[SYS_nanosleep] = "tp", [SYS_clock_nanosleep] = "cxtp", [SYS_clock_gettime] = "cp",
	[SYS_clock_getres] = "cp", [SYS_clock_settime] = "ct", [SYS_gettimeofday] = "pp",
	[SYS_settimeofday] = "pp", [SYS_time] = "p", [SYS_alarm] = "u", [SYS_setitimer] = "ipp",
	[SYS_getitimer] = "ip", [SYS_timer_create] = "cpp", [SYS_timer_settime] = "ixpp",
	[SYS_timer_gettime] = "ip", [SYS_timer_getoverrun] = "i", [SYS_timer_delete] = "i",
	[SYS_adjtimex] = "p", [SYS_clock_adjtime] = "cp",

	/* sockets */
	[SYS_socket] = "DYi", [SYS_socketpair] = "DYi2", [SYS_connect] = "fpu", [SYS_bind] = "fpu",
	[SYS_listen] = "fi", [SYS_accept] = "fpp", [SYS_accept4] = "fppY", [SYS_shutdown] = "fi",
	[SYS_sendto] = "fbuxpu", [SYS_recvfrom] = "fBuxpp", [SYS_sendmsg] = "fpx",
	[SYS_recvmsg] = "fpx", [SYS_sendmmsg] = "fpux", [SYS_recvmmsg] = "fpuxp",
	[SYS_getsockname] = "fpp", [SYS_getpeername] = "fpp", [SYS_setsockopt] = "fiipu",
	[SYS_getsockopt] = "fiipp",

	/* System V */
	[SYS_msgget] = "xx", [SYS_msgsnd] = "ipux", [SYS_msgrcv] = "ipulx", [SYS_msgctl] = "ixp",
	[SYS_semget] = "xix", [SYS_semop] = "ipu", [SYS_semtimedop] = "iput", [SYS_semctl] = "iixp",

	/* the machine */
	[SYS_uname] = "p", [SYS_sysinfo] = "p", [SYS_syslog] = "ipi", [SYS_getrandom] = "pux",
	[SYS_sethostname] = "bu", [SYS_setdomainname] = "bu", [SYS_reboot] = "xxxp",
	[SYS_iopl] = "i", [SYS_ioperm] = "uui", [SYS_bpf] = "xpu", [SYS_perf_event_open] = "piifx",
	[SYS_io_uring_setup] = "up", [SYS_io_uring_enter] = "fuuxku",
	[SYS_io_uring_register] = "fxpu",
};

const char *trace_kinds(uint64_t nr)
{
	if (nr >= sizeof(kinds) / sizeof(kinds[0]) || !kinds[nr][0])
		return NULL;
	return kinds[nr][0] == NONE[0] ? "" : kinds[nr];
}
