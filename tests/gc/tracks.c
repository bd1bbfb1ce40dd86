// SPDX-License-Identifier: GPL-2.0
/*
 * A backend by itself: what is written after arming is dirty, whoever writes it - the program, or the
 * kernel for it - and loads make nothing dirty.
 *
 *	tracks [BACKEND]	all, the default: every backend this machine has
 */
#include "each.h"
#include "gc.h"
#include "heap.h"
#include "mark.h"
#include "tap.h"
#include "track.h"
#include <dune/dune.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGES 256

static char *area;		/* PAGES of the heap */
static uint8_t dirty[PAGES];
static long nr_dirty, elsewhere;

static void on_page(uintptr_t page)
{
	size_t p = (page - (uintptr_t)area) >> PAGE_SHIFT;

	if (page < (uintptr_t)area || p >= PAGES) {
		elsewhere++;
		return;
	}
	nr_dirty += !dirty[p];
	dirty[p] = 1;
}

/* How many of ours are dirty. A second look before arming again finds what is only found once. */
static long collect(bool last)
{
	memset(dirty, 0, sizeof(dirty));
	nr_dirty = elsewhere = 0;
	track_take(last);
	track_each(on_page, SIZE_MAX);
	return nr_dirty;
}

/* The thread's last call is over, as far as the notes know; all is clean. */
static void arm(void)
{
	getppid();
	collect(true);
	track_arm();
}

static char *at(unsigned int page) { return area + page * PAGE_SIZE; }

/* ---- The program's own writes ------------------------------------------------------ */

static void test_stores(void)
{
	volatile char sum = 0;
	long wrong = 0;

	arm();
	for (int i = 0; i < PAGES; i++)
		sum += *(volatile char *)at(i);
	ok_eq(collect(false), 0, "%s: loads make nothing dirty", track->name);
	for (int round = 0; round < 3; round++) {
		arm();
		for (int i = round; i < PAGES; i += 7)
			*(volatile char *)at(i) = i;
		wrong += collect(true) != (PAGES - round + 6) / 7;
		for (int i = 0; i < PAGES; i++)
			wrong += dirty[i] != (i % 7 == round);
	}
	ok(!wrong, "stores do, in these pages and no others (%ld wrong)", wrong);
	if (!track->rearm)
		return;
	arm();
	*(volatile char *)at(9) = 1;
	wrong = collect(false) != 1;
	wrong += collect(false) != 0;
	*(volatile char *)at(9) = 2;
	wrong += collect(false) != 1;
	ok(!wrong, "taken while threads run: once, and again when it is written again");
}

static void *store_there(void *arg)
{
	*(volatile char *)at(77) = 1;
	return NULL;
}

/* Its CPU, or its TLB, is another one. */
static void test_thread(void)
{
	pthread_t t;

	arm();
	ok(!gc_spawn(&t, store_there, NULL) && !pthread_join(t, NULL) && collect(false) >= 1 && dirty[77],
	   "another thread's store");
}

/* ---- The kernel's --------------------------------------------------------------------- */

/* @page has to be dirty; other pages may be, where nobody can tell. */
static void found(unsigned int page, long result, const char *what)
{
	long n;

	if (result < 0) {
		skip(1, "%s: %s: %s", track->name, what, strerror(errno));
		return;
	}
	n = collect(false);
	ok(dirty[page] && *at(page) == 'x', "%s: %s makes its page dirty (%ld pages)", track->name, what, n);
}

static int fd_with(char *text)
{
	int fds[2];

	if (pipe(fds) || write(fds[1], text, strlen(text)) < 0)
		bail("pipe: %s", strerror(errno));
	close(fds[1]);
	return fds[0];
}

static long by_read(char *p)
{
	int fd = fd_with("xyz");
	long n = read(fd, p, 3);

	close(fd);
	return n;
}

static long by_readv(char *p)
{
	struct iovec v = { p, 3 };
	int fd = fd_with("xyz");
	long n = readv(fd, &v, 1);

	close(fd);
	return n;
}

static long by_recvmsg(char *p)
{
	struct iovec v = { p, 3 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	int s[2];
	long n;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
		return -1;
	n = write(s[1], "xyz", 3) < 0 ? -1 : recvmsg(s[0], &m, 0);
	close(s[0]);
	close(s[1]);
	return n;
}

static long by_vm_writev(char *p)
{
	char text[] = "xyz";
	struct iovec mine = { text, 3 }, there = { p, 3 };

	return process_vm_writev(getpid(), &mine, 1, &there, 1, 0);
}

static long by_pread_direct(char *p)
{
	/* not in /tmp, which may be a tmpfs, where there is a disk */
	char name[] = "/var/tmp/gc-tracks-XXXXXX", *buffer = aligned_alloc(4096, 4096);
	int fd = mkstemp(name), direct;
	long n = -1;

	memset(buffer, 'x', 4096);
	if (fd >= 0 && write(fd, buffer, 4096) == 4096) {
		direct = open(name, O_RDONLY | O_DIRECT);
		n = direct < 0 ? -1 : pread(direct, p, 4096, 0);
		if (direct >= 0)
			close(direct);
	}
	unlink(name);
	close(fd);
	free(buffer);
	return n;
}

/* The write happens between arming and the final look, in a call that began before both. */
struct late { char *p; int fds[2]; };

static void *late_reader(void *arg)
{
	struct late *l = arg;

	if (read(l->fds[0], l->p, 1) != 1)
		abort();
	return NULL;
}

static void test_late(void)
{
	struct late l = { .p = at(130) };
	pthread_t t;

	if (pipe(l.fds))
		bail("pipe: %s", strerror(errno));
	gc_foreign_begin(l.p, 1);
	if (gc_spawn(&t, late_reader, &l))
		bail("no thread");
	arm();
	if (write(l.fds[1], "x", 1) != 1)
		bail("write: %s", strerror(errno));
	pthread_join(t, NULL);
	gc_foreign_end();
	collect(false);
	ok(dirty[130] && *at(130) == 'x', "%s: a read() that waited since before arming", track->name);
	close(l.fds[0]);
	close(l.fds[1]);
}

static void test_kernel(unsigned int page, long (*by)(char *p), const char *what)
{
	arm();
	/* What mprotect needs; no harm to the others. */
	if (track->foreign)
		gc_foreign_begin(at(page), PAGE_SIZE);
	found(page, by(at(page)), what);
	if (track->foreign)
		gc_foreign_end();
}

/* ---- Data segments: only some backends can tell of these; with the others all of them is dirty --------- */

#define TABLE 64

static char table[TABLE * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t looked[TABLE];

static void on_root(uintptr_t start, uintptr_t end)
{
	uintptr_t lo = (uintptr_t)table, hi = lo + sizeof(table);

	for (uintptr_t p = start > lo ? start : lo; p < end && p < hi; p = (p | (PAGE_SIZE - 1)) + 1)
		looked[(p - lo) >> PAGE_SHIFT] = 1;
}

static long roots_dirty(void)
{
	long n = 0;

	memset(looked, 0, sizeof(looked));
	roots_written(on_root);
	for (int i = 0; i < TABLE; i++)
		n += looked[i];
	return n;
}

static char *in_table(unsigned int page) { return table + page * PAGE_SIZE; }

static bool nothing(bool result) { return result; }

static void arm_roots(void)
{
	getppid();
	roots_fixed(nothing, true);
	roots_arm();
}

static void test_root_stores(void)
{
	volatile char sum = 0;
	long clean = track->watch ? 0 : TABLE, one = track->watch ? 1 : TABLE;

	memset(table, 0, sizeof(table));
	arm_roots();
	for (int i = 0; i < TABLE; i++)
		sum += *(volatile char *)in_table(i);
	ok_eq(roots_dirty(), clean, "%s: loads make no page of a data segment dirty", track->name);
	*(volatile char *)in_table(7) = 1;
	ok(roots_dirty() == one && looked[7], "a store does");
	ok(roots_dirty() == one && looked[7], "until it is armed again");
	arm_roots();
	ok_eq(roots_dirty(), clean, "then no more");
	*(volatile char *)in_table(7) = 2;
	ok(roots_dirty() == one && looked[7], "and it is found again");
}

static void test_root_kernel(unsigned int page, long (*by)(char *p), const char *what)
{
	long result, n;

	arm_roots();
	result = by(in_table(page));
	if (result < 0) {
		skip(1, "%s: %s: %s", track->name, what, strerror(errno));
		return;
	}
	n = roots_dirty();
	ok(looked[page] && *in_table(page) == 'x', "%s: %s into a data segment makes its page dirty (%ld pages)", track->name, what, n);
}

/* A page that only a call wrote, which is over, and after it another one: what is looked at is what the next call left. */
static void test_root_over(void)
{
	arm_roots();
	if (by_read(in_table(20)) < 0)
		bail("read: %s", strerror(errno));
	getppid();
	roots_dirty();
	ok(looked[20], "%s: as long as nobody armed it, whatever calls come after", track->name);
}

static void test_root_late(void)
{
	struct late l = { .p = in_table(30) };
	pthread_t t;

	if (pipe(l.fds) || gc_spawn(&t, late_reader, &l))
		bail("no pipe, or no thread: %s", strerror(errno));
	usleep(20000);
	arm_roots();
	if (write(l.fds[1], "x", 1) != 1)
		bail("write: %s", strerror(errno));
	gc_join(t);
	roots_dirty();
	ok(looked[30] && *in_table(30) == 'x', "%s: a read() into a data segment that waited since before arming", track->name);
	close(l.fds[0]);
	close(l.fds[1]);
}

static void test_root_foreign(void)
{
	arm_roots();
	gc_foreign_begin(in_table(40), 1);
	roots_dirty();
	ok(looked[40], "%s: what somebody else was allowed to write", track->name);
	gc_foreign_end();
}

static void test_roots(void)
{
	test_root_stores();
	test_root_kernel(10, by_read, "read()");
	test_root_kernel(11, by_readv, "readv()");
	test_root_kernel(12, by_recvmsg, "recvmsg()");
	test_root_kernel(13, by_vm_writev, "process_vm_writev() to oneself");
	test_root_kernel(14, by_pread_direct, "pread() with O_DIRECT");
	test_root_over();
	test_root_late();
	test_root_foreign();
}

/* A debugger's way, from a process that is not root: refused, for no bit would tell of it. */
static void test_other_process(void)
{
	pid_t parent = getpid(), pid = fork();
	int status;

	if (!pid) {
		char text[] = "q";
		struct iovec mine = { text, 1 }, there = { at(5), 1 };

		if (setgid(65534) || setuid(65534))
			_exit(77);
		_exit(process_vm_writev(parent, &mine, 1, &there, 1, 0) == 1 ? 1 : errno == EPERM || errno == ESRCH ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(1, "not root: cannot be somebody else");
	else
		ok(!status, "%s: another user's process_vm_writev() is refused (status %#x)", track->name, status);
}

/* A thread that is not in Dune mode cannot be one of the collector's. */
static void test_outside(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		gc_thread_end();
		if (dune_leave())
			_exit(2);
		close(STDERR_FILENO);
		gc_thread_begin();
		_exit(3);
	}
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 1, "%s: a thread in ordinary mode is refused (status %#x)", track->name, status);
}

/* The last test: from here on everything is dirty, always. The kernel may refuse the call, we do not look. */
static void test_async(void)
{
	syscall(425 /* io_uring_setup */, 0, NULL);
	arm();
	ok_eq(collect(true), PAGES, "%s: after io_uring_setup() all of the heap is looked at", track->name);
	arm_roots();
	ok_eq(roots_dirty(), TABLE, "and all of the data segments");
}

/* Large pages come and go on the way: what is retired and extended again is tracked as before. */
static void grow(size_t chunks)
{
	pthread_mutex_lock(&gc_lock);
	if (heap_grow(chunks))
		bail("the heap does not grow");
	pthread_mutex_unlock(&gc_lock);
}

/* The heap keeps two free chunks; a third one goes. */
static void shrink(void)
{
	pthread_mutex_lock(&gc_lock);
	heap.trigger = 0;
	heap_shrink();
	pthread_mutex_unlock(&gc_lock);
}

static void test_extend(void)
{
	long n = 0, wrong = 0;

	grow(3);
	for (int i = 0; i < 3; i++) {
		uintptr_t top = heap.top, chunk;

		shrink();
		chunk = heap.top;
		grow(1);
		memset((void *)chunk, 1, CHUNK_SIZE);
		arm();
		*(volatile char *)(chunk + 5 * PAGE_SIZE) = 1;
		collect(false);
		n += elsewhere;
		wrong += elsewhere != 1 || chunk >= top;
		shrink();
		grow(1);
	}
	ok(!wrong, "%s: a chunk that is given back, large again, and split again (%ld pages)", track->name, n);
}

static int run(const char *backend)
{
	struct gc_options o = { .backend = backend, .heap_max = 16UL << 20, .trigger = 8UL << 20 };

	/* Without tracking there is nothing to find. */
	if (!strcmp(backend, "none"))
		return NOT_THERE;
	if (gc_start(&o))
		return NOT_THERE;
	area = gc_alloc_leaf(PAGES * PAGE_SIZE);
	memset(area, 0, PAGES * PAGE_SIZE);
	test_stores();
	test_thread();
	test_kernel(10, by_read, "read()");
	test_kernel(20, by_readv, "readv()");
	test_kernel(30, by_recvmsg, "recvmsg()");
	test_kernel(40, by_vm_writev, "process_vm_writev() to oneself");
	test_kernel(50, by_pread_direct, "pread() with O_DIRECT");
	test_late();
	test_extend();
	test_roots();
	if (track == &track_dune) {
		test_other_process();
		test_outside();
		test_async();
	}
	return tap_done();
}

int main(int argc, char **argv)
{
	return each_main(argc, argv, run);
}
