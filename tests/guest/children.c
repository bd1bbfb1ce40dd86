// SPDX-License-Identifier: GPL-2.0
/*
 * Processes and threads that a thread in Dune mode makes: they begin in Dune mode, and
 * but for that they are what they are natively. Made in ordinary mode they begin
 * there, and can enter.
 *
 *	children watched	all of it with a filter that allows every call: so that each is made in
 *				ordinary mode, by the program's own instruction
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tap.h"

#define PAGE	 4096UL
#define PATIENCE 30
#define STACK	 65536

/* What a child exits with. */
enum { INSIDE = 21, OUTSIDE, WRONG_PARENT, WRONG_MASK, WRONG_SUM };

static volatile int mark;	/* a child leaves its mark in its memory */
static sigset_t mask;

static bool mask_is_kept(void)
{
	sigset_t now;

	return !sigprocmask(SIG_BLOCK, NULL, &now) && sigismember(&now, SIGUSR2) == 1 &&
	       sigismember(&now, SIGUSR1) == 0 && sigismember(&now, SIGTERM) == 0;
}

static int wait_for(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* ---- Processes ------------------------------------------------------------------ */

static pid_t parent;

/* Uses memory that nobody has touched, the heap and a system call, and says where it is. */
static int child(void *arg)
{
	volatile char *fresh = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i, sum = 0;

	alarm(PATIENCE);
	mark = 1;
	for (i = 0; i < 8; i++) {
		fresh[i * PAGE] = i;
		sum += fresh[i * PAGE];
	}
	munmap((void *)fresh, 8 * PAGE);
	if (sum != 28)
		return WRONG_SUM;
	if (getppid() != parent)
		return WRONG_PARENT;
	if (!mask_is_kept())
		return WRONG_MASK;
	return dune_inside() ? INSIDE : OUTSIDE;
}

static pid_t by_fork(void)
{
	pid_t pid = syscall(SYS_fork);

	if (!pid)
		_exit(child(NULL));
	return pid;
}

static pid_t by_libc_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(child(NULL));
	return pid;
}

static pid_t by_vfork(void)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(child(NULL));
	return pid;
}

static pid_t by_clone(void)
{
	pid_t told = 0, pid = syscall(SYS_clone, SIGCHLD | CLONE_PARENT_SETTID, 0, &told, 0, 0);

	if (!pid)
		_exit(child(NULL));
	ok_eq(told, pid, "CLONE_PARENT_SETTID told the parent");
	return pid;
}

static pid_t by_clone3(void)
{
	int fd = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND, .pidfd = (uintptr_t)&fd, .exit_signal = SIGCHLD,
	};
	pid_t pid = syscall(SYS_clone3, &args, sizeof(args));

	if (!pid)
		_exit(child(NULL));
	ok(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, PATIENCE * 1000) == 1, "the pidfd says that it ended");
	close(fd);
	return pid;
}

static char stacks[2][STACK] __attribute__((aligned(16)));

static pid_t by_clone_vm(void)
{
	return clone(child, stacks[0] + STACK, CLONE_VM | SIGCHLD, NULL);
}

static pid_t by_clone_vm_vfork(void)
{
	return clone(child, stacks[1] + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
}

static pid_t by_clone_files(void)
{
	return clone(child, stacks[0] + STACK, CLONE_FILES | CLONE_FS, NULL);
}

static const struct maker {
	const char *name;
	pid_t (*make)(void);
	bool shares;		/* its memory is its parent's */
} makers[] = {
	{ "fork", by_fork, false }, { "fork()", by_libc_fork, false }, { "vfork()", by_vfork, true },
	{ "clone", by_clone, false }, { "clone3", by_clone3, false },
	{ "clone() with CLONE_VM", by_clone_vm, true },
	{ "clone() with CLONE_VM and CLONE_VFORK", by_clone_vm_vfork, true },
	{ "clone() with CLONE_FILES and no signal", by_clone_files, false },
};
#define MAKERS (sizeof(makers) / sizeof(makers[0]))

static void check_maker(const struct maker *m, int want)
{
	bool inside = dune_inside();
	int got;

	mark = 0;
	got = wait_for(m->make());
	ok_eq(got, want, "%s %s Dune mode: the child is %s, with parent, mask and memory", m->name,
	      inside ? "in" : "out of", want == INSIDE ? "inside" : "outside");
	ok(mark == m->shares && mask_is_kept() && dune_inside() == inside, "%s: the parent is as it was", m->name);
}

static void test_processes(void)
{
	unsigned int i;

	parent = getpid();
	for (i = 0; i < MAKERS; i++)
		check_maker(&makers[i], OUTSIDE);
	dune_enter();
	for (i = 0; i < MAKERS; i++)
		check_maker(&makers[i], INSIDE);
	dune_leave();
}

/* ---- What is executed --------------------------------------------------------------- */

extern char **environ;

static void test_programs(void)
{
	char *argv[] = { "children", "executed", NULL };
	pid_t pid = -1;

	dune_enter();
	ok_eq(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0, "posix_spawn()");
	ok_eq(wait_for(pid), 33, "its program begins in ordinary mode, with no descriptor of ours");
	pid = vfork();
	if (!pid) {
		execv("/proc/self/exe", argv);
		_exit(44);
	}
	ok_eq(wait_for(pid), 33, "vfork() and execv()");
	pid = fork();
	if (!pid) {
		execv("/nowhere", argv);
		_exit(errno == ENOENT && dune_inside() ? 45 : 46);
	}
	ok_eq(wait_for(pid), 45, "an execv() that fails comes back to the child, inside");
	ok_eq(system("exit 7"), 7 << 8, "system()");
	ok(dune_inside(), "all that from Dune mode");
	dune_leave();
}

/* ---- Threads ------------------------------------------------------------------------- */

#define THREADS 12

static __thread int own = 5;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t barrier;
static int total;

/* The number of things that are as they should be: 4. */
static void *thread(void *arg)
{
	int good = own == 5;
	volatile char *heap = malloc(100000);

	own = 6;
	heap[50000] = 1;
	free((void *)heap);
	good += mask_is_kept();
	good += dune_inside() == (arg != NULL);
	pthread_barrier_wait(&barrier);
	pthread_mutex_lock(&mutex);
	total++;
	pthread_mutex_unlock(&mutex);
	return (void *)(long)(good + (gettid() != getpid()));
}

static void check_threads(const char *where)
{
	pthread_t t[THREADS];
	int i, made = 0, good = 0;
	void *value;

	total = 0;
	for (i = 0; i < THREADS; i++)
		made += !pthread_create(&t[i], NULL, thread, (void *)(long)dune_inside());
	if (made < THREADS)
		bail("%d of %d threads", made, THREADS);
	for (i = 0; i < THREADS; i++)
		good += !pthread_join(t[i], &value) && (long)value == 4;
	ok(good == THREADS && total == THREADS, "%d threads made %s: %d of them good, %d added up", THREADS, where, good,
	   total);
}

static void *leave_and_enter(void *arg)
{
	bool good = dune_inside() && !dune_leave() && !dune_inside() && !dune_enter() && dune_inside();

	/* It began inside, so libdune has no thread-local struct to make: this one is its own. */
	return (void *)(long)(good && !dune_leave());
}

static void *end_by_sys_exit(void *arg)
{
	syscall(SYS_exit, 0);
	return NULL;
}

static void test_threads(void)
{
	pthread_t t;
	void *value = NULL;

	pthread_barrier_init(&barrier, NULL, THREADS);
	check_threads("in ordinary mode");
	dune_enter();
	check_threads("in Dune mode");
	ok(!pthread_create(&t, NULL, leave_and_enter, NULL) && !pthread_join(t, &value) && value,
	   "one that began inside leaves, enters and leaves");
	ok(!pthread_create(&t, NULL, end_by_sys_exit, NULL) && !pthread_join(t, &value), "one by exit(2) itself");
	dune_leave();
}

/* Size of the address space in pages, and mappings in it. */
struct size { long pages, mappings; };

static struct size size(void)
{
	struct size s = { 0, 0 };
	char line[512];
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%ld", &s.pages) != 1)
		s.pages = 0;
	if (f)
		fclose(f);
	f = fopen("/proc/self/maps", "re");
	while (f && fgets(line, sizeof(line), f))
		s.mappings++;
	if (f)
		fclose(f);
	return s;
}

static void *do_nothing(void *arg)
{
	return arg;
}

static int rounds(int n)
{
	int bad = 0;
	pthread_t t;
	void *value;

	while (n--) {
		if (pthread_create(&t, NULL, do_nothing, stacks))
			return bad + n + 1;
		bad += pthread_join(t, &value) || value != stacks;
	}
	return bad;
}

/* What a thread that ended inside had there is the next one's. */
static void test_reuse(void)
{
	struct size before, after;

	dune_enter();
	ok_eq(rounds(50), 0, "50 threads, one after the other");
	before = size();
	ok_eq(rounds(500), 0, "and 500 more, made inside, that end inside");
	after = size();
	dune_leave();
	/* At most a few that ended late, each with 9 mappings and 70 pages, and not 500. */
	ok(after.pages - before.pages < 5 * 100 && after.mappings - before.mappings < 5 * 10,
	   "for these the process grows by %ld pages, %ld mappings", after.pages - before.pages,
	   after.mappings - before.mappings);
}

/* ---- Where parent and child are -------------------------------------------------------- */

static long double_it(void *arg)
{
	return dune_inside() ? 2 * (long)arg : -1;
}

/* Dune mode is good for what it is there for: page tables, exceptions, threads, calls. */
static int on_break(struct dune_trap *trap)
{
	mark += 100;
	return DUNE_TRAP_DONE;
}

static bool dune_mode_works(void)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	bool good;

	mark = 0;
	if (dune_on_exception(DUNE_VECTOR_BP, on_break, 0))
		return false;
	__asm__ volatile("int3" ::: "memory");
	page[0] = 1;
	good = mark == 100 && getpid() == syscall(SYS_gettid) && page[0] == 1;
	dune_on_exception(DUNE_VECTOR_BP, NULL, 0);
	return good && dune_inside();
}

/* In a child: into Dune mode where it is not there, works there, out and in again. */
static int use_dune_mode(void)
{
	long result = 0;

	alarm(PATIENCE);
	if (!dune_inside() && dune_enter())
		return 51;
	if (!dune_mode_works())
		return 52;
	if (dune_leave() || dune_inside())
		return 53;
	if (dune_call(double_it, (void *)21, &result) || result != 42)
		return 54;
	if (dune_enter() || !dune_mode_works())
		return 55;
	return 0;
}

static int deep(int generations)
{
	int bad = use_dune_mode();
	pid_t pid;

	if (bad || !generations)
		return bad;
	/* odd ones from ordinary mode */
	if (generations & 1)
		dune_leave();
	pid = fork();
	if (!pid)
		_exit(deep(generations - 1));
	bad = wait_for(pid);
	return bad ? bad : use_dune_mode();
}

static int forked(bool inside, int (*fn)(void))
{
	pid_t pid;

	if (inside && dune_enter())
		return 50;
	pid = fork();
	if (!pid)
		_exit(fn());
	if (inside)
		dune_leave();
	return wait_for(pid);
}

static int just_exit(void)
{
	return dune_inside() ? INSIDE : OUTSIDE;
}

static int leave_first(void)
{
	return dune_leave() ? 56 : use_dune_mode();
}

static int three_deep(void)
{
	return deep(5);
}

/* The parent is gone before the child first needs the module; the grandchild tells by a pipe. */
static int ends[2];

static int orphan(void)
{
	char verdict;
	pid_t pid = fork();

	if (pid)
		return 0;
	alarm(PATIENCE);
	while (getppid() == parent)
		usleep(1000);
	verdict = use_dune_mode();
	_exit(write(ends[1], &verdict, 1) != 1);
}

static int orphan_from_outside(void)
{
	parent = getpid();
	if (dune_inside())
		dune_leave();
	return orphan();
}

static int orphan_from_inside(void)
{
	parent = getpid();
	if (!dune_inside())
		dune_enter();
	return orphan();
}

static void check_orphan(const char *name, bool inside, int (*fn)(void))
{
	char verdict = -1;

	ok_eq(forked(inside, fn), 0, "%s: the parent ends", name);
	if (read(ends[0], &verdict, 1) != 1)
		verdict = -2;
	ok_eq(verdict, 0, "%s: the child has its Dune mode", name);
}

static void test_places(void)
{
	int i, bad = 0;

	ok_eq(forked(false, just_exit), OUTSIDE, "fork() outside: the child is outside");
	ok_eq(forked(true, just_exit), INSIDE, "fork() inside: the child is inside");
	ok_eq(forked(false, use_dune_mode), 0, "fork() outside: the child enters, leaves, enters");
	ok_eq(forked(true, use_dune_mode), 0, "fork() inside: the child goes on, leaves, enters");
	ok_eq(forked(true, leave_first), 0, "fork() inside: the child leaves first");
	ok_eq(forked(false, three_deep), 0, "children of children, outside");
	ok_eq(forked(true, three_deep), 0, "children of children, inside");
	if (pipe(ends))
		bail("pipe");
	check_orphan("orphan, outside", false, orphan_from_outside);
	check_orphan("orphan, inside", true, orphan_from_inside);
	check_orphan("orphan, outside, then inside", false, orphan_from_inside);
	check_orphan("orphan, inside, then outside", true, orphan_from_outside);
	close(ends[0]);
	close(ends[1]);
	for (i = 0; i < 40; i++)
		bad += forked(i & 1, use_dune_mode) != 0;
	ok_eq(bad, 0, "40 children, one after the other");
	dune_enter();
	ok(dune_mode_works(), "the parent's Dune mode works");
	dune_leave();
}

/* ---- A fork while others are inside -------------------------------------------------------- */

static volatile bool stop;
static volatile int running;
static volatile long turns[4];

static void *busy(void *arg)
{
	long i = (long)arg;

	if (i & 1 && dune_enter())
		return (void *)1;
	__atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
	while (!stop) {
		free(malloc(1000));
		turns[i]++;
	}
	return NULL;
}

static void fork_beside_others(bool inside)
{
	pthread_t t[4];
	int i, bad = 0;
	void *value;

	stop = false;
	running = 0;
	for (i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, busy, (void *)(long)i);
	while (running < 4)
		sched_yield();
	for (i = 0; i < 10; i++)
		bad += forked(inside, use_dune_mode) != 0;
	stop = true;
	for (i = 0; i < 4; i++)
		bad += pthread_join(t[i], &value) || value;
	ok_eq(bad, 0, "10 forks %s, beside two threads inside and two outside", inside ? "inside" : "outside");
}

/* ---- The child's own tables ------------------------------------------------------------------ */

static char *shared_word;

/* A change that a child makes to its page tables is not its parent's. */
static int protect_in_child(void)
{
	if (!dune_inside() && dune_enter())
		return 61;
	if (dune_pt_protect(dune_root_current(), (uintptr_t)shared_word, PAGE, DUNE_PROT_READ))
		return 62;
	dune_tlb_flush();
	return *shared_word == 7 ? 0 : 63;
}

static void test_own_tables(void)
{
	shared_word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*shared_word = 7;
	ok_eq(forked(true, protect_in_child), 0, "a child protects a page, in its own tables");
	ok_eq(forked(false, protect_in_child), 0, "and one that enters by itself");
	dune_enter();
	*shared_word = 8;
	dune_leave();
	ok_eq(*shared_word, 8, "the parent can write to it");
}

/* ---- With a handler of system calls ------------------------------------------------------------ */

static volatile int seen_calls, seen_clones, verdict;

static bool is_clone(uint64_t nr)
{
	return nr == SYS_clone || nr == SYS_clone3 || nr == SYS_fork || nr == SYS_vfork;
}

static int on_call(struct dune_trap *trap)
{
	seen_calls++;
	if (!is_clone(trap->rax))
		return DUNE_TRAP_PASS;
	seen_clones++;
	if (verdict == DUNE_TRAP_DONE)
		dune_syscall_forward(trap);
	return verdict;
}

static int sees_calls(void)
{
	int before = seen_calls;

	getppid();
	return !dune_inside() ? 71 : seen_calls == before + 1 ? 0 : 72;
}

static void test_handled(void)
{
	pthread_t t;
	pid_t pid;

	dune_enter();
	dune_on_syscall(on_call, DUNE_SYSCALL_RING0);
	verdict = DUNE_TRAP_DONE;
	ok(syscall(SYS_fork) == -1 && errno == ENOSYS, "fork, forwarded by a handler: ENOSYS");
	ok(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == -1 && errno == ENOSYS, "clone, forwarded: ENOSYS");
	ok(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS, "clone3, forwarded: ENOSYS");
	ok(fork() == -1 && errno == ENOSYS, "fork(), forwarded: ENOSYS");
	ok_ne(pthread_create(&t, NULL, do_nothing, NULL), 0, "pthread_create(), forwarded, fails");
	ok_eq(seen_clones, 6, "the handler has seen all of them, pthread_create()'s clone3 and clone among them");
	verdict = DUNE_TRAP_PASS;
	pid = fork();
	if (!pid)
		_exit(sees_calls());
	ok_eq(wait_for(pid), 0, "fork(), passed: the child is inside, and the handler sees its calls");
	pid = vfork();
	if (!pid)
		_exit(dune_inside() ? 0 : 73);
	ok_eq(wait_for(pid), 0, "vfork(), passed");
	seen_calls = 0;
	ok_eq(rounds(10), 0, "10 threads, passed");
	ok(seen_calls > 20, "the handler has seen their calls (%d)", seen_calls);
	dune_on_syscall(NULL, 0);
	dune_leave();
}

/* ---- Stops ------------------------------------------------------------------------------------ */

/* A process group of its own. Exits with how many of its children were not inside. */
static int forks_inside(void)
{
	int i, outside = 0;

	setpgid(0, 0);
	if (dune_enter())
		return 99;
	for (i = 0; i < 60; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(!dune_inside());
		outside += wait_for(pid);
	}
	return outside;
}

/* Linux gives up what it does for a new space when the child is to stop: it is made afterwards. */
static void test_stops(void)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(forks_inside());
	while (!waitpid(pid, &status, WNOHANG)) {
		usleep(500 + random() % 1000);
		kill(-pid, SIGSTOP);
		kill(-pid, SIGCONT);
	}
	ok_eq(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0,
	      "children that are stopped, and go on, before they are inside: all come inside");
}

/* ---- In both modes at once ---------------------------------------------------------------------- */

#define FORKS 40

static bool slow_forks;

/* Runs behind libdune's, and libc's lock is free meanwhile. */
static void before_fork(void)
{
	if (slow_forks && !dune_inside())
		usleep(1000);
}

static void *fork_on(void *inside)
{
	long bad = 0;

	if (inside && dune_enter())
		return (void *)1000;
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(dune_inside() == !!inside ? 0 : 1);
		bad += wait_for(pid) != 0;
	}
	if (inside)
		dune_leave();
	return (void *)bad;
}

static void test_both(void)
{
	pthread_t thread[4];
	long bad = 0;

	slow_forks = true;
	for (long i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, fork_on, (void *)(i % 2));
	for (int i = 0; i < 4; i++) {
		void *ret;

		pthread_join(thread[i], &ret);
		bad += (long)ret;
	}
	slow_forks = false;
	ok_eq(bad, 0, "two threads inside and two outside fork at once, %d times each", FORKS);
}

/* ---- Descriptors ------------------------------------------------------------------------------ */

/* The number of descriptors of this process that have @name in their link. */
static int descriptors(const char *name)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	char link[64];
	int n = 0;

	while (dir && (e = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		link[len > 0 ? len : 0] = 0;
		n += !!strstr(link, name);
	}
	if (dir)
		closedir(dir);
	return n;
}

static int count_descriptors(void)
{
	if (!dune_inside() && dune_enter())
		return 81;
	return descriptors("dune") ? 82 : 0;
}

static void be_watched(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { .len = 1, .filter = &allow };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		bail("seccomp: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	int err;

	if (argc > 1 && !strcmp(argv[1], "watched"))
		be_watched();
	else if (argc > 1)
		return dune_inside() ? 35 : descriptors("dune") ? 34 : 33;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	pthread_atfork(before_fork, NULL, NULL);
	err = dune_init();
	if (err)
		bail("dune_init: %s", strerror(-err));
	test_processes();
	test_programs();
	test_threads();
	test_reuse();
	test_places();
	fork_beside_others(false);
	fork_beside_others(true);
	test_own_tables();
	test_handled();
	test_stops();
	test_both();
	ok_eq(descriptors("dune"), 0, "no descriptor of ours is open");
	ok_eq(forked(false, count_descriptors), 0, "nor in a child that entered");
	ok_eq(forked(true, count_descriptors), 0, "nor in one that was inside");
	return tap_done();
}
