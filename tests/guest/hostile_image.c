// SPDX-License-Identifier: GPL-2.0
/*
 * DUNE_RUN with garbage in the run page: whatever it holds, RUN ends with -EINVAL
 * or with a reason, and the next good run on the same VCPU works. Meanwhile a
 * Dune program in another process keeps checking its own results.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include "tap.h"
#include "raw.h"

#define PAGE 4096UL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct raw raw;
static struct raw_health health;

/* Uses its stack and comes to its end. */
__asm__(".pushsection .text\n"
	"harmless: push %rax; pop %rax; jmp raw_done\n"
	".popsection\n");
extern const char harmless[] RAW_HIDDEN;

/* ---- how a run may end ------------------------------------------------------------ */

#define DONE		(1U << 0)	/* it ran to its end */
#define INVALID		(1U << 1)	/* -EINVAL */
#define INTR		(1U << 2)	/* a signal or other work came */
#define CALL		(1U << 3)	/* some other VMCALL */
#define TRAP(v)		(1U << (4 + (v)))	/* an exception, as the program's own IDT sees it; v < 20 */
#define REASON(r)	(1U << (24 + (r) - DUNE_EXIT_FATAL))
#define BAD_STATE	REASON(DUNE_EXIT_BAD_STATE)
#define BAD_GPA		REASON(DUNE_EXIT_BAD_GPA)
#define TRIPLE		REASON(DUNE_EXIT_TRIPLE_FAULT)
#define NESTED		REASON(DUNE_EXIT_NESTED_FAULT)
#define FATAL		(0xffffffffU << 24)
#define REFUSED		(INVALID | BAD_STATE)

#define DB 1
#define SS 12
#define GP 13
#define PF 14

/* What happened, as one of the bits above; 0 for what must never be. */
static unsigned int outcome(int ret)
{
	const struct raw_trap *t = raw_trapped(&raw, ret);
	uint32_t reason = raw.run->reason;

	if (t)
		return t->vector < 20 ? TRAP(t->vector) : 0;
	if (raw_is(&raw, ret, RAW_HC_DONE))
		return DONE;
	if (ret == -EINVAL)
		return INVALID;
	if (ret == -EINTR || ret == -ETIMEDOUT)
		return INTR;
	if (ret || reason >= DUNE_NR_EXIT_REASONS)
		return 0;
	if (reason >= DUNE_EXIT_FATAL)
		return REASON(reason);
	return reason == DUNE_EXIT_SYSCALL || reason == DUNE_EXIT_HYPERCALL ? CALL : 0;
}

static void check(const char *what, unsigned int allowed)
{
	unsigned int got;
	int ret;

	raw_deadline(2000);
	ret = raw_go(&raw);
	raw_deadline(0);
	got = outcome(ret);
	if (!ok(got & allowed, "%s", what))
		diag("  RUN %d reason %u hw.reason %#llx outcome %#x, allowed %#x", ret, raw.run->reason,
		     raw.run->hw.reason, got, allowed);
	if (!raw_good(&raw))
		ok(false, "a good run after: %s", what);
}

/* ---- one wrong value ------------------------------------------------------------------ */

#define NONCANONICAL	0x0000800000000000ULL
#define KERNEL		0xffffffff81000000ULL
#define AT(member)	offsetof(struct dune_run, member)

struct image_case {
	const char *name;
	size_t at;
	uint64_t value;
	unsigned int allowed;
};

/* Loading everything, with one of the values wrong. */
static const struct image_case values[] = {
	{ "nothing wrong", AT(regs.rax), 0, DONE },
	{ "stored-only fields are not taken: cs", AT(regs.cs), ~0ULL, DONE },
	{ "stored-only fields are not taken: ss", AT(regs.ss), 0, DONE },
	{ "stored-only fields are not taken: orig_rax", AT(regs.orig_rax), ~0ULL, DONE },
	{ "reason", AT(reason), ~0ULL, DONE },
	{ "rip 0", AT(regs.rip), 0, TRAP(PF) },
	{ "rip in the kernel", AT(regs.rip), KERNEL, TRAP(PF) },
	/* the CPU may look at bits 63 to 48 only, and an emulator at none: then it is the fetch that fails */
	{ "rip not canonical", AT(regs.rip), NONCANONICAL, REFUSED | TRAP(GP) },
	{ "rip not canonical, negative", AT(regs.rip), 0xffff7fffffffffff, REFUSED | TRAP(GP) },
	{ "rip not canonical, top bit", AT(regs.rip), 1ULL << 63, REFUSED | TRAP(GP) },
	{ "rip not canonical, all over", AT(regs.rip), 0x123456789abcdef0, REFUSED | TRAP(GP) },
	{ "rsp 0", AT(regs.rsp), 0, TRAP(PF) },
	{ "rsp odd", AT(regs.rsp), 1, TRAP(PF) },
	{ "rsp not canonical", AT(regs.rsp), NONCANONICAL + 8, TRAP(SS) },
	{ "rflags 0", AT(regs.rflags), 0, REFUSED },
	{ "rflags all ones", AT(regs.rflags), ~0ULL, REFUSED },
	{ "rflags bit 3", AT(regs.rflags), RAW_RFLAGS | 1 << 3, REFUSED },
	{ "rflags bit 5", AT(regs.rflags), RAW_RFLAGS | 1 << 5, REFUSED },
	{ "rflags bit 15", AT(regs.rflags), RAW_RFLAGS | 1 << 15, REFUSED },
	{ "rflags bit 22", AT(regs.rflags), RAW_RFLAGS | 1 << 22, REFUSED },
	{ "rflags bit 32", AT(regs.rflags), RAW_RFLAGS | 1ULL << 32, REFUSED },
	{ "rflags bit 63", AT(regs.rflags), RAW_RFLAGS | 1ULL << 63, REFUSED },
	{ "rflags VM", AT(regs.rflags), RAW_RFLAGS | 1 << 17, REFUSED },
	{ "rflags TF", AT(regs.rflags), RAW_RFLAGS | 1 << 8, TRAP(DB) },
	{ "rflags IF clear", AT(regs.rflags), 2, DONE },
	{ "rflags NT", AT(regs.rflags), RAW_RFLAGS | 1 << 14, DONE },
	{ "rflags IOPL 3", AT(regs.rflags), RAW_RFLAGS | 3 << 12, DONE },
	{ "rflags RF", AT(regs.rflags), RAW_RFLAGS | 1 << 16, DONE },
	{ "rflags AC", AT(regs.rflags), RAW_RFLAGS | 1 << 18, DONE },
	{ "rflags VIF and VIP", AT(regs.rflags), RAW_RFLAGS | 3 << 19, DONE },
	{ "rflags DF and ID", AT(regs.rflags), RAW_RFLAGS | 1 << 10 | 1 << 21, DONE },
	{ "fs_base not canonical", AT(fs_base), NONCANONICAL, REFUSED },
	{ "fs_base in the kernel", AT(fs_base), KERNEL, DONE },
	{ "gs_base not canonical", AT(gs_base), 1ULL << 63, REFUSED },
	{ "gs_base in the kernel", AT(gs_base), KERNEL, DONE },
	{ "cr3 0, the frame that nobody has", AT(system.cr3), 0, BAD_GPA },
	{ "cr3 in the last frame, which nobody has yet", AT(system.cr3), 0x3ULL << 34, BAD_GPA },
	{ "cr3 all ones", AT(system.cr3), ~0ULL, REFUSED },
	{ "cr3 bit 63", AT(system.cr3), 1ULL << 63, REFUSED },
	{ "cr3 bit 51", AT(system.cr3), 1ULL << 51, REFUSED },
	{ "gdt_base not canonical", AT(system.gdt_base), NONCANONICAL, REFUSED },
	{ "gdt_base in the kernel", AT(system.gdt_base), KERNEL, DONE },
	{ "idt_base not canonical", AT(system.idt_base), 1ULL << 62, REFUSED },
	{ "idt_base in the kernel", AT(system.idt_base), KERNEL, DONE },
	{ "tr_base not canonical", AT(system.tr_base), NONCANONICAL, REFUSED },
	{ "tr_base in the kernel", AT(system.tr_base), KERNEL, DONE },
	{ "gdt_limit and idt_limit all ones", AT(system.gdt_limit), ~0ULL, DONE },
	{ "gdt_limit and idt_limit 0", AT(system.gdt_limit), 0, DONE },
	{ "lstar in the kernel", AT(system.lstar), KERNEL, DONE },
	{ "lstar not canonical", AT(system.lstar), NONCANONICAL, REFUSED },
	{ "lstar not canonical, negative", AT(system.lstar), 0xdead000000000000, REFUSED },
	{ "kernel_gs_base in the kernel", AT(system.kernel_gs_base), KERNEL, DONE },
	{ "kernel_gs_base not canonical", AT(system.kernel_gs_base), NONCANONICAL, REFUSED },
	{ "kernel_gs_base not canonical, negative", AT(system.kernel_gs_base), 0xdead000000000000, REFUSED },
};

/* With TRAP(DB) the next instruction is the first to be trapped behind: a good IDT is needed. */
static void test_values(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		raw_start_traps(&raw, harmless, 0);
		memcpy((char *)raw.run + values[i].at, &values[i].value, 8);
		check(values[i].name, values[i].allowed);
	}
}

/* CR3 that leads to memory which is not a page table, or not there. */
static void test_cr3(void)
{
	uint64_t *page = raw_table(&raw);
	char *gone = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	raw_start_traps(&raw, harmless, 0);
	raw.run->system.cr3 |= 0xfe7;		/* all that is ignored there */
	check("cr3 with its low bits set", DONE);
	raw_start_traps(&raw, harmless, 0);
	raw.run->system.cr3 |= 0x18;
	check("cr3 uncached", DONE);

	memset(page, 0, PAGE);
	raw_start_traps(&raw, harmless, 0);
	raw.run->system.cr3 = raw_gpa(&raw, page);
	check("cr3 of a page of zeroes", TRIPLE);
	memset(page, 0xff, PAGE);
	raw_start_traps(&raw, harmless, 0);
	raw.run->system.cr3 = raw_gpa(&raw, page);
	check("cr3 of a page of ones", TRIPLE);

	munmap(gone, PAGE);
	raw_start_traps(&raw, harmless, 0);
	raw.run->system.cr3 = raw_gpa(&raw, gone);
	check("cr3 of a page that was unmapped", NESTED | TRIPLE);
	raw_start_traps(&raw, harmless, 0);
	raw.run->system.cr3 = raw_gpa(&raw, harmless) & ~0xfffULL;	/* code, which is read-only */
	check("cr3 of a page that is read-only", NESTED | TRIPLE | BAD_GPA);
}

/* ---- whole pages ------------------------------------------------------------------------ */

static uint64_t random_state = 88172645463325252ULL;

static uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* A value of those that are more often trouble than random ones. */
static uint64_t evil_value(void)
{
	const uint64_t pool[] = {
		0, 1, 2, 7, 0xfff, PAGE, RAW_RFLAGS, RAW_RFLAGS | 0x100, ~0ULL, 1ULL << 63, NONCANONICAL, NONCANONICAL - 1,
		0xffff800000000000, KERNEL, 0x7fffffff, 0xffffffff, 1ULL << 40, 1ULL << 51,
		(uintptr_t)harmless, (uintptr_t)raw.stack, (uintptr_t)raw.idt, (uintptr_t)raw.gdt, (uintptr_t)raw.tss,
		(uintptr_t)raw.run, random64(), random64() & 0xffffffff, random64() >> 17,
	};

	return pool[random64() % ARRAY_SIZE(pool)];
}

/* All that user space gives, and some more. */
static void fill(uint64_t (*value)(void))
{
	volatile uint64_t *words = (uint64_t *)raw.run;
	size_t i;

	for (i = 0; i < sizeof(*raw.run) / 8; i++)
		words[i] = value();
}

static uint64_t ones(void)
{
	return ~0ULL;
}

static uint64_t zeroes(void)
{
	return 0;
}

static void test_pages(void)
{
	unsigned int seen = 0, bad = 0, i, n;

	fill(ones);
	check("a page of ones", REFUSED);
	fill(zeroes);
	check("a page of zeroes", REFUSED);
	/* nothing is loaded, and so what is wrong there does not count */
	raw_start_traps(&raw, harmless, 0);
	fill(ones);
	raw.run->load = 0;
	raw.run->regs.rip = (uintptr_t)harmless;
	raw.run->regs.rsp = (uintptr_t)raw.stack;
	raw.run->regs.rflags = RAW_RFLAGS;
	check("only registers are loaded, all else is garbage", DONE);
	raw_start_traps(&raw, harmless, 0);
	raw.run->load |= 1 << 2;
	check("a bit in load that is the door's", INVALID);
	raw_start_traps(&raw, harmless, 0);
	raw.run->load |= DUNE_LOAD_SIGMASK;
	check("likewise the one of signals", INVALID);
	raw_start_traps(&raw, harmless, 0);
	raw.run->load |= 1 << 4;
	check("a bit in load that has no meaning", INVALID);
	raw_start_traps(&raw, harmless, 0);
	raw.run->load |= 1U << 31;
	check("the top bit in load", INVALID);

	raw_deadline(20000);
	for (i = 0; i < 1000; i++) {
		raw_start_traps(&raw, harmless, 0);
		/* few wrong values, or it never gets further than the first check */
		for (n = 1 + random64() % 4; n--; )
			((volatile uint64_t *)raw.run)[random64() % (AT(hw) / 8)] = evil_value();
		n = outcome(raw_ioctl(raw.vcpu, DUNE_RUN, NULL));
		seen |= n;
		bad += !n;
	}
	ok_eq(bad, 0, "1000 random images end in a way that the contract has");
	ok((seen & (DONE | TRAP(PF))) == (DONE | TRAP(PF)) && seen & REFUSED, "in more than one way (%#x)", seen);
	raw_deadline(0);
	ok(raw_good(&raw), "a good run after them");
}

/* ---- while it is read, and while it runs ---------------------------------------------------- */

static volatile bool over;

static void *scribble(void *arg)
{
	volatile uint64_t *words = (uint64_t *)raw.run;

	while (!over)
		words[random64() % (AT(hw) / 8)] = evil_value();
	return NULL;
}

/* Dune mode itself writes ones all over the run page, and goes on. */
static void scribble_inside(volatile uint64_t *words)
{
	for (size_t i = 0; i < PAGE / 8; i++)
		words[i] = ~0ULL;
	raw_vmcall(DUNE_HC_FLUSH, 0, 0, 0);
	raw_vmcall(RAW_HC_DONE, 0, 0, 0);
}

static void test_race(void)
{
	unsigned int i, got, bad = 0;
	pthread_t t;

	pthread_create(&t, NULL, scribble, NULL);
	raw_deadline(20000);
	for (i = 0; i < 4000; i++) {
		int ret;

		raw_start_traps(&raw, harmless, 0);
		if (i % 2)
			((volatile uint64_t *)raw.run)[random64() % (AT(hw) / 8)] = evil_value();
		ret = raw_ioctl(raw.vcpu, DUNE_RUN, NULL);
		/* what the page says now may be the other thread's word */
		bad += ret != 0 && ret != -EINVAL && ret != -EINTR;
	}
	over = true;
	raw_deadline(0);
	pthread_join(t, NULL);
	ok_eq(bad, 0, "4000 runs while another thread writes to the run page");
	ok(raw_good(&raw), "a good run after them");

	/*
	 * Where the run ends on the way, as when the thread goes to another CPU, the page that it
	 * wrote is what the next DUNE_RUN is given, and refuses.
	 */
	for (i = 0, got = INVALID; i < 20 && got == INVALID; i++) {
		raw_start(&raw, scribble_inside, (uintptr_t)raw.run);
		got = outcome(raw_go(&raw));
	}
	ok_eq(got, DONE, "Dune mode that writes to its run page");
	ok(raw_good(&raw), "a good run after it");
}

/* ---- a VCPU that never was loaded ------------------------------------------------------------- */

/* Each of these has its own process, for only the first run is the first. Returns the outcome's bit number. */
static int fresh_vcpu(void *arg)
{
	if (raw_open(&raw) || raw_traps(&raw))
		return 100;
	switch ((long)arg) {
	case 0:				/* the page as it comes */
		break;
	case 1:				/* registers that are right, and nothing else */
		raw_start_traps(&raw, harmless, 0);
		raw.run->load = 0;
		break;
	case 2:
		raw_start_traps(&raw, harmless, 0);
		raw.run->load = DUNE_LOAD_BASES;
		break;
	case 3:
		raw_start_traps(&raw, harmless, 0);
		raw.run->regs.rflags = 0;
		break;
	case 4:
		fill(ones);
		break;
	case 5:
		fill(ones);
		raw.run->load = 0;
		break;
	case 6:				/* an exit cannot give that back */
		raw_start_traps(&raw, harmless, 0);
		__asm__ volatile("mov %0, %%gs" : : "r"(RAW_USER_SS));
		break;
	}
	for (int i = 0; i < 3; i++) {
		raw_deadline(2000);
		if (!(outcome(raw_go(&raw)) & REFUSED))
			return 101 + i;
	}
	raw_deadline(0);
	__asm__ volatile("mov %0, %%gs" : : "r"(0));
	return raw_good(&raw) && raw_good(&raw) ? 0 : 110;
}

static void test_fresh(void)
{
	static const char *const names[] = {
		"a VCPU that was given nothing", "a VCPU that was given registers only",
		"a VCPU that was given registers and bases only", "a VCPU whose first rflags are zero",
		"a VCPU whose first page is ones", "a VCPU whose first registers are ones",
		"a thread that has a selector in GS",
	};
	long i;

	for (i = 0; i < (long)ARRAY_SIZE(names); i++)
		ok_eq(raw_child(fresh_vcpu, (void *)i, 10), 0, "%s: refused three times, then a good run", names[i]);
}

/* ---- the sibling --------------------------------------------------------------------------------- */

static volatile sig_atomic_t told_to_end;

static void tell(int signal)
{
	told_to_end = 1;
}

/* Runs until SIGTERM; status 0 if every run was good and there was one at least. */
static pid_t start_sibling(void)
{
	struct sigaction sa = { .sa_handler = tell };
	unsigned long runs = 0;
	pid_t pid = fork();

	if (pid)
		return pid;
	sigaction(SIGTERM, &sa, NULL);
	if (raw_open(&raw))
		_exit(2);
	for (; !told_to_end; runs++)
		if (!raw_good(&raw))
			_exit(1);
	printf("# the sibling made %lu runs\n", runs);
	fflush(stdout);
	_exit(runs ? 0 : 3);
}

static void stop_sibling(pid_t pid)
{
	int status = -1;

	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	ok_eq(status, 0, "a Dune program in another process noticed nothing");
}

int main(void)
{
	pid_t sibling;
	int ret;

	raw_health_begin(&health);
	sibling = start_sibling();
	test_fresh();
	ret = raw_open(&raw);
	if (ret || raw_traps(&raw))
		bail("cannot enter Dune mode: %s", strerror(-ret));
	test_values();
	test_cr3();
	test_pages();
	test_race();
	stop_sibling(sibling);
	raw_health_end(&health, &raw);
	raw_close(&raw);
	return tap_done();
}
