// SPDX-License-Identifier: GPL-2.0
/* Starting the monitor. */
#include "start.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "root.h"
#include "say.h"

#define DEVICE	"/dev/dune"
#define STARTER	"dune-sandbox-start"

static int open_device(void)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
		fail(EXIT_NOT_FOUND, DEVICE ": there is no Dune mode: the module is not loaded; load it, as "
		     "root, with  insmod dune.ko  (or  make load  in Dune's sources)");
	if (errno == EACCES || errno == EPERM)
		fail(EXIT_NOT_FOUND, DEVICE ": no permission: be root, or a member of its group");
	fail(EXIT_NOT_FOUND, DEVICE ": %m");
}

/* Where it is, as seen from our own directory: built, or installed. */
static const char *const places[] = { "", "../libexec/" };

static int open_starter(char path[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 32);
	char *slash;

	path[n < 0 ? 0 : n] = 0;
	slash = strrchr(path, '/');
	if (!slash)
		fail(EXIT_FAILED, "/proc/self/exe does not say where dune-sandbox is (is /proc mounted?)");
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		int fd;

		snprintf(slash + 1, 32, "%s" STARTER, places[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	slash[1] = 0;
	fail(EXIT_FAILED, STARTER " is neither in %s nor in %s../libexec", path, path);
}

void start_open(struct start *s)
{
	s->device_fd = open_device();
	s->starter_fd = open_starter(s->starter);
}

static void hold(int *fd, const char *path, int flags)
{
	close(*fd);
	*fd = root_hold(path, flags);
}

void start_hold(struct start *s)
{
	hold(&s->device_fd, DEVICE, O_RDWR);
	hold(&s->starter_fd, s->starter, O_RDONLY);
}

void start_execute(const struct start *s, int policy_fd, const char *path, char **argv)
{
	char number[16], **args;
	size_t argc = 0, n = 0;

	while (argv[argc])
		argc++;
	args = need_memory(calloc(argc + 8, sizeof(*args)));
	snprintf(number, sizeof(number), "%d", policy_fd);
	args[n++] = STARTER;
	args[n++] = "--policy-fd";
	args[n++] = number;
	args[n++] = "--argv0";
	args[n++] = argv[0];
	args[n++] = "--";
	args[n++] = (char *)path;
	memcpy(&args[n], argv + 1, (argc - 1) * sizeof(*args));
	syscall(SYS_execveat, s->starter_fd, "", args, environ, AT_EMPTY_PATH);
	fail(EXIT_FAILED, STARTER ": cannot be executed: %m");
}
