/* SPDX-License-Identifier: GPL-2.0 */
/* The policy for the monitor (sandbox/policy/policy.h), made. */
#ifndef SANDBOX_BLOB_H
#define SANDBOX_BLOB_H

#include <linux/filter.h>
#include "options.h"
#include "sandbox/policy/policy.h"

/* Where the monitor's descriptors are, from fd_first on. */
enum { BLOB_POLICY, BLOB_STARTER, BLOB_DEVICE, BLOB_LOG, BLOB_LEARN, BLOB_FDS };

/* A sealed memfd with the policy in it. */
int blob_make(const struct options *o, int fd_first, const struct sock_filter *filter, uint32_t count);

#endif /* SANDBOX_BLOB_H */
