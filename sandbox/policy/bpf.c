// SPDX-License-Identifier: GPL-2.0
/*
 * The interpreter of seccomp filters. In ring 0 of the sandbox it runs at each system call of
 * the program that is not always allowed; it has to give what Linux would give.
 */
#include "bpf.h"
#include <linux/audit.h>
#include <stddef.h>

/* From classic BPF's net/core/filter.c: A and X start as 0, and dividing by 0 returns 0. */
#define DIVIDED_BY_ZERO	0

/* ---- checking ------------------------------------------------------------------- */

static const char *check_load(uint32_t k)
{
	if (k % 4 || k >= sizeof(struct seccomp_data))
		return "the filter loads from outside of struct seccomp_data";
	return NULL;
}

static const char *check_scratch(uint32_t k)
{
	return k < BPF_MEMWORDS ? NULL : "the filter uses scratch memory that is not there";
}

static const char *check_shift(uint32_t k)
{
	return k < 32 ? NULL : "the filter shifts by more than 31";
}

/* left: how many instructions follow */
static const char *check_jump(const struct sock_filter *f, uint32_t left)
{
	bool inside = BPF_OP(f->code) == BPF_JA ? f->k < left : f->jt < left && f->jf < left;

	return inside ? NULL : "the filter jumps out of itself";
}

static const char *check_one(const struct sock_filter *f, uint32_t left)
{
	switch (f->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return check_load(f->k);
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return check_scratch(f->k);
	case BPF_ALU | BPF_DIV | BPF_K:
		return f->k ? NULL : "the filter divides by 0";
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return check_shift(f->k);
	case BPF_JMP | BPF_JA:
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JEQ | BPF_X:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_X:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_X:
	case BPF_JMP | BPF_JSET | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_X:
		return check_jump(f, left);
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
	case BPF_ALU | BPF_ADD | BPF_K:
	case BPF_ALU | BPF_ADD | BPF_X:
	case BPF_ALU | BPF_SUB | BPF_K:
	case BPF_ALU | BPF_SUB | BPF_X:
	case BPF_ALU | BPF_MUL | BPF_K:
	case BPF_ALU | BPF_MUL | BPF_X:
	case BPF_ALU | BPF_DIV | BPF_X:
	case BPF_ALU | BPF_AND | BPF_K:
	case BPF_ALU | BPF_AND | BPF_X:
	case BPF_ALU | BPF_OR | BPF_K:
	case BPF_ALU | BPF_OR | BPF_X:
	case BPF_ALU | BPF_XOR | BPF_K:
	case BPF_ALU | BPF_XOR | BPF_X:
	case BPF_ALU | BPF_LSH | BPF_X:
	case BPF_ALU | BPF_RSH | BPF_X:
	case BPF_ALU | BPF_NEG:
		return NULL;
	}
	return "the filter has an instruction that seccomp does not know";
}

const char *sandbox_bpf_check(const struct sock_filter *filter, uint32_t count)
{
	uint16_t last;

	if (!count || count > BPF_MAXINSNS)
		return "the filter is empty or too long";
	for (uint32_t i = 0; i < count; i++) {
		const char *why = check_one(&filter[i], count - 1 - i);

		if (why)
			return why;
	}
	last = filter[count - 1].code;
	if (last != (BPF_RET | BPF_K) && last != (BPF_RET | BPF_A))
		return "the filter does not end in a return";
	return NULL;
}

/* ---- running -------------------------------------------------------------------- */

static uint32_t operand(const struct sock_filter *f, uint32_t x)
{
	return BPF_SRC(f->code) == BPF_X ? x : f->k;
}

/* All but DIV, whose operand is not 0. */
static uint32_t compute(uint16_t code, uint32_t a, uint32_t b)
{
	switch (BPF_OP(code)) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return a / b;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return a << (b & 31);
	case BPF_RSH:
		return a >> (b & 31);
	default:	/* BPF_NEG */
		return -a;
	}
}

static bool holds(uint16_t code, uint32_t a, uint32_t b)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGE:
		return a >= b;
	case BPF_JGT:
		return a > b;
	default:	/* BPF_JSET */
		return a & b;
	}
}

static const struct sock_filter *jump(const struct sock_filter *f, uint32_t a, uint32_t x)
{
	if (BPF_OP(f->code) == BPF_JA)
		return f + 1 + f->k;
	return f + 1 + (holds(f->code, a, operand(f, x)) ? f->jt : f->jf);
}

static uint32_t field(const struct seccomp_data *call, uint32_t offset)
{
	return ((const uint32_t *)(const void *)call)[offset / 4];
}

static uint32_t load(const struct sock_filter *f, const struct seccomp_data *call,
		     const uint32_t *scratch)
{
	switch (BPF_MODE(f->code)) {
	case BPF_ABS:
		return field(call, f->k);
	case BPF_MEM:
		return scratch[f->k];
	case BPF_LEN:
		return sizeof(*call);
	default:	/* BPF_IMM */
		return f->k;
	}
}

uint32_t sandbox_bpf_run(const struct sock_filter *f, const struct seccomp_data *call)
{
	uint32_t scratch[BPF_MEMWORDS] = { 0 };
	uint32_t a = 0, x = 0;

	/* Ends: each step goes forward, and the last instruction returns. */
	for (;; f++) {
		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
			a = load(f, call, scratch);
			break;
		case BPF_LDX:
			x = load(f, call, scratch);
			break;
		case BPF_ST:
			scratch[f->k] = a;
			break;
		case BPF_STX:
			scratch[f->k] = x;
			break;
		case BPF_ALU:
			if (BPF_OP(f->code) == BPF_DIV && !operand(f, x))
				return DIVIDED_BY_ZERO;
			a = compute(f->code, a, operand(f, x));
			break;
		case BPF_JMP:
			f = jump(f, a, x) - 1;
			break;
		case BPF_RET:
			return BPF_RVAL(f->code) == BPF_A ? a : f->k;
		default:	/* BPF_MISC */
			if (BPF_MISCOP(f->code) == BPF_TAX)
				x = a;
			else
				a = x;
		}
	}
}

/* ---- what does not depend on arguments --------------------------------------------- */

/*
 * Follow the filter with nr and architecture known. The first look at anything else, and the
 * first instruction that such a way never needs, ends it.
 */
bool sandbox_bpf_constant(const struct sock_filter *f, uint32_t nr, uint32_t *verdict)
{
	const struct seccomp_data call = { .nr = (int)nr, .arch = AUDIT_ARCH_X86_64 };
	uint32_t a = 0;

	for (;; f++) {
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k != offsetof(struct seccomp_data, nr) &&
			    f->k != offsetof(struct seccomp_data, arch))
				return false;
			a = field(&call, f->k);
			break;
		case BPF_JMP | BPF_JA:
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			f = jump(f, a, 0) - 1;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			break;
		case BPF_RET | BPF_K:
			*verdict = f->k;
			return true;
		default:
			return false;
		}
	}
}
