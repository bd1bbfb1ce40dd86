// SPDX-License-Identifier: GPL-2.0
/*
 * File descriptors: all of them are the program's, from 0 to the limit. It may close every one, use
 * every number, run out of them, and go on.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "child.h"

static const char *const self = "/proc/self/exe";

/* The descriptors in @dir, one bit each for the first 64; @skip is the one that lists them. */
static unsigned long listed(const char *dir, int *others)
{
	DIR *d = opendir(dir);
	unsigned long set = 0;
	struct dirent *e;

	*others = d ? 0 : -1;
	while (d && (e = readdir(d))) {
		int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || fd == dirfd(d))
			continue;
		if (fd < 64)
			set |= 1UL << fd;
		else
			++*others;
	}
	if (d)
		closedir(d);
	return set;
}

/* As a new program, all above 2 having been closed before. */
static int starts_with_three(void)
{
	int others;
	unsigned long set = listed("/proc/self/fd", &others);

	if (set != 7 || others)
		diag("  open are %#lx and %d others", set, others);
	return set != 7 || others;
}

static void exec_closed(void)
{
	need(!close_range(3, ~0U, 0));
	execl(self, "descriptors", "--three", (char *)NULL);
}

static void test_start(void)
{
	char path[64], to[256];
	int strange = 0;

	for (int fd = 0; fd < 256; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, to, sizeof(to) - 1);
		if (n < 0)
			continue;
		to[n] = 0;
		if (strstr(to, "dune") && !strstr(to, "/tests/"))
			strange++;
	}
	ok_eq(strange, 0, "no descriptor at the start that is not the program's");
	ok_child(exec_closed, "a new program has 0, 1 and 2, and no other");
}

/* ---- Going on without any ----------------------------------------------- */

static volatile int handled;

static void on_usr1(int sig)
{
	handled++;
}

static void *touch(void *arg)
{
	char *m = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(m, 1, 1 << 16);
	return m;
}

static void exits(void)
{
	memset(touch(NULL), 2, 1 << 16);
}

/* All that a program may do without a descriptor: memory, signals, threads, children. */
static void go_on(void)
{
	pthread_t t;

	handled = 0;
	signal(SIGUSR1, on_usr1);
	need(touch(NULL) != MAP_FAILED);
	raise(SIGUSR1);
	need(handled == 1);
	need(!pthread_create(&t, NULL, touch, NULL) && !pthread_join(t, NULL));
	need(status_of(child(exits)) == 0);
}

static void close_range_above(void)
{
	need(!close_range(3, ~0U, 0));
	go_on();
	need(open("/dev/null", O_RDWR) == 3);
	need(!close(3));
}

static void close_from(void)
{
	closefrom(3);
	go_on();
	need(dup(0) == 3);
}

static void close_each(void)
{
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	go_on();
	need(dup(0) == 3);
}

static void close_all(void)
{
	for (int fd = 0; fd < 1024; fd++)
		close(fd);
	go_on();
	need(open("/dev/null", O_RDWR) == 0 && open("/dev/null", O_RDWR) == 1 && dup(0) == 2);
	need(open("/dev/null", O_RDWR) == 3);
}

static void close_on_exec(void)
{
	int fd = dup(0), others;
	pid_t pid;

	need(fd >= 3 && !close_range(3, ~0U, CLOSE_RANGE_CLOEXEC));
	need(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	need(listed("/proc/self/fd", &others) & (1UL << fd));
	pid = fork();
	if (!pid) {
		execl(self, "descriptors", "--three", (char *)NULL);
		_exit(1);
	}
	need(status_of(pid) == 0);
}

/* ---- All of them -------------------------------------------------------- */

#define LIMIT	64

static void run_out(void)
{
	struct rlimit lim = { LIMIT, LIMIT };
	int opened = 0, fd, last = -1;

	need(!close_range(3, ~0U, 0) && !setrlimit(RLIMIT_NOFILE, &lim));
	while ((fd = dup(0)) >= 0) {
		need(fd == 3 + opened);
		opened++;
		last = fd;
	}
	need(errno == EMFILE && last == LIMIT - 1);
	go_on();
	need(dup(0) == -1 && errno == EMFILE);
	need(!close(17) && dup(0) == 17);
}

static void any_number(void)
{
	struct rlimit lim;

	need(!getrlimit(RLIMIT_NOFILE, &lim));
	for (int fd = 3; fd < (int)(lim.rlim_cur < 1024 ? lim.rlim_cur : 1024); fd++)
		need(dup2(0, fd) == fd);
	go_on();
	for (int fd = 3; fd < (int)(lim.rlim_cur < 1024 ? lim.rlim_cur : 1024); fd++)
		need(!close(fd));
	go_on();
}

/* ---- Passing one on ----------------------------------------------------- */

static int pair[2];

static void send_fd(void)
{
	char data = 'd', control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &data, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int fd = memfd_create("passed", 0);

	need(write(fd, "by hand", 7) == 7);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	need(sendmsg(pair[1], &msg, 0) == 1);
}

static void test_passed(void)
{
	char data, control[CMSG_SPACE(sizeof(int))], text[8] = "";
	struct iovec iov = { &data, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd = -1;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		bail("socketpair");
	ok_child(send_fd, "a child passes a descriptor on");
	if (recvmsg(pair[0], &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	ok(pread(fd, text, 7, 0) == 7 && !strcmp(text, "by hand"), "it works here");
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return starts_with_three();
	test_start();
	ok_child(close_range_above, "close_range(3, ~0) and going on");
	ok_child(close_from, "closefrom(3) and going on");
	ok_child(close_each, "close() of 3 to 1023 and going on");
	ok_child(close_all, "all closed, 0 to 2 too, and going on");
	ok_child(close_on_exec, "close_range(CLOEXEC): open until execve()");
	ok_child(run_out,
		 "every number up to RLIMIT_NOFILE is the program's; EMFILE, and going on");
	ok_child(any_number, "dup2() to every number up to 1023, and going on");
	test_passed();
	return tap_done();
}
