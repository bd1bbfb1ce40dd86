/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Profiles of system calls: JSON as OCI runtimes and Docker have it, made into a filter
 * by libseccomp.
 */
#ifndef SANDBOX_PROFILE_H
#define SANDBOX_PROFILE_H

#include <linux/filter.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_ARGS	6

/* One call of one rule; all of its conditions have to hold. */
struct profile_rule {
	int nr;
	uint32_t action;	/* SCMP_ACT_* */
	unsigned int arg_count;
	struct scmp_arg_cmp args[PROFILE_ARGS];
	char *comment;		/* the profile's, or NULL */
};

struct profile {
	const char *name;	/* the file's, or words for our own */
	uint32_t default_action;
	struct profile_rule *rules;
	size_t rule_count;
	char **unknown;		/* names of calls that libseccomp does not know; ignored */
	size_t unknown_count;
};

/*
 * Read the file path (NULL: our own profile). False with *why, which is to be freed, if that
 * is no profile.
 */
bool profile_load(struct profile *p, const char *path, char **why);

/* The same, of a text that is called name. */
bool profile_parse(struct profile *p, const char *name, const char *text, size_t length, char **why);

/* Everything is allowed; for --learn. */
void profile_allow_all(struct profile *p);

/* Make a filter for x86-64 of it; *filter is to be freed. */
bool profile_filter(const struct profile *p, struct sock_filter **filter, uint32_t *count, char **why);

void profile_free(struct profile *p);

/* The name of the call, or "call N"; in a static buffer then. */
const char *profile_call_name(int nr);

#endif /* SANDBOX_PROFILE_H */
