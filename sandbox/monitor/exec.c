// SPDX-License-Identifier: GPL-2.0
/*
 * execve(): the starter is executed in the program's place, and starts what the program named in the
 * same sandbox:
 *
 *	dune-sandbox-start --policy-fd N --sigmask MASK --argc N -- PATH ARGV[0]... ENVP[0]...
 *
 * The starter is outside of the monitor, so it gets nothing of the program's but strings that it hands on: no
 * environment of its own. What execve() itself would refuse is found out before: afterwards there is
 * no caller left to tell.
 */
#include "monitor.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <signal.h>
#include <sys/stat.h>

#define PATH_BYTES	4096
#define STRINGS_MAX	8000	/* they are on the trap stack, 64 KB */
#define OWN_MAX		12

/* The strings of a vector, and their number; or -errno. */
static long strings_in(const char **to, uint64_t from, long room)
{
	long n;

	if (!from)
		return 0;
	for (n = 0; n < room; n++) {
		if (sandbox_copy_in(&to[n], from + (uint64_t)n * sizeof(*to), sizeof(*to)))
			return -EFAULT;
		if (!to[n])
			return n;
		if (!sandbox_is_users((uintptr_t)to[n], 1))
			return -EFAULT;
	}
	return -E2BIG;
}

static char *put(char *end, uint64_t value, unsigned int base)
{
	*--end = 0;
	do
		*--end = "0123456789abcdef"[value % base];
	while (value /= base);
	return end;
}

/* Is it a file that execve() would look into? 0 or -errno. */
static long check(struct sandbox_call *c, const char *path)
{
	long fd = sandbox_path_look(c, AT_FDCWD, path), ret;
	struct stat st;

	if (fd < 0)
		return fd;
	ret = sandbox_host2(c, SYS_fstat, (uint64_t)fd, (uintptr_t)&st);
	if (!ret && (st.st_mode & S_IFMT) != S_IFREG)
		ret = -EACCES;
	sandbox_host1(c, SYS_close, (uint64_t)fd);
	if (!ret)
		ret = sandbox_host4(c, SYS_faccessat2, (uint64_t)AT_FDCWD, (uintptr_t)path, 1 /* X_OK */, AT_EACCESS);
	return ret;
}

static long start(struct sandbox_call *c, const char *path, uint64_t argv, uint64_t envp)
{
	static const char no_path[] = "";
	const char *strings[OWN_MAX + STRINGS_MAX + 1], **own = strings, *no_environment[] = { NULL };
	char policy[12], mask_text[20], count[12];
	long argc = strings_in(strings + OWN_MAX, argv, STRINGS_MAX), envc;
	uint64_t mask = 0;
	unsigned int i;

	if (argc < 0)
		return argc;
	if (!argc)
		return -EINVAL;		/* Linux makes it one empty string: for nobody's good */
	envc = strings_in(strings + OWN_MAX + argc, envp, STRINGS_MAX - argc);
	if (envc < 0)
		return envc;
	strings[OWN_MAX + argc + envc] = NULL;
	sandbox_host4(c, SYS_rt_sigprocmask, SIG_BLOCK, 0, (uintptr_t)&mask, sizeof(mask));
	*own++ = "dune-sandbox-start";
	*own++ = "--policy-fd";
	*own++ = put(policy + sizeof(policy), (uint64_t)sandbox_policy()->policy_fd, 10);
	*own++ = "--sigmask";
	*own++ = put(mask_text + sizeof(mask_text), mask, 16);
	*own++ = "--argc";
	*own++ = put(count + sizeof(count), (uint64_t)argc, 10);
	*own++ = "--";
	*own++ = path;
	/* no gap between these and the program's */
	for (i = (unsigned int)(own - strings); i--;)
		strings[OWN_MAX - (own - strings) + i] = strings[i];
	return sandbox_host(c, SYS_execveat, (uint64_t)sandbox_policy()->starter_fd, (uintptr_t)no_path,
			    (uintptr_t)(strings + OWN_MAX - (own - strings)), (uintptr_t)no_environment, AT_EMPTY_PATH,
			    0);
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static int exec(struct sandbox_call *c, uint64_t user_path, uint64_t argv, uint64_t envp)
{
	char path[PATH_BYTES];
	long ret = sandbox_string_in(path, user_path, sizeof(path));

	if (ret < 0)
		return sandbox_done(c, ret);
	/* a link of /proc leads nowhere, but this one is asked for often */
	if (same(path, "/proc/self/exe")) {
		ret = sandbox_host4(c, SYS_readlink, (uintptr_t)"/proc/self/exe", (uintptr_t)path, sizeof(path) - 1, 0);
		if (ret < 0)
			return sandbox_done(c, ret);
		path[ret] = 0;
	}
	ret = check(c, path);
	return sandbox_done(c, ret ? ret : start(c, path, argv, envp));
}

int sandbox_execve(struct sandbox_call *c)
{
	return exec(c, c->args[0], c->args[1], c->args[2]);
}

/* By a descriptor there is no path that the starter could go by. */
int sandbox_execveat(struct sandbox_call *c)
{
	char first = 0;

	if (sandbox_copy_in(&first, c->args[1], 1))
		return sandbox_done(c, -EFAULT);
	if (c->args[4] || (first != '/' && (int)c->args[0] != AT_FDCWD))
		return sandbox_deny(c, SANDBOX_BY_ARGUMENT, ENOSYS, "execveat() by a descriptor");
	return exec(c, c->args[1], c->args[2], c->args[3]);
}
