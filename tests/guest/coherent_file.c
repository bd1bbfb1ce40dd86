// SPDX-License-Identifier: GPL-2.0
/*
 * Files in memory: memfd, and file systems on a disk that write back. Stores go to the file,
 * read() and write() and the mappings agree, what is cut off faults with SIGBUS, and what
 * Dune mode wrote is on the disk after a sync, each time again.
 *
 * With the module zram loaded there is a disk (see the list).
 */
#include "coherent.h"
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define PAGES 16

struct file {
	const char *name;
	int fd;
	volatile char *a, *b;		/* two mappings of it */
};

struct cut {
	int fd;
	off_t size;
};

static long do_truncate(void *arg)
{
	struct cut *c = arg;

	return ftruncate(c->fd, c->size);
}

/* The third page. */
static long do_punch(void *arg)
{
	return fallocate(((struct cut *)arg)->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * PAGE, PAGE);
}

static volatile char *map_file(int fd, int prot, int flags)
{
	char *p = mmap(NULL, PAGES * PAGE, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	return p;
}

static void open_file(struct file *f, const char *name, int fd)
{
	struct cut size = { fd, PAGES * PAGE };

	if (fd < 0 || do_truncate(&size))
		bail("%s: %s", name, strerror(errno));
	f->name = name;
	f->fd = fd;
	f->a = map_file(fd, RW, MAP_SHARED);
	f->b = map_file(fd, RW, MAP_SHARED);
}

static void close_file(struct file *f)
{
	munmap((void *)f->a, PAGES * PAGE);
	munmap((void *)f->b, PAGES * PAGE);
	close(f->fd);
}

/* The whole file by read(), against what fill() made of the mapping at @p. */
static long wrong_by_read(int fd, volatile char *p, uint64_t tag)
{
	static uint64_t page[WORDS] __attribute__((aligned(4096)));
	long bad = 0;

	for (int i = 0; i < PAGES; i++) {
		volatile uint64_t *at = (volatile uint64_t *)(p + i * PAGE);

		if (pread(fd, page, PAGE, i * PAGE) != (ssize_t)PAGE)
			return -errno;
		for (unsigned long j = 0; j < WORDS; j += STRIDE)
			bad += page[j] != word_of(at + j, tag);
	}
	return bad;
}

static long do_write(void *arg)
{
	struct file *f = arg;

	return pwrite(f->fd, "w", 1, PAGE) != 1;
}

static void test_stores(struct file *f)
{
	for_each_side(by) {
		fill(by, f->a, PAGES, 10 + by);
		warm(f->b, PAGES);
		ok(intact(f->a, PAGES, 10 + by) && !wrong_by_read(f->fd, f->a, 10 + by) &&
		   f->b[5 * PAGE] == f->a[5 * PAGE], "%s: stores %s are in the file and its other mapping", f->name,
		   side_name[by]);
		ok(!on(by, do_write, f) && holds(f->a + PAGE, 'w') && holds(f->b + PAGE, 'w'),
		   "write() %s is in both", side_name[by]);
	}
	ok(shared(f->a) && shared(f->b + 7 * PAGE), "both sides share it");
}

/* A private mapping shows the file until it is written to, and never changes it. */
static void test_private(struct file *f)
{
	volatile char *p = map_file(f->fd, RW, MAP_PRIVATE);

	f->a[0] = 'f', f->a[PAGE] = 'g';
	ok(holds(p, 'f') && holds(p + PAGE, 'g'), "%s: a private mapping shows it", f->name);
	for_each_side(by) {
		poke(by, p + by * PAGE, 'p');
		ok(holds(p + by * PAGE, 'p') && holds(f->a + by * PAGE, by ? 'g' : 'f'),
		   "written to %s it is a copy", side_name[by]);
	}
	ok(!poke(OUTSIDE, f->a + 3 * PAGE, 'h') && holds(p + 3 * PAGE, 'h') && !poke(INSIDE, f->a + 3 * PAGE, 'i') &&
	   holds(p + 3 * PAGE, 'i'), "the rest of it follows the file");
	madvise((void *)p, PAGE, MADV_DONTNEED);
	ok(holds(p, 'f'), "the copy thrown away, it shows the file again");
	munmap((void *)p, PAGES * PAGE);
}

static void test_truncate(struct file *f, enum side by)
{
	struct cut shorter = { f->fd, 4 * PAGE }, empty = { f->fd, 0 }, full = { f->fd, PAGES * PAGE };
	volatile char *p = map_file(f->fd, RW, MAP_PRIVATE);

	fill(INSIDE, f->a, PAGES, 20);
	warm(f->b, PAGES);
	poke(INSIDE, p + 5 * PAGE, 'p');
	ok(!on(by, do_truncate, &shorter) && refuses(f->a + 4 * PAGE, READ, SIGBUS, BUS_ADRERR) &&
	   refuses(f->b + 9 * PAGE, WRITE, SIGBUS, BUS_ADRERR), "%s: cut off %s: SIGBUS", f->name, side_name[by]);
	ok(refuses(p + 5 * PAGE, READ, SIGBUS, BUS_ADRERR), "private copies are gone as well");
	ok(intact(f->a, 4, 20) && shared(f->b + 3 * PAGE), "what is before the end is not");
	ok(!on(by, do_truncate, &full) && holds(f->a + 4 * PAGE, 0) && shared(f->b + 9 * PAGE), "extended again: zero");
	fill(INSIDE, f->a, PAGES, 21);
	if (on(by, do_punch, &full))
		skip(1, "%s has no holes", f->name);
	else
		ok(holds(f->a + 2 * PAGE, 0) && holds(f->b + 2 * PAGE, 0) && shared(f->a + 2 * PAGE) &&
		   intact(f->a, 2, 21) && intact(f->a + 3 * PAGE, PAGES - 3, 21), "a hole is zero");
	ok(!on(by, do_truncate, &empty) && refuses(f->a, READ, SIGBUS, BUS_ADRERR) &&
	   refuses(f->b, WRITE, SIGBUS, BUS_ADRERR), "emptied: SIGBUS from its beginning");
	on(by, do_truncate, &full);
	ok(holds(f->a, 0) && shared(f->a), "and back");
	munmap((void *)p, PAGES * PAGE);
}

/* ---- memfd -------------------------------------------------------------------------- */

static void test_seals(void)
{
	struct file f;
	volatile char *p;

	open_file(&f, "sealed", memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	fill(INSIDE, f.a, PAGES, 30);
	ok(fcntl(f.fd, F_ADD_SEALS, F_SEAL_WRITE) && errno == EBUSY,
	   "a file that is mapped for writing cannot be sealed");
	ok(!fcntl(f.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) && shared(f.a),
	   "F_SEAL_FUTURE_WRITE: what is mapped may be written");
	p = map_file(f.fd, PROT_READ, MAP_SHARED);
	ok(refuses(p, WRITE, SIGSEGV, SEGV_ACCERR) && !poke(INSIDE, f.a, 'n') && holds(p, 'n'),
	   "a new mapping may not, and shows it");
	ok(mprotect((void *)p, PAGE, RW) && errno == EACCES, "and cannot be made to");
	munmap((void *)p, PAGES * PAGE);
	close_file(&f);
}

/* Another process: it has the file by its descriptor. */
static void test_other_process(struct file *f)
{
	int status = -1;
	pid_t pid;

	fill(INSIDE, f->a, PAGES, 40);
	pid = fork();
	if (!pid) {
		volatile char *p = map_file(f->fd, RW, MAP_SHARED);
		bool bad = wrong_by_read(f->fd, f->a, 40) || p[PAGE] != f->a[PAGE];

		fill(INSIDE, f->a, PAGES, 41);
		_exit(bad);
	}
	waitpid(pid, &status, 0);
	ok(!status && intact(f->a, PAGES, 41), "%s: another process finds it, and writes to it", f->name);
}

/* ---- A disk ----------------------------------------------------------------------------- */

#define DISK "/tmp/disk"

static long do_msync(void *p) { return msync(p, PAGES * PAGE, MS_SYNC); }
static long do_fsync(void *fd) { return fsync((long)fd); }

/* What is on the disk, not in memory: by a descriptor that goes past the page cache. */
static long wrong_on_disk(const char *path, volatile char *p, uint64_t tag)
{
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	long bad;

	if (fd < 0)
		return -errno;
	bad = wrong_by_read(fd, p, tag);
	close(fd);
	return bad;
}

static void test_writeback(struct file *f, const char *path)
{
	long bad = 0;

	/* a page that was written back is clean: the next store has to make it dirty again */
	for (int i = 0; i < 6; i++) {
		enum side by = i & 1 ? OUTSIDE : INSIDE;

		fill(by, f->a, PAGES, 50 + i);
		bad += on(i & 2 ? OUTSIDE : INSIDE, i < 3 ? do_msync : do_fsync,
			  i < 3 ? (void *)f->a : (void *)(long)f->fd) != 0;
		bad += wrong_on_disk(path, f->a, 50 + i);
	}
	ok_eq(bad, 0, "%s: 6 times written and synced, each time it is on the disk", f->name);
	fill(INSIDE, f->b, PAGES, 60);
	munmap((void *)f->a, PAGES * PAGE);
	munmap((void *)f->b, PAGES * PAGE);
	sync();
	set("/proc/sys/vm/drop_caches", "3");
	/* at the same address, since that is in the words */
	f->a = mmap((void *)f->a, PAGES * PAGE, RW, MAP_SHARED | MAP_FIXED, f->fd, 0);
	f->b = mmap((void *)f->b, PAGES * PAGE, RW, MAP_SHARED | MAP_FIXED, f->fd, 0);
	ok(intact(f->b, PAGES, 60), "unmapped, synced, dropped from memory: it comes back");
}

/* Written all the time by one side, synced by the other: nothing is lost in between. */
static volatile bool stop;
static volatile uint64_t *counter;
static char counter_path[64];

static void *sync_often(void *unused)
{
	static uint64_t page[WORDS] __attribute__((aligned(4096)));
	int fd = open(counter_path, O_RDWR | O_DIRECT | O_CLOEXEC);
	long bad = 0;

	for (int i = 0; i < 60; i++) {
		uint64_t before = *counter;

		if (fsync(fd) || pread(fd, page, PAGE, 0) != (ssize_t)PAGE)
			bad += 1000;
		/* all that was there when the sync began */
		bad += page[0] < before || page[0] > *counter;
	}
	close(fd);
	stop = true;
	return (void *)bad;
}

static void test_synced_while_written(struct file *f, const char *path)
{
	uint64_t n = 0, lost = 0;
	void *bad;
	pthread_t t;

	snprintf(counter_path, sizeof(counter_path), "%s", path);
	counter = (volatile uint64_t *)f->a;
	*counter = 0;
	stop = false;
	step_out();
	pthread_create(&t, NULL, sync_often, NULL);
	step_in();
	while (!stop) {
		lost += *counter != n;
		*counter = ++n;
		if (n % 4096 == 0)
			sched_yield();
	}
	step_out();
	pthread_join(t, &bad);
	step_in();
	ok(!bad && !lost, 
	   "%s: 60 syncs while Dune mode writes: %ld too old on the disk, %ld of %ld stores lost", f->name,
	   (long)bad, (long)lost, (long)n);
}

static bool mount_disk(const char *type, const char *mkfs)
{
	char command[96];

	snprintf(command, sizeof(command), "%s /dev/zram%ld >/dev/null 2>&1", mkfs, get("/tmp/zram"));
	if (system(command))
		return false;
	snprintf(command, sizeof(command), "/dev/zram%ld", get("/tmp/zram"));
	mkdir(DISK, 0700);
	return !mount(command, DISK, type, 0, NULL);
}

/* A disk of our own, beside the one that may be there for swap. */
static bool make_disk(void)
{
	char path[64];
	int n = (int)get("/sys/class/zram-control/hot_add");
	FILE *f;

	if (n < 0)
		return false;
	f = fopen("/tmp/zram", "we");
	fprintf(f, "%d", n);
	fclose(f);
	snprintf(path, sizeof(path), "/sys/block/zram%d/disksize", n);
	return set(path, "32M");
}

static void test_disk(const char *type, const char *mkfs)
{
	struct file f;

	if (!mount_disk(type, mkfs)) {
		skip(1, "no %s: %s", type, strerror(errno));
		return;
	}
	open_file(&f, type, open(DISK "/file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	test_stores(&f);
	test_private(&f);
	for_each_side(by)
		test_truncate(&f, by);
	test_other_process(&f);
	test_writeback(&f, DISK "/file");
	test_synced_while_written(&f, DISK "/file");
	close_file(&f);
	umount(DISK);
}

int main(int argc, char **argv)
{
	struct file f;

	sides_start(argc, argv);
	open_file(&f, "memfd", memfd_create("file", MFD_CLOEXEC));
	test_stores(&f);
	test_private(&f);
	for_each_side(by)
		test_truncate(&f, by);
	test_other_process(&f);
	close_file(&f);
	test_seals();
	if (!make_disk()) {
		skip(1, "no disk (it needs the module zram)");
		return sides_end();
	}
	test_disk("ext4", "mke2fs -b 4096");
	test_disk("vfat", "mkdosfs");
	return sides_end();
}
