// SPDX-License-Identifier: GPL-2.0
/*
 * Hostile use of the door: every jump that it has to refuse, every change to its pages and to
 * run pages, at rest and while a thread is in Dune mode with them or lent.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include "tap.h"
#include "door.h"
#include "doorchild.h"

#define PAGE 4096UL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NOT_CANONICAL (1UL << 63)

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static struct raw raw;
static struct raw_health health;

/* A page that is not mapped, with one below it that is not either. */
static char *free_pages(void)
{
	char *p = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(p, 16 * PAGE);
	return p + 8 * PAGE;
}

/* ---- Jumps that are refused --------------------------------------------------------------- */

#define NOWHERE 0x5000000000UL		/* nothing is mapped there */

static const struct refused {
	const char *what;
	uint64_t rdi, rdx, rcx, r8;
	long want;
} refused[] = {
	{ "no such operation", NOWHERE, 2, 0, 0, -EINVAL },
	{ "nor one whose lower half is good", NOWHERE, 1UL << 32, 0, 0, -EINVAL },
	{ "nor -1", NOWHERE, -1UL, 0, 0, -EINVAL },
	{ "a frame table that is not at a page", NOWHERE, DUNE_DOOR_RUN, 0, 8, -EINVAL },
	{ "likewise for a frame", 0, DUNE_DOOR_FRAME, 0, 0x7fffffffffffUL, -EINVAL },
	{ "a run page at 0", 0, DUNE_DOOR_RUN, 0, 0, -EINVAL },
	{ "one that is not at a page", NOWHERE + 1, DUNE_DOOR_RUN, 0, 0, -EINVAL },
	{ "one behind the last page", 0x7ffffffff000UL, DUNE_DOOR_RUN, 0, 0, -ENOMEM },
	{ "one that is not canonical", NOT_CANONICAL, DUNE_DOOR_RUN, 0, 0, -ENOMEM },
	{ "one in the kernel", -2 * PAGE, DUNE_DOOR_RUN, 0, 0, -ENOMEM },
	{ "a frame behind the last address", 0, DUNE_DOOR_FRAME, 1UL << 47, 0, -EINVAL },
	{ "a frame of the kernel's", 0, DUNE_DOOR_FRAME, -PAGE, 0, -EINVAL },
};

static void test_refused(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++) {
		const struct refused *c = &refused[i];

		ok_eq(door_jump_to(door, (void *)c->rdi, c->rdx, c->rcx, (void *)c->r8), c->want, "%s", c->what);
	}
	ok_eq(door_jump((char *)raw.run + 8, DUNE_DOOR_RUN, 0), -EINVAL, "the middle of a run page");
	ok(door_good(&raw), "after all that a run is good");
}

static long frame_of(uint64_t hva)
{
	return door_jump(NULL, DUNE_DOOR_FRAME, hva);
}

static void test_frames(void)
{
	const volatile uint16_t *table = door_table;
	long n = frame_of(0x123440000000UL);

	ok(n > 0 && frame_of(0x12347fffffffUL) == n, "a frame for each GiB, and the same again");
	ok_eq(table[0x123440000000UL >> 30], n, "which the table has");
}

/* Each of its frames has to be accounted for, also when there are no more. */
static int all_frames(void)
{
	unsigned int given = 0;
	uint64_t gib;

	for (gib = 1; gib < 100000 && frame_of(gib << 30) > 0; gib++)
		given++;
	if (frame_of(gib << 30) != -ENOSPC || frame_of(1UL << 30) <= 0)
		return 1;
	return given < raw.info.frames - 20 || !door_good(&raw) ? 2 : 0;
}

/* ---- Images that are refused ---------------------------------------------------------------- */

static void bad_load(void)
{
	raw.run->load = 16;
}

static void bad_lstar(void)
{
	raw.run->system.lstar = NOT_CANONICAL;
}

static void bad_gs(void)
{
	raw.run->system.kernel_gs_base = 0x800000000000UL;
}

static void native_not_at_stub(void)
{
	raw.run->load |= DUNE_LOAD_NATIVE;
	raw.run->regs.rip = (uintptr_t)door_stub;
}

static void native_without_stub(void)
{
	raw.run->load |= DUNE_LOAD_NATIVE;
	raw.run->syscall_stub = 0;
	raw.run->regs.rip = 4;
}

static const struct { const char *what; void (*spoil)(void); } images[] = {
	{ "an unknown bit in load", bad_load }, { "an LSTAR that is not canonical", bad_lstar },
	{ "a kernel GS base that is not canonical", bad_gs },
	{ "a native call that is not behind the stub", native_not_at_stub },
	{ "nor where there is no stub", native_without_stub },
};

static void test_images(void)
{
	long ret;

	for (unsigned int i = 0; i < ARRAY_SIZE(images); i++) {
		door_start(&raw, raw_good_code, 0);
		images[i].spoil();
		ok_eq(door_go(&raw), -EINVAL, "%s", images[i].what);
	}
	door_start(&raw, raw_good_code, 0);
	__asm__ volatile("mov %0, %%gs" : : "r"(0x2b));
	ret = door_go(&raw);
	__asm__ volatile("mov %0, %%gs" : : "r"(0));
	ok_eq(ret, -EINVAL, "a selector in GS");
	ok(door_good(&raw), "after all that a run is good");
}

/* ---- Whose jump it is ------------------------------------------------------------------------- */

__asm__(".pushsection .text\n"
	"jump_in: jmp *%rdi\n"
	/* far, to 32-bit code at RDI */
	"go_32: push $0x23; push %rdi; lretq\n"
	".popsection\n");
extern const char jump_in[] RAW_HIDDEN, go_32[] RAW_HIDDEN;

/* Dune mode has no door. */
static int from_inside(void)
{
	door_start(&raw, jump_in, (uintptr_t)door);
	door_go_calls(&raw);
	return 1;
}

#define LOW_CODE 0x10000000UL
#define LOW_DOOR 0x20000000UL

static int from_32_bit(void)
{
	/* mov $LOW_DOOR, %eax; jmp *%eax */
	static const unsigned char code[] = { 0xb8, 0, 0, 0, LOW_DOOR >> 24, 0xff, 0xe0 };
	void *p = mmap((void *)LOW_CODE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (p == MAP_FAILED || mmap((void *)LOW_DOOR, DOOR_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED,
				    raw.space, raw.info.table_size) == MAP_FAILED)
		return 1;
	memcpy(p, code, sizeof(code));
	if (door_jump_to((void *)LOW_DOOR, NULL, DUNE_DOOR_FRAME, 0, NULL) <= 0)
		return 2;		/* from 64-bit code it is a door */
	__asm__ volatile("mov %0, %%rdi; jmp go_32" : : "r"(p) : "rdi", "memory");
	return 3;
}

static int at_second_byte(void)
{
	return door_jump_to((char *)door + 1, raw.run, DUNE_DOOR_RUN, 0, NULL) ? 1 : 2;
}

static int at_neighbour(void)
{
	return door_jump_to((char *)door + PAGE, raw.run, DUNE_DOOR_RUN, 0, NULL) ? 1 : 2;
}

static int read_it(void)
{
	return *(volatile char *)door;
}

static int write_it(void)
{
	*(volatile char *)door = 1;
	return 1;
}

static int read_neighbour(void)
{
	return *((volatile unsigned char *)door + PAGE + 8);
}

static int write_neighbour(void)
{
	*((volatile char *)door + PAGE) = 1;
	return 1;
}

static int without_rights(void)
{
	mprotect(door, PAGE, PROT_NONE);
	return door_jump(NULL, DUNE_DOOR_FRAME, 0) ? 1 : 2;
}

/* Where to go on is up to the jumper. */
static int back_to(uint64_t where)
{
	register uint64_t r8 __asm__("r8") = 0;

	__asm__ volatile("jmp *%0" : : "r"(door), "D"(0), "S"(where), "d"(DUNE_DOOR_FRAME), "c"(0), "r"(r8)
			 : "memory", "rax");
	return 1;
}

static int back_to_nowhere(void)
{
	return back_to(NOT_CANONICAL);
}

static int back_to_kernel(void)
{
	return back_to(-PAGE);
}

static int back_to_door(void)
{
	alarm(1);
	return back_to((uintptr_t)door);
}

static void *run_in_thread(void *arg)
{
	return (void *)door_good(&raw);
}

/* A VCPU that one thread made, and another runs: by the door it is whoever's comes. */
static int by_another_thread(void)
{
	pthread_t t;
	void *good = NULL;

	return pthread_create(&t, NULL, run_in_thread, NULL) || pthread_join(t, &good) || !good;
}

/* Every signal but those that nobody may block: the second ends it. */
static int all_blocked(void)
{
	uint64_t mask = 0;

	door_start(&raw, raw_done, 0);
	raw.run->load |= DUNE_LOAD_SIGMASK;
	raw.run->sigmask = ~0UL;
	if (door_go(&raw) || raw.run->load)
		return 1;
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(mask));
	if (mask != ~(1UL << (SIGKILL - 1) | 1UL << (SIGSTOP - 1)))
		return 2;
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGKILL);
	return 3;
}

/* And an image that is refused brings it all the same. */
static int mask_of_refused(void)
{
	uint64_t mask = 0;

	door_start(&raw, raw_done, 0);
	raw.run->load |= DUNE_LOAD_SIGMASK | 16;
	raw.run->sigmask = 1UL << (SIGUSR1 - 1);
	if (door_go(&raw) != -EINVAL || raw.run->load & DUNE_LOAD_SIGMASK)
		return 1;
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(mask));
	return mask != 1UL << (SIGUSR1 - 1);
}

static const struct doorchild jumps[] = {
	{ "a jump in Dune mode: SIGSEGV", from_inside, -SIGSEGV },
	{ "by 32-bit code: SIGBUS", from_32_bit, -SIGBUS },
	{ "to its second byte: SIGBUS", at_second_byte, -SIGBUS },
	{ "to the page beside it, where nobody is awaited: SIGTRAP", at_neighbour, -SIGTRAP },
	{ "a read: SIGBUS", read_it, -SIGBUS },
	{ "a write: SIGSEGV", write_it, -SIGSEGV },
	{ "a read beside it finds an INT3", read_neighbour, 0xcc },
	{ "a write beside it: SIGSEGV", write_neighbour, -SIGSEGV },
	{ "without any right: SIGSEGV", without_rights, -SIGSEGV },
	{ "going on at no address: SIGSEGV", back_to_nowhere, -SIGSEGV },
	{ "going on in the kernel: SIGSEGV", back_to_kernel, -SIGSEGV },
	{ "going on at the door, for ever: any signal ends it", back_to_door, -SIGALRM },
	{ "all frames are given, and no more", all_frames, 0 },
	{ "another thread's run page", by_another_thread, 0 },
	{ "a mask of all signals: SIGKILL is not among them", all_blocked, -SIGKILL },
	{ "a mask with an image that is refused", mask_of_refused, 0 },
};

/* ---- Readers from elsewhere ------------------------------------------------------------------- */

static ssize_t read_of(pid_t pid, const void *from)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)from, 1 };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) < 0 ? -errno : 1;
}

static ssize_t read_mem(pid_t pid, const void *from)
{
	char name[32], byte;
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -EBADF : pread(fd, &byte, 1, (off_t)from) < 0 ? -errno : 1;
	close(fd);
	return n;
}

static void test_readers(void)
{
	int status;
	pid_t pid = fork();
	long word;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(door_good(&raw) ? 1 : 0);		/* the run page is not this process's */
	}
	waitpid(pid, &status, 0);
	ok_eq(read_of(pid, door), -EFAULT, "process_vm_readv() of the door");
	ok_eq(read_of(getpid(), door), -EFAULT, "also by its process");
	ok_eq(read_of(pid, (char *)door + PAGE), -EFAULT, "and of the page beside it");
	ok_eq(read_mem(pid, door), -EIO, "/proc/PID/mem");
	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, door, NULL);
	ok(word == -1 && errno == EIO, "PTRACE_PEEKTEXT");
	ok(ptrace(PTRACE_POKETEXT, pid, door, 0xcc) == -1 && errno == EIO, "PTRACE_POKETEXT");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/* ---- The mappings ------------------------------------------------------------------------------- */

static long map(int fd, size_t size, int prot, int flags, off_t offset)
{
	void *p = mmap(NULL, size, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, size);
	return 0;
}

static long remap(void *from, size_t size, size_t new_size, int flags)
{
	void *p = mremap(from, size, new_size, flags, free_pages());

	return p == MAP_FAILED ? -errno : 0;
}

static long err(int ret)
{
	return ret ? -errno : 0;
}

static void test_door_mapping(void)
{
	off_t at = raw.info.table_size;
	int prot = PROT_READ | PROT_EXEC;

	ok_eq(map(raw.space, DOOR_SIZE, prot, MAP_SHARED, at), 0, "a second door");
	ok_eq(map(raw.space, PAGE, prot, MAP_SHARED, at), -EINVAL, "a door of one page");
	ok_eq(map(raw.space, DOOR_SIZE + PAGE, prot, MAP_SHARED, at), -EINVAL, "of three");
	ok_eq(map(raw.space, DOOR_SIZE, prot, MAP_SHARED, at + PAGE), -EINVAL, "somewhere else in the descriptor");
	ok_eq(map(raw.space, DOOR_SIZE, prot, MAP_PRIVATE, at), -EINVAL, "a private one");
	ok_eq(map(raw.space, DOOR_SIZE, prot | PROT_WRITE, MAP_SHARED, at), -EPERM, "one to write to");
	ok_eq(err(mprotect(door, DOOR_SIZE, prot | PROT_WRITE)), -EACCES, "mprotect() to write");
	ok_eq(remap(door, DOOR_SIZE, DOOR_SIZE + PAGE, MREMAP_MAYMOVE), -EFAULT, "mremap(), larger");
	ok_eq(remap(door, 0, DOOR_SIZE, MREMAP_MAYMOVE), -EFAULT, "mremap(), a copy");
	ok_eq(remap(door, DOOR_SIZE, DOOR_SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP), -EINVAL,
	      "mremap(), and keep the old");
	ok_eq(err(madvise(door, DOOR_SIZE, MADV_DONTNEED)), -EINVAL, "MADV_DONTNEED");
	ok_eq(err(madvise(door, DOOR_SIZE, MADV_DOFORK)), -EINVAL, "MADV_DOFORK");
	ok(door_good(&raw), "after all that a run is good");
}

static void test_run_mapping(void)
{
	volatile void *run = raw.run;

	ok_eq(map(raw.vcpu, PAGE, PROT_READ, MAP_SHARED, 0), 0, "a run page a second time");
	ok_eq(map(raw.vcpu, 2 * PAGE, PROT_READ, MAP_SHARED, 0), -EINVAL, "two pages of it");
	ok_eq(map(raw.vcpu, PAGE, PROT_READ, MAP_SHARED, PAGE), -EINVAL, "the second page");
	ok_eq(map(raw.vcpu, PAGE, PROT_READ, MAP_PRIVATE, 0), -EINVAL, "a private copy");
	ok_eq(remap((void *)run, PAGE, 2 * PAGE, MREMAP_MAYMOVE), -EFAULT, "mremap() of it, larger");
	ok_eq(remap((void *)run, 0, PAGE, MREMAP_MAYMOVE), -EFAULT, "mremap(), a copy");
	ok_eq(remap((void *)run, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP), -EINVAL, "mremap(), and keep the old");
	ok(door_good(&raw), "after all that a run is good");
}

/* Elsewhere it is a door as well, and in two halves. */
static int moved_door(void)
{
	char *to = free_pages();

	if (mremap(door, DOOR_SIZE, DOOR_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
		return 1;
	door = to;
	if (!door_good(&raw))
		return 2;
	munmap((char *)door + PAGE, PAGE);
	if (!door_good(&raw))
		return 3;
	return mprotect(door, PAGE, PROT_READ) || !door_good(&raw) ? 4 : 0;
}

static int gone_door(void)
{
	munmap(door, DOOR_SIZE);
	return door_jump(NULL, DUNE_DOOR_FRAME, 0) ? 1 : 2;
}

static int half_door(void)
{
	munmap(door, PAGE);
	return door_jump(NULL, DUNE_DOOR_FRAME, 0) ? 1 : 2;
}

/* A page of the program's is replaced by a run page: the door itself, its own stack's neighbour ... */
static int run_page_over(void *p)
{
	if (door_jump(p, DUNE_DOOR_RUN, 0) != 1)
		return 1;
	raw.run = p;
	raw_map(&raw, p);
	return 0;
}

static int run_page_over_data(void)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));

	page[8] = 1;
	return run_page_over(page) || page[8] || !door_good(&raw);
}

static int run_page_over_door(void)
{
	if (run_page_over(door))
		return 1;
	return door_jump(NULL, DUNE_DOOR_FRAME, 0) ? 2 : 3;	/* no door any more */
}

static int run_page_over_run_page(void)
{
	volatile void *run = raw.run;

	munmap((void *)run, PAGE);
	return run_page_over((void *)run) || !door_good(&raw);
}

static int moved_run_page(void)
{
	char *to = free_pages();
	volatile void *old = raw.run;

	if (mremap((void *)old, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
		return 1;
	raw.run = (void *)to;
	raw_map(&raw, to);
	if (!door_good(&raw))
		return 2;
	return door_jump(old, DUNE_DOOR_RUN, 0) == 1 ? 0 : 3;
}

/* The module has its own mapping of it. */
static int run_page_without_rights(void)
{
	door_start(&raw, raw_good_code, (uintptr_t)raw.tables[RAW_TABLES - 1]);
	mprotect(raw.run, PAGE, PROT_NONE);
	if (door_go(&raw))
		return 1;
	mprotect(raw.run, PAGE, PROT_READ | PROT_WRITE);
	if (madvise(raw.run, PAGE, MADV_DONTNEED) || !raw.run->counters.runs)
		return 2;
	return !door_good(&raw);
}

static int locked_pages(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE) || !door_good(&raw))
		return 1;
	mlock(door, DOOR_SIZE);
	mlock(raw.run, PAGE);
	return munlockall() || !door_good(&raw);
}

static const struct doorchild mappings[] = {
	{ "a door that was moved, and has lost its neighbour: good, or SIGSEGV for who is lent", moved_door, 0 + OR_SIGSEGV },
	{ "a door that is gone: SIGSEGV", gone_door, -SIGSEGV },
	{ "or but for its neighbour", half_door, -SIGSEGV },
	{ "a run page in place of data", run_page_over_data, 0 },
	{ "in place of the door", run_page_over_door, -SIGSEGV },
	{ "in place of another", run_page_over_run_page, 0 },
	{ "a run page that was moved", moved_run_page, 0 },
	{ "one without rights, and zapped", run_page_without_rights, 0 },
	{ "all memory locked", locked_pages, 0 },
};

/* ---- Pages that change under a run ------------------------------------------------------------- */

static char *elsewhere;		/* nothing is there */

/* In Dune mode as well as out of it. */
static inline long call(long nr, long a, long b, long c, long d, const void *e)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = (long)e, r9 __asm__("r9") = 0;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static void __attribute__((noreturn)) done(void)
{
	raw_vmcall(RAW_HC_DONE, 0, 0, 0);
	__builtin_unreachable();
}

static void unmap_run(void)
{
	call(SYS_munmap, (long)raw.run, PAGE, 0, 0, NULL);
	call(SYS_getppid, 0, 0, 0, 0, NULL);
	done();
}

static void move_run(void)
{
	call(SYS_mremap, (long)raw.run, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere);
	call(SYS_getppid, 0, 0, 0, 0, NULL);
	done();
}

static void unmap_door(void)
{
	call(SYS_munmap, (long)door, DOOR_SIZE, 0, 0, NULL);
	done();
}

/* Everything of the module's: what keeps it is the run. */
static void unmap_all(void)
{
	call(SYS_close, raw.vcpu, 0, 0, 0, NULL);
	call(SYS_close, raw.space, 0, 0, 0, NULL);
	call(SYS_close, raw.dev, 0, 0, 0, NULL);
	call(SYS_munmap, (long)door_table, raw.info.table_size, 0, 0, NULL);
	call(SYS_munmap, (long)raw.run, PAGE, 0, 0, NULL);
	call(SYS_munmap, (long)door, DOOR_SIZE, 0, 0, NULL);
	call(SYS_getppid, 0, 0, 0, 0, NULL);
	done();
}

static long run_code(void (*code)(void))
{
	door_start(&raw, code, 0);
	return door_go(&raw);
}

static int unmapped_in_run(void)
{
	volatile void *run = raw.run;

	long ret = run_code(unmap_run);

	/* if it is lent meanwhile it comes back to no page, and is given one */
	if (!ret)
		ret = door_jump(run, DUNE_DOOR_RUN, 0);
	return ret == 1 && door_good(&raw) ? 0 : 1;
}

/* Where it was there is none, if the thread is lent meanwhile and comes back to it; where it is it is good. */
static int moved_in_run(void)
{
	long ret;

	elsewhere = free_pages();
	ret = run_code(move_run);
	raw.run = (void *)elsewhere;
	raw_map(&raw, elsewhere);
	return ret >> 1 || !door_good(&raw);
}

static int door_gone_in_run(void)
{
	return run_code(unmap_door);
}

/* If the thread is lent after that there is no way back for it. */
static int all_gone_in_run(void)
{
	return run_code(unmap_all);
}

/* ---- Two threads -------------------------------------------------------------------------------- */

static struct { volatile int started, stop; } flags;
static int ends[2];
static char byte;

__asm__(".pushsection .text\n"
	"spin: incl (%rdi); 1: pause; cmpl $0, 4(%rdi); je 1b; jmp raw_done\n"
	/* RCX is behind its SYSCALL: that is to be made in ordinary mode, and waits */
	"native: syscall; native_next: jmp raw_done\n"
	".popsection\n");
extern const char spin[] RAW_HIDDEN, native_next[] RAW_HIDDEN;

static void *spin_inside(void *arg)
{
	door_start(&raw, spin, (uintptr_t)&flags);
	return (void *)door_go(&raw);
}

/* The program's read() is made in ordinary mode: meanwhile it is lent. */
static void *read_lent(void *arg)
{
	struct dune_regs *g = &raw.run->regs;

	door_start(&raw, door_stub + 3, ends[0]);
	raw.run->load |= DUNE_LOAD_NATIVE;
	g->rcx = (uintptr_t)native_next;
	g->r11 = RAW_RFLAGS;
	g->rax = SYS_read;
	g->rsi = (uintptr_t)&byte;
	g->rdx = 1;
	flags.started = 1;
	return (void *)door_go(&raw);
}

static pthread_t begin(void *(*fn)(void *))
{
	pthread_t t;

	flags.started = flags.stop = 0;
	if (pipe(ends) || pthread_create(&t, NULL, fn, NULL))
		_exit(90);
	while (!flags.started)
		sched_yield();
	usleep(20000);		/* and now it waits */
	return t;
}

static long end(pthread_t t)
{
	void *ret = NULL;

	flags.stop = 1;
	if (write(ends[1], "", 1) != 1 || pthread_join(t, &ret))
		_exit(91);
	return (long)ret;
}

static int busy_with(void *(*fn)(void *))
{
	pthread_t t = begin(fn);
	int ret = 0;

	if (door_go(&raw) != -EBUSY || door_go(&raw) != -EBUSY)
		ret = 1;
	else if (raw_ioctl(raw.vcpu, DUNE_RUN, NULL) != -EBUSY)
		ret = 2;
	else if (!raw.run->busy)
		ret = 3;
	if (end(t))
		ret = 4;
	return ret ? ret : raw.run->busy || !door_good(&raw) ? 5 : 0;
}

static int busy_running(void)
{
	return busy_with(spin_inside);
}

static int busy_lent(void)
{
	return busy_with(read_lent);
}

/* And the other way round. */
static void *run_by_ioctl(void *arg)
{
	struct dune_create_vcpu v = { .size = sizeof(v) };

	raw.vcpu = raw_ioctl(raw.space, DUNE_CREATE_VCPU, &v);
	raw.run = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, raw.vcpu, 0);
	raw_map(&raw, raw.run);
	raw_start(&raw, spin, (uintptr_t)&flags);
	return (void *)(long)raw_go(&raw);
}

static int busy_by_ioctl(void)
{
	pthread_t t = begin(run_by_ioctl);
	long ret = door_go(&raw);

	return end(t) || ret != -EBUSY || !door_good(&raw);
}

/* It need not notice; but it may be lent meanwhile, as below. */
static int unmapped_while_running(void)
{
	pthread_t t = begin(spin_inside);

	munmap(raw.run, PAGE);
	return end(t) >> 1 ? 1 : 0;
}

/* It comes back to its own VCPU, which is the module's, whatever is at the address of the page by now. */
static int unmapped_while_lent(void)
{
	pthread_t t = begin(read_lent);

	munmap(raw.run, PAGE);
	return end(t) ? 1 : 0;
}

static int moved_while_lent(void)
{
	pthread_t t = begin(read_lent);

	if (mremap(raw.run, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, free_pages()) == MAP_FAILED)
		return 1;
	return end(t) ? 2 : 0;
}

/* Another VCPU's page is there by now: what is in it is not this thread's. */
static int replaced_while_lent(void)
{
	pthread_t t = begin(read_lent);
	volatile void *run = raw.run;

	munmap((void *)run, PAGE);
	if (door_jump(run, DUNE_DOOR_RUN, 0) != 1)
		return 1;
	raw.run->load = 16;
	return end(t) ? 2 : 0;
}

static int door_gone_while_lent(void)
{
	pthread_t t = begin(read_lent);

	munmap(door, DOOR_SIZE);
	end(t);
	return 1;
}

/* The end of the process, of another thread, and exec, under a run. */
static int exit_under_run(void)
{
	begin(spin_inside);
	return 7;
}

static int exec_under_run(void)
{
	char *argv[] = { "door", "executed", NULL };

	begin(spin_inside);
	begin(read_lent);
	execv("/proc/self/exe", argv);
	return 1;
}

static const struct doorchild changes[] = {
	{ "a run page unmapped from inside", unmapped_in_run, 0 },
	{ "moved from inside", moved_in_run, 0 },
	{ "the door unmapped from inside: the answer, or SIGSEGV", door_gone_in_run, 0 + OR_SIGSEGV },
	{ "all of the module's unmapped and closed from inside: the answer, or SIGSEGV", all_gone_in_run, 0 + OR_SIGSEGV },
	{ "a second thread with the page of one that runs", busy_running, 0 },
	{ "of one that is lent", busy_lent, 0 },
	{ "of one that is in DUNE_RUN", busy_by_ioctl, 0 },
	{ "a run page unmapped while its thread runs", unmapped_while_running, 0 },
	{ "unmapped while it is lent", unmapped_while_lent, 0 },
	{ "moved while it is lent", moved_while_lent, 0 },
	{ "replaced while it is lent", replaced_while_lent, 0 },
	{ "the door unmapped while one is lent: SIGSEGV", door_gone_while_lent, -SIGSEGV },
	{ "the process ends while one runs", exit_under_run, 7 },
	{ "it executes a program while one runs and one is lent", exec_under_run, 33 },
};

int main(int argc, char **argv)
{
	int ret;

	if (argc > 1)
		return 33;
	doorchild_quiet();
	raw_health_begin(&health);
	ret = raw_open(&raw);
	if (!ret)
		ret = door_open(&raw);
	if (ret)
		bail("cannot enter Dune mode: %s", strerror(-ret));
	ok(door_good(&raw), "a run by the door");
	test_refused();
	test_frames();
	test_images();
	test_readers();
	test_door_mapping();
	test_run_mapping();
	doorchild_all(&raw, jumps, ARRAY_SIZE(jumps));
	doorchild_all(&raw, mappings, ARRAY_SIZE(mappings));
	doorchild_all(&raw, changes, ARRAY_SIZE(changes));
	ok(door_good(&raw), "a run by the door at the end");
	raw_health_end(&health, &raw);
	return tap_done();
}
