// SPDX-License-Identifier: GPL-2.0
/*
 * Limits. Which mechanism each is of, and what it means for children, is in docs/sandbox.md.
 * --memory is the monitor's to set, which adds what it takes for itself.
 */
#include "rlimits.h"
#include <sys/resource.h>
#include "say.h"

#define DEFAULT_FILES	1024

/*
 * Two that are none of the program: process 1 of the sandbox, and the process that puts the
 * monitor into a program at an execve() and ends.
 */
#define OTHER_PROCESSES	2

int limits_files(const struct options *o)
{
	rlim_t want = o->files ?: DEFAULT_FILES;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		fail(EXIT_FAILED, "the limit of open files cannot be read: %m");
	if (want + LIMITS_RESERVED_FDS <= limit.rlim_max)
		return (int)want;
	if (o->files || limit.rlim_max < LIMITS_RESERVED_FDS + 3)
		fail(EXIT_FAILED, "--files %llu: at most %llu files may be open here (ulimit -Hn), and the "
		     "monitor needs %d of them", (unsigned long long)want,
		     (unsigned long long)limit.rlim_max, LIMITS_RESERVED_FDS);
	return (int)(limit.rlim_max - LIMITS_RESERVED_FDS);
}

static void limit(int resource, const char *option, rlim_t soft, rlim_t hard)
{
	struct rlimit limit = { soft, hard };

	if (setrlimit(resource, &limit))
		fail(EXIT_FAILED, "--%s: the limit cannot be set: %m", option);
}

void limits_open_room(int first)
{
	struct rlimit room;

	if (getrlimit(RLIMIT_NOFILE, &room))
		fail(EXIT_FAILED, "the limit of open files cannot be read: %m");
	if (room.rlim_cur < (rlim_t)first + LIMITS_RESERVED_FDS)
		limit(RLIMIT_NOFILE, "files", (rlim_t)first + LIMITS_RESERVED_FDS, room.rlim_max);
}

void limits_close_room(int first)
{
	limit(RLIMIT_NOFILE, "files", (rlim_t)first, (rlim_t)first);
}

/* A limit that holds already is not raised. */
static void lower(int resource, const char *option, rlim_t soft, rlim_t hard)
{
	struct rlimit now;

	if (getrlimit(resource, &now))
		fail(EXIT_FAILED, "--%s: the limit cannot be read: %m", option);
	limit(resource, option, soft < now.rlim_max ? soft : now.rlim_max,
	      hard < now.rlim_max ? hard : now.rlim_max);
}

void limits_set(const struct options *o)
{
	/* Nobody is to read the remains of what may be hostile. */
	lower(RLIMIT_CORE, "core", 0, 0);
	/* SIGXCPU first, which a program may handle; then the end. */
	if (o->cpu_seconds)
		lower(RLIMIT_CPU, "cpu-seconds", o->cpu_seconds, o->cpu_seconds + 1);
	if (o->pids)
		lower(RLIMIT_NPROC, "pids", o->pids + OTHER_PROCESSES, o->pids + OTHER_PROCESSES);
}
