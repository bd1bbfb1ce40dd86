// SPDX-License-Identifier: GPL-2.0
#include "churn.h"
#include <sys/swap.h>
#include <time.h>

static char *aligned(size_t len, int prot)
{
	char *p = mmap(NULL, len + MIB2, prot, ANON | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	return (char *)(((uintptr_t)p + MIB2 - 1) & ~(MIB2 - 1));
}

static void make_chunks(void)
{
	file_fd = memfd_create("churn", MFD_CLOEXEC);
	if (ftruncate(file_fd, MIB2))
		bail("ftruncate");
	for (int i = 0; i < CHUNKS; i++) {
		chunk_base[i] = aligned(MIB2, RW);
		if (chunk_kind[i] == FILE_SHARED)
			mmap((void *)chunk_base[i], MIB2, RW, MAP_SHARED | MAP_FIXED, file_fd, 0);
		advise(i, (void *)chunk_base[i], MIB2);
	}
	for (int i = 0; i < OPERATORS; i++)
		scratch[i] = aligned(MIB2, PROT_NONE);
	for (long page = 0; page < NR_PAGES; page++)
		for (int o = 0; o <= WRITERS; o++)
			*word_in(address_of(page), page, o) = value_of(page, o, 0);
	/* those of a new mapping have the bit, on a kernel that has it */
	has_soft_dirty = pagemap(chunk_base[0]) & PM_SOFT_DIRTY;
}

static void settings(void)
{
	set("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	set("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "advise");
	set("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs", "10");
	set("/sys/kernel/mm/transparent_hugepage/khugepaged/alloc_sleep_millisecs", "10");
	set("/sys/kernel/mm/ksm/pages_to_scan", "200");
	set("/sys/kernel/mm/ksm/sleep_millisecs", "10");
	set("/sys/kernel/mm/ksm/run", "1");
	if (access("/dev/zram0", F_OK))
		diag("no swap: it needs the module zram");
	else if (set("/sys/block/zram0/disksize", "64M") &&
		 (system("mkswap /dev/zram0 >/dev/null 2>&1") || swapon("/dev/zram0", 0)))
		diag("no swap: %s", strerror(errno));
}

/* All is quiet: each word is what it was written last, for this side. */
static void check_all(const char *who)
{
	long failed = book->failed;

	for (long page = 0; page < NR_PAGES; page++) {
		struct entry *e = &book->page[page];

		for (int o = 0; e->contents == FULL && o <= WRITERS; o++) {
			uint64_t g = o == WRITERS ? 0 : e->done[o];

			check_word(who, page, o, load_word(page, o), g, g);
		}
	}
	ok(book->failed == failed, "in the end every word is what was written last, seen from %s", who);
}

/* Where everything is that has to do with it: a thread that sleeps for ever says it nowhere else. */
static void show_tasks(void)
{
	if (system("for t in /proc/[0-9]*/task/*; do read name <$t/comm; case $name in "
		   "churn|ksmd|khugepaged|kcompactd*|kswapd*) "
		   "echo \"# $t $name, $(cut -d ' ' -f 3,14,15 $t/stat): $(cat $t/syscall)\"; "
		   "sed 's/^/#   /' $t/stack; esac; done"))
		diag("no shell to look at /proc");
}

static void join(pthread_t thread)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 30;
	if (!pthread_timedjoin_np(thread, NULL, &limit))
		return;
	show_tasks();
	ok(false, "each thread comes to its end");
	_exit(tap_done());
}

void go_inside(void) { step_in(); }
void go_outside(void) { step_out(); }

/* How many pages KSM had merged at most. */
static long wait_for_end(int seconds)
{
	long merged = 0, n;
	struct timespec t;
	time_t end;

	clock_gettime(CLOCK_MONOTONIC, &t);
	end = t.tv_sec + seconds;
	while (t.tv_sec < end && !load_acquire(&book->stop)) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		usleep(200000);
		n = get("/sys/kernel/mm/ksm/pages_sharing");
		merged = n > merged ? n : merged;
	}
	store_release(&book->stop, 1);
	return merged;
}

static void run(int seconds)
{
	pthread_t thread[WRITERS + OPERATORS];
	long merged;

	me.id = -1;
	for (long i = 0; i < WRITERS + OPERATORS; i++)
		if (pthread_create(&thread[i], NULL, i < WRITERS ? writer : operator,
				   (void *)(i < WRITERS ? i : i - WRITERS)))
			bail("no thread");
	merged = wait_for_end(seconds);
	for (int i = 0; i < WRITERS + OPERATORS; i++)
		join(thread[i]);
	diag("KSM had %ld pages merged", merged);
	show_operations();
	ok(!book->failed, "%d s with seed %lu: %d values that cannot be", seconds, seed, book->failed);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_churn_signal, .sa_flags = SA_SIGINFO };
	int err;

	seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	native = argc > 3 && !strcmp(argv[3], "native");
	book = mmap(NULL, sizeof(*book), RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	settings();
	make_chunks();
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	err = native ? 0 : dune_init();
	if (err)
		bail("no Dune mode: %s", strerror(-err));
	run(argc > 1 ? atoi(argv[1]) : 20);
	check_all("ordinary mode");
	step_in();
	check_all("Dune mode");
	step_out();
	set("/sys/kernel/mm/ksm/run", "2");
	if (!swapoff("/dev/zram0"))
		set("/sys/block/zram0/reset", "1");
	return tap_done();
}
