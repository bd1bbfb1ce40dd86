// SPDX-License-Identifier: GPL-2.0
/* What the monitor is to know, in a file that nobody can change any more. */
#include "blob.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include "rlimits.h"
#include "say.h"

_Static_assert(BLOB_FDS <= LIMITS_RESERVED_FDS, "there is room for all of them");

static uint32_t flags(const struct options *o)
{
	return (o->allow_jit ? SANDBOX_ALLOW_JIT : 0) | (o->log ? SANDBOX_LOG : 0) |
	       (o->learn ? SANDBOX_LEARN : 0);
}

static void check(int fd, size_t size)
{
	void *blob = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	struct sandbox_rules rules;
	const char *why;

	if (blob == MAP_FAILED)
		fail(EXIT_FAILED, "the policy cannot be read: %m");
	if (sandbox_rules_init(&rules, blob, size, &why))
		fail(EXIT_FAILED, "the monitor would refuse the policy: %s", why);
	munmap(blob, size);
}

int blob_make(const struct options *o, int fd_first, const struct sock_filter *filter, uint32_t count)
{
	size_t bytes = count * sizeof(*filter);
	struct sandbox_policy p = {
		.magic = SANDBOX_POLICY_MAGIC, .version = SANDBOX_POLICY_VERSION,
		.header_size = sizeof(p), .size = (uint32_t)(sizeof(p) + bytes), .flags = flags(o),
		.bpf_offset = sizeof(p), .bpf_count = count,
		.fd_first = fd_first, .policy_fd = fd_first + BLOB_POLICY,
		.starter_fd = fd_first + BLOB_STARTER, .device_fd = fd_first + BLOB_DEVICE,
		.log_fd = o->log ? fd_first + BLOB_LOG : -1,
		.learn_fd = o->learn ? fd_first + BLOB_LEARN : -1,
		.memory_bytes = o->memory,
	};
	struct iovec parts[] = { { &p, sizeof(p) }, { (void *)filter, bytes } };
	int fd = memfd_create("dune-sandbox-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || writev(fd, parts, 2) != (ssize_t)p.size ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		fail(EXIT_FAILED, "the policy cannot be written: %m");
	check(fd, p.size);
	return fd;
}
