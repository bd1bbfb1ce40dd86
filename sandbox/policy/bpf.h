/* SPDX-License-Identifier: GPL-2.0 */
/* Filters of seccomp: classic BPF over struct seccomp_data, without libc. */
#ifndef SANDBOX_BPF_H
#define SANDBOX_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Is it a filter that sandbox_bpf_run() can run: instructions of seccomp's subset only, loads
 * inside struct seccomp_data, jumps forward and inside, a return at its end. NULL, or what
 * is wrong. What Linux takes this takes; it takes loads of scratch memory before any store,
 * which read 0, too.
 */
const char *sandbox_bpf_check(const struct sock_filter *filter, uint32_t count);

/* Run a filter that has been checked. */
uint32_t sandbox_bpf_run(const struct sock_filter *filter, const struct seccomp_data *call);

/*
 * Does a checked filter say the same to call nr of x86-64 whatever its arguments are, and
 * what? "No" may be wrong.
 */
bool sandbox_bpf_constant(const struct sock_filter *filter, uint32_t nr, uint32_t *verdict);

/* The same, and is it SECCOMP_RET_ALLOW? */
static inline bool sandbox_bpf_always_allows(const struct sock_filter *filter, uint32_t nr)
{
	uint32_t verdict;

	return sandbox_bpf_constant(filter, nr, &verdict) &&
	       (verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW;
}

#endif /* SANDBOX_BPF_H */
