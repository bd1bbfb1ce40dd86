/* SPDX-License-Identifier: GPL-2.0 */
/* The same test for every backend: each in a process of its own; what its checks say is told as comments. */
#ifndef GC_EACH_H
#define GC_EACH_H

#include "tap.h"
#include "track.h"

#define NOT_THERE 77	/* exit status: this machine has no such backend */

/* @more: further arguments */
static void each_run(const char *self, const char *backend, const char *more)
{
	char command[4200], line[512];
	int status;
	FILE *f;

	snprintf(command, sizeof(command), "'%s' %s %s 2>&1", self, backend, more);
	f = popen(command, "r");
	if (!f)
		bail("popen: no process");
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		diag("%s: %s", backend, line);
	}
	status = pclose(f);
	if (status >> 8 == NOT_THERE)
		skip(1, "%s is not there", backend);
	else
		ok(!status, "%s (status %#x)", backend, status);
}

/* What main() of such a test returns: PROGRAM [BACKEND [MORE]...] */
static int each_main(int argc, char **argv, int (*run)(const char *backend))
{
	char self[4096] = "", more[256] = "";

	if (argc > 1 && strcmp(argv[1], "all"))
		return run(argv[1]);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		bail("/proc/self/exe");
	for (int i = 2; i < argc; i++)
		snprintf(more + strlen(more), sizeof(more) - strlen(more), "%s ", argv[i]);
	for (int i = 0; track_all[i]; i++)
		each_run(self, track_all[i]->name, more);
	return tap_done();
}

#endif
