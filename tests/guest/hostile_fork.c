// SPDX-License-Identifier: GPL-2.0
/*
 * What a child may do with the door that it has of its parent: it chooses where its frame table and
 * its run pages are to be, when and with how many threads it comes first, and what it was told of its
 * parent's may be wrong.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include "tap.h"
#include "door.h"
#include "doorchild.h"
#include "usage.h"

#define PAGE 4096UL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct raw raw;
static struct raw_health health;

static char *free_pages(size_t size)
{
	char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(p, size);
	return p;
}

/* The child's exit status; what kills it kills this process as well. */
static int forked(int (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(fn());
	if (waitpid(pid, &status, 0) != pid)
		return 98;
	if (WIFSIGNALED(status))
		raise(WTERMSIG(status));
	return WEXITSTATUS(status);
}

static long frame_of(uint64_t hva, const void *table)
{
	return door_jump_to(door, NULL, DUNE_DOOR_FRAME, hva, table);
}

/* A run page and a VCPU of this process's own, for which the page tables it copied are good. */
static bool own_good(const void *table)
{
	char *run = (char *)raw.run;

	/* where the parent's is: its mapping is not inherited */
	if (door_jump_to(door, run, DUNE_DOOR_RUN, 0, table) != 1)
		return false;
	return door_good(&raw);
}

/* ---- Spaces that there is little of -------------------------------------------------------- */

static int first_frame(void)
{
	return frame_of(0, NULL) == 1 ? 0 : 1;
}

/* A space of which no frame was ever given. */
static int from_empty(void)
{
	struct dune_create_space s = { .size = sizeof(s) };
	struct dune_info info = { .size = sizeof(info) };
	int dev = open("/dev/dune", O_RDWR | O_CLOEXEC), space;

	munmap(door, DOOR_SIZE);
	raw_close(&raw);
	munmap(door_table, raw.info.table_size);
	if (dev < 0 || ioctl(dev, DUNE_GET_INFO, &info))
		return 1;
	space = ioctl(dev, DUNE_CREATE_SPACE, &s);
	door = door_map(space, &info);
	return space < 0 || door == MAP_FAILED ? 2 : forked(first_frame);
}

/* One with all frames given: its child has them all, and no more either. */
static int no_more_frames(void)
{
	return frame_of(99999UL << 30, NULL) == -ENOSPC && own_good(NULL) ? 0 : 1;
}

static int from_full(void)
{
	uint64_t gib = 1;

	while (frame_of(gib << 30, NULL) > 0)
		gib++;
	return forked(no_more_frames);
}

/* ---- Where the child wants its frame table -------------------------------------------------- */

static bool is_table_at(const void *table)
{
	return ((const uint16_t *)table)[(uintptr_t)&raw >> 30] == frame_of((uintptr_t)&raw, table);
}

static int own_table(void)
{
	char *table = free_pages(raw.info.table_size);

	return own_good(table) && is_table_at(table) ? 0 : 1;
}

/* What is where the parent's table was is the child's. */
static int data_at_parents_table(void)
{
	char *table, *data;

	data = mmap(door_table, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (data != door_table)
		return 1;		/* the table is not inherited */
	table = free_pages(raw.info.table_size);
	memset(data, 0x5a, PAGE);
	if (!own_good(table) || !is_table_at(table))
		return 2;
	return data[0] == 0x5a && data[PAGE - 1] == 0x5a ? 0 : 3;
}

static int no_table(void)
{
	char *data = mmap(door_table, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	data[0] = 1;
	return own_good(NULL) && data[0] == 1 ? 0 : 1;
}

/* The door, which is mapped last, wins. */
static int table_over_door(void)
{
	return own_good(door) ? 0 : 1;
}

/* One that cannot be mapped there: nothing is left of the try. */
static int table_nowhere(void)
{
	static const uint64_t bad[] = { 0x7ffffffff000UL, 0x7fffffffe000UL, 1UL << 63, -PAGE };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		if (frame_of(0, (void *)bad[i]) != -ENOMEM)
			return 1 + i;
	return frame_of(0, (void *)8) == -EINVAL && own_good(NULL) ? 0 : 9;
}

/* It is the child's own end. */
static int table_over_code(void)
{
	frame_of(0, (void *)((uintptr_t)table_over_code & -PAGE));
	return 1;
}

static int at_low_address(void)
{
	if (setresuid(65534, 65534, 65534))
		return 1;
	if (frame_of(0, (void *)PAGE) != -EPERM || door_jump((void *)PAGE, DUNE_DOOR_RUN, 0) != -EPERM)
		return 2;
	return own_good(NULL) ? 0 : 3;
}

/* No room for what it needs, then room. */
static int without_room(void)
{
	struct rlimit lim = { PAGE, RLIM_INFINITY }, no = { 0, RLIM_INFINITY };

	setrlimit(RLIMIT_NOFILE, &no);		/* which it does not need */
	setrlimit(RLIMIT_AS, &lim);
	if (door_jump(raw.run, DUNE_DOOR_RUN, 0) != -ENOMEM)
		return 1;
	lim.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_AS, &lim);
	return own_good(NULL) ? 0 : 2;
}

/* ---- What is its parent's ---------------------------------------------------------------------- */

static uint64_t word;

static void write_word(uint64_t *to)
{
	*to = 7;
	raw_vmcall(RAW_HC_DONE, 0, 0, 0);
}

/* The page may be there, but it is the run page of somebody else's space. */
static int parents_run_page(void)
{
	raw.run->regs.rip = 0;			/* it is, or this would be a fault */
	if (door_jump(raw.run, DUNE_DOOR_RUN, 0) != 1)
		return 1;
	door_start(&raw, write_word, (uintptr_t)&word);
	return door_go(&raw) || word != 7 ? 2 : 0;
}

static int dofork(void)
{
	int ret;

	if (madvise(raw.run, PAGE, MADV_DOFORK))
		return 90;
	ret = forked(parents_run_page);
	if (ret)
		return ret;
	return word ? 91 : door_good(&raw) ? 0 : 92;
}

static int use_descriptors(void)
{
	struct dune_assign_frame a = { .size = sizeof(a) };
	struct dune_create_vcpu v = { .size = sizeof(v) };

	if (raw_ioctl(raw.vcpu, DUNE_RUN, NULL) != -EIO || raw_ioctl(raw.space, DUNE_ASSIGN_FRAME, &a) != -EIO ||
	    raw_ioctl(raw.space, DUNE_CREATE_VCPU, &v) != -EIO)
		return 1;
	if (door_map(raw.space, &raw.info) != MAP_FAILED ||
	    mmap(NULL, PAGE, PROT_READ, MAP_SHARED, raw.vcpu, 0) != MAP_FAILED)
		return 2;
	return own_good(NULL) && raw_ioctl(raw.space, DUNE_ASSIGN_FRAME, &a) == -EIO ? 0 : 3;
}

/* It has a space of its own by now, with other frames: that is the one. */
static int space_of_its_own(void)
{
	struct dune_create_space s = { .size = sizeof(s) };
	int space = ioctl(raw.dev, DUNE_CREATE_SPACE, &s);

	if (space < 0 || frame_of(77UL << 30, NULL) != 1)
		return 1;
	return raw_ioctl(raw.dev, DUNE_CREATE_SPACE, &s) == -EEXIST ? 0 : 2;
}

/* After the first jump there is one too. */
static int no_second_space(void)
{
	struct dune_create_space s = { .size = sizeof(s) };

	return own_good(NULL) && raw_ioctl(raw.dev, DUNE_CREATE_SPACE, &s) == -EEXIST ? 0 : 1;
}

static void *second_door;

static int two_doors(void)
{
	void *first = door;
	long a = frame_of(50UL << 30, NULL), b;

	door = second_door;
	b = frame_of(50UL << 30, NULL);
	munmap(first, DOOR_SIZE);
	return a > 0 && a == b && own_good(NULL) ? 0 : 1;
}

static int with_two_doors(void)
{
	second_door = door_map(raw.space, &raw.info);
	return forked(two_doors);
}

static int jump_without(void)
{
	return frame_of(0, NULL) ? 1 : 2;
}

static int dontfork(void)
{
	return madvise(door, DOOR_SIZE, MADV_DONTFORK) ? 1 : forked(jump_without);
}

/* ---- Threads, and children of children ----------------------------------------------------------- */

#define FIRST 6

static pthread_barrier_t barrier;

static void *come_first(void *arg)
{
	pthread_barrier_wait(&barrier);
	return (void *)(long)(door_jump(arg, DUNE_DOOR_RUN, 0) == 1);
}

/* All its threads want the space that is not there yet. */
static int all_at_once(void)
{
	char *pages = free_pages(FIRST * PAGE);
	pthread_t t[FIRST];
	int i, good = 0;
	void *value;

	pthread_barrier_init(&barrier, NULL, FIRST);
	for (i = 0; i < FIRST; i++)
		if (pthread_create(&t[i], NULL, come_first, pages + i * PAGE))
			return 1;
	for (i = 0; i < FIRST; i++)
		good += !pthread_join(t[i], &value) && value;
	return good == FIRST && own_good(NULL) ? 0 : 2;
}

static int all_at_once_often(void)
{
	int i, ret = 0;

	for (i = 0; i < 20 && !ret; i++)
		ret = forked(all_at_once);
	return ret;
}

static int depth;

/* Some have a space when they fork, some not. */
static int deep(void)
{
	int ret;

	if (depth & 1 && !own_good(NULL))
		return 1;
	if (!depth--)
		return own_good(NULL) ? 0 : 2;
	ret = forked(deep);
	return ret;
}

static int six_deep(void)
{
	depth = 6;
	return forked(deep);
}

static int report[2];

static int orphan(void)
{
	pid_t pid = fork(), parent = getpid();
	char verdict;

	if (pid)
		return 0;
	while (getppid() == parent)
		usleep(1000);
	usleep(20000);
	verdict = !own_good(free_pages(raw.info.table_size));
	_exit(write(report[1], &verdict, 1) != 1);
}

/* Grandparent's space and parent are gone. */
static int orphan_of_orphan(void)
{
	char verdict = 9;

	if (pipe(report) || forked(orphan))
		return 1;
	munmap(door, DOOR_SIZE);
	raw_close(&raw);
	return read(report[0], &verdict, 1) == 1 ? verdict : 2;
}

/* ---- While others run ------------------------------------------------------------------------------ */

static struct { volatile int started, stop; } flags;

__asm__(".pushsection .text\n"
	"spin: incl (%rdi); 1: pause; cmpl $0, 4(%rdi); je 1b; jmp raw_done\n"
	".popsection\n");
extern const char spin[] RAW_HIDDEN;

static void *spin_inside(void *arg)
{
	door_start(&raw, spin, (uintptr_t)&flags);
	return (void *)door_go(&raw);
}

static int just_good(void)
{
	return own_good(NULL) ? 0 : 1;
}

static int beside_a_run(void)
{
	pthread_t t;
	void *value = NULL;
	int i, ret = 0;

	pthread_create(&t, NULL, spin_inside, NULL);
	while (!flags.started)
		sched_yield();
	for (i = 0; i < 10 && !ret; i++)
		ret = forked(just_good);
	flags.stop = 1;
	pthread_join(t, &value);
	return value ? 2 : ret;
}

/* ---- Processes with one memory ---------------------------------------------------------------------- */

static char stack[65536] __attribute__((aligned(16)));

static int use_it(void *arg)
{
	return door_good(&raw) ? 0 : 1;
}

static int stay_inside(void *arg)
{
	spin_inside(NULL);
	return 1;
}

static int vm_child(int (*fn)(void *), int flags)
{
	return clone(fn, stack + sizeof(stack), CLONE_VM | SIGCHLD | flags, NULL);
}

static int vfork_child(void)
{
	int status = -1;
	pid_t pid = vm_child(use_it, CLONE_VFORK);

	waitpid(pid, &status, 0);
	return status || !door_good(&raw);
}

/* Its end frees the VCPU, and then it can be had again. */
static int killed_vm_child(void)
{
	pid_t pid = vm_child(stay_inside, 0);
	int i, status;

	while (!flags.started)
		sched_yield();
	if (door_go(&raw) != -EBUSY)
		return 1;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	for (i = 0; raw.run->busy && i < 1000; i++)
		usleep(1000);
	return WIFSIGNALED(status) && door_good(&raw) ? 0 : 2;
}

static const struct doorchild here[] = {
	{ "a child of a space without a frame", from_empty, 0 },
	{ "of one that has given all", from_full, 0 },
	{ "a run page with MADV_DOFORK is not its child's to run", dofork, 0 },
	{ "two doors of one space", with_two_doors, 0 },
	{ "a door with MADV_DONTFORK: SIGSEGV", dontfork, -SIGSEGV },
	{ "parent and grandparent have ended", orphan_of_orphan, 0 },
	{ "a fork while another thread runs", beside_a_run, 0 },
	{ "a child of vfork()", vfork_child, 0 },
	{ "a process that shares memory, killed inside", killed_vm_child, 0 },
};

static const struct doorchild forks[] = {
	{ "a child", just_good, 0 },
	{ "its frame table is where it wants it", own_table, 0 },
	{ "and not where its parent's is", data_at_parents_table, 0 },
	{ "or nowhere", no_table, 0 },
	{ "over the door", table_over_door, 0 },
	{ "where nothing can be mapped: ENOMEM", table_nowhere, 0 },
	{ "over its code: SIGSEGV", table_over_code, -SIGSEGV },
	{ "at an address that it may not use: EPERM", at_low_address, 0 },
	{ "without room for it", without_room, 0 },
	{ "its parent's descriptors: EIO", use_descriptors, 0 },
	{ "a space of its own", space_of_its_own, 0 },
	{ "only one", no_second_space, 0 },
	{ "all its threads at once", all_at_once_often, 0 },
	{ "children of children", six_deep, 0 },
};

static int (*forked_fn)(void);

static int fork_it(void)
{
	return forked(forked_fn);
}

int main(void)
{
	long before = references("dune"), i;

	doorchild_quiet();
	raw_health_begin(&health);
	doorchild_all(&raw, here, ARRAY_SIZE(here));
	for (i = 0; i < (long)ARRAY_SIZE(forks); i++) {
		forked_fn = forks[i].fn;
		ok_eq(doorchild_run(&raw, fork_it), forks[i].want, "%s", forks[i].what);
	}
	for (i = 0; references("dune") != before && i < 100; i++)
		usleep(50000);
	ok_eq(references("dune"), before, "the module has as many references as before");
	if (raw_open(&raw) || door_open(&raw))
		bail("cannot enter Dune mode");
	raw_health_end(&health, &raw);
	return tap_done();
}
