/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Dune mode without libdune: the least that lets a test run hostile code and see
 * what the module makes of it. One thread's worth; page tables map whole GiBs.
 *
 *	raw_open(&r);			a space, a VCPU, page tables, a stack
 *	raw_start(&r, fn, arg);		fill the run page: no IDT, no GDT
 *	raw_go(&r);			until there is a reason
 *
 * and, for code whose exceptions the test wants to see:
 *
 *	raw_traps(&r);			once: a GDT, a TSS, an IDT with all vectors
 *	raw_start_traps(&r, fn, arg);
 *	raw_go(&r);
 *	t = raw_trapped(&r);		what was trapped, or NULL; raw_go() again resumes it
 */
#ifndef TESTS_RAW_H
#define TESTS_RAW_H

#include <errno.h>
#include <fcntl.h>
#include <linux/dune.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RAW_RFLAGS	0x202		/* IF, and the bit that is always set */
#define RAW_TABLES	32

#define RAW_HC_DONE	DUNE_HC(0x100)	/* the code came to its end */
#define RAW_HC_TRAP	DUNE_HC(0x101)	/* an exception; RDI = struct raw_trap, RSI = CR2 */

/* Selectors of raw_traps(); the first five are Linux's own. */
#define RAW_CS		0x10
#define RAW_SS		0x18
#define RAW_USER_CS32	0x23
#define RAW_USER_SS	0x2b
#define RAW_USER_CS	0x33
#define RAW_TR		0x40
#define RAW_CS32	0x50		/* ring 0, compatibility mode */

/* What a stub of raw_traps() pushes, lowest address first. */
struct raw_trap {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

#define RAW_SYS_SIZE	0x10000

struct raw_gate { uint64_t low, high; };

struct raw_tss {
	uint32_t reserved;
	uint32_t rsp0[2], rsp1[2], rsp2[2], reserved2[2], ist[7][2], reserved3[3];
};

struct raw {
	int dev, space, vcpu;
	struct dune_info info;
	struct dune_run *run;
	uint64_t (*tables)[512];	/* the first is the PML4 */
	unsigned int used;
	uint64_t cr3;
	char *stack;			/* its end */
	char *sys;			/* what raw_traps() made: a page with the IDT, one with GDT and TSS, stacks */
	struct raw_gate *idt;
	uint64_t *gdt;
	struct raw_tss *tss;
};

static inline int raw_ioctl(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

static inline int raw_frame(struct raw *r, const volatile void *hva)
{
	struct dune_assign_frame a = { .size = sizeof(a), .hva = (uintptr_t)hva };

	return raw_ioctl(r->space, DUNE_ASSIGN_FRAME, &a);
}

static inline uint64_t raw_gpa(struct raw *r, const volatile void *hva)
{
	return (uint64_t)raw_frame(r, hva) << 30 | ((uintptr_t)hva & 0x3fffffff);
}

static inline uint64_t *raw_next(struct raw *r, uint64_t *entry)
{
	unsigned int i;

	if (!*entry)
		*entry = raw_gpa(r, r->tables[r->used++]) | 7;
	for (i = 0; i < r->used; i++)
		if (raw_gpa(r, r->tables[i]) == (*entry & ~0xfffULL))
			return r->tables[i];
	abort();
}

/* Map the whole GiB around an address, for both rings. */
static inline void raw_map(struct raw *r, const volatile void *hva)
{
	uint64_t va = (uintptr_t)hva, base = raw_gpa(r, hva) & ~0x3fffffffULL;
	uint64_t *pdpt = raw_next(r, &r->tables[0][va >> 39 & 511]);
	uint64_t *entry = &pdpt[va >> 30 & 511], *pd;
	unsigned int i;

	if (r->info.caps & DUNE_CAP_GUEST_1G) {
		*entry = base | 0x87;
		return;
	}
	if (*entry)
		return;
	pd = raw_next(r, entry);
	for (i = 0; i < 512; i++)
		pd[i] = (base + ((uint64_t)i << 21)) | 0x87;
}

/* Returns 0 or -errno of the step that failed. */
static inline int raw_open(struct raw *r)
{
	struct dune_create_space s = { .size = sizeof(s) };
	struct dune_create_vcpu v = { .size = sizeof(v) };
	int local;

	memset(r, 0, sizeof(*r));
	r->info.size = sizeof(r->info);
	r->dev = open("/dev/dune", O_RDWR | O_CLOEXEC);
	if (r->dev < 0)
		return -errno;
	if (raw_ioctl(r->dev, DUNE_GET_INFO, &r->info))
		return -errno;
	r->space = raw_ioctl(r->dev, DUNE_CREATE_SPACE, &s);
	if (r->space < 0)
		return r->space;
	r->vcpu = raw_ioctl(r->space, DUNE_CREATE_VCPU, &v);
	if (r->vcpu < 0)
		return r->vcpu;
	r->run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, r->vcpu, 0);
	r->tables = mmap(NULL, RAW_TABLES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	r->stack = (char *)mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 65536;
	if (r->run == MAP_FAILED || r->tables == MAP_FAILED)
		return -ENOMEM;
	r->used = 1;
	r->cr3 = raw_gpa(r, r->tables[0]);
	raw_map(r, raw_open);
	raw_map(r, stdout);
	raw_map(r, &local);
	raw_map(r, r->stack - 1);
	raw_map(r, r->run);
	raw_map(r, r->tables);
	raw_map(r, &errno);
	return 0;
}

static inline void raw_close(struct raw *r)
{
	munmap(r->run, 4096);
	munmap(r->tables, RAW_TABLES * 4096);
	munmap(r->stack - 65536, 65536);
	if (r->sys)
		munmap(r->sys, RAW_SYS_SIZE);
	close(r->vcpu);
	close(r->space);
	close(r->dev);
}

static inline uint64_t raw_base(int which)
{
	uint64_t base = 0;

	syscall(SYS_arch_prctl, which, &base);
	return base;
}

static inline uint64_t raw_fs_base(void)
{
	return raw_base(0x1003);	/* ARCH_GET_FS */
}

static inline uint64_t raw_gs_base(void)
{
	return raw_base(0x1004);	/* ARCH_GET_GS */
}

/* Start at @rip with @rdi, from scratch: no IDT, no GDT. */
static inline void raw_start(struct raw *r, const void *rip, uint64_t rdi)
{
	memset(&r->run->regs, 0, sizeof(r->run->regs));
	memset(&r->run->system, 0, sizeof(r->run->system));
	r->run->regs.rip = (uintptr_t)rip;
	r->run->regs.rsp = (uintptr_t)r->stack - 8;
	r->run->regs.rflags = RAW_RFLAGS;
	r->run->regs.rdi = rdi;
	r->run->system.cr3 = r->cr3;
	r->run->fs_base = raw_fs_base();
	r->run->gs_base = 0;
	r->run->load = DUNE_LOAD_SYSTEM | DUNE_LOAD_BASES;
}

/* Set by raw_deadline()'s signal: raw_go() gives up then, with -ETIMEDOUT. */
static volatile sig_atomic_t raw_late;

/* Run until there is a reason other than a signal. Returns DUNE_RUN's value or -errno. */
static inline int raw_go(struct raw *r)
{
	int ret;

	do
		ret = raw_ioctl(r->vcpu, DUNE_RUN, NULL);
	while (ret == -EINTR && !raw_late && r->run->reason == DUNE_EXIT_INTR && !r->run->detail);
	return ret == -EINTR && raw_late ? -ETIMEDOUT : ret;
}

/* As raw_go(), making the system calls that the module hands out. */
static inline int raw_go_calls(struct raw *r)
{
	struct dune_regs *g = &r->run->regs;
	int ret;

	for (;;) {
		ret = raw_go(r);
		if (ret || r->run->reason != DUNE_EXIT_SYSCALL)
			return ret;
		g->rax = (uint64_t)syscall((long)g->rax, g->rdi, g->rsi, g->rdx, g->r10, g->r8, g->r9);
		if ((long)g->rax == -1)
			g->rax = (uint64_t)-errno;
		if (raw_late)
			return -ETIMEDOUT;
	}
}

static inline void raw_on_alarm(int signal)
{
	raw_late = 1;
}

/* From now on SIGALRM ends a raw_go() that takes longer than @ms; 0: none does. */
static inline void raw_deadline(unsigned int ms)
{
	struct sigaction sa = { .sa_handler = raw_on_alarm };
	struct itimerval t = { .it_value = { ms / 1000, (ms % 1000) * 1000 }, .it_interval = { 0, ms ? 100000 : 0 } };

	raw_late = 0;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

static inline uint64_t raw_vmcall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t ret;

	__asm__ volatile("vmcall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c) : "memory", "rcx", "r11");
	return ret;
}

/* ---- exceptions ------------------------------------------------------------ */

/*
 * A stub for each vector. Those of raw_stubs_error are for exceptions with an
 * error code, which the CPU pushed; the others push a zero in its place (also
 * for the same vectors, when INT n raises them).
 */
__asm__(".pushsection .text\n"
	".balign 16\n"
	"raw_stubs: .set raw_n, 0\n"
	".rept 256\n"
	"	.balign 16; push $0; .byte 0x68; .long raw_n; jmp raw_stub_common; .set raw_n, raw_n + 1\n"
	".endr\n"
	".balign 16\n"
	"raw_stubs_error: .set raw_n, 0\n"
	".rept 32\n"
	"	.balign 16; .byte 0x68; .long raw_n; jmp raw_stub_common; .set raw_n, raw_n + 1\n"
	".endr\n"
	"raw_stub_common:\n"
	"	push %rdi; push %rsi; push %rdx; push %rcx; push %rax; push %r8; push %r9; push %r10; push %r11\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, %rdi; mov %cr2, %rsi; mov $0x44756e65fffff101, %rax; vmcall\n"	/* RAW_HC_TRAP */
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	pop %r11; pop %r10; pop %r9; pop %r8; pop %rax; pop %rcx; pop %rdx; pop %rsi; pop %rdi\n"
	"	add $16, %rsp; iretq\n"
	/* Where code goes when it has come to its end. Nothing but RAX is changed, and that is in RSI. */
	"raw_done: mov %rax, %rsi; mov $0x44756e65fffff100, %rax; vmcall; ud2\n"	/* RAW_HC_DONE */
	".popsection\n");

#define RAW_HIDDEN __attribute__((visibility("hidden")))

extern const char raw_stubs[] RAW_HIDDEN, raw_stubs_error[] RAW_HIDDEN, raw_done[] RAW_HIDDEN;

#define RAW_HAS_ERROR	0x60227d00u	/* 8, 10 to 14, 17, 21, 29, 30 */

static inline void raw_gate(struct raw *r, unsigned int vector, uint64_t handler, unsigned int cs, unsigned int ist,
			    unsigned int dpl)
{
	r->idt[vector].low = (handler & 0xffff) | (uint64_t)cs << 16 | (uint64_t)ist << 32 |
			     (uint64_t)(0x8e | dpl << 5) << 40 | (handler >> 16 & 0xffff) << 48;
	r->idt[vector].high = handler >> 32;
}

/* Every vector back to its stub. #DF has a stack of its own, all others share one. */
static inline void raw_gates(struct raw *r)
{
	unsigned int v;

	for (v = 0; v < 256; v++) {
		bool error = v < 32 && RAW_HAS_ERROR >> v & 1;

		raw_gate(r, v, (uintptr_t)(error ? raw_stubs_error : raw_stubs) + 16 * v, RAW_CS, v == 8 ? 2 : 1, 0);
	}
}

static inline void raw_put_tss(uint32_t field[2], const void *p)
{
	field[0] = (uint32_t)(uintptr_t)p;
	field[1] = (uintptr_t)p >> 32;
}

/* A descriptor of 16 bytes for the TSS at @tss, available or busy. */
static inline void raw_gdt_tss(uint64_t *at, uint64_t tss, bool busy)
{
	at[0] = 0x67 | (tss & 0xffffff) << 16 | (busy ? 0x8bULL : 0x89ULL) << 40 | (tss >> 24 & 0xff) << 56;
	at[1] = tss >> 32;
}

static inline int raw_traps(struct raw *r)
{
	r->sys = mmap(NULL, RAW_SYS_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r->sys == MAP_FAILED)
		return -errno;
	raw_map(r, r->sys);
	raw_map(r, r->sys + RAW_SYS_SIZE - 1);
	r->idt = (struct raw_gate *)r->sys;
	r->gdt = (uint64_t *)(r->sys + 0x1000);
	r->tss = (struct raw_tss *)(r->sys + 0x1800);
	raw_gates(r);
	r->gdt[2] = 0x00af9b000000ffff;		/* RAW_CS */
	r->gdt[3] = 0x00cf93000000ffff;
	r->gdt[4] = 0x00cffb000000ffff;
	r->gdt[5] = 0x00cff3000000ffff;
	r->gdt[6] = 0x00affb000000ffff;
	raw_gdt_tss(&r->gdt[8], (uintptr_t)r->tss, true);
	r->gdt[10] = 0x00cf9b000000ffff;
	raw_put_tss(r->tss->rsp0, r->sys + 0x6000);
	raw_put_tss(r->tss->ist[0], r->sys + 0xb000);
	raw_put_tss(r->tss->ist[1], r->sys + RAW_SYS_SIZE);
	r->tss->reserved3[2] = 0x68 << 16;	/* no I/O bitmap */
	return 0;
}

static inline void raw_start_traps(struct raw *r, const void *rip, uint64_t rdi)
{
	raw_start(r, rip, rdi);
	r->run->system.idt_base = (uintptr_t)r->idt;
	r->run->system.idt_limit = 0xfff;
	r->run->system.gdt_base = (uintptr_t)r->gdt;
	r->run->system.gdt_limit = 0x7f;
	r->run->system.tr_base = (uintptr_t)r->tss;
}

/*
 * How a run ended, in one number, for tables of cases: an exception with its
 * vector and error code, the end of the code, a reason of the module's, an errno.
 */
#define RAW_TRAP(v, e)		(1ULL << 32 | (uint64_t)(v) << 16 | (e))
#define RAW_DONE		(2ULL << 32)
#define RAW_REASON(r)		(3ULL << 32 | (r))
#define RAW_ERRNO(e)		(4ULL << 32 | (e))

static inline bool raw_is(const struct raw *r, int ret, uint64_t hypercall)
{
	return !ret && r->run->reason == DUNE_EXIT_HYPERCALL && r->run->regs.rax == hypercall;
}

/* What raw_go(), which returned @ret, came back with: a trap, or NULL. */
static inline struct raw_trap *raw_trapped(const struct raw *r, int ret)
{
	return raw_is(r, ret, RAW_HC_TRAP) ? (struct raw_trap *)r->run->regs.rdi : NULL;
}

static inline uint64_t raw_outcome(const struct raw *r, int ret)
{
	const struct raw_trap *t = raw_trapped(r, ret);

	if (t)
		return RAW_TRAP(t->vector, t->error & 0xffff);
	if (raw_is(r, ret, RAW_HC_DONE))
		return RAW_DONE;
	return ret ? RAW_ERRNO(-ret) : RAW_REASON(r->run->reason);
}

static inline const char *raw_outcome_name(uint64_t outcome)
{
	static const char *const kinds[] = { "?", "exception", "done", "reason", "errno" };
	static char text[2][64];
	static int turn;
	char *s = text[turn ^= 1];
	unsigned int low = (uint32_t)outcome;

	if (outcome >> 32 == 1)
		snprintf(s, sizeof(text[0]), "exception %u, error %#x", low >> 16, low & 0xffff);
	else
		snprintf(s, sizeof(text[0]), "%s %u", kinds[outcome >> 32], low);
	return s;
}

/* ---- other pages ------------------------------------------------------------ */

/* Where nothing of the process is: a slot of the PML4 for a test's own tables. */
#define RAW_OWN_VA	0x100000000000ULL

static inline void *raw_table(struct raw *r)
{
	if (r->used == RAW_TABLES - 1)	/* raw_good() has the last one */
		abort();
	return r->tables[r->used++];
}

/* Let the page at @va be what @entry says. Returns where it was put. */
static inline uint64_t *raw_own(struct raw *r, uint64_t va, uint64_t entry)
{
	uint64_t *pte = raw_next(r, &r->tables[0][va >> 39 & 511]);

	pte = raw_next(r, &pte[va >> 30 & 511]);
	pte = raw_next(r, &pte[va >> 21 & 511]);
	pte += va >> 12 & 511;
	*pte = entry;
	return pte;
}

/* Pages for machine code, and its bytes at their beginning. */
static inline char *raw_code(const void *from, size_t len, size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	memcpy(p, from, len);
	return p;
}

/* ---- is everything as it should be? ------------------------------------------- */

/* A good run: memory, a system call, registers in and out. */
static inline void raw_good_code(uint64_t *seen)
{
	uint64_t sum = 0, i;

	for (i = 0; i < 100; i++)
		sum += seen[i % 4] * i;
	seen[4] = raw_vmcall(SYS_getpid, 0, 0, 0);
	seen[5] = sum;
	raw_vmcall(RAW_HC_DONE, 0, 0, 0);
}

static inline bool raw_good(struct raw *r)
{
	uint64_t *seen = (uint64_t *)r->tables[RAW_TABLES - 1], want = 0, i;
	int ret;

	for (i = 0; i < 4; i++)
		seen[i] += 7 * i + 1;
	for (i = 0; i < 100; i++)
		want += seen[i % 4] * i;
	seen[4] = seen[5] = 0;
	raw_start(r, raw_good_code, (uintptr_t)seen);
	ret = raw_go_calls(r);
	if (raw_is(r, ret, RAW_HC_DONE) && seen[4] == (uint64_t)getpid() && seen[5] == want)
		return true;
	printf("# a good run went wrong: %d reason %u hw %llx rax %llx\n", ret, r->run->reason, r->run->hw.reason,
	       r->run->regs.rax);
	fflush(stdout);
	return false;
}

/* In a child process: its wait status, or -1 when it had to be killed after @seconds. */
static inline int raw_child(int (*fn)(void *arg), void *arg, unsigned int seconds)
{
	struct timespec tick = { .tv_nsec = 2000000 }, now, end;
	pid_t pid;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	pid = fork();
	if (!pid)
		_exit(fn(arg));
	do {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		nanosleep(&tick, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

/* What the kernel and this thread must not lose in a test. */
struct raw_health {
	int kmsg;
	unsigned long tainted;
	uint64_t fs_base, gs_base;
};

static inline unsigned long raw_tainted(void)
{
	unsigned long tainted = 0;
	FILE *f = fopen("/proc/sys/kernel/tainted", "re");

	if (f) {
		if (fscanf(f, "%lu", &tainted) != 1)
			tainted = 0;
		fclose(f);
	}
	return tainted & (1UL << 7 | 1UL << 9 | 1UL << 14);	/* oops, warning, lock-up */
}

static inline void raw_health_begin(struct raw_health *h)
{
	h->kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (h->kmsg >= 0)
		lseek(h->kmsg, 0, SEEK_END);
	h->tainted = raw_tainted();
	h->fs_base = raw_fs_base();
	h->gs_base = raw_gs_base();
}

/* Complaints in the kernel's log since the beginning; prints them. */
static inline int raw_complaints(const struct raw_health *h)
{
	static const char *const words[] = { "WARNING", "BUG", "Oops", "general protection", "unchecked MSR",
					     "soft lockup", "Call Trace", "unknown exit", "VM entry failed" };
	char line[1024];
	int found = 0;
	unsigned int i;
	ssize_t n;

	while (h->kmsg >= 0 && ((n = read(h->kmsg, line, sizeof(line) - 1)) > 0 || (n < 0 && errno == EPIPE)))
		for (i = 0; n > 0 && i < sizeof(words) / sizeof(words[0]); i++) {
			line[n] = '\0';
			if (!strstr(line, words[i]))
				continue;
			printf("# %.*s\n", (int)strcspn(line, "\n"), line);
			found++;
			break;
		}
	fflush(stdout);
	return found;
}

#ifdef TAP_H
/* The last points of a program: @r is open. */
static inline void raw_health_end(const struct raw_health *h, struct raw *r)
{
	pid_t pid = getpid();

	ok(raw_good(r), "a run is good at the end");
	ok_eq(syscall(SYS_getpid), pid, "so is a system call");
	ok_eq(raw_fs_base(), h->fs_base, "FS base is as it was");
	ok_eq(raw_gs_base(), h->gs_base, "GS base is as it was");
	ok_eq(raw_tainted(), h->tainted, "the kernel is not tainted by a warning");
	ok_eq(raw_complaints(h), 0, "the kernel does not complain");
}

/* The same where another program of the set has the points for it: one only if something was lost. */
static inline void raw_health_kept(const struct raw_health *h, struct raw *r)
{
	bool good = raw_good(r), bases = raw_fs_base() == h->fs_base && raw_gs_base() == h->gs_base;
	bool tainted = raw_tainted() != h->tainted;
	int complaints = raw_complaints(h);

	if (!good || !bases || tainted || complaints)
		ok(false, "at the end: good run %d, bases kept %d, tainted %d, %d complaints of the kernel", good, bases,
		   tainted, complaints);
}
#endif

#endif /* TESTS_RAW_H */
