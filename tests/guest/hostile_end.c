// SPDX-License-Identifier: GPL-2.0
/*
 * The end of threads and processes at any instant of a run by the door: claimed, running, lent,
 * awaited. Whatever ends them - a signal, exit, exec, another thread - they are gone soon, nothing is
 * left behind, and the module cannot be removed before.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include "tap.h"
#include "door.h"
#include "doorchild.h"
#include "usage.h"

#define PAGE 4096UL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define THREADS 4
#define PATIENCE 10.0

static struct raw raw;
static struct raw_health health;
static volatile int *started;		/* shared with children */
static long references_before;		/* to the module */

/* In Dune mode as well as out of it. */
static inline long call(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return ret;
}

__asm__(".pushsection .text\n"
	"native: syscall; native_next: jmp raw_done\n"
	".popsection\n");
extern const char native_next[] RAW_HIDDEN;

static void note_start(void)
{
	__atomic_add_fetch(started, 1, __ATOMIC_RELAXED);
}

/* ---- What they do in Dune mode --------------------------------------------------------------- */

static void spin(void)
{
	note_start();
	for (;;)
		__asm__ volatile("pause");
}

static void make_calls(void)
{
	note_start();
	for (;;) {
		call(SYS_getppid, 0, 0, 0);
		call(SYS_sched_yield, 0, 0, 0);
	}
}

/* These are lent, each time. */
static void make_native_calls(void)
{
	note_start();
	for (;;)
		call(SYS_personality, 0xffffffff, 0, 0);
}

static void sleep_lent(void)
{
	note_start();
	for (;;)
		call(SYS_ptrace, -1, 0, 0), call(SYS_pause, 0, 0, 0);
}

static void sleep_inside(void)
{
	note_start();
	for (;;)
		call(SYS_pause, 0, 0, 0);
}

static void fault(void)
{
	note_start();
	for (;;) {
		call(SYS_madvise, (long)raw.stack - 16 * PAGE, 8 * PAGE, MADV_DONTNEED);
		for (int i = 9; i <= 16; i++)
			*(volatile char *)(raw.stack - i * PAGE) = 1;
	}
}

static void die_inside(void)
{
	note_start();
	call(SYS_exit, 0, 0, 0);
}

static void (*const codes[])(void) = { spin, make_calls, make_native_calls, sleep_lent, fault };

/* ---- Threads, each with a VCPU ------------------------------------------------------------------ */

static char run_stacks[THREADS][65536] __attribute__((aligned(16)));

static struct raw for_thread(int i, void *run)
{
	struct raw r = raw;

	r.run = run;
	r.stack = run_stacks[i] + sizeof(run_stacks[i]);
	return r;
}

/* A run page of its own, made by the door. */
static void *run_page(void)
{
	void *run = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (door_jump(run, DUNE_DOOR_RUN, 0) != 1)
		_exit(80);
	return run;
}

struct work {
	int index;
	void (*code)(void);
};

static void *work(void *arg)
{
	const struct work *w = arg;
	struct raw r = for_thread(w->index, run_page());

	raw_map(&r, r.run);
	door_start(&r, w->code, 0);
	door_go_calls(&r);
	return NULL;
}

static struct work works[THREADS];

static void begin_threads(unsigned int seed)
{
	pthread_t t;

	for (int i = 0; i < THREADS; i++) {
		works[i] = (struct work){ i, codes[(seed + (unsigned int)i) % ARRAY_SIZE(codes)] };
		if (pthread_create(&t, NULL, work, &works[i]))
			_exit(81);
	}
}

/* ---- Ways to end -------------------------------------------------------------------------------- */

enum way { KILL, STOP_AND_KILL, TERM, EXIT, EXEC, EXIT_INSIDE, UNMAP, WAYS };

static const char *const way_names[WAYS] = {
	"SIGKILL", "SIGSTOP, SIGCONT, SIGSTOP, SIGKILL", "SIGTERM", "exit_group() of another thread",
	"execve() of another thread", "exit() inside, thread by thread",
	"all of the module's unmapped, then SIGKILL",
};

static void stay(int sig)
{
	for (;;)
		call(SYS_pause, 0, 0, 0);
}

/* Whatever is mapped of the module's. */
static void unmap_module(void)
{
	char line[512];
	unsigned long from, to;
	FILE *f = fopen("/proc/self/maps", "re");

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "anon_inode:dune") && sscanf(line, "%lx-%lx", &from, &to) == 2)
			munmap((void *)from, to - from);
	if (f)
		fclose(f);
}

/* Whoever is lent then comes back to nothing. */
static void __attribute__((noreturn)) unmap_all(void)
{
	signal(SIGSEGV, stay);
	while (*started < THREADS)
		usleep(1000);
	close(raw.vcpu);
	close(raw.space);
	close(raw.dev);
	unmap_module();
	stay(0);
	__builtin_unreachable();
}

static unsigned int seed = 41;

/* The main thread of a victim. */
static void victim(enum way way)
{
	char *argv[] = { "end", "executed", NULL };
	pthread_t t[THREADS];

	if (raw_open(&raw) || door_open(&raw))
		_exit(82);
	if (way == EXIT_INSIDE) {
		for (int i = 0; i < THREADS; i++) {
			works[i] = (struct work){ i, die_inside };
			pthread_create(&t[i], NULL, work, &works[i]);
		}
		for (int i = 0; i < THREADS; i++)
			pthread_join(t[i], NULL);
		_exit(way);
	}
	begin_threads(seed);
	usleep(rand_r(&seed) % 8000);
	switch (way) {
	case EXIT:
		_exit(way);
	case EXEC:
		execv("/proc/self/exe", argv);
		_exit(83);
	case UNMAP:
		unmap_all();
	default:
		pause();
	}
}

static int wanted(enum way way)
{
	return way == TERM ? -SIGTERM : way == KILL || way == STOP_AND_KILL || way == UNMAP ? -SIGKILL :
	       way == EXEC ? 33 : (int)way;
}

/* A thread that is lent when the door goes finds nothing there, maybe before the SIGKILL. */
static bool is_wanted(enum way way, int end)
{
	return end == wanted(way) || (way == UNMAP && end == -SIGSEGV);
}

static void end_it(pid_t pid, enum way way)
{
	switch (way) {
	case STOP_AND_KILL:
		kill(pid, SIGSTOP);
		usleep(rand_r(&seed) % 3000);
		kill(pid, SIGCONT);
		usleep(rand_r(&seed) % 2000);
		kill(pid, SIGSTOP);
		break;
	case TERM:
		kill(pid, SIGTERM);
		return;
	case KILL:
	case UNMAP:
		break;
	default:
		return;
	}
	kill(pid, SIGKILL);
}

static double slowest;

static int end_one(enum way way)
{
	double since;
	int status;
	pid_t pid;

	*started = 0;
	seed += 7;
	pid = fork();
	if (!pid)
		victim(way);
	usleep(rand_r(&seed) % 20000);
	if (rand_r(&seed) & 1)
		for (int i = 0; i < 100 && *started < THREADS; i++)
			usleep(1000);
	end_it(pid, way);
	since = now();
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (now() - since > PATIENCE)
			bail("%s: not gone after %.0f s", way_names[way], PATIENCE);
		usleep(500);
	}
	if (now() - since > slowest)
		slowest = now() - since;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int end_many(enum way way, int n)
{
	int bad = 0;

	while (n--) {
		int end = end_one(way);

		bad += !is_wanted(way, end);
		if (!is_wanted(way, end))
			diag("  %s: ended with %d", way_names[way], end);
	}
	return bad;
}

static void test_ways(void)
{
	for (enum way way = 0; way < WAYS; way++)
		ok_eq(end_many(way, 8), 0, "four threads, ended by %s", way_names[way]);
	diag("the slowest took %.3f s", slowest);
}

/* ---- One process, many threads --------------------------------------------------------------------- */

#define MANY 1000

static void *die_by_door(void *run)
{
	struct raw r = for_thread(0, run);

	door_start(&r, die_inside, 0);
	door_go_calls(&r);
	return NULL;		/* not reached */
}

/* Of one run page each is freed by the end of its thread, for the next. */
static int many_threads(void)
{
	void *run = run_page();
	volatile struct dune_run *page = run;
	struct raw r = for_thread(0, run);
	pthread_t t;

	raw_map(&r, run);
	for (unsigned int i = 0; i < MANY; i++) {
		if (pthread_create(&t, NULL, die_by_door, run) || pthread_join(t, NULL))
			return 1;
		for (int n = 0; page->released != i + 1 || page->busy; n++) {
			if (n == 1000)
				return 2;
			usleep(n ? 1000 : 0);
		}
	}
	return *started == MANY ? 0 : 3;
}

/* Each of them with a run page that is unmapped while its thread dies. */
static void *die_and_go(void *arg)
{
	void *run = run_page();
	struct raw r = for_thread(1, run);

	raw_map(&r, run);
	door_start(&r, die_inside, 0);
	*(void *volatile *)arg = run;
	door_go_calls(&r);
	return NULL;
}

static int many_pages(void)
{
	for (int i = 0; i < MANY / 4; i++) {
		void *volatile run = NULL;
		pthread_t t;

		if (pthread_create(&t, NULL, die_and_go, (void *)&run))
			return 1;
		while (!run || *started <= i)
			sched_yield();
		munmap(run, PAGE);
		if (pthread_join(t, NULL))
			return 2;
	}
	return 0;
}

static int own_space(void)
{
	char *run = (char *)raw.run;

	return door_jump_to(door, run, DUNE_DOOR_RUN, 0, NULL) != 1 || !door_good(&raw);
}

static int many_forks(void)
{
	for (int i = 0; i < MANY / 5; i++) {
		int status = 1;
		pid_t pid = fork();

		if (!pid)
			_exit(own_space());
		if (waitpid(pid, &status, 0) != pid || status)
			return 1;
	}
	return door_good(&raw) ? 0 : 2;
}

/* ---- What is left ------------------------------------------------------------------------------------ */

static long smaller(long a, long b)
{
	return a < b ? a : b;
}

static bool waits_for_references(long want)
{
	for (int i = 0; references("dune") != want && i < 100; i++)
		usleep(20000);
	return references("dune") == want;
}

/* A round loses nothing if one of a few does not: some memory is still to be freed at any time. */
static void check_lost(const char *what, int (*round)(void), int items)
{
	long pages = LONG_MAX, slab = LONG_MAX;
	struct usage was = usage(), is;
	int i, bad = 0;

	for (i = 0; i < 4 && (pages >= items * 2 || slab >= items / 2); i++) {
		*started = 0;
		bad += round();
		is = usage();
		pages = smaller(pages, is.pages - was.pages);
		slab = smaller(slab, is.slab - was.slab);
		was = is;
	}
	ok_eq(bad, 0, "%s: they end well", what);
	ok(pages < items * 2 && slab < items / 2, "%d rounds lose no memory (%ld, %ld KiB)", i, pages, slab);
	ok(waits_for_references(references_before), "nor references to the module");
}

static int all_ways(void)
{
	int bad = 0;

	for (enum way way = 0; way < WAYS; way++)
		bad += end_many(way, 10);
	return bad;
}

static int (*in_child)(void);

static int round_in_child(void)
{
	return doorchild_run(&raw, in_child);
}

static void test_lost(void)
{
	check_lost("70 processes of four threads", all_ways, 70);
	in_child = many_threads;
	check_lost("1000 threads, one run page", round_in_child, MANY);
	in_child = many_pages;
	check_lost("250 threads, a run page each", round_in_child, MANY / 4);
	in_child = many_forks;
	check_lost("200 children with spaces", round_in_child, MANY / 5);
}

/* ---- The module under them ------------------------------------------------------------------------------ */

/* A read() of a pipe that nobody writes to, made in ordinary mode: meanwhile the thread is lent. */
static void start_native_read(struct raw *r, int fd)
{
	static char byte;

	door_start(r, door_stub + 3, (uintptr_t)fd);
	r->run->load |= DUNE_LOAD_NATIVE;
	r->run->regs.rcx = (uintptr_t)native_next;
	r->run->regs.r11 = RAW_RFLAGS;
	r->run->regs.rax = SYS_read;
	r->run->regs.rsi = (uintptr_t)&byte;
	r->run->regs.rdx = 1;
}

static void *wait_lent(void *arg)
{
	struct raw r = for_thread(0, run_page());
	int ends[2];

	if (pipe(ends))
		_exit(83);
	raw_map(&r, r.run);
	start_native_read(&r, ends[0]);
	note_start();
	door_go_calls(&r);
	return NULL;
}

static void *wait_inside(void *arg)
{
	struct raw r = for_thread(0, run_page());

	raw_map(&r, r.run);
	door_start(&r, sleep_inside, 0);
	door_go_calls(&r);
	return NULL;
}

/* One thread in Dune mode or lent, which has nothing of the module's but that. */
static void lone_victim(bool lent)
{
	pthread_t t;

	if (raw_open(&raw) || door_open(&raw) || pthread_create(&t, NULL, lent ? wait_lent : wait_inside, NULL))
		_exit(82);
	while (!*started)
		usleep(500);
	usleep(20000);
	close(raw.vcpu);
	close(raw.space);
	close(raw.dev);
	/* its run page among them, wherever that is */
	unmap_module();
	note_start();
	for (;;)
		pause();
}

/* As soon as it can be removed it is. */
static int remove_under(bool lent)
{
	double since;
	pid_t pid;
	int err;

	*started = 0;
	pid = fork();
	if (!pid)
		lone_victim(lent);
	for (since = now(); *started < 2 && now() - since < PATIENCE; usleep(1000))
		;
	usleep(rand_r(&seed) % 2000);
	err = module_remove();
	if (*started != 2 || (err != EAGAIN && err != EBUSY))
		return 1;
	kill(pid, SIGKILL);
	since = now();
	while ((err = module_remove()) && now() - since < PATIENCE)
		if (err != EAGAIN && err != EBUSY)
			break;
	waitpid(pid, NULL, 0);
	return err ? 2 : module_load() ? 3 : 0;
}

static void test_module(void)
{
	int bad = 0;

	if (references("dune") < 0 || access(DUNE_MODULE, R_OK)) {
		skip(1, "dune is not a module here, or cannot be loaded again");
		return;
	}
	for (int i = 0; i < 16 && !bad; i++)
		bad = remove_under(i & 1);
	ok_eq(bad, 0, "the module stays under a thread, lent or not, and goes as soon as that has ended");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 33;
	started = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	references_before = references("dune");
	doorchild_quiet();
	raw_health_begin(&health);
	test_ways();
	test_lost();
	test_module();
	if (raw_open(&raw) || door_open(&raw))
		bail("cannot enter Dune mode");
	raw_health_end(&health, &raw);
	return tap_done();
}
