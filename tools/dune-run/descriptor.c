// SPDX-License-Identifier: GPL-2.0
/* Descriptors of dune-run's own: never 0, 1 or 2, even where those are closed. */
#include "descriptor.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOWEST	3

/* The limit may leave less than @min, and the numbers just below it may be taken. */
static int lower(int min)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > (rlim_t)min)
		return min / 2;
	return (int)limit.rlim_cur - 1;
}

int descriptor_move(int fd, int min)
{
	int new, err;

	if (fd < 0)
		return -1;
	while ((new = fcntl(fd, F_DUPFD_CLOEXEC, min)) < 0 && min > LOWEST) {
		min = lower(min);
		if (min < LOWEST)
			min = LOWEST;
	}
	err = errno;
	close(fd);
	errno = err;
	return new;
}

int descriptor_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0666);

	return fd > STDERR_FILENO ? fd : descriptor_move(fd, LOWEST);
}
