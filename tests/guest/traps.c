// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions and INT n in Dune mode: what a handler sees and may change, what the
 * interrupted code must not notice, and nesting. What happens without a handler is
 * in lifecycle.c.
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "tap.h"

#define GENERAL_REGS __attribute__((target("general-regs-only")))
#define PAGE	4096UL
#define TF	0x100UL

/* ---- Code that traps -------------------------------------------------------- */

/* t_NAME() does @insn, at t_NAME_at, and goes on at t_NAME_on. */
#define STUB(name, before, insn, after)						\
	void t_##name(void);							\
	extern const char t_##name##_at[], t_##name##_on[];			\
	__asm__(".pushsection .text\n"						\
		"t_" #name ":\n\t" before "\n"					\
		"t_" #name "_at:\n\t" insn "\n"					\
		"t_" #name "_on:\n\t" after "\n\tret\n"				\
		".popsection")

__attribute__((used)) static const float zero = 0, one = 1;
__attribute__((used)) static const uint32_t mxcsr_zm_off = 0x1d80, mxcsr_default = 0x1f80;
__attribute__((used)) static const uint16_t fcw_zm_off = 0x37b;
__attribute__((used)) static volatile char *pf_address;

STUB(de, "xorl %ecx, %ecx", "divl %ecx", "");
STUB(db, "pushfq\n\torq $0x100, (%rsp)\n\tpopfq", "nop", "");
STUB(bp, "", "int3", "");
STUB(ud, "", "ud2", "");
STUB(gp, "movabs $0x8000000000000000, %rax", "movb (%rax), %al", "");
STUB(ss, "pushq %rbp\n\tmovabs $0x8000000000000000, %rbp", "movb (%rbp), %al", "popq %rbp");
STUB(pf, "movq pf_address(%rip), %rax", "movb (%rax), %al", "");
STUB(pfw, "movq pf_address(%rip), %rax", "movb $1, (%rax)", "");
STUB(mf, "fninit\n\tfldcw fcw_zm_off(%rip)\n\tfld1\n\tfdivs zero(%rip)", "fwait", "fnclex\n\tfninit");
STUB(xm, "ldmxcsr mxcsr_zm_off(%rip)\n\tmovss one(%rip), %xmm0", "divss zero(%rip), %xmm0",
     "ldmxcsr mxcsr_default(%rip)");
STUB(int4, "", "int $4", "");
STUB(int21, "", "int $0x21", "");
STUB(intff, "", "int $0xff", "");

/* A trap leaves RIP after the instruction, a fault at it. */
enum kind { FAULT, TRAP };

static const struct stub {
	const char *name;
	int vector;
	enum kind kind;
	void (*run)(void);
	const char *at, *on;
} stubs[] = {
#define S(n, name, vector, kind) { n, vector, kind, t_##name, t_##name##_at, t_##name##_on }
	S("#DE", de, 0, FAULT),
	S("#DB by TF", db, 1, TRAP),
	S("#BP", bp, 3, TRAP),
	S("#OF by INT 4", int4, 4, TRAP),
	S("#UD", ud, 6, FAULT),
	S("#SS", ss, 12, FAULT),
	S("#GP", gp, 13, FAULT),
	S("#PF", pf, 14, FAULT),
	S("#MF", mf, 16, FAULT),
	S("#XM", xm, 19, FAULT),
	S("INT 0x21", int21, 0x21, TRAP),
	S("INT 0xff", intff, 0xff, TRAP),
	S("#PF, a write", pfw, 14, FAULT),
#undef S
};
#define STUBS ((int)(sizeof(stubs) / sizeof(stubs[0])))
#define NESTABLE (STUBS - 1)	/* by vector the last would be found as the other #PF */

static GENERAL_REGS const struct stub *stub_at(uint64_t rip)
{
	int i;

	for (i = 0; i < STUBS; i++)
		if (rip == (uintptr_t)stubs[i].at || rip == (uintptr_t)stubs[i].on)
			return &stubs[i];
	return NULL;
}

static GENERAL_REGS void step_over(struct dune_trap *trap)
{
	const struct stub *s = stub_at(trap->rip);

	if (s)
		trap->rip = (uintptr_t)s->on;
	trap->rflags &= ~TF;
}

static void register_all(dune_trap_fn fn, dune_fault_fn pf, unsigned int flags)
{
	int i;

	for (i = 0; i < STUBS; i++)
		if (stubs[i].vector != DUNE_VECTOR_PF)
			dune_on_exception(stubs[i].vector, fn, flags);
	dune_on_page_fault(pf, flags);
}

/* ---- What the handler sees ------------------------------------------------- */

static struct dune_trap seen;
static uintptr_t seen_address;
static volatile int calls;

static GENERAL_REGS int record(struct dune_trap *trap)
{
	seen = *trap;
	calls++;
	step_over(trap);
	return DUNE_TRAP_DONE;
}

static GENERAL_REGS int record_pf(struct dune_trap *trap, uintptr_t address)
{
	seen_address = address;
	return record(trap);
}

static void test_frames(unsigned int flags)
{
	const char *how = flags & DUNE_GENERAL_REGS ? "general registers" : "all registers";
	int i;

	register_all(record, record_pf, flags);
	for (i = 0; i < STUBS; i++) {
		const struct stub *s = &stubs[i];

		calls = 0;
		s->run();
		ok(calls == 1 && (int)seen.vector == s->vector &&
		   seen.rip == (uintptr_t)(s->kind == TRAP ? s->on : s->at) && !(seen.cs & 3),
		   "%s: one call, vector %lu, rip at +%ld, ring 0 (%s)", s->name, (long)seen.vector,
		   (long)(seen.rip - (uintptr_t)s->at), how);
		ok_eq(seen.error, s->run == t_pfw ? DUNE_PF_W : 0, "%s: error code", s->name);
		if (s->vector == DUNE_VECTOR_PF)
			ok_eq(seen_address, (uintptr_t)pf_address, "%s: address", s->name);
	}
}

/* Loads the general registers of a struct dune_trap but RSP, INT3, stores them. */
void probe_registers(const struct dune_trap *in, struct dune_trap *out, uint64_t *flags);
#define FOR_REGS(op) op(0, r15) op(1, r14) op(2, r13) op(3, r12) op(4, rbp) op(5, rbx) op(6, r11) \
	op(7, r10) op(8, r9) op(9, r8) op(11, rcx) op(12, rdx) op(13, rsi)
#define LOAD(i, r) "movq 8*" #i "(%rdi), %" #r "\n\t"
#define STORE(i, r) "movq %" #r ", 8*" #i "(%rax)\n\t"
__asm__(".pushsection .text\n"
	"probe_registers:\n\t"
	"pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n\t"
	"pushq %rdx; pushq %rsi\n\t"
	FOR_REGS(LOAD)
	"movq 8*10(%rdi), %rax; movq 8*14(%rdi), %rdi\n\t"
	"int3\n\t"
	"pushfq; pushq %rax; movq 16(%rsp), %rax\n\t"
	FOR_REGS(STORE)
	"movq %rdi, 8*14(%rax); popq 8*10(%rax)\n\t"
	"popq %rcx; cld; popq %rsi; popq %rdx; movq %rcx, (%rdx)\n\t"
	"popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx\n\t"
	"ret\n"
	".popsection");

static struct dune_trap change;
#define GENERAL_BYTES (15 * sizeof(uint64_t))
#define FLAGS_TRIED 0xcd5UL	/* CF PF AF ZF SF DF OF */

static int change_all(struct dune_trap *trap)
{
	seen = *trap;
	memcpy(trap, &change, GENERAL_BYTES);
	trap->rflags ^= FLAGS_TRIED;
	return DUNE_TRAP_DONE;
}

static void test_registers(void)
{
	struct dune_trap in, out;
	uint64_t flags = 0, *words = (void *)&in, *other = (void *)&change;
	int i;

	for (i = 0; i < 15; i++) {
		words[i] = 0x1111111111111111UL * (i + 1);
		other[i] = ~words[i];
	}
	dune_on_exception(DUNE_VECTOR_BP, change_all, 0);
	probe_registers(&in, &out, &flags);
	ok(!memcmp(&seen, &in, GENERAL_BYTES), "a handler sees all 15 general registers");
	ok(!memcmp(&out, &change, GENERAL_BYTES), "and what it changes is loaded");
	ok_eq((flags ^ seen.rflags) & FLAGS_TRIED, FLAGS_TRIED, "so are the arithmetic flags and DF");
}

/* ---- Stacks ---------------------------------------------------------------- */

/* Fill the red zone, trap by @how, return how many of its 16 words changed. */
#define RED_ZONE(name, insn)							\
	int red_zone_##name(void);						\
	__asm__(".pushsection .text\n"						\
		"red_zone_" #name ":\n\t"					\
		"movl $16, %ecx\n\t"						\
		"1: movq %rcx, %rdx; negq %rdx; movq %rcx, (%rsp,%rdx,8)\n\t"	\
		"loop 1b\n\t" insn "\n\t"					\
		"movl $16, %ecx; xorl %eax, %eax\n\t"				\
		"2: movq %rcx, %rdx; negq %rdx\n\t"				\
		"cmpq %rcx, (%rsp,%rdx,8); je 3f; incl %eax\n\t"		\
		"3: loop 2b\n\t"						\
		"ret\n"								\
		".popsection")

RED_ZONE(bp, "int3");
RED_ZONE(ud, "ud2; .globl red_ud_on; red_ud_on:");
RED_ZONE(pf, "movq pf_address(%rip), %rax; movb (%rax), %al; .globl red_pf_on; red_pf_on:");
extern const char red_ud_on[], red_pf_on[];

static int red_in_handler = -1;

static int red_handler(struct dune_trap *trap)
{
	if (trap->vector == DUNE_VECTOR_UD)
		trap->rip = (uintptr_t)red_ud_on;
	else if (red_in_handler == -1) {
		red_in_handler = 0;
		red_in_handler = red_zone_ud() + red_zone_pf() + red_zone_bp();
	}
	return DUNE_TRAP_DONE;
}

static int red_fault(struct dune_trap *trap, uintptr_t address)
{
	trap->rip = (uintptr_t)red_pf_on;
	return DUNE_TRAP_DONE;
}

static void test_red_zone(void)
{
	dune_on_exception(DUNE_VECTOR_BP, red_handler, 0);
	dune_on_exception(DUNE_VECTOR_UD, red_handler, 0);
	dune_on_page_fault(red_fault, 0);
	ok_eq(red_zone_bp(), 0, "128 bytes below RSP stay as they are over #BP");
	ok_eq(red_zone_ud(), 0, "over #UD");
	ok_eq(red_zone_pf(), 0, "over #PF");
	ok_eq(red_in_handler, 0, "and in a handler, over traps of its own");
}

/* INT3 with whatever RSP; comes back with the one it had. */
void trap_with_rsp(uint64_t rsp);
__asm__(".pushsection .text\n"
	"trap_with_rsp: movq %rsp, %rdx; movq %rdi, %rsp; int3; movq %rdx, %rsp; ret\n"
	".popsection");

static void test_wild_stacks(void)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t rsp[] = { 0x10, 0xdead0000, (uintptr_t)page, 0x8000000000000008UL, ~7UL };
	unsigned int i;

	dune_on_exception(DUNE_VECTOR_BP, record, 0);
	for (i = 0; i < sizeof(rsp) / sizeof(rsp[0]); i++) {
		calls = 0;
		trap_with_rsp(rsp[i]);
		ok(calls == 1 && seen.rsp == rsp[i], "a trap while RSP is %#lx", (long)rsp[i]);
	}
	munmap(page, PAGE);
}

#define BIG	(48 << 10)

static int big_handler(struct dune_trap *trap)
{
	volatile char room[BIG];
	int i;

	for (i = 0; i < BIG; i += 512)
		room[i] = i;
	calls += room[0] == 0;
	return DUNE_TRAP_DONE;
}

static void *on_tiny_stack(void *err)
{
	*(int *)err = dune_enter();
	if (!*(int *)err) {
		t_bp();
		dune_leave();
	}
	return NULL;
}

static void test_tiny_stack(void)
{
	int err = -1;
	pthread_attr_t attr;
	pthread_t thread;

	calls = 0;
	dune_on_exception(DUNE_VECTOR_BP, big_handler, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	pthread_create(&thread, &attr, on_tiny_stack, &err);
	pthread_join(thread, NULL);
	ok(!err && calls == 1, "in a thread with 16 KiB of stack a handler uses 48 KiB");
}

static size_t stack_kib(void)
{
	char line[128];
	size_t kib = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmStk: %zu", &kib);
	if (f)
		fclose(f);
	return kib;
}

static __attribute__((noinline)) long recurse(int depth)
{
	volatile char frame[4000];

	frame[0] = depth;
	frame[3999] = 1;
	return depth ? recurse(depth - 1) + frame[3999] : (long)(signed char)frame[0];
}

static void test_stack_growth(void)
{
	size_t before = stack_kib();

	ok_eq(recurse(700), 700, "2.8 MiB of recursion on a fresh stack");
	ok(stack_kib() >= before + 1024, "Linux has grown it: %zu KiB, then %zu", before, stack_kib());
}

/* ---- Nesting ---------------------------------------------------------------- */

static int depth, deepest, depth_wanted, damaged;

static GENERAL_REGS int nest(struct dune_trap *trap)
{
	uint64_t rip = trap->rip, rsp = trap->rsp, rbx = trap->rbx;
	int mine = ++depth;

	if (depth > deepest)
		deepest = depth;
	if (depth < depth_wanted)
		stubs[depth % NESTABLE].run();
	damaged += depth != mine || trap->rip != rip || trap->rsp != rsp || trap->rbx != rbx;
	depth--;
	step_over(trap);
	return DUNE_TRAP_DONE;
}

static GENERAL_REGS int nest_pf(struct dune_trap *trap, uintptr_t address)
{
	return nest(trap);
}

static void test_nesting(unsigned int flags, int wanted)
{
	int i;

	register_all(nest, nest_pf, flags);
	depth_wanted = wanted;
	for (i = damaged = deepest = 0; i < NESTABLE; i++)
		stubs[i].run();
	ok(deepest == wanted && !depth && !damaged, "handlers that trap themselves, %d deep%s", deepest,
	   flags ? ", general registers" : "");
}

static jmp_buf back;

static int jump(struct dune_trap *trap)
{
	longjmp(back, 1);
}

static void test_longjmp(void)
{
	volatile int i = 0;

	dune_on_exception(DUNE_VECTOR_UD, jump, 0);
	setjmp(back);
	if (i++ < 2000)
		t_ud();
	ok_eq(i, 2001, "a handler leaves by longjmp(), 2000 times");
}

/* ---- Single steps --------------------------------------------------------------- */

long stepped(void);
extern const char stepped_end[];
__asm__(".pushsection .text\n"
	"stepped: pushfq; orq $0x100, (%rsp); popfq\n\t"
	"nop; nop; nop; nop; nop; nop; nop\n\t"
	"movl $39, %eax; syscall\n\t"
	"nop; nop\n"
	"stepped_end: ret\n"
	".popsection");

static int steps, steps_outside;

static GENERAL_REGS int step(struct dune_trap *trap)
{
	steps++;
	steps_outside += trap->rip - (uintptr_t)stepped > (uint64_t)(stepped_end - (char *)stepped);
	if (trap->rip == (uintptr_t)stepped_end)
		trap->rflags &= ~TF;
	return DUNE_TRAP_DONE;
}

static void test_steps(void)
{
	long pid = getpid();

	dune_on_exception(DUNE_VECTOR_DB, step, DUNE_GENERAL_REGS);
	ok_eq(stepped(), pid, "a system call in the middle of single steps");
	ok(steps >= 10 && steps <= 12 && !steps_outside, "%d steps, %d of them elsewhere", steps,
	   steps_outside);
}

/* ---- Vector registers ----------------------------------------------------------- */

/* Sixteen registers of 32 bytes, in and out, with INT3 between. */
void probe_sse(const void *in, void *out), probe_avx(const void *in, void *out);
#define FOR_16(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) \
	op(13) op(14) op(15)
#define XMM_IN(i) "movups 32*" #i "(%rdi), %xmm" #i "\n\t"
#define XMM_OUT(i) "movups %xmm" #i ", 32*" #i "(%rsi)\n\t"
#define YMM_IN(i) "vmovups 32*" #i "(%rdi), %ymm" #i "\n\t"
#define YMM_OUT(i) "vmovups %ymm" #i ", 32*" #i "(%rsi)\n\t"
#define XMM_SPOIL(i) "pcmpeqd %%xmm" #i ", %%xmm" #i "\n\t"
#define YMM_SPOIL(i) "vxorps %%ymm" #i ", %%ymm" #i ", %%ymm" #i "\n\t"
__asm__(".pushsection .text\n"
	"probe_sse: " FOR_16(XMM_IN) "int3\n\t" FOR_16(XMM_OUT) "ret\n"
	"probe_avx: " FOR_16(YMM_IN) "int3\n\t" FOR_16(YMM_OUT) "vzeroupper\n\tret\n"
	".popsection");

static bool have_avx;
static uint32_t handler_mxcsr;
static uint16_t handler_fcw, handler_ftw;

static int spoil(struct dune_trap *trap)
{
	struct { uint16_t cw, r0, sw, r1, tw, rest[9]; } env;

	__asm__ volatile("stmxcsr %0; fnstenv %1" : "=m"(handler_mxcsr), "=m"(env));
	handler_fcw = env.cw;
	handler_ftw = env.tw;
	__asm__ volatile("fninit; fldpi; fldpi; fldpi; fldpi; fldpi; fldpi; fldpi; fldpi");
	if (have_avx)
		__asm__ volatile(FOR_16(YMM_SPOIL) ::: "memory");
	else
		__asm__ volatile(FOR_16(XMM_SPOIL) ::: "memory");
	calls++;
	return DUNE_TRAP_DONE;
}

static GENERAL_REGS int spare(struct dune_trap *trap)
{
	calls++;
	return DUNE_TRAP_DONE;
}

static void check_vectors(const char *how)
{
	uint64_t in[64], out[64];
	uint32_t mxcsr = 0x5f80, after;
	uint16_t fcw = 0xc7f, fcw_after;
	double two = 0;
	int i, changed = 0;

	for (i = 0; i < 64; i++)
		in[i] = 0x0101010101010101UL * (i + 1);
	memset(out, 0, sizeof(out));
	calls = 0;
	__asm__ volatile("ldmxcsr %0; fninit; fldcw %1; fld1; fld1" : : "m"(mxcsr), "m"(fcw));
	(have_avx ? probe_avx : probe_sse)(in, out);
	__asm__ volatile("faddp; fstpl %0; fnstcw %1; stmxcsr %2; fninit; ldmxcsr %3"
			 : "=m"(two), "=m"(fcw_after), "=m"(after) : "m"(mxcsr_default));
	for (i = 0; i < 64; i++)
		changed += out[i] != in[i] && (have_avx || !(i & 2));
	ok(calls == 1 && !changed, "%s: 16 %s registers as before", how, have_avx ? "YMM" : "XMM");
	ok(two == 2 && fcw_after == fcw && after == mxcsr, "%s: x87 stack and both control words too", how);
}

static void test_vectors(void)
{
	have_avx = __builtin_cpu_supports("avx");
	dune_on_exception(DUNE_VECTOR_BP, spoil, 0);
	check_vectors("a handler that uses them all");
	ok(handler_mxcsr == 0x1f80 && handler_fcw == 0x37f && handler_ftw == 0xffff,
	   "it had MXCSR %#x, FCW %#x, empty x87 stack", handler_mxcsr, handler_fcw);
	dune_on_exception(DUNE_VECTOR_BP, spare, DUNE_GENERAL_REGS);
	check_vectors("DUNE_GENERAL_REGS");
}

/* ---- Passing ------------------------------------------------------------------- */

static volatile int native_signals;
static volatile char *guarded;

static void on_sigsegv(int sig)
{
	native_signals++;
	mprotect((void *)guarded, PAGE, PROT_READ | PROT_WRITE);
}

static int pass(struct dune_trap *trap)
{
	calls++;
	return DUNE_TRAP_PASS;
}

static int pass_pf(struct dune_trap *trap, uintptr_t address)
{
	return pass(trap);
}

/* Native handlers were installed before dune_enter(). */
static void test_passing(void)
{
	int i;

	for (i = 0; i < 3; i++) {
		dune_on_page_fault(i == 1 ? pass_pf : NULL, 0);
		mprotect((void *)guarded, PAGE, PROT_READ);
		calls = native_signals = 0;
		guarded[0] = i;
		ok(native_signals == 1 && guarded[0] == i && calls == (i == 1),
		   "a native SIGSEGV handler repairs what %s (%d signal, %d calls)",
		   i == 1 ? "a handler passed" : "no handler took", native_signals, calls);
	}
	ok_eq(dune_on_exception(2, record, 0), -EINVAL, "no handler for NMI");
	ok_eq(dune_on_exception(8, record, 0), -EINVAL, "nor #DF");
	ok_eq(dune_on_exception(14, record, 0), -EINVAL, "nor #PF by this call");
	ok_eq(dune_on_exception(18, record, 0), -EINVAL, "nor #MC");
	ok_eq(dune_on_exception(256, record, 0), -EINVAL, "nor 256");
	ok_eq(dune_on_exception(-1, record, 0), -EINVAL, "nor -1");
	ok_eq(dune_on_exception(3, record, 4), -EINVAL, "no unknown flags");
}

int main(void)
{
	struct dune_root *root;
	int err = dune_init();

	if (err)
		bail("dune_init: %s", strerror(-err));
	guarded = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pf_address = guarded + PAGE;
	signal(SIGSEGV, on_sigsegv);
	test_tiny_stack();
	err = dune_enter();
	if (err)
		bail("dune_enter: %s", strerror(-err));
	root = dune_root_current();
	ok_eq(dune_pt_unmap(root, (uintptr_t)pf_address, PAGE), 0, "a page of our own is unmapped");
	dune_tlb_flush();
	test_stack_growth();
	test_frames(0);
	test_frames(DUNE_GENERAL_REGS);
	test_registers();
	test_red_zone();
	test_wild_stacks();
	test_nesting(0, 10);
	test_nesting(DUNE_GENERAL_REGS, 10);
	test_nesting(0, 30);
	test_longjmp();
	test_steps();
	test_vectors();
	test_passing();
	ok_eq(dune_leave(), 0, "back in ordinary mode");
	return tap_done();
}
