// SPDX-License-Identifier: GPL-2.0
/*
 * Into Dune mode and out of it: calls in the wrong place, threads that come and
 * go, exec, exit, and the ways it ends that nobody asked for. An exception
 * without a handler is the signal that Linux sends for it: each is done
 * natively and in Dune mode, and the outcomes are compared.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tap.h"

#define PAGE 4096UL

/* Seconds after which a child that should have ended is killed. */
#define PATIENCE 20

/* ---- Children ----------------------------------------------------------------- */

static void enter_or_exit(void)
{
	if (dune_init() || dune_enter())
		_exit(120);
}

/* The wait status of a child that runs @fn. */
static int status_of(void (*fn)(void), bool in_dune)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		alarm(PATIENCE);
		if (in_dune)
			enter_or_exit();
		fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static const char *status_text(int status)
{
	static char text[2][40];
	static int n;
	char *t = text[n++ & 1];

	if (WIFSIGNALED(status))
		snprintf(t, sizeof(text[0]), "SIG%s", sigabbrev_np(WTERMSIG(status)));
	else
		snprintf(t, sizeof(text[0]), "status %d", WEXITSTATUS(status));
	return t;
}

static int core_free(int status)
{
	return status & ~0x80;
}

/* ---- Exceptions without a handler ------------------------------------------------ */

static volatile char *bad_page;		/* beyond the end of its file */
static volatile char *read_only, *no_access;

#define DOES(name, insn) static void name(void) { __asm__ volatile(insn ::: "memory", "rax", "rcx", "rdx"); }
DOES(do_de, "xorl %%ecx, %%ecx; divl %%ecx")
DOES(do_db, "pushfq; orq $0x100, (%%rsp); popfq; nop")
DOES(do_bp, "int3")
DOES(do_int4, "int $4")
DOES(do_ud, "ud2")
DOES(do_gp, "movabs $0x8000000000000000, %%rax; movb (%%rax), %%al")
DOES(do_ss, "movabs $0x8000000000000000, %%rax; xchgq %%rax, %%rbp; movb (%%rbp), %%cl")
DOES(do_int21, "int $0x21")
DOES(do_intff, "int $0xff")
DOES(do_null, "xorl %%eax, %%eax; movb (%%rax), %%al")
DOES(do_jump, "movl $0x1000, %%eax; jmp *%%rax")
DOES(do_high, "movabs $0x7ffffffff000, %%rax; movb (%%rax), %%al")
DOES(do_mf, "pushq $0x37b; fldcw (%%rsp); popq %%rax; fldz; fld1; fdivp; fld1; fdiv %%st(1); fldz; fld1;"
     "fdiv %%st(1); fwait")
DOES(do_xm, "pushq $0x1d80; ldmxcsr (%%rsp); popq %%rax; movl $1, %%eax; cvtsi2sd %%eax, %%xmm0;"
     "xorps %%xmm1, %%xmm1; divsd %%xmm1, %%xmm0")

static void do_bus(void) { (void)*bad_page; }
static void do_bus_write(void) { *bad_page = 1; }
static void do_read_only(void) { *read_only = 1; }
static void do_no_access(void) { (void)*no_access; }
static void do_fetch(void) { ((void (*)(void))(uintptr_t)read_only)(); }

static __attribute__((noinline)) int endless(volatile char *above)
{
	volatile char frame[2048];

	frame[0] = *above;
	return *above == 77 ? 0 : endless(frame) + frame[0];	/* it never is */
}

static void do_overflow(void)
{
	char c = 0;

	endless(&c);
}

static const struct fault_case {
	const char *name;
	void (*run)(void);
} fault_cases[] = {
	{ "#DE", do_de }, { "#DB by TF", do_db }, { "#BP", do_bp }, { "INT 4", do_int4 },
	{ "#UD", do_ud }, { "#GP", do_gp }, { "#SS", do_ss }, { "#MF", do_mf }, { "#XM", do_xm },
	{ "INT 0x21", do_int21 }, { "INT 0xff", do_intff },
	{ "a read of 0", do_null }, { "a jump to nowhere", do_jump },
	{ "a read above all mappings", do_high },
	{ "a write to a read-only page", do_read_only }, { "a fetch from a page without PROT_EXEC", do_fetch },
	{ "a read of a PROT_NONE page", do_no_access },
	{ "a read beyond the end of a file", do_bus }, { "a write beyond the end of a file", do_bus_write },
	{ "endless recursion", do_overflow },
};
#define FAULT_CASES (sizeof(fault_cases) / sizeof(fault_cases[0]))

/* What a SA_SIGINFO handler was given, in shared memory. */
static struct told {
	int signo, code;
	void *addr;
} *told;

static void tell(int sig, siginfo_t *info, void *context)
{
	*told = (struct told){ sig, info->si_code, info->si_addr };
	_exit(77);
}

static char other_stack[65536];

static void listen_to_faults(void)
{
	static const int signals[] = { SIGFPE, SIGTRAP, SIGILL, SIGSEGV, SIGBUS };
	struct sigaction action = { .sa_sigaction = tell, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof(other_stack) };
	unsigned int i;

	sigaltstack(&stack, NULL);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

static struct told told_by(void (*fn)(void), bool in_dune)
{
	pid_t pid = fork();
	int status = -1;

	memset(told, 0, sizeof(*told));
	if (!pid) {
		alarm(PATIENCE);
		listen_to_faults();
		if (in_dune)
			enter_or_exit();
		fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 77)
		told->signo = -status;
	return *told;
}

static void make_bad_pages(void)
{
	int fd = memfd_create("short", MFD_CLOEXEC);

	bad_page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	read_only = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	no_access = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	close(fd);
}

static void test_signals(void)
{
	unsigned int i;

	for (i = 0; i < FAULT_CASES; i++) {
		const struct fault_case *c = &fault_cases[i];
		int native = status_of(c->run, false), dune = status_of(c->run, true);
		struct told n = told_by(c->run, false), d = told_by(c->run, true);

		ok(core_free(native) == core_free(dune) && WIFSIGNALED(native), "%s: %s; in Dune mode %s",
		   c->name, status_text(native), status_text(dune));
		ok(n.signo > 0 && n.signo == d.signo && n.code == d.code && n.addr == d.addr,
		   "%s: siginfo %d, %d, %p; in Dune mode %d, %d, %p", c->name, n.signo, n.code, n.addr,
		   d.signo, d.code, d.addr);
	}
}

/* ---- Death ------------------------------------------------------------------------- */

static void set_idt_limit_0(void)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) idt = { 0, 0 };

	__asm__ volatile("lidt %0" : : "m"(idt));
}

static long die_triple(void *arg)
{
	set_idt_limit_0();
	__asm__ volatile("int3");
	return 0;
}

/* The last frame of all: nobody has it yet. */
static long die_bad_gpa(void *arg)
{
	uint64_t cr3 = (uint64_t)dune_info()->frames << DUNE_FRAME_SHIFT;

	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
	return 0;
}

/* Without the page that #BP's frame goes to. */
static long die_double(void *arg)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) gdt;
	uint64_t *d, tss, *ist1;

	__asm__ volatile("sgdt %0" : "=m"(gdt));
	d = (uint64_t *)(gdt.base + 0x40);
	tss = (d[0] >> 16 & 0xffffff) | (d[0] >> 56) << 24 | d[1] << 32;
	ist1 = (uint64_t *)(tss + 36);
	*(volatile uint64_t *)ist1 = 0x8000000000000000UL;
	__asm__ volatile("int3");
	return 0;
}

static long die_mxcsr(void *arg)
{
	uint32_t mxcsr = 0x7f80;

	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	return die_triple(NULL);
}

static long live(void *arg)
{
	return dune_inside() ? (long)arg + getpid() : -1;
}

static void check_alive(const char *after)
{
	long result = 0;
	int err = dune_call(live, (void *)5, &result);

	ok(!err && result == 5 + getpid(), "dune_call() works after %s", after);
}

static void test_death(void)
{
	static const struct {
		const char *name;
		long (*fn)(void *);
		unsigned int reason, detail;
	} deaths[] = {
		{ "a triple fault", die_triple, DUNE_EXIT_TRIPLE_FAULT, 0 },
		{ "a bad CR3", die_bad_gpa, DUNE_EXIT_BAD_GPA, 0 },
		{ "a double fault", die_double, DUNE_EXIT_TRIPLE_FAULT, 8 },
		{ "a triple fault again", die_triple, DUNE_EXIT_TRIPLE_FAULT, 0 },
	};
	unsigned int i, before, mxcsr;
	int bad = 0;

	ok(!dune_death(), "no death so far");
	for (i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
		int err = dune_call(deaths[i].fn, NULL, NULL);
		const struct dune_run *run = dune_death();

		ok_eq(err, -ENOTRECOVERABLE, "%s: dune_call() says so", deaths[i].name);
		ok(run && run->reason == deaths[i].reason && run->detail == deaths[i].detail,
		   "dune_death(): %s, detail %u", run ? dune_reason_name(run->reason) : "?",
		   run ? run->detail : 0);
		ok(!dune_inside(), "in ordinary mode");
		check_alive(deaths[i].name);
	}
	__asm__ volatile("stmxcsr %0" : "=m"(before));
	dune_call(die_mxcsr, NULL, NULL);
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	ok_eq(mxcsr, before, "MXCSR is what it was before the call");
	for (i = 0; i < 100; i++)
		bad += dune_call(die_triple, NULL, NULL) != -ENOTRECOVERABLE || dune_call(live, NULL, NULL);
	ok_eq(bad, 0, "a hundred deaths and resurrections");
}

static void exit_42(const struct dune_run *run)
{
	_exit(run->reason == DUNE_EXIT_TRIPLE_FAULT && !dune_inside() ? 42 : 43);
}

static void shrug(const struct dune_run *run)
{
}

static void die(void)
{
	die_triple(NULL);
}

static void die_handled(void)
{
	dune_on_death(exit_42);
	die();
}

static void die_shrugged_off(void)
{
	dune_on_death(shrug);
	die();
}

static char dump[4096];

/* Status of @fn, what it writes to stderr to dump[]. */
static int dumped(void (*fn)(void))
{
	int ends[2], kept = dup(2), status;
	ssize_t n;

	if (pipe(ends))
		bail("pipe");
	dup2(ends[1], 2);
	status = status_of(fn, true);
	dup2(kept, 2);
	close(kept);
	close(ends[1]);
	n = read(ends[0], dump, sizeof(dump) - 1);
	dump[n > 0 ? n : 0] = 0;
	close(ends[0]);
	return core_free(status);
}

static void test_unguarded_death(void)
{
	ok_eq(dumped(die_handled), 42 << 8, "dune_on_death() is called in ordinary mode");
	ok_str(dump, "", "and nothing is printed");
	ok_eq(dumped(die_shrugged_off), SIGABRT, "if it returns, SIGABRT");
	ok_eq(dumped(die), SIGABRT, "without it: SIGABRT");
	ok(strstr(dump, dune_reason_name(DUNE_EXIT_TRIPLE_FAULT)) && strlen(dump) > 200,
	   "and a dump of %zu bytes that says %s", strlen(dump), dune_reason_name(DUNE_EXIT_TRIPLE_FAULT));
}

static int trap_again(struct dune_trap *trap)
{
	__asm__ volatile("int3");
	return DUNE_TRAP_DONE;
}

static void do_runaway_handler(void)
{
	dune_on_exception(DUNE_VECTOR_BP, trap_again, DUNE_GENERAL_REGS);
	__asm__ volatile("int3");
}

DOES(do_int13, "int $13")
DOES(do_int14, "int $14")
DOES(do_int8, "int $8")

/* A program can be this wrong in ring 0 only. It has to die, whichever way. */
static void test_suicides(void)
{
	static const struct fault_case ways[] = {
		{ "handlers without end", do_runaway_handler },
		{ "INT 13, which pushes no error code", do_int13 },
		{ "INT 14", do_int14 },
		{ "INT 8", do_int8 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		int status = dumped(ways[i].run);

		ok(WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM, "%s: dies (%s)", ways[i].name,
		   status_text(status));
	}
}

/* ---- Wrong places, other threads ------------------------------------------------------ */

static long enter_twice(void *arg)
{
	return dune_enter();
}

static long call_twice(void *arg)
{
	return dune_call(live, NULL, NULL);
}

static long from_host(void *fn)
{
	return dune_host_call(fn, NULL);
}

static void test_wrong_places(void)
{
	long result = 0;

	ok_eq(dune_init(), 0, "dune_init() a second time");
	ok_eq(dune_leave(), -EALREADY, "dune_leave() in ordinary mode");
	dune_call(enter_twice, NULL, &result);
	ok_eq(result, -EALREADY, "dune_enter() in Dune mode");
	dune_call(call_twice, NULL, &result);
	ok_eq(result, -EALREADY, "dune_call() in Dune mode");
	dune_call(from_host, enter_twice, &result);
	ok_eq(result, -EALREADY, "dune_enter() in a host call");
	dune_call(from_host, call_twice, &result);
	ok_eq(result, -EALREADY, "dune_call() in a host call");
}

static void *leave_by_return(void *arg)
{
	return (void *)(long)dune_enter();
}

static void *leave_by_sys_exit(void *arg)
{
	if (!dune_enter())
		syscall(SYS_exit, 0);
	return (void *)1;
}

static int descriptors(const char *named)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	char link[64];
	int n = 0;

	while (dir && (e = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		link[len > 0 ? len : 0] = 0;
		n += !!strstr(link, named);
	}
	if (dir)
		closedir(dir);
	return n;
}

static void test_threads(void)
{
	int i, bad = 0;
	void *ret;
	pthread_t t;

	for (i = 0; i < 300; i++) {
		ret = (void *)1;
		pthread_create(&t, NULL, leave_by_return, NULL);
		pthread_join(t, &ret);
		bad += ret != NULL;
	}
	ok_eq(bad, 0, "300 threads enter, and end in Dune mode");
	ok_eq(descriptors("dune"), 0, "none leaves a descriptor behind");
	pthread_create(&t, NULL, leave_by_sys_exit, NULL);
	ok_eq(pthread_join(t, &ret), 0, "one ends by exit(2) itself");
}

/* ---- The end of the process ------------------------------------------------------------- */

static volatile int inside;

static void *spin(void *arg)
{
	if (dune_enter())
		_exit(121);
	__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
	for (;;)
		__asm__ volatile("pause");
}

static void with_spinning_threads(void)
{
	pthread_t t;
	int i;

	dune_init();
	for (i = 0; i < 3; i++)
		pthread_create(&t, NULL, spin, NULL);
	while (inside < 3)
		sched_yield();
}

static void exit_outside(void) { with_spinning_threads(); _exit(7); }
static void exit_inside(void) { with_spinning_threads(); enter_or_exit(); exit(9); }
static void kill_inside(void) { with_spinning_threads(); enter_or_exit(); kill(getpid(), SIGTERM); pause(); }

static void exec_inside(void)
{
	execl("/proc/self/exe", "lifecycle", "after-exec", NULL);
}

static void exec_inside_with_threads(void)
{
	with_spinning_threads();
	enter_or_exit();
	exec_inside();
}

/* More of that in children.c. */
static void inherit_a_space(void)
{
	long result = 0;
	int status = -1;
	pid_t pid;

	dune_init();
	dune_call(live, (void *)5, NULL);
	pid = fork();
	if (!pid) {
		if (dune_init() || dune_inside() || dune_death() || dune_call(live, (void *)5, &result))
			_exit(6);
		_exit(result == 5 + getpid() && !dune_enter() && dune_inside() && !dune_leave() ? 5 : 7);
	}
	waitpid(pid, &status, 0);
	_exit(WEXITSTATUS(status));
}

/* A child's death is not its parent's. */
static void die_in_a_child(void)
{
	int status = -1;
	pid_t pid;

	dune_init();
	pid = fork();
	if (!pid)
		_exit(dune_call(die_triple, NULL, NULL) == -ENOTRECOVERABLE && dune_death() ? 5 : 6);
	waitpid(pid, &status, 0);
	_exit(dune_death() || dune_call(live, NULL, NULL) ? 7 : WEXITSTATUS(status));
}

static void test_process_end(void)
{
	ok_eq(status_of(exit_outside, false), 7 << 8, "exit_group() while three threads spin in Dune mode");
	ok_eq(status_of(exit_inside, false), 9 << 8, "exit() in Dune mode while three others spin there");
	ok_eq(status_of(kill_inside, false), SIGTERM, "SIGTERM to itself in Dune mode");
	ok_eq(status_of(exec_inside, true), 33 << 8, "execve() in Dune mode; no descriptor of ours after it");
	ok_eq(status_of(exec_inside_with_threads, false), 33 << 8, "with three threads in Dune mode");
	ok_eq(status_of(inherit_a_space, false), 5 << 8, "the child of a fork has a Dune mode of its own");
	ok_eq(status_of(die_in_a_child, false), 5 << 8, "which may die without its parent's");
}

int main(int argc, char **argv)
{
	struct rlimit no_core = { 0, 0 };
	int trace, err;

	if (argc > 1)
		return descriptors("dune") ? 34 : 33;
	setrlimit(RLIMIT_CORE, &no_core);
	/* What the kernel logs of such children looks like a complaint. */
	trace = open("/proc/sys/debug/exception-trace", O_WRONLY | O_CLOEXEC);
	if (trace >= 0 && write(trace, "0", 1) != 1)
		diag("exception-trace stays on");
	told = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	make_bad_pages();
	/* A child needs a space of its own, so these come before ours. */
	ok_eq(dune_enter(), -EINVAL, "dune_enter() before dune_init()");
	test_signals();
	test_unguarded_death();
	test_suicides();
	test_process_end();

	err = dune_init();
	if (err)
		bail("dune_init: %s", strerror(-err));
	test_death();
	test_wrong_places();
	test_threads();
	return tap_done();
}
