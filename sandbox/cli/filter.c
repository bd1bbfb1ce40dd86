// SPDX-License-Identifier: GPL-2.0
/* From a profile's rules to a filter, by libseccomp. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "profile.h"
#include "say.h"

/* Those with the default's action change nothing, and libseccomp does not take them. */
static int add_rules(scmp_filter_ctx ctx, const struct profile *p, const struct profile_rule **at)
{
	for (size_t i = 0; i < p->rule_count; i++) {
		const struct profile_rule *rule = &p->rules[i];
		int err;

		*at = rule;
		if (rule->action == p->default_action)
			continue;
		err = seccomp_rule_add_array(ctx, rule->action, rule->nr, rule->arg_count, rule->args);
		/* the same rule twice */
		if (err && err != -EEXIST)
			return err;
	}
	*at = NULL;
	return 0;
}

/* Calls of other architectures end the program; a tree of comparisons is short for all. */
static int set_attributes(scmp_filter_ctx ctx, const struct profile *p)
{
	int err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	/* libseccomp cannot make a tree where there are few rules */
	if (!err && p->rule_count > 32)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return err;
}

static int read_back(int fd, struct sock_filter **filter, uint32_t *count)
{
	struct stat st;
	size_t size;

	if (fstat(fd, &st))
		return -errno;
	size = (size_t)st.st_size;
	*filter = need_memory(malloc(size + 1));
	*count = (uint32_t)(size / sizeof(**filter));
	if (pread(fd, *filter, size, 0) != (ssize_t)size)
		return -EIO;
	return *count > BPF_MAXINSNS ? -E2BIG : 0;
}

static int export(scmp_filter_ctx ctx, struct sock_filter **filter, uint32_t *count)
{
	int fd = memfd_create("filter", MFD_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = seccomp_export_bpf(ctx, fd);
	if (!err)
		err = read_back(fd, filter, count);
	close(fd);
	return err;
}

bool profile_filter(const struct profile *p, struct sock_filter **filter, uint32_t *count, char **why)
{
	scmp_filter_ctx ctx = seccomp_init(p->default_action);
	const struct profile_rule *at = NULL;
	int err = -ENOMEM;

	*filter = NULL;
	if (ctx) {
		err = set_attributes(ctx, p);
		if (!err)
			err = add_rules(ctx, p, &at);
		if (!err)
			err = export(ctx, filter, count);
		seccomp_release(ctx);
	}
	if (!err)
		return true;
	free(*filter);
	*filter = NULL;
	if (asprintf(why, "%s: libseccomp makes no filter of it%s%s: %s", p->name, at ? ", at the rule of " : "",
		     at ? profile_call_name(at->nr) : "", strerror(-err)) < 0)
		need_memory(NULL);
	return false;
}
