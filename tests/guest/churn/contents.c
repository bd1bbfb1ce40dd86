// SPDX-License-Identifier: GPL-2.0
/* Operations that throw contents away. */
#include "churn.h"

/* From the range's first page to the end of the file, and back to its full size. */
static bool do_truncate(struct range *r)
{
	return !ftruncate(file_fd, r->first % CHUNK * PAGE) && !ftruncate(file_fd, CHUNK * PAGE);
}

/* The pages are the operation's own when their contents go. */
static bool lose(struct range *r, int contents, bool (*how)(struct range *r))
{
	/* few pages most of the time, or nobody would do anything but fill them again */
	if (r->nr > 16 && rnd(8) && how != do_truncate) {
		r->nr = 1 + rnd(16);
		r->len = r->nr * PAGE;
	}
	if (!own_range(r->first, r->nr))
		return false;
	if (!how(r)) {
		fail("operation: %s", strerror(errno));
		contents = FULL;
	}
	for (long i = 0; i < r->nr; i++) {
		/* what was lost before and not filled since is lost altogether */
		if (book->page[r->first + i].contents != EMPTY)
			book->page[r->first + i].contents = contents;
		if (contents == EMPTY) {
			book->page[r->first + i].contents = EMPTY;
			if (rnd(2) && *word_in((char *)r->at + i * PAGE, r->first + i, WRITERS))
				fail("page %ld was thrown away, and is there", r->first + i);
		}
	}
	disown_range(r->first, r->nr);
	return true;
}

static bool do_dontneed(struct range *r) { return !madvise(r->at, r->len, MADV_DONTNEED); }
static bool do_free(struct range *r) { return !madvise(r->at, r->len, MADV_FREE); }

static bool do_punch(struct range *r)
{
	return !fallocate(file_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, r->first % CHUNK * PAGE, r->len);
}

void advise(int chunk, void *at, size_t len)
{
	if (chunk_kind[chunk] == MERGEABLE)
		madvise(at, len, MADV_MERGEABLE);
	else
		madvise(at, len, MADV_HUGEPAGE);
}

static bool do_map_over(struct range *r)
{
	if (chunk_kind[r->chunk] == FILE_SHARED)
		return do_punch(r) && mmap(r->at, r->len, RW, MAP_SHARED | MAP_FIXED, file_fd,
					   r->first % CHUNK * PAGE) == r->at;
	if (mmap(r->at, r->len, RW, ANON | MAP_FIXED, -1, 0) != r->at)
		return false;
	advise(r->chunk, r->at, r->len);
	return true;
}

bool op_forget(struct range *r)
{
	return lose(r, EMPTY, chunk_kind[r->chunk] == FILE_SHARED ? do_punch : do_dontneed);
}

bool op_map_over(struct range *r) { return lose(r, EMPTY, do_map_over); }

/* Given back, filled again by Dune mode, wanted: that it was filled must be known by then. */
bool op_free(struct range *r)
{
	if (chunk_kind[r->chunk] == FILE_SHARED || !lose(r, FREED, do_free))
		return false;
	for (int i = 0; i < 20 && book->page[r->first].contents != FULL; i++)
		usleep(1000);
	if (rnd(4))
		op_page_out(r);
	return true;
}

bool op_truncate(struct range *r)
{
	if (chunk_kind[r->chunk] != FILE_SHARED)
		return false;
	r->nr = CHUNK - r->first % CHUNK;
	return lose(r, EMPTY, do_truncate);
}
