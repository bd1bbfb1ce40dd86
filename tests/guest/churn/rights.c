// SPDX-License-Identifier: GPL-2.0
/* Operations that take rights away, and what must stay meanwhile. */
#include "churn.h"

char *scratch[OPERATORS];

static void reserve(char *at, size_t len)
{
	if (mmap(at, len, PROT_NONE, ANON | MAP_FIXED | MAP_NORESERVE, -1, 0) != at)
		fail("mmap: %s", strerror(errno));
}

void pause_a_bit(void) { usleep(rnd(4) ? rnd(300) : rnd(3000)); }

static void take_rights(const struct range *r, int why)
{
	for (long i = 0; i < r->nr; i++) {
		book->page[r->first + i].why = why;
		add(&book->page[r->first + i].seq, 1);
	}
}

static void give_rights(const struct range *r)
{
	for (long i = 0; i < r->nr; i++)
		add(&book->page[r->first + i].seq, 1);
}

/*
 * Nobody can write to the range, which is at @at now: what is in it is right, and stays.
 */
void must_stay(const char *what, const struct range *r, volatile char *at)
{
	static __thread uint64_t seen[CHUNK][WRITERS];
	static __thread bool full[CHUNK];

	for (long i = 0; i < r->nr; i++) {
		struct entry *e = &book->page[r->first + i];

		full[i] = load_acquire(&e->contents) == FULL;
		for (int o = 0; full[i] && o < WRITERS; o++) {
			uint64_t lo = load_acquire(&e->done[o]);

			seen[i][o] = *word_in(at + i * PAGE, r->first + i, o);
			check_word(what, r->first + i, o, seen[i][o], lo, load_acquire(&e->pending[o]));
		}
	}
	pause_a_bit();
	for (long i = 0; i < r->nr; i++)
		for (int o = 0; full[i] && o < WRITERS; o++) {
			uint64_t now = *word_in(at + i * PAGE, r->first + i, o);

			if (now != seen[i][o])
				fail("%s: page %ld, word of %d was %#lx and became %#lx", what, r->first + i, o,
				     seen[i][o], now);
		}
}

bool op_read_only(struct range *r)
{
	take_rights(r, NO_WRITE);
	if (mprotect(r->at, r->len, PROT_READ))
		fail("mprotect: %s", strerror(errno));
	must_stay("read-only", r, r->at);
	mprotect(r->at, r->len, RW);
	give_rights(r);
	return true;
}

bool op_no_access(struct range *r)
{
	take_rights(r, NO_ACCESS);
	if (mprotect(r->at, r->len, PROT_NONE))
		fail("mprotect: %s", strerror(errno));
	pause_a_bit();
	mprotect(r->at, r->len, PROT_READ);
	for (long i = 0; i < r->nr; i++)
		book->page[r->first + i].why = NO_WRITE;
	must_stay("read-only after no access", r, r->at);
	mprotect(r->at, r->len, RW);
	give_rights(r);
	return true;
}

bool op_move(struct range *r)
{
	char *to = scratch[r->operator] + r->first % CHUNK * PAGE;

	take_rights(r, MOVED);
	if (mremap(r->at, r->len, r->len, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to) {
		/* what was mapped over in parts is several mappings, and they do not move together */
		if (errno != EFAULT)
			fail("mremap: %s", strerror(errno));
		give_rights(r);
		return false;
	}
	must_stay("moved", r, to);
	if (mremap(to, r->len, r->len, MREMAP_MAYMOVE | MREMAP_FIXED, r->at) != r->at)
		fail("mremap back: %s", strerror(errno));
	/* or something else would be mapped there, and the next one moved over it */
	reserve(to, r->len);
	give_rights(r);
	return true;
}
