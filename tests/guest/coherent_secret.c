// SPDX-License-Identifier: GPL-2.0
/*
 * memfd_secret(): pages that the kernel itself cannot reach, since they are gone from its map. A process has
 * them in Dune mode as out of it, and nobody gets more of them by Dune mode.
 */
#include "coherent.h"
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

#define PAGES 4

static volatile char *map_secret(void)
{
	int fd = syscall(SYS_memfd_secret, 0);
	char *p;

	if (fd < 0)
		return NULL;
	if (ftruncate(fd, PAGES * PAGE))
		bail("ftruncate: %s", strerror(errno));
	p = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		bail("secret memory: %s", strerror(errno));
	close(fd);
	return p;
}

static long do_munmap(void *p) { return munmap(p, PAGES * PAGE); }

/* What a system call gets of it: errno, or 0. */
static long do_write(void *p)
{
	int pipes[2];
	long err;

	if (pipe(pipes))
		return -1;
	err = write(pipes[1], p, 16) < 0 ? errno : 0;
	close(pipes[0]);
	close(pipes[1]);
	return err;
}

/* By another way than the page tables that the process has. */
static long do_read_memory(void *p)
{
	char copy[16];
	struct iovec to = { copy, sizeof(copy) }, from = { p, sizeof(copy) };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) < 0 ? errno : 0;
}

static void test_use(enum side first)
{
	volatile char *p = map_secret();

	fill(first, p, PAGES, 1);
	ok(intact(p, PAGES, 1) && shared(p), "touched first %s, both sides have them", side_name[first]);
	for_each_side(s) {
		ok_eq(on(s, do_write, (void *)p), 0, "a system call that reads them %s", side_name[s]);
		ok_eq(on(s, do_read_memory, (void *)p), EFAULT, "one that looks them up %s fails", side_name[s]);
	}
	on(first, do_munmap, (void *)p);
	ok(refuses(p, READ, SIGSEGV, SEGV_MAPERR), "unmapped %s they are gone", side_name[first]);
	if (mmap((void *)p, PAGES * PAGE, RW, ANON | MAP_FIXED, -1, 0) != p)
		bail("mmap: %s", strerror(errno));
	ok(holds(p, 0) && shared(p), "and other memory in their place is that");
	munmap((void *)p, PAGES * PAGE);
}

static void test_fork(void)
{
	volatile char *p = map_secret();
	int status;
	pid_t pid;

	fill(INSIDE, p, PAGES, 2);
	pid = fork();
	if (!pid) {
		p[PAGE + 1] = 99;
		_exit(0);
	}
	ok(pid > 0 && waitpid(pid, &status, 0) == pid && !status && holds(p + PAGE + 1, 99),
	   "a child has the same ones");
	munmap((void *)p, PAGES * PAGE);
}

int main(int argc, char **argv)
{
	volatile char *p = map_secret();

	if (!p)
		skip_all("memfd_secret: %s", strerror(errno));
	munmap((void *)p, PAGES * PAGE);
	sides_start(argc, argv);
	for_each_side(first)
		test_use(first);
	test_fork();
	return sides_end();
}
