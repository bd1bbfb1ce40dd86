// SPDX-License-Identifier: GPL-2.0
/*
 * Libraries that come and go while marking runs. What such a library is given then may be known to nobody else
 * when the cycle ends.
 *
 *	loads [BACKEND]		all, the default: every backend this machine has
 */
#include "each.h"
#include "gc.h"
#include "heap.h"
#include "mark.h"
#include "stats.h"
#include "tap.h"
#include "track.h"
#include <dlfcn.h>
#include <sched.h>
#include <sys/wait.h>

#define LIBRARY	"gc_slot.so"
#define CYCLES	20
#define MAGIC	0x6f70656eUL

struct node {
	struct node *next;
	unsigned long magic;
};

static struct node *volatile chain;	/* so much to mark that something can happen meanwhile */
static void *volatile library;
static void (*progress)(void);
static uint64_t scanned;
static volatile int asked, done, hidden;
static const char *symbol;

/* ---- While marking runs ----------------------------------------------------------- */

/* Called by the collector as it marks. The data segments have been looked at when so much has. */
static void on_progress(void)
{
	if (asked == 1 && stats.scanned_bytes - scanned > (256UL << 10)) {
		asked = 2;
		while (!done)
			sched_yield();
	}
	if (progress)
		progress();
}

static void begin(void)
{
	done = 0;
	scanned = stats.scanned_bytes;
	__atomic_store_n(&asked, 1, __ATOMIC_RELEASE);
}

/* In a function of its own: no copy stays on the stack, or in a register, of who goes on. */
static __attribute__((noinline)) uintptr_t hide(void)
{
	struct node *n = gc_alloc(sizeof(*n));

	if (!n)
		bail("the heap is full");
	n->magic = MAGIC;
	return ~(uintptr_t)n;
}

static __attribute__((noinline)) void open_and_tell(uintptr_t node)
{
	void **slot;

	library = dlopen(LIBRARY, RTLD_NOW);
	if (!library)
		bail("%s", dlerror());
	slot = dlsym(library, symbol);
	*slot = (void *)~node;
}

static __attribute__((noinline)) bool is_there(void)
{
	struct node **slot = dlsym(library, symbol);

	return (*slot)->magic == MAGIC;
}

/* The library is opened by this thread when the collector is in the middle of it. */
static void *opener(void *unused)
{
	uintptr_t node = hide();

	hidden = 1;
	while (asked != 2)
		if (asked == 3)
			return NULL;
	open_and_tell(node);
	node = 0;
	done = 1;
	return NULL;
}

/* ---- The tests ---------------------------------------------------------------------- */

static void make_chain(void)
{
	for (int i = 0; i < 60000; i++) {
		struct node *n = gc_alloc(sizeof(*n));

		if (!n)
			bail("the heap is full");
		n->next = chain;
		chain = n;
	}
}

static void test_open(const char *where)
{
	pthread_t t;

	symbol = where;
	library = NULL;
	asked = hidden = 0;
	if (gc_spawn(&t, opener, NULL))
		bail("no thread");
	while (!hidden)
		sched_yield();
	begin();
	gc_collect();
	asked = 3;
	gc_join(t);
	if (!library)
		bail("%s: it was marked before anything could happen", track->name);
	ok(is_there(), "%s: what a library that is opened while marking runs is given lives (%s)", track->name, where);
	gc_collect();
	ok(is_there(), "and goes on");
	dlclose(library);
	gc_collect();
}

static volatile bool stop;

static void *open_often(void *unused)
{
	while (!stop) {
		void *handle = dlopen(LIBRARY, RTLD_NOW);

		if (!handle)
			bail("%s", dlerror());
		dlclose(handle);
	}
	return NULL;
}

static void *collect_often(void *unused)
{
	while (!stop)
		gc_collect();
	return NULL;
}

static void test_often(void)
{
	pthread_t opening;
	uint64_t cycles = stats.cycles;

	chain = NULL;
	stop = false;
	if (gc_spawn(&opening, open_often, NULL))
		bail("no thread");
	for (int i = 0; i < CYCLES; i++)
		gc_collect();
	stop = true;
	gc_join(opening);
	ok(stats.cycles >= cycles + CYCLES, "%s: cycles while a library comes and goes", track->name);
}

/* The loader's lock is the collector's now and then; the child needs it. (That nobody else has it at that moment is up to the program.) */
static void test_fork(void)
{
	pthread_t collecting;
	int bad = 0, status;

	stop = false;
	if (gc_spawn(&collecting, collect_often, NULL))
		bail("no thread");
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();

		if (!pid) {
			gc_collect();
			_exit(!dlopen(LIBRARY, RTLD_NOW));
		}
		bad += waitpid(pid, &status, 0) != pid || status;
	}
	stop = true;
	gc_join(collecting);
	ok(!bad, "%s: forks while cycles run; the children collect and open libraries (%d went wrong)", track->name, bad);
}

static int run(const char *backend)
{
	struct gc_options o = { .backend = backend, .heap_max = 32UL << 20, .whole = true, .verify = true };

	if (gc_start(&o))
		return NOT_THERE;
	progress = mark_progress;
	mark_progress = on_progress;
	make_chain();
	if (track->concurrent) {
		test_open("gc_slot");
		test_open("gc_slot_zero");
	} else {
		skip(4, "%s: nothing runs while it marks", track->name);
	}
	test_often();
	test_fork();
	return tap_done();
}

int main(int argc, char **argv)
{
	return each_main(argc, argv, run);
}
