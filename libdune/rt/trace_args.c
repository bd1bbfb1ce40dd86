// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Arguments of system calls as text. Their kinds:
 *
 *	i	a number, 32 bits with a sign	l	64 bits with a sign
 *	u	64 bits, without a sign		x	hexadecimal
 *	p	an address			f	a descriptor
 *	d	a directory's descriptor	s	a string
 *	S	a string that the call writes
 *	b	bytes; the next argument says how many
 *	B	bytes that the call writes; the result says how many
 *	A	a vector of strings		E	the same, only their number
 *	m	a mode, octal			M	the same, where the flags before it create
 *	2	two descriptors that the call writes
 *	n	a number at an address that the call writes
 *	t	struct timespec			k	a set of signals
 *	g	a signal			others: see trace_flags.c
 */
#include <fcntl.h>
#include <stddef.h>
#include "../raw.h"
#include "trace_call.h"

#define PAGE_BYTES	4096UL
#define STRING_MAX	32	/* shown, then "..." */
#define VECTOR_MAX	16

/* ---- Memory -------------------------------------------------------------- */

struct vector {
	uint64_t base, length;
};

size_t trace_peek(void *to, uint64_t address, size_t size)
{
	size_t done = 0;

	/* A page at a time: what comes before one that cannot be read is worth something. */
	while (done < size) {
		uint64_t from = address + done;
		size_t part = PAGE_BYTES - from % PAGE_BYTES;
		struct vector local, remote;
		long n;

		if (part > size - done)
			part = size - done;
		local = (struct vector){ (uintptr_t)to + done, part };
		remote = (struct vector){ from, part };
		n = raw_syscall6(SYS_process_vm_readv, raw_getpid(), (long)&local, 1,
				 (long)&remote, 1, 0);
		if (n <= 0)
			break;
		done += n;
	}
	return done;
}

static bool peek_all(void *to, uint64_t address, size_t size)
{
	return trace_peek(to, address, size) == size;
}

static void put_address(struct dune_text *text, uint64_t address)
{
	if (address)
		dune_put_hex(text, address);
	else
		dune_put(text, "NULL");
}

/* ---- Strings ------------------------------------------------------------- */

static void put_quoted(struct dune_text *text, unsigned char c)
{
	static const char special[] = "\tt\nn\rr\vv\ff\"\"\\\\";
	unsigned int i;

	for (i = 0; i < sizeof(special) - 1; i += 2) {
		if (c != (unsigned char)special[i])
			continue;
		dune_put_char(text, '\\');
		dune_put_char(text, special[i + 1]);
		return;
	}
	if (c >= ' ' && c < 127) {
		dune_put_char(text, c);
		return;
	}
	dune_put_char(text, '\\');
	dune_put_char(text, '0' + (c >> 6));
	dune_put_char(text, '0' + (c >> 3 & 7));
	dune_put_char(text, '0' + (c & 7));
}

static void put_bytes(struct dune_text *text, uint64_t address, uint64_t length)
{
	unsigned char bytes[STRING_MAX];
	size_t n = length < STRING_MAX ? length : STRING_MAX, i;

	if (!address || (n && !peek_all(bytes, address, n))) {
		put_address(text, address);
		return;
	}
	dune_put_char(text, '"');
	for (i = 0; i < n; i++)
		put_quoted(text, bytes[i]);
	dune_put_char(text, '"');
	if (length > STRING_MAX)
		dune_put(text, "...");
}

/* Paths are worth more room than data. */
#define PATH_SHOWN	256

static void put_string(struct dune_text *text, uint64_t address)
{
	char s[PATH_SHOWN];
	size_t n = address ? trace_peek(s, address, sizeof(s)) : 0, i;

	for (i = 0; i < n && s[i]; i++)
		;
	/* No end of the string before the end of memory: it is none. */
	if (!n || (i == n && n < sizeof(s))) {
		put_address(text, address);
		return;
	}
	dune_put_char(text, '"');
	for (i = 0; i < n && s[i]; i++)
		put_quoted(text, s[i]);
	dune_put_char(text, '"');
	if (i == sizeof(s))
		dune_put(text, "...");
}

static void put_strings(struct dune_text *text, uint64_t address)
{
	uint64_t s;
	unsigned int i;

	if (!address || !peek_all(&s, address, sizeof(s))) {
		put_address(text, address);
		return;
	}
	dune_put_char(text, '[');
	for (i = 0; peek_all(&s, address + i * sizeof(s), sizeof(s)) && s; i++) {
		if (i)
			dune_put(text, ", ");
		if (i == VECTOR_MAX) {
			dune_put(text, "...");
			break;
		}
		put_string(text, s);
	}
	dune_put_char(text, ']');
}

/* As for the environment: it is long, and seldom what one looks for. */
static void put_count(struct dune_text *text, uint64_t address)
{
	uint64_t s, n = 0;

	put_address(text, address);
	if (!address || !peek_all(&s, address, sizeof(s)))
		return;
	while (s && peek_all(&s, address + ++n * sizeof(s), sizeof(s)))
		;
	dune_put(text, " /* ");
	dune_put_unsigned(text, n);
	dune_put(text, n == 1 ? " string */" : " strings */");
}

/* ---- Structures ---------------------------------------------------------- */

static void put_pair(struct dune_text *text, uint64_t address)
{
	int32_t fds[2];

	if (!peek_all(fds, address, sizeof(fds))) {
		put_address(text, address);
		return;
	}
	dune_put_char(text, '[');
	dune_put_decimal(text, fds[0]);
	dune_put(text, ", ");
	dune_put_decimal(text, fds[1]);
	dune_put_char(text, ']');
}

static void put_int_at(struct dune_text *text, uint64_t address)
{
	int32_t value;

	if (!address || !peek_all(&value, address, sizeof(value))) {
		put_address(text, address);
		return;
	}
	dune_put_char(text, '[');
	dune_put_decimal(text, value);
	dune_put_char(text, ']');
}

static void put_timespec(struct dune_text *text, uint64_t address)
{
	int64_t ts[2];

	if (!address || !peek_all(ts, address, sizeof(ts))) {
		put_address(text, address);
		return;
	}
	dune_put(text, "{tv_sec=");
	dune_put_decimal(text, ts[0]);
	dune_put(text, ", tv_nsec=");
	dune_put_decimal(text, ts[1]);
	dune_put_char(text, '}');
}

static void put_sigset(struct dune_text *text, uint64_t address)
{
	int sig, members = 0;
	bool first = true;
	uint64_t set;

	if (!address || !peek_all(&set, address, sizeof(set))) {
		put_address(text, address);
		return;
	}
	/* Of a set that has most, those that are not in it. */
	for (sig = 0; sig < 64; sig++)
		members += set >> sig & 1;
	if (members > 32) {
		dune_put_char(text, '~');
		set = ~set;
	}
	dune_put_char(text, '[');
	for (sig = 1; sig <= 64; sig++) {
		if (!(set >> (sig - 1) & 1))
			continue;
		if (!first)
			dune_put_char(text, ' ');
		trace_put_signal(text, sig);
		first = false;
	}
	dune_put_char(text, ']');
}

/* ---- One argument -------------------------------------------------------- */

bool trace_has_arg(const struct trace_call *call, unsigned int i, char kind)
{
	uint64_t flags = i ? call->args[i - 1] : 0;

	return kind != 'M' || flags & O_CREAT || (flags & __O_TMPFILE) == __O_TMPFILE;
}

/* What the call has written, once it has. */
static void put_output(struct dune_text *text, const struct trace_call *call, uint64_t value,
		       char kind)
{
	if (!call->done || trace_failed(call)) {
		put_address(text, value);
		return;
	}
	switch (kind) {
	case 'S':
		put_string(text, value);
		break;
	case 'B':
		put_bytes(text, value, call->result);
		break;
	case '2':
		put_pair(text, value);
		break;
	case 'n':
		put_int_at(text, value);
		break;
	}
}

void trace_put_arg(struct dune_text *text, const struct trace_call *call, unsigned int i, char kind)
{
	uint64_t value = call->args[i];

	switch (kind) {
	case 'd':
		if ((int32_t)value == AT_FDCWD) {
			dune_put(text, "AT_FDCWD");
			break;
		}
		/* fall through */
	case 'i':
	case 'f':
		dune_put_decimal(text, (int32_t)value);
		break;
	case 'l':
		dune_put_decimal(text, value);
		break;
	case 'u':
		dune_put_unsigned(text, value);
		break;
	case 'p':
		put_address(text, value);
		break;
	case 's':
		put_string(text, value);
		break;
	case 'b':
		put_bytes(text, value, i + 1 < CALL_ARGS ? call->args[i + 1] : 0);
		break;
	case 'S':
	case 'B':
	case '2':
	case 'n':
		put_output(text, call, value, kind);
		break;
	case 'A':
		put_strings(text, value);
		break;
	case 'E':
		put_count(text, value);
		break;
	case 'M':
	case 'm':
		dune_put_octal(text, (uint16_t)value);
		break;
	case 't':
		put_timespec(text, value);
		break;
	case 'k':
		put_sigset(text, value);
		break;
	case 'g':
		trace_put_signal(text, value);
		break;
	default:
		if (!trace_put_flags(text, kind, value))
			dune_put_hex(text, value);
	}
}
