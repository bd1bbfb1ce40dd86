// SPDX-License-Identifier: GPL-2.0
/*
 * Asynchronous write protection by userfaultfd, and PAGEMAP_SCAN, which finds what was
 * written and protects it again in one step. Linux 6.7 has both.
 */
#include "track.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "pagemap_scan.h"

#define REGIONS		256
#define PAGE		4096UL

static int uffd = -1, map_fd = -1;
static uintptr_t registered_start, registered_end;

static const char *init(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED };

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0)
		return errno == EPERM ? "userfaultfd is for root here (vm.unprivileged_userfaultfd)" : strerror(errno);
	if (ioctl(uffd, UFFDIO_API, &api))
		return "this kernel has no asynchronous write protection (it came with Linux 6.7)";
	map_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	return map_fd < 0 ? strerror(errno) : NULL;
}

static void extend(uintptr_t start, size_t len)
{
	struct uffdio_register range = { .range = { start, len }, .mode = UFFDIO_REGISTER_MODE_WP };

	ioctl(uffd, UFFDIO_REGISTER, &range);
	if (!registered_start)
		registered_start = start;
	if (start + len > registered_end)
		registered_end = start + len;
}

static void after_fork(void)
{
	close(uffd);
	close(map_fd);
	if (!init() && registered_end)
		extend(registered_start, registered_end - registered_start);
}

/* Protects what it finds written; calls @fn for it, if there is one. */
static void scan(uintptr_t start, size_t len, bool protect, track_fn fn)
{
	struct scan_region region[REGIONS];	/* not static: addresses in there would be roots */
	struct scan_arg arg = {
		.size = sizeof(arg), .flags = protect ? SCAN_WP : 0, .start = start, .end = start + len,
		.vec = (uintptr_t)region, .vec_len = REGIONS, .category_mask = SCAN_WRITTEN, .return_mask = SCAN_WRITTEN,
	};

	while (arg.start < arg.end) {
		long n = ioctl(map_fd, SCAN, &arg);

		if (n < 0) {
			/* Then all of it is taken for dirty. */
			n = 1;
			region[0] = (struct scan_region){ .start = arg.start, .end = arg.end };
			arg.walk_end = arg.end;
		}
		for (long i = 0; fn && i < n; i++)
			for (uint64_t p = region[i].start; p < region[i].end; p += PAGE)
				fn(p);
		arg.start = arg.walk_end;
	}
}

static void arm(uintptr_t start, size_t len)
{
	scan(start, len, true, NULL);
}

static void collect(uintptr_t start, size_t len, bool rearm, track_fn fn)
{
	scan(start, len, rearm, fn);
}

const struct track track_uffd = {
	.name = "uffd", .concurrent = true, .rearm = true, .in_stop = true, .init = init, .extend = extend, .arm = arm,
	.collect = collect, .after_fork = after_fork,
};
