// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings: what munmap(), mprotect(), mremap(), mmap() and madvise() take away or give
 * on one side is gone, or there, on both.
 */
#include "coherent.h"

static long do_munmap(void *p) { return munmap(p, PAGE); }
static long do_none(void *p) { return mprotect(p, PAGE, PROT_NONE); }
static long do_read(void *p) { return mprotect(p, PAGE, PROT_READ); }
static long do_write(void *p) { return mprotect(p, PAGE, RW); }
static long do_execute(void *p) { return mprotect(p, PAGE, PROT_READ | PROT_EXEC); }
static long do_dontneed(void *p) { return madvise(p, PAGE, MADV_DONTNEED); }
static long do_free(void *p) { return madvise(p, PAGE, MADV_FREE); }

static long do_map_over(void *p)
{
	return mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0) != p;
}

/* Eight pages further. */
static long do_move(void *p)
{
	void *to = (char *)p + 8 * PAGE;

	return mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to;
}

static long do_move_keeping(void *p)
{
	void *to = (char *)p + 8 * PAGE;

	return mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) != to;
}

static long do_grow(void *p) { return mremap(p, PAGE, 2 * PAGE, 0) != p; }
static long do_shrink(void *p) { return mremap(p, 2 * PAGE, PAGE, 0) != p; }

/* The first byte of page i is 'a' + i, and both sides have them all in use. */
static volatile char *letters(long pages)
{
	volatile char *p = map_pages(pages);

	for (long i = 0; i < pages; i++)
		p[i * PAGE] = 'a' + i;
	warm(p, pages);
	return p;
}

static void test_munmap(enum side by)
{
	volatile char *m = letters(4), *p = m + PAGE;

	ok(!on(by, do_munmap, (void *)p) && refuses(p, READ, SIGSEGV, SEGV_MAPERR) &&
	   refuses(p, WRITE, SIGSEGV, SEGV_MAPERR), "munmap() %s: nothing is there", side_name[by]);
	ok(holds(m, 'a') && holds(m + 2 * PAGE, 'c'), "its neighbours are");
	ok(!on(by, do_map_over, (void *)p) && holds(p, 0) && shared(p), "mapped anew it is zero, and shared");
	munmap((void *)m, 4 * PAGE);
}

static void test_map_over(enum side by)
{
	volatile char *m = letters(4), *p = m + PAGE;

	ok(!on(by, do_map_over, (void *)p) && holds(p, 0) && shared(p), "mapped over %s: zero", side_name[by]);
	ok(holds(m, 'a') && holds(m + 2 * PAGE, 'c'), "its neighbours are as they were");
	munmap((void *)m, 4 * PAGE);
}

static void test_mprotect(enum side by)
{
	volatile char *m = letters(4), *p = m + PAGE;

	ok(!on(by, do_read, (void *)p) && holds(p, 'b') && refuses(p, WRITE, SIGSEGV, SEGV_ACCERR) && holds(p, 'b'),
	   "read-only, made so %s", side_name[by]);
	ok(shared(m) && shared(m + 2 * PAGE), "its neighbours are not");
	ok(!on(by, do_write, (void *)p) && holds(p, 'b') && shared(p), "writable again");
	ok(!on(by, do_none, (void *)p) && refuses(p, READ, SIGSEGV, SEGV_ACCERR) &&
	   refuses(p, WRITE, SIGSEGV, SEGV_ACCERR), "PROT_NONE");
	ok(!on(by, do_read, (void *)p) && holds(p, 'b') && refuses(p, WRITE, SIGSEGV, SEGV_ACCERR),
	   "from none to read-only");
	ok(!on(by, do_write, (void *)p) && shared(p) && holds(p, 'b'), "and writable");
	munmap((void *)m, 4 * PAGE);
}

/* mov $value, %eax; ret */
static void write_code(volatile unsigned char *p, unsigned char value)
{
	static const unsigned char code[] = { 0xb8, 0, 0, 0, 0, 0xc3 };

	memcpy((void *)p, code, sizeof(code));
	p[1] = value;
}

static bool returns(volatile unsigned char *p, long value)
{
	bool good = true;

	for_each_side(s) {
		long got = execute(s, p);

		if (got != value)
			diag("  %s: the code returns %ld", side_name[s], got);
		good &= got == value;
	}
	return good;
}

static void test_execute(enum side by)
{
	volatile unsigned char *p = (volatile unsigned char *)map_pages(1);

	write_code(p, 41);
	ok(refuses(p, EXECUTE, SIGSEGV, SEGV_ACCERR), "a page that may not be executed");
	ok(!on(by, do_execute, (void *)p) && returns(p, 41), "made executable %s it may", side_name[by]);
	ok(refuses(p, WRITE, SIGSEGV, SEGV_ACCERR), "and not be written");
	ok(!on(by, do_write, (void *)p) && refuses(p, EXECUTE, SIGSEGV, SEGV_ACCERR) && shared(p),
	   "writable again it may not be executed");
	write_code(p, 42);
	ok(!on(by, do_execute, (void *)p) && returns(p, 42), "other code in it");
	munmap((void *)p, PAGE);
}

/* Pages of a file, which come into EPT several at a time: with each its own rights. */
static void test_execute_beside(void)
{
	int fd = memfd_create("code", MFD_CLOEXEC), other_rights = 0, code = 0;
	volatile unsigned char *m, *p;

	if (fd < 0 || ftruncate(fd, 32 * PAGE))
		bail("memfd_create");
	m = mmap(NULL, 32 * PAGE, RW, MAP_SHARED, fd, 0);
	for (int i = 0; i < 32; i++)
		write_code(m + i * PAGE, (unsigned char)i);
	munmap((void *)m, 32 * PAGE);
	m = mmap(NULL, 32 * PAGE, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	for (int i = 1; i < 32; i += 2)
		mprotect((void *)(m + i * PAGE), PAGE, PROT_READ | PROT_EXEC);
	/* from the middle, so that there are some on both sides */
	for (int i = 15; i > 0; i -= 2) {
		p = m + i * PAGE;
		code += returns(p, i) && returns(p + 16 * PAGE, i + 16);
		other_rights += refuses(p - PAGE, EXECUTE, SIGSEGV, SEGV_ACCERR) &&
				refuses(p + PAGE, EXECUTE, SIGSEGV, SEGV_ACCERR) && holds((volatile char *)p - PAGE, (char)0xb8);
	}
	ok_eq(code, 8, "code between data of one file");
	ok_eq(other_rights, 8, "the data before and behind it may not be executed");
	munmap((void *)m, 32 * PAGE);
	close(fd);
}

static void test_mremap(enum side by)
{
	volatile char *m = letters(16), *p = m + PAGE, *to = p + 8 * PAGE;

	ok(!on(by, do_move, (void *)p) && refuses(p, READ, SIGSEGV, SEGV_MAPERR) && holds(to, 'b') && shared(to),
	   "mremap() %s moves a page", side_name[by]);
	p = m + 2 * PAGE;
	to = p + 8 * PAGE;
	ok(!on(by, do_move_keeping, (void *)p) && holds(to, 'c') && holds(p, 0) && shared(p) && shared(to),
	   "with MREMAP_DONTUNMAP it leaves an empty one");
	p = m + 14 * PAGE;
	ok(!on(by, do_shrink, (void *)p) && holds(p, 'o') && refuses(p + PAGE, READ, SIGSEGV, SEGV_MAPERR),
	   "made smaller, the rest is gone");
	ok(!on(by, do_grow, (void *)p) && holds(p, 'o') && holds(p + PAGE, 0) && shared(p + PAGE),
	   "made larger, the rest is zero");
	munmap((void *)m, 16 * PAGE);
}

/* A mapping that moves while it is used: each word comes along. */
static void test_move_many(enum side by)
{
	volatile char *m = map_pages(1024);
	struct { void *from, *to; } way;
	long bad = 0;

	way.from = (void *)m;
	way.to = (void *)map_pages(1024);
	for (int i = 0; i < 6; i++) {
		void *from = i & 1 ? way.to : way.from, *to = i & 1 ? way.from : way.to;

		fill(i & 2 ? OUTSIDE : INSIDE, from, 512, i);
		bad += on(by, do_munmap, to) != 0;
		if (mremap(from, 512 * PAGE, 512 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
			bad++;
		/* the words encode the place they were made for */
		for (long w = 0; w < 512 * (long)WORDS; w += WORDS)
			bad += ((volatile uint64_t *)to)[w] != word_of((volatile uint64_t *)from + w, i);
		bad += peek(INSIDE, from) != -SIGSEGV;
		if (mmap(from, 512 * PAGE, RW, ANON | MAP_FIXED, -1, 0) != from)
			bad++;
		bad += !holds(from, 0);
	}
	ok_eq(bad, 0, "2 MiB moved to and fro 6 times");
	munmap(way.from, 1024 * PAGE);
	munmap(way.to, 1024 * PAGE);
}

static void test_dontneed(enum side by)
{
	volatile char *m = letters(4), *p = m + PAGE;

	ok(!on(by, do_dontneed, (void *)p) && holds(p, 0) && shared(p), "MADV_DONTNEED %s: zero", side_name[by]);
	ok(holds(m, 'a') && holds(m + 2 * PAGE, 'c'), "its neighbours are as they were");
	munmap((void *)m, 4 * PAGE);
}

/* Until Linux wants the memory, and after a new store, the page stays. */
static void test_free(enum side by)
{
	volatile char *m = letters(4), *p = m + PAGE;

	ok(!on(by, do_free, (void *)p) && holds(p, 'b') && shared(p) && holds(p, 'b'),
	   "MADV_FREE %s: there as long as nobody wants it", side_name[by]);
	munmap((void *)m, 4 * PAGE);
}

static long touch_stack(void *p) { return poke(INSIDE, p, 7); }

/* Memory below a stack that grows, touched first by one side or the other. */
static void test_growing(enum side by)
{
	char *top = mmap(NULL, 512 * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
	volatile char *p = top + 300 * PAGE;

	munmap(top, 511 * PAGE);
	if (mmap(top + 511 * PAGE, PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0) == MAP_FAILED)
		bail("MAP_GROWSDOWN");
	ok(!on(by, touch_stack, (void *)p) && holds(p, 7) && shared(p) && shared(p + 50 * PAGE),
	   "memory that grows down, touched %s", side_name[by]);
	munmap(top, 512 * PAGE);
}

int main(int argc, char **argv)
{
	sides_start(argc, argv);
	for_each_side(by) {
		test_munmap(by);
		test_map_over(by);
		test_mprotect(by);
		test_execute(by);
		test_mremap(by);
		test_move_many(by);
		test_dontneed(by);
		test_free(by);
		test_growing(by);
	}
	test_execute_beside();
	return sides_end();
}
