// SPDX-License-Identifier: GPL-2.0
/* Messages: one write() for each, so that those of several processes do not mix. */
#include "say.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Names of files and words of profiles may be anybody's; a terminal is not to obey them. */
static void make_harmless(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			text[i] = '?';
}

static void vsay(const char *fmt, va_list ap)
{
	static const char name[] = "dune-sandbox: ";
	char text[2048];
	size_t used = sizeof(name) - 1;
	int err = errno, n;

	memcpy(text, name, used);
	errno = err;	/* for %m */
	n = vsnprintf(text + used, sizeof(text) - used - 1, fmt, ap);
	used += n < 0 ? 0 : (size_t)n;
	if (used > sizeof(text) - 2)
		used = sizeof(text) - 2;
	make_harmless(text, used);
	text[used++] = '\n';
	if (write(STDERR_FILENO, text, used) < 0)
		return;		/* there is nobody to tell */
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
}

void fail(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
	exit(status);
}

void *need_memory(void *p)
{
	if (!p)
		fail(EXIT_FAILED, "out of memory");
	return p;
}
