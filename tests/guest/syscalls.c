// SPDX-License-Identifier: GPL-2.0
/*
 * System calls from ring 0 give what they give natively. Most checks make a call
 * in ordinary mode and in Dune mode and compare. The results must be the same on
 * the fast path and on the exact one (module parameter fast_syscalls=0).
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "tap.h"

#define PAGE	 4096UL
#define PATIENCE 8
#define SIGSYS_SECCOMP 1	/* si_code SYS_SECCOMP */

/* ---- Raw calls, compared ------------------------------------------------------ */

static long raw(long nr, const long a[6])
{
	register long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static long i386(long nr, const long a[6])
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
			 : "r8", "r9", "r10", "r11", "memory");
	return ret;
}

#define BAD	8L
#define KERNEL	((long)0xffff888000000000UL)
#define WILD	((long)0x8000000000000000UL)
#define LOW	0x20000000L	/* a page mapped there, for 32-bit pointers */

static const struct raw_call {
	const char *name;
	long (*by)(long nr, const long a[6]);
	long nr, a[6];
} raw_calls[] = {
	{ "getpid", raw, SYS_getpid, {} }, { "gettid", raw, SYS_gettid, {} },
	{ "getppid", raw, SYS_getppid, {} }, { "geteuid", raw, SYS_geteuid, {} },
	{ "number 9999", raw, 9999, {} }, { "number -1", raw, -1, {} }, { "number 400, unused", raw, 400, {} },
	{ "a number with upper bits", raw, 1L << 32 | SYS_getpid, {} },
	{ "an x32 number", raw, 0x40000000 | SYS_getpid, {} },
	{ "number 0x80000000", raw, 0x80000000L, {} },
	{ "read, bad descriptor", raw, SYS_read, { -1, LOW, 1 } },
	{ "write, bad pointer", raw, SYS_write, { 1, BAD, 1 } },
	{ "write, kernel's pointer", raw, SYS_write, { 1, KERNEL, 1 } },
	{ "write, wild pointer", raw, SYS_write, { 1, WILD, 1 } },
	{ "open, no such file", raw, SYS_open, { (long)"/nowhere/at/all" } },
	{ "open, bad pointer", raw, SYS_open, { BAD } },
	{ "uname, bad pointer", raw, SYS_uname, { KERNEL } },
	{ "pipe, bad pointer", raw, SYS_pipe, { BAD } },
	{ "clock_gettime, bad pointer", raw, SYS_clock_gettime, { 0, BAD } },
	{ "clock_gettime, no such clock", raw, SYS_clock_gettime, { 999, LOW } },
	{ "nanosleep, bad time", raw, SYS_nanosleep, { LOW } },
	{ "mmap, length 0", raw, SYS_mmap, { 0, 0, 3, 0x22, -1, 0 } },
	{ "munmap, not aligned", raw, SYS_munmap, { 1, 4096 } },
	{ "mprotect of nothing", raw, SYS_mprotect, { 0x1000, 4096, 1 } },
	{ "kill, no such process", raw, SYS_kill, { 0x3fffffff, 0 } },
	{ "getcwd, buffer too small", raw, SYS_getcwd, { LOW, 1 } },
	{ "rt_sigaction, SIGKILL", raw, SYS_rt_sigaction, { SIGKILL, LOW, 0, 8 } },
	{ "rt_sigaction, bad pointer", raw, SYS_rt_sigaction, { SIGUSR2, BAD, 0, 8 } },
	{ "rt_sigaction, bad size", raw, SYS_rt_sigaction, { SIGUSR2, LOW, 0, 4 } },
	{ "rt_sigprocmask, bad how", raw, SYS_rt_sigprocmask, { 99, LOW, 0, 8 } },
	{ "execve, bad pointer", raw, SYS_execve, { BAD } },
	{ "execve, no such file", raw, SYS_execve, { (long)"/nowhere", 0, 0 } },
	{ "futex, value differs", raw, SYS_futex, { LOW, FUTEX_WAIT, 12345 } },
	{ "arch_prctl, bad code", raw, SYS_arch_prctl, { 0x9999 } },
	{ "personality, query", raw, SYS_personality, { 0xffffffff } },
	{ "i386 getpid", i386, 20, {} }, { "i386 write, bad pointer", i386, 4, { 1, BAD, 1 } },
	{ "i386 read, bad descriptor", i386, 3, { -1, LOW, 1 } },
	{ "i386 getcwd", i386, 183, { LOW + 0x100, 100 } },
	{ "i386 open, no such file", i386, 5, { LOW, 0, 0 } },
	{ "i386 number 9999", i386, 9999, {} }, { "i386 number -1", i386, -1, {} },
};
#define RAW_CALLS (sizeof(raw_calls) / sizeof(raw_calls[0]))

static void test_raw_calls(void)
{
	long native[RAW_CALLS], dune[RAW_CALLS];
	unsigned int i;

	if (mmap((void *)LOW, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)LOW)
		bail("mmap at %#lx", LOW);
	memset((void *)LOW, 0xff, 0x80);	/* no valid time, no valid path */
	for (i = 0; i < RAW_CALLS; i++)
		native[i] = raw_calls[i].by(raw_calls[i].nr, raw_calls[i].a);
	dune_enter();
	for (i = 0; i < RAW_CALLS; i++)
		dune[i] = raw_calls[i].by(raw_calls[i].nr, raw_calls[i].a);
	dune_leave();
	for (i = 0; i < RAW_CALLS; i++)
		ok_eq(dune[i], native[i], "%s: %ld", raw_calls[i].name, native[i]);
}

/* ---- What is refused ------------------------------------------------------------ */

/*
 * A program's own SYSCALL may make children and handlers (children.c, handlers.c). INT $0x80
 * is made in the host loop, which is no place for a child to begin or for a handler's frame.
 */
static void test_refusals(void)
{
	static const struct { const char *name; long nr; } refused[] = {
		{ "fork", 2 }, { "sigaction", 67 }, { "sigreturn", 119 }, { "clone", 120 }, { "rt_sigreturn", 173 },
		{ "rt_sigaction", 174 }, { "sigaltstack", 186 }, { "vfork", 190 }, { "clone3", 435 },
	};
	unsigned int i;

	dune_enter();
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		ok_eq(i386(refused[i].nr, (long[6]){ 0 }), -ENOSYS, "i386 %s: ENOSYS", refused[i].name);
	ok(dune_inside(), "still inside");
	dune_leave();
}

/* ---- libc at work ---------------------------------------------------------------- */

static void test_files(void)
{
	char path[] = "/tmp/dune-XXXXXX", text[] = "from ring 0", got[32] = "";
	int fd;
	char *map;

	dune_enter();
	fd = mkstemp(path);
	ok(fd >= 0 && write(fd, text, sizeof(text)) == sizeof(text), "a file is made and written");
	ok(pread(fd, got, sizeof(got), 0) == sizeof(text) && !strcmp(got, text), "and read");
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ok(map != MAP_FAILED && !strcmp(map, text), "and mapped");
	map[0] = 'F';
	ok(pread(fd, got, 1, 0) == 1 && got[0] == 'F', "a store to the mapping is in the file");
	ok(!munmap(map, PAGE) && !close(fd) && !unlink(path), "unmapped, closed, removed");
	ok(open(path, O_RDONLY) == -1 && errno == ENOENT, "it is gone");
	dune_leave();
}

static void test_heap(void)
{
	enum { BLOCKS = 300, ROUNDS = 6000 };
	static unsigned char *block[BLOCKS];
	static size_t size[BLOCKS];
	unsigned int seed = 1, i, n, bad = 0;
	char *start, *brk_before;

	dune_enter();
	for (i = 0; i < ROUNDS; i++) {
		n = rand_r(&seed) % BLOCKS;
		if (block[n])
			bad += block[n][0] != (n & 0xff) || block[n][size[n] - 1] != (n & 0xff);
		free(block[n]);
		size[n] = rand_r(&seed) % (i % 100 ? 3000 : 200000) + 1;
		block[n] = malloc(size[n]);
		block[n][0] = block[n][size[n] - 1] = n;
	}
	for (n = 0; n < BLOCKS; n++)
		free(block[n]);
	ok_eq(bad, 0, "%d blocks of malloc() and free()", ROUNDS);
	brk_before = sbrk(0);
	start = sbrk(4 << 20);
	for (i = 0; i < 4 << 20; i += PAGE)
		start[i] = i >> 12;
	for (i = bad = 0; i < 4 << 20; i += PAGE)
		bad += start[i] != (char)(i >> 12);
	ok(!bad && start == brk_before && sbrk(-(4 << 20)) != (void *)-1 && sbrk(0) == brk_before,
	   "the break goes up by 4 MiB and down again");
	dune_leave();
}

static uint64_t exits(void)
{
	const volatile struct dune_counters *c = dune_counters();
	uint64_t sum = 0;
	int i;

	for (i = 0; i < DUNE_NR_EXIT_KINDS; i++)
		sum += c->exits[i];
	return sum;
}

/* The least of many rounds: an interrupt of the host's may fall into one. */
static uint64_t least_exits(void (*fn)(void))
{
	uint64_t least = ~0UL, before;
	int i;

	for (i = 0; i < 50; i++) {
		before = exits();
		fn();
		before = exits() - before;
		if (before < least)
			least = before;
	}
	return least;
}

static void call_getpid(void) { syscall(SYS_getpid); }
static void call_trap(void) { __asm__ volatile("int3"); }

static void call_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
}

/* The last close of a file is done on the way to user mode, which a run need not end for. */
static void test_closes(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	uint64_t runs;
	int i;

	/* preempted once: Linux may take every way for that of a restartable sequence then */
	nanosleep(&moment, NULL);
	runs = dune_counters()->runs;
	for (i = 0; i < 50; i++)
		close(open("/dev/null", O_RDONLY));
	runs = dune_counters()->runs - runs;
	ok(runs <= 5, "50 files are closed without leaving Dune mode for it (left %lu times)", (unsigned long)runs);
}

static int count_nothing(struct dune_trap *trap)
{
	return DUNE_TRAP_DONE;
}

static void test_counters(void)
{
	bool fast = dune_info()->caps & DUNE_CAP_FAST_SYSCALLS;
	const volatile struct dune_counters *c;
	uint64_t fast_calls, exact_calls, calls, least;

	dune_on_exception(DUNE_VECTOR_BP, count_nothing, 0);
	dune_enter();
	c = dune_counters();
	calls = c->exits[DUNE_KIND_HYPERCALL];
	least = least_exits(call_getpid);
	calls = c->exits[DUNE_KIND_HYPERCALL] - calls;
	fast_calls = c->syscalls_fast;
	exact_calls = c->syscalls_exact;
	call_getpid();
	fast_calls = c->syscalls_fast - fast_calls;
	exact_calls = c->syscalls_exact - exact_calls;
	ok_eq(least, 1, "one exit for a getpid");
	ok_eq(calls, 50, "50 hypercalls for 50 of them");
	ok(fast_calls == fast && exact_calls == !fast, "one getpid: %lu fast, %lu exact", (long)fast_calls,
	   (long)exact_calls);
	ok_eq(least_exits(call_trap), 0, "no exit for INT3 and its handler");
	ok_eq(least_exits(call_clock), 0, "none for clock_gettime() by the vDSO");
	if (fast)
		test_closes();
	dune_leave();
}

static void test_clocks(void)
{
	struct timespec vdso, real;
	int i, backwards = 0;
	long long a, b = 0;

	dune_enter();
	for (i = 0; i < 500; i++) {
		clock_gettime(CLOCK_MONOTONIC, &vdso);
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &real);
		a = vdso.tv_sec * 1000000000LL + vdso.tv_nsec;
		backwards += a < b;
		b = real.tv_sec * 1000000000LL + real.tv_nsec;
		backwards += b < a;
	}
	dune_leave();
	ok_eq(backwards, 0, "the vDSO's clock and the kernel's, in turn, never go back");
}

/* ---- Interrupted calls -------------------------------------------------------------- */

static volatile int handled, handled_inside;
static int ends[2], sockets[2], futex_word;
static sem_t poke, poked;
static pthread_t main_thread;
static volatile bool stop_poking, returned;

static void on_usr1(int sig)
{
	handled++;
	handled_inside += dune_inside();
}

/* Twice in a row: it is not on its way in or out. */
static void wait_till_asleep(pid_t tid)
{
	char path[64], line[256], *state;
	int asleep = 0, fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	while (asleep < 2 && !returned) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = read(fd, line, sizeof(line) - 1);
		close(fd);
		line[n > 0 ? n : 0] = 0;
		state = strrchr(line, ')');
		asleep = state && state[2] == 'S' ? asleep + 1 : 0;
		usleep(1000);
	}
}

/* Sends a signal into the call; later ends it, if it was restarted. */
static void *poker(void *arg)
{
	for (;;) {
		sem_wait(&poke);
		if (stop_poking)
			return NULL;
		wait_till_asleep(getpid());
		pthread_kill(main_thread, SIGUSR1);
		while (!handled)
			usleep(1000);
		wait_till_asleep(getpid());
		futex_word = 1;
		syscall(SYS_futex, &futex_word, FUTEX_WAKE, 1, NULL, NULL, 0);
		if (write(ends[1], "x", 1) != 1 || write(sockets[1], "y", 1) != 1)
			return NULL;
		sem_post(&poked);
	}
}

static const struct timespec long_time = { 3, 0 };
static struct timespec remaining;

static long do_read(void) { char c; return read(ends[0], &c, 1); }
static long do_recv(void) { char c; return recv(sockets[0], &c, 1, MSG_PEEK); }
static long do_nanosleep(void) { return nanosleep(&long_time, &remaining); }
static long do_poll(void) { return poll(NULL, 0, 3000); }
static long do_ppoll(void) { return ppoll(NULL, 0, &long_time, NULL); }
static long do_select(void) { struct timeval t = { 3, 0 }; return select(0, NULL, NULL, NULL, &t); }
static long do_pause(void) { return pause(); }
static long do_futex(void) { return syscall(SYS_futex, &futex_word, FUTEX_WAIT, 0, NULL, NULL, 0); }
static long do_futex_timed(void) { return syscall(SYS_futex, &futex_word, FUTEX_WAIT, 0, &long_time, NULL, 0); }

static long do_clock_nanosleep(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += 3;
	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static long do_sigsuspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	return sigsuspend(&none);
}

struct outcome { long ret; int err, handled, inside; bool remains; };

static struct outcome interrupted(long (*fn)(void), bool in_dune)
{
	struct outcome o = { 0 };
	char drop[8];

	futex_word = handled = handled_inside = returned = 0;
	remaining = (struct timespec){ 0, 0 };
	if (in_dune)
		dune_enter();
	sem_post(&poke);
	errno = 0;
	o.ret = fn();
	o.err = errno;
	o.remains = remaining.tv_nsec > 0;
	returned = true;
	while (sem_wait(&poked))
		;
	if (in_dune)
		dune_leave();
	o.handled = handled;
	o.inside = handled_inside;
	while (recv(sockets[0], drop, sizeof(drop), MSG_DONTWAIT) > 0)
		;
	while (poll(&(struct pollfd){ .fd = ends[0], .events = POLLIN }, 1, 0) > 0 && read(ends[0], drop, 8) > 0)
		;
	return o;
}

static void test_interruptions(void)
{
	static const struct { const char *name; long (*fn)(void); } cases[] = {
		{ "read", do_read }, { "recv", do_recv }, { "nanosleep", do_nanosleep },
		{ "clock_nanosleep", do_clock_nanosleep }, { "poll", do_poll }, { "ppoll", do_ppoll },
		{ "select", do_select }, { "pause", do_pause }, { "sigsuspend", do_sigsuspend },
		{ "futex", do_futex }, { "futex with timeout", do_futex_timed },
	};
	struct sigaction action = { .sa_handler = on_usr1 };
	unsigned int i, try, outside = 0;
	pthread_t t;
	bool same;

	main_thread = pthread_self();
	sem_init(&poke, 0, 0);
	sem_init(&poked, 0, 0);
	if (pipe(ends) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) || pthread_create(&t, NULL, poker, NULL))
		bail("no pipe or thread");
	for (i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome n, d;

		action.sa_flags = i & 1 ? SA_RESTART : 0;
		sigaction(SIGUSR1, &action, NULL);
		/*
		 * On two busy CPUs the signal may come just before the call falls
		 * asleep, natively as well: then the two are not alike, and are tried again.
		 */
		for (try = 0, same = false; try < 3 && !same; try++) {
			n = interrupted(cases[i / 2].fn, false);
			d = interrupted(cases[i / 2].fn, true);
			same = n.ret == d.ret && n.err == d.err && n.handled == 1 && d.handled == 1 &&
			       n.remains == d.remains;
			outside += n.inside || !d.inside;
		}
		ok(same,
		   "%s, signal%s: %ld, errno %d, %d handled; in Dune mode %ld, %d, %d", cases[i / 2].name,
		   i & 1 ? " with SA_RESTART" : "", n.ret, n.err, n.handled, d.ret, d.err, d.handled);
	}
	ok_eq(outside, 0, "each handler ran where the call was made");
	stop_poking = true;
	sem_post(&poke);
	pthread_join(t, NULL);
}

/* A program that makes no calls is interrupted too, and does not notice. */
static void test_interrupted_loop(void)
{
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { { 0, 0 }, { 0, 0 } };
	volatile double sum = 0;
	unsigned int i = 0;

	signal(SIGALRM, on_usr1);
	handled = 0;
	dune_enter();
	setitimer(ITIMER_REAL, &often, NULL);
	while (handled < 20) {
		sum += 0.5;
		i++;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	dune_leave();
	signal(SIGALRM, SIG_DFL);
	ok(sum == i * 0.5, "20 signals during %u additions, none of them lost", i);
}

/* ---- Watched calls -------------------------------------------------------------------- */

/* In a child, natively or in Dune mode; its wait status tells. */
static bool child_in_dune;

static void enter_if_wanted(void)
{
	if (child_in_dune && (dune_init() || dune_enter()))
		_exit(120);
}

static int status_of(void (*fn)(void), bool in_dune)
{
	pid_t pid = fork();
	int status = -1;

	if (!pid) {
		alarm(PATIENCE);
		child_in_dune = in_dune;
		fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status & ~0x80;
}

/* From now on @nr ends in @action. */
static int filter(long nr, uint32_t action, unsigned int flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int getpid_error(void)
{
	errno = 0;
	return syscall(SYS_getpid) == -1 ? errno : 0;
}

static void filtered_before(void)
{
	filter(SYS_getpid, SECCOMP_RET_ERRNO | EPERM, 0);
	filter(SYS_getppid, SECCOMP_RET_ERRNO | 77, 0);
	enter_if_wanted();
	_exit(getpid_error() == EPERM && syscall(SYS_getppid) == -1 && errno == 77 && getuid() == 0 ? 3 : 4);
}

static void filtered_inside(void)
{
	enter_if_wanted();
	if (getpid_error() || filter(SYS_getpid, SECCOMP_RET_ERRNO | 78, 0))
		_exit(5);
	_exit(getpid_error() == 78 ? 3 : 4);
}

static void *filter_all_threads(void *arg)
{
	filter(SYS_getpid, SECCOMP_RET_ERRNO | 79, SECCOMP_FILTER_FLAG_TSYNC);
	return NULL;
}

static void filtered_from_outside(void)
{
	pthread_t t;

	pthread_create(&t, NULL, filter_all_threads, NULL);
	enter_if_wanted();
	while (getpid_error() != 79)
		;
	_exit(3);
}

static void killed_by_filter(void)
{
	enter_if_wanted();
	filter(SYS_getpid, SECCOMP_RET_KILL_PROCESS, 0);
	getpid_error();
}

static volatile int tid_of_dying;

static void *dying_thread(void *arg)
{
	enter_if_wanted();
	tid_of_dying = gettid();
	filter(SYS_getpid, SECCOMP_RET_KILL_THREAD, 0);
	getpid_error();
	_exit(6);
}

static void thread_killed_by_filter(void)
{
	pthread_t t;
	int i;

	pthread_create(&t, NULL, dying_thread, NULL);
	for (i = 0; i < 1000; i++) {
		if (tid_of_dying && syscall(SYS_tgkill, getpid(), tid_of_dying, 0) == -1 && errno == ESRCH)
			_exit(3);
		usleep(2000);
	}
	_exit(7);
}

static volatile int sys_code, sys_number;

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	sys_code = info->si_code;
	sys_number = info->si_syscall;
}

static void trapped_by_filter(void)
{
	struct sigaction action = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
	long ret;

	sigaction(SIGSYS, &action, NULL);
	filter(SYS_getpid, SECCOMP_RET_TRAP, 0);
	enter_if_wanted();
	ret = syscall(SYS_getpid);
	_exit(ret == SYS_getpid && sys_code == SIGSYS_SECCOMP && sys_number == SYS_getpid ? 3 : 4);
}

static void traced_child(void)
{
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	enter_if_wanted();
	kill(getpid(), SIGSTOP);
	_exit(syscall(SYS_getpid) == 12345 ? 3 : 4);
}

/* Sees each call of the child, and gives getpid another result after the child's stop. */
static void traced(void)
{
	struct user_regs_struct regs;
	int status, in_call = 0;
	pid_t pid = fork();

	if (!pid)
		traced_child();
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (;;) {
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		waitpid(pid, &status, 0);
		if (WIFEXITED(status))
			_exit(WEXITSTATUS(status));
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		in_call ^= 1;
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
		if (!in_call && regs.orig_rax == SYS_getpid) {
			regs.rax = 12345;
			ptrace(PTRACE_SETREGS, pid, 0, &regs);
		}
	}
}

/* Stopped and continued, a sleep goes on and is no longer or shorter for that. */
static void stopped_sleeper(void)
{
	struct timespec wait = { 0, 300000000 }, before, after;
	pid_t pid = fork();
	int status = -1;

	if (!pid) {
		enter_if_wanted();
		clock_gettime(CLOCK_MONOTONIC, &before);
		if (nanosleep(&wait, NULL))
			_exit(4);
		clock_gettime(CLOCK_MONOTONIC, &after);
		_exit((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 300 ? 3 : 5);
	}
	usleep(150000);
	kill(pid, SIGSTOP);
	usleep(30000);
	kill(pid, SIGCONT);
	waitpid(pid, &status, 0);
	_exit(WEXITSTATUS(status));
}

static void test_watched(void)
{
	static const struct { const char *name; void (*fn)(void); int status; } cases[] = {
		{ "seccomp: ERRNO, from before", filtered_before, 3 << 8 },
		{ "seccomp: ERRNO, set in the middle", filtered_inside, 3 << 8 },
		{ "seccomp: ERRNO, set by another thread", filtered_from_outside, 3 << 8 },
		{ "seccomp: KILL_PROCESS", killed_by_filter, SIGSYS },
		{ "seccomp: KILL_THREAD", thread_killed_by_filter, 3 << 8 },
		{ "seccomp: TRAP", trapped_by_filter, 3 << 8 },
		{ "ptrace: a tracer changes a result", traced, 3 << 8 },
		{ "SIGSTOP and SIGCONT during nanosleep", stopped_sleeper, 3 << 8 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok_eq(status_of(cases[i].fn, false), cases[i].status, "%s: natively", cases[i].name);
		ok_eq(status_of(cases[i].fn, true), cases[i].status, "%s: in Dune mode", cases[i].name);
	}
}

int main(void)
{
	int err;

	/* A child needs a space of its own, so these come before ours. */
	test_watched();
	err = dune_init();
	if (err)
		bail("dune_init: %s", strerror(-err));
	diag("fast system calls: %s", dune_info()->caps & DUNE_CAP_FAST_SYSCALLS ? "yes" : "no");
	test_raw_calls();
	test_refusals();
	test_files();
	test_heap();
	test_counters();
	test_clocks();
	test_interruptions();
	test_interrupted_loop();
	return tap_done();
}
