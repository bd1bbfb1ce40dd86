// SPDX-License-Identifier: GPL-2.0
/*
 * seccomp's user notification: another process answers a program's calls, makes descriptors for
 * it, and lets calls go on.
 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "child.h"

long known_call(long nr, long a, long b, long c);
extern const char known_call_on[];
__asm__(".pushsection .text\n"
	"known_call:\n\tmovq %rdi, %rax\n\tmovq %rsi, %rdi\n\tmovq %rdx, %rsi\n\t"
	"movq %rcx, %rdx\n\tsyscall\n"
	"known_call_on:\n\tret\n"
	".popsection");

/* A filter that asks about @nr; the descriptor to answer by. */
static int ask_about(int nr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, code };

	need(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &prog);
}

static int pair[2];

static void pass(int fd)
{
	char data = 'd', control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &data, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	need(sendmsg(pair[1], &msg, 0) == 1);
}

static int passed(void)
{
	char data, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &data, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(pair[0], &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static volatile int handled;
static pid_t parent;

static void on_usr1(int sig)
{
	handled++;
}

/* The program that is answered for. */
static void asks(void)
{
	struct sigaction sa = { .sa_handler = on_usr1 };
	char c = 0;
	int fd;

	sigaction(SIGUSR1, &sa, NULL);
	fd = ask_about(SYS_getppid);
	need(fd >= 0);
	pass(fd);
	close(fd);
	need(known_call(SYS_getppid, 0x1234567890, 2, 3) == 123456);
	need(known_call(SYS_getppid, 1, 0, 0) == -EDOM);
	fd = (int)known_call(SYS_getppid, 2, 0, 0);
	need(fd >= 0 && read(fd, &c, 1) == 1 && c == 'n');
	need(known_call(SYS_getppid, 3, 0, 0) == parent);
	need(known_call(SYS_getppid, 4, 0, 0) == -EINTR && handled == 1);
	for (long i = 0; i < 50; i++)
		need(known_call(SYS_getppid, 100 + i, 0, 0) == 2 * i);
}

/* ---- The one that answers ----------------------------------------------- */

static int listener;
static struct seccomp_notif req;

/* The next call that is asked about, with @arg; 0 if it is another one. */
static int asked(pid_t pid, long arg)
{
	memset(&req, 0, sizeof(req));
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req))
		return 0;
	return req.pid == (uint32_t)pid && req.data.nr == SYS_getppid &&
		req.data.arch == AUDIT_ARCH_X86_64 &&
		req.data.args[0] == (uint64_t)arg &&
			req.data.instruction_pointer == (uintptr_t)known_call_on;
}

static int answer(long val, int error, unsigned int flags)
{
	struct seccomp_notif_resp resp = { .id = req.id, .val = val, .error = error,
					   .flags = flags };

	return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static void test_answers(void)
{
	struct seccomp_notif_addfd add = { 0 };
	int p[2], good = 1, st;
	pid_t pid;

	parent = getpid();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || pipe(p) || write(p[1], "n", 1) != 1)
		bail("socketpair, pipe");
	pid = child(asks);
	listener = passed();
	if (!ok(listener >= 0, "a program with a filter passes its listener on")) {
		status_of(pid);
		return;
	}
	ok(asked(pid, 0x1234567890) && req.data.args[1] == 2 && req.data.args[2] == 3,
	   "its call is seen: number, arguments, the place behind its SYSCALL");
	ok(!ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &req.id), "it waits for the answer");
	ok(!answer(123456, 0, 0), "it is answered");
	ok(asked(pid, 1) && !answer(0, -EDOM, 0), "another one is answered by an error");

	good = asked(pid, 2);
	add.id = req.id;
	add.srcfd = (uint32_t)p[0];
	st = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	ok(good && st >= 0 && !answer(st, 0, 0),
	   "another one is answered by a descriptor made in the program");
	ok(asked(pid, 3) && !answer(0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE),
	   "another one is let through");

	good = asked(pid, 4);
	kill(pid, SIGUSR1);
	/* It goes on with EINTR; the question is void then. */
	ok(good &&
	   eventually(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &req.id) == -1 &&
		      errno == ENOENT),
	   "a signal ends the wait");
	good = 1;
	for (long i = 0; i < 50; i++)
		good &= asked(pid, 100 + i) && !answer(2 * i, 0, 0);
	ok(good, "50 more are answered");
	ok_eq(status_of(pid), 0, "the program got the answers");
	close(listener);
	close(p[0]);
	close(p[1]);
}

/* No one to answer: ENOSYS. */
static void listener_gone(void)
{
	int fd = ask_about(SYS_getppid);

	need(fd >= 0 && !close(fd));
	need(known_call(SYS_getppid, 0, 0, 0) == -ENOSYS);
}

int main(void)
{
	test_answers();
	ok_child(listener_gone, "when nobody listens any more: ENOSYS");
	return tap_done();
}
