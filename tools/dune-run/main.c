// SPDX-License-Identifier: GPL-2.0
/*
 * dune-run - run a program in Dune mode.
 *
 * It executes the program by a plain execve(), so that all that Linux knows of it is
 * as ever; what is different is what the program finds in itself: the runtime.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "descriptor.h"
#include "device.h"
#include "exit.h"
#include "options.h"
#include "program.h"
#include "rt.h"
#include "tracer.h"
#include "watch.h"
#include "why.h"

/* Programs count on small descriptors being free, or close them all from 3 on. */
#define LOG_FD_MIN	1000

static bool wants_log(const struct options *o)
{
	return o->flags & (DUNE_RT_STATS | DUNE_RT_TRACE);
}

/* Each writer appends, the one of a child that goes on with its own log_fd too. */
static int open_log(struct options *o)
{
	if (!o->log || o->log_fd >= 0 || !wants_log(o))
		return 0;
	o->log_fd = descriptor_move(descriptor_open(o->log, O_WRONLY | O_CREAT | O_TRUNC |
						    O_APPEND | O_NOCTTY), LOG_FD_MIN);
	return o->log_fd < 0 ? errno : 0;
}

/* It is there for this execve() only; the tracer, or the runtime, sees to that. -1: nothing. */
static void set_inherited(int fd, bool yes)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, yes ? 0 : FD_CLOEXEC);
}

static int find(const struct options *o, char path[static PATH_MAX])
{
	if (!o->exec)
		return program_find(o->argv[0], path);
	if (strlen(o->exec) >= PATH_MAX)
		return ENAMETOOLONG;
	strcpy(path, o->exec);
	return 0;
}

/* Does not return if all is well. */
static int execute(const char *path, char **argv)
{
	int err = program_execute(path, argv);
	struct why w;

	program_explain(path, err, &w);
	say("%s", w.text);
	return err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}

/* No Dune mode, and why: without it then, or not at all. */
static int without(const struct options *o, const char *path, const struct why *w, int status)
{
	if (!(o->flags & DUNE_RT_FALLBACK)) {
		say("%s", w->text);
		return status;
	}
	if (wants_log(o))
		dprintf(o->log_fd >= 0 ? o->log_fd : STDERR_FILENO,
			"dune-run: not in Dune mode: %s\n", w->text);
	set_inherited(o->log_fd, false);
	return execute(path, o->argv);
}

static int describe(const struct options *o, struct dune_rt_start *start, struct why *w)
{
	ssize_t n;

	*start = (struct dune_rt_start){
		.size = sizeof(*start),
		.flags = o->flags,
		.log_fd = o->log_fd,
	};
	n = readlink("/proc/self/exe", start->self, sizeof(start->self));
	if (n > 0 && n < (ssize_t)sizeof(start->self)) {
		start->self[n] = 0;
		return 0;
	}
	start->self[0] = 0;
	if (!(o->flags & DUNE_RT_FOLLOW))
		return 0;
	return why(w, ENOENT, "--follow needs /proc/self/exe, and a path below %zu bytes",
		   sizeof(start->self));
}

int main(int argc, char **argv)
{
	static struct dune_rt_start start;
	char path[PATH_MAX];
	struct options o;
	struct why w;
	int err;

	options_parse(&o, argc, argv);
	err = open_log(&o);
	if (err) {
		say("%s: %s", o.log, strerror(err));
		return EXIT_FAILED;
	}
	err = find(&o, path);
	if (err) {
		say("%s: %s", o.exec ?: o.argv[0],
		    err == ENOENT ? "there is no such program" : strerror(err));
		return err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
	}
	if (program_check(path, &w))
		return without(&o, path, &w, EXIT_CANNOT_EXECUTE);
	if (device_check(&w))
		return without(&o, path, &w, EXIT_NOT_FOUND);
	if (describe(&o, &start, &w) || tracer_begin(&start, o.flags & DUNE_RT_STATS ? watch : NULL, &w))
		return without(&o, path, &w, EXIT_FAILED);
	set_inherited(o.log_fd, true);
	set_inherited(start.report_fd ?: -1, true);
	return execute(path, o.argv);
}
