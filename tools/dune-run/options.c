// SPDX-License-Identifier: GPL-2.0
/* dune-run's command line. */
#include "options.h"
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exit.h"
#include "rt.h"
#include "why.h"

#ifndef DUNE_VERSION
#define DUNE_VERSION "unknown"
#endif

enum {
	RING = 256, STATS, FOLLOW, TRACE, FALLBACK, LOG, EXEC, ARGV0, LOG_FD, HELP, VERSION
};

static const struct option long_options[] = {
	{ "ring", required_argument, NULL, RING },
	{ "stats", no_argument, NULL, STATS },
	{ "follow", no_argument, NULL, FOLLOW },
	{ "trace", no_argument, NULL, TRACE },
	{ "fallback", no_argument, NULL, FALLBACK },
	{ "log", required_argument, NULL, LOG },
	{ "exec", required_argument, NULL, EXEC },
	{ "argv0", required_argument, NULL, ARGV0 },
	{ "log-fd", required_argument, NULL, LOG_FD },
	{ "help", no_argument, NULL, HELP },
	{ "version", no_argument, NULL, VERSION },
	{ 0 }
};

static const char help[] =
	"usage: dune-run [OPTION]... [--] PROGRAM [ARG]...\n"
	"\n"
	"Runs PROGRAM in Dune mode: in VMX non-root mode, as the process that it is.\n"
	"\n"
	"  --ring 0|3    the ring that it runs in (default 0)\n"
	"  --stats       when it ends, say what it did in Dune mode\n"
	"  --trace       show its system calls\n"
	"  --log FILE    where stats and trace go (default: standard error)\n"
	"  --follow      stay in Dune mode when it executes another program\n"
	"  --fallback    where there is no Dune mode, run PROGRAM without\n"
	"  --help, --version\n"
	"\n"
	"Exit status: that of PROGRAM, or, with a message,\n"
	"  125  dune-run itself failed\n"
	"  126  PROGRAM cannot be executed\n"
	"  127  PROGRAM is not found, or there is no Dune mode here\n";

static __attribute__((noreturn, format(printf, 1, 2))) void usage(const char *fmt, ...)
{
	struct why w;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w.text, sizeof(w.text), fmt, ap);
	va_end(ap);
	say("%s (dune-run --help lists what there is)", w.text);
	exit(EXIT_FAILED);
}

static __attribute__((noreturn)) void print(const char *text)
{
	if (fputs(text, stdout) < 0 || fflush(stdout)) {
		say("cannot write to standard output: %m");
		exit(EXIT_FAILED);
	}
	exit(0);
}

static uint32_t ring_flag(const char *arg)
{
	if (!strcmp(arg, "0"))
		return 0;
	if (!strcmp(arg, "3"))
		return DUNE_RT_RING3;
	usage("--ring takes 0 or 3, not '%s'", arg);
}

static int descriptor(const char *arg)
{
	char *end;
	long fd = strtol(arg, &end, 10);

	if (!*arg || *end || fd < 0 || fd > INT32_MAX || fcntl((int)fd, F_GETFD) < 0)
		usage("--log-fd takes an open descriptor, not '%s'", arg);
	return (int)fd;
}

static void option(struct options *o, int c)
{
	switch (c) {
	case RING:
		o->flags = (o->flags & ~(uint32_t)DUNE_RT_RING3) | ring_flag(optarg);
		break;
	case STATS:
		o->flags |= DUNE_RT_STATS;
		break;
	case FOLLOW:
		o->flags |= DUNE_RT_FOLLOW;
		break;
	case TRACE:
		o->flags |= DUNE_RT_TRACE;
		break;
	case FALLBACK:
		o->flags |= DUNE_RT_FALLBACK;
		break;
	case LOG:
		o->log = optarg;
		break;
	case LOG_FD:
		o->log_fd = descriptor(optarg);
		break;
	case EXEC:
		o->exec = optarg;
		break;
	case HELP:
		print(help);
	case VERSION:
		print("dune-run " DUNE_VERSION "\n");
	}
}

void options_parse(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){ .log_fd = -1 };
	opterr = 0;
	/* "+": what follows the first argument that is no option belongs to the program. */
	while ((c = getopt_long(argc, argv, "+:", long_options, NULL)) != -1) {
		if (c == ':')
			usage("%s takes an argument", argv[optind - 1]);
		if (c == '?')
			usage("%s is not an option that it takes", argv[optind - 1]);
		if (c == ARGV0)
			break;
		option(o, c);
	}
	if ((c == ARGV0) != !!o->exec)
		usage("--exec and --argv0 come together");
	if (c == ARGV0)
		argv[--optind] = optarg;	/* as "--argv0=NAME" too */
	/* An execve() that came this far cannot fail any more: what cannot follow goes on alone. */
	if (o->exec)
		o->flags |= DUNE_RT_FALLBACK;
	if (optind >= argc)
		usage("which program?");
	o->argv = argv + optind;
}
