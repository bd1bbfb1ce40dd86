// SPDX-License-Identifier: GPL-2.0
/*
 * Signals from faults: what si_code, si_addr and the saved registers say about each,
 * and that a handler may go on behind the faulting instruction.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <setjmp.h>
#include <stdint.h>
#include <ucontext.h>

#include "child.h"

#define PAGE	4096UL
#define TF	0x100L
#define ANY	(-12345L)

/* fault_NAME() does @insn, at fault_NAME_at, with @addr in RAX, and goes on at fault_NAME_on. */
#define STUB(name, before, insn, after)						\
	void fault_##name(unsigned long addr);					\
	extern const char fault_##name##_at[], fault_##name##_on[];		\
	__asm__(".pushsection .text\n"						\
		"fault_" #name ":\n\tmovq %rdi, %rax\n\t" before "\n"		\
		"fault_" #name "_at:\n\t" insn "\n"				\
		"fault_" #name "_on:\n\t" after "\n\tret\n"			\
		".popsection")

__attribute__((used)) static const float zero = 0, one = 1, tiny = 2e-38f, huge = 3e38f;
__attribute__((used)) static const uint32_t mxcsr_default = 0x1f80, mxcsr_none_masked = 0x0000;
__attribute__((used)) static const uint16_t fcw_zm_off = 0x37b, fcw_im_off = 0x37e;

STUB(read, "", "movb (%rax), %al", "");
STUB(write, "", "movb $1, (%rax)", "");
STUB(rmw, "", "lock incl (%rax)", "");
STUB(call, "pushq %rbx", "jmp *%rax", "popq %rbx");
STUB(read8, "", "movq (%rax), %rax", "");
STUB(push, "movq %rsp, %rcx\n\tmovq %rax, %rsp", "pushq %rcx", "movq %rcx, %rsp");
STUB(stack, "pushq %rbp\n\tmovq %rax, %rbp", "movb (%rbp), %al", "popq %rbp");
STUB(div, "xorl %ecx, %ecx", "divl %ecx", "");
STUB(idiv, "movl $0x80000000, %eax\n\tcltd\n\tmovl $-1, %ecx", "idivl %ecx", "");
STUB(x87, "fninit\n\tfldcw fcw_zm_off(%rip)\n\tfld1\n\tfdivs zero(%rip)", "fwait",
     "fnclex\n\tfninit");
STUB(x87inv, "fninit\n\tfldcw fcw_im_off(%rip)\n\tfldz\n\tfdivs zero(%rip)", "fwait",
     "fnclex\n\tfninit");
#define SSE(name, a, op, b)							\
	STUB(name, "ldmxcsr mxcsr_none_masked(%rip)\n\tmovss " a "(%rip), %xmm0",	\
	     op " " b "(%rip), %xmm0", "ldmxcsr mxcsr_default(%rip)")
SSE(ssediv, "one", "divss", "zero");
SSE(sseinv, "zero", "divss", "zero");
SSE(sseovf, "huge", "mulss", "huge");
SSE(sseund, "tiny", "mulss", "tiny");
SSE(sseres, "one", "addss", "tiny");
STUB(ud2, "", "ud2", "");
STUB(ud_lock, "", ".byte 0xf0, 0x90", "");		/* lock nop */
STUB(int3, "", "int3", "");
STUB(int3_long, "", ".byte 0xcd, 3", "");
STUB(int1, "", ".byte 0xf1", "");
STUB(int4, "", "int $4", "");

/* ---- What the last fault was -------------------------------------------- */

static struct {
	int count, sig, code;
	unsigned long addr, rip, trapno, err, cr2, mask;
} f;
static unsigned long go_on;

static void on_fault(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	f.count++;
	f.sig = sig;
	f.code = si->si_code;
	f.addr = (unsigned long)si->si_addr;
	f.rip = (unsigned long)uc->uc_mcontext.gregs[REG_RIP];
	f.trapno = (unsigned long)uc->uc_mcontext.gregs[REG_TRAPNO];
	f.err = (unsigned long)uc->uc_mcontext.gregs[REG_ERR];
	f.cr2 = (unsigned long)uc->uc_mcontext.gregs[REG_CR2];
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)go_on;
}

static void handle_all(void)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		sigaction(sigs[i], &sa, NULL);
}

struct want {
	const char *name;
	void (*run)(unsigned long);
	const char *at, *on;
	unsigned long arg;
	int sig, code;
	long addr, trapno, err;		/* of si_addr: ANY, or what it is */
	long rip;			/* 0: at the instruction */
};

static void check(const struct want *w)
{
	unsigned long rip = w->rip ? (unsigned long)w->rip : (unsigned long)w->at;

	memset(&f, 0, sizeof(f));
	go_on = (unsigned long)w->on;
	w->run(w->arg);
	ok(f.count == 1 && f.sig == w->sig, "%s: signal %d", w->name, w->sig);
	if (!ok(f.code == w->code && (w->addr == ANY || f.addr == (unsigned long)w->addr),
		"%s: si_code %d and si_addr", w->name, w->code))
		diag("  got code %d addr %#lx, want code %d addr %#lx", f.code, f.addr, w->code,
		     w->addr);
	if (!ok(f.rip == rip && f.trapno == (unsigned long)w->trapno &&
		f.err == (unsigned long)w->err,
		"%s: REG_RIP, REG_TRAPNO %ld, REG_ERR %#lx", w->name, w->trapno, w->err))
		diag("  got sig %d rip %#lx (insn at %#lx) trapno %ld err %#lx", f.sig, f.rip,
		     (unsigned long)w->at, f.trapno, f.err);
	if (w->trapno == 14)
		ok_eq(f.cr2, w->addr, "%s: REG_CR2", w->name);
}

#define S(n, stub) .name = n, .run = fault_##stub, .at = fault_##stub##_at, .on = fault_##stub##_on

/* ---- Memory ------------------------------------------------------------- */

/* A page fault at @address by an access with @arg; a fetch; #GP or #SS; behind a file's end. */
#define PF(name, stub, arg, code, address, error)				\
	check(&(struct want){ S(name, stub), (unsigned long)(arg), SIGSEGV, code,	\
			      (long)(address), 14, error })
#define JUMP(name, to, code, error)						\
	check(&(struct want){ S(name, call), (unsigned long)(to), SIGSEGV, code,	\
			      (long)(to), 14, error, (long)(to) })
#define GP(name, stub, arg, signal, trap)					\
	check(&(struct want){ S(name, stub), arg, signal, SI_KERNEL, 0, trap, 0 })
#define BUS(name, stub, arg, error)						\
	check(&(struct want){ S(name, stub), (unsigned long)(arg), SIGBUS, BUS_ADRERR,	\
			      (long)(arg), 14, error })

static void test_memory(void)
{
	int anon = MAP_PRIVATE | MAP_ANONYMOUS;
	char *ro = mmap(NULL, 4 * PAGE, PROT_READ, anon, -1, 0);
	char *none = mmap(NULL, PAGE, PROT_NONE, anon, -1, 0);
	char *rw = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, anon, -1, 0);
	char *hole = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, anon, -1, 0);
	int fd = memfd_create("short", 0);
	char *file;
	unsigned long h = (unsigned long)hole + PAGE, kernel = 0xffff888000001000;

	munmap(hole + PAGE, PAGE);
	(void)*(volatile char *)ro;		/* page 0 is present, pages 1.. are not */
	rw[0] = (char)0xc3;			/* ret */
	hole[0] = 1;

	PF("read of address 0", read, 0, SEGV_MAPERR, 0, 4);
	PF("read of a hole", read, h, SEGV_MAPERR, h, 4);
	PF("write to a hole", write, h, SEGV_MAPERR, h, 6);
	PF("locked increment in a hole", rmw, h + 8, SEGV_MAPERR, h + 8, 6);
	PF("push into a hole", push, h + 64, SEGV_MAPERR, h + 56, 6);
	PF("read across into a hole", read8, h - 3, SEGV_MAPERR, h, 4);
	JUMP("jump to a hole", h, SEGV_MAPERR, 0x14);
	PF("write to a present read-only page", write, ro, SEGV_ACCERR, ro, 7);
	PF("write to an untouched read-only page", write, ro + PAGE, SEGV_ACCERR, ro + PAGE, 6);
	PF("read of PROT_NONE", read, none + 9, SEGV_ACCERR, none + 9, 4);
	PF("write to PROT_NONE", write, none, SEGV_ACCERR, none, 6);
	JUMP("jump to a present page without PROT_EXEC", rw, SEGV_ACCERR, 0x15);
	/* Linux brings the page, as for a read, before it sees that it may not be executed. */
	JUMP("jump to an untouched page without PROT_EXEC", ro + 2 * PAGE, SEGV_ACCERR, 0x15);
	mprotect(rw, PAGE, PROT_NONE);
	PF("read of what mprotect() took away", read, rw, SEGV_ACCERR, rw, 4);
	PF("read of the kernel's half", read, kernel, SEGV_MAPERR, kernel, 5);
	PF("write to the kernel's half", write, kernel, SEGV_MAPERR, kernel, 7);
	JUMP("jump to the kernel's half", kernel, SEGV_MAPERR, 0x15);
	GP("read of a non-canonical address", read, 1UL << 63, SIGSEGV, 13);
	GP("write to a non-canonical address", write, 1UL << 47, SIGSEGV, 13);
	GP("non-canonical address by RBP", stack, 1UL << 63, SIGBUS, 12);

	file = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ftruncate(fd, (off_t)(2 * PAGE)))
		bail("ftruncate");
	file[PAGE] = 1;
	if (ftruncate(fd, (off_t)PAGE))
		bail("ftruncate");
	BUS("read behind a truncated file's end", read, file + PAGE + 5, 4);
	BUS("write behind a truncated file's end", write, file + PAGE, 6);
	file[0] = 2;
	ok_eq(file[0], 2, "the rest of the file is still there");
	close(fd);

	f.count = 0;
	ok(write(STDOUT_FILENO, none, 1) == -1 && errno == EFAULT && !f.count,
	   "a system call with a bad address gives EFAULT, no signal");
	ok(pipe((int *)none) == -1 && errno == EFAULT && !f.count,
	   "a system call that would write to a bad address gives EFAULT, no signal");
}

/* ---- Arithmetic, instructions, breakpoints ------------------------------ */

static int has_hypervisor(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c >> 31;
}

static void test_other(void)
{
#define FPE(n, stub, code, trap) \
	check(&(struct want){ S(n, stub), 0, SIGFPE, code, (long)fault_##stub##_at, trap, 0 })
	FPE("division by 0", div, FPE_INTDIV, 0);
	FPE("INT_MIN / -1", idiv, FPE_INTDIV, 0);
	FPE("x87 division by 0", x87, FPE_FLTDIV, 16);
	FPE("x87 invalid operation", x87inv, FPE_FLTINV, 16);
	FPE("SSE division by 0", ssediv, FPE_FLTDIV, 19);
	FPE("SSE invalid operation", sseinv, FPE_FLTINV, 19);
	FPE("SSE overflow", sseovf, FPE_FLTOVF, 19);
	FPE("SSE underflow", sseund, FPE_FLTUND, 19);
	FPE("SSE inexact result", sseres, FPE_FLTRES, 19);
	check(&(struct want){ S("UD2", ud2), 0, SIGILL, ILL_ILLOPN, (long)fault_ud2_at, 6, 0 });
	check(&(struct want){ S("LOCK NOP", ud_lock), 0, SIGILL, ILL_ILLOPN, (long)fault_ud_lock_at,
			      6, 0 });
	check(&(struct want){ S("INT3", int3), 0, SIGTRAP, SI_KERNEL, 0, 3, 0,
			      (long)fault_int3_on });
	check(&(struct want){ S("INT 3", int3_long), 0, SIGTRAP, SI_KERNEL, 0, 3, 0,
			      (long)fault_int3_long_on });
	/* Under a hypervisor RIP may be that of the instruction itself. */
	if (has_hypervisor())
		skip(3, "INT1 is not exact under a hypervisor");
	else
		check(&(struct want){ S("INT1", int1), 0, SIGTRAP, TRAP_BRKPT, (long)fault_int1_on,
				      1, 0, (long)fault_int1_on });
	check(&(struct want){ S("INT 4", int4), 0, SIGSEGV, SI_KERNEL, 0, 4, 0,
			      (long)fault_int4_on });
}

/* ---- Single steps ------------------------------------------------------- */

void stepped(void);
extern const char stepped_first[], stepped_last[];
__asm__(".pushsection .text\n"
	"stepped:\n\tpushfq\n\torq $0x100, (%rsp)\n\tpopfq\n"
	"	nop\n"				/* runs after POPF: the first trap is behind it */
	"stepped_first:\n\tmovl $39, %eax\n"
	"	xorl %edx, %edx\n"
	"	nop\n"
	"	pushfq\n\tandq $~0x100, (%rsp)\n\tpopfq\n"
	"stepped_last:\n\tret\n"
	".popsection");

#define MAX_STEPS 16
static struct { long rip; int code, tf; long addr, trapno; } step[MAX_STEPS];
static volatile int nsteps, tf_in_handler;

static void on_step(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	unsigned long flags;

	__asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags));
	if (flags & TF)
		tf_in_handler = 1;
	if (nsteps < MAX_STEPS) {
		step[nsteps].rip = uc->uc_mcontext.gregs[REG_RIP];
		step[nsteps].tf = !!(uc->uc_mcontext.gregs[REG_EFL] & TF);
		step[nsteps].code = si->si_code;
		step[nsteps].addr = (long)si->si_addr;
		step[nsteps].trapno = uc->uc_mcontext.gregs[REG_TRAPNO];
	}
	nsteps++;
}

static void test_steps(void)
{
	struct sigaction sa = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	int good = 1;

	sigaction(SIGTRAP, &sa, NULL);
	stepped();
	for (int i = 0; i < nsteps && i < MAX_STEPS; i++) {
		good &= step[i].code == TRAP_TRACE && step[i].addr == step[i].rip &&
			step[i].trapno == 1 &&
			step[i].tf == (step[i].rip != (long)stepped_last);
	}
	ok(good && nsteps,
	   "TF: SIGTRAP with TRAP_TRACE, si_addr = RIP, trap 1, TF in the saved flags");
	ok_eq(tf_in_handler, 0, "the handler itself runs without TF");
	ok_eq(step[0].rip, (long)stepped_first,
	      "TF: the first trap is behind the instruction after POPF");
	ok_eq(nsteps, 7, "TF: one trap for each instruction");
	ok_eq(step[6].rip, (long)stepped_last,
	      "TF: the last trap is behind the POPF that clears it");
	for (int i = 0; (!good || nsteps != 7) && i < nsteps && i < MAX_STEPS; i++)
		diag("step %d: stepped_first%+ld code %d addr %+ld trap %ld TF %d", i,
		     step[i].rip - (long)stepped_first,
		     step[i].code, step[i].addr - step[i].rip, step[i].trapno, step[i].tf);
	handle_all();
}

/* ---- Going on otherwise, and dying -------------------------------------- */

static sigjmp_buf out;

static void jump_out(int sig, siginfo_t *si, void *uc)
{
	siglongjmp(out, sig);
}

static void test_jumps(void)
{
	struct sigaction sa = { .sa_sigaction = jump_out, .sa_flags = SA_SIGINFO };
	volatile int segv = 0, fpe = 0;

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGFPE, &sa, NULL);
	for (volatile int i = 0; i < 300; i++) {
		if (!sigsetjmp(out, 1))
			fault_read(8);
		else
			segv++;
		if (!sigsetjmp(out, 1))
			fault_div(0);
		else
			fpe++;
	}
	ok_eq(segv, 300, "300 times out of a SIGSEGV handler by siglongjmp()");
	ok_eq(fpe, 300, "300 times out of a SIGFPE handler by siglongjmp()");
}

static void die_default(void)
{
	signal(SIGSEGV, SIG_DFL);
	fault_write(16);
}

static void die_ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	fault_write(16);
}

static void die_blocked(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fault_write(16);
}

static void fault_again(int sig)
{
	fault_read(24);
}

static void die_in_handler(void)
{
	signal(SIGSEGV, fault_again);
	fault_write(16);
}

static void die_bad_stack(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGUSR1, &sa, NULL);
	/* No memory there for the frame of the handler. */
	__asm__ volatile("movq $8, %%rsp\n\tsyscall" : : "a"(SYS_kill), "D"(getpid()), "S"(SIGUSR1)
			 : "rcx", "r11", "memory");
}

static void die_div(void)
{
	signal(SIGFPE, SIG_DFL);
	fault_div(0);
}

static void die_ud(void)
{
	signal(SIGILL, SIG_DFL);
	fault_ud2(0);
}

static void die_int3(void)
{
	signal(SIGTRAP, SIG_DFL);
	fault_int3(0);
}

static void die_abort(void)
{
	abort();
}

int main(void)
{
	handle_all();
	test_memory();
	test_other();
	test_steps();
	test_jumps();
	handle_all();
	ok_killed(die_default, SIGSEGV, "SIGSEGV kills by default");
	ok_killed(die_ignored, SIGSEGV, "a fault's SIGSEGV cannot be ignored");
	ok_killed(die_blocked, SIGSEGV, "a fault's SIGSEGV cannot be blocked");
	ok_killed(die_in_handler, SIGSEGV, "a fault in the handler of the same fault kills");
	ok_killed(die_bad_stack, SIGSEGV, "a handler without a stack: SIGSEGV kills");
	ok_killed(die_div, SIGFPE, "SIGFPE kills by default");
	ok_killed(die_ud, SIGILL, "SIGILL kills by default");
	ok_killed(die_int3, SIGTRAP, "SIGTRAP kills by default");
	ok_killed(die_abort, SIGABRT, "abort() kills with SIGABRT");
	return tap_done();
}
