// SPDX-License-Identifier: LGPL-2.1-or-later
/* The page pool: counts, zeroes, exhaustion, many threads, and misuse. */
#include "pgtest.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "page_internal.h"

static bool is_zero(const void *page)
{
	const unsigned char *byte = page;

	for (size_t i = 0; i < 4096; i++)
		if (byte[i])
			return false;
	return true;
}

static void bring_up(void)
{
	uintptr_t base;

	ok(dune_page_alloc() == NULL, "no pool, no page");
	ok_eq(dune_layout_init(pgtest_table, pgtest_assign), 0, "layout");
	pgtest_frames_max = 0;
	ok_eq(dune_page_init(), -ENOSPC, "no frame for the pool");
	ok(dune_page_alloc() == NULL, "still no page");
	pgtest_frames_max = 100;
	ok_eq(dune_page_init(), 0, "with a frame it works");
	ok_eq(pgtest_frames_given, 1, "the pool takes one frame");
	ok_eq(dune_pool_base % GIB, 0, "it is aligned to its size");
	base = dune_pool_base;
	ok_eq(dune_page_init(), 0, "again: nothing");
	ok_eq(dune_pool_base, base, "it is where it was");
}

static void one_page(void)
{
	unsigned char *page = dune_page_alloc(), *again;
	uint64_t gpa;

	ok(page != NULL, "a page");
	ok_eq((uintptr_t)page % 4096, 0, "is aligned");
	ok(is_zero(page), "and zero");
	ok_eq(dune_page_in_use(), 1, "one in use");
	ok_eq(dune_page_count(page), 1, "one user");
	ok(!dune_va_to_gpa((uintptr_t)page, &gpa) && gpa == dune_page_gpa(page),
	   "its gpa is what the layout says");
	ok(dune_page_at(dune_page_gpa(page)) == page, "and back");

	memset(page, 0xa5, 4096);
	dune_page_get(page);
	dune_page_get(page);
	ok_eq(dune_page_count(page), 3, "three users");
	dune_page_put(page);
	dune_page_put(page);
	ok_eq(dune_page_in_use(), 1, "the first two do not free it");
	ok_eq(page[4095], 0xa5, "nor touch it");
	dune_page_put(page);
	ok_eq(dune_page_in_use(), 0, "the last one frees it");
	again = dune_page_alloc();
	ok(again == page, "it is used anew");
	ok(is_zero(again), "and zero again");
	ok_eq(dune_page_count(again), 1, "with one user");
	dune_page_put(again);
}

static void lists(void)
{
	struct dune_page_list list = { 0, 0 };
	void *a = dune_page_alloc(), *b = dune_page_alloc();

	memset(a, 1, 4096);
	dune_page_get(a);
	ok(!dune_page_unref(a), "unref: not the last user");
	ok(dune_page_unref(a), "unref: the last user");
	ok(dune_page_unref(b), "unref: of the other page too");
	ok_eq(dune_page_in_use(), 2, "unref frees nothing");
	dune_page_list_add(&list, a);
	dune_page_list_add(&list, b);
	ok_eq(list.length, 2, "two on the list");
	ok_eq(*(char *)a, 1, "a page on a list keeps its contents");
	ok_eq(dune_page_count(a), 0, "and has no users");
	ok(dune_page_list_take(&list) == b, "taken off, last in first out");
	dune_page_list_add(&list, b);
	dune_page_list_free(&list);
	ok_eq(list.length, 0, "freed: the list is empty");
	ok(dune_page_list_take(&list) == NULL, "nothing to take");
	ok_eq(dune_page_in_use(), 0, "the pages are back");
}

static void *all[DUNE_POOL_PAGES];

/* Pages are not touched here: this takes no memory. */
static void exhaustion(void)
{
	size_t n = 0;
	bool inside = true;

	while (n < DUNE_POOL_PAGES && (all[n] = dune_page_alloc())) {
		inside &= (uintptr_t)all[n] - dune_pool_base < GIB;
		n++;
	}
	ok_eq(n, DUNE_POOL_PAGES, "the pool has 2^18 pages");
	ok(inside, "all in its GiB");
	ok_eq(dune_page_in_use(), n, "all in use");
	ok(dune_page_alloc() == NULL, "then it is empty");
	ok(dune_page_alloc() == NULL, "and stays so");
	ok_eq(dune_page_in_use(), n, "failing takes nothing");
	dune_page_put(all[n - 1]);
	ok(dune_page_alloc() == all[n - 1], "a page given back is there again");
	while (n)
		dune_page_put(all[--n]);
	ok_eq(dune_page_in_use(), 0, "all are back");
}

/* ---- Threads -------------------------------------------------------------- */

#define THREADS	4
#define HELD	16

/* Each holds a few pages that carry its mark; a page with two owners would show. */
static void *churn(void *arg)
{
	uint64_t mark = (uint64_t)(uintptr_t)arg, bad = 0, *held[HELD] = { NULL };

	for (unsigned int i = 0; i < 40000; i++) {
		uint64_t **p = &held[(i * 7 + i / HELD) % HELD];

		if (*p) {
			bad += (*p)[0] != mark || (*p)[511] != mark;
			dune_page_put(*p);
			*p = NULL;
		} else {
			*p = dune_page_alloc();
			bad += !*p || (*p)[0] || (*p)[511];
			if (*p)
				(*p)[0] = (*p)[511] = mark;
		}
	}
	for (unsigned int i = 0; i < HELD; i++)
		if (held[i])
			dune_page_put(held[i]);
	return (void *)(uintptr_t)bad;
}

static void *count_up_and_down(void *page)
{
	for (unsigned int i = 0; i < 100000; i++) {
		dune_page_get(page);
		dune_page_put(page);
	}
	return NULL;
}

static void run_threads(void *(*fn)(void *), void *arg, const char *text)
{
	pthread_t thread[THREADS];
	uintptr_t bad = 0;
	void *result;

	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, fn, arg ? arg : (void *)(i + 1)))
			bail("no threads");
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &result);
		bad += (uintptr_t)result;
	}
	ok_eq(bad, 0, "%s", text);
}

static void threads(void)
{
	void *page = dune_page_alloc();

	run_threads(churn, NULL, "threads get zeroed pages and each its own");
	run_threads(count_up_and_down, page, "threads count one page's users");
	ok_eq(dune_page_count(page), 1, "no count is lost");
	dune_page_put(page);
	ok_eq(dune_page_in_use(), 0, "none is left over");
}

/* ---- Misuse ---------------------------------------------------------------- */

static void put_twice(void)
{
	void *page = dune_page_alloc();

	dune_page_put(page);
	dune_page_put(page);
}

static void get_free(void)
{
	void *page = dune_page_alloc();

	dune_page_put(page);
	dune_page_get(page);
}

static void put_after_unref(void)
{
	void *page = dune_page_alloc();

	dune_page_unref(page);
	dune_page_put(page);
}

static void put_inside(void)
{
	dune_page_put((char *)dune_page_alloc() + 8);
}

static void put_stranger(void)
{
	static char page[4096] __attribute__((aligned(4096)));

	dune_page_put(page);
}

static void put_after_pool(void)
{
	dune_page_put((void *)(dune_pool_base + GIB));
}

static void dies(void (*fn)(void), const char *text)
{
	const struct rlimit no_core = { 0, 0 };
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGILL, SIG_DFL);	/* a sanitizer's own would print */
		signal(SIGTRAP, SIG_DFL);
		fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status), "%s stops the program", text);
}

int main(void)
{
	bring_up();
	one_page();
	lists();
	exhaustion();
	threads();
	dies(put_twice, "giving a page back twice");
	dies(get_free, "counting up a free page");
	dies(put_after_unref, "a page without users");
	dies(put_inside, "an address inside a page");
	dies(put_stranger, "a page of somebody else");
	dies(put_after_pool, "an address just after the pool");
	return tap_done();
}
