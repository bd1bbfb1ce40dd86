// SPDX-License-Identifier: GPL-2.0
/* Why something cannot be done, in words for the user. */
#include "why.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef SAY_PREFIX
#define SAY_PREFIX "dune-run: "
#endif

int why(struct why *w, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
	return err;
}

/* Without stdio's buffers: the process that says it may be about to become another program. */
void say(const char *fmt, ...)
{
	static const char prefix[] = SAY_PREFIX;
	char line[4096 + 1024];
	size_t used = sizeof(prefix) - 1;
	va_list ap;
	int n;

	memcpy(line, prefix, used);
	va_start(ap, fmt);
	n = vsnprintf(line + used, sizeof(line) - used - 1, fmt, ap);
	va_end(ap);
	if (n > 0)
		used += (size_t)n;
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return;		/* nobody to tell */
}
