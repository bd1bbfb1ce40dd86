/* SPDX-License-Identifier: GPL-2.0 */
/* dune-run's command line. */
#ifndef DUNE_RUN_OPTIONS_H
#define DUNE_RUN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * @flags:	DUNE_RT_*
 * @log:	--log: where stats and trace go, or NULL
 * @log_fd:	--log-fd: the same, open already, or -1
 * @exec:	--exec: the file to execute, whatever @argv[0] is, or NULL
 * @argv:	the program's arguments
 */
struct options {
	uint32_t flags;
	const char *log;
	int log_fd;
	const char *exec;
	char **argv;
};

/*
 * Ends the process after --help, --version and usage errors.
 *
 * The last three are for the runtime, which turns an execve(path, argv, envp)
 * with --follow into
 *
 *	dune-run --follow [option]... [--log-fd N] --exec path --argv0 argv[0] argv[1]...
 *
 * --argv0 ends the options: what comes behind its argument is the program's,
 * whatever it looks like. Descriptor N must not be O_CLOEXEC then.
 */
void options_parse(struct options *o, int argc, char **argv);

#endif /* DUNE_RUN_OPTIONS_H */
