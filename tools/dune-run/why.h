/* SPDX-License-Identifier: GPL-2.0 */
/* Why something cannot be done, in words for the user. */
#ifndef DUNE_RUN_WHY_H
#define DUNE_RUN_WHY_H

#include <errno.h>

struct why {
	char text[512];
};

/* Set the text and return @err (a positive errno), so that it can be returned at once. */
int why(struct why *w, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Print "dune-run: TEXT" to standard error in one write. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* DUNE_RUN_WHY_H */
