// SPDX-License-Identifier: GPL-2.0
/* The module's device, as far as dune-run has to do with it. */
#include "device.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/dune.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "descriptor.h"

#define DEVICE	"/dev/dune"
#define LOAD	"load it, as root, with  insmod dune.ko  (or  make load  in Dune's sources)"

/* The name of group @gid in /etc/group; a static program has no other source of names. */
static const char *group_name(gid_t gid, char *name, size_t size)
{
	FILE *file = fopen("/etc/group", "re");
	struct group *group;

	snprintf(name, size, "%u", gid);
	if (!file)
		return name;
	while ((group = fgetgrent(file)))
		if (group->gr_gid == gid) {
			snprintf(name, size, "%s", group->gr_name);
			break;
		}
	fclose(file);
	return name;
}

static int no_permission(struct why *w, int err)
{
	char name[64];
	struct stat st;

	if (stat(DEVICE, &st) || (st.st_mode & 060) != 060 || !st.st_gid)
		return why(w, err, "no permission for " DEVICE ": be root");
	return why(w, err, "no permission for " DEVICE ": be root, or a member of its group, %s",
		   group_name(st.st_gid, name, sizeof(name)));
}

static int cannot_open(struct why *w, int err)
{
	switch (err) {
	case ENOENT:
		return why(w, err, "there is no " DEVICE ": dune.ko is not loaded; " LOAD);
	case ENXIO:
	case ENODEV:
		return why(w, err, "nothing is behind " DEVICE ": dune.ko is not loaded; " LOAD);
	case EACCES:
	case EPERM:
		return no_permission(w, err);
	default:
		return why(w, err, "cannot open " DEVICE ": %s", strerror(err));
	}
}

int device_check(struct why *w)
{
	struct dune_info info = { .size = sizeof(info) };
	int fd = descriptor_open(DEVICE, O_RDWR);
	int err;

	if (fd < 0)
		return cannot_open(w, errno);
	err = ioctl(fd, DUNE_GET_INFO, &info) ? errno : 0;
	close(fd);
	if (err == ENOTTY || (!err && info.abi != DUNE_ABI_VERSION))
		return why(w, EPROTONOSUPPORT,
			   "the dune.ko that is loaded is of another version than dune-run "
			   "(interface %u, not %u): unload it (rmmod dune) and load this version's",
			   info.abi, DUNE_ABI_VERSION);
	if (err)
		return why(w, err, "dune.ko does not answer: %s", strerror(err));
	return 0;
}
