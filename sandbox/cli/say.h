/* SPDX-License-Identifier: GPL-2.0 */
/* What dune-sandbox has to say to the person who started it. */
#ifndef SANDBOX_SAY_H
#define SANDBOX_SAY_H

#include "exit.h"

/* "dune-sandbox: ..." and the end of the line, on standard error. */
__attribute__((format(printf, 1, 2))) void say(const char *fmt, ...);

/* The same, and exit(status). */
__attribute__((format(printf, 2, 3), noreturn)) void fail(int status, const char *fmt, ...);

/* Memory, or the end. */
void *need_memory(void *p);

#endif /* SANDBOX_SAY_H */
