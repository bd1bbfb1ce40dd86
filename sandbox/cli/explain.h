/* SPDX-License-Identifier: GPL-2.0 */
/* --explain: what would be allowed, for people to read. */
#ifndef SANDBOX_EXPLAIN_H
#define SANDBOX_EXPLAIN_H

#include "options.h"
#include "profile.h"

void explain(const struct options *o, const struct profile *p, const struct sock_filter *filter);

#endif /* SANDBOX_EXPLAIN_H */
