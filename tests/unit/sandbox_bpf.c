// SPDX-License-Identifier: GPL-2.0
/*
 * The filters' checker and interpreter, against Linux's own: random filters are installed in a
 * child, and what its calls return there is what sandbox_bpf_run() has to say.
 *
 *	sandbox_bpf [FILTERS [SEED]]
 */
#include "tap.h"

#include <errno.h>
#include <linux/audit.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sandbox/policy/bpf.h"

#define NR		1000		/* a call that Linux does not have */
#define CALLS		16		/* made under each filter */
#define BODY		60		/* instructions of a filter's random part, at most */
#define LENGTH		(BODY + 64)

/* ---- the random parts ----------------------------------------------------------- */

static uint64_t state;

static uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static uint32_t below(uint32_t n)
{
	return rnd() % n;
}

static uint32_t odd_number(void)
{
	static const uint32_t edge[] = { 0, 1, 2, 31, 32, 33, 0x7fffffff, 0x80000000, 0xffffffff };

	return below(2) ? edge[below(sizeof(edge) / sizeof(*edge))] : rnd() >> below(32);
}

static struct sock_filter alu(void)
{
	static const uint16_t ops[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_AND, BPF_OR,
					BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG };
	uint16_t op = ops[below(10)], src = op != BPF_NEG && below(2) ? BPF_X : BPF_K;
	uint32_t k = odd_number();

	if (op == BPF_DIV && !k)
		k = 3;
	if (op == BPF_LSH || op == BPF_RSH)
		k %= 32;
	return (struct sock_filter)BPF_STMT((uint16_t)(BPF_ALU | op | src), k);
}

static struct sock_filter jump(uint32_t left)
{
	static const uint16_t ops[] = { BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET };
	uint32_t reach = left < 6 ? left : 6;

	if (!below(8))
		return (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, below(reach));
	return (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | ops[below(4)] |
						       (below(2) ? BPF_X : BPF_K)),
					    odd_number(), (uint8_t)below(reach),
					    (uint8_t)below(reach));
}

/* One instruction of a filter that is right, with @left behind it. */
static struct sock_filter good(uint32_t left)
{
	switch (below(10)) {
	case 0: case 1:
		return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, below(16) * 4);
	case 2:
		return (struct sock_filter)BPF_STMT(below(2) ? BPF_LD | BPF_IMM : BPF_LDX | BPF_IMM,
						    odd_number());
	case 3:
		return (struct sock_filter)BPF_STMT(below(2) ? BPF_ST : BPF_STX, below(16));
	case 4:
		return (struct sock_filter)BPF_STMT(below(2) ? BPF_LD | BPF_MEM : BPF_LDX | BPF_MEM,
						    below(16));
	case 5:
		return (struct sock_filter)BPF_STMT(below(2) ? BPF_MISC | BPF_TAX :
						    BPF_MISC | BPF_TXA, 0);
	case 6:
		if (!below(4))
			return (struct sock_filter)BPF_STMT(below(2) ? BPF_LD | BPF_W | BPF_LEN :
							    BPF_LDX | BPF_W | BPF_LEN, 0);
		if (!below(4))
			return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							    SECCOMP_RET_ERRNO | (1 + below(4000)));
		return alu();
	case 7: case 8:
		return left > 1 ? jump(left) : alu();
	default:
		return alu();
	}
}

/* Whatever bits there are: most of these are wrong. */
static struct sock_filter any(uint32_t left)
{
	struct sock_filter f = good(left);

	switch (below(4)) {
	case 0:
		f.code = (uint16_t)(below(2) ? rnd() : rnd() & 0xff);
		break;
	case 1:
		f.k = odd_number();
		break;
	case 2:
		f.jt = (uint8_t)rnd();
		break;
	default:
		f.jf = (uint8_t)rnd();
	}
	return f;
}

struct filter {
	struct sock_filter code[LENGTH];
	uint32_t count;
};

static void add(struct filter *f, struct sock_filter code)
{
	f->code[f->count++] = code;
}

#define STMT(...)	((struct sock_filter)BPF_STMT(__VA_ARGS__))
#define JUMP(...)	((struct sock_filter)BPF_JUMP(__VA_ARGS__))

/*
 * Our call runs into the random part, all others are allowed. What is in A at the end comes out
 * as an error number, 11 bits of it; 0 would be no error.
 */
static void begin(struct filter *f)
{
	f->count = 0;
	add(f, STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	add(f, JUMP(BPF_JMP | BPF_JEQ | BPF_K, NR, 1, 0));
	add(f, STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

static void end(struct filter *f)
{
	add(f, STMT(BPF_ALU | BPF_RSH | BPF_K, below(3) * 11));
	add(f, STMT(BPF_ALU | BPF_AND | BPF_K, 0x7ff));
	add(f, STMT(BPF_ALU | BPF_ADD | BPF_K, 1));
	add(f, STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO));
	add(f, STMT(BPF_RET | BPF_A, 0));
}

static void make_good(struct filter *f)
{
	uint32_t body = 1 + below(BODY);

	begin(f);
	/* Linux refuses to load what was not stored before. */
	for (uint32_t i = 0; i < BPF_MEMWORDS; i++) {
		add(f, STMT(BPF_LD | BPF_IMM, odd_number()));
		add(f, STMT(BPF_ST, i));
	}
	/* A jump goes to the first of end() at most, which makes an error number of A. */
	while (body--)
		add(f, good(body + 1));
	end(f);
}

/* ---- Linux ------------------------------------------------------------------------ */

extern char call_site[];

static __attribute__((noinline, noclone)) long make_call(const uint64_t *a)
{
	register uint64_t r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
	long ret;

	__asm__ volatile("syscall\n\t.globl call_site\ncall_site:"
			 : "=a"(ret)
			 : "0"((long)NR), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static int install(const struct filter *f)
{
	struct sock_fprog prog = { .len = (unsigned short)f->count,
				   .filter = (struct sock_filter *)f->code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) ? errno : 0;
}

/* What one filter does in Linux; shared with the child. */
struct seen {
	int refused;		/* errno of its installation */
	long result[CALLS];
};

static struct seen *seen;

/* False if the child died, as it does where a filter says so. */
static bool in_linux(const struct filter *f, uint64_t args[CALLS][6])
{
	int status;
	pid_t pid;

	memset(seen, 0, sizeof(*seen));
	pid = fork();
	if (!pid) {
		seen->refused = install(f);
		for (int i = 0; i < CALLS && !seen->refused; i++)
			seen->result[i] = make_call(args[i]);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status);
}

static void random_args(uint64_t args[CALLS][6])
{
	for (int i = 0; i < CALLS; i++)
		for (int j = 0; j < 6; j++)
			args[i][j] = (uint64_t)odd_number() << 32 | odd_number();
}

static uint32_t ours(const struct filter *f, const uint64_t *args)
{
	struct seccomp_data call = {
		.nr = NR, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = (uintptr_t)call_site,
	};

	memcpy(call.args, args, sizeof(call.args));
	return sandbox_bpf_run(f->code, &call);
}

static bool differs(const struct filter *f, const uint64_t *args, long linux_result)
{
	uint32_t verdict = ours(f, args);

	if (verdict == (SECCOMP_RET_ERRNO | (uint32_t)-linux_result))
		return false;
	diag("we say %#x, Linux returned %ld", verdict, linux_result);
	return true;
}

static void dump(const struct filter *f)
{
	for (uint32_t i = 0; i < f->count; i++)
		diag("%3u: %04x %3u %3u %08x", i, f->code[i].code, f->code[i].jt, f->code[i].jf,
		     f->code[i].k);
}

/* ---- the checks -------------------------------------------------------------------- */

static void same_verdicts(int filters)
{
	uint64_t args[CALLS][6];
	struct filter f;
	int different = 0, refused = 0;

	for (int n = 0; n < filters && !different; n++) {
		make_good(&f);
		random_args(args);
		refused += !!sandbox_bpf_check(f.code, f.count);
		if (!in_linux(&f, args)) {
			/* A division by 0 returns 0, SECCOMP_RET_KILL_THREAD: some call must. */
			int kills = 0;

			for (int i = 0; i < CALLS; i++)
				kills += ours(&f, args[i]) == 0;
			different += !kills;
		} else {
			refused += !!seen->refused;
			for (int i = 0; i < CALLS; i++)
				different += differs(&f, args[i], seen->result[i]);
		}
		if (different)
			dump(&f);
	}
	ok_eq(refused, 0, "Linux and we take each of %d random filters", filters);
	ok_eq(different, 0, "each has the verdicts of Linux, %d calls a filter", CALLS);
}

static bool loads_scratch(const struct filter *f)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (f->code[i].code == (BPF_LD | BPF_MEM) || f->code[i].code == (BPF_LDX | BPF_MEM))
			return true;
	return false;
}

static void same_refusals(int filters)
{
	uint64_t args[CALLS][6] = { 0 };
	int different = 0, taken = 0;
	struct filter f;

	for (int n = 0; n < filters && !different; n++) {
		uint32_t body = 1 + below(8), wrong = below(body + 1);
		bool we, linux_does;

		begin(&f);
		while (body--)
			add(&f, body == wrong ? any(body + 1) : good(body + 1));
		end(&f);
		if (!below(8))
			f.count -= 1 + below(3);
		we = !sandbox_bpf_check(f.code, f.count);
		linux_does = !in_linux(&f, args) || !seen->refused;
		taken += we;
		different += we != linux_does && !(we && loads_scratch(&f));
		if (different) {
			diag("we %d, Linux %d", we, linux_does);
			dump(&f);
		}
	}
	ok_eq(different, 0, "of %d filters with an error Linux and we take the same", filters);
	ok(taken > 0 && taken < filters, "%d of them were taken", taken);
}

/* No filter, whatever its bits, may make the interpreter leave it. */
static void no_escape(int filters)
{
	struct seccomp_data call = { .nr = NR, .arch = AUDIT_ARCH_X86_64 };
	long page = sysconf(_SC_PAGESIZE);
	char *end = (char *)mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + page;
	int ran = 0;

	mprotect(end, (size_t)page, PROT_NONE);
	for (int n = 0; n < filters; n++) {
		uint32_t count = 1 + below(12);
		struct sock_filter *f = (struct sock_filter *)(void *)end - count;

		for (uint32_t i = 0; i < count; i++)
			f[i] = below(2) ? any(count - i) : good(count - i);
		if (below(2))
			f[count - 1] = STMT(BPF_RET | BPF_A, 0);
		if (sandbox_bpf_check(f, count))
			continue;
		sandbox_bpf_run(f, &call);
		sandbox_bpf_always_allows(f, NR);
		ran++;
	}
	ok(ran > 0, "none of %d of random bits that the checker took ran out of itself", ran);
	munmap(end - page, (size_t)page * 2);
}

#define TAKEN(text, ...) do {								\
	struct sock_filter code[] = { __VA_ARGS__ };					\
	ok(!sandbox_bpf_check(code, sizeof(code) / sizeof(*code)), "taken: " text);	\
} while (0)
#define REFUSED(text, ...) do {								\
	struct sock_filter code[] = { __VA_ARGS__ };					\
	ok(!!sandbox_bpf_check(code, sizeof(code) / sizeof(*code)), "refused: " text);	\
} while (0)
#define RET	STMT(BPF_RET | BPF_K, 0)

static void edges(void)
{
	static struct sock_filter longest[BPF_MAXINSNS + 1];

	TAKEN("a return alone", RET);
	REFUSED("no return", STMT(BPF_LD | BPF_IMM, 1));
	REFUSED("a return of X", STMT(BPF_RET | BPF_X, 0));
	TAKEN("the last word of the call", STMT(BPF_LD | BPF_W | BPF_ABS, 60), RET);
	REFUSED("the word behind it", STMT(BPF_LD | BPF_W | BPF_ABS, 64), RET);
	REFUSED("a word that is not aligned", STMT(BPF_LD | BPF_W | BPF_ABS, 2), RET);
	REFUSED("a byte", STMT(BPF_LD | BPF_B | BPF_ABS, 0), RET);
	REFUSED("an indirect load", STMT(BPF_LD | BPF_W | BPF_IND, 0), RET);
	REFUSED("a word at a negative place", STMT(BPF_LD | BPF_W | BPF_ABS, 0xfffff000), RET);
	TAKEN("the last word of scratch memory", STMT(BPF_ST, 15), RET);
	REFUSED("the one behind it", STMT(BPF_ST, 16), RET);
	TAKEN("a shift by 31", STMT(BPF_ALU | BPF_LSH | BPF_K, 31), RET);
	REFUSED("a shift by 32", STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RET);
	REFUSED("a division by 0", STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RET);
	REFUSED("a modulo", STMT(BPF_ALU | BPF_MOD | BPF_K, 2), RET);
	TAKEN("a jump to the end", JUMP(BPF_JMP | BPF_JA, 1, 0, 0), RET, RET);
	REFUSED("a jump behind the end", JUMP(BPF_JMP | BPF_JA, 2, 0, 0), RET, RET);
	REFUSED("a jump back", JUMP(BPF_JMP | BPF_JA, 0xffffffff, 0, 0), RET);
	REFUSED("a true branch behind the end", JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), RET);
	REFUSED("a false branch behind the end", JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), RET);
	REFUSED("a jump as the last", RET, JUMP(BPF_JMP | BPF_JA, 0, 0, 0));
	ok(sandbox_bpf_check(longest, 0) != NULL, "refused: nothing");
	for (int i = 0; i <= BPF_MAXINSNS; i++)
		longest[i] = RET;
	ok(!sandbox_bpf_check(longest, BPF_MAXINSNS), "taken: the longest");
	ok(sandbox_bpf_check(longest, BPF_MAXINSNS + 1) != NULL, "refused: one more");
}

/* The kernel's stack is not for filters to see. */
static void scratch(void)
{
	struct seccomp_data call = { 0 };
	volatile uint32_t dirt[256];
	uint32_t sum = 0;

	for (int i = 0; i < 256; i++)
		dirt[i] = 0xdddddddd;
	for (uint32_t i = 0; i < BPF_MEMWORDS; i++) {
		struct sock_filter f[] = { BPF_STMT(BPF_LD | BPF_MEM, i), BPF_STMT(BPF_RET | BPF_A, 0) };

		sum |= sandbox_bpf_run(f, &call);
	}
	ok_eq(sum | (dirt[0] & 0), 0, "scratch memory starts as 0");
}

static void always(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 7, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 8, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};

	ok(!sandbox_bpf_check(f, sizeof(f) / sizeof(*f)), "a filter as tools make them");
	ok(sandbox_bpf_always_allows(f, 7), "a call that it allows is always allowed");
	ok(!sandbox_bpf_always_allows(f, 8), "one whose argument counts is not");
	ok(!sandbox_bpf_always_allows(f, 9), "one that it refuses is not");
}

int main(int argc, char **argv)
{
	int filters = argc > 1 ? atoi(argv[1]) : 600;

	state = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x9e3779b97f4a7c15ULL;
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED)
		bail("no memory");
	edges();
	scratch();
	always();
	no_escape(filters * 500);
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &(uint32_t){ SECCOMP_RET_ERRNO })) {
		skip(4, "this kernel has no seccomp filters");
		return tap_done();
	}
	same_verdicts(filters);
	same_refusals(filters);
	return tap_done();
}
