/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TAP for the test programs: each check is one line, the plan comes last.
 *
 *	ok(cond, "text %d", n)		returns cond
 *	ok_eq(got, want, "text")	integers; prints both when they differ
 *	ok_ne(got, other, "text")
 *	ok_str(got, want, "text")
 *	skip(n, "why")			n checks that cannot be made here
 *	skip_all("why")			the whole program; does not return
 *	diag("text")			a comment line
 *	bail("why")			no sense in going on; does not return
 *	return tap_done();		at the end of main(): plan and exit status
 *
 * Every line is one write(), so that nothing is lost in a crash and nothing
 * comes twice after a fork. Checks may be made from several threads.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAP_UNUSED __attribute__((unused))
#define TAP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

static int tap_count, tap_failed;

static void tap_write(const char *line, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, line, len);

		if (n <= 0)
			_exit(255);
		line += n;
		len -= (size_t)n;
	}
}

TAP_UNUSED TAP_PRINTF(2, 0)
static void tap_vline(const char *prefix, const char *fmt, va_list ap)
{
	char line[512];
	int used = snprintf(line, sizeof(line), "%s", prefix);
	int n = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, fmt, ap);

	used += n < 0 ? 0 : n;
	if (used > (int)sizeof(line) - 2)
		used = (int)sizeof(line) - 2;
	line[used++] = '\n';
	tap_write(line, (size_t)used);
}

TAP_UNUSED TAP_PRINTF(1, 2)
static void diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_vline("# ", fmt, ap);
	va_end(ap);
}

TAP_UNUSED TAP_PRINTF(4, 5)
static int tap_ok(int cond, const char *file, int line, const char *fmt, ...)
{
	char prefix[32];
	va_list ap;

	snprintf(prefix, sizeof(prefix), "%sok %d - ", cond ? "" : "not ",
		 __atomic_add_fetch(&tap_count, 1, __ATOMIC_RELAXED));
	va_start(ap, fmt);
	tap_vline(prefix, fmt, ap);
	va_end(ap);
	if (!cond) {
		__atomic_add_fetch(&tap_failed, 1, __ATOMIC_RELAXED);
		diag("  failed at %s:%d", file, line);
	}
	return cond;
}

#define ok(cond, ...) tap_ok(!!(cond), __FILE__, __LINE__, __VA_ARGS__)

#define ok_eq(got, want, ...) __extension__ ({						\
	long long tap_g = (long long)(got), tap_w = (long long)(want);			\
	int tap_r = tap_ok(tap_g == tap_w, __FILE__, __LINE__, __VA_ARGS__);		\
	if (!tap_r)									\
		diag("  got %lld (%#llx), want %lld (%#llx)", tap_g,			\
		     (unsigned long long)tap_g, tap_w, (unsigned long long)tap_w);	\
	tap_r;										\
})

#define ok_ne(got, other, ...) __extension__ ({						\
	long long tap_g = (long long)(got);						\
	int tap_r = tap_ok(tap_g != (long long)(other), __FILE__, __LINE__, __VA_ARGS__);	\
	if (!tap_r)									\
		diag("  got %lld (%#llx)", tap_g, (unsigned long long)tap_g);		\
	tap_r;										\
})

#define ok_str(got, want, ...) __extension__ ({						\
	const char *tap_g = (got), *tap_w = (want);					\
	int tap_r = tap_ok(tap_g && !strcmp(tap_g, tap_w), __FILE__, __LINE__, __VA_ARGS__);	\
	if (!tap_r)									\
		diag("  got \"%s\", want \"%s\"", tap_g ? tap_g : "(null)", tap_w);	\
	tap_r;										\
})

TAP_UNUSED TAP_PRINTF(2, 3)
static void skip(int n, const char *fmt, ...)
{
	char prefix[48];

	while (n-- > 0) {
		va_list ap;

		snprintf(prefix, sizeof(prefix), "ok %d # SKIP ",
			 __atomic_add_fetch(&tap_count, 1, __ATOMIC_RELAXED));
		va_start(ap, fmt);
		tap_vline(prefix, fmt, ap);
		va_end(ap);
	}
}

TAP_UNUSED TAP_PRINTF(1, 2) __attribute__((noreturn))
static void skip_all(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_vline("1..0 # SKIP ", fmt, ap);
	va_end(ap);
	exit(0);
}

TAP_UNUSED TAP_PRINTF(1, 2) __attribute__((noreturn))
static void bail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_vline("Bail out! ", fmt, ap);
	va_end(ap);
	exit(255);
}

/* A program that made no check has not passed. */
TAP_UNUSED static int tap_done(void)
{
	char plan[32];
	int n = snprintf(plan, sizeof(plan), "1..%d\n", tap_count);

	tap_write(plan, (size_t)n);
	if (tap_failed)
		diag("%d of %d failed", tap_failed, tap_count);
	return tap_failed || !tap_count ? 1 : 0;
}

#endif /* TAP_H */
