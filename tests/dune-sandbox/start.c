// SPDX-License-Identifier: GPL-2.0
/*
 * For tests of dune-sandbox where there is no Dune mode: in place of the monitor, Linux's own
 * seccomp with the policy's filter. Namespaces, binds, limits and profiles are the real ones.
 */
#include "sandbox/cli/start.h"
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "sandbox/cli/say.h"
#include "sandbox/policy/policy.h"

void start_open(struct start *s)
{
	s->starter_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s->device_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void start_hold(struct start *s)
{
}

/* Nobody else's may be there: the monitor would pass them on to each program. */
static void check_descriptors(const struct sandbox_policy *p)
{
	const int ours[] = { p->policy_fd, p->starter_fd, p->device_fd, p->log_fd, p->learn_fd };

	for (int fd = p->fd_first; fd < p->fd_first + 1000; fd++) {
		bool known = false;

		for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
			known |= fd == ours[i];
		if (known != (fcntl(fd, F_GETFD) >= 0))
			fail(EXIT_FAILED, "test: descriptor %d is %s", fd, known ? "not open" : "open");
	}
}

static void limit_memory(const struct sandbox_policy *p)
{
	struct rlimit limit = { p->memory_bytes, p->memory_bytes };

	if (p->memory_bytes && setrlimit(RLIMIT_AS, &limit))
		fail(EXIT_FAILED, "test: RLIMIT_AS: %m");
}

static void install(const struct sandbox_rules *rules)
{
	struct sock_fprog prog = { .len = (unsigned short)rules->filter_count,
				   .filter = (struct sock_filter *)rules->filter };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
		fail(EXIT_FAILED, "test: seccomp: %m");
}

void start_execute(const struct start *s, int policy_fd, const char *path, char **argv)
{
	struct sandbox_rules rules;
	const char *why = "cannot be mapped";
	struct stat st;
	void *blob;

	if (fstat(policy_fd, &st))
		fail(EXIT_FAILED, "test: no policy at %d: %m", policy_fd);
	blob = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, policy_fd, 0);
	if (blob == MAP_FAILED || sandbox_rules_init(&rules, blob, (size_t)st.st_size, &why))
		fail(EXIT_FAILED, "test: policy: %s", why);
	if (rules.policy->starter_fd != s->starter_fd || rules.policy->device_fd != s->device_fd)
		fail(EXIT_FAILED, "test: descriptors are not where the policy says");
	check_descriptors(rules.policy);
	syscall(SYS_close_range, rules.policy->fd_first, ~0U, CLOSE_RANGE_CLOEXEC);
	limit_memory(rules.policy);
	install(&rules);
	execv(path, argv);
	fail(EXIT_CANNOT_EXECUTE, "%s: %m", path);
}
