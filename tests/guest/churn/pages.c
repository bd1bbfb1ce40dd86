// SPDX-License-Identifier: GPL-2.0
/* Operations that change the pages, and nothing that the program sees. */
#include "churn.h"

bool op_page_out(struct range *r)
{
	return !madvise(r->at, r->len, rnd(4) ? MADV_PAGEOUT : MADV_COLD);
}

bool op_lock(struct range *r)
{
	if (mlock(r->at, r->len))
		return false;
	pause_a_bit();
	return !munlock(r->at, r->len);
}

/* The whole chunk. */
bool op_collapse(struct range *r)
{
	return !madvise((void *)chunk_base[r->chunk], MIB2, MADV_COLLAPSE);
}

bool op_split(struct range *r)
{
	char text[96];
	volatile char *p = chunk_base[r->chunk];

	snprintf(text, sizeof(text), "%d,%p,%p", getpid(), p, p + MIB2);
	return set("/sys/kernel/debug/split_huge_pages", text) || set("/sys/kernel/debug/split_huge_pages", "1");
}

bool op_compact(struct range *r)
{
	return !rnd(4) && set("/proc/sys/vm/compact_memory", "1");
}

/* Read it all from ordinary mode. */
bool op_read(struct range *r)
{
	for (long page = r->first; page < r->first + r->nr; page++) {
		if (!use(page))
			continue;
		for (int o = 0; book->page[page].contents == FULL && o <= WRITERS; o++)
			check_at("an operator", address_of(page), page, o);
		unuse(page);
	}
	return true;
}

/* A child has what was there when it was made: not older, and not what is written since. */
bool op_fork(struct range *r)
{
	static __thread uint64_t done[CHUNK][WRITERS];
	static __thread bool full[CHUNK];
	int status = -1;
	pid_t pid;

	for (long i = 0; i < r->nr; i++) {
		full[i] = load_acquire(&book->page[r->first + i].contents) == FULL;
		memcpy(done[i], book->page[r->first + i].done, sizeof(done[i]));
	}
	pid = fork();
	if (!pid) {
		static uint64_t first[CHUNK][WRITERS];

		me.child = true;
		me.failed = false;
		for (int again = 0; again < 2; again++) {
			for (long i = 0; i < r->nr; i++)
				for (int o = 0; full[i] && o < WRITERS; o++) {
					uint64_t v = load_word(r->first + i, o);

					check_word("a child", r->first + i, o, v, done[i][o],
						   load_acquire(&book->page[r->first + i].pending[o]));
					if (again && v != first[i][o] && chunk_kind[r->chunk] != FILE_SHARED)
						fail("a child: page %ld, word of %d was %#lx and became %#lx",
						     r->first + i, o, first[i][o], v);
					first[i][o] = v;
				}
			pause_a_bit();
		}
		_exit(me.failed);
	}
	if (waitpid(pid, &status, 0) == pid && status)
		fail("a child ended with %#x", status);
	return pid > 0;
}
