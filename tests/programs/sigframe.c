// SPDX-License-Identifier: GPL-2.0
/*
 * The frame of a signal: all registers of the interrupted code are in it and come back from it,
 * changed if the handler changed them; the handler starts with clean ones of its own.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/time.h>
#include <ucontext.h>

#include "child.h"

#define DF	0x400L
#define ID	0x200000UL

/* ---- A loop with known values in all registers -------------------------- */

#define REDZONE	128
#define XREGS	16
#define XSIZE	32			/* of a register, when there is AVX */

static struct regs {
	uint64_t gpr[16];		/* in the CPU's order: rax, rcx, rdx, rbx, rsp, rbp, ... */
	uint64_t flags;
	uint32_t mxcsr;
	uint16_t fcw, unused;
	uint8_t red[REDZONE];
	double st[8];
	uint8_t x[XREGS][XSIZE];
} in, out __attribute__((used));

static uint64_t spin_rsp __attribute__((used));
static const uint32_t default_mxcsr __attribute__((used)) = 0x1f80;
static int avx __attribute__((used));

/*
 * spin() loads all of in, waits at spin_loop until spin_to is spin_end, and stores all to out.
 * The loop needs no register and no flag: it is one indirect jump to itself.
 */
void spin(void);
extern const char spin_loop[], spin_end[];
static const char *volatile spin_to __attribute__((used));
/* The same around a system call: kill() of itself, with RAX, RDI, RSI in in. */
void call(void);
extern const char call_end[];

#define EACH_GPR(op)								\
	op(0, "rax") op(1, "rcx") op(2, "rdx") op(3, "rbx") op(5, "rbp") op(6, "rsi")	\
	op(7, "rdi") op(8, "r8") op(9, "r9") op(10, "r10") op(11, "r11") op(12, "r12")	\
	op(13, "r13") op(14, "r14") op(15, "r15")
#define EACH_X(op)								\
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)				\
	op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)

#define LOAD_GPR(i, r)	"movq in+8*" #i "(%rip), %" r "\n\t"
#define STORE_GPR(i, r)	"movq %" r ", out+8*" #i "(%rip)\n\t"
#define LOAD_YMM(i)	"vmovdqu in+336+32*" #i "(%rip), %ymm" #i "\n\t"
#define LOAD_XMM(i)	"movdqu in+336+32*" #i "(%rip), %xmm" #i "\n\t"
#define STORE_YMM(i)	"vmovdqu %ymm" #i ", out+336+32*" #i "(%rip)\n\t"
#define STORE_XMM(i)	"movdqu %xmm" #i ", out+336+32*" #i "(%rip)\n\t"
#define PUSH_ST(i)	"fldl in+272+8*" #i "(%rip)\n\t"
#define POP_ST(i)	"fstpl out+272+8*" #i "(%rip)\n\t"

_Static_assert(__builtin_offsetof(struct regs, st) == 272, "the code below knows");
_Static_assert(__builtin_offsetof(struct regs, x) == 336, "the code below knows");
_Static_assert(__builtin_offsetof(struct regs, red) == 144, "the code below knows");

#define PROLOGUE								\
	"pushq %rbx\n\tpushq %rbp\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n\t"	\
	"movq %rsp, spin_rsp(%rip)\n\t"						\
	"leaq in+144(%rip), %rsi\n\tleaq -128(%rsp), %rdi\n\tmovl $16, %ecx\n\trep movsq\n\t"	\
	"cmpl $0, avx(%rip)\n\tje 1f\n\t" EACH_X(LOAD_YMM) "jmp 2f\n"		\
	"1:\t" EACH_X(LOAD_XMM)							\
	"2:\tldmxcsr in+136(%rip)\n\tfninit\n\tfldcw in+140(%rip)\n\t"		\
	PUSH_ST(7) PUSH_ST(6) PUSH_ST(5) PUSH_ST(4) PUSH_ST(3) PUSH_ST(2) PUSH_ST(1) PUSH_ST(0)	\
	"leaq -136(%rsp), %rsp\n\tpushq in+128(%rip)\n\tpopfq\n\tleaq 136(%rsp), %rsp\n\t"	\
	EACH_GPR(LOAD_GPR)
#define EPILOGUE								\
	EACH_GPR(STORE_GPR) "movq %rsp, out+8*4(%rip)\n\t"			\
	"movq spin_rsp(%rip), %rsp\n\t"						\
	"leaq -128(%rsp), %rsp\n\tpushfq\n\tpopq out+128(%rip)\n\tleaq 128(%rsp), %rsp\n\tcld\n\t" \
	"stmxcsr out+136(%rip)\n\tfnstcw out+140(%rip)\n\t"			\
	EACH_X(STORE_XMM)							\
	"cmpl $0, avx(%rip)\n\tje 3f\n\t" EACH_X(STORE_YMM) "vzeroupper\n"	\
	"3:\t" POP_ST(0) POP_ST(1) POP_ST(2) POP_ST(3) POP_ST(4) POP_ST(5) POP_ST(6) POP_ST(7)	\
	"fninit\n\tldmxcsr default_mxcsr(%rip)\n\t"				\
	"leaq -128(%rsp), %rsi\n\tleaq out+144(%rip), %rdi\n\tmovl $16, %ecx\n\trep movsq\n\t"	\
	"popq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbp\n\tpopq %rbx\n\tret\n"

__asm__(".pushsection .text\n"
	"spin:\n\t" PROLOGUE
	"spin_loop:\n\tjmp *spin_to(%rip)\n"
	"spin_end:\n\t" EPILOGUE
	"call:\n\t" PROLOGUE
	"syscall\n"
	"call_end:\n\t" EPILOGUE
	".popsection");

/* ---- The handler's first instructions: what it starts with -------------- */

static struct start {
	uint64_t rsp, rax, rflags, rdi, rsi, rdx, xmm7[2], returns_to;
	uint32_t mxcsr;
	uint16_t fcw, fsw;
} start __attribute__((used));

void entry(int sig, siginfo_t *si, void *uc);
void handler(int sig, siginfo_t *si, ucontext_t *uc) __attribute__((used));
__asm__(".pushsection .text\n"
	"entry:\n\t"
	"movq %rsp, start(%rip)\n\tmovq %rax, start+8(%rip)\n\tpushfq\n\tpopq start+16(%rip)\n\t"
	"movq %rdi, start+24(%rip)\n\tmovq %rsi, start+32(%rip)\n\tmovq %rdx, start+40(%rip)\n\t"
	"movdqu %xmm7, start+48(%rip)\n\tmovq (%rsp), %rax\n\tmovq %rax, start+64(%rip)\n\t"
	"stmxcsr start+72(%rip)\n\tfnstcw start+76(%rip)\n\tfnstsw start+78(%rip)\n\t"
	"cld\n\tjmp handler\n\t"
	".popsection");

/* ---- What the handler finds, and does ----------------------------------- */

#define MAGIC1	0x46505853U
#define MAGIC2	0x46505845U

struct sw_bytes {		/* in the last bytes of the FXSAVE area, by the kernel */
	uint32_t magic1, extended_size;
	uint64_t xfeatures;
	uint32_t xstate_size;
};

static const int greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static enum { LOOK, CHANGE } mode;
static struct regs seen, change_to;
static struct start began;		/* start, of the handler that looked */
static struct {
	int times;
	int sig, magic, ucflags;
	uint64_t rip, csgsfs, uc_at, fp_at;
	sigset_t mask;
} found;
static unsigned int ymm_at;		/* in the XSAVE area; 0 without AVX */

static struct _libc_fpstate *fp_of(ucontext_t *uc)
{
	return uc->uc_mcontext.fpregs;
}

static struct sw_bytes *sw_of(ucontext_t *uc)
{
	return (void *)((char *)fp_of(uc) + 464);
}

static void copy_out(ucontext_t *uc, struct regs *r)
{
	struct _libc_fpstate *fp = fp_of(uc);
	int i;

	for (i = 0; i < 16; i++)
		r->gpr[i] = (uint64_t)uc->uc_mcontext.gregs[greg_of[i]];
	r->flags = (uint64_t)uc->uc_mcontext.gregs[REG_EFL];
	r->mxcsr = fp->mxcsr;
	r->fcw = fp->cwd;
	for (i = 0; i < 8; i++) {
		long double ld = 0;

		memcpy(&ld, &fp->_st[i], 10);
		r->st[i] = (double)ld;
	}
	for (i = 0; i < XREGS; i++) {
		memcpy(r->x[i], &fp->_xmm[i], 16);
		if (avx)
			memcpy(r->x[i] + 16, (char *)fp + ymm_at + 16 * i, 16);
	}
	memcpy(r->red, (char *)r->gpr[4] - REDZONE, REDZONE);
}

static void copy_in(ucontext_t *uc, const struct regs *r)
{
	struct _libc_fpstate *fp = fp_of(uc);
	int i;

	for (i = 0; i < 16; i++)
		uc->uc_mcontext.gregs[greg_of[i]] = (greg_t)r->gpr[i];
	uc->uc_mcontext.gregs[REG_EFL] = (greg_t)r->flags;
	fp->mxcsr = r->mxcsr;
	fp->cwd = r->fcw;
	for (i = 0; i < 8; i++) {
		long double ld = r->st[i];

		memcpy(&fp->_st[i], &ld, 10);
	}
	for (i = 0; i < XREGS; i++) {
		memcpy(&fp->_xmm[i], r->x[i], 16);
		if (avx)
			memcpy((char *)fp + ymm_at + 16 * i, r->x[i] + 16, 16);
	}
	if (avx)
		*(uint64_t *)((char *)fp + 512) |= 7;	/* XSTATE_BV: none is in its first state */
}

/* In the handler, which blocks SIGALRM: one that came meanwhile would wait for its end. */
static void stop_ticks(void)
{
	static const struct itimerval off;
	static const struct timespec now;
	sigset_t alarm;

	setitimer(ITIMER_REAL, &off, NULL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigtimedwait(&alarm, NULL, &now);
}

void handler(int sig, siginfo_t *si, ucontext_t *uc)
{
	struct sw_bytes *sw = sw_of(uc);

	found.rip = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	/* The timer may be early: while spin() loads, or behind it. */
	if (sig == SIGALRM && found.rip != (uint64_t)spin_loop)
		return;
	began = start;
	found.times++;
	found.sig = sig;
	found.csgsfs = (uint64_t)uc->uc_mcontext.gregs[REG_CSGSFS];
	found.ucflags = (int)uc->uc_flags;
	found.uc_at = (uint64_t)uc;
	found.fp_at = (uint64_t)fp_of(uc);
	found.mask = uc->uc_sigmask;
	found.magic = sw->magic1 == MAGIC1 &&
		*(uint32_t *)((char *)fp_of(uc) + sw->xstate_size) == MAGIC2;
	copy_out(uc, &seen);
	if (mode == CHANGE) {
		/* Not again: the stack pointer will be no such thing. */
		stop_ticks();
		copy_in(uc, &change_to);
		sigaddset(&uc->uc_sigmask, SIGUSR2);
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(sig == SIGALRM ? spin_end : call_end);
	}
	spin_to = spin_end;
}

/* ---- The checks --------------------------------------------------------- */

static uint64_t seed = 88172645463325252ULL;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void fill(struct regs *r)
{
	uint8_t *p;
	int i;

	for (i = 0; i < 16; i++)
		r->gpr[i] = rnd();
	/* Reserved bit 1, IF, and any of CF PF AF ZF SF DF OF ID. */
	r->flags = 0x202 | (rnd() & 0x200cd5);
	r->mxcsr = 0x1f80 | (uint32_t)(rnd() & 0x603f);		/* rounding, flags so far */
	r->fcw = 0x37f & ~(uint16_t)(rnd() & 0x300);		/* precision */
	for (p = r->red; p < r->red + REDZONE; p++)
		*p = (uint8_t)rnd();
	for (i = 0; i < 8; i++)
		r->st[i] = (double)(int32_t)rnd() / 8;
	for (p = r->x[0]; p < r->x[0] + sizeof(r->x); p++)
		*p = (uint8_t)rnd();
	if (!avx)
		for (i = 0; i < XREGS; i++)
			memset(r->x[i] + 16, 0, 16);
}

enum { GPR = 1, RSP = 2, FLAGS = 4, FPU = 8, VEC = 16, RED = 32 };

/* What of @a is not as in @b. */
static int differ(const struct regs *a, const struct regs *b)
{
	int what = 0, i;

	for (i = 0; i < 16; i++)
		if (a->gpr[i] != b->gpr[i])
			what |= i == 4 ? RSP : GPR;
	if ((a->flags ^ b->flags) & ~0x10000UL)			/* but RF */
		what |= FLAGS;
	if (a->mxcsr != b->mxcsr || a->fcw != b->fcw || memcmp(a->st, b->st, sizeof(a->st)))
		what |= FPU;
	if (memcmp(a->x, b->x, sizeof(a->x)))
		what |= VEC;
	if (memcmp(a->red, b->red, sizeof(a->red)))
		what |= RED;
	return what;
}

static void tick_every(int us)
{
	struct itimerval it = { .it_interval.tv_usec = us, .it_value.tv_usec = us };

	setitimer(ITIMER_REAL, &it, NULL);
}

static void run_spin(void)
{
	fill(&in);
	memset(&out, 0, sizeof(out));
	memset(&seen, 0, sizeof(seen));
	memset(&found, 0, sizeof(found));
	spin_to = spin_loop;
	spin();
	in.gpr[4] = spin_rsp;
}

#define ROUNDS 20

static void test_looked_at(void)
{
	int bad_seen = 0, bad_out = 0, bad_start = 0, bad_place = 0, bad_magic = 0, bad_seg = 0;
	unsigned int a, b, c, d;
	int xsave = __get_cpuid(1, &a, &b, &c, &d) && (c & (1U << 27));

	mode = LOOK;
	tick_every(1000);
	for (int i = 0; i < ROUNDS; i++) {
		run_spin();
		bad_seen |= differ(&seen, &in);
		bad_out |= differ(&out, &in);
		bad_start |= began.mxcsr != 0x1f80 || began.fcw != 0x37f || began.fsw ||
			began.xmm7[0] || began.xmm7[1] ||
			(began.rflags & (DF | 0x100)) || began.rax || began.rdi != SIGALRM ||
				began.rdx != found.uc_at;
		bad_place |= (began.rsp & 15) != 8 || began.rsp + 8 != found.uc_at ||
			found.uc_at > spin_rsp - REDZONE - 400 ||
			found.fp_at > spin_rsp - REDZONE - 512 || (found.fp_at & 63);
		bad_magic |= found.magic != xsave || found.ucflags != (xsave | 6);
		bad_seg |= (found.csgsfs & 0xffff) != 0x33 || found.csgsfs >> 48 != 0x2b;
	}
	tick_every(0);
	ok(!(bad_seen & (GPR | RSP)), "the frame has all 16 registers of the interrupted loop");
	ok(!(bad_seen & FLAGS), "the frame has its flags");
	ok(!(bad_seen & FPU), "the frame has its x87 stack, control word and MXCSR");
	ok(!(bad_seen & VEC), "the frame has its %s registers", avx ? "YMM" : "XMM");
	ok(!(bad_seen & RED), "its red zone is not touched while the handler runs");
	ok(!(bad_out & (GPR | RSP)), "afterwards all 16 registers are as before");
	ok(!(bad_out & FLAGS), "afterwards the flags are as before");
	ok(!(bad_out & FPU), "afterwards the x87 stack, control word and MXCSR are as before");
	ok(!(bad_out & VEC), "afterwards the %s registers are as before", avx ? "YMM" : "XMM");
	ok(!(bad_out & RED), "afterwards the red zone is as before");
	ok(!bad_start, "the handler starts with DF clear, RAX 0 and a fresh FPU");
	ok(!bad_place, "its frame is below the red zone, aligned as a function wants it");
	ok(!bad_magic, "uc_flags and the marks of the XSAVE area are those of Linux");
	ok(!bad_seg, "CS and SS in the frame are those of user code");
	if (bad_seen || bad_out || bad_seg || bad_start)
		diag("seen %#x out %#x csgsfs %#llx start: mxcsr %#x fcw %#x fsw %#x "
		     "flags %#llx rax %#llx", bad_seen, bad_out,
		     (unsigned long long)found.csgsfs, began.mxcsr, began.fcw, began.fsw,
		     (unsigned long long)began.rflags, (unsigned long long)began.rax);
}

static int usr2_blocked(void)
{
	sigset_t now, set;
	int blocked;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_UNBLOCK, &set, &now);
	blocked = sigismember(&now, SIGUSR2);
	return blocked;
}

/* What rt_sigreturn() does not take: memory, and the ID flag. */
static void keep_rest(void)
{
	memcpy(change_to.red, in.red, REDZONE);
	change_to.flags = (change_to.flags & ~ID) | (in.flags & ID);
}

static void test_changed(void)
{
	int bad = 0, bad_mask = 0;

	mode = CHANGE;
	for (int i = 0; i < ROUNDS; i++) {
		tick_every(1000);
		fill(&change_to);
		change_to.gpr[4] = 0x5a5a00 + 16 * (uint64_t)i;	/* nothing is there */
		run_spin();
		keep_rest();
		bad |= differ(&out, &change_to);
		bad_mask |= !usr2_blocked();
	}
	ok(!(bad & (GPR | RSP)), "a handler's changes of all 16 registers are taken");
	ok(!(bad & FLAGS), "its changes of the flags are taken");
	ok(!(bad & FPU), "its changes of the x87 stack, control word and MXCSR are taken");
	ok(!(bad & VEC), "its changes of the %s registers are taken", avx ? "YMM" : "XMM");
	ok(!bad_mask, "its changes of uc_sigmask are taken");
	mode = LOOK;
}

/* A signal that comes at the end of the call that sent it. */
static void test_call(void)
{
	struct regs want;
	int bad_seen = 0, bad_out = 0, bad_rip = 0;

	mode = LOOK;
	for (int i = 0; i < ROUNDS; i++) {
		fill(&in);
		in.gpr[0] = SYS_kill;
		in.gpr[7] = (uint64_t)getpid();
		in.gpr[6] = SIGUSR1;
		memset(&found, 0, sizeof(found));
		call();
		want = in;
		want.gpr[0] = 0;			/* the result */
		want.gpr[1] = (uint64_t)call_end;	/* by SYSCALL */
		want.gpr[11] = in.flags;
		want.gpr[4] = spin_rsp;
		bad_seen |= differ(&seen, &want);
		bad_out |= differ(&out, &want);
		bad_rip |= found.rip != (uint64_t)call_end || found.times != 1;
	}
	ok(!bad_rip, "a signal sent by a call to itself comes behind its SYSCALL instruction");
	ok(!bad_seen,
	   "the frame has the registers as SYSCALL leaves them: RAX the result, RCX, R11");
	ok(!bad_out, "afterwards they are as before");
	if (bad_seen || bad_out)
		diag("seen %#x out %#x: rax %#llx rcx %#llx (want %p) r11 %#llx (want %#llx)",
		     bad_seen, bad_out,
		     (unsigned long long)seen.gpr[0], (unsigned long long)seen.gpr[1],
			     (const void *)call_end,
		     (unsigned long long)seen.gpr[11], (unsigned long long)in.flags);

	mode = CHANGE;
	fill(&change_to);
	change_to.gpr[4] = 0x5a5a00;
	fill(&in);
	in.gpr[0] = SYS_kill;
	in.gpr[7] = (uint64_t)getpid();
	in.gpr[6] = SIGUSR1;
	call();
	keep_rest();
	ok_eq(differ(&out, &change_to), 0, "a handler's changes to the end of a call are taken");
	usr2_blocked();
	mode = LOOK;
}

/* ---- Handlers within handlers ------------------------------------------- */

static int nest_bad, nest_depth;

static void nest(int sig, siginfo_t *si, void *uc)
{
	uint64_t mine = 0x1111111111111111ULL * (uint64_t)++nest_depth, got = 0;
	long ret = SYS_tgkill;

	if (nest_depth < 10) {
		__asm__ volatile("movq %2, %%xmm6\n\tmovq %%xmm6, %%xmm14\n\tsyscall\n\t"
				 "paddq %%xmm14, %%xmm6\n\tmovq %%xmm6, %1"
				 : "+a"(ret), "=r"(got)
				 : "r"(mine), "D"(getpid()), "S"(gettid_()), "d"(sig)
				 : "rcx", "r11", "xmm6", "xmm14", "memory");
		nest_bad |= ret != 0 || got != 2 * mine;
	}
}

/* ---- A frame by the program itself -------------------------------------- */

static char made_stack[4096] __attribute__((aligned(16)));
static sigjmp_buf made_back;
static volatile uint64_t made_saw[2];

__attribute__((noreturn)) static void made_target(uint64_t a, uint64_t b)
{
	made_saw[0] = a;
	made_saw[1] = b;
	siglongjmp(made_back, 1);
}

static void test_made(void)
{
	static struct { ucontext_t uc; char more[512]; } frame;
	ucontext_t *uc = &frame.uc;

	uc->uc_flags = 6;
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)made_target;
	uc->uc_mcontext.gregs[REG_RSP] = (greg_t)(made_stack + sizeof(made_stack) - 8);
	uc->uc_mcontext.gregs[REG_RDI] = 0x1234;
	uc->uc_mcontext.gregs[REG_RSI] = -5;
	uc->uc_mcontext.gregs[REG_EFL] = 0x202;
	uc->uc_mcontext.gregs[REG_CSGSFS] = 0x33 | (0x2bL << 48);
	uc->uc_mcontext.fpregs = NULL;
	if (!sigsetjmp(made_back, 1))
		__asm__ volatile("movq %0, %%rsp\n\tmovl $15, %%eax\n\tsyscall" : : "r"(uc)
				 : "rax", "memory");
	ok(made_saw[0] == 0x1234 && made_saw[1] == (uint64_t)-5,
	   "rt_sigreturn() of a frame that the program made");
}

static void bad_frame(void)
{
	signal(SIGSEGV, SIG_DFL);
	__asm__ volatile("movl $16, %%esp\n\tmovl $15, %%eax\n\tsyscall" : : : "rax", "memory");
}

/* ---- Contexts of libc --------------------------------------------------- */

static ucontext_t main_context, co_context;
static int co_steps;

static void coroutine(int a, int b)
{
	for (int i = 0; i < 5; i++) {
		co_steps += a + b;
		raise(SIGUSR1);
		swapcontext(&co_context, &main_context);
	}
}

static void test_contexts(void)
{
	static char stack[64 << 10];

	getcontext(&co_context);
	co_context.uc_stack.ss_sp = stack;
	co_context.uc_stack.ss_size = sizeof(stack);
	co_context.uc_link = &main_context;
	makecontext(&co_context, (void (*)(void))coroutine, 2, 3, 4);
	for (int i = 0; i < 6; i++)
		swapcontext(&main_context, &co_context);
	ok_eq(co_steps, 35, "swapcontext() there and back, with signals on the other stack");
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = entry, .sa_flags = SA_SIGINFO };
	unsigned int a, b, c, d;

	avx = __builtin_cpu_supports("avx");
	if (avx && __get_cpuid_count(0xd, 2, &a, &b, &c, &d))
		ymm_at = b;
	sigaction(SIGALRM, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	test_looked_at();
	test_changed();
	test_call();

	sa.sa_sigaction = nest;
	sa.sa_flags |= SA_NODEFER;
	sigaction(SIGUSR2, &sa, NULL);
	raise(SIGUSR2);
	ok(!nest_bad && nest_depth == 10,
	   "ten handlers, one within the other, each with vector registers of its own");
	test_made();
	test_contexts();
	ok_killed(bad_frame, SIGSEGV, "rt_sigreturn() without a frame: SIGSEGV");
	return tap_done();
}
