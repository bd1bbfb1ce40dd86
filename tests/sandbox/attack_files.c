// SPDX-License-Identifier: GPL-2.0
/* Descriptors of the monitor, and files that are none of the program's business. */
#include "attack.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* As launch has them. */
#define OWN_FD		512
#define STARTER_FD	513
#define DEVICE_FD	514

static int by_number(void)
{
	char buffer[64];
	int bad = 0;

	bad |= fails(EBADF, "read", SYS_read, OWN_FD, (uint64_t)buffer, 64, 0, 0, 0);
	bad |= fails(EBADF, "pread64", SYS_pread64, OWN_FD, (uint64_t)buffer, 64, 0, 0, 0);
	bad |= fails(EBADF, "write", SYS_write, OWN_FD, (uint64_t)buffer, 64, 0, 0, 0);
	bad |= fails(EBADF, "close", SYS_close, OWN_FD, 0, 0, 0, 0, 0);
	bad |= fails(EBADF, "dup", SYS_dup, OWN_FD, 0, 0, 0, 0, 0);
	bad |= fails(EBADF, "dup2", SYS_dup2, OWN_FD, 20, 0, 0, 0, 0);
	bad |= fails(EBADF, "dup2", SYS_dup2, 1, OWN_FD, 0, 0, 0, 0);
	bad |= fails(EBADF, "dup3", SYS_dup3, 1, OWN_FD, 0, 0, 0, 0);
	bad |= fails(EBADF, "fcntl", SYS_fcntl, OWN_FD, F_DUPFD, 0, 0, 0, 0);
	bad |= fails(EINVAL, "F_DUPFD", SYS_fcntl, 1, F_DUPFD, OWN_FD, 0, 0, 0);
	bad |= fails(EBADF, "fstat", SYS_fstat, OWN_FD, (uint64_t)buffer, 0, 0, 0, 0);
	bad |= fails(EBADF, "mmap", SYS_mmap, 0, 4096, 1, MAP_PRIVATE, OWN_FD, 0);
	bad |= fails(EBADF, "ftruncate", SYS_ftruncate, OWN_FD, 0, 0, 0, 0, 0);
	bad |= fails(EBADF, "sendfile", SYS_sendfile, 1, OWN_FD, 0, 64, 0, 0);
	bad |= fails(EBADF, "splice", SYS_splice, OWN_FD, 0, 1, 0, 64, 0);
	bad |= fails(EBADF, "copy_file_range", SYS_copy_file_range, OWN_FD, 0, 1, 0, 64, 0);
	bad |= fails(EBADF, "ioctl", SYS_ioctl, DEVICE_FD, 0xc038de00, (uint64_t)buffer, 0, 0, 0);
	bad |= fails(EBADF, "openat", SYS_openat, OWN_FD, (uint64_t)"x", 0, 0, 0, 0);
	bad |= fails(EBADF, "newfstatat", SYS_newfstatat, OWN_FD, (uint64_t)"", (uint64_t)buffer, AT_EMPTY_PATH, 0, 0);
	bad |= fails(EBADF, "linkat", SYS_linkat, OWN_FD, (uint64_t)"", AT_FDCWD, (uint64_t)"/tmp/l", AT_EMPTY_PATH, 0);
	bad |= fails(EBADF, "epoll_ctl", SYS_epoll_ctl, epoll_create1(0), EPOLL_CTL_ADD, OWN_FD, (uint64_t)buffer, 0, 0);
	bad |= fails(EBADF, "execveat", SYS_execveat, STARTER_FD, (uint64_t)"", 0, 0, AT_EMPTY_PATH, 0);
	/* the upper half of the register is nothing to Linux */
	bad |= fails(EBADF, "read", SYS_read, 0x100000000UL | OWN_FD, (uint64_t)buffer, 64, 0, 0, 0);
	return bad;
}

static int by_limit(void)
{
	uint64_t limit[2] = { 4096, 4096 };

	return fails(EPERM, "prlimit64", SYS_prlimit64, 0, 7, (uint64_t)limit, 0, 0, 0) |
	       fails(EPERM, "setrlimit", SYS_setrlimit, 7, (uint64_t)limit, 0, 0, 0, 0) |
	       fails(EPERM, "prlimit64", SYS_prlimit64, (uint64_t)getppid(), 7, (uint64_t)limit, 0, 0, 0);
}

/* Closed by a range: the monitor would have none when the next program is executed. */
static int by_range(void)
{
	int status;

	raw(SYS_close_range, 3, ~0U, 0, 0, 0, 0);
	raw(SYS_close_range, OWN_FD, OWN_FD + 10, 0, 0, 0, 0);
	raw(SYS_close_range, 3, ~0U, 4 /* CLOEXEC */, 0, 0, 0);
	status = system("exit 3");
	return WEXITSTATUS(status) == 3 ? HELD : escaped("the monitor's descriptors are closed");
}

static int by_message(void)
{
	char control[CMSG_SPACE(2 * sizeof(int))] = { 0 }, byte = 1;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct mmsghdr mm = { .msg_hdr = m };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fd[2], fds[2] = { 0, OWN_FD };

	socketpair(AF_UNIX, SOCK_DGRAM, 0, fd);
	*c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(fds)) };
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	return fails(EBADF, "sendmsg", SYS_sendmsg, (uint64_t)fd[0], (uint64_t)&m, 0, 0, 0, 0) |
	       fails(EBADF, "sendmmsg", SYS_sendmmsg, (uint64_t)fd[0], (uint64_t)&mm, 1, 0, 0, 0);
}

static int by_name(void)
{
	char path[64];
	int bad = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", OWN_FD);
	bad |= fails(ENOENT, path, SYS_open, (uint64_t)path, O_RDONLY, 0, 0, 0, 0);
	snprintf(path, sizeof(path), "/dev/fd/%d", OWN_FD);
	bad |= fails(ENOENT, path, SYS_open, (uint64_t)path, O_RDONLY, 0, 0, 0, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/../fd/%d", OWN_FD);
	bad |= fails(ELOOP, path, SYS_open, (uint64_t)path, O_RDONLY, 0, 0, 0, 0);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), OWN_FD);
	bad |= fails(ELOOP, path, SYS_open, (uint64_t)path, O_RDONLY, 0, 0, 0, 0);
	return bad;
}

/* Those of its own the program may name. */
static int own_names(void)
{
	int fd[2];
	char path[64], byte = 0;

	if (pipe(fd))
		return 2;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[0]);
	if (write(fd[1], "x", 1) != 1 || read(open(path, O_RDONLY), &byte, 1) != 1 || byte != 'x')
		return escaped("no way to its own descriptors");
	return open("/dev/stdout", O_WRONLY) >= 0 ? HELD : escaped("no /dev/stdout");
}

/* ---- /proc --------------------------------------------------------------------------- */

static int memory_file(void)
{
	char path[64];
	int bad = 0, dir = open("/proc/self", O_RDONLY | O_DIRECTORY);

	bad |= fails(EACCES, "mem", SYS_open, (uint64_t)"/proc/self/mem", O_RDWR, 0, 0, 0, 0);
	bad |= fails(EACCES, "mem", SYS_open, (uint64_t)"/proc/self/mem", O_RDONLY, 0, 0, 0, 0);
	bad |= fails(EACCES, "mem", SYS_open, (uint64_t)"/proc/self/mem", O_WRONLY | O_TRUNC, 0, 0, 0, 0);
	bad |= fails(EACCES, "mem", SYS_open, (uint64_t)"/proc/thread-self/mem", O_RDWR, 0, 0, 0, 0);
	bad |= fails(EACCES, "mem", SYS_creat, (uint64_t)"/proc/self/mem", 0600, 0, 0, 0, 0);
	bad |= fails(EACCES, "mem", SYS_openat, (uint64_t)dir, (uint64_t)"mem", O_RDWR, 0, 0, 0);
	bad |= fails(EACCES, "mem", SYS_openat, (uint64_t)dir, (uint64_t)"./mem", O_WRONLY, 0, 0, 0);
	bad |= fails(EACCES, "mem", SYS_open, (uint64_t)"/tmp/../proc/self/mem", O_RDWR, 0, 0, 0, 0);
	bad |= fails(EACCES, "mem", SYS_open, (uint64_t)"//proc//self//mem", O_RDWR, 0, 0, 0, 0);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/mem", getpid(), getpid());
	bad |= fails(EACCES, path, SYS_open, (uint64_t)path, O_RDWR, 0, 0, 0, 0);
	snprintf(path, sizeof(path), "/proc/%d/mem", getppid());
	bad |= fails(EACCES, path, SYS_open, (uint64_t)path, O_RDWR, 0, 0, 0, 0);
	return bad;
}

static int memory_by_link(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/link%d", getpid());
	if (symlink("/proc/self/mem", path))
		return 2;
	return fails(EACCES, "mem", SYS_open, (uint64_t)path, O_RDWR, 0, 0, 0, 0) | unlink(path);
}

static int memory_by_directory(void)
{
	return chdir("/proc/self") ? 2 : fails(EACCES, "mem", SYS_open, (uint64_t)"mem", O_RDWR, 0, 0, 0, 0);
}

static int memory_how(void)
{
	struct open_how how = { .flags = O_RDWR };
	struct { struct open_how how; uint64_t more; } large = { { .flags = O_RDWR }, 1 };

	return fails(EACCES, "mem", SYS_openat2, AT_FDCWD, (uint64_t)"/proc/./self/mem", (uint64_t)&how, sizeof(how), 0, 0) |
	       fails(E2BIG, "mem", SYS_openat2, AT_FDCWD, (uint64_t)"/proc/self/mem", (uint64_t)&large, sizeof(large), 0, 0);
}

/* A descriptor that can do nothing, made one that can. */
static int memory_by_opath(void)
{
	char path[64];
	long fd = raw(SYS_open, (uint64_t)"/proc/self/task/../mem", O_PATH, 0, 0, 0, 0);

	if (fd < 0)
		return HELD;
	snprintf(path, sizeof(path), "/proc/%d/fd/%ld", getpid(), fd);
	if (raw(SYS_open, (uint64_t)path, O_RDWR, 0, 0, 0, 0) != -ELOOP)
		return escaped("an O_PATH descriptor of memory was opened");
	/* by the name that is answered by dup() it stays what it is */
	snprintf(path, sizeof(path), "/proc/self/fd/%ld", fd);
	fd = raw(SYS_open, (uint64_t)path, O_RDWR, 0, 0, 0, 0);
	return fd < 0 || raw(SYS_pwrite64, (uint64_t)fd, (uint64_t)path, 1, own_data, 0, 0) == -EBADF ? HELD :
	       escaped("memory was written");
}

static int magic_links(void)
{
	char buffer[64];
	int bad = 0;

	bad |= fails(ELOOP, "root", SYS_open, (uint64_t)"/proc/self/root/etc", O_RDONLY, 0, 0, 0, 0);
	bad |= fails(ELOOP, "root", SYS_open, (uint64_t)"/proc/1/root/etc/passwd", O_RDONLY, 0, 0, 0, 0);
	bad |= fails(ELOOP, "cwd", SYS_open, (uint64_t)"/proc/self/cwd", O_RDONLY, 0, 0, 0, 0);
	bad |= fails(ELOOP, "exe", SYS_open, (uint64_t)"/proc/self/exe", O_RDONLY, 0, 0, 0, 0);
	bad |= fails(ELOOP, "exe", SYS_execve, (uint64_t)"/proc/1/exe", (uint64_t)(char *[]){ "x", NULL }, 0, 0, 0, 0);
	return bad | (readlink("/proc/self/exe", buffer, sizeof(buffer)) > 0 ? HELD : escaped("readlink"));
}

/* Without a link, a path is opened to be made shorter; by one, nothing is. */
static int truncated(void)
{
	char path[64], link[64];
	int fd, bad = 0;

	snprintf(path, sizeof(path), "/tmp/long%d", getpid());
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", getpid(), OWN_FD);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, "long", 4) != 4 || truncate(path, 2) || lseek(fd, 0, SEEK_END) != 2)
		return escaped("truncate() does not work");
	close(fd);
	fd = open(path, O_RDONLY);
	bad |= fails(ELOOP, "truncate", SYS_truncate, (uint64_t)link, 0, 0, 0, 0, 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", OWN_FD);
	bad |= fails(ENOENT, "truncate", SYS_truncate, (uint64_t)link, 0, 0, 0, 0, 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	bad |= fails(EINVAL, "truncate", SYS_truncate, (uint64_t)link, 0, 0, 0, 0, 0);
	bad |= fails(EINVAL, "truncate", SYS_truncate, (uint64_t)path, -1UL, 0, 0, 0, 0);
	return bad | unlink(path);
}

static int proc_settings(void)
{
	return fails(EACCES, "clear_refs", SYS_open, (uint64_t)"/proc/self/clear_refs", O_WRONLY, 0, 0, 0, 0) |
	       fails(EACCES, "core_pattern", SYS_open, (uint64_t)"/proc/sys/kernel/core_pattern", O_WRONLY, 0, 0, 0, 0) |
	       fails(EACCES, "sysrq", SYS_open, (uint64_t)"/proc/sysrq-trigger", O_WRONLY, 0, 0, 0, 0);
}

static int device(void)
{
	struct stat st;
	int bad = fails(EACCES, "dune", SYS_open, (uint64_t)"/dev/dune", O_RDWR, 0, 0, 0, 0);
	int fd = (int)raw(SYS_open, (uint64_t)"/dev/../dev/dune", O_RDWR, 0, 0, 0, 0);

	(void)st;
	if (fd < 0)
		return bad;
	return bad | fails(ENOTTY, "DUNE_CREATE_SPACE", SYS_ioctl, (uint64_t)fd, 0x4008de01, (uint64_t)(uint32_t[]){ 8, 0 }, 0, 0, 0);
}

static int nodes(void)
{
	return fails(EPERM, "mknod", SYS_mknod, (uint64_t)"/tmp/m", S_IFCHR | 0600, 0x101, 0, 0, 0) |
	       fails(EPERM, "mknodat", SYS_mknodat, AT_FDCWD, (uint64_t)"/tmp/m", S_IFBLK | 0600, 0x800, 0, 0);
}

/* All numbers that the program can have, taken: none of them is the monitor's. */
static int all_numbers(void)
{
	int fd, last = -1;

	while ((fd = dup(0)) >= 0)
		last = fd;
	return errno == EMFILE && last < OWN_FD - 8 && last > 64 ? HELD : escaped("a number of the monitor's");
}

static int ioctls(void)
{
	int fd = open("/dev/ptmx", O_RDWR), bad = 0;
	static const uint32_t requests[] = { 0x5412 /* TIOCSTI */, 0x541c /* TIOCLINUX */, 0x8912 /* SIOCGIFCONF */,
					     0x8946 /* SIOCETHTOOL */, 0x5457 /* TIOCSERGETMULTI */, 0xc0045878 /* FIFREEZE */ };

	for (unsigned int i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		bad |= fails(ENOTTY, "ioctl", SYS_ioctl, (uint64_t)fd, requests[i], (uint64_t)"x", 0, 0, 0);
	return bad;
}

const struct attack file_attacks[] = {
	{ "the monitor's descriptors by number", by_number, HELD, "refused: descriptor" },
	{ "the limit of descriptors", by_limit, HELD, "refused: argument" },
	{ "close_range", by_range, HELD, NULL },
	{ "descriptors sent", by_message, HELD, "refused: descriptor" },
	{ "descriptors by name", by_name, HELD, "refused: descriptor" },
	{ "the program's own descriptors by name", own_names, HELD, NULL },
	{ "/proc/self/mem", memory_file, HELD, "refused: path" },
	{ "/proc/self/mem by a link", memory_by_link, HELD, "refused: path" },
	{ "/proc/self/mem from its directory", memory_by_directory, HELD, "refused: path" },
	{ "/proc/self/mem by openat2", memory_how, HELD, "refused: path" },
	{ "/proc/self/mem by O_PATH", memory_by_opath, HELD, NULL },
	{ "links of /proc", magic_links, HELD, NULL },
	{ "truncate() by links of /proc", truncated, HELD, NULL },
	{ "settings in /proc", proc_settings, HELD, "refused: path" },
	{ "/dev/dune", device, HELD, "refused: path" },
	{ "devices", nodes, HELD, "refused: argument" },
	{ "all numbers", all_numbers, HELD, NULL },
	{ "ioctl requests", ioctls, HELD, "refused: argument" },
	{ NULL }
};
