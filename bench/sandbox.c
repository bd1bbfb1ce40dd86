// SPDX-License-Identifier: GPL-2.0
/*
 * sandbox [--list] [--count N] [--trace] [--under notify|ptrace|dispatch] NAME - what system calls cost in
 * a sandbox.
 *
 * It knows nothing of Dune: bench/sandbox.sh runs it under all that it compares. With --under it is itself a
 * sandbox of the kind, which lets all calls pass but bpf(). Ticks are the TSC's: instructions, in the emulated
 * machine. With --trace the last repetition is what vm/run --trace records.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARM_UP	16
#define DENIED	SYS_bpf
#define FILE_READ "/etc/ld.so.cache"

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "sandbox: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- what is measured ------------------------------------------------------------------ */

static void do_null(void)
{
	syscall(SYS_sched_get_priority_max, 0);
}

static void do_getpid(void)
{
	syscall(SYS_getpid);
}

static void do_denied(void)
{
	syscall(DENIED, -1, NULL, 0);
}

static void do_file(void)
{
	int fd = open(FILE_READ, O_RDONLY);
	char bytes[64];

	if (fd < 0 || read(fd, bytes, sizeof(bytes)) < 0)
		die(FILE_READ);
	close(fd);
}

static const struct {
	const char *name, *what;
	void (*run)(void);
} items[] = {
	{ "null", "a call that does nothing", do_null },
	{ "getpid", "a call that the monitor answers", do_getpid },
	{ "denied", "a call that is refused", do_denied },
	{ "file", "open, read, close", do_file },
};
#define ITEMS (sizeof(items) / sizeof(items[0]))

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int trace;

/* Where vm/run --trace begins and ends; else it does nothing. */
static inline void mark(int n, int count)
{
	if (trace && n == count - 1)
		__asm__ volatile("xchg %bx, %bx");
}

static void measure(unsigned int i, int count)
{
	uint64_t *v = malloc((size_t)count * sizeof(*v));

	for (int n = -WARM_UP; n < count; n++) {
		uint64_t start = ticks();

		mark(n, count);
		items[i].run();
		mark(n, count);
		if (n >= 0)
			v[n] = ticks() - start;
	}
	qsort(v, (size_t)count, sizeof(*v), compare);
	printf("%s\t%llu\t%s\n", items[i].name, (unsigned long long)v[count / 2], items[i].what);
	fflush(stdout);
	free(v);
}

/* ---- seccomp user notification ---------------------------------------------------------- */

static int send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec byte = { "", 1 };
	struct msghdr msg = {
		.msg_iov = &byte, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(socket, &msg, 0) == 1 ? 0 : -1;
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(socket, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* All are notified but sendmsg, by which the listener reaches its supervisor. */
static int notify_all(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

/* Until it ends: older kernels do not tell the listener before somebody has waited for that. */
static void answer_notifications(int listener, pid_t pid)
{
	struct pollfd wait_for[] = {
		{ .fd = listener, .events = POLLIN },
		{ .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN },
	};

	while (poll(wait_for, 2, -1) > 0 && !wait_for[1].revents) {
		struct seccomp_notif call = { 0 };
		struct seccomp_notif_resp answer = { 0 };

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
			continue;
		answer.id = call.id;
		if (call.data.nr == DENIED)
			answer.error = -EPERM;
		else
			answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

static int under_notify(void)
{
	int ends[2], status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		die("socketpair");
	pid = fork();
	if (!pid) {
		int listener = notify_all();

		if (listener < 0 || send_fd(ends[1], listener))
			_exit(1);
		close(listener);
		return 0;
	}
	answer_notifications(receive_fd(ends[0]), pid);
	waitpid(pid, &status, 0);
	exit(WEXITSTATUS(status));
}

/* ---- ptrace ---------------------------------------------------------------------------------- */

/* At the call's entry: which is it; a refused one is made into none. Then at its end: its result. */
static void trace_stop(pid_t pid, int *refused)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == DENIED) {
		ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), -1);
		*refused = 1;
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && *refused) {
		ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax), -EPERM);
		*refused = 0;
	}
}

static int under_ptrace(void)
{
	int status, refused = 0;
	pid_t pid = fork();

	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) || raise(SIGSTOP))
			_exit(1);
		return 0;
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	while (!ptrace(PTRACE_SYSCALL, pid, 0, 0) && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			trace_stop(pid, &refused);
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

/* ---- syscall user dispatch ---------------------------------------------------------------------- */

static volatile char selector = SYSCALL_DISPATCH_FILTER_ALLOW;

/* The only place from which calls are made without a signal. */
long gate_call(long nr, const greg_t *g);
extern char gate_begin[], gate_end[];
__asm__(".pushsection .text\n"
	".globl gate_begin, gate_end, gate_call, gate_restore\n"
	"gate_begin:\n"
	"gate_call:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %r11\n"
	"	mov 64(%r11), %rdi\n"	/* g[REG_RDI] */
	"	mov 72(%r11), %rsi\n"	/* g[REG_RSI] */
	"	mov 96(%r11), %rdx\n"	/* g[REG_RDX] */
	"	mov 16(%r11), %r10\n"	/* g[REG_R10] */
	"	mov 0(%r11), %r8\n"	/* g[REG_R8] */
	"	mov 8(%r11), %r9\n"	/* g[REG_R9] */
	"	syscall\n"
	"	ret\n"
	"gate_restore:\n"
	"	mov $15, %eax\n"	/* rt_sigreturn */
	"	syscall\n"
	"	ud2\n"			/* what counts is the address behind the call */
	"gate_end:\n"
	".popsection");
_Static_assert(REG_R8 == 0 && REG_R9 == 1 && REG_R10 == 2 && REG_RDI == 8 && REG_RSI == 9 && REG_RDX == 12,
	       "as the gate has it");

static void dispatched(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	g[REG_RAX] = info->si_syscall == DENIED ? -EPERM : gate_call(info->si_syscall, g);
}

/* libc's restorer makes its call outside of the gate; so the action is set without libc. */
static int under_dispatch(void)
{
	extern char gate_restore[];
	struct {
		void (*handler)(int, siginfo_t *, void *);
		unsigned long flags;
		void *restorer;
		uint64_t mask;
	} action = { dispatched, SA_SIGINFO | 0x04000000, gate_restore, 0 };

	if (syscall(SYS_rt_sigaction, SIGSYS, &action, NULL, 8))
		die("sigaction");
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, gate_begin, gate_end - gate_begin, &selector))
		die("syscall user dispatch");
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	return 0;
}

/* ---- all of it --------------------------------------------------------------------------------------- */

static int usage(void)
{
	fprintf(stderr, "usage: sandbox [--list] [--count N] [--trace] [--under notify|ptrace|dispatch] NAME\n");
	return 2;
}

static int begin(const char *under)
{
	if (!strcmp(under, "notify"))
		return under_notify();
	if (!strcmp(under, "ptrace"))
		return under_ptrace();
	if (!strcmp(under, "dispatch"))
		return under_dispatch();
	return usage();
}

int main(int argc, char **argv)
{
	const char *under = NULL;
	int count = 300, i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--list")) {
			for (size_t k = 0; k < ITEMS; k++)
				puts(items[k].name);
			return 0;
		}
		if (!strcmp(argv[i], "--count") && argv[i + 1])
			count = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--trace"))
			trace = 1;
		else if (!strcmp(argv[i], "--under") && argv[i + 1])
			under = argv[++i];
		else
			return usage();
	}
	if (i + 1 != argc || count <= 0)
		return usage();
	if (under && begin(under))
		return 2;
	for (unsigned int k = 0; k < ITEMS; k++)
		if (!strcmp(argv[i], items[k].name)) {
			measure(k, count);
			return 0;
		}
	return usage();
}
