// SPDX-License-Identifier: GPL-2.0
/* userfaultfd: who writes waits, and who touches what is gone is given it. */
#include "churn.h"
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

static int open_uffd(struct range *r, uint64_t features, uint64_t mode)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = { .range = { (uintptr_t)r->at, r->len }, .mode = mode };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && !ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &reg))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Protected, all stores wait until the protection is taken away. */
bool op_uffd_wp(struct range *r)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)r->at, r->len }, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd;

	if (is_forgotten(r))
		return false;
	fd = open_uffd(r, UFFD_FEATURE_PAGEFAULT_FLAG_WP, UFFDIO_REGISTER_MODE_WP);
	if (fd < 0)
		return false;
	for (int i = 0; i < 2; i++) {
		wp.mode = UFFDIO_WRITEPROTECT_MODE_WP;
		if (ioctl(fd, UFFDIO_WRITEPROTECT, &wp)) {
			/* before 6.3 not for several mappings at once */
			if (errno != ENOENT)
				fail("UFFDIO_WRITEPROTECT: %s", strerror(errno));
			break;
		}
		must_stay("protected by userfaultfd", r, r->at);
		wp.mode = 0;
		ioctl(fd, UFFDIO_WRITEPROTECT, &wp);
	}
	ioctl(fd, UFFDIO_UNREGISTER, &wp.range);
	close(fd);
	return true;
}

static void give_page(int fd, struct range *r, long i)
{
	static __thread char page[PAGE] __attribute__((aligned(4096)));
	struct entry *e = &book->page[r->first + i];
	struct uffdio_copy copy = { .dst = (uintptr_t)r->at + i * PAGE, .src = (uintptr_t)page, .len = PAGE };

	memset(page, 0, PAGE);
	for (int o = 0; o <= WRITERS; o++)
		*word_in(page, r->first + i, o) = value_of(r->first + i, o, o == WRITERS ? 0 : e->done[o]);
	while (ioctl(fd, UFFDIO_COPY, &copy) && errno == EAGAIN)
		;
}

/* Thrown away, and given back one by one as somebody touches them. */
bool op_uffd_missing(struct range *r)
{
	struct uffd_msg msg;
	int fd;

	if (chunk_kind[r->chunk] == FILE_SHARED || r->nr > 128 || !own_range(r->first, r->nr))
		return false;
	for (long i = 0; i < r->nr; i++)
		if (book->page[r->first + i].contents != FULL) {
			disown_range(r->first, r->nr);
			return false;
		}
	fd = open_uffd(r, 0, UFFDIO_REGISTER_MODE_MISSING);
	if (fd < 0) {
		disown_range(r->first, r->nr);
		return false;
	}
	madvise(r->at, r->len, MADV_DONTNEED);
	disown_range(r->first, r->nr);
	for (int i = 0; i < 20; i++) {
		pause_a_bit();
		while (read(fd, &msg, sizeof(msg)) == sizeof(msg))
			give_page(fd, r, ((uintptr_t)msg.arg.pagefault.address - (uintptr_t)r->at) / PAGE);
	}
	/* those nobody has touched: a page that is there stays as it is */
	for (long i = 0; i < r->nr; i++)
		give_page(fd, r, i);
	ioctl(fd, UFFDIO_UNREGISTER, &(struct uffdio_range){ (uintptr_t)r->at, r->len });
	close(fd);
	return true;
}
