// SPDX-License-Identifier: GPL-2.0
/*
 * What a program, a tracer or a run page may do to registers that are lent to Linux and taken
 * back: whatever they say, it is this process alone that suffers.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/rseq.h>
#include <limits.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include "tap.h"
#include "door.h"
#include "doorchild.h"
#include "usage.h"

#define PAGE 4096UL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NOT_CANONICAL (1UL << 63)
#define KERNEL 0xffff888000000000UL
#define RESTARTSYS 512
#define PATIENCE 40.0

static struct raw raw;
static struct raw_health health;

static volatile struct { int started, stop, signals; } *flags;	/* shared with children */

__asm__(".pushsection .text\n"
	"spin: incl (%rdi); 1: pause; cmpl $0, 4(%rdi); je 1b; jmp raw_done\n"
	/* RCX is behind the SYSCALL */
	"native: syscall; native_next: jmp raw_done\n"
	"forever: jmp forever; forever_next: nop\n"
	"forever3: jmp forever3\n"
	"undefined: ud2; undefined_next: nop\n"
	/* getpid() by a VMCALL whose RCX says where to go on */
	"own_call: mov $39, %eax; own_stub: vmcall; jmp raw_done\n"
	"from_user: ud2\n"
	".popsection\n");
extern const char spin[] RAW_HIDDEN, native_next[] RAW_HIDDEN, forever_next[] RAW_HIDDEN, undefined[] RAW_HIDDEN,
	own_call[] RAW_HIDDEN, own_stub[] RAW_HIDDEN, from_user[] RAW_HIDDEN;

/* With exceptions, which end a run as well. */
static void start(const void *rip, uint64_t rdi)
{
	door_start(&raw, rip, rdi);
	raw.run->system.idt_base = (uintptr_t)raw.idt;
	raw.run->system.idt_limit = 0xfff;
	raw.run->system.gdt_base = (uintptr_t)raw.gdt;
	raw.run->system.gdt_limit = 0x7f;
	raw.run->system.tr_base = (uintptr_t)raw.tss;
}

#define TRAPPED 100	/* and the vector */
#define ENDED	60	/* and the reason */
#define REFUSED	50

/* How a run ended, as an exit status: 0 where it did as it should. */
static int outcome(long ret)
{
	const struct raw_trap *t = raw_trapped(&raw, (int)ret);

	if (t)
		return TRAPPED + (int)t->vector;
	if (ret)
		return REFUSED;
	return raw_is(&raw, 0, RAW_HC_DONE) ? 0 : ENDED + (int)raw.run->reason;
}

/* A run that ends for a signal is one in ring 3: go on. */
static int run(void)
{
	long ret;

	do
		ret = door_go_calls(&raw);
	while (!ret && raw.run->reason == DUNE_EXIT_INTR);
	return outcome(ret);
}

static int spin_inside(void)
{
	if (raw_traps(&raw))
		return 90;
	start(spin, (uintptr_t)flags);
	return run();
}

static pid_t begin(int (*fn)(void))
{
	double since = now();
	pid_t pid;

	flags->started = flags->stop = flags->signals = 0;
	pid = fork();
	if (!pid) {
		struct doorchild_args a = { &raw, fn };

		_exit(doorchild_main(&a));
	}
	while (!flags->started && now() - since < PATIENCE)
		usleep(1000);
	return pid;
}

static int end_of(pid_t pid)
{
	double since = now();
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (now() - since > PATIENCE) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return DOORCHILD_HUNG;
		}
		usleep(1000);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* ---- A tracer ------------------------------------------------------------------------------- */

#define TF	0x100UL
#define IF	0x200UL
#define WILD	(0x3000UL | 0x4000 | 0x10000 | 0x20000 | 0x40000 | 0x80000 | 0x100000 | 0x200000)

/* At @reg of user_regs_struct the @bits are exchanged. */
static const struct change {
	const char *what;
	size_t reg;
	uint64_t keep, value;
	int err;		/* of PTRACE_SETREGS */
	int end;
} changes[] = {
#define REG(name) offsetof(struct user_regs_struct, name)
	{ "nothing", REG(rax), -1UL, 0, 0, 0 },
	{ "RIP that is not canonical", REG(rip), 0, NOT_CANONICAL, 0, TRAPPED + 13 },
	{ "RIP at the edge", REG(rip), 0, 0x7fffffffffffUL, 0, TRAPPED + 14 },
	{ "RIP in the kernel", REG(rip), 0, KERNEL, 0, TRAPPED + 14 },
	{ "RIP 0", REG(rip), 0, 0, 0, TRAPPED + 14 },
	{ "RSP that is not canonical", REG(rsp), 0, NOT_CANONICAL, 0, 0 },
	{ "RSP in the kernel", REG(rsp), 0, KERNEL, 0, 0 },
	{ "IOPL, NT, RF, VM, AC, VIF, VIP and ID", REG(eflags), -1UL, WILD, 0, 0 },
	{ "all flags and no interrupts", REG(eflags), 0, ~(TF | IF), 0, 0 },
	{ "no flags", REG(eflags), 0, 0, 0, 0 },
	{ "TF", REG(eflags), -1UL, TF, 0, TRAPPED + 1 },
	{ "CS of the kernel", REG(cs), 0, 0x10, EIO, 0 },
	{ "no CS", REG(cs), 0, 0, EIO, 0 },
	{ "CS for 32-bit code", REG(cs), 0, 0x23, 0, -SIGSEGV },
	{ "CS that is not there", REG(cs), 0, 0xffff, 0, -SIGSEGV },
	{ "SS for code", REG(ss), 0, 0x33, 0, -SIGSEGV },
	{ "SS of the kernel", REG(ss), 0, 0x18, EIO, 0 },
	/* then it goes on in ordinary mode, with its VMCALL, which is #GP while VMX is on */
	{ "FS", REG(fs), 0, 0x2b, 0, -SIGSEGV },
	{ "GS", REG(gs), 0, 0x2b, 0, -SIGSEGV },
	{ "FS of the kernel", REG(fs), 0, 0x18, EIO, 0 },
	{ "DS", REG(ds), 0, 0x2b, 0, 0 },
	{ "FS base in the kernel", REG(fs_base), 0, KERNEL, EIO, 0 },
	{ "GS base in the kernel", REG(gs_base), 0, KERNEL, EIO, 0 },
	{ "GS base that is not canonical", REG(gs_base), 0, NOT_CANONICAL, EIO, 0 },
	{ "GS base of its own", REG(gs_base), 0, 0x12345000, 0, 0 },
	{ "a system call that there is none of", REG(orig_rax), 0, 0x7fffffff, 0, 0 },
	{ "RDI that is not canonical", REG(rdi), 0, NOT_CANONICAL, 0, TRAPPED + 13 },
	{ "RDI 0", REG(rdi), 0, 0, 0, TRAPPED + 14 },
};

/*
 * Where the program is. On its way back to the door, which is an instruction long, a thread can be
 * found there instead: then once more.
 */
static bool stop(pid_t pid, struct user_regs_struct *regs)
{
	int status, i;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
		return false;
	for (i = 0; i < 5; i++) {
		if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) || waitpid(pid, &status, 0) != pid ||
		    !WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, pid, NULL, regs))
			return false;
		if (regs->rip - (uintptr_t)spin < 32)
			return true;
		ptrace(PTRACE_CONT, pid, NULL, NULL);
	}
	return false;
}

static void test_change(const struct change *c)
{
	struct user_regs_struct regs = { 0 };
	pid_t pid = begin(spin_inside);
	uint64_t *reg = (void *)((char *)&regs + c->reg);
	bool stopped = stop(pid, &regs), program = regs.rip - (uintptr_t)spin < 32;
	int err, end;

	*reg = (*reg & c->keep) | c->value;
	err = ptrace(PTRACE_SETREGS, pid, NULL, &regs) ? errno : 0;
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	usleep(10000);
	flags->stop = 1;
	end = end_of(pid);
	/* a fetch that faults is the program's own #PF, or, where it is still lent, Linux's signal */
	if (c->reg == offsetof(struct user_regs_struct, rip) && c->end == TRAPPED + 14 && end == -SIGSEGV)
		end = c->end;
	if (!ok(stopped && program && err == c->err && end == c->end, "a tracer sets %s", c->what))
		diag("  stopped %d, at the program %d, SETREGS %d, ended with %d (want %d, %d)", stopped, program, err,
		     end, c->err, c->end);
}

/* As a call that was interrupted: two bytes back. */
static void test_restart(void)
{
	struct user_regs_struct regs = { 0 };
	pid_t pid = begin(spin_inside);
	bool stopped = stop(pid, &regs);

	regs.orig_rax = SYS_getpid;
	regs.rax = -RESTARTSYS;
	regs.rip = (uintptr_t)spin + 2;
	ptrace(PTRACE_SETREGS, pid, NULL, &regs);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	usleep(10000);
	flags->stop = 1;
	ok(stopped && end_of(pid) == 0 && flags->started == 2, "a tracer has Linux step back over a system call");
}

static void test_tracer(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(changes); i++)
		test_change(&changes[i]);
	test_restart();
}

/* ---- Native calls ----------------------------------------------------------------------------- */

/* The program is said to be behind a SYSCALL that is at @where. */
static void start_native(uint64_t where)
{
	start(door_stub + 3, 0);
	raw.run->load |= DUNE_LOAD_NATIVE;
	raw.run->regs.rcx = where + 2;
	raw.run->regs.r11 = RAW_RFLAGS;
}

static int native_at(uint64_t where)
{
	alarm(1);
	if (raw_traps(&raw))
		return 90;
	start_native(where);
	return run();
}

static int native_nowhere(void)
{
	return native_at(NOT_CANONICAL);
}

static int native_in_kernel(void)
{
	return native_at(KERNEL);
}

static int native_at_0(void)
{
	return native_at(0);
}

static int native_for_ever(void)
{
	return native_at((uintptr_t)forever_next - 2);
}

static int native_undefined(void)
{
	return native_at((uintptr_t)undefined);
}

/* There it jumps through the door again, for the VCPU that is lent ... */
static int native_door(void)
{
	int ret;

	if (raw_traps(&raw))
		return 90;
	start_native((uintptr_t)door);
	raw.run->regs.rdi = (uintptr_t)raw.run;
	raw.run->regs.rsi = (uintptr_t)raw_done;
	raw.run->regs.rdx = DUNE_DOOR_RUN;
	ret = run();
	return ret ? ret : (long)raw.run->regs.rsi == -EBUSY ? 0 : 1;
}

/* ... or for another, which runs, and may be lent as well. */
static struct raw second(void)
{
	struct dune_create_vcpu v = { .size = sizeof(v) };
	struct raw r = raw;

	r.vcpu = raw_ioctl(raw.space, DUNE_CREATE_VCPU, &v);
	r.run = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, r.vcpu, 0);
	raw_map(&raw, r.run);
	return r;
}

static int native_other(bool lent)
{
	struct raw other;
	int ret;

	alarm(10);
	if (raw_traps(&raw))
		return 90;
	other = second();
	door_start(&other, lent ? door_stub + 3 : raw_done, 0);
	if (lent) {
		other.run->load |= DUNE_LOAD_NATIVE;
		other.run->regs.rcx = (uintptr_t)native_next;
		other.run->regs.r11 = RAW_RFLAGS;
		other.run->regs.rax = SYS_getppid;
	}
	start_native((uintptr_t)door);
	raw.run->regs.rdi = (uintptr_t)other.run;
	raw.run->regs.rsi = (uintptr_t)raw_done;
	raw.run->regs.rdx = DUNE_DOOR_RUN;
	ret = run();
	return ret ? ret : !raw.run->regs.rsi || (lent && raw.run->regs.rsi == (uint64_t)getppid()) ? 0 : 1;
}

/*
 * Should there be work for Linux just then, the other is lent too, and it is as
 * below: the first comes back with what was to be the other's way, an INT3.
 */
static int native_second(void)
{
	int ret = native_other(false);

	return ret == TRAPPED + 3 ? 0 : ret;
}

static int native_second_lent(void)
{
	return native_other(true);
}

/* ---- Where calls are said to come from ---------------------------------------------------------- */

static int own_stub_to(uint64_t rcx)
{
	if (raw_traps(&raw))
		return 90;
	start(own_call, 0);
	raw.run->syscall_stub = (uintptr_t)own_stub;
	raw.run->regs.rcx = rcx;
	return run();
}

static int stub_to_code(void)
{
	return own_stub_to((uintptr_t)raw_done);
}

static int stub_to_nowhere(void)
{
	return own_stub_to(NOT_CANONICAL);
}

static int stub_with_flags(void)
{
	if (raw_traps(&raw))
		return 90;
	start(own_call, 0);
	raw.run->syscall_stub = (uintptr_t)own_stub;
	raw.run->regs.rcx = (uintptr_t)raw_done;
	raw.run->regs.r11 = -1UL;
	return run();
}

/* In ring 3 the VMCALL is undefined. */
static int stub_to_ring3(void)
{
	if (raw_traps(&raw))
		return 90;
	start(own_call, 0);
	raw.run->ring3_stub = (uintptr_t)own_stub;
	raw.run->regs.rcx = (uintptr_t)from_user;
	raw.run->regs.r11 = RAW_RFLAGS;
	return run();
}

static int stubs_elsewhere(void)
{
	static const uint64_t where[] = { 0, 1, NOT_CANONICAL, KERNEL, -1UL, (uintptr_t)&raw };

	for (unsigned int i = 0; i < ARRAY_SIZE(where) * ARRAY_SIZE(where); i++) {
		door_start(&raw, raw_good_code, (uintptr_t)raw.tables[RAW_TABLES - 1]);
		raw.run->syscall_stub = where[i / ARRAY_SIZE(where)];
		raw.run->ring3_stub = where[i % ARRAY_SIZE(where)];
		if (run())
			return 1;
	}
	return 0;
}

/* Every word that libdune may leave there. */
static int upcalls_garbage(void)
{
	unsigned int i, n;

	for (i = 0; i < 64; i++) {
		door_start(&raw, raw_good_code, (uintptr_t)raw.tables[RAW_TABLES - 1]);
		raw.run->upcalls = i < 32 ? 1U << i : i < 63 ? i * 0x9e3779b9U : -1U;
		for (n = 0; n < 20; n++)
			if (door_go_calls(&raw) || raw_is(&raw, 0, RAW_HC_DONE))
				break;
		if (!raw_is(&raw, 0, RAW_HC_DONE))
			return 1 + (int)i;
	}
	return 0;
}

/* ---- Code that is said to be critical -------------------------------------------------------------- */

static void on_signal(int sig)
{
	flags->signals++;
}

static int critical_everywhere(void)
{
	signal(SIGUSR1, on_signal);
	if (raw_traps(&raw))
		return 90;
	start(spin, (uintptr_t)flags);
	raw.run->critical_end = -1UL;
	return run();
}

static double wait_until(bool (*cond)(pid_t pid), pid_t pid)
{
	double since = now();

	while (!cond(pid) && now() - since < PATIENCE)
		usleep(1000);
	return now() - since;
}

static bool has_signals(pid_t pid)
{
	return flags->signals;
}

static bool has_stopped(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WNOHANG | WUNTRACED) == pid;
}

/* It is put off for a while, never for good. */
static void test_critical(void)
{
	pid_t pid = begin(critical_everywhere);
	double took;

	kill(pid, SIGUSR1);
	took = wait_until(has_signals, pid);
	ok(took < PATIENCE, "all is critical: a handler runs, after %.1f s", took);
	kill(pid, SIGSTOP);
	took = wait_until(has_stopped, pid);
	ok(took < PATIENCE, "it stops, after %.1f s", took);
	kill(pid, SIGCONT);
	took = now();
	kill(pid, SIGKILL);
	ok_eq(end_of(pid), -SIGKILL, "it is killed");
	ok(now() - took < 2, "at once (%.3f s)", now() - took);
}

/* ---- Exceptions that are none --------------------------------------------------------------------- */

static struct dune_signal sent;

__asm__(".pushsection .text\n"
	"send_it: mov $0x44756e65fffff002, %rax; vmcall; jmp raw_done\n"	/* DUNE_HC_SIGNAL */
	".popsection\n");
extern const char send_it[] RAW_HIDDEN;

static long send_from(const void *s)
{
	int ret;

	start(send_it, (uintptr_t)s);
	ret = run();
	if (ret)
		diag("  ended with %d, RIP %#llx", ret, raw.run->regs.rip);
	return ret ? 1000 : (long)raw.run->regs.rsi;
}

static void test_sent_refused(void)
{
	static const int signals[] = { -1, 1, SIGKILL, SIGSTOP, SIGUSR1, SIGALRM, 32, 63, 64, 65, 128 + SIGSEGV,
				       0x10000 + SIGSEGV, INT_MAX, INT_MIN };
	static const int codes[] = { 0, -1, -2, -3, -6, -60, INT_MIN };
	unsigned int i, bad = 0;

	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		sent = (struct dune_signal){ .signo = signals[i], .code = SEGV_MAPERR };
		bad += send_from(&sent) != -EINVAL;
	}
	ok_eq(bad, 0, "DUNE_HC_SIGNAL: %zu signals that are no exceptions", ARRAY_SIZE(signals));
	for (i = bad = 0; i < ARRAY_SIZE(codes); i++) {
		sent = (struct dune_signal){ .signo = SIGSEGV, .code = codes[i] };
		bad += send_from(&sent) != -EINVAL;
	}
	ok_eq(bad, 0, "%zu codes that processes send", ARRAY_SIZE(codes));
	ok_eq(send_from(NULL), -EFAULT, "from nowhere");
	ok_eq(send_from((void *)KERNEL), -EFAULT, "from the kernel");
	ok_eq(send_from((void *)(0x7ffffffff000UL - 8)), -EFAULT, "from the edge");
	sent = (struct dune_signal){ .signo = 0 };
	raw_start(&raw, send_it, (uintptr_t)&sent);
	ok(!raw_go_calls(&raw) && (long)raw.run->regs.rsi == -EINVAL, "to try natively, in DUNE_RUN");
}

static void check_info(int sig, siginfo_t *info, void *context)
{
	_exit(info->si_signo == (int)sent.signo && info->si_code == sent.code && info->si_addr == (void *)sent.addr ? 0 : 1);
}

static int send_here(void)
{
	struct sigaction action = { .sa_sigaction = check_info, .sa_flags = SA_SIGINFO };

	if (raw_traps(&raw))
		return 90;
	sigaction(sent.signo, &action, NULL);
	send_from(&sent);
	return 2;
}

/* The kernel's own codes, and some that it has not. */
static void test_sent_codes(void)
{
	static const struct { int sig, code; } to_send[] = {
		{ SIGSEGV, SEGV_MAPERR }, { SIGSEGV, SEGV_BNDERR }, { SIGSEGV, SEGV_PKUERR }, { SIGSEGV, 99 },
		{ SIGBUS, BUS_MCEERR_AR }, { SIGBUS, BUS_MCEERR_AO }, { SIGTRAP, TRAP_HWBKPT }, { SIGTRAP, 6 },
		{ SIGILL, 127 }, { SIGFPE, 129 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(to_send); i++) {
		sent = (struct dune_signal){
			.regs = { .rip = (uintptr_t)spin },
			.signo = to_send[i].sig, .code = to_send[i].code, .addr = 0x1234,
			.trapno = -1U, .error = -1U, .cr2 = -1UL,
		};
		/* on the stack of this function, which the child has as well */
		sent.regs.rsp = (uintptr_t)__builtin_frame_address(0) - 65536;
		ok_eq(doorchild_run(&raw, send_here), 0, "DUNE_HC_SIGNAL: signal %d with code %d", to_send[i].sig,
		      to_send[i].code);
	}
}

static int send_wild(uint64_t rip, uint64_t rsp, uint64_t flags, uint64_t cs, bool handled)
{
	struct sigaction action = { .sa_sigaction = check_info, .sa_flags = SA_SIGINFO };

	memset(&sent, -1, sizeof(sent));
	sent.signo = SIGSEGV;
	sent.code = SEGV_MAPERR;
	sent.regs.rip = rip;
	sent.regs.rsp = rsp;
	sent.regs.rflags = flags;
	sent.regs.cs = cs;
	if (handled)
		sigaction(SIGSEGV, &action, NULL);
	if (raw_traps(&raw))
		return 90;
	send_from(&sent);
	return 2;
}

static int send_flags(void)
{
	return send_wild(NOT_CANONICAL, (uintptr_t)__builtin_frame_address(0) - 65536, -1UL & ~TF, 0x10, true);
}

/* To ring 3, where the handler's SYSCALL ends in door_stub's VMCALL, in ring 0. */
static int send_ring3(void)
{
	return send_wild(-1UL, (uintptr_t)__builtin_frame_address(0) - 65536, RAW_RFLAGS, -1UL, true);
}

static int send_no_stack(void)
{
	return send_wild(-1UL, NOT_CANONICAL, -1UL, -1UL, true);
}

static int send_unhandled(void)
{
	return send_wild(-1UL, -1UL, -1UL, -1UL, false);
}

static int try_natively(void)
{
	if (raw_traps(&raw))
		return 90;
	memset(&sent, 0, sizeof(sent));
	sent.regs.rip = (uintptr_t)undefined;
	sent.regs.rflags = -1UL & ~TF;
	send_from(&sent);
	return 2;
}

static int try_nowhere(void)
{
	memset(&sent, -1, sizeof(sent));
	sent.signo = 0;
	if (raw_traps(&raw))
		return 90;
	send_from(&sent);
	return 2;
}

/* ---- Bases ------------------------------------------------------------------------------------------- */

static uint64_t base;

static bool has_fsgsbase(void)
{
	unsigned int a, b, c, d;

	__asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
	return b & 1;
}

/* What GS base has the thread, while this is lent? */
static int lent_gs_base(uint64_t gs)
{
	int ret;

	start_native((uintptr_t)native_next - 2);
	raw.run->gs_base = gs;
	raw.run->regs.rax = SYS_arch_prctl;
	raw.run->regs.rdi = ARCH_GET_GS;
	raw.run->regs.rsi = (uintptr_t)&base;
	base = 1;
	ret = run();
	syscall(SYS_arch_prctl, ARCH_SET_GS, 0);
	return ret;
}

/* Where programs cannot set it, Linux knows its own by its sign. */
static int kernel_gs_base(void)
{
	if (raw_traps(&raw) || lent_gs_base(0x12345000) || base != 0x12345000)
		return 1;
	if (lent_gs_base(KERNEL))
		return 2;
	return base == (has_fsgsbase() ? KERNEL : 0) ? 0 : 3;
}

static int wrong_gs_base(void)
{
	if (raw_traps(&raw))
		return 90;
	/* what the thread has comes back with it */
	if (lent_gs_base(NOT_CANONICAL) || base)
		return 1;
	start(raw_done, 0);
	raw.run->gs_base = NOT_CANONICAL;
	if (run() != ENDED + DUNE_EXIT_BAD_STATE)
		return 2;
	return door_good(&raw) ? 0 : 3;
}

/* ---- What else a thread has told Linux --------------------------------------------------------------- */

extern const ptrdiff_t __rseq_offset __attribute__((weak));

static struct rseq *rseq_area(void)
{
	return (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

static struct rseq_cs section __attribute__((aligned(32)));

static int rseq_with(uint64_t cs)
{
	if (raw_traps(&raw))
		return 90;
	alarm(20);
	start(spin, (uintptr_t)flags);
	rseq_area()->rseq_cs = cs;
	return run();
}

static int rseq_in_kernel(void)
{
	return rseq_with(KERNEL);
}

static int rseq_nowhere(void)
{
	return rseq_with(8);
}

/* It would be at the program, and goes on where no signature is. */
static int rseq_unsigned(void)
{
	section = (struct rseq_cs){ .start_ip = (uintptr_t)spin, .post_commit_offset = 32, .abort_ip = (uintptr_t)raw_done };
	return rseq_with((uintptr_t)&section);
}

static struct robust_list_head robust;
static struct robust_list links[2];

__asm__(".pushsection .text\n"
	"exit_inside: xor %edi, %edi; mov $60, %eax; syscall; ud2\n"
	".popsection\n");
extern const char exit_inside[] RAW_HIDDEN;

static int exit_with_robust(struct robust_list *first, long offset)
{
	robust = (struct robust_list_head){ .list = { first }, .futex_offset = offset, .list_op_pending = first };
	links[0].next = &links[1];
	links[1].next = &links[0];
	if (raw_traps(&raw) || syscall(SYS_set_robust_list, &robust, sizeof(robust)))
		return 90;
	start(exit_inside, 0);
	run();
	return 2;
}

static int robust_circle(void)
{
	return exit_with_robust(&links[0], 0);
}

static int robust_in_kernel(void)
{
	return exit_with_robust((void *)KERNEL, 0);
}

static int robust_at_run_page(void)
{
	return exit_with_robust((void *)raw.run, 0);
}

static int robust_at_door(void)
{
	return exit_with_robust(door, 8);
}

/* ---- Signals all the time ------------------------------------------------------------------------------ */

static int storm(void)
{
	struct itimerval often = { { 0, 300 }, { 0, 300 } };

	if (raw_traps(&raw))
		return 90;
	signal(SIGALRM, on_signal);
	signal(SIGVTALRM, on_signal);
	signal(SIGPROF, on_signal);
	start(spin, (uintptr_t)flags);
	setitimer(ITIMER_REAL, &often, NULL);
	setitimer(ITIMER_VIRTUAL, &often, NULL);
	setitimer(ITIMER_PROF, &often, NULL);
	return run();
}

static void test_storm(void)
{
	pid_t pid = begin(storm);
	double since = now();

	while (flags->signals < 300 && now() - since < PATIENCE)
		usleep(1000);
	flags->stop = 1;
	ok_eq(end_of(pid), 0, "three timers: %d signals handled inside", flags->signals);
	ok(flags->signals >= 300, "and it goes on");
}

static const struct doorchild children[] = {
	{ "a native call at no address: SIGSEGV", native_nowhere, -SIGSEGV },
	{ "in the kernel: SIGSEGV", native_in_kernel, -SIGSEGV },
	{ "at 0: taken back at once", native_at_0, TRAPPED + 14 },
	{ "code that never goes on: any signal ends it", native_for_ever, -SIGALRM },
	{ "no call at all: SIGILL", native_undefined, -SIGILL },
	{ "the door, for the same VCPU: EBUSY", native_door, 0 },
	{ "the door, for another", native_second, 0 },
	/* both are taken back, the one with the other's registers: its way to the door, an INT3 */
	{ "which is lent as well: SIGTRAP", native_second_lent, -SIGTRAP },
	{ "a stub of its own", stub_to_code, 0 },
	{ "which leads to no address", stub_to_nowhere, TRAPPED + 13 },
	{ "one for ring 3", stub_to_ring3, TRAPPED + 6 },
	{ "stubs anywhere", stubs_elsewhere, 0 },
	{ "a stub with all flags", stub_with_flags, ENDED + DUNE_EXIT_BAD_STATE },
	{ "any word of upcalls", upcalls_garbage, 0 },
	{ "DUNE_HC_SIGNAL with any flags: the handler runs", send_flags, 0 },
	{ "in ring 3: likewise", send_ring3, 0 },
	{ "without a stack: SIGSEGV", send_no_stack, -SIGSEGV },
	{ "without a handler: SIGSEGV", send_unhandled, -SIGSEGV },
	{ "an instruction tried natively: SIGILL", try_natively, -SIGILL },
	{ "at no address: SIGSEGV", try_nowhere, -SIGSEGV },
	{ "a GS base in the kernel's half", kernel_gs_base, 0 },
	{ "one that is not canonical", wrong_gs_base, 0 },
	{ "a restartable sequence in the kernel: SIGSEGV", rseq_in_kernel, -SIGSEGV },
	{ "at no address: SIGSEGV", rseq_nowhere, -SIGSEGV },
	{ "without a signature: SIGSEGV", rseq_unsigned, -SIGSEGV },
	{ "exit inside with a robust list that is a circle", robust_circle, 0 },
	{ "that is in the kernel", robust_in_kernel, 0 },
	{ "at the run page", robust_at_run_page, 0 },
	{ "at the door", robust_at_door, 0 },
};

int main(void)
{
	int ret;

	flags = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	doorchild_quiet();
	raw_health_begin(&health);
	test_tracer();
	doorchild_all(&raw, children, ARRAY_SIZE(children));
	test_critical();
	test_storm();
	test_sent_codes();
	ret = raw_open(&raw);
	if (!ret)
		ret = door_open(&raw);
	if (ret || raw_traps(&raw))
		bail("cannot enter Dune mode: %s", strerror(-ret));
	test_sent_refused();
	raw_health_end(&health, &raw);
	return tap_done();
}
