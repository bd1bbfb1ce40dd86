// SPDX-License-Identifier: GPL-2.0
/*
 * userfaultfd: pages that another thread provides when somebody touches them, and stores
 * that it is told of before they happen. From both sides, with the right address and kind, and
 * no store goes by unseen.
 */
#include "coherent.h"
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define PAGES 16

#ifndef UFFD_FEATURE_POISON
#define UFFD_FEATURE_POISON (1 << 14)
#endif

struct poison {
	struct uffdio_range range;
	uint64_t mode;
	int64_t updated;
};

#define POISON _IOWR(UFFDIO, 0x08, struct poison)

/* What the monitor was told, and what it does. */
static struct {
	int fd, quit[2];
	pthread_t thread;
	volatile long missing, wp, minor, other;
	volatile uintptr_t address;
	volatile bool was_write;
	uintptr_t base;
	char *fresh;		/* PAGES pages to give out */
	bool zero;		/* give the zero page */
	bool refuse;		/* a poisoned one */
	unsigned long page;
} uffd;

static void serve_missing(uintptr_t at)
{
	struct uffdio_copy copy = {
		.dst = at, .src = (uintptr_t)uffd.fresh + (at - uffd.base) % (PAGES * PAGE), .len = uffd.page,
	};
	struct uffdio_zeropage zero = { .range = { at, uffd.page } };
	struct poison poison = { .range = { at, uffd.page } };

	if (uffd.refuse)
		ioctl(uffd.fd, POISON, &poison);
	else if (uffd.zero)
		ioctl(uffd.fd, UFFDIO_ZEROPAGE, &zero);
	else
		ioctl(uffd.fd, UFFDIO_COPY, &copy);
}

static bool protect(volatile void *p, long pages, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)p, pages * PAGE }, .mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return !ioctl(uffd.fd, UFFDIO_WRITEPROTECT, &wp);
}

static void serve(const struct uffd_msg *msg)
{
	uint64_t flags = msg->arg.pagefault.flags;
	uintptr_t at = msg->arg.pagefault.address & ~(uffd.page - 1);

	if (msg->event != UFFD_EVENT_PAGEFAULT) {
		uffd.other++;
		return;
	}
	uffd.address = at;
	uffd.was_write = flags & UFFD_PAGEFAULT_FLAG_WRITE;
	if (flags & UFFD_PAGEFAULT_FLAG_WP) {
		uffd.wp++;
		protect((void *)at, 1, false);
	} else if (flags & UFFD_PAGEFAULT_FLAG_MINOR) {
		struct uffdio_continue go = { .range = { at, uffd.page } };

		uffd.minor++;
		ioctl(uffd.fd, UFFDIO_CONTINUE, &go);
	} else {
		uffd.missing++;
		serve_missing(at);
	}
}

static void *monitor(void *unused)
{
	struct pollfd p[2] = { { uffd.fd, POLLIN, 0 }, { uffd.quit[0], POLLIN, 0 } };
	struct uffd_msg msg;

	while (poll(p, 2, -1) > 0 && !p[1].revents)
		if (read(uffd.fd, &msg, sizeof(msg)) == sizeof(msg))
			serve(&msg);
	return NULL;
}

static bool uffd_open(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };

	uffd.fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (uffd.fd >= 0 && !ioctl(uffd.fd, UFFDIO_API, &api))
		return true;
	close(uffd.fd);
	return false;
}

/* The monitor stays in ordinary mode, or is as native as the rest. */
static bool uffd_start(uint64_t features, volatile void *p, size_t len, uint64_t mode)
{
	struct uffdio_register range = { .range = { (uintptr_t)p, len }, .mode = mode };

	if (!uffd_open(features))
		return false;
	if (ioctl(uffd.fd, UFFDIO_REGISTER, &range)) {
		close(uffd.fd);
		return false;
	}
	if (pipe(uffd.quit))
		bail("pipe");
	uffd.base = (uintptr_t)p;
	uffd.page = uffd.page ?: PAGE;
	uffd.missing = uffd.wp = uffd.minor = uffd.other = 0;
	step_out();
	pthread_create(&uffd.thread, NULL, monitor, NULL);
	step_in();
	return true;
}

static void uffd_stop(void)
{
	if (write(uffd.quit[1], "q", 1) != 1)
		bail("pipe");
	step_out();
	pthread_join(uffd.thread, NULL);
	step_in();
	close(uffd.quit[0]);
	close(uffd.quit[1]);
	close(uffd.fd);
}

/* ---- Missing pages ----------------------------------------------------------------- */

static long do_dontneed(void *p) { return madvise(p, PAGE, MADV_DONTNEED); }

/* A system call that writes there. */
static long do_read_into(void *p)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, p, 1);

	close(fd);
	return n != 1;
}

static void test_missing(enum side by, int type)
{
	const char *name = type == MAP_PRIVATE ? "private" : "shared";
	volatile char *p = mmap(NULL, PAGES * PAGE, RW, type | MAP_ANONYMOUS, -1, 0);

	madvise((void *)p, PAGES * PAGE, MADV_NOHUGEPAGE);
	for (int i = 0; i < PAGES; i++)
		uffd.fresh[i * PAGE] = 'A' + i, uffd.fresh[i * PAGE + 1] = 'a' + i;
	if (!uffd_start(type == MAP_PRIVATE ? 0 : UFFD_FEATURE_MISSING_SHMEM, p, PAGES * PAGE,
			UFFDIO_REGISTER_MODE_MISSING)) {
		skip(4, "no userfaultfd for %s memory: %s", name, strerror(errno));
		munmap((void *)p, PAGES * PAGE);
		return;
	}
	ok(peek(by, p + 2 * PAGE) == 'C' && uffd.missing == 1 && uffd.address == (uintptr_t)p + 2 * PAGE &&
	   !uffd.was_write && holds(p + 2 * PAGE, 'C') && uffd.missing == 1, "a missing page, %s, read %s", name,
	   side_name[by]);
	ok(!poke(by, p + 3 * PAGE, 'z') && uffd.missing == 2 && uffd.was_write && holds(p + 3 * PAGE, 'z') &&
	   holds(p + 3 * PAGE + 1, 'd') && uffd.missing == 2, "written");
	ok(!on(by, do_read_into, (void *)(p + 4 * PAGE)) && uffd.missing == 3 && holds(p + 4 * PAGE, 0) &&
	   holds(p + 4 * PAGE + 1, 'e'), "and by a system call");
	on(by, do_dontneed, (void *)(p + 2 * PAGE));
	if (type == MAP_PRIVATE)
		ok(peek(INSIDE, p + 2 * PAGE) == 'C' && uffd.missing == 4, "thrown away, it is missing again");
	uffd.zero = true;
	ok(holds(p + 7 * PAGE, 0) && shared(p + 7 * PAGE) && holds(p + 7 * PAGE + 1, 0),
	   "a zero page is given, and written");
	uffd.zero = false;
	uffd_stop();
	ok(holds(p + 9 * PAGE, 0), "with nobody to serve, it is plain memory");
	munmap((void *)p, PAGES * PAGE);
}

static void test_sigbus(void)
{
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	volatile char *p = map_pages(PAGES);

	if (!uffd_open(UFFD_FEATURE_SIGBUS)) {
		skip(1, "no UFFD_FEATURE_SIGBUS");
		return;
	}
	*p = 1;
	range.range.start = (uintptr_t)p;
	range.range.len = PAGES * PAGE;
	ioctl(uffd.fd, UFFDIO_REGISTER, &range);
	ok(refuses(p + PAGE, READ, SIGBUS, BUS_ADRERR) && refuses(p + 2 * PAGE, WRITE, SIGBUS, BUS_ADRERR) && shared(p),
	   "UFFD_FEATURE_SIGBUS: a missing page is SIGBUS");
	close(uffd.fd);
	munmap((void *)p, PAGES * PAGE);
}

static void test_poison(void)
{
	volatile char *p = map_pages(PAGES);
	int code;

	if (!uffd_start(UFFD_FEATURE_POISON, p, PAGES * PAGE, UFFDIO_REGISTER_MODE_MISSING)) {
		skip(1, "no UFFDIO_POISON");
		munmap((void *)p, PAGES * PAGE);
		return;
	}
	uffd.refuse = true;
	/* BUS_MCEERR_AR, or BUS_ADRERR where Linux knows of no memory failures */
	code = access_from(OUTSIDE, p + PAGE, READ, 0).code;
	ok((code == BUS_MCEERR_AR || code == BUS_ADRERR) && refuses(p + PAGE, READ, SIGBUS, code) &&
	   refuses(p + PAGE, WRITE, SIGBUS, code), "a page that was poisoned is SIGBUS, code %d", code);
	uffd.refuse = false;
	ok(holds(p + 2 * PAGE, 'C'), "the next is not");
	uffd_stop();
	munmap((void *)p, PAGES * PAGE);
}

/* Each page is thrown away all the time, and is never anything but what is given. */
static volatile bool stop;
static volatile long thrown;

static void *throw_away(void *p)
{
	for (unsigned int i = 0; !stop; i++) {
		madvise((char *)p + i % PAGES * PAGE, PAGE, MADV_DONTNEED);
		thrown++;
		if (i % 5 == 0)
			usleep(50);
	}
	return NULL;
}

static void test_missing_storm(void)
{
	volatile char *p = map_pages(PAGES);
	long bad = 0, n;
	pthread_t t;

	for (int i = 0; i < PAGES; i++)
		memset(uffd.fresh + i * PAGE, 'A' + i, PAGE);
	if (!uffd_start(0, p, PAGES * PAGE, UFFDIO_REGISTER_MODE_MISSING)) {
		skip(1, "no userfaultfd");
		return;
	}
	stop = false;
	step_out();
	pthread_create(&t, NULL, throw_away, (void *)p);
	step_in();
	for (n = 0; n < 200000 && uffd.missing < 500; n++) {
		long i = n * 7 % PAGES, got;

		if (n & 1)
			got = peek(INSIDE, p + i * PAGE + 5);
		else
			got = poke(INSIDE, p + i * PAGE, 'A' + i) ?: 'A' + i;
		bad += got != 'A' + i;
	}
	stop = true;
	step_out();
	pthread_join(t, NULL);
	step_in();
	ok(!bad && uffd.missing > 10 && thrown > 10,
	   "thrown away %ld times, given %ld times: %ld of %ld accesses wrong",
	   thrown, uffd.missing, bad, n);
	uffd_stop();
	munmap((void *)p, PAGES * PAGE);
}

/* ---- Write protection ------------------------------------------------------------------- */

static long do_protect(void *p) { return !protect(p, PAGES, true); }

static void test_wp(enum side by, enum side writer, int type)
{
	const char *name = type == MAP_PRIVATE ? "private" : "shared";
	volatile char *p = mmap(NULL, PAGES * PAGE, RW, type | MAP_ANONYMOUS, -1, 0);
	uint64_t features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | (type == MAP_SHARED ? UFFD_FEATURE_WP_HUGETLBFS_SHMEM : 0);

	madvise((void *)p, PAGES * PAGE, MADV_NOHUGEPAGE);
	fill(INSIDE, p, PAGES, 1);
	warm(p, PAGES);
	if (!uffd_start(features, p, PAGES * PAGE, UFFDIO_REGISTER_MODE_WP)) {
		skip(4, "no write protection of %s memory: %s", name, strerror(errno));
		munmap((void *)p, PAGES * PAGE);
		return;
	}
	ok(!on(by, do_protect, (void *)p) && intact(p, PAGES, 1) && !uffd.wp, "%s memory protected %s: loads are free",
	   name, side_name[by]);
	ok(!poke(writer, p + 3 * PAGE, 7) && uffd.wp == 1 && uffd.address == (uintptr_t)p + 3 * PAGE && uffd.was_write,
	   "a store %s is told of", side_name[writer]);
	ok(shared(p + 3 * PAGE) && uffd.wp == 1 && holds(p + 3 * PAGE, 7), "once");
	protect(p + 3 * PAGE, 1, true);
	ok(!poke(writer, p + 3 * PAGE, 8) && uffd.wp == 2 && holds(p + 3 * PAGE, 8), "protected again, once more");
	fill(writer, p, PAGES, 2);
	ok(uffd.wp == PAGES + 1 && intact(p, PAGES, 2), "all pages written: %ld were told of", uffd.wp);
	protect(p, PAGES, true);
	ok(!on(writer, do_read_into, (void *)(p + 5 * PAGE)) && uffd.wp == PAGES + 2 && holds(p + 5 * PAGE, 0),
	   "and a store by a system call");
	uffd_stop();
	ok(shared(p + 6 * PAGE), "with nobody to tell, it is plain memory");
	munmap((void *)p, PAGES * PAGE);
}

/* Across a fork the bits stay with the parent; the copy is not told of twice. */
static void test_wp_fork(enum side writer)
{
	volatile char *p = map_pages(PAGES);
	int status = -1;
	pid_t pid;

	fill(INSIDE, p, PAGES, 1);
	if (!uffd_start(UFFD_FEATURE_PAGEFAULT_FLAG_WP, p, PAGES * PAGE, UFFDIO_REGISTER_MODE_WP)) {
		skip(1, "no write protection");
		munmap((void *)p, PAGES * PAGE);
		return;
	}
	protect(p, PAGES, true);
	pid = fork();
	if (!pid) {
		usleep(20000);
		_exit(wrong(INSIDE, p, PAGES, 1) != 0);
	}
	fill(writer, p, PAGES, 2);
	waitpid(pid, &status, 0);
	ok(uffd.wp == PAGES && !status && intact(p, PAGES, 2),
	   "after a fork, written %s: %ld told of, the child keeps its own",
	   side_name[writer], uffd.wp);
	uffd_stop();
	munmap((void *)p, PAGES * PAGE);
}

/* Protected over and over while Dune mode counts: each count that went by must have been told of. */
static volatile long protections;

static void *protect_again(void *p)
{
	while (!stop) {
		protect(p, PAGES, true);
		protections++;
		usleep(1000);
	}
	return NULL;
}

static void test_wp_storm(void)
{
	volatile char *p = map_pages(PAGES);
	uint64_t lost = 0, n;
	pthread_t t;

	if (!uffd_start(UFFD_FEATURE_PAGEFAULT_FLAG_WP, p, PAGES * PAGE, UFFDIO_REGISTER_MODE_WP)) {
		skip(1, "no write protection");
		munmap((void *)p, PAGES * PAGE);
		return;
	}
	for (int i = 0; i < PAGES; i++)
		*(volatile uint64_t *)(p + i * PAGE) = 0;
	stop = false;
	step_out();
	pthread_create(&t, NULL, protect_again, (void *)p);
	step_in();
	for (n = 0; n < 100000 && uffd.wp < 1000; n++)
		for (int i = 0; i < PAGES; i++) {
			volatile uint64_t *w = (volatile uint64_t *)(p + i * PAGE);

			lost += *w != n;
			*w = n + 1;
		}
	stop = true;
	step_out();
	pthread_join(t, NULL);
	step_in();
	protect(p, PAGES, false);
	ok(!lost && uffd.wp > 10, "protected %ld times while Dune mode counts: told of %ld, %ld of %ld stores lost",
	   protections, uffd.wp, (long)lost, (long)n * PAGES);
	uffd_stop();
	munmap((void *)p, PAGES * PAGE);
}

/* ---- Pages of a file that are there, but not in the mapping --------------------------------- */

static void test_minor(enum side by)
{
	int fd = memfd_create("minor", MFD_CLOEXEC);
	volatile char *p, *q;

	if (ftruncate(fd, PAGES * PAGE))
		bail("ftruncate");
	p = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED, fd, 0);
	q = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED, fd, 0);
	for (int i = 0; i < PAGES; i++)
		q[i * PAGE] = 'k' + i;
	if (!uffd_start(UFFD_FEATURE_MINOR_SHMEM, p, PAGES * PAGE, UFFDIO_REGISTER_MODE_MINOR)) {
		skip(1, "no minor faults");
	} else {
		ok(peek(by, p + PAGE) == 'l' && uffd.minor == 1 && uffd.address == (uintptr_t)p + PAGE &&
		   !poke(by, p + 2 * PAGE, 'M') && uffd.minor == 2 && holds(q + 2 * PAGE, 'M') && shared(p + PAGE),
		   "pages of a file, touched %s", side_name[by]);
		uffd_stop();
	}
	munmap((void *)p, PAGES * PAGE);
	munmap((void *)q, PAGES * PAGE);
	close(fd);
}

int main(int argc, char **argv)
{
	sides_start(argc, argv);
	uffd.fresh = (char *)map_pages(PAGES);
	for_each_side(by) {
		test_missing(by, MAP_PRIVATE);
		test_missing(by, MAP_SHARED);
		test_minor(by);
		for_each_side(writer) {
			test_wp(by, writer, MAP_PRIVATE);
			test_wp(by, writer, MAP_SHARED);
		}
		test_wp_fork(by);
	}
	test_sigbus();
	test_poison();
	test_missing_storm();
	test_wp_storm();
	return sides_end();
}
