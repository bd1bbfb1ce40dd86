// SPDX-License-Identifier: GPL-2.0
/* What is looked at, changed by another thread before it is used. A round that wins has escaped. */
#include "attack.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define ROUNDS	300

static volatile int stop;
static volatile uint64_t *word;
static uint64_t values[2];

static void *flip(void *arg)
{
	while (!stop) {
		*word = values[0];
		*word = values[1];
	}
	return NULL;
}

/* @fn is called again and again while *@at is now one value and then the other. */
static int race(volatile uint64_t *at, uint64_t a, uint64_t b, int (*fn)(void))
{
	pthread_t t;
	int bad = HELD;

	word = at;
	values[0] = a;
	values[1] = b;
	if (pthread_create(&t, NULL, flip, NULL))
		return 2;
	for (int i = 0; i < ROUNDS && !bad; i++)
		bad = fn();
	stop = 1;
	pthread_join(t, NULL);
	return bad;
}

static char buffer[64];
static int fd[2];

/* The monitor's memory would be found in what is received. */
static struct iovec vector;

static int read_vector(void)
{
	long ret = raw(SYS_readv, (uint64_t)fd[0], (uint64_t)&vector, 1, 0, 0, 0);

	return ret == 64 || ret == -EFAULT ? HELD : escaped("readv");
}

static int vectors(void)
{
	fd[0] = open("/dev/zero", O_RDONLY);
	vector.iov_len = 64;
	/* had it been written to, all would be over */
	return race((volatile uint64_t *)&vector.iov_base, (uint64_t)buffer, own_data, read_vector);
}

static struct msghdr header;
static char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));

static int send_descriptor(void)
{
	long ret = raw(SYS_sendmsg, (uint64_t)fd[0], (uint64_t)&header, MSG_DONTWAIT, 0, 0, 0);
	char in[CMSG_SPACE(sizeof(int))];
	struct iovec v = { buffer, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = in, .msg_controllen = sizeof(in) };
	int got;

	if (ret == -EBADF)
		return HELD;
	if (ret != 1 || recvmsg(fd[1], &m, 0) != 1 || m.msg_controllen < sizeof(in))
		return escaped("sendmsg");
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(got));
	/* /dev/null may be written to, and has no size */
	if (lseek(got, 0, SEEK_END) > 0)
		return escaped("a descriptor of the monitor");
	close(got);
	return HELD;
}

static int descriptors(void)
{
	struct cmsghdr *c = (void *)control;
	int null = open("/dev/null", O_RDONLY);
	uint64_t other;

	vector = (struct iovec){ buffer, 1 };
	header = (struct msghdr){ .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	*c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
	other = 512;
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fd))
		return 2;
	return race((volatile uint64_t *)CMSG_DATA(c), (uint64_t)null, other, send_descriptor);
}

static char path[64] __attribute__((aligned(8))) = "/xroc/self/mem";

static int open_path(void)
{
	long ret = raw(SYS_open, (uint64_t)path, O_RDWR, 0, 0, 0, 0);

	return ret < 0 ? HELD : escaped("a path");
}

static int paths(void)
{
	uint64_t a, b;

	memcpy(&a, "/proc/se", 8);
	memcpy(&b, "/proc/./", 8);
	memcpy(path + 8, "self/mem", 9);
	return race((volatile uint64_t *)path, a, b, open_path);
}

static stack_t alternate;

static int set_alternate(void)
{
	long ret = raw(SYS_sigaltstack, (uint64_t)&alternate, 0, 0, 0, 0, 0);
	stack_t old;

	if (ret != 0 && ret != -EFAULT)
		return escaped("sigaltstack");
	sigaltstack(NULL, &old);
	return (uint64_t)old.ss_sp == own_data ? escaped("an alternate stack in the monitor's memory") : HELD;
}

static char stack[65536];

static int alternates(void)
{
	alternate = (stack_t){ .ss_size = sizeof(stack) };
	return race((volatile uint64_t *)&alternate.ss_sp, (uint64_t)stack, own_data, set_alternate);
}

/*
 * The SYSCALL instruction itself is changed to other code, while Linux makes the call: sandboxes whose calls
 * go to ordinary mode at the program's own instruction would execute that code there.
 */
static volatile uint16_t *code;
static volatile int in_ordinary_mode;

static void *rewrite(void *arg)
{
	/* both bytes at once, one instruction or the other */
	while (!stop) {
		*code = 0x9066;		/* a NOP of two bytes */
		*code = 0x050f;
	}
	return NULL;
}

static int instruction(void)
{
	/* nop; mov $sched_yield,%eax; syscall; mov $DUNE_CPUID_LEAF,%eax; push %rbx; cpuid; mov %ebx,%eax; pop %rbx; ret */
	static const unsigned char text[] = { 0x90, 0xb8, 24, 0, 0, 0, 0x0f, 0x05, 0xb8, 0, 0xd0, 0, 0x40, 0x53, 0x0f, 0xa2,
					      0x89, 0xd8, 0x5b, 0xc3 };
	unsigned char *page = mmap(NULL, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t t;

	if (page == MAP_FAILED)
		return 2;
	memcpy(page, text, sizeof(text));
	code = (void *)(page + 6);
	pthread_create(&t, NULL, rewrite, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		unsigned int says = ((unsigned int (*)(void))page)();

		/* "Dune": the CPUID was in Dune mode */
		if (says != 0x656e7544) {
			fprintf(stderr, "round %d: CPUID says %x\n", i, says);
			in_ordinary_mode = 1;
		}
	}
	stop = 1;
	pthread_join(t, NULL);
	return in_ordinary_mode ? escaped("code in ordinary mode") : HELD;
}

/* Memory that goes away while the monitor copies from it. */
static char *going;

static void *unmap(void *arg)
{
	while (!stop) {
		munmap(going + 4096, 4096);
		mmap(going + 4096, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
	return NULL;
}

static int vanishing(void)
{
	pthread_t t;

	going = mmap(NULL, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(going, 'a', 4096);
	pthread_create(&t, NULL, unmap, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		raw(SYS_open, (uint64_t)going + 4096 - 16, 0, 0, 0, 0, 0);
		raw(SYS_readv, 0, (uint64_t)going + 4096 - 8, 2, 0, 0, 0);
		raw(SYS_sendmsg, 0, (uint64_t)going + 4096 - 8, 0, 0, 0, 0);
	}
	stop = 1;
	pthread_join(t, NULL);
	return HELD;
}

/* Between its opening and the look at it: a file that leads to all memory. */
static void *write_memory(void *arg)
{
	while (!stop)
		for (int i = 3; i < 8; i++)
			if (raw(SYS_pwrite64, (uint64_t)i, (uint64_t)buffer, 8, (uint64_t)buffer, 0, 0) == 8)
				return (void *)1;
	return NULL;
}

static int open_memory(void)
{
	char link[64];
	void *wrote;
	pthread_t t;

	snprintf(link, sizeof(link), "/tmp/mem%d", getpid());
	if (symlink("/proc/self/mem", link))
		return 2;
	pthread_create(&t, NULL, write_memory, NULL);
	for (int i = 0; i < ROUNDS; i++)
		if (raw(SYS_open, (uint64_t)link, O_RDWR, 0, 0, 0, 0) != -EACCES)
			return escaped("/proc/self/mem");
	stop = 1;
	pthread_join(t, &wrote);
	unlink(link);
	return wrote ? escaped("memory was written") : HELD;
}

/* What is good is still opened, links and all. */
static void *wait_for_stop(void *arg)
{
	while (!stop)
		usleep(1000);
	return NULL;
}

static int opens(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	close(fd);
	return fd >= 0 ? HELD : escaped("a file is not opened");
}

static int open_good(void)
{
	char dir[64], path[128], link[128], dangling[128];
	pthread_t t;
	int bad = 0;

	snprintf(dir, sizeof(dir), "/tmp/dir%d", getpid());
	snprintf(path, sizeof(path), "%s/file", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	snprintf(dangling, sizeof(dangling), "%s/dangling", dir);
	pthread_create(&t, NULL, wait_for_stop, NULL);
	if (mkdir(dir, 0700) || symlink("file", link) || symlink("../../tmp/./no", dangling) || chdir(dir))
		return 2;
	bad |= opens(path, O_RDWR | O_CREAT | O_EXCL) | opens(link, O_WRONLY | O_TRUNC) | opens("file", O_RDWR) |
	       opens("./link", O_RDWR) | opens(dangling, O_RDWR | O_CREAT) | opens("/dev/null", O_RDWR) |
	       opens(dir, O_RDWR | O_TMPFILE) | opens(".", O_RDONLY);
	bad |= fails(ELOOP, "O_NOFOLLOW", SYS_open, (uint64_t)link, O_RDWR | O_NOFOLLOW, 0, 0, 0, 0);
	bad |= fails(EEXIST, "O_EXCL", SYS_open, (uint64_t)dangling, O_RDWR | O_CREAT | O_EXCL, 0600, 0, 0, 0);
	bad |= fails(EISDIR, "directory", SYS_open, (uint64_t)dir, O_RDWR, 0, 0, 0, 0);
	bad |= fails(EISDIR, "directory", SYS_open, (uint64_t)"/", O_RDWR, 0, 0, 0, 0);
	bad |= fails(ENOENT, "nothing", SYS_open, (uint64_t)"nothing", O_RDWR, 0, 0, 0, 0);
	bad |= fails(ENOTDIR, "file", SYS_open, (uint64_t)"file/x", O_RDWR, 0, 0, 0, 0);
	stop = 1;
	pthread_join(t, NULL);
	return bad | unlink(dangling) | unlink(link) | unlink(path) | unlink("/tmp/no") | chdir("/") | rmdir(dir);
}

/* Signals at any time, in calls that the monitor makes for the program. */
static volatile int signals;

static void count(int sig)
{
	uint16_t cs;

	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	if ((cs & 3) != 3)
		_exit(escaped("a handler in ring 0"));
	signals++;
}

static int storm(void)
{
	struct itimerspec every = { .it_interval = { 0, 300000 }, .it_value = { 0, 300000 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct sigaction sa = { .sa_handler = count, .sa_flags = SA_RESTART };
	timer_t timer;
	int pipes[2];
	char byte;

	sigaction(SIGUSR1, &sa, NULL);
	if (pipe(pipes) || timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &every, NULL))
		return 2;
	for (int i = 0; i < 10 * ROUNDS || signals < 20; i++) {
		struct iovec v = { &byte, 1 };
		int one = open("/dev/zero", O_RDWR);

		if (one < 0 || readv(one, &v, 1) != 1 || close(one))
			return escaped("a call failed");
	}
	/* where calls are watched a signal waits for the end of what the monitor calls for the program */
	if (getenv("WATCHED"))
		return HELD;
	/* what waits is interrupted, and made again */
	sa.sa_flags = 0;
	sigaction(SIGUSR1, &sa, NULL);
	for (int i = 0; i < 10; i++) {
		struct iovec v = { &byte, 1 };

		if (readv(pipes[0], &v, 1) != -1 || errno != EINTR)
			return escaped("a read from an empty pipe came back");
	}
	return HELD;
}

const struct attack race_attacks[] = {
	{ "a vector that changes", vectors, HELD, NULL },
	{ "a descriptor that changes", descriptors, HELD, NULL },
	{ "a path that changes", paths, HELD, NULL },
	{ "a stack that changes", alternates, HELD, NULL },
	{ "an instruction that changes", instruction, HELD, NULL, "--jit" },
	{ "a file that leads to memory", open_memory, HELD, "refused: path" },
	{ "files, with threads", open_good, HELD, NULL },
	{ "memory that vanishes", vanishing, HELD, NULL },
	{ "a storm of signals", storm, HELD, NULL },
	{ NULL }
};
