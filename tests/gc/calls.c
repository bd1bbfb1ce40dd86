// SPDX-License-Identifier: GPL-2.0
/* Where system calls write, and how long that is remembered. */
#include "calls.h"
#include "tap.h"
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define PAGES	64
#define PAGE	4096UL

static uint8_t page[PAGES], bytes[PAGES];
static char *area;
static struct notes_area *watched;

static long noted(void)
{
	long n = 0;

	memset(page, 0, PAGES);
	if (notes_collect(watched, page, 0, PAGES))
		return -1;
	for (int i = 0; i < PAGES; i++)
		n += page[i];
	return n;
}

static void call(unsigned int nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	uint64_t arg[CALL_ARGS] = { a, b, c, d, e };

	notes_drop(notes_mine);
	calls_note(notes_mine, nr, arg);
}

static uint64_t at(unsigned int p) { return (uintptr_t)area + p * PAGE; }

static void quiet(void)
{
	call(SYS_getpid, 0, 0, 0, 0, 0);
	noted();
}

static void test_ranges(void)
{
	call(SYS_read, 0, at(3) + 100, 2 * PAGE, 0, 0);
	ok(noted() == 3 && page[3] && page[4] && page[5], "read(): the pages of its buffer");
	ok(noted() == 3, "as long as the call may run");
	call(SYS_getpid, 0, 0, 0, 0, 0);
	ok(noted() == 3, "once more when the thread is at its next call: the last bytes came after we looked");
	ok(noted() == 0, "then no more");
	call(SYS_read, 0, at(3), 0, 0, 0);
	ok(noted() == 0, "no bytes, no page");
	call(SYS_read, 0, at(63), UINT64_MAX, 0, 0);
	ok(noted() == 1 && page[63], "a length that wraps ends with the heap");
	quiet();
	call(SYS_read, 0, at(0) - 10, 11, 0, 0);
	ok(noted() == 1 && page[0], "a buffer that begins before it");
	quiet();
	call(SYS_fstat, 0, at(1) - 1, 0, 0, 0);
	ok(noted() == 2, "a structure over the border of two pages");
	quiet();
	call(SYS_epoll_wait, 0, at(2), 1000, 0, 0);
	ok(noted() == 3 && page[2] && page[4], "1000 events of 12 bytes: three pages");
	quiet();
	call(SYS_epoll_wait, 0, at(2), UINT64_MAX / 2, 0, 0);
	ok(noted() == PAGES - 2, "a product that does not fit is all that follows");
	quiet();
	call(SYS_recvfrom, 0, at(1), 10, 0, at(9));
	ok(noted() == 2 && page[1] && page[9], "two outputs");
	quiet();
	call(SYS_write, 1, at(1), 4096, 0, 0);
	ok(noted() == 0, "write() writes nothing here");
	call(SYS_read, 0, 4096, 100, 0, 0);
	ok(noted() == 0, "read() to elsewhere");
}

static void test_anywhere(void)
{
	static const unsigned int calls[] = { SYS_readv, SYS_recvmsg, SYS_ioctl, SYS_process_vm_writev, SYS_ptrace, 5000 };

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		call(calls[i], 0, at(1), 1, 0, 0);
		ok(noted() == -1, "call %u may write anywhere", calls[i]);
		ok(noted() == -1, "as long as it runs");
		call(SYS_getpid, 0, 0, 0, 0, 0);
		ok(noted() == -1 && noted() == 0, "and once more");
	}
	ok(!calls_async, "none of them writes later");
	call(425, 0, 0, 0, 0, 0);
	ok(calls_async, "io_uring_setup() does");
}

static void test_many(void)
{
	for (int i = 0; i < NOTES_MAX; i++)
		notes_add(notes_mine, at(i), 1);
	ok_eq(noted(), NOTES_MAX, "as many ranges as there is room for");
	notes_add(notes_mine, at(40), 1);
	ok_eq(noted(), -1, "one more: anywhere");
	notes_drop(notes_mine);
	noted();
	notes_add(notes_mine, at(5), 1);
	notes_give(notes_mine);
	ok(noted() == 1 && page[5], "a thread that ends leaves what its last call wrote");
	for (int i = 0; i < NOTES_THREADS; i++)
		notes_take();
	ok(!notes_take() && noted() == 0, "more threads than there are notes for");
	notes_lost();
	ok(noted() == -1 && noted() == 0, "may write anywhere");
	notes_add(notes_mine, at(5), 1);
	notes_clear(watched, PAGES);
	ok_eq(noted(), 1, "forgetting pages forgets no call that runs");
}

int main(void)
{
	area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	watched = notes_watch((uintptr_t)area, (uintptr_t)area + PAGES * PAGE, bytes);
	if (notes_init())
		bail("no memory");
	notes_mine = notes_take();
	test_ranges();
	test_anywhere();
	test_many();
	return tap_done();
}
