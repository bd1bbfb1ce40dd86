/* SPDX-License-Identifier: GPL-2.0 */
/* dune-sandbox's command line. */
#ifndef SANDBOX_OPTIONS_H
#define SANDBOX_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum net {
	NET_NONE,	/* no interface is up */
	NET_LOOPBACK,	/* one of its own */
	NET_HOST,	/* the host's */
};

enum rule_kind {
	RULE_BIND, RULE_RO_BIND, RULE_TMPFS, RULE_PROC, RULE_DEV, RULE_SYMLINK,
};

/* One thing in the program's file system. Later ones lie above earlier ones. */
struct path_rule {
	enum rule_kind kind;
	bool may_miss;		/* no error if it is not there */
	const char *from;	/* bind: the host's path; symlink: its text */
	const char *to;		/* from the root */
};

struct options {
	char **argv;		/* PROGRAM, ARG..., NULL; NULL with --explain alone */
	const char *program;	/* where to look for it: argv[0], or a path made of that */
	struct path_rule *rules;
	size_t rule_count;
	enum net net;
	const char *chdir;	/* NULL: where we are, if that is there, else / */
	const char *hostname;
	const char *profile;	/* NULL: our own */
	const char *learn;	/* file to write, or NULL */
	const char *log;	/* file, "" for standard error, or NULL */
	bool allow_jit;
	bool explain;
	bool other_user;	/* uid and gid are set */
	uid_t uid;
	gid_t gid;

	/* limits; 0: none given */
	uint64_t memory;
	uint64_t cpu_seconds;
	uint64_t pids;
	uint64_t files;
};

/* Exits on errors, and after --help and --version. Changes the environment as it was told. */
void options_parse(struct options *o, int argc, char **argv);

/* A number of bytes, with K, M, G or T behind it or not; false if it is none, or 0. */
bool options_bytes(const char *text, uint64_t *bytes);

#endif /* SANDBOX_OPTIONS_H */
