// SPDX-License-Identifier: GPL-2.0
/*
 * A page that is written the first time raises SIGSEGV; the handler notes it and lets it be
 * written. What a thread declared foreign (gc_foreign_begin()) is never protected: the
 * kernel would answer EFAULT where a program's own store raises a signal.
 */
#include "track.h"
#include "heap.h"
#include "notes.h"
#include "stats.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint8_t *written;	/* by page */
static struct sigaction before;

static void on_fault(int signo, siginfo_t *info, void *context)
{
	uintptr_t p = (uintptr_t)info->si_addr & ~(PAGE_SIZE - 1);
	int saved = errno;

	if (p < heap.lo || p >= heap.limit || info->si_code != SEGV_ACCERR) {
		/* Not ours: it happens again, with whatever was there before. */
		sigaction(SIGSEGV, &before, NULL);
		return;
	}
	/*
	 * Noted last: were it the other way round, the collector could take the note and protect the page, and this would
	 * open it again, unnoted. If it is protected between the two the store just faults once more.
	 */
	mprotect((void *)p, PAGE_SIZE, PROT_READ | PROT_WRITE);
	__atomic_store_n(&written[page_of(p)], 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&stats.faults, 1, __ATOMIC_RELAXED);
	errno = saved;
}

static const char *init(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESTART };

	return sigaction(SIGSEGV, &sa, &before) ? strerror(errno) : NULL;
}

/* One for each page of the heap. */
static uint8_t *map_bytes(void)
{
	void *p = mmap(NULL, (heap.limit - heap.lo) >> PAGE_SHIFT, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		fprintf(stderr, "gc: no memory to note writes in: %s\n", strerror(errno));
		_exit(1);
	}
	return p;
}

static void extend(uintptr_t start, size_t len)
{
	if (!written)
		written = map_bytes();
}

/* Linux gives the memory back protected as it was. */
static void retire(uintptr_t start, size_t len)
{
	mprotect((void *)start, len, PROT_READ | PROT_WRITE);
}

static void foreign(uintptr_t start, size_t len)
{
	uintptr_t from = start & ~(PAGE_SIZE - 1);

	mprotect((void *)from, (start + len - from + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1), PROT_READ | PROT_WRITE);
}

/*
 * Open again what is foreign. gc_foreign_begin() takes gc_lock, so that none comes between the two.
 */
static void open_foreign(uintptr_t start, size_t len)
{
	static uint8_t *page;
	size_t pages = len >> PAGE_SHIFT;

	if (!page)
		page = map_bytes();
	memset(page, 0, pages);
	notes_ranges(track_notes, page, pages);
	for (size_t p = 0; p < pages; p++)
		if (page[p])
			foreign(start + (p << PAGE_SHIFT), PAGE_SIZE);
}

static void arm(uintptr_t start, size_t len)
{
	pthread_mutex_lock(&gc_lock);
	memset(written, 0, len >> PAGE_SHIFT);
	mprotect((void *)start, len, PROT_READ);
	open_foreign(start, len);
	pthread_mutex_unlock(&gc_lock);
}

/* Protected before it is read: a write that comes after the page was read is noted again. */
static void protect_again(uintptr_t start, size_t len, track_fn fn)
{
	size_t pages = len >> PAGE_SHIFT, p = 0;

	while (p < pages) {
		size_t first = p;

		for (; p < pages && __atomic_exchange_n(&written[p], 0, __ATOMIC_SEQ_CST); p++)
			fn(start + (p << PAGE_SHIFT));
		if (p > first)
			mprotect((void *)(start + (first << PAGE_SHIFT)), (p - first) << PAGE_SHIFT, PROT_READ);
		else
			p++;
	}
}

static void collect(uintptr_t start, size_t len, bool rearm, track_fn fn)
{
	if (rearm) {
		pthread_mutex_lock(&gc_lock);
		protect_again(start, len, fn);
		open_foreign(start, len);
		pthread_mutex_unlock(&gc_lock);
		return;
	}
	for (size_t p = 0; p < len >> PAGE_SHIFT; p++)
		if (written[p])
			fn(start + (p << PAGE_SHIFT));
	/* Until the next cycle nobody asks. */
	mprotect((void *)start, len, PROT_READ | PROT_WRITE);
}

const struct track track_mprotect = {
	.name = "mprotect", .concurrent = true, .rearm = true, .init = init, .extend = extend,
	.retire = retire, .arm = arm, .collect = collect, .foreign = foreign,
};
