// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that live from SIGSEGV: page-tracking collectors, pagers, write barriers with
 * roll-back. Each fault is answered by mprotect() and the access goes on.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/uio.h>
#include <ucontext.h>

#include "child.h"

#define PAGE	4096UL
#define PAGES	200

static char *area;
static volatile int faults, wrong, last_err;
static uint8_t hits[PAGES];

static long page_of(const void *addr)
{
	uintptr_t off = (uintptr_t)addr - (uintptr_t)area;

	return off < PAGES * PAGE ? (long)(off / PAGE) : -1;
}

static void new_area(int prot)
{
	area = mmap(NULL, PAGES * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	memset(hits, 0, sizeof(hits));
	faults = wrong = 0;
}

static void on_segv(void (*fn)(int, siginfo_t *, void *))
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &sa, NULL);
}

/* Which page; counts the fault. A fault elsewhere is an error of the test: die of it. */
static long take_fault(siginfo_t *si, void *context)
{
	long page = page_of(si->si_addr);

	last_err = (int)((ucontext_t *)context)->uc_mcontext.gregs[REG_ERR];
	if (page < 0) {
		signal(SIGSEGV, SIG_DFL);
		return -1;
	}
	faults++;
	hits[page]++;
	return page;
}

static int all_once(int from, int to)
{
	for (int i = 0; i < PAGES; i++)
		if (hits[i] != (i >= from && i < to))
			return 0;
	return 1;
}

/* ---- A collector: which pages have been written ------------------------- */

static void on_dirty(int sig, siginfo_t *si, void *uc)
{
	long page = take_fault(si, uc);

	if (page < 0)
		return;
	if (!(last_err & 2) || si->si_code != SEGV_ACCERR)
		wrong++;
	if (mprotect(area + (size_t)page * PAGE, PAGE, PROT_READ | PROT_WRITE))
		wrong++;
}

static void test_collector(void)
{
	int sum = 0;

	new_area(PROT_READ | PROT_WRITE);
	for (size_t i = 0; i < PAGES; i++)
		area[i * PAGE] = (char)i;
	mprotect(area, PAGES * PAGE, PROT_READ);
	on_segv(on_dirty);
	for (size_t i = 0; i < PAGES; i++)
		area[i * PAGE + i]++;
	ok(faults == PAGES && all_once(0, PAGES),
	   "each of 200 read-only pages faults once when written");
	ok_eq(wrong, 0, "each as a write, SEGV_ACCERR");
	for (size_t i = 0; i < PAGES; i++) {
		area[i * PAGE + i + 1]++;
		sum += (unsigned char)area[i * PAGE];
	}
	ok_eq(faults, PAGES, "once is enough");
	ok_eq(sum, PAGES * (PAGES - 1) / 2 + 1, "their contents are right");

	/* the next cycle: a quarter of them */
	memset(hits, 0, sizeof(hits));
	faults = 0;
	mprotect(area, PAGES * PAGE, PROT_READ);
	memset(area + 50 * PAGE, 1, 50 * PAGE);
	ok(faults == 50 && all_once(50, 100), "memset() over 50 of them faults 50 times");
	munmap(area, PAGES * PAGE);
}

/* ---- A pager: contents come with the first touch ------------------------ */

static char *behind;		/* the same memory, always writable */

static void fill_page(char *to, long page)
{
	for (size_t i = 0; i < PAGE; i += 8)
		*(uint64_t *)(to + i) = (uint64_t)page << 32 | i;
}

static void on_missing(int sig, siginfo_t *si, void *uc)
{
	long page = take_fault(si, uc);

	if (page < 0)
		return;
	if (behind) {
		fill_page(behind + (size_t)page * PAGE, page);
		mprotect(area + (size_t)page * PAGE, PAGE, PROT_READ);
	} else {
		mprotect(area + (size_t)page * PAGE, PAGE, PROT_READ | PROT_WRITE);
		fill_page(area + (size_t)page * PAGE, page);
	}
}

static int contents_right(void)
{
	for (size_t page = 0; page < PAGES; page++)
		for (size_t i = 0; i < PAGE; i += 512)
			if (*(uint64_t *)(area + page * PAGE + i) != (page << 32 | i))
				return 0;
	return 1;
}

static void test_pager(void)
{
	int fd = memfd_create("pager", 0);

	behind = NULL;
	new_area(PROT_NONE);
	on_segv(on_missing);
	ok(contents_right(), "a pager fills 200 PROT_NONE pages when they are read");
	ok(faults == PAGES && all_once(0, PAGES), "each faults once");
	munmap(area, PAGES * PAGE);

	if (ftruncate(fd, PAGES * PAGE))
		bail("ftruncate");
	new_area(PROT_NONE);
	munmap(area, PAGES * PAGE);
	area = mmap(area, PAGES * PAGE, PROT_NONE, MAP_SHARED | MAP_FIXED, fd, 0);
	behind = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ok(contents_right(), "a pager fills 200 pages through a second mapping of them");
	ok(faults == PAGES && all_once(0, PAGES), "each faults once");

	/* away with them, by the file: they are missing again, and zero */
	if (ftruncate(fd, 0) || ftruncate(fd, PAGES * PAGE))
		bail("ftruncate");
	ok(area[5 * PAGE] == 0 && faults == PAGES,
	   "what a truncation took away reads as zero, without a fault");
	munmap(area, PAGES * PAGE);
	munmap(behind, PAGES * PAGE);
	behind = NULL;
	close(fd);
}

/* ---- One instruction, many pages ---------------------------------------- */

static void test_strings(void)
{
	size_t count = 20 * PAGE;
	char *to;
	int good = 1;

	new_area(PROT_NONE);
	on_segv(on_missing);
	to = area + 100;
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"('s') : "memory");
	ok(faults == 21 && count == 0 && to == area + 100 + 20 * PAGE,
	   "REP STOSB over 21 pages: 21 faults, and it ends where it should");
	for (size_t i = 100; i < 100 + 20 * PAGE; i++)
		good &= area[i] == 's';
	ok(good, "all of it is written");

	/* an access across two missing pages */
	faults = 0;
	*(volatile uint64_t *)(area + 50 * PAGE - 3) = 0x0102030405060708;
	ok(faults == 2 && *(volatile uint64_t *)(area + 50 * PAGE - 3) == 0x0102030405060708,
	   "a write across two pages: two faults");
	__asm__ volatile("lock addl $5, (%0)" : : "r"(area + 60 * PAGE + 8) : "memory");
	ok_eq(*(uint64_t *)(area + 60 * PAGE + 8), (60ULL << 32 | 8) + 5,
	      "a locked instruction is done once");
	/* System calls say EFAULT instead, and make no signal. */
	faults = 0;
	ok(read(open("/dev/zero", O_RDONLY), area + 150 * PAGE, 10) == -1 && errno == EFAULT &&
	   !faults,
	   "read() into a missing page: EFAULT, no fault");
	munmap(area, PAGES * PAGE);
}

/* ---- A stack that is paged ---------------------------------------------- */

static __attribute__((noinline)) long deep(long n)
{
	volatile char frame[2000];

	frame[0] = (char)n;
	return n ? deep(n - 1) + frame[0] - (char)n + 1 : 0;
}

long on_stack(void *top, long (*fn)(long), long arg);
__asm__(".pushsection .text\n"
	"on_stack:\n\tpushq %rbx\n\tmovq %rsp, %rbx\n\tmovq %rdi, %rsp\n\tmovq %rdx, %rdi\n\t"
	"call *%rsi\n\t"
	"movq %rbx, %rsp\n\tpopq %rbx\n\tret\n"
	".popsection");

static void test_stack(void)
{
	static char alt[32 << 10];
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) }, off = { .ss_flags = SS_DISABLE };
	struct sigaction sa = { .sa_sigaction = on_missing, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	new_area(PROT_NONE);
	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	ok_eq(on_stack(area + PAGES * PAGE, deep, 50), 50,
	      "a deep recursion on a stack whose pages are missing");
	ok(faults >= 25 && all_once(PAGES - faults, PAGES),
	   "its pages came one by one, on an alternate signal stack");
	sigaltstack(&off, NULL);
	munmap(area, PAGES * PAGE);
}

/* ---- A write barrier, and the way back ---------------------------------- */

static char *saved[PAGES];

static void on_barrier(int sig, siginfo_t *si, void *uc)
{
	long page = take_fault(si, uc);

	if (page < 0)
		return;
	if (saved[page])
		wrong++;
	saved[page] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(saved[page], area + (size_t)page * PAGE, PAGE);
	mprotect(area + (size_t)page * PAGE, PAGE, PROT_READ | PROT_WRITE);
}

static void checkpoint(void)
{
	for (int i = 0; i < PAGES; i++) {
		if (saved[i])
			munmap(saved[i], PAGE);
		saved[i] = NULL;
	}
	mprotect(area, PAGES * PAGE, PROT_READ);
}

static void roll_back(void)
{
	for (size_t i = 0; i < PAGES; i++)
		if (saved[i])
			memcpy(area + i * PAGE, saved[i], PAGE);
	checkpoint();
}

static uint64_t sum_up(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PAGES * PAGE; i += 64)
		sum = sum * 31 + *(uint64_t *)(area + i);
	return sum;
}

static void test_barrier(void)
{
	uint64_t before, seed = 1;
	int back = 1, changed = 1;

	new_area(PROT_READ | PROT_WRITE);
	for (long i = 0; i < PAGES; i++)
		fill_page(area + (size_t)i * PAGE, i);
	on_segv(on_barrier);
	checkpoint();
	before = sum_up();
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 60; i++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			*(uint64_t *)(area + (seed >> 33) % (PAGES * PAGE / 64) * 64) ^= seed | 1;
		}
		changed &= sum_up() != before;
		roll_back();
		back &= sum_up() == before;
	}
	ok(changed && back, "a write barrier saves pages, and the way back restores them, 4 times");
	ok(!wrong && faults > 100, "each page was saved at its first write only");
	checkpoint();
	munmap(area, PAGES * PAGE);
}

/* ---- Threads ------------------------------------------------------------ */

static atomic_int unexpected;

static void on_shared(int sig, siginfo_t *si, void *uc)
{
	long page = page_of(si->si_addr);

	if (page < 0)
		_exit(1);
	/* Two may come for the same page: the second finds it done. */
	if (mprotect(area + (size_t)page * PAGE, PAGE, PROT_READ | PROT_WRITE))
		atomic_fetch_add(&unexpected, 1);
}

static void *add_everywhere(void *arg)
{
	size_t start = (size_t)(uintptr_t)arg;

	for (size_t i = 0; i < PAGES; i++)
		atomic_fetch_add((atomic_int *)(area + (i + start) % PAGES * PAGE), 1);
	return NULL;
}

static void test_threads(void)
{
	pthread_t t[3];
	int good = 1;

	new_area(PROT_NONE);
	on_segv(on_shared);
	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, add_everywhere, (void *)(i * 67));
	add_everywhere((void *)0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	for (size_t i = 0; i < PAGES; i++)
		good &= *(int *)(area + i * PAGE) == 4;
	ok(good && !unexpected,
	   "four threads add to 200 pages that are missing at first: nothing is lost");
	munmap(area, PAGES * PAGE);
}

int main(void)
{
	test_collector();
	test_pager();
	test_strings();
	test_stack();
	test_barrier();
	test_threads();
	return tap_done();
}
