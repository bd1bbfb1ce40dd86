// SPDX-License-Identifier: GPL-2.0
/*
 * Namespaces of user, mounts, processes, System V queues, host name, cgroups and, but with
 * --net host, network. All that root may do in them is done before the program starts.
 */
#include "privileges.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "say.h"

/* ---- making them --------------------------------------------------------------------------- */

static long read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	long n = -1;

	if (f) {
		if (fscanf(f, "%ld", &n) != 1)
			n = -1;
		fclose(f);
	}
	return n;
}

/* Why there is no user namespace, and what to do. */
static const char *explain(int err)
{
	if (read_number("/proc/sys/user/max_user_namespaces") == 0)
		return "user namespaces are off: as root, sysctl user.max_user_namespaces=10000";
	if (read_number("/proc/sys/kernel/unprivileged_userns_clone") == 0)
		return "user namespaces are for root only here: as root, sysctl "
		       "kernel.unprivileged_userns_clone=1, or run dune-sandbox as root";
	if (read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
		return "AppArmor keeps user namespaces from programs without a profile: as root, sysctl "
		       "kernel.apparmor_restrict_unprivileged_userns=0, or give dune-sandbox one";
	if (err == EINVAL)
		return "this kernel is built without them (CONFIG_USER_NS, CONFIG_PID_NS, CONFIG_NET_NS)";
	if (err == EPERM)
		return "not permitted; inside a container its own rules may forbid it, as does a chroot";
	return strerror(err);
}

pid_t privileges_fork(const struct options *o)
{
	unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
			      CLONE_NEWCGROUP | (o->net == NET_HOST ? 0 : CLONE_NEWNET);
	pid_t child;

	/* Not by clone(3): the child has this stack, as after fork(). */
	child = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0);
	if (child < 0)
		fail(EXIT_FAILED, "the sandbox's namespaces cannot be made: %s", explain(errno));
	return child;
}

/* ---- who is who ------------------------------------------------------------------------------ */

static void write_map(pid_t child, const char *file, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", child, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(EXIT_FAILED, "%s: %s%s", path, strerror(errno),
		     errno == ENOENT ? " (is /proc mounted?)" : "");
	close(fd);
}

/* One user, with the same number inside and outside. */
void privileges_map(const struct options *o, pid_t child)
{
	uid_t uid = o->other_user ? o->uid : geteuid();
	gid_t gid = o->other_user ? o->gid : getegid();
	char text[64];

	/* Who is not root may map a group only when nobody inside can leave one. */
	if (geteuid())
		write_map(child, "setgroups", "deny");
	snprintf(text, sizeof(text), "%u %u 1\n", gid, gid);
	write_map(child, "gid_map", text);
	snprintf(text, sizeof(text), "%u %u 1\n", uid, uid);
	write_map(child, "uid_map", text);
}

void privileges_become(const struct options *o)
{
	if (!o->other_user) {
		/* Groups of root's, where there is a right to leave them. */
		if (setgroups(0, NULL) && errno != EPERM)
			fail(EXIT_FAILED, "groups cannot be left: %m");
		return;
	}
	/* None of these users has number 0 in here, so the capabilities stay. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(0, NULL) ||
	    setresgid(o->gid, o->gid, o->gid) || setresuid(o->uid, o->uid, o->uid))
		fail(EXIT_FAILED, "user %u and group %u cannot be taken: %m", o->uid, o->gid);
}

/* ---- letting go ---------------------------------------------------------------------------------- */

void privileges_drop(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			fail(EXIT_FAILED, "capability %d cannot be dropped: %m", cap);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	    syscall(SYS_capset, &header, none) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fail(EXIT_FAILED, "privileges cannot be dropped: %m");
}
