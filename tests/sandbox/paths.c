// SPDX-License-Identifier: GPL-2.0
/*
 * paths             make files outside of what is bound, run this in dune-sandbox, and see whether
 *                   any of them has changed. TAP
 * paths --inside    (in the sandbox) try to get at them, by each call that takes a path
 *
 * All files are open to everybody: what keeps the program from them is what has no name in the sandbox.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "tap.h"
#include "tree.h"

#define WORK	"/tmp/paths"
#define OUTSIDE	WORK "/outside"
#define HELLO	5		/* status of --hello, to see that it is executed */
#define FAILED	200		/* status of --inside; else the number of its checks */

/* ---- the calls --------------------------------------------------------------------- */

static int c_stat(const char *p) { struct stat st; return stat(p, &st); }
static int c_lstat(const char *p) { struct stat st; return lstat(p, &st) || S_ISLNK(st.st_mode) ? -1 : 0; }
static int c_statx(const char *p) { struct statx st; return statx(AT_FDCWD, p, 0, STATX_BASIC_STATS, &st); }
static int c_statfs(const char *p) { struct statfs fs; return statfs(p, &fs); }
static int c_access(const char *p) { return access(p, F_OK); }
static int c_read(const char *p) { return open(p, O_RDONLY); }
static int c_look(const char *p) { return open(p, O_PATH); }
static int c_write(const char *p) { return open(p, O_RDWR); }
static int c_empty(const char *p) { return open(p, O_WRONLY | O_TRUNC); }
static int c_create(const char *p) { return open(p, O_WRONLY | O_CREAT, 0666); }
static int c_unlink(const char *p) { return unlink(p); }
static int c_rename_from(const char *p) { return rename(p, "/bound/taken"); }
static int c_rename_to(const char *p) { return rename("/bound/file", p); }
static int c_exchange(const char *p) { return renameat2(AT_FDCWD, "/bound/file", AT_FDCWD, p, RENAME_EXCHANGE); }
static int c_link_from(const char *p) { return linkat(AT_FDCWD, p, AT_FDCWD, "/bound/taken", AT_SYMLINK_FOLLOW); }
static int c_link_to(const char *p) { return link("/bound/file", p); }
static int c_mkdir(const char *p) { return mkdir(p, 0777); }
static int c_mkfifo(const char *p) { return mknod(p, S_IFIFO | 0666, 0); }
static int c_symlink(const char *p) { return symlink("x", p); }
static int c_chmod(const char *p) { return chmod(p, 0777); }
static int c_chown(const char *p) { return chown(p, geteuid(), getegid()); }
static int c_truncate(const char *p) { return truncate(p, 0); }
static int c_utimens(const char *p) { return utimensat(AT_FDCWD, p, NULL, 0); }
static int c_getxattr(const char *p) { char b[8]; return getxattr(p, "user.x", b, 8) < 0 && errno == ENODATA ? 0 : -1; }
static int c_setxattr(const char *p) { return setxattr(p, "user.x", "x", 1, 0); }
static int c_removexattr(const char *p) { return removexattr(p, "user.x") < 0 && errno != ENODATA ? -1 : 0; }
static int c_listxattr(const char *p) { return listxattr(p, NULL, 0) < 0 ? -1 : 0; }
static int c_watch(const char *p) { return inotify_add_watch(inotify_init1(0), p, IN_ALL_EVENTS); }
static int c_execute(const char *p)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		execl(p, p, NULL);
		_exit(66);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 66 ? -1 : 0;
}

static int by_socket(const char *p, int (*call)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", p);
	return call(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof(a));
}

static int c_bind(const char *p) { return by_socket(p, bind); }
static int c_connect(const char *p) { return by_socket(p, connect); }

struct call {
	const char *name;
	int (*fn)(const char *path);
	int changes;		/* something, so it fails on what is read-only, too */
	const char *last;	/* what is outside: NULL, a file that is there */
};

static const struct call calls[] = {
	{ "stat", c_stat }, { "lstat", c_lstat }, { "statx", c_statx }, { "statfs", c_statfs }, { "access", c_access },
	{ "open to read", c_read }, { "open by O_PATH", c_look }, { "open to write", c_write, 1 },
	{ "open and empty", c_empty, 1 }, { "open and create", c_create, 1, "new" }, { "unlink", c_unlink, 1 },
	{ "rename", c_rename_from, 1 }, { "rename over it", c_rename_to, 1 }, { "exchange", c_exchange, 1 },
	{ "link to it", c_link_from, 1 }, { "link there", c_link_to, 1, "new" }, { "mkdir", c_mkdir, 1, "new" },
	{ "mknod", c_mkfifo, 1, "new" }, { "symlink", c_symlink, 1, "new" }, { "chmod", c_chmod, 1 },
	{ "chown", c_chown, 1 }, { "truncate", c_truncate, 1 }, { "utimensat", c_utimens, 1 },
	{ "getxattr", c_getxattr }, { "setxattr", c_setxattr, 1 }, { "removexattr", c_removexattr, 1 },
	{ "listxattr", c_listxattr }, { "inotify_add_watch", c_watch }, { "execve", c_execute, 0, "run" },
	{ "bind a socket", c_bind, 1, "new" }, { "connect to a socket", c_connect, 0, "socket" },
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* ---- in the sandbox -------------------------------------------------------------------- */

/* Directories that are, or were, outside; links among them that the host made. */
static const char *const ways[] = {
	OUTSIDE, "/bound/../outside", "/bound/../../../../../.." OUTSIDE, "/ro/../outside",
	"/bound/absolute", "/bound/relative", "/bound/of-proc",
	"/proc/self/root" OUTSIDE, "/proc/1/root" OUTSIDE, "/proc/self/task/1/root" OUTSIDE,
	"/proc/self/cwd/../outside", "/proc/1/cwd" OUTSIDE, "/proc/self/fd/9/../outside", "/proc/self/fd/9/../.." OUTSIDE,
	"/dev/fd/9/../outside", "/proc/thread-self/root/../.." OUTSIDE,
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void try_outside(const struct call *c)
{
	unsigned int bad = 0;

	for (unsigned int i = 0; i < WAYS; i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s/%s", ways[i], c->last ?: "secret");
		if (c->fn(path) < 0)
			continue;
		bad++;
		diag("%s", path);
	}
	ok(!bad, "%s: nothing outside, by %zu names", c->name, WAYS);
}

static void try_read_only(void)
{
	unsigned int bad = 0, n = 0;

	for (unsigned int i = 0; i < CALLS; i++) {
		char path[64];

		if (!calls[i].changes)
			continue;
		n++;
		snprintf(path, sizeof(path), "/ro/%s", calls[i].last ?: "secret");
		if (calls[i].fn(path) < 0)
			continue;
		bad++;
		diag("%s", calls[i].name);
	}
	ok(!bad, "%u calls change nothing that is bound read-only", n);
	ok(c_stat("/ro/secret") == 0 && c_read("/ro/secret") >= 0, "which can be read");
}

/* Much of it is in every /proc, with the mode and the owner that one of them gave it. */
static void try_proc(void)
{
	static const char *const names[] = { "/proc", "/proc/meminfo", "/proc/sysrq-trigger", "/proc/sys/kernel/hostname",
					     "/proc/self", "/proc/self/oom_score_adj", "/proc/kcore" };
	unsigned int bad = 0, i, j;

	for (i = 0; i < CALLS; i++)
		for (j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
			if (!calls[i].changes || calls[i].last || calls[i].fn(names[j]) < 0)
				continue;
			bad++;
			diag("%s %s", calls[i].name, names[j]);
		}
	ok(!bad, "nothing of /proc is changed");
}

/* From a descriptor of a directory, and by names that take it from there. */
static void try_descriptors(void)
{
	int dir = open("/bound/sub", O_PATH | O_DIRECTORY), root = open("/", O_PATH | O_DIRECTORY);
	struct open_how how = { .flags = O_RDONLY };
	struct stat st;

	ok(openat(dir, "../../outside/secret", O_RDONLY) < 0 && openat(dir, "../../../.." OUTSIDE "/secret", O_RDONLY) < 0,
	   "openat(), from a directory that is bound");
	ok(fstatat(dir, "../../outside/secret", &st, 0) < 0 && fstatat(root, "../../" OUTSIDE, &st, 0) < 0, "fstatat()");
	ok(syscall(SYS_openat2, dir, "../../outside/secret", &how, sizeof(how)) < 0, "openat2()");
	ok(unlinkat(dir, "../../outside/secret", 0) < 0 && renameat(dir, "../../outside/secret", dir, "x") < 0,
	   "unlinkat(), renameat()");
	/* the directory goes elsewhere, and ".." with it */
	ok(rename("/bound/sub", "/bound2/sub") < 0 && errno == EXDEV, "a directory stays in its bind");
	ok(link("/bound/file", "/bound2/file") < 0 && errno == EXDEV, "so does a file");
	ok(!fchdir(dir) && c_stat("../../outside/secret") < 0 && c_unlink("../../outside/secret") < 0, "from there");
	ok(chdir("/") == 0, "and back");
	close(dir);
	close(root);
}

/* Standard input is a file of the host's, given to be read. */
static void try_input(void)
{
	static const char *const names[] = { "/proc/self/fd/0", "/dev/fd/0", "/dev/stdin", "/proc/thread-self/fd/0",
					     "/bound/of-input", "/proc/self/fd/../fd/0", "/proc/1/fd/0", NULL, NULL };
	char by_pid[2][64];
	unsigned int bad = 0;
	struct stat st;
	char byte;

	snprintf(by_pid[0], 64, "/proc/%d/fd/0", getpid());
	snprintf(by_pid[1], 64, "/proc/%d/task/%d/fd/0", getppid(), getppid());
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *name = names[i] ?: by_pid[i - 7];
		int fd = open(name, O_RDWR);

		bad += fd >= 0 && write(fd, "x", 1) >= 0;
		fd = open(name, O_WRONLY | O_TRUNC);
		bad += fd >= 0 && write(fd, "x", 1) >= 0;
		bad += truncate(name, 0) == 0;
		bad += linkat(AT_FDCWD, name, AT_FDCWD, "/bound/input", AT_SYMLINK_FOLLOW) == 0;
	}
	bad += linkat(0, "", AT_FDCWD, "/bound/input", AT_EMPTY_PATH) == 0;
	bad += ftruncate(0, 0) == 0 || write(0, "x", 1) >= 0;
	ok(!bad, "standard input is not written to, by any name");
	ok(!fstat(0, &st) && st.st_size == 6, "nor emptied");
	ok(read(open("/dev/stdin", O_RDONLY), &byte, 1) == 1 && byte == 's', "and is read by its name");
}

/* The monitor's: their numbers are seen in /proc, and there are links. */
static void try_monitors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int bad = 0, n = 0;
	struct rlimit limit;
	struct dirent *e;

	getrlimit(RLIMIT_NOFILE, &limit);
	while (d && (e = readdir(d))) {
		char path[300];
		struct stat st;
		int number = atoi(e->d_name);

		snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		/* eight of the highest are its slots */
		if (number < (int)limit.rlim_cur - 8 || stat(path, &st))
			continue;
		n++;
		bad += open(path, O_RDONLY) >= 0;
		/* the policy is a file without a name, and what it is called or dated is nothing to anybody */
		if (!S_ISCHR(st.st_mode) && !st.st_nlink)
			continue;
		for (unsigned int i = 0; i < CALLS && !S_ISSOCK(st.st_mode); i++) {
			if (!calls[i].changes || calls[i].last || calls[i].fn(path) < 0)
				continue;
			bad++;
			diag("%s: %s", path, calls[i].name);
		}
	}
	ok(n > 2, "the monitor's descriptors have names (%u)", n);
	ok(!bad, "by which they are neither opened nor changed");
}

/* ---- code that the program has written ---------------------------------------------------- */

static const char code[4096] = { (char)0xb8, 42, 0, 0, 0, (char)0xc3 };	/* mov $42, %eax; ret */

static void *execute(int fd, int flags)
{
	return mmap(NULL, sizeof(code), PROT_READ | PROT_EXEC, flags, fd, 0);
}

static int write_code(int fd)
{
	if (fd < 0 || write(fd, code, sizeof(code)) != sizeof(code))
		bail("code");
	return fd;
}

static void try_code(void)
{
	int file = write_code(open("/bound/code", O_RDWR | O_CREAT, 0777)), memory = write_code(memfd_create("code", 0));
	int tmp = write_code(open("/tmp/code", O_RDWR | O_CREAT, 0777)), none = write_code(open("/tmp", O_TMPFILE | O_RDWR, 0777));
	char *alias = mmap(NULL, sizeof(code), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	ok(execute(open("/ro/code", O_RDONLY), MAP_PRIVATE) != MAP_FAILED, "code that is bound read-only is mapped");
	ok(alias != MAP_FAILED && execute(file, MAP_PRIVATE) == MAP_FAILED && errno == EACCES, "not what is mapped writable");
	munmap(alias, sizeof(code));
	close(file);
	ok(execute(open("/bound/code", O_RDONLY), MAP_PRIVATE) == MAP_FAILED, "nor when nobody writes to it any more");
	ok(!chmod("/bound/code", 0444) && execute(open("/bound/code", O_RDONLY), MAP_PRIVATE) == MAP_FAILED,
	   "nor when nobody may, but could again");
	ok(execute(memory, MAP_PRIVATE) == MAP_FAILED && execute(memory, MAP_SHARED) == MAP_FAILED, "nor a memfd");
	fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL);
	ok(execute(memory, MAP_PRIVATE) == MAP_FAILED, "sealed, as well");
	ok(execute(tmp, MAP_PRIVATE) == MAP_FAILED && execute(none, MAP_PRIVATE) == MAP_FAILED, "nor files of /tmp");
	ok(execute(open("/bound/of-input", O_RDONLY), MAP_PRIVATE) == MAP_FAILED &&
	   execute(open("/dev/stdin", O_RDONLY), MAP_PRIVATE) == MAP_FAILED, "nor standard input, which is the user's own");
}

static int stop;

/* The same number, now of one, now of the other. */
static void *change(void *files)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		dup2(((int *)files)[0], 100);
		dup2(((int *)files)[1], 100);
	}
	return NULL;
}

static void try_code_races(void)
{
	int files[] = { open("/ro/other", O_RDONLY), write_code(memfd_create("code", 0)) };
	unsigned int mapped = 0, bad = 0;
	pthread_t t;

	dup2(files[0], 100);
	if (files[0] < 0 || pthread_create(&t, NULL, change, files))
		bail("no thread");
	for (unsigned int i = 0; i < 2000; i++) {
		const char *at = execute(100, MAP_PRIVATE);

		if (at == MAP_FAILED)
			continue;
		mapped++;
		bad += !memcmp(at, code, 6);
		munmap((void *)at, sizeof(code));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	ok(!bad, "nor in place of a good one, at the last moment (%u good ones)", mapped);
}

/* A copy of this program with flags of its own for its segments of @type. */
static int run_copy(uint32_t type, uint32_t flags)
{
	static char file[4 << 20];
	int in = open("/proc/self/fd/8", O_RDONLY), out = open("/bound/copy", O_WRONLY | O_CREAT | O_TRUNC, 0777), status = -1;
	ssize_t n = pread(in, file, sizeof(file), 0);
	Elf64_Ehdr *elf = (void *)file;
	Elf64_Phdr *ph = (void *)(file + elf->e_phoff);
	pid_t pid;

	for (unsigned int i = 0; i < elf->e_phnum; i++)
		if (ph[i].p_type == type)
			ph[i].p_flags |= flags;
	if (n <= 0 || n == sizeof(file) || write(out, file, (size_t)n) != n)
		bail("the copy");
	close(out);
	close(in);
	pid = fork();
	if (!pid) {
		dup2(open("/dev/null", O_WRONLY), 2);
		execl("/bound/copy", "copy", "--hello", NULL);
		_exit(66);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void try_programs(void)
{
	ok_eq(run_copy(PT_NULL, 0), HELLO, "a program that the program has written is executed");
	ok_eq(run_copy(PT_GNU_STACK, PF_X), 126, "not with a stack that is executable");
	ok_eq(run_copy(PT_LOAD, PF_W | PF_X), 126, "nor with a segment that is writable and executable");
}

static int inside(const char *self)
{
	if (dup2(open(self, O_RDONLY), 8) != 8)
		bail("%s", self);
	/* a directory of the bind at a number that names above know */
	if (dup2(open("/bound/sub", O_RDONLY | O_DIRECTORY), 9) != 9 || chdir("/bound/sub"))
		bail("/bound/sub");
	for (unsigned int i = 0; i < CALLS; i++)
		try_outside(&calls[i]);
	try_read_only();
	try_proc();
	try_descriptors();
	try_input();
	try_monitors();
	try_code();
	try_code_races();
	try_programs();
	ok(c_create("/bound/new") >= 0 && c_unlink("/bound/new") == 0, "what is bound can be written to");
	return tap_failed ? FAILED : tap_count;
}

/* ---- outside ------------------------------------------------------------------------------- */

static void make(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchmod(fd, mode))
		bail(path);
	close(fd);
}

static void make_all(void)
{
	static const char *const dirs[] = { WORK, OUTSIDE, WORK "/bound", WORK "/bound/sub", WORK "/bound2", WORK "/ro" };
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = OUTSIDE "/socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	umask(0);
	for (unsigned int i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdir(dirs[i], 0777))
			bail(dirs[i]);
	make(OUTSIDE "/secret", "secret", 0666);
	make(OUTSIDE "/run", "#!/bin/true\n", 0777);
	make(WORK "/bound/file", "file", 0666);
	make(WORK "/ro/secret", "secret", 0666);
	make(WORK "/ro/code", "\xb8\x2a", 0777);
	make(WORK "/ro/other", "other", 0777);
	if (symlink(OUTSIDE, WORK "/bound/absolute") || symlink("../outside", WORK "/bound/relative") ||
	    symlink("/proc/1/root" OUTSIDE, WORK "/bound/of-proc") || symlink("/proc/self/fd/0", WORK "/bound/of-input"))
		bail("links");
	if (bind(fd, (void *)&a, sizeof(a)) || chmod(a.sun_path, 0777) || listen(fd, 64))
		bail("socket");
}

static int run(char *self)
{
	char *argv[] = { "dune-sandbox", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--bind", WORK "/bound:/bound",
			 "--bind", WORK "/bound2:/bound2", "--ro-bind", WORK "/ro:/ro", "--ro-bind", self, "--",
			 self, "--inside", NULL };
	int status;
	pid_t pid = fork();

	if (!pid) {
		dup2(open(OUTSIDE "/secret", O_RDONLY), 0);
		execvp(argv[0], argv);
		_exit(98);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int main(int argc, char **argv)
{
	static const char *const without[] = { WORK "/bound", WORK "/bound2", NULL };
	struct tree *before;
	char self[256];
	ssize_t n;

	if (argc > 1)
		return strcmp(argv[1], "--hello") ? inside(argv[0]) : HELLO;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = 0;
	make_all();
	before = tree_read(without);
	tap_count = run(self);
	ok(tap_count > 0 && tap_count < FAILED, "the program in the sandbox got nowhere");
	ok(tree_count(before) > 20, "outside there are %u files", tree_count(before));
	ok(!tree_compare(before, tree_read(without)), "none of which has changed");
	return tap_done();
}
