// SPDX-License-Identifier: GPL-2.0
/* The command line of dune-sandbox. */
#include "options.h"
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "say.h"

#ifndef DUNE_VERSION
#define DUNE_VERSION "unknown"
#endif

enum {
	BIND = 256, RO_BIND, TMPFS, PROC, DEV, SYMLINK, SYS, CHDIR, SETENV, UNSETENV, CLEARENV,
	HOSTNAME, NET, MEMORY, CPU_SECONDS, PIDS, FILES, USER, ALLOW_JIT, SECCOMP, EXPLAIN, LEARN,
	LOG, HELP, VERSION,
};

static const struct option long_options[] = {
	{ "bind", required_argument, NULL, BIND },
	{ "ro-bind", required_argument, NULL, RO_BIND },
	{ "tmpfs", required_argument, NULL, TMPFS },
	{ "proc", required_argument, NULL, PROC },
	{ "dev", required_argument, NULL, DEV },
	{ "symlink", required_argument, NULL, SYMLINK },
	{ "sys", no_argument, NULL, SYS },
	{ "chdir", required_argument, NULL, CHDIR },
	{ "setenv", required_argument, NULL, SETENV },
	{ "unsetenv", required_argument, NULL, UNSETENV },
	{ "clearenv", no_argument, NULL, CLEARENV },
	{ "hostname", required_argument, NULL, HOSTNAME },
	{ "net", required_argument, NULL, NET },
	{ "memory", required_argument, NULL, MEMORY },
	{ "cpu-seconds", required_argument, NULL, CPU_SECONDS },
	{ "pids", required_argument, NULL, PIDS },
	{ "files", required_argument, NULL, FILES },
	{ "user", required_argument, NULL, USER },
	{ "allow-jit", no_argument, NULL, ALLOW_JIT },
	{ "seccomp", required_argument, NULL, SECCOMP },
	{ "explain", no_argument, NULL, EXPLAIN },
	{ "learn", required_argument, NULL, LEARN },
	{ "log", optional_argument, NULL, LOG },
	{ "help", no_argument, NULL, HELP },
	{ "version", no_argument, NULL, VERSION },
	{ 0 }
};

static const char help[] =
	"usage: dune-sandbox [OPTION]... [--] PROGRAM [ARG]...\n"
	"\n"
	"Runs PROGRAM, which need not be trusted, in ring 3 of Dune mode, under a monitor in\n"
	"ring 0. It can do what the options and a profile of system calls allow, nothing else.\n"
	"\n"
	"What it sees of the file system (later ones lie above earlier ones):\n"
	"  --ro-bind PATH[:DEST]  PATH, read-only\n"
	"  --bind PATH[:DEST]     PATH, to read and write\n"
	"  --tmpfs DEST           an empty directory in memory\n"
	"  --proc DEST            /proc of the sandbox's processes\n"
	"  --dev DEST             null, zero, full, random, urandom, tty, pts and shm\n"
	"  --symlink TARGET:DEST  a symbolic link\n"
	"  --sys                  /usr and the links into it, read-only, /etc/ld.so.cache,\n"
	"                         and a /proc, /dev and /tmp of its own\n"
	"  Where none of these is given: --sys, and PROGRAM itself.\n"
	"\n"
	"What else it gets:\n"
	"  --net none|loopback|host  network (default: none)\n"
	"  --chdir DIR            where it starts (default: here if that is there, else /)\n"
	"  --setenv NAME=VALUE, --unsetenv NAME, --clearenv\n"
	"  --hostname NAME        what it takes for the host's name (default: sandbox)\n"
	"  --user UID[:GID]       who it is to the host (root only; default: who starts it)\n"
	"\n"
	"Limits:\n"
	"  --memory BYTES         addresses mapped, for each process, and what a tmpfs holds\n"
	"  --cpu-seconds N        time of the processor, for each process\n"
	"  --pids N               processes and threads, together\n"
	"  --files N              open files, for each process (default: 1024)\n"
	"\n"
	"System calls:\n"
	"  --seccomp FILE         a profile, JSON as Docker and OCI have it (default: our own)\n"
	"  --allow-jit            memory and files that the program can write to may be executable\n"
	"  --log[=FILE]           report each denial, and how to allow it\n"
	"  --learn FILE           allow what the monitor can allow, and write to FILE the\n"
	"                         profile that PROGRAM needed\n"
	"  --explain              do not run: print what would be allowed\n"
	"  --help, --version\n"
	"\n"
	"BYTES may end in K, M, G or T. Exit status: that of PROGRAM, or, with a message,\n"
	"  125  dune-sandbox itself failed\n"
	"  126  PROGRAM cannot be executed\n"
	"  127  PROGRAM is not found in the sandbox, or there is no Dune mode here\n";

static __attribute__((noreturn, format(printf, 1, 2))) void usage(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fail(EXIT_FAILED, "%s (dune-sandbox --help lists what there is)", text);
}

static __attribute__((noreturn)) void print(const char *text)
{
	if (fputs(text, stdout) < 0 || fflush(stdout))
		fail(EXIT_FAILED, "cannot write to standard output: %m");
	exit(0);
}

/* ---- numbers ------------------------------------------------------------------------ */

/* Digits only: strtoull() takes a sign and spaces as well. */
static bool number(const char *text, uint64_t *value, const char **rest)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	*rest = end;
	return !errno;
}

bool options_bytes(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *rest, *unit;
	unsigned int shift = 0;

	if (!number(text, bytes, &rest))
		return false;
	unit = *rest ? strchr(units, *rest) : NULL;
	if (unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		rest++;
	}
	if (*rest || *bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return *bytes > 0;
}

static uint64_t positive(const char *option, const char *text, uint64_t max)
{
	const char *rest;
	uint64_t n;

	if (!number(text, &n, &rest) || *rest || !n || n > max)
		usage("--%s takes a number from 1 to %llu, not '%s'", option,
		      (unsigned long long)max, text);
	return n;
}

static uint64_t bytes(const char *option, const char *text)
{
	uint64_t n;

	if (!options_bytes(text, &n))
		usage("--%s takes a number of bytes, such as 512M, not '%s'", option, text);
	return n;
}

static void user(struct options *o, const char *text)
{
	uint64_t uid, gid;
	const char *rest;

	if (geteuid())
		usage("--user is for root; others run programs as themselves");
	if (!number(text, &uid, &rest) || uid >= UINT32_MAX)
		usage("--user takes UID or UID:GID, numbers, not '%s'", text);
	gid = uid;
	if (*rest == ':' && (!number(rest + 1, &gid, &rest) || gid >= UINT32_MAX))
		usage("--user takes UID or UID:GID, numbers, not '%s'", text);
	if (*rest)
		usage("--user takes UID or UID:GID, numbers, not '%s'", text);
	o->uid = (uid_t)uid;
	o->gid = (gid_t)gid;
	o->other_user = true;
}

/* ---- paths ---------------------------------------------------------------------------- */

static void add_rule(struct options *o, struct path_rule rule)
{
	o->rules = need_memory(reallocarray(o->rules, o->rule_count + 1, sizeof(*o->rules)));
	o->rules[o->rule_count++] = rule;
}

static const char *destination(const char *option, const char *path)
{
	if (*path != '/')
		usage("--%s: '%s' is no path from the root of the sandbox", option, path);
	return path;
}

/* PATH[:DEST]; a PATH with a colon in it cannot be named. */
static struct path_rule pair(const char *option, const char *text, enum rule_kind kind)
{
	char *from = need_memory(strdup(text)), *colon = strchr(from, ':');
	const char *to;

	if (colon)
		*colon = 0;
	if (!*from)
		usage("--%s: '%s' names no path", option, text);
	if (!colon && kind == RULE_SYMLINK)
		usage("--symlink takes TARGET:DEST, not '%s'", text);
	to = colon ? colon + 1 : from;
	if (!colon && *from != '/') {
		to = realpath(from, NULL);
		if (!to)
			usage("--%s %s: %s", option, text, strerror(errno));
	}
	return (struct path_rule){ .kind = kind, .from = from, .to = destination(option, to) };
}

static void place(struct options *o, const char *option, const char *path, enum rule_kind kind)
{
	add_rule(o, (struct path_rule){ .kind = kind, .to = destination(option, path) });
}

/* A link of the host's /, such as /lib64, is one in the sandbox; a directory is bound. */
static void add_system_dir(struct options *o, const char *path)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0) {
		add_rule(o, (struct path_rule){ RULE_RO_BIND, true, path, path });
		return;
	}
	target[n] = 0;
	add_rule(o, (struct path_rule){ RULE_SYMLINK, false, need_memory(strdup(target)), path });
}

static void add_system(struct options *o)
{
	static const char *const dirs[] = { "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32" };

	add_rule(o, (struct path_rule){ RULE_RO_BIND, false, "/usr", "/usr" });
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		if (!access(dirs[i], F_OK))
			add_system_dir(o, dirs[i]);
	add_rule(o, (struct path_rule){ RULE_RO_BIND, true, "/etc/ld.so.cache", "/etc/ld.so.cache" });
	add_rule(o, (struct path_rule){ RULE_RO_BIND, true, "/etc/alternatives", "/etc/alternatives" });
	place(o, "sys", "/proc", RULE_PROC);
	place(o, "sys", "/dev", RULE_DEV);
	place(o, "sys", "/tmp", RULE_TMPFS);
}

/*
 * Without any rule: the system, and a program that does not belong to it. Only a name with a
 * slash in it can be one.
 */
static void add_default(struct options *o)
{
	char *program;

	add_system(o);
	if (!o->argv || !strchr(o->argv[0], '/'))
		return;
	program = realpath(o->argv[0], NULL);
	if (!program)
		return;		/* it will not be found, and then there is a message */
	if (strncmp(program, "/usr/", 5))
		add_rule(o, (struct path_rule){ RULE_RO_BIND, true, program, program });
	o->program = program;
}

/* ---- all of it ---------------------------------------------------------------------------- */

static enum net net(const char *text)
{
	if (!strcmp(text, "none"))
		return NET_NONE;
	if (!strcmp(text, "loopback"))
		return NET_LOOPBACK;
	if (!strcmp(text, "host"))
		return NET_HOST;
	usage("--net takes none, loopback or host, not '%s'", text);
}

static void set_environment(const char *text)
{
	char *name = need_memory(strdup(text)), *equals = strchr(name, '=');

	if (!equals || equals == name)
		usage("--setenv takes NAME=VALUE, not '%s'", text);
	*equals = 0;
	if (setenv(name, equals + 1, 1))
		usage("--setenv %s: %s", text, strerror(errno));
	free(name);
}

static void environment_option(int c)
{
	switch (c) {
	case SETENV:
		set_environment(optarg);
		break;
	case UNSETENV:
		if (unsetenv(optarg))
			usage("--unsetenv takes a name, not '%s'", optarg);
		break;
	case CLEARENV:
		clearenv();
	}
}

static bool path_option(struct options *o, int c)
{
	switch (c) {
	case BIND:
		add_rule(o, pair("bind", optarg, RULE_BIND));
		return true;
	case RO_BIND:
		add_rule(o, pair("ro-bind", optarg, RULE_RO_BIND));
		return true;
	case SYMLINK:
		add_rule(o, pair("symlink", optarg, RULE_SYMLINK));
		return true;
	case TMPFS:
		place(o, "tmpfs", optarg, RULE_TMPFS);
		return true;
	case PROC:
		place(o, "proc", optarg, RULE_PROC);
		return true;
	case DEV:
		place(o, "dev", optarg, RULE_DEV);
		return true;
	case SYS:
		add_system(o);
		return true;
	}
	return false;
}

static void option(struct options *o, int c)
{
	switch (c) {
	case CHDIR:
		o->chdir = destination("chdir", optarg);
		break;
	case SETENV: case UNSETENV: case CLEARENV:
		environment_option(c);
		break;
	case HOSTNAME:
		if (!*optarg || strlen(optarg) > 64)
			usage("--hostname takes a name of 1 to 64 characters");
		o->hostname = optarg;
		break;
	case NET:
		o->net = net(optarg);
		break;
	case MEMORY:
		o->memory = bytes("memory", optarg);
		break;
	case CPU_SECONDS:
		o->cpu_seconds = positive("cpu-seconds", optarg, UINT32_MAX);
		break;
	case PIDS:
		o->pids = positive("pids", optarg, 4000000);
		break;
	case FILES:
		o->files = positive("files", optarg, 1 << 20);
		if (o->files < 3)
			usage("--files: a program has 3 from the start");
		break;
	case USER:
		user(o, optarg);
		break;
	case ALLOW_JIT:
		o->allow_jit = true;
		break;
	case SECCOMP:
		o->profile = optarg;
		break;
	case EXPLAIN:
		o->explain = true;
		break;
	case LEARN:
		o->learn = optarg;
		break;
	case LOG:
		o->log = optarg ?: "";
		break;
	case HELP:
		print(help);
	case VERSION:
		print("dune-sandbox " DUNE_VERSION "\n");
	}
}

static void check_together(const struct options *o)
{
	if (o->learn && o->profile)
		usage("--learn makes a profile, --seccomp gives one: one of them");
	if (o->pids && !(o->other_user ? o->uid : geteuid()))
		usage("--pids does not bind root: give it another user, as with --user 65534");
}

void options_parse(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){ .hostname = "sandbox" };
	opterr = 0;
	/* "+": what follows the first argument that is no option belongs to the program. */
	while ((c = getopt_long(argc, argv, "+:", long_options, NULL)) != -1) {
		if (c == ':')
			usage("%s takes an argument", argv[optind - 1]);
		if (c == '?')
			usage("%s is not an option that it takes", argv[optind - 1]);
		if (!path_option(o, c))
			option(o, c);
	}
	if (optind >= argc && !o->explain)
		usage("which program?");
	if (optind < argc) {
		o->argv = argv + optind;
		o->program = o->argv[0];
	}
	check_together(o);
	if (!o->rule_count)
		add_default(o);
}
