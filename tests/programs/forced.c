// SPDX-License-Identifier: GPL-2.0
/*
 * A fault's signal comes whatever the program does about it: a tracer is told the same of it where it is
 * handled, left alone, ignored or blocked, and what was in its way is so no more.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdbool.h>

#include "tracing.h"

enum way { HANDLED, DEFAULT, IGNORED, BLOCKED, BLOCKED_HANDLED, BLOCKED_IGNORED, WAYS };

static const char *const ways[WAYS] = {
	"handled", "left alone", "ignored", "blocked", "blocked and handled", "blocked and ignored",
};

static bool is_blocked(enum way way)
{
	return way >= BLOCKED;
}

static bool is_handled(enum way way)
{
	return way == HANDLED || way == BLOCKED_HANDLED;
}

static bool is_forced(enum way way)
{
	return is_blocked(way) || way == IGNORED;
}

/* fault_NAME: the instruction, with RAX = ADDRESS. */
#define ADDRESS	0x18
#define FAULT(name, before, insn)						\
	void fault_##name(void);						\
	extern const char fault_##name##_at[];					\
	__asm__(".pushsection .text\n"						\
		"fault_" #name ":\n\tmovl $0x18, %eax\n\t" before "\n"		\
		"fault_" #name "_at:\n\t" insn "\n\tret\n"			\
		".popsection")

FAULT(read, "", "movb (%rax), %al");
FAULT(noncanonical, "shlq $58, %rax", "movb (%rax), %al");
FAULT(div, "xorl %ecx, %ecx", "divl %ecx");
FAULT(ud2, "", "ud2");
FAULT(bus, "movq behind_end(%rip), %rax", "movb $1, (%rax)");

static char *behind_end __attribute__((used));

static const struct fault {
	const char *name;
	void (*run)(void);
	const char *at;
	int sig, code;
	const void *addr;
} faults[] = {
	{ "a read of no memory", fault_read, fault_read_at, SIGSEGV, SEGV_MAPERR, (void *)ADDRESS },
	{ "a bad address", fault_noncanonical, fault_noncanonical_at, SIGSEGV, SI_KERNEL, NULL },
	{ "a division by 0", fault_div, fault_div_at, SIGFPE, FPE_INTDIV, fault_div_at },
	{ "UD2", fault_ud2, fault_ud2_at, SIGILL, ILL_ILLOPN, fault_ud2_at },
	{ "a write behind a file's end", fault_bus, fault_bus_at, SIGBUS, BUS_ADRERR, NULL },
};

#define NFAULTS	(sizeof(faults) / sizeof(faults[0]))

/* ---- In the child --------------------------------------------------------------- */

static const struct fault *the_fault;
static enum way the_way;

static void on_fault(int sig)
{
	_exit(55);
}

static void prepare(int sig, enum way way)
{
	sigset_t set;

	signal(sig, is_handled(way) ? on_fault :
	       way == IGNORED || way == BLOCKED_IGNORED ? SIG_IGN : SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(is_blocked(way) ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static void do_fault(void)
{
	prepare(the_fault->sig, the_way);
	the_fault->run();
}

/* ---- What the tracer sees ---------------------------------------------------------- */

/* Bit @sig of the set that /proc calls @name. */
static bool in_set(pid_t pid, const char *name, int sig)
{
	unsigned long long set = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			set = strtoull(line + strlen(name) + 1, NULL, 16);
	if (file)
		fclose(file);
	return set >> (sig - 1) & 1;
}

static void check_siginfo(pid_t pid, const struct fault *f, enum way way)
{
	const void *addr = f->run == fault_bus ? behind_end : f->addr;
	siginfo_t si = { 0 };
	regs_t r = regs_of(pid);

	ptrace(PTRACE_GETSIGINFO, pid, NULL, &si);
	if (!ok(si.si_signo == f->sig && si.si_code == f->code && si.si_addr == addr,
		"%s, %s: si_code %d and si_addr", f->name, ways[way], f->code))
		diag("  got signal %d, code %d, address %p; want %d, %d, %p", si.si_signo, si.si_code,
		     si.si_addr, f->sig, f->code, addr);
	ok_eq(r.rip, (unsigned long)f->at, "%s, %s: RIP", f->name, ways[way]);
}

static void check_sets(pid_t pid, const struct fault *f, enum way way)
{
	ok(!in_set(pid, "SigBlk", f->sig) && !in_set(pid, "SigIgn", f->sig) &&
	   in_set(pid, "SigCgt", f->sig) == (is_handled(way) && !is_forced(way)) &&
	   !in_set(pid, "SigPnd", f->sig) && !in_set(pid, "ShdPnd", f->sig),
	   "%s, %s: nothing is in its way any more, and it does not come twice", f->name, ways[way]);
}

/* One that the tracer keeps from the program: the instruction is executed again. */
static void check_again(pid_t pid, const struct fault *f, enum way way)
{
	if (stopped_by(go_on(PTRACE_CONT, pid, 0), f->sig))
		check_siginfo(pid, f, way);
	else
		ok(0, "%s, %s: again", f->name, ways[way]);
}

static void check(const struct fault *f, enum way way)
{
	pid_t pid;
	int st;

	the_fault = f;
	the_way = way;
	pid = tracee(do_fault, 0);
	st = go_on(PTRACE_CONT, pid, 0);
	if (!ok(stopped_by(st, f->sig), "%s, %s: signal %d", f->name, ways[way], f->sig)) {
		diag("  status %#x", st);
		kill(pid, SIGKILL);
		return;
	}
	check_siginfo(pid, f, way);
	check_sets(pid, f, way);
	check_again(pid, f, way);
	st = go_on(PTRACE_CONT, pid, f->sig);
	if (is_handled(way) && !is_forced(way))
		ok(WIFEXITED(st) && WEXITSTATUS(st) == 55, "%s, %s: the handler runs", f->name, ways[way]);
	else
		ok(WIFSIGNALED(st) && WTERMSIG(st) == f->sig, "%s, %s: it kills", f->name, ways[way]);
}

/* ---- One that waits already ----------------------------------------------------------- */

static void raise_and_fault(void)
{
	prepare(SIGSEGV, BLOCKED);
	syscall(SYS_tgkill, getpid(), gettid_(), SIGSEGV);
	fault_read();
}

/* Two of a kind are one: what came first is what is told. */
static void test_waits(void)
{
	pid_t pid = tracee(raise_and_fault, 0);
	siginfo_t si = { 0 };
	int st = go_on(PTRACE_CONT, pid, 0);

	ptrace(PTRACE_GETSIGINFO, pid, NULL, &si);
	ok(stopped_by(st, SIGSEGV) && si.si_code == SI_TKILL && si.si_pid == pid,
	   "one that was sent and waits: the tracer is told who sent it");
	ok_eq(regs_of(pid).rip, (unsigned long)fault_read_at, "one that waits: RIP is the fault's");
	st = go_on(PTRACE_CONT, pid, SIGSEGV);
	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV, "one that waits: it kills");
}

/* ---- The first process of a PID namespace --------------------------------------------- */

static void test_first(enum way way)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
	int st;

	if (pid < 0) {
		skip(1, "no PID namespace: %s", strerror(errno));
		return;
	}
	if (!pid) {
		prepare(SIGSEGV, way);
		fault_read();
		_exit(0);
	}
	st = status_of(pid);
	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV, "in a PID namespace's first process, %s: it kills",
	   ways[way]);
}

static void map_file(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = memfd_create("short", MFD_CLOEXEC);
	char *file = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (file == MAP_FAILED || ftruncate(fd, (off_t)page))
		bail("a file of one page: %s", strerror(errno));
	behind_end = file + page;
	close(fd);
}

int main(void)
{
	map_file();
	for (size_t i = 0; i < NFAULTS; i++)
		for (enum way way = 0; way < WAYS; way++)
			check(&faults[i], way);
	test_waits();
	test_first(DEFAULT);
	test_first(IGNORED);
	test_first(BLOCKED);
	return tap_done();
}
