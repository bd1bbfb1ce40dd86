// SPDX-License-Identifier: GPL-2.0
/*
 * The contract of include/uapi/linux/dune.h, call by call: what each ioctl and
 * mmap refuses, and with which error; who may use which descriptor; and that
 * descriptors can be closed in any order.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "tap.h"
#include "raw.h"

#define PAGE 4096UL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct raw raw;
static struct raw_health health;

static int create_space(int dev)
{
	struct dune_create_space a = { .size = sizeof(a) };

	return raw_ioctl(dev, DUNE_CREATE_SPACE, &a);
}

static int create_vcpu(int space)
{
	struct dune_create_vcpu a = { .size = sizeof(a) };

	return raw_ioctl(space, DUNE_CREATE_VCPU, &a);
}

/* mmap(): 0 (and unmapped again) or -errno. */
static int try_mmap(int fd, size_t len, int prot, int flags, off_t offset)
{
	void *p = mmap(NULL, len, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, len);
	return 0;
}

static void *other_thread(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	void *ret;

	if (pthread_create(&t, NULL, fn, arg))
		bail("no thread");
	pthread_join(t, &ret);
	return ret;
}

/* ---- arguments: their size, flags and address ------------------------------------ */

struct ioctl_case {
	const char *name;
	unsigned long cmd;
	const int *fd;
	size_t size;
	int good;		/* what it returns when the arguments are right; 1: any positive */
	bool gives_fd;
};

static const struct ioctl_case ioctls[] = {
	{ "GET_INFO", DUNE_GET_INFO, &raw.dev, sizeof(struct dune_info), 0, false },
	{ "CREATE_SPACE", DUNE_CREATE_SPACE, &raw.dev, sizeof(struct dune_create_space), -EEXIST, false },
	{ "ASSIGN_FRAME", DUNE_ASSIGN_FRAME, &raw.space, sizeof(struct dune_assign_frame), 1, false },
	{ "CREATE_VCPU", DUNE_CREATE_VCPU, &raw.space, sizeof(struct dune_create_vcpu), 1, true },
};

/* A call that must do what one with right arguments does. */
static void check_good(const struct ioctl_case *c, void *arg, const char *what)
{
	int ret = raw_ioctl(*c->fd, c->cmd, arg);

	ok(c->good == 1 ? ret > 0 : ret == c->good, "%s %s works (%d)", c->name, what, ret);
	if (c->gives_fd && ret > 0)
		close(ret);
}

static void test_arguments(const struct ioctl_case *c)
{
	static const uint32_t bad_sizes[] = { 0, 1, 4, 7, 4097, 8192, 0x7fffffff, 0xffffffff };
	static const uint32_t bad_flags[] = { 1, 0x80000000, 0xffffffff };
	char *two = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t *arg = (uint32_t *)two;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_sizes); i++) {
		arg[0] = bad_sizes[i];
		ok_eq(raw_ioctl(*c->fd, c->cmd, arg), -EINVAL, "%s with size %#x", c->name, bad_sizes[i]);
	}
	for (i = 0; i < ARRAY_SIZE(bad_flags); i++) {
		arg[0] = (uint32_t)c->size;
		arg[1] = bad_flags[i];
		ok_eq(raw_ioctl(*c->fd, c->cmd, arg), -EINVAL, "%s with flags %#x", c->name, bad_flags[i]);
	}
	memset(two, 0, PAGE);
	arg[0] = 8;
	check_good(c, arg, "of the smallest size");
	memset(two, 0, PAGE);
	arg[0] = PAGE;
	check_good(c, arg, "of a page, with a tail of zeroes");
	memset(two, 0, PAGE);
	arg[0] = PAGE;
	two[PAGE - 1] = 1;
	ok_eq(raw_ioctl(*c->fd, c->cmd, arg), -E2BIG, "%s with a non-zero tail", c->name);
	memset(two, 0, PAGE);
	arg[0] = (uint32_t)c->size + 1;
	two[c->size] = 1;
	ok_eq(raw_ioctl(*c->fd, c->cmd, arg), -E2BIG, "%s with one non-zero byte behind", c->name);

	ok_eq(raw_ioctl(*c->fd, c->cmd, NULL), -EFAULT, "%s of NULL", c->name);
	ok_eq(raw_ioctl(*c->fd, c->cmd, (void *)~0UL), -EFAULT, "%s of -1", c->name);
	ok_eq(raw_ioctl(*c->fd, c->cmd, (void *)0xffffffff81000000), -EFAULT, "%s of the kernel's text", c->name);
	ok_eq(raw_ioctl(*c->fd, c->cmd, (void *)0x8000000000000000), -EFAULT, "%s not canonical", c->name);
	/* the size is there, the rest is not */
	munmap(two + PAGE, PAGE);
	arg = (uint32_t *)(two + PAGE - 4);
	*arg = (uint32_t)c->size;
	ok_eq(raw_ioctl(*c->fd, c->cmd, arg), -EFAULT, "%s reaching into an unmapped page", c->name);
	munmap(two, 3 * PAGE);
}

static void test_unknown(void)
{
	static const unsigned long cmds[] = {
		0, ~0UL, _IO(DUNE_IOC_MAGIC, 0), _IO(DUNE_IOC_MAGIC, 0x7f), _IO(DUNE_IOC_MAGIC, 0x21),
		_IOW(DUNE_IOC_MAGIC, 0x20, int), _IOWR(DUNE_IOC_MAGIC, 0, char[16]), _IOR(DUNE_IOC_MAGIC, 0x10, char[16]),
		0x5401 /* TCGETS */, 0xae80 /* KVM_RUN */,
	};
	const struct { const char *name; int fd; unsigned long own[2]; } fds[] = {
		{ "device", raw.dev, { DUNE_GET_INFO, DUNE_CREATE_SPACE } },
		{ "space", raw.space, { DUNE_ASSIGN_FRAME, DUNE_CREATE_VCPU } },
		{ "VCPU", raw.vcpu, { DUNE_RUN, DUNE_RUN } },
	};
	unsigned int f, i;

	for (f = 0; f < ARRAY_SIZE(fds); f++) {
		for (i = 0; i < ARRAY_SIZE(cmds); i++)
			ok_eq(raw_ioctl(fds[f].fd, cmds[i], NULL), -ENOTTY, "%s: unknown command %#lx", fds[f].name,
			      cmds[i]);
		/* the commands of the other two */
		for (i = 0; i < ARRAY_SIZE(fds); i++)
			if (i != f) {
				ok_eq(raw_ioctl(fds[f].fd, fds[i].own[0], NULL), -ENOTTY, "%s: a %s's command",
				      fds[f].name, fds[i].name);
				ok_eq(raw_ioctl(fds[f].fd, fds[i].own[1], NULL), -ENOTTY, "%s: a %s's second",
				      fds[f].name, fds[i].name);
			}
	}
}

static void test_info(void)
{
	struct dune_info info = { .size = sizeof(info) };
	uint32_t small[4] = { 8, 0, 0x1234, 0x5678 };
	void *ro = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ok_eq(raw_ioctl(raw.dev, DUNE_GET_INFO, &info), 0, "GET_INFO");
	ok_eq(info.size, sizeof(info), "info.size");
	ok_eq(info.abi, DUNE_ABI_VERSION, "info.abi");
	ok(info.gpa_bits >= 36 && info.gpa_bits <= 48, "info.gpa_bits: %u", info.gpa_bits);
	ok_eq(info.frames, (info.gpa_bits >= 46 ? 1U << 16 : 1U << (info.gpa_bits - 30)) - 1, "info.frames");
	ok_eq(info.run_size, PAGE, "info.run_size");
	ok_eq(info.table_size, DUNE_FRAME_ENTRIES * 2, "info.table_size");
	ok_eq(info.reserved | info.flags, 0, "info.reserved and flags are zero");
	ok_eq(info.caps & ~(DUNE_CAP_FAST_SYSCALLS | DUNE_CAP_EPT_2M | DUNE_CAP_EPT_1G |
			    DUNE_CAP_GUEST_1G | DUNE_CAP_BIRTH | DUNE_CAP_CONFINE), 0, "info.caps has only bits that have a name");
	ok_eq(raw_ioctl(raw.dev, DUNE_GET_INFO, small), 0, "GET_INFO for a caller that knows 8 bytes");
	ok(small[2] == 0x1234 && small[3] == 0x5678, "and no more than these are written");
	/* reading is possible (a size of 0), writing is not */
	ok_eq(raw_ioctl(raw.dev, DUNE_GET_INFO, ro), -EINVAL, "GET_INFO of a page of zeroes");
	munmap(ro, PAGE);
	ro = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*(uint32_t *)ro = sizeof(info);
	mprotect(ro, PAGE, PROT_READ);
	ok_eq(raw_ioctl(raw.dev, DUNE_GET_INFO, ro), -EFAULT, "GET_INFO to memory that is read-only");
	munmap(ro, PAGE);
}

/* ---- the device node ---------------------------------------------------------------- */

static void test_device(void)
{
	struct dune_info info = { .size = sizeof(info) };
	struct stat st;
	char byte = 0;
	int fd;

	stat("/dev/dune", &st);
	ok(S_ISCHR(st.st_mode), "/dev/dune is a character device");
	if ((st.st_mode & 0777) == 0660)
		ok(true, "its mode is 0660");
	else
		skip(1, "the mode of /dev/dune was changed: %o", st.st_mode & 0777);
	fd = open("/dev/dune", O_RDONLY | O_CLOEXEC);
	ok_eq(raw_ioctl(fd, DUNE_GET_INFO, &info), 0, "GET_INFO on a read-only descriptor");
	ok_eq(create_space(fd), -EEXIST, "a second space for the mm, from another open file");
	ok_eq(try_mmap(fd, PAGE, PROT_READ, MAP_SHARED, 0), -ENODEV, "mmap of the device");
	ok(read(fd, &byte, 1) < 0 && errno == EINVAL, "read of the device");
	close(fd);
	ok(write(raw.space, &byte, 1) < 0 && errno == EINVAL, "write to a space");
	ok(read(raw.vcpu, &byte, 1) < 0 && errno == EINVAL, "read of a VCPU");
	fcntl(raw.space, F_SETFL, O_NONBLOCK);
	ok(read(raw.space, &byte, 1) < 0 && errno == EAGAIN, "there is no report of a space that is not over");
	fcntl(raw.space, F_SETFL, 0);
	ok_eq(fcntl(raw.space, F_GETFD), FD_CLOEXEC, "a space's descriptor is closed on exec");
	ok_eq(fcntl(raw.vcpu, F_GETFD), FD_CLOEXEC, "a VCPU's descriptor is closed on exec");
}

/* ---- who may use what ------------------------------------------------------------------ */

static void *thread_creates_space(void *arg)
{
	return (void *)(long)create_space(raw.dev);
}

static void *thread_runs(void *arg)
{
	return (void *)(long)raw_ioctl(raw.vcpu, DUNE_RUN, NULL);
}

/* A bit for each thing that was not refused as it should be. */
static int use_foreign(int space, int vcpu)
{
	struct dune_assign_frame frame = { .size = sizeof(frame) };

	return (raw_ioctl(space, DUNE_ASSIGN_FRAME, &frame) != -EIO) << 0 |
	       (raw_ioctl(space, DUNE_ASSIGN_FRAME, NULL) != -EIO) << 1 |
	       (create_vcpu(space) != -EIO) << 2 |
	       (try_mmap(space, PAGE, PROT_READ, MAP_SHARED, 0) != -EIO) << 3 |
	       (raw_ioctl(vcpu, DUNE_RUN, NULL) != -EIO) << 4 |
	       (try_mmap(vcpu, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0) != -EIO) << 5;
}

static int forked(void *arg)
{
	return use_foreign(raw.space, raw.vcpu);
}

/* Are the mappings of the parent's objects gone, and does a space of its own work beside them? */
static int forked_own(void *arg)
{
	struct dune_run *parents = raw.run;
	struct raw own;
	int bad = msync(parents, PAGE, MS_ASYNC) == 0 || errno != ENOMEM;

	if (raw_open(&own))
		return 2;
	bad |= (!raw_good(&own)) << 2;
	bad |= (use_foreign(raw.space, raw.vcpu) != 0) << 3;
	return bad;
}

static int execs(void *arg)
{
	char space[12], vcpu[12];

	fcntl(raw.space, F_SETFD, 0);
	fcntl(raw.vcpu, F_SETFD, 0);
	snprintf(space, sizeof(space), "%d", raw.space);
	snprintf(vcpu, sizeof(vcpu), "%d", raw.vcpu);
	execl("/proc/self/exe", "ioctl", "foreign", space, vcpu, (char *)NULL);
	return 99;
}

static int share_mm(void *arg)
{
	_exit(raw_ioctl(raw.vcpu, DUNE_RUN, NULL) == -EPERM ? 0 : 1);
}

static void test_owner(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int status = -1;
	pid_t pid;

	ok_eq(create_space(raw.dev), -EEXIST, "a second space for the mm");
	ok_eq((long)other_thread(thread_creates_space, NULL), -EEXIST, "and from another thread");
	ok_eq((long)other_thread(thread_runs, NULL), -EPERM, "RUN of a VCPU by a thread that did not make it");
	ok_eq(raw_child(forked, NULL, 30), 0, "all use of space and VCPU in a forked child is -EIO");
	ok_eq(raw_child(forked_own, NULL, 30), 0, "it maps neither, and can have a space of its own");
	ok_eq(raw_child(execs, NULL, 30), 0, "all use of space and VCPU after execve is -EIO");
	/* another process in the same mm */
	pid = clone(share_mm, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	waitpid(pid, &status, 0);
	ok_eq(status, 0, "RUN by a process that shares the mm is -EPERM");
	ok_eq(raw_ioctl(raw.vcpu, DUNE_RUN, (void *)1), -EINVAL, "RUN with an argument");
	ok_eq(raw_ioctl(raw.vcpu, DUNE_RUN, raw.run), -EINVAL, "RUN with the run page as argument");
	ok(raw_good(&raw), "the VCPU still runs");
}

/* ---- while it runs -------------------------------------------------------------------------- */

static volatile int spinning, stop;

static void spin(uint64_t arg)
{
	spinning = 1;
	while (!stop)
		__asm__ volatile("pause");
	raw_vmcall(RAW_HC_DONE, 0, 0, 0);
}

/*
 * That VCPU by a thread that did not make it. Between two DUNE_RUNs, which may end early
 * at any time and be begun again, that it is another's is all that is wrong.
 */
static int run_busy(void)
{
	int i, ret = -EPERM;

	for (i = 0; i < 1000 && ret == -EPERM; i++)
		ret = raw_ioctl(raw.vcpu, DUNE_RUN, NULL);
	return ret;
}

/* Never loaded with anything: refused by the CPU, which is a reason and no error. */
static int run_empty(int vcpu)
{
	int ret;

	do
		ret = raw_ioctl(vcpu, DUNE_RUN, NULL);
	while (ret == -EINTR);
	return ret;
}

struct meanwhile {
	int ret, run, run_again, extra, extra_run, assign, closed;
	bool close;
};

/* Everything that another thread can do to a VCPU that runs. */
static void *disturb(void *arg)
{
	struct meanwhile *m = arg;

	while (!spinning)
		sched_yield();
	m->run = run_busy();
	m->run_again = run_busy();
	m->extra = create_vcpu(raw.space);
	m->extra_run = run_empty(m->extra);
	close(m->extra);
	m->assign = raw_frame(&raw, &raw);
	if (m->close)
		m->closed = close(raw.vcpu);
	stop = 1;
	return NULL;
}

static struct meanwhile run_disturbed(bool close)
{
	struct meanwhile m = { .close = close };
	pthread_t t;

	spinning = stop = 0;
	raw_start(&raw, spin, 0);
	pthread_create(&t, NULL, disturb, &m);
	raw_deadline(10000);
	m.ret = raw_go(&raw);
	stop = 1;
	pthread_join(t, NULL);
	raw_deadline(0);
	return m;
}

static void test_busy(void)
{
	struct meanwhile m = run_disturbed(false);

	ok(raw_is(&raw, m.ret, RAW_HC_DONE), "the run came to its end (%d, reason %u)", m.ret, raw.run->reason);
	ok_eq(m.run, -EBUSY, "RUN by another thread while it runs");
	ok_eq(m.run_again, -EBUSY, "and once more");
	ok(m.extra > 0, "meanwhile that thread makes a VCPU of its own");
	ok_eq(m.extra_run, 0, "and may run it");
	ok(m.assign > 0, "frames are assigned meanwhile");
	ok(raw_good(&raw), "the VCPU runs again");
}

/*
 * The run goes on, unless it has to be begun again for a signal or other work:
 * then there is no descriptor for that any more.
 */
static int close_while_running(void *arg)
{
	struct meanwhile m;

	if (raw_open(&raw))
		return 1;
	m = run_disturbed(true);
	if (m.ret != -EBADF && !raw_is(&raw, m.ret, RAW_HC_DONE))
		return 4;
	if (m.closed || raw_ioctl(raw.vcpu, DUNE_RUN, NULL) != -EBADF)
		return 2;
	raw.vcpu = create_vcpu(raw.space);
	munmap(raw.run, PAGE);
	raw.run = mmap(raw.run, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, raw.vcpu, 0);
	return raw_good(&raw) ? 0 : 3;
}

/* ---- mmap ------------------------------------------------------------------------------------- */

static void test_mmap(void)
{
	const size_t size = raw.info.table_size;
	const int rw = PROT_READ | PROT_WRITE;
	const struct { const char *name; int fd, prot, flags, want; size_t len; off_t offset; } cases[] = {
		{ "the frame table", raw.space, PROT_READ, MAP_SHARED, 0, size, 0 },
		{ "the frame table, private", raw.space, PROT_READ, MAP_PRIVATE, 0, size, 0 },
		{ "a part of the frame table", raw.space, PROT_READ, MAP_SHARED, 0, PAGE, 0 },
		{ "the frame table, writable", raw.space, rw, MAP_SHARED, -EPERM, size, 0 },
		{ "the frame table, write-only", raw.space, PROT_WRITE, MAP_SHARED, -EPERM, size, 0 },
		{ "the frame table, private and writable", raw.space, rw, MAP_PRIVATE, -EPERM, size, 0 },
		{ "more than the frame table", raw.space, PROT_READ, MAP_SHARED, -EINVAL, size + PAGE, 0 },
		{ "the frame table, from its second page", raw.space, PROT_READ, MAP_SHARED, -EINVAL, size - PAGE, PAGE },
		{ "the frame table, far away", raw.space, PROT_READ, MAP_SHARED, -EINVAL, PAGE, 1L << 40 },
		{ "the run page", raw.vcpu, rw, MAP_SHARED, 0, PAGE, 0 },
		{ "the run page, read-only", raw.vcpu, PROT_READ, MAP_SHARED, 0, PAGE, 0 },
		{ "the run page, private", raw.vcpu, rw, MAP_PRIVATE, -EINVAL, PAGE, 0 },
		{ "the run page, private, read-only", raw.vcpu, PROT_READ, MAP_PRIVATE, -EINVAL, PAGE, 0 },
		{ "more than the run page", raw.vcpu, rw, MAP_SHARED, -EINVAL, 2 * PAGE, 0 },
		{ "the page behind the run page", raw.vcpu, rw, MAP_SHARED, -EINVAL, PAGE, PAGE },
	};
	unsigned int i;
	void *table;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		ok_eq(try_mmap(cases[i].fd, cases[i].len, cases[i].prot, cases[i].flags, cases[i].offset), cases[i].want,
		      "mmap of %s", cases[i].name);

	table = mmap(NULL, size, PROT_READ, MAP_SHARED, raw.space, 0);
	ok(mprotect(table, size, rw) < 0 && errno == EACCES, "the frame table cannot be made writable later");
	munmap(table, size);
	table = mmap(NULL, size, PROT_READ, MAP_PRIVATE, raw.space, 0);
	ok(mprotect(table, size, rw) < 0 && errno == EACCES, "nor can a private mapping of it");
	ok(mremap(table, size, 2 * size, MREMAP_MAYMOVE) == MAP_FAILED, "nor can it be made longer");
	munmap(table, size);
	ok(mremap(raw.run, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED, "nor can the run page");
	ok(raw_good(&raw), "the VCPU still runs");
}

/* ---- frames --------------------------------------------------------------------------------------- */

static int assign(uint64_t hva)
{
	return raw_frame(&raw, (void *)hva);
}

static void test_frames(void)
{
	static const uint64_t bad[] = { 1UL << 47, 0x8000000000000000, 0xffff800000000000, 0xffffffff81000000, ~0UL };
	const uint16_t *table = mmap(NULL, raw.info.table_size, PROT_READ, MAP_SHARED, raw.space, 0);
	unsigned int i, entries = 0, highest = 0;
	int first, ret;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ok_eq(assign(bad[i]), -EINVAL, "ASSIGN_FRAME of %#lx", (unsigned long)bad[i]);
	first = assign(0x123456789000);
	ok(first > 0, "ASSIGN_FRAME gives a number");
	ok_eq(assign(0x123456789000), first, "and the same for the same address");
	ok_eq(assign(0x123456789000 & ~0x3fffffffUL), first, "for the first address of that GiB");
	ok_eq(assign(0x123456789000 | 0x3fffffff), first, "for the last");
	ret = assign(0x123456789000 + (1UL << 30));
	ok(ret > 0 && ret != first, "the next GiB has another");
	ok_eq(table[0x123456789000 >> 30], first, "the table says so");
	ok_eq(table[(0x123456789000 >> 30) + 1], ret, "for both");
	ok(assign((1UL << 47) - 1) > 0, "the last GiB of user addresses can have one");
	ok_eq(table[DUNE_FRAME_ENTRIES - 1], assign((1UL << 47) - 1), "in the last entry");
	for (i = 0; i < DUNE_FRAME_ENTRIES; i++) {
		entries += table[i] != 0;
		highest = table[i] > highest ? table[i] : highest;
	}
	ok_eq(entries, highest, "as many entries as numbers were given: none twice, none left out");
	ok_eq(table[(uintptr_t)&raw >> 30], assign((uintptr_t)&raw), "also for our own data");
	munmap((void *)table, raw.info.table_size);
}

static void ask_frame(uint64_t *p)
{
	p[0] = raw_vmcall(DUNE_HC_FRAME, p[1], 0, 0);
	raw_vmcall(RAW_HC_DONE, 0, 0, 0);
}

static int64_t frame_from_inside(uint64_t hva)
{
	uint64_t *p = (uint64_t *)(raw.stack - 65536);

	p[1] = hva;
	raw_start(&raw, ask_frame, (uintptr_t)p);
	return raw_is(&raw, raw_go(&raw), RAW_HC_DONE) ? (int64_t)p[0] : -1000000;
}

static void test_frame_hypercall(void)
{
	ok_eq(frame_from_inside(0x123456789000), assign(0x123456789000), "DUNE_HC_FRAME gives what ASSIGN_FRAME gives");
	ok(frame_from_inside(0x111111111000) > 0, "also for a new one");
	ok_eq(frame_from_inside(1UL << 47), -EINVAL, "DUNE_HC_FRAME of an address that is not a user's");
	ok_eq(frame_from_inside(~0UL), -EINVAL, "DUNE_HC_FRAME of -1");
}

/* All frames taken. Its exit status says at which step it went wrong. */
static int exhaust(void *arg)
{
	unsigned int given = 0;
	uint64_t gib;
	int ret, first;

	if (raw_open(&raw))
		return 1;
	first = assign(0);
	for (gib = 0; gib < DUNE_FRAME_ENTRIES; gib++) {
		ret = assign(gib << 30);
		if (ret < 0)
			break;
		given = (unsigned int)ret > given ? (unsigned int)ret : given;
	}
	if (raw.info.frames < DUNE_FRAME_ENTRIES && (ret != -ENOSPC || given != raw.info.frames))
		return 2;
	if (assign(gib << 30) != -ENOSPC || assign((gib + 100) << 30) != -ENOSPC)
		return 3;
	if (frame_from_inside(gib << 30) != -ENOSPC)
		return 4;
	if (assign(0) != first || !raw_good(&raw))
		return 5;
	return 0;
}

/* ---- many, and in any order -------------------------------------------------------------------------- */

#define MANY 256

static void test_many_vcpus(void)
{
	struct dune_run *own_run = raw.run;
	int own = raw.vcpu, fds[MANY], made = 0, good = 0, i, j, t;

	for (i = 0; i < MANY; i++) {
		fds[i] = create_vcpu(raw.space);
		made += fds[i] >= 0;
	}
	ok_eq(made, MANY, "%d VCPUs in one space", MANY);
	for (i = 0; i < MANY; i += 8) {
		raw.vcpu = fds[i];
		raw.run = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
		raw_map(&raw, raw.run);
		good += raw_good(&raw);
		munmap(raw.run, PAGE);
	}
	raw.vcpu = own;
	raw.run = own_run;
	ok_eq(good, MANY / 8, "every eighth of them runs");
	srand(1);
	for (i = MANY - 1; i > 0; i--) {
		j = rand() % (i + 1);
		t = fds[i];
		fds[i] = fds[j];
		fds[j] = t;
	}
	for (i = 0; i < MANY; i++) {
		close(fds[i]);
		if (i % 32 == 0)
			good += raw_good(&raw);
	}
	ok_eq(good, MANY / 8 + MANY / 32, "all are closed in random order, and ours runs meanwhile");
	/* were one of their numbers (VPIDs) lost each time, this would run out of them */
	for (i = made = 0; i < 2000; i++) {
		int fd = create_vcpu(raw.space);

		made += fd >= 0;
		close(fd);
	}
	ok_eq(made, 2000, "2000 times made and closed");
}

/* No descriptor left: nothing may be left behind. */
static int no_descriptors(void *arg)
{
	struct rlimit old, none;
	int dev = open("/dev/dune", O_RDWR), i, ret = 0;

	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	for (i = 0; i < 20; i++)
		ret |= create_space(dev) != -EMFILE;
	setrlimit(RLIMIT_NOFILE, &old);
	close(dev);
	if (ret || raw_open(&raw))
		return 1;
	setrlimit(RLIMIT_NOFILE, &none);
	for (i = 0; i < 20; i++)
		ret |= create_vcpu(raw.space) != -EMFILE;
	return ret || !raw_good(&raw) ? 2 : 0;
}

/* Close in the order of @order ('d', 's', 'v'; 'm' unmaps the run page), running while there is a VCPU. */
static int close_in_order(void *arg)
{
	bool has_vcpu = true;
	const char *c;

	if (raw_open(&raw) || !raw_good(&raw))
		return 1;
	for (c = arg; *c; c++) {
		if (*c == 'm') {
			munmap(raw.run, PAGE);
			has_vcpu = false;
			continue;
		}
		close(*c == 'd' ? raw.dev : *c == 's' ? raw.space : raw.vcpu);
		has_vcpu &= *c != 'v';
		if (!has_vcpu)
			continue;
		if (!raw_good(&raw))
			return 2;
	}
	/* all is gone with the last of them: the mm can have a new space */
	return raw_open(&raw) || !raw_good(&raw) ? 3 : 0;
}

static void test_close_orders(void)
{
	static const char *const orders[] = { "vmsd", "svmd", "dsvm", "dvsm", "msvd", "mvds", "sdmv", "mdsv" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(orders); i++)
		ok_eq(raw_child(close_in_order, (void *)orders[i], 30), 0, "closing in the order %s", orders[i]);
}

/* A run page that is still mapped keeps VCPU and space: the mm gets no other until it is unmapped. */
static int mapping_keeps(void *arg)
{
	int space;

	if (raw_open(&raw))
		return 1;
	close(raw.vcpu);
	close(raw.space);
	space = create_space(raw.dev);
	if (space != -EEXIST)
		return 2;
	raw.run->counters.runs = 1;	/* it is still there */
	munmap(raw.run, PAGE);
	space = create_space(raw.dev);
	return space < 0 ? 3 : 0;
}

/* ---- signals ------------------------------------------------------------------------------------------- */

static void on_alarm(int sig)
{
}

/* Linux gives up making a space when a signal comes: that is nothing a program has to know. */
static int between_signals(void *arg)
{
	struct itimerval once = { 0 };
	struct sigaction action = { .sa_handler = on_alarm };
	int dev = open("/dev/dune", O_RDWR | O_CLOEXEC), i, space;

	sigaction(SIGALRM, &action, NULL);
	for (i = 0; i < 100; i++) {
		/* some before, some behind, some in the middle of it */
		once.it_value.tv_usec = 1 + random() % 300;
		setitimer(ITIMER_REAL, &once, NULL);
		space = create_space(dev);
		if (space < 0)
			return -space;
		close(space);
	}
	return 0;
}

/* ---- two processes ------------------------------------------------------------------------------------ */

static int two_processes(void *arg)
{
	int i, status, pipefd[2];
	char byte;
	pid_t pid;

	if (pipe(pipefd) || (pid = fork()) < 0)
		return 1;
	if (raw_open(&raw))
		return 2;
	if (!pid) {
		raw_good(&raw);
		if (write(pipefd[1], "", 1) != 1)
			_exit(1);
		for (;;)
			raw_good(&raw);
	}
	if (read(pipefd[0], &byte, 1) != 1)
		return 3;
	for (i = 0; i < 20; i++)
		if (!raw_good(&raw))
			return 4;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	for (i = 0; i < 20; i++)
		if (!raw_good(&raw))
			return 5;
	return status == SIGKILL ? 0 : 6;
}

int main(int argc, char **argv)
{
	unsigned int i;
	int ret;

	if (argc == 4)		/* see execs() */
		return use_foreign(atoi(argv[2]), atoi(argv[3]));
	raw_health_begin(&health);
	/* these make spaces, and so they come before the one of this process */
	ok_eq(raw_child(exhaust, NULL, 20), 0, "all frames taken: -ENOSPC, and nothing else is harmed");
	ok_eq(raw_child(no_descriptors, NULL, 30), 0, "no descriptor left: -EMFILE, and nothing is left behind");
	ok_eq(raw_child(close_while_running, NULL, 20), 0, "a VCPU closed while it runs comes to its end");
	ok_eq(raw_child(mapping_keeps, NULL, 30), 0, "a mapped run page keeps space and VCPU");
	ok_eq(raw_child(two_processes, NULL, 10), 0, "two processes: one is killed, the other is unharmed");
	test_close_orders();
	ok_eq(raw_child(between_signals, NULL, 30), 0, "100 spaces are made while signals come");

	ret = raw_open(&raw);
	if (ret)
		bail("cannot enter Dune mode: %s", strerror(-ret));
	test_device();
	test_info();
	for (i = 0; i < ARRAY_SIZE(ioctls); i++)
		test_arguments(&ioctls[i]);
	test_unknown();
	test_owner();
	test_busy();
	test_mmap();
	test_frames();
	test_frame_hypercall();
	test_many_vcpus();
	raw_health_end(&health, &raw);
	raw_close(&raw);
	return tap_done();
}
