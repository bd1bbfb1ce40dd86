// SPDX-License-Identifier: GPL-2.0
/* Calls that are not passed, and ways around being confined: children, threads, other programs. */
#include "attack.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static int never(void)
{
	static const int calls[] = {
		SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_pidfd_getfd, SYS_io_uring_setup,
		SYS_io_uring_enter, SYS_io_uring_register, SYS_userfaultfd, SYS_bpf, SYS_perf_event_open, SYS_kexec_load,
		SYS_kexec_file_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_mount, SYS_umount2,
		SYS_pivot_root, SYS_chroot, SYS_setns, SYS_unshare, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsmount,
		SYS_fspick, SYS_mount_setattr, SYS_add_key, SYS_request_key, SYS_keyctl, SYS_io_setup, SYS_io_submit,
		SYS_io_getevents, SYS_io_destroy, SYS_io_cancel, SYS_seccomp, SYS_modify_ldt, SYS_iopl, SYS_ioperm,
		SYS_set_thread_area, SYS_swapon, SYS_swapoff, SYS_reboot, SYS_acct, SYS_quotactl, SYS_settimeofday,
		SYS_clock_settime, SYS_syslog, SYS_sethostname, SYS_setdomainname, SYS_vhangup, SYS_uselib, SYS_ustat,
		SYS_sysfs, SYS_nfsservctl, SYS__sysctl, SYS_lookup_dcookie, SYS_remap_file_pages, SYS_mbind,
		SYS_set_mempolicy, SYS_get_mempolicy, SYS_migrate_pages, SYS_move_pages, SYS_vmsplice, SYS_process_madvise,
		SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_fanotify_init, SYS_fanotify_mark, SYS_get_robust_list,
		447 /* memfd_secret */, 448 /* process_mrelease */, 449 /* futex_waitv */, 453 /* map_shadow_stack */,
		462 /* mseal */, 335, 400, 500,
	};
	int bad = 0;

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		char what[32];

		snprintf(what, sizeof(what), "call %d", calls[i]);
		bad |= fails(ENOSYS, what, calls[i], 0, 0, 0, 0, 0, 0);
	}
	return bad;
}

static int namespaces(void)
{
	static const uint64_t flags[] = { CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS,
					  CLONE_NEWCGROUP, CLONE_PTRACE, CLONE_PARENT, CLONE_FILES };
	int bad = 0;

	for (unsigned int i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		bad |= fails(EPERM, "clone", SYS_clone, flags[i] | SIGCHLD, 0, 0, 0, 0, 0);
	return bad;
}

static int options(void)
{
	return fails(EINVAL, "PR_SET_SECCOMP", SYS_prctl, PR_SET_SECCOMP, 1, 0, 0, 0, 0) |
	       fails(EINVAL, "PR_SET_MM", SYS_prctl, PR_SET_MM, 1, 4096, 0, 0, 0) |
	       fails(EINVAL, "PR_SET_SYSCALL_USER_DISPATCH", SYS_prctl, 59, 1, 0, 0, (uint64_t)"", 0) |
	       fails(EINVAL, "PR_SET_PTRACER", SYS_prctl, PR_SET_PTRACER, (uint64_t)getppid(), 0, 0, 0, 0) |
	       fails(EINVAL, "PR_SET_TSC", SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0, 0) |
	       fails(EINVAL, "ARCH_CPUID", SYS_arch_prctl, 0x1012, 0, 0, 0, 0, 0) |
	       fails(EPERM, "ARCH_SET_FS", SYS_arch_prctl, 0x1002, 1UL << 63, 0, 0, 0, 0);
}

static int sockets(void)
{
	static const int families[] = { 38 /* ALG */, 40 /* VSOCK */, 17 /* PACKET */, 29 /* CAN */, 31 /* BLUETOOTH */, 44 };
	uint64_t filter[2] = { 1, (uint64_t)"\0\0\0\0\0\0\0\0" };
	int bad = 0, fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	for (unsigned int i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		bad |= fails(EAFNOSUPPORT, "socket", SYS_socket, (uint64_t)families[i], SOCK_DGRAM, 0, 0, 0, 0);
	bad |= fails(EAFNOSUPPORT, "netlink", SYS_socket, AF_NETLINK, SOCK_RAW, 15, 0, 0, 0);
	bad |= fails(ENOPROTOOPT, "SO_ATTACH_FILTER", SYS_setsockopt, (uint64_t)fd, SOL_SOCKET, SO_ATTACH_FILTER,
		     (uint64_t)filter, sizeof(filter), 0);
	bad |= fails(ENOPROTOOPT, "IPT_SO_SET_REPLACE", SYS_setsockopt, (uint64_t)fd, 0, 64, (uint64_t)filter, 16, 0);
	return bad;
}

/* ---- Are they confined as well? --------------------------------------------------------- */

static int is_confined(void)
{
	char byte;

	return fails(ENOSYS, "ptrace", SYS_ptrace, 0, 0, 0, 0, 0, 0) |
	       fails(EFAULT, "getrandom", SYS_getrandom, own_data, 64, 0, 0, 0, 0) |
	       fails(EBADF, "read", SYS_read, 512, (uint64_t)&byte, 1, 0, 0, 0) |
	       fails(EINVAL, "munmap", SYS_munmap, own_data, 4096, 0, 0, 0, 0);
}

static int in_child(long pid)
{
	int status;

	if (!pid)
		_exit(is_confined());
	if (pid < 0)
		return escaped("no child");
	waitpid((pid_t)pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : escaped("the child died");
}

static int in_fork(void) { return in_child(fork()); }
static int in_vfork(void) { return in_child(vfork()); }
static int in_clone(void) { return in_child(raw(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0)); }
static int in_grandchild(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(in_fork());
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void *thread(void *arg)
{
	return (void *)(long)is_confined();
}

static int in_thread(void)
{
	pthread_t t[8];
	int bad = 0;

	for (int i = 0; i < 8; i++)
		if (pthread_create(&t[i], NULL, thread, NULL))
			return escaped("no thread");
	for (int i = 0; i < 8; i++) {
		void *result;

		pthread_join(t[i], &result);
		bad |= (int)(long)result;
	}
	return bad;
}

static char child_stack[65536];

static int child_main(void *arg)
{
	_exit(is_confined());
}

/* Another process in the same memory. */
static int in_shared_memory(void)
{
	pid_t pid = clone(child_main, child_stack + sizeof(child_stack), CLONE_VM | SIGCHLD, NULL);
	int status;

	if (pid < 0)
		return escaped("no child");
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static volatile int handled = -1;

static void handler(int sig)
{
	handled = is_confined();
}

static int in_handler(void)
{
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	return handled;
}

/* Executed: its monitor's memory is elsewhere, and is found anew. */
static int execute(const char *name)
{
	char *argv[] = { "attacks", (char *)name, NULL }, *env[] = { "GLIBC_TUNABLES=glibc.malloc.check=3", "LD_PRELOAD=/x", NULL };
	int status;
	pid_t pid = fork();

	if (!pid) {
		execve("/proc/self/exe", argv, env);
		_exit(9);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int in_exec(void) { return execute("confined?"); }

static int in_thread_exec_body(void)
{
	char *argv[] = { "attacks", "confined?", NULL };

	execve("/proc/self/exe", argv, environ);
	return 9;
}

static void *exec_thread(void *arg)
{
	_exit(in_thread_exec_body());
}

/* execve() in a thread that is not the first: the whole process is replaced. */
static int in_thread_exec(void)
{
	pthread_t t;

	pthread_create(&t, NULL, exec_thread, NULL);
	pause();
	return escaped("went on");
}

/* The handlers are gone, the mask and what is pending stay. */
static int exec_mask(void)
{
	char *argv[] = { "attacks", "mask?", NULL };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_SETMASK, &set, NULL);
	raise(SIGUSR2);
	execve("/proc/self/exe", argv, environ);
	return 9;
}

static int has_mask(void)
{
	sigset_t set, pending;

	sigprocmask(SIG_BLOCK, NULL, &set);
	sigpending(&pending);
	return sigismember(&set, SIGUSR2) && !sigismember(&set, SIGUSR1) && sigismember(&pending, SIGUSR2) ? HELD :
	       escaped("another mask");
}

static int exec_errors(void)
{
	char *argv[] = { "x", NULL };

	return fails(ENOENT, "execve", SYS_execve, (uint64_t)"/no/such", (uint64_t)argv, 0, 0, 0, 0) |
	       fails(EACCES, "execve", SYS_execve, (uint64_t)"/", (uint64_t)argv, 0, 0, 0, 0) |
	       fails(EACCES, "execve", SYS_execve, (uint64_t)"/proc/self/maps", (uint64_t)argv, 0, 0, 0, 0);
}

/* ---- The filter ---------------------------------------------------------------------------- */

static int filter_errno(void) { return fails(EPERM, "uname", SYS_uname, (uint64_t)child_stack, 0, 0, 0, 0, 0); }

static int filter_kill(void)
{
	signal(SIGSYS, handler);
	raw(SYS_uname, (uint64_t)child_stack, 0, 0, 0, 0, 0);
	return escaped("went on");
}

static volatile siginfo_t caught;

/* Where a call is made in ordinary mode: by an instruction of the program's it never may be. */
static void on_sigsys(int sig, siginfo_t *info, void *context);

static int the_gate(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };

	sigaction(SIGSYS, &sa, NULL);
	raw(SYS_getpgrp, 0, 0, 0, 0, 0, 0);
	if (!getenv("WATCHED"))
		return caught.si_signo ? escaped("a signal from nowhere") : HELD;
	return (uint64_t)caught.si_call_addr >= own_start && (uint64_t)caught.si_call_addr < own_end ? HELD :
	       escaped("a call in ordinary mode by the program's instruction");
}

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	caught = *info;
}

static int filter_trap(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
	long ret;

	sigaction(SIGSYS, &sa, NULL);
	ret = raw(SYS_uname, (uint64_t)child_stack, 0, 0, 0, 0, 0);
	return caught.si_signo == SIGSYS && caught.si_syscall == SYS_uname && caught.si_errno == 7 && ret == SYS_uname ?
	       HELD : escaped("no SIGSYS as Linux sends it");
}

static int filter_trap_blocked(void)
{
	sigset_t set;

	signal(SIGSYS, handler);
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	raw(SYS_uname, (uint64_t)child_stack, 0, 0, 0, 0, 0);
	return escaped("went on");
}

const struct attack call_attacks[] = {
	{ "calls that are never passed", never, HELD, "refused: call" },
	{ "namespaces", namespaces, HELD, "refused: argument" },
	{ "options of the process", options, HELD, "refused: argument" },
	{ "sockets", sockets, HELD, "refused: argument" },
	{ "a fork", in_fork, HELD, NULL },
	{ "a vfork", in_vfork, HELD, NULL },
	{ "a clone", in_clone, HELD, NULL },
	{ "a grandchild", in_grandchild, HELD, NULL },
	{ "threads", in_thread, HELD, NULL },
	{ "a process in the same memory", in_shared_memory, HELD, NULL },
	{ "a handler", in_handler, HELD, NULL },
	{ "confined?", is_confined, HELD, NULL },
	{ "another program", in_exec, HELD, NULL },
	{ "another program from a thread", in_thread_exec, HELD, NULL },
	{ "another program's signal mask", exec_mask, HELD, NULL },
	{ "mask?", has_mask, HELD, NULL },
	{ "errors of execve", exec_errors, HELD, NULL },
	{ "where calls are made", the_gate, HELD, NULL },
	{ "the filter: an errno", filter_errno, HELD, "refused: filter", "--errno 63" },
	{ "the filter: death", filter_kill, 128 + SIGSYS, "refused: filter", "--kill 63" },
	{ "the filter: SIGSYS", filter_trap, HELD, "refused: filter", "--trap 63" },
	{ "the filter: SIGSYS that is blocked", filter_trap_blocked, 128 + SIGSYS, "refused: filter", "--trap 63" },
	{ NULL }
};
