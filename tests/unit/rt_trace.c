// SPDX-License-Identifier: GPL-2.0
/* The lines that dune-run --trace writes. */
#define _GNU_SOURCE
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "trace.h"

#define PID	77

static int log_in, log_out;
static char line[4096];

/* What has been written since the last time. */
static const char *logged(void)
{
	ssize_t n = read(log_in, line, sizeof(line) - 1);

	line[n > 0 ? n : 0] = 0;
	return line;
}

#define ARGS(...) ((const uint64_t[6]){ __VA_ARGS__ })
#define P(pointer) ((uint64_t)(uintptr_t)(pointer))

static const char *begins(long nr, const uint64_t args[6])
{
	dune_rt_trace_call(log_out, PID, nr, args);
	return logged();
}

static const char *ends(long nr, const uint64_t args[6], long result)
{
	dune_rt_trace_result(log_out, PID, nr, args, result);
	return logged();
}

/* A call that is a line when it is over. */
#define CALL(nr, args, result, want)						\
	do {									\
		ok_str(begins(nr, args), "", #nr " does not end: no line");	\
		ok_str(ends(nr, args, result), "77 " want "\n", "%s", #nr);	\
	} while (0)

static void files(void)
{
	char out[] = "ab\n\"\1\377", cwd[] = "/tmp", link[] = "target-and-more";
	int fds[2] = { 3, 14 };

	CALL(SYS_openat, ARGS(AT_FDCWD, P("/etc/passwd"), O_RDONLY | O_CLOEXEC, 0644), 3,
	     "openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC) = 3");
	CALL(SYS_openat, ARGS(5, P("x"), O_WRONLY | O_CREAT | O_TRUNC, 0640), -EACCES,
	     "openat(5, \"x\", O_WRONLY|O_CREAT|O_TRUNC, 0640) = -1 EACCES (Permission denied)");
	CALL(SYS_open, ARGS(P("."), O_RDWR | O_TMPFILE, 0600), 4,
	     "open(\".\", O_RDWR|O_TMPFILE, 0600) = 4");
	CALL(SYS_open, ARGS(P("."), O_RDONLY | O_SYNC | 1 << 30), 4,
	     "open(\".\", O_RDONLY|O_SYNC|0x40000000) = 4");
	CALL(SYS_write, ARGS(1, P("hello, world\n"), 13), 13,
	     "write(1, \"hello, world\\n\", 13) = 13");
	CALL(SYS_read, ARGS(3, P(out), 100), 6, "read(3, \"ab\\n\\\"\\001\\377\", 100) = 6");
	CALL(SYS_read, ARGS(3, P(out), 100), 0, "read(3, \"\", 100) = 0");
	CALL(SYS_read, ARGS(3, 0x1000, 100), -EFAULT, "read(3, 0x1000, 100) = -1 EFAULT (Bad address)");
	CALL(SYS_write, ARGS(1, P("0123456789012345678901234567890123456789"), 40), 40,
	     "write(1, \"01234567890123456789012345678901\"..., 40) = 40");
	CALL(SYS_getcwd, ARGS(P(cwd), 4096), 5, "getcwd(\"/tmp\", 4096) = 5");
	CALL(SYS_readlink, ARGS(P("l"), P(link), 6), 6, "readlink(\"l\", \"target\", 6) = 6");
	CALL(SYS_pipe2, ARGS(P(fds), O_CLOEXEC), 0, "pipe2([3, 14], O_RDONLY|O_CLOEXEC) = 0");
	CALL(SYS_lseek, ARGS(3, -5, SEEK_END), 95, "lseek(3, -5, SEEK_END) = 95");
	CALL(SYS_access, ARGS(P("f"), F_OK), 0, "access(\"f\", F_OK) = 0");
	CALL(SYS_access, ARGS(P("f"), R_OK | X_OK), 0, "access(\"f\", R_OK|X_OK) = 0");
	CALL(SYS_newfstatat, ARGS(3, P(""), 0x1000, AT_EMPTY_PATH), 0,
	     "newfstatat(3, \"\", 0x1000, AT_EMPTY_PATH) = 0");
	CALL(SYS_unlinkat, ARGS(AT_FDCWD, P("f"), 0), 0, "unlinkat(AT_FDCWD, \"f\", 0) = 0");
	CALL(SYS_fcntl, ARGS(3, F_SETFD, 1), 0, "fcntl(3, F_SETFD, 0x1) = 0");
	CALL(SYS_ioctl, ARGS(1, 0x5413, 0x2000), -ENOTTY, "ioctl(1, TIOCGWINSZ, 0x2000) = -1 ENOTTY (Not a typewriter)");
	CALL(SYS_ioctl, ARGS(1, 0xc0ffee, 0), 0, "ioctl(1, 0xc0ffee, NULL) = 0");
}

static void memory(void)
{
	CALL(SYS_mmap, ARGS(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	     0x7f0000001000,
	     "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x0) = 0x7f0000001000");
	CALL(SYS_mmap, ARGS(0x10000, 1, PROT_NONE, MAP_SHARED | MAP_FIXED, 3, 0x1000), -ENOMEM,
	     "mmap(0x10000, 1, PROT_NONE, MAP_SHARED|MAP_FIXED, 3, 0x1000) = -1 ENOMEM (Out of memory)");
	CALL(SYS_brk, ARGS(0), 0x555500000000, "brk(NULL) = 0x555500000000");
	CALL(SYS_madvise, ARGS(0x1000, 4096, MADV_DONTNEED), 0, "madvise(0x1000, 4096, MADV_DONTNEED) = 0");
}

static void processes(void)
{
	CALL(SYS_getpid, ARGS(1, 2, 3), 77, "getpid() = 77");
	CALL(SYS_clone, ARGS(CLONE_VM | CLONE_THREAD | SIGCHLD, 0x1000, 0, 0, 0), 78,
	     "clone(CLONE_VM|CLONE_THREAD|SIGCHLD, 0x1000, NULL, NULL, NULL) = 78");
	CALL(SYS_clone, ARGS(SIGCHLD), 78, "clone(SIGCHLD, NULL, NULL, NULL, NULL) = 78");
	CALL(SYS_kill, ARGS(-1, SIGKILL), -EPERM, "kill(-1, SIGKILL) = -1 EPERM (Operation not permitted)");
	CALL(SYS_kill, ARGS(77, 34), 0, "kill(77, SIGRT_2) = 0");
	CALL(SYS_kill, ARGS(77, 0), 0, "kill(77, 0) = 0");
	CALL(SYS_kill, ARGS(77, 65), -EINVAL, "kill(77, 65) = -1 EINVAL (Invalid argument)");
	CALL(SYS_futex, ARGS(0x1000, 129, 1), 1,
	     "futex(0x1000, FUTEX_WAKE|FUTEX_PRIVATE_FLAG, 0x1, NULL, 0x0, 0x0) = 1");
	ok_str(begins(SYS_exit_group, ARGS(3)), "77 exit_group(3) = ?\n", "exit_group");
	ok_str(ends(SYS_exit_group, ARGS(3), 0), "", "never ends");
}

static void signals(void)
{
	uint64_t set = 1UL << (SIGINT - 1) | 1UL << (SIGCHLD - 1), most = ~(1UL << (SIGKILL - 1));

	CALL(SYS_rt_sigprocmask, ARGS(SIG_BLOCK, P(&set), 0, 8), 0,
	     "rt_sigprocmask(SIG_BLOCK, [SIGINT SIGCHLD], NULL, 8) = 0");
	CALL(SYS_rt_sigprocmask, ARGS(SIG_SETMASK, P(&most), 0x1000, 8), 0,
	     "rt_sigprocmask(SIG_SETMASK, ~[SIGKILL], 0x1000, 8) = 0");
	CALL(SYS_rt_sigprocmask, ARGS(SIG_SETMASK, 0, 0x1000, 8), 0,
	     "rt_sigprocmask(SIG_SETMASK, NULL, 0x1000, 8) = 0");
	CALL(SYS_rt_sigaction, ARGS(SIGSEGV, 0x1000, 0, 8), 0, "rt_sigaction(SIGSEGV, 0x1000, NULL, 8) = 0");
}

/* Calls that may take long are two lines. */
static void waits(void)
{
	struct timespec ts = { 1, 500000000 };
	const char *const argv[] = { "ls", "-l", NULL }, *const env[] = { "A=B", "C=D", NULL };
	const char *many[20];
	int status = 0x100;

	begins(SYS_wait4, ARGS(-1, P(&status), 3, 0));
	ok(!strncmp(line, "77 wait4(-1, 0x", 15) &&
	   strstr(line, ", WNOHANG|WUNTRACED, NULL <unfinished ...>\n"), "wait4 begins: %.*s",
	   (int)strcspn(line, "\n"), line);
	ok_str(ends(SYS_wait4, ARGS(-1, P(&status), 3, 0), 78), "77 <... wait4 resumed>) = 78\n", "wait4 ends");
	ok_str(begins(SYS_clock_nanosleep, ARGS(CLOCK_MONOTONIC, 1, P(&ts), 0)),
	       "77 clock_nanosleep(CLOCK_MONOTONIC, 0x1, {tv_sec=1, tv_nsec=500000000}, NULL <unfinished ...>\n",
	       "a time");
	ok_str(ends(SYS_clock_nanosleep, ARGS(1, 1, P(&ts), 0), -EINTR),
	       "77 <... clock_nanosleep resumed>) = -1 EINTR (Interrupted system call)\n", "interrupted");
	ok_str(ends(SYS_nanosleep, ARGS(P(&ts)), -512),
	       "77 <... nanosleep resumed>) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)\n",
	       "to be made again");
	ok_str(begins(SYS_read, ARGS(0, 0x1000, 1)), "77 read(0, 0x1000, 1 <unfinished ...>\n", "standard input");
	ok_str(begins(SYS_futex, ARGS(0x1000, 128, 7, P(&ts))),
	       "77 futex(0x1000, FUTEX_WAIT|FUTEX_PRIVATE_FLAG, 0x7, "
	       "{tv_sec=1, tv_nsec=500000000}, NULL, 0x0 <unfinished ...>\n", "futex");

	begins(SYS_execve, ARGS(P("/bin/ls"), P(argv), P(env)));
	ok(!strncmp(line, "77 execve(\"/bin/ls\", [\"ls\", \"-l\"], 0x", 37) &&
	   strstr(line, " /* 2 strings */ <unfinished ...>\n"), "execve: %.*s", (int)strcspn(line, "\n"), line);
	ok_str(ends(SYS_execve, ARGS(P("/bin/ls"), P(argv), P(env)), -ENOENT),
	       "77 <... execve resumed>) = -1 ENOENT (No such file or directory)\n", "fails");
	for (int i = 0; i < 20; i++)
		many[i] = i < 19 ? "a" : NULL;
	begins(SYS_execve, ARGS(P("x"), P(many), 0));
	ok(strstr(line, "\"a\", ...], NULL <"), "many arguments: %.*s", (int)strcspn(line, "\n"), line);
}

static void unknown(void)
{
	CALL(5000, ARGS(1, 2, 3, 4, 5, 0xabc), -ENOSYS,
	     "syscall_0x1388(0x1, 0x2, 0x3, 0x4, 0x5, 0xabc) = -1 ENOSYS (Invalid system call number)");
	CALL(SYS_acct, ARGS(1), 0, "acct(0x1, 0x0, 0x0, 0x0, 0x0, 0x0) = 0");
	CALL(SYS_getpid | 0xdead00000000, ARGS(0), 77, "getpid() = 77");
	CALL(SYS_getpid, ARGS(0), -4000, "getpid() = -1 4000");
	CALL(SYS_getpid, ARGS(0), -4096, "getpid() = -4096");
}

/* Whatever the program passes, nothing is read that cannot be. */
static void bad_pointers(void)
{
	char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char want[200], address[32];
	uint64_t *last = (uint64_t *)(map + 4096) - 1;

	if (map == MAP_FAILED || munmap(map + 4096, 4096))
		bail("no memory");
	memcpy(map + 4092, "abc", 4);
	CALL(SYS_chdir, ARGS(P(map + 4092)), 0, "chdir(\"abc\") = 0");
	map[4095] = 'd';
	snprintf(want, sizeof(want), "77 chdir(%p) = -1 EFAULT (Bad address)\n", map + 4092);
	ok_str(ends(SYS_chdir, ARGS(P(map + 4092)), -EFAULT), want, "a string without end");
	CALL(SYS_chdir, ARGS(0), -EFAULT, "chdir(NULL) = -1 EFAULT (Bad address)");
	CALL(SYS_chdir, ARGS(1), -EFAULT, "chdir(0x1) = -1 EFAULT (Bad address)");
	CALL(SYS_chdir, ARGS(~0UL), -EFAULT, "chdir(0xffffffffffffffff) = -1 EFAULT (Bad address)");
	snprintf(want, sizeof(want), "77 write(1, %p, 5) = -1 EFAULT (Bad address)\n", map + 4092);
	ok_str(ends(SYS_write, ARGS(1, P(map + 4092), 5), -EFAULT), want, "bytes beyond the end");
	CALL(SYS_write, ARGS(1, P(map + 4092), 4), 4, "write(1, \"abcd\", 4) = 4");

	/* A vector whose end cannot be read, of a string that cannot. */
	*last = 16;
	snprintf(address, sizeof(address), "%p", (void *)last);
	snprintf(want, sizeof(want), "77 execve(NULL, [0x10], %s /* 1 string */ <unfinished ...>\n", address);
	ok_str(begins(SYS_execve, ARGS(0, P(last), P(last))), want, "half a vector");
	munmap(map, 4096);
}

/* However long, it is one line that ends. */
static void long_lines(void)
{
	static char path[8192];
	const char *argv[17];
	size_t length;

	memset(path, '\1', sizeof(path) - 1);
	for (int i = 0; i < 17; i++)
		argv[i] = path;
	begins(SYS_execve, ARGS(P(path), P(argv), 0));
	length = strlen(line);
	ok(length == 2048 && line[length - 1] == '\n' && strchr(line, '\n') == line + length - 1,
	   "cut off: %zu characters", length);
	path[256] = 0;
	ends(SYS_chdir, ARGS(P(path)), 0);
	ok(strstr(line, "\\001\"...) = 0\n"), "a long path says that there is more");
	path[255] = 0;
	ends(SYS_chdir, ARGS(P(path)), 0);
	ok(strstr(line, "\\001\") = 0\n"), "one that just fits does not");
}

int main(void)
{
	int fds[2];

	if (pipe2(fds, O_NONBLOCK))
		bail("no pipe");
	log_in = fds[0];
	log_out = fds[1];
	files();
	memory();
	processes();
	signals();
	waits();
	unknown();
	bad_pointers();
	long_lines();
	return tap_done();
}
