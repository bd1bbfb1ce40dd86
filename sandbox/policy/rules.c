// SPDX-License-Identifier: GPL-2.0
/* The policy as the monitor uses it, made of the blob. */
#include <errno.h>
#include <linux/audit.h>
#include "bpf.h"
#include "policy.h"

#define MAX_ERRNO	4095

static const char *check_shape(const struct sandbox_policy *p, size_t size)
{
	uint64_t end;

	if (size < sizeof(*p) || p->magic != SANDBOX_POLICY_MAGIC)
		return "this is no policy";
	if (p->version != SANDBOX_POLICY_VERSION || p->header_size != sizeof(*p))
		return "the policy is for another version of the monitor";
	if (p->size != size)
		return "the policy is not whole";
	if (p->flags & ~SANDBOX_FLAGS || p->reserved || p->reserved2)
		return "the policy asks for what this monitor does not know";
	if (p->bpf_offset % 8 || p->bpf_offset < sizeof(*p))
		return "the filter lies where none can be";
	if (!p->bpf_count || p->bpf_count > SANDBOX_BPF_MAX)
		return "the filter is empty or too long";
	end = p->bpf_offset + (uint64_t)p->bpf_count * sizeof(struct sock_filter);
	return end <= size ? NULL : "the filter is not whole";
}

static bool reserved_fd(const struct sandbox_policy *p, int32_t fd)
{
	return fd >= p->fd_first;
}

static bool optional_fd(const struct sandbox_policy *p, int32_t fd, uint32_t flag)
{
	return p->flags & flag ? reserved_fd(p, fd) : fd == -1;
}

static const char *check_descriptors(const struct sandbox_policy *p)
{
	/* Below are at least the program's three. */
	if (p->fd_first < 3)
		return "the policy leaves the program no descriptors";
	if (!reserved_fd(p, p->policy_fd) || !reserved_fd(p, p->starter_fd) ||
	    !reserved_fd(p, p->device_fd) ||
	    !optional_fd(p, p->log_fd, SANDBOX_LOG) ||
	    !optional_fd(p, p->learn_fd, SANDBOX_LEARN))
		return "a descriptor of the monitor is missing, or among the program's";
	return NULL;
}

/* As Linux has it: actions that are not known kill, errors end at the largest. */
static uint32_t understood(uint32_t verdict)
{
	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ERRNO:
		if ((verdict & SECCOMP_RET_DATA) > MAX_ERRNO)
			verdict = SECCOMP_RET_ERRNO | MAX_ERRNO;
		return verdict;
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_USER_NOTIF:
	case SECCOMP_RET_TRAP:
	case SECCOMP_RET_KILL_THREAD:
	case SECCOMP_RET_KILL_PROCESS:
		return verdict;
	}
	return SECCOMP_RET_KILL_PROCESS;
}

static void find_constants(struct sandbox_rules *rules)
{
	for (uint32_t nr = 0; nr < SANDBOX_CALLS; nr++) {
		uint64_t bit = 1ULL << (nr % 64);
		uint32_t verdict;

		if (!sandbox_bpf_constant(rules->filter, nr, &verdict))
			continue;
		rules->verdict[nr] = understood(verdict);
		rules->constant[nr / 64] |= bit;
		if ((verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW)
			rules->always[nr / 64] |= bit;
	}
}

int sandbox_rules_init(struct sandbox_rules *rules, const void *blob, size_t size,
		       const char **why)
{
	const struct sandbox_policy *p = blob;
	const struct sock_filter *filter;

	*why = (uintptr_t)blob % 8 ? "the policy is not aligned" : check_shape(p, size);
	if (!*why)
		*why = check_descriptors(p);
	if (*why)
		return -EINVAL;
	filter = (const void *)((const char *)blob + p->bpf_offset);
	*why = sandbox_bpf_check(filter, p->bpf_count);
	if (*why)
		return -EINVAL;
	*rules = (struct sandbox_rules){
		.policy = p, .filter = filter, .filter_count = p->bpf_count,
	};
	find_constants(rules);
	return 0;
}

/* Is it a call for which the arguments do not matter? */
static bool is_constant(const struct sandbox_rules *rules, const struct seccomp_data *call)
{
	uint32_t nr = (uint32_t)call->nr;

	return nr < SANDBOX_CALLS && call->arch == AUDIT_ARCH_X86_64 &&
	       rules->constant[nr / 64] >> (nr % 64) & 1;
}

uint32_t sandbox_verdict(const struct sandbox_rules *rules, const struct seccomp_data *call)
{
	if (is_constant(rules, call))
		return rules->verdict[call->nr];
	return understood(sandbox_bpf_run(rules->filter, call));
}
