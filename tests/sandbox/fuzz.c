// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz [--files] [COUNT [SEED]]   make COUNT system calls of random numbers with random arguments, in a
 *                                 sandbox; with --files, those that remove and rename files as well
 * fuzz --tree [COUNT [SEED]]      the same in dune-sandbox, with something to write to, and something to read;
 *                                 then see whether anything outside of what is bound has changed
 *
 * Most arguments are near something: the monitor's memory and its borders, memory of the program's, small
 * numbers, descriptors. The calls are made by children that die of many of them; what counts is
 * the end: TAP says whether the monitor still does its work, and whether its memory was ever found changed
 * (a child whose monitor is damaged cannot be told from one that ended itself: so each is asked
 * whether it is still confined, every so often).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "own.h"
#include "tap.h"
#include "tree.h"

#define CALLS_PER_CHILD	500
#define CALLS		480
#define CHECKS		5	/* that fuzz() makes */
#define WORK		"/tmp/fuzz"
#define FILE_MAX	(256 << 10)

/* Shared with the children; for people, since they may write anything there. */
static struct {
	unsigned long good, of_kind[CALLS];
	long last;
} *count;

static int files;

/* Paths. /work is to be written to, /ro to be read; both have links that lead out of them. */
static const char names[][32] = {
	"/", ".", "..", "/work", "/work/a", "/work/b", "/work/dir", "/work/dir/c", "/work/../..", "/work/out", "/work/out/d",
	"/work/up", "/ro", "/ro/a", "/ro/out", "/tmp", "/tmp/e", "/dev/null", "/dev/stdin", "/proc", "/proc/self/fd/0",
	"/proc/self/fd/1024", "/proc/self/fd/1026", "/proc/self/mem", "/proc/self/root", "/proc/1/root/tmp", "/proc/self/cwd",
	"../../../../tmp/fuzz", "/proc/self/exe", "/proc/sys/kernel/hostname", "/proc/self/attr/current", "",
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static uint64_t state;
static char *area;

/* SplitMix64: what it returns is not its state, so that a number of one sequence begins another. */
static uint64_t next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static long raw(long nr, const uint64_t a[6])
{
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];

	__asm__ volatile("syscall" : "+a"(nr) : "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return nr;
}

static uint64_t argument(void)
{
	uint64_t r = next();

	switch (r % 16) {
	case 0 ... 2:
		return next() % 8;
	case 3:
		return own_data + next() % 0x100000;
	case 4:
		return own_start - 4096 + next() % 8192;
	case 5:
		return own_end - 4096 + next() % 8192;
	case 6:
		return (uint64_t)area + next() % 16 * 4096;
	case 7 ... 8:
		return (uint64_t)area + next() % 65536;
	case 9:
		return 500 + next() % 24;
	case 10:
		return next() & 0xffff;
	case 11:
		return 1UL << next() % 64;
	case 12:
		return -(next() % 4096);
	case 13:
		return own_end - own_start + next() % 8192;
	case 14:
		return next() & 0xffffffff;
	default:
		return next();
	}
}

/* Of argument @i, with files: often what calls have there. */
static uint64_t likely(int i)
{
	uint64_t r = next();

	switch (r >> 32 & 7) {
	case 0 ... 1:
		return i < 2 ? (uint64_t)names[r % NAMES] : r % 8;
	case 2:
		return i == 2 ? (uint64_t)names[r % NAMES] : r % 16;
	case 3 ... 4:
		return i ? (uint64_t)area + r % 8192 * 8 : r % 16;
	default:
		return argument();
	}
}

/* Structures with addresses in them. */
static void fill_area(void)
{
	for (int i = 0; i < 64; i++)
		((uint64_t *)area)[next() % 8192] = argument();
}

/* What would not end, or end the wrong ones: they are for the attacks. */
static int is_left_out(long nr)
{
	switch (nr) {
	case SYS_kill:
	case SYS_tkill:
	case SYS_tgkill:
	case SYS_rt_sigqueueinfo:
	case SYS_rt_tgsigqueueinfo:
	case SYS_pidfd_send_signal:
	case SYS_pause:
	case SYS_rt_sigsuspend:
	case SYS_fork:
	case SYS_vfork:
	case SYS_clone:
	case SYS_sync:
	case SYS_sched_setscheduler:
	case SYS_sched_setattr:
	case SYS_setpriority:
		return 1;
	case SYS_unlink:
	case SYS_rmdir:
	case SYS_rename:
		return !files;
	}
	return 0;
}

static int is_confined(void)
{
	const uint64_t bad[6] = { own_data, 64 }, range[6] = { own_data, 4096 };
	const uint64_t none[6] = { 0 };
	long traced = raw(SYS_ptrace, none);

	/* by the monitor, or by the profile */
	return raw(SYS_getrandom, bad) == -EFAULT && raw(SYS_munmap, range) == -EINVAL &&
	       (traced == -ENOSYS || traced == -EPERM);
}

static void on_alarm(int sig)
{
}

/* What waits is interrupted, so that the next call has its turn. */
static void start_alarm(void)
{
	struct itimerval often = { { 0, 200000 }, { 0, 200000 } };
	struct sigaction act = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

/* There may be no shell. */
/* 3, or 100 and the error. */
static int run_self(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		execl("/proc/self/exe", "fuzz", "--end", NULL);
		_exit(100 + errno);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What is on the way to this program's file. */
static void say_way(void)
{
	char path[256];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	struct stat st;

	diag("user %u, effective %u; %zd bytes of path", getuid(), geteuid(), n);
	for (path[n > 0 ? n : 0] = 0; path[0]; *strrchr(path, '/') = 0) {
		if (stat(path, &st))
			diag("  %s: %s", path, strerror(errno));
		else
			diag("  %s: mode %o, owner %u; access %d", path, st.st_mode, st.st_uid,
			     faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) ? errno : 0);
	}
}

static int child(unsigned int calls)
{
	struct rlimit no_core = { 0, 0 }, small = { FILE_MAX, FILE_MAX };

	setrlimit(RLIMIT_CORE, &no_core);
	setrlimit(RLIMIT_FSIZE, &small);
	signal(SIGXFSZ, SIG_IGN);
	setpgid(0, 0);
	start_alarm();
	for (unsigned int i = 0; i < calls; i++) {
		long nr = (long)(next() % CALLS);
		uint64_t a[6];

		for (int j = 0; j < 6; j++)
			a[j] = files ? likely(j) : argument();
		if (!(next() % 8))
			fill_area();
		/* what ends it at once would leave little to try */
		if (is_left_out(nr) || nr == SYS_exit || nr == SYS_exit_group || nr == SYS_rt_sigreturn)
			continue;
		if (nr == SYS_munmap || nr == SYS_mprotect || nr == SYS_mmap || nr == SYS_mremap || nr == SYS_madvise)
			a[0] = next() % 2 ? a[0] : own_start - 65536 + next() % 131072;
		/* a limit of its own making is no news */
		if (nr == SYS_alarm || nr == SYS_setitimer || nr == SYS_setrlimit || nr == SYS_prlimit64)
			continue;
		count->last = nr;
		if (raw(nr, a) >= 0) {
			count->good++;
			count->of_kind[nr]++;
		}
		if (!(i % 50) && !is_confined())
			return 77;
	}
	return is_confined() ? 0 : 77;
}

/* One that waits with all signals blocked is ended. */
static int wait_for(pid_t pid, int *status)
{
	const struct timespec limit = { 20, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	while (waitpid(pid, status, WNOHANG) != pid)
		if (sigtimedwait(&set, NULL, &limit) < 0 && errno == EAGAIN)
			kill(pid, SIGKILL);
	return 0;
}

/* What the child before has taken away, removed or replaced. */
static void repair(void)
{
	chmod("/work", 0777);
	mkdir("/work/dir", 0777);
	chmod("/work/dir", 0777);
	close(open("/work/a", O_RDWR | O_CREAT, 0666));
	chmod("/work/a", 0666);
}

static __attribute__((noreturn)) void be_child(uint64_t seed, unsigned int calls, int output)
{
	int null = open("/dev/null", O_RDWR);

	/* what came with descriptor 0 is its owner's to change, by whoever has the descriptor */
	if (null < 0)
		_exit(1);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(output);
	if (files)
		repair();
	if (chdir(files ? "/work" : "/proc"))
		_exit(1);
	state = seed;
	_exit(child(calls));
}

static unsigned int kinds(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < CALLS; i++)
		n += count->of_kind[i] > 0;
	return n;
}

static int fuzz(unsigned long calls, uint64_t seed)
{
	unsigned long made = 0, children = 0, ended = 0, said = 0;
	int escaped = 0, output;
	sigset_t set;

	state = seed;
	find_own();
	if (!own_data)
		bail("the monitor's memory is not found");
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	area = mmap(NULL, 65536 + 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* descriptors 0 to 2 are among what is written to and closed */
	output = fcntl(1, F_DUPFD, 100);
	while (made < calls && !escaped) {
		unsigned int n = calls - made < CALLS_PER_CHILD ? (unsigned int)(calls - made) : CALLS_PER_CHILD;
		uint64_t child_seed = next();
		int status;
		pid_t pid = fork();

		if (!pid)
			be_child(child_seed, n, output);
		if (pid < 0 || wait_for(pid, &status))
			bail("no child");
		made += n;
		children++;
		ended += WIFEXITED(status) && !WEXITSTATUS(status);
		escaped = WIFEXITED(status) && WEXITSTATUS(status) == 77;
		if (status && children <= 20)
			diag("child %lu ended with %#x in call %ld", children, status, count->last);
		if (escaped)
			diag("seed %lu", child_seed);
		if (made - said >= 100000) {
			diag("%lu calls", made);
			said = made;
			if (run_self() != 3) {
				diag("no program can be executed: %d; child %lu", run_self(), children);
				say_way();
				break;
			}
		}
	}
	diag("%lu calls, %lu of %lu children lived to the end; %lu calls of %u kinds did something", made, ended, children,
	     count->good, kinds());
	ok(!escaped, "every child that could be asked was confined");
	ok(ended > 0, "children live to the end");
	ok(kinds() > 50, "calls of many kinds do something");
	ok(is_confined(), "and this process is");
	ok_eq(run_self(), 3, "a program can be executed");
	return tap_failed;
}

/* ---- With a tree ------------------------------------------------------------------------ */

static void make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);

	if (fd < 0 || write(fd, "text", 4) != 4)
		bail("%s", path);
	close(fd);
}

static void make_all(void)
{
	static const char *const dirs[] = { WORK, WORK "/work", WORK "/work/dir", WORK "/ro", WORK "/outside" };

	umask(0);
	for (unsigned int i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdir(dirs[i], 0777))
			bail("%s", dirs[i]);
	make(WORK "/work/a");
	make(WORK "/ro/a");
	make(WORK "/outside/d");
	if (symlink(WORK "/outside", WORK "/work/out") || symlink("../outside", WORK "/work/up") ||
	    symlink(WORK "/outside", WORK "/ro/out"))
		bail("links");
}

static int in_tree(char *calls, char *seed)
{
	static const char *const without[] = { WORK "/work", NULL };
	char self[256], *argv[] = {
		"dune-sandbox", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--bind", WORK "/work:/work",
		"--ro-bind", WORK "/ro:/ro", "--ro-bind", self, "--memory", "1G", "--", self, "--files", calls, seed, NULL,
	};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct tree *before;
	int status = -1;
	pid_t pid;

	self[n > 0 ? n : 0] = 0;
	make_all();
	before = tree_read(without);
	pid = fork();
	if (!pid) {
		dup2(open(WORK "/outside/d", O_RDONLY), 0);
		execvp(argv[0], argv);
		_exit(98);
	}
	waitpid(pid, &status, 0);
	tap_count = CHECKS;
	ok_eq(status, 0, "the sandbox ends well");
	ok(tree_count(before) > 20, "outside there are %u files", tree_count(before));
	ok(!tree_compare(before, tree_read(without)), "none of which has changed");
	return tap_done();
}

int main(int argc, char **argv)
{
	int tree = argc > 1 && !strcmp(argv[1], "--tree");
	char *calls, *seed;

	files = argc > 1 && !strcmp(argv[1], "--files");
	if (argc > 1 && !strcmp(argv[1], "--end"))
		return 3;
	argv += tree || files;
	argc -= tree || files;
	calls = argc > 1 ? argv[1] : "5000";
	seed = argc > 2 ? argv[2] : "88172645463325252";
	if (tree)
		return in_tree(calls, seed);
	fuzz(strtoul(calls, NULL, 0), strtoul(seed, NULL, 0));
	return files ? tap_failed : tap_done();
}
