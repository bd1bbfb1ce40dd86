// SPDX-License-Identifier: GPL-2.0
/*
 * dune-sandbox-start - execute a program under the sandbox's monitor.
 *
 *	dune-sandbox-start --policy-fd N [--sigmask HEX] [--argv0 NAME] -- PROGRAM [ARG]...
 *	dune-sandbox-start --policy-fd N [--sigmask HEX] --argc N -- PROGRAM ARGV... ENVP...
 *
 * The first is for dune-sandbox, which made the namespaces and the policy; the second for the
 * monitor, in place of a program's execve(): there, no environment of the program's is this one's. All
 * descriptors of the monitor come along, none of them close-on-exec.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "exit.h"
#include "program.h"
#include "rt.h"
#include "tracer.h"
#include "why.h"
#include "wx.h"

enum { POLICY_FD = 256, SIGMASK, ARGV0, ARGC };

static const struct option long_options[] = {
	{ "policy-fd", required_argument, NULL, POLICY_FD },
	{ "sigmask", required_argument, NULL, SIGMASK },
	{ "argv0", required_argument, NULL, ARGV0 },
	{ "argc", required_argument, NULL, ARGC },
	{ 0 }
};

/*
 * @policy_fd:	where the policy is
 * @has_mask:	@mask is to be the program's signal mask
 * @argv0:	or NULL
 * @argc:	as many of the arguments are ARGV, the rest is ENVP; -1: all are ARGV
 * @path:	the program's
 */
struct options {
	int policy_fd;
	bool has_mask;
	uint64_t mask;
	char *argv0;
	long argc;
	char *path;
	char **argv;
	char **envp;
};

static __attribute__((noreturn)) void usage(const char *what)
{
	say("%s: this program is started by dune-sandbox; see dune-sandbox --help", what);
	exit(EXIT_FAILED);
}

static uint64_t number(const char *arg, int base, uint64_t max)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(arg, &end, base);
	if (!*arg || *end || errno || value > max)
		usage("a number is not good");
	return value;
}

static void parse(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){ .policy_fd = -1, .argc = -1 };
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		switch (c) {
		case POLICY_FD:
			o->policy_fd = (int)number(optarg, 10, INT_MAX);
			break;
		case SIGMASK:
			o->mask = number(optarg, 16, UINT64_MAX);
			o->has_mask = true;
			break;
		case ARGV0:
			o->argv0 = optarg;
			break;
		case ARGC:
			o->argc = (long)number(optarg, 10, INT_MAX);
			break;
		default:
			usage("an option is not known");
		}
	}
	if (o->policy_fd < 0 || fcntl(o->policy_fd, F_GETFD) < 0)
		usage("there is no policy");
	if (optind >= argc)
		usage("there is no program");
	o->path = argv[optind];
	o->argv = argv + optind;
	o->envp = environ;
}

/* ARGV and ENVP, each with a NULL behind it. */
static void split(struct options *o, int count)
{
	char **argv;

	if (o->argc < 0) {
		if (o->argv0)
			o->argv[0] = o->argv0;
		return;
	}
	if (o->argc < 1 || o->argc > count)
		usage("--argc counts more than there is");
	argv = calloc((size_t)o->argc + 1, sizeof(*argv));
	if (!argv) {
		say("no memory for the arguments");
		exit(EXIT_FAILED);
	}
	memcpy(argv, o->argv + 1, (size_t)o->argc * sizeof(*argv));
	o->envp = o->argv + 1 + o->argc;
	o->argv = argv;
}

/* As the program had it: what comes before its first instruction waits for it. */
static void set_mask(const struct options *o)
{
	if (o->has_mask)
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &o->mask, NULL, sizeof(o->mask));
}

int main(int argc, char **argv)
{
	static struct dune_rt_start start = {
		.size = sizeof(start), .flags = DUNE_RT_RING3 | DUNE_RT_CONFINED, .log_fd = -1,
	};
	struct options o;
	struct why w;
	int err;

	parse(&o, argc, argv);
	split(&o, argc - optind - 1);
	start.policy_fd = o.policy_fd;
	err = program_check(o.path, &w) ?: wx_check(o.policy_fd, o.path, &w);
	if (err) {
		say("%s", w.text);
		return EXIT_CANNOT_EXECUTE;
	}
	if (tracer_begin(&start, NULL, &w)) {
		say("%s", w.text);
		return EXIT_FAILED;
	}
	set_mask(&o);
	environ = o.envp;
	err = program_execute(o.path, o.argv);
	program_explain(o.path, err, &w);
	say("%s", w.text);
	return err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}
