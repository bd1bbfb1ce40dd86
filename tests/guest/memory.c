// SPDX-License-Identifier: GPL-2.0
/*
 * What Linux does to the process's memory is seen in Dune mode at once, and what
 * Dune mode writes is seen by Linux. Most changes are made twice: by the Dune
 * thread itself with a system call, and by a thread that is in ordinary mode.
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tap.h"

#define PAGE	4096UL
#define MIB2	(2UL << 20)
#define GIB	(1UL << 30)
#define THP	"/sys/kernel/mm/transparent_hugepage/enabled"
#define RW	(PROT_READ | PROT_WRITE)
#define ANON	(MAP_PRIVATE | MAP_ANONYMOUS)

/* ---- Accesses that may fault --------------------------------------------------- */

static volatile int faults;
static volatile uint64_t fault_error, fault_address;

extern const char probe_read_at[], probe_write_at[], probe_fault[];
long probe_read(const volatile void *p), probe_write(volatile void *p, long value);
__asm__(".pushsection .text\n"
	"probe_read:\n"
	"probe_read_at: movzbl (%rdi), %eax\n\tret\n"
	"probe_write:\n"
	"probe_write_at: movb %sil, (%rdi)\n\txorl %eax, %eax\n\tret\n"
	"probe_fault: movq $-1, %rax\n\tret\n"
	".popsection");

static int on_fault(struct dune_trap *trap, uintptr_t address)
{
	if (trap->rip != (uintptr_t)probe_read_at && trap->rip != (uintptr_t)probe_write_at)
		return DUNE_TRAP_PASS;
	faults++;
	fault_error = trap->error;
	fault_address = address;
	trap->rip = (uintptr_t)probe_fault;
	return DUNE_TRAP_DONE;
}

static bool faulted(long ret, uint64_t error, const volatile void *at)
{
	bool yes = ret == -1 && fault_error == (error | DUNE_PF_LINUX) && fault_address == (uintptr_t)at;

	if (!yes)
		diag("  returned %ld; last fault: error %#lx at %#lx", ret, (long)fault_error, (long)fault_address);
	fault_error = fault_address = 0;
	return yes;
}

/* ---- A thread in ordinary mode ------------------------------------------------------ */

static struct {
	sem_t wanted, done;
	long (*fn)(void *);
	void *arg;
	long ret;
} errand;

static void *outside(void *arg)
{
	for (;;) {
		sem_wait(&errand.wanted);
		if (!errand.fn)
			return NULL;
		errand.ret = errand.fn(errand.arg);
		sem_post(&errand.done);
	}
}

static long by_other_thread(long (*fn)(void *), void *arg)
{
	errand.fn = fn;
	errand.arg = arg;
	sem_post(&errand.wanted);
	while (fn && sem_wait(&errand.done))
		;
	return errand.ret;
}

static long by_myself(long (*fn)(void *), void *arg)
{
	return fn(arg);
}

static long (*by)(long (*fn)(void *), void *arg);
static const char *who;

/* ---- Linux's settings ---------------------------------------------------------------------- */

static bool set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static long get(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	return n > 0 ? atol(text) : -1;
}

/* ---- Changes to mappings --------------------------------------------------------------- */

static volatile char *mem;	/* 16 pages, anew for each test */

static long do_munmap(void *p) { return munmap(p, PAGE); }
static long do_read_only(void *p) { return mprotect(p, PAGE, PROT_READ); }
static long do_none(void *p) { return mprotect(p, PAGE, PROT_NONE); }
static long do_read_write(void *p) { return mprotect(p, PAGE, RW); }
static long do_dontneed(void *p) { return madvise(p, PAGE, MADV_DONTNEED); }
static long do_mlock(void *p) { return mlock(p, 4 * PAGE); }
static long do_munlock(void *p) { return munlock(p, 4 * PAGE); }

static long do_remap(void *p)
{
	return mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (char *)p + 8 * PAGE) != (char *)p + 8 * PAGE;
}

static long do_map_over(void *p)
{
	return mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0) != p;
}

static void fresh_memory(void)
{
	int i;

	mem = mmap(NULL, 16 * PAGE, RW, ANON, -1, 0);
	for (i = 0; i < 16; i++)
		mem[i * PAGE] = 'a' + i;
}

static void test_changes(void)
{
	volatile char *p;

	fresh_memory();
	p = mem + PAGE;
	ok(!by(do_munmap, (void *)p) && faulted(probe_read(p), 0, p) && mem[0] == 'a' && mem[2 * PAGE] == 'c',
	   "%s: munmap(), then a read faults, and only there", who);
	ok(!by(do_map_over, (void *)p) && probe_read(p) == 0 && !probe_write(p, 1), "%s: mapped anew it is zero", who);
	p = mem + 2 * PAGE;
	ok(!by(do_read_only, (void *)p) && probe_read(p) == 'c' &&
	   faulted(probe_write(p, 1), DUNE_PF_P | DUNE_PF_W, p), "%s: read-only: a read works, a write faults", who);
	ok(!by(do_read_write, (void *)p) && !probe_write(p, 'C') && *p == 'C', "%s: writable again", who);
	ok(!by(do_none, (void *)p) && faulted(probe_read(p), DUNE_PF_P, p), "%s: PROT_NONE: a read faults", who);
	ok(!by(do_read_write, (void *)p) && probe_read(p) == 'C', "%s: and is there again", who);
	p = mem + 3 * PAGE;
	ok(!by(do_remap, (void *)p) && faulted(probe_read(p), 0, p) && probe_read(p + 8 * PAGE) == 'd',
	   "%s: mremap() moves a page", who);
	p = mem + 4 * PAGE;
	ok(!by(do_dontneed, (void *)p) && probe_read(p) == 0, "%s: MADV_DONTNEED: zero", who);
	p = mem + 12 * PAGE;
	ok(!by(do_mlock, (void *)p) && !probe_write(p, 'X') && !by(do_munlock, (void *)p) && probe_read(p) == 'X',
	   "%s: mlock() and munlock()", who);
	munmap((void *)mem, 16 * PAGE);
}

/* ---- fork() ------------------------------------------------------------------------------ */

static volatile unsigned long *shared_page;	/* between parent and child */
static volatile bool stop_counting;

/* The child looks at its own copy, tells what it sees when, and ends with word 3. */
static long do_fork(void *counter)
{
	volatile unsigned long *c = counter;
	pid_t pid = fork();

	if (pid)
		return pid;
	shared_page[0] = *c;
	shared_page[1] = 1;
	while (!shared_page[2])
		usleep(1000);
	shared_page[3] = *c;
	*c = 12;		/* its own */
	_exit(0);
}

static void test_fork(void)
{
	volatile unsigned long *c = (volatile unsigned long *)mmap(NULL, PAGE, RW, ANON, -1, 0);
	unsigned long before;
	pid_t pid;
	int status, i;

	*c = 100;
	memset((void *)shared_page, 0, PAGE);
	pid = by_other_thread(do_fork, (void *)c);
	before = *c;
	while (!shared_page[1])
		*c += 1;
	for (i = 0; i < 1000; i++)
		*c += 1;
	shared_page[2] = 1;
	waitpid(pid, &status, 0);
	ok(before == 100 && shared_page[0] == 100 && shared_page[3] == 100,
	   "fork() by another thread: the child has the old value, %lu, and keeps it (%lu)", shared_page[0],
	   shared_page[3]);
	ok(*c >= 1100, "the parent's goes on, %lu, and is not the child's", *c);
	munmap((void *)c, PAGE);
}

static void *fork_often(void *counter)
{
	int i, status, bad = 0;

	for (i = 0; i < 15; i++) {
		volatile unsigned long *c = counter;
		unsigned long first;
		pid_t pid = fork();

		if (!pid) {
			first = *c;
			usleep(2000);
			_exit(*c != first || c[1] != first);
		}
		waitpid(pid, &status, 0);
		bad += status != 0;
	}
	stop_counting = true;
	return (void *)(long)bad;
}

/* Two words in a page, the second always written before the first. */
static void test_fork_while_writing(void)
{
	volatile unsigned long *c = (volatile unsigned long *)mmap(NULL, PAGE, RW, ANON, -1, 0);
	unsigned long n = 0, lost = 0;
	void *bad = NULL;
	pthread_t t;

	dune_leave();
	pthread_create(&t, NULL, fork_often, (void *)c);
	dune_enter();
	while (!stop_counting) {
		n++;
		/* one store for both: a child sees them alike */
		__asm__ volatile("movq %0, %%xmm0; punpcklqdq %%xmm0, %%xmm0; movdqa %%xmm0, (%1)"
				 : : "r"(n), "r"(c) : "xmm0", "memory");
		lost += c[0] != n || c[1] != n;
	}
	dune_leave();
	pthread_join(t, &bad);
	dune_enter();
	ok(!bad && !lost, "15 forks while it writes: %lu children saw a change, %lu of %lu stores lost", (long)bad,
	   lost, n);
	munmap((void *)c, PAGE);
}

/* ---- Files, memory of other processes ------------------------------------------------------ */

static long do_truncate(void *fd) { return ftruncate((long)fd, 0); }
static long do_extend(void *fd) { return ftruncate((long)fd, 2 * PAGE); }

static void test_file(void)
{
	long fd = memfd_create("file", MFD_CLOEXEC);
	volatile char *a, *b;
	char c = 0;

	if (ftruncate(fd, 2 * PAGE))
		bail("ftruncate");
	a = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	b = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	a[5] = 'x';
	ok(b[5] == 'x' && pread(fd, &c, 1, 5) == 1 && c == 'x', "%s: a store to a file is in its other mapping", who);
	ok(pwrite(fd, "y", 1, PAGE) == 1 && a[PAGE] == 'y' && b[PAGE] == 'y', "%s: write(2) is in both", who);
	ok(!by(do_truncate, (void *)fd) && faulted(probe_read(a + 5), DUNE_PF_P, a + 5) &&
	   faulted(probe_write(b + 5, 1), DUNE_PF_P | DUNE_PF_W, b + 5), "%s: cut off, it faults", who);
	ok(!by(do_extend, (void *)fd) && probe_read(a + 5) == 0 && probe_read(b + PAGE) == 0,
	   "%s: extended again it is zero", who);
	munmap((void *)a, 2 * PAGE);
	munmap((void *)b, 2 * PAGE);
	close(fd);
}

static long do_fork_partner(void *unused)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	while (shared_page[0] < 2000) {
		while (!(shared_page[0] & 1))
			sched_yield();
		shared_page[1] += shared_page[0]++;
	}
	_exit(0);
}

static void test_shared(void)
{
	unsigned long sum = 0;
	pid_t pid;
	int status;

	memset((void *)shared_page, 0, PAGE);
	pid = by_other_thread(do_fork_partner, NULL);
	while (shared_page[0] < 2000) {
		sum += ++shared_page[0];
		while (shared_page[0] & 1)
			sched_yield();
	}
	waitpid(pid, &status, 0);
	ok_eq(shared_page[1], sum, "1000 exchanges with another process in shared memory");
}

/* ---- Large pages ------------------------------------------------------------------------------ */

static long huge_kib(volatile char *at)
{
	char line[256];
	unsigned long start, end;
	long kib = -1;
	bool here = false;
	FILE *f = fopen("/proc/self/smaps", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = start <= (uintptr_t)at && (uintptr_t)at < end;
		if (here)
			sscanf(line, "AnonHugePages: %ld", &kib);
	}
	if (f)
		fclose(f);
	return kib;
}

static void test_huge(void)
{
	char *area = mmap(NULL, 3 * MIB2, RW, ANON, -1, 0);
	volatile char *p = (char *)(((uintptr_t)area + MIB2 - 1) & ~(MIB2 - 1));
	uint64_t ept_before;
	int i, bad = 0;

	/* "never" by default with so little memory as the emulated machine has */
	set(THP, "madvise");
	madvise((void *)p, MIB2, MADV_HUGEPAGE);
	ept_before = dune_counters()->ept_faults;
	for (i = 0; i < 512; i++)
		p[i * PAGE] = i;
	ept_before = dune_counters()->ept_faults - ept_before;
	if (huge_kib(p) < 2048)
		skip(1, "Linux gave no huge page");
	else
		ok(!(dune_info()->caps & DUNE_CAP_EPT_2M) || ept_before < 20, "a huge page: %lu EPT faults for 512 pages",
		   (long)ept_before);
	ok(!by(do_read_only, (char *)p + 5 * PAGE) && !probe_write(p + 4 * PAGE, 4) && !probe_write(p + 6 * PAGE, 6) &&
	   faulted(probe_write(p + 5 * PAGE, 1), DUNE_PF_P | DUNE_PF_W, p + 5 * PAGE), "%s: a page in it read-only", who);
	ok(!by(do_munmap, (char *)p + 9 * PAGE) && faulted(probe_read(p + 9 * PAGE), 0, p + 9 * PAGE) &&
	   !by(do_dontneed, (char *)p + 11 * PAGE) && probe_read(p + 11 * PAGE) == 0, "%s: one gone, one zero", who);
	for (i = 0; i < 512; i++)
		bad += i != 9 && i != 11 && p[i * PAGE] != (char)i;
	ok_eq(bad, 0, "%s: all others as they were", who);
	munmap(area, 3 * MIB2);
}

/* ---- userfaultfd --------------------------------------------------------------------------------- */

static int uffd;
static volatile int served;

static void *serve_pages(void *arg)
{
	static char page[PAGE] __attribute__((aligned(4096)));
	struct uffd_msg msg;

	while (read(uffd, &msg, sizeof(msg)) == sizeof(msg)) {
		struct uffdio_copy copy = {
			.dst = msg.arg.pagefault.address & ~(PAGE - 1), .src = (uintptr_t)page, .len = PAGE,
		};

		memset(page, 'A' + served, PAGE);
		served++;
		if (ioctl(uffd, UFFDIO_COPY, &copy))
			break;
	}
	return NULL;
}

static void test_userfaultfd(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	volatile char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
	char buffer[4] = "";
	pthread_t t;
	int fd;

	dune_leave();
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api)) {
		dune_enter();
		skip(3, "no userfaultfd: %s", strerror(errno));
		return;
	}
	range.range.start = (uintptr_t)p;
	range.range.len = 4 * PAGE;
	ioctl(uffd, UFFDIO_REGISTER, &range);
	pthread_create(&t, NULL, serve_pages, NULL);
	pthread_detach(t);
	dune_enter();
	ok(probe_read(p + 7) == 'A' && served == 1, "a read of a missing page is served by another thread");
	ok(!probe_write(p + PAGE, 'z') && p[PAGE] == 'z' && p[PAGE + 1] == 'B' && served == 2, "a write too");
	fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ok(read(fd, (void *)(p + 2 * PAGE), 1) == 1 && p[2 * PAGE + 1] == 'C' && served == 3 && !buffer[0],
	   "and one by the kernel in a system call");
	close(fd);
	munmap((void *)p, 4 * PAGE);
}

/* ---- The whole address space ------------------------------------------------------------------------ */

static void test_sparse(void)
{
	enum { GIBS = 45 };
	volatile long *p = mmap(NULL, GIBS * GIB, RW, ANON | MAP_NORESERVE, -1, 0);
	const size_t step = GIB / sizeof(long) + 513;
	int i, bad = 0;

	if (p == MAP_FAILED) {
		skip(2, "no %d GiB of address space", GIBS);
		return;
	}
	for (i = 0; i < GIBS - 1; i++)
		p[i * step] = i + 1;
	for (i = 0; i < GIBS - 1; i++)
		bad += p[i * step] != i + 1;
	ok_eq(bad, 0, "one word in each of %d GiB", GIBS - 1);
	dune_leave();
	for (i = 0; i < GIBS - 1; i++)
		bad += p[i * step] != i + 1;
	dune_enter();
	ok_eq(bad, 0, "and they are there in ordinary mode");
	munmap((void *)p, GIBS * GIB);
}

static void test_ends(void)
{
	static const uintptr_t where[] = { 0x10000, 0x7fffffffe000, 0x400000000000 };
	unsigned int i;

	for (i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		void *want = (void *)where[i];
		volatile char *p = mmap(want, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);

		if (p != want) {
			skip(1, "Linux does not map %p", want);
			continue;
		}
		ok(!probe_write(p, 'q') && probe_read(p) == 'q' && !probe_write(p + PAGE - 1, 'r') && p[PAGE - 1] == 'r',
		   "memory at %p", want);
		munmap((void *)p, PAGE);
	}
}

/* In a child: its Dune mode runs out of frames, and is told by a fault. */
static void use_all_frames(void)
{
	unsigned int frames, i;
	char *p;

	if (dune_init() || dune_enter())
		_exit(120);
	dune_on_page_fault(on_fault, 0);
	frames = dune_info()->frames;
	p = mmap(NULL, (frames + 1) * GIB, PROT_READ, ANON | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		_exit(2);
	for (i = 0; i < frames && probe_read(p + i * GIB) == 0; i++)
		;
	if (i == frames || fault_error & DUNE_PF_LINUX)
		_exit(4);
	_exit(probe_read(p) == 0 && getpid() > 0 ? 3 : 5);
}

/* To the CPU all that is mapped can be read; only Linux's VMAs say otherwise. */
static void test_unreadable(void)
{
	unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *data = mmap(NULL, 8192, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int (*fn)(void) = (int (*)(void))code;

	memcpy(code, "\xb8\x2a\x00\x00\x00\xc3", 6);	/* mov $42, %eax; ret */
	mprotect(code, 4096, PROT_EXEC);
	ok_eq(fn(), 42, "a page that may only be executed");
	data[0] = 'a';
	ok_eq(data[0], 'a', "a page that may only be written");
	ok_eq(data[4096], 0, "read before it was written");
	munmap(code, 4096);
	munmap(data, 8192);
}

static void test_frames(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		alarm(20);
		use_all_frames();
	}
	waitpid(pid, &status, 0);
	if (status == 2 << 8)
		skip(1, "no address space for all frames");
	else
		ok_eq(status, 3 << 8, "with all frames in use the next GiB faults, the others work");
}

/* ---- Linux moves pages ---------------------------------------------------------------------------------- */

#define MANY 1024	/* pages */

static volatile unsigned long *many_pages(bool alike)
{
	volatile unsigned long *p = (volatile unsigned long *)mmap(NULL, MANY * PAGE, RW, ANON, -1, 0);
	int i, j;

	madvise((void *)p, MANY * PAGE, MADV_NOHUGEPAGE);
	for (i = 0; i < MANY; i++)
		for (j = 0; j < 512; j += 64)
			p[i * 512 + j] = alike ? j + 1 : i * 1000 + j;
	return p;
}

static int count_bad(volatile unsigned long *p, bool alike)
{
	int i, j, bad = 0;

	for (i = 0; i < MANY; i++)
		for (j = 0; j < 512; j += 64)
			bad += p[i * 512 + j] != (unsigned long)(alike ? j + 1 : i * 1000 + j);
	return bad;
}

static long do_compact(void *unused) { return !set("/proc/sys/vm/compact_memory", "1"); }

static void test_compaction(void)
{
	volatile unsigned long *p = many_pages(false);
	int i, bad = 0;

	if (by_other_thread(do_compact, NULL)) {
		skip(1, "no compaction");
		return;
	}
	for (i = 0; i < 3; i++) {
		madvise((char *)p + i * 64 * PAGE, 32 * PAGE, MADV_COLD);
		by_other_thread(do_compact, NULL);
		bad += count_bad(p, false);
	}
	ok_eq(bad, 0, "memory compacted 4 times, nothing changed");
	munmap((void *)p, MANY * PAGE);
}

static void test_ksm(void)
{
	volatile unsigned long *p = many_pages(true);
	int i;

	if (madvise((void *)p, MANY * PAGE, MADV_MERGEABLE) || !set("/sys/kernel/mm/ksm/pages_to_scan", "5000") ||
	    !set("/sys/kernel/mm/ksm/sleep_millisecs", "5") || !set("/sys/kernel/mm/ksm/run", "1")) {
		skip(2, "no KSM");
		return;
	}
	for (i = 0; i < 500 && get("/sys/kernel/mm/ksm/pages_sharing") < MANY / 2; i++)
		usleep(10000);
	ok(get("/sys/kernel/mm/ksm/pages_sharing") >= MANY / 2 && !count_bad(p, true), "KSM merged %ld pages",
	   get("/sys/kernel/mm/ksm/pages_sharing"));
	p[512] = 77;
	ok(p[512] == 77 && p[0] == 1 && p[1024] == 1, "a write to one of them is in no other");
	set("/sys/kernel/mm/ksm/run", "2");
	munmap((void *)p, MANY * PAGE);
}

static bool soft_dirty(volatile void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8) != 8)
		entry = 0;
	close(fd);
	return entry >> 55 & 1;
}

static void test_soft_dirty(void)
{
	fresh_memory();
	if (!soft_dirty(mem) || !set("/proc/self/clear_refs", "4") || soft_dirty(mem)) {
		skip(1, "no soft-dirty bits");
		return;
	}
	(void)mem[0];
	mem[PAGE] = 1;
	ok(!soft_dirty(mem) && soft_dirty(mem + PAGE), "a write in Dune mode sets Linux's soft-dirty bit, a read does not");
	munmap((void *)mem, 16 * PAGE);
}

/* With the module zram loaded (see the list). */
static bool swap_on(void)
{
	return set("/sys/block/zram0/disksize", "64M") && !system("mkswap /dev/zram0 >/dev/null 2>&1") &&
	       !swapon("/dev/zram0", 0);
}

static long swapped(volatile void *start)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), i;
	uint64_t entry;
	long n = 0;

	for (i = 0; i < MANY; i++)
		if (pread(fd, &entry, 8, ((uintptr_t)start / PAGE + i) * 8) == 8)
			n += entry >> 62 & 1;
	close(fd);
	return n;
}

static void test_swap(void)
{
	volatile unsigned long *p;
	bool on;
	int i, bad = 0;
	long out = 0;

	dune_leave();
	on = swap_on();
	dune_enter();
	if (!on) {
		skip(2, "no swap (it needs the module zram)");
		return;
	}
	p = many_pages(false);
	for (i = 0; i < 3; i++) {
		madvise((void *)p, MANY * PAGE, MADV_PAGEOUT);
		out += swapped(p);
		bad += count_bad(p, false);
	}
	ok(out > MANY, "%ld pages went out to swap", out);
	ok_eq(bad, 0, "and came back as they were");
	munmap((void *)p, MANY * PAGE);
	dune_leave();
	swapoff("/dev/zram0");
	dune_enter();
}

int main(void)
{
	pthread_t t;
	int err, i;

	test_frames();		/* in a child, which needs a space of its own */
	sem_init(&errand.wanted, 0, 0);
	sem_init(&errand.done, 0, 0);
	shared_page = (volatile unsigned long *)mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_create(&t, NULL, outside, NULL);
	err = dune_init() ?: dune_enter();
	if (err)
		bail("no Dune mode: %s", strerror(-err));
	dune_on_page_fault(on_fault, 0);
	for (i = 0; i < 2; i++) {
		by = i ? by_other_thread : by_myself;
		who = i ? "another thread" : "itself";
		test_changes();
		test_file();
		test_huge();
	}
	test_fork();
	test_fork_while_writing();
	test_shared();
	test_userfaultfd();
	test_sparse();
	test_ends();
	test_unreadable();
	test_compaction();
	test_ksm();
	test_soft_dirty();
	test_swap();
	dune_leave();
	by_other_thread(NULL, NULL);
	pthread_join(t, NULL);
	return tap_done();
}
