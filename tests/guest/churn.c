// SPDX-License-Identifier: GPL-2.0
/*
 * churn - all that Linux does to memory, at random, while Dune mode works in it.
 *
 *	churn [SECONDS [SEED [native]]]
 *
 * Three threads write, two of them in Dune mode and one in ordinary mode. Each owns one word in
 * every page; the word encodes its address, its owner and a generation, and the book says
 * which generations it can have at a moment:
 *
 *	owner:	pending = g;  word = g;  done = g;
 *	reader:	lo = done;  look at the word;  hi = pending;	then lo <= generation <= hi
 *
 * Meanwhile threads in ordinary mode take rights away and give them back, move pages, throw them
 * away, send them to swap, fork, collapse, split... An operation that loses contents has the
 * pages locked, and whoever in Dune mode comes first fills them again. One that only
 * takes rights does not: then the access faults, and is made again when the handler has found
 * that it was an operation's doing. What was seen right after a right was taken must stay as it
 * is until it is given back.
 *
 * A value that cannot be is printed with the seed and the last operations.
 */
#include "coherent.h"
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <time.h>

enum { DUNE_WRITERS = 2, WRITERS = 3, OPERATORS = 2, CHUNK = 512, CHUNKS = 5, NR_PAGES = CHUNKS * CHUNK };

/* What a chunk of 2 MiB is made of. */
enum { PRIVATE, MERGEABLE, FILE_SHARED };
static const int chunk_kind[CHUNKS] = { PRIVATE, PRIVATE, PRIVATE, MERGEABLE, FILE_SHARED };

/* Why an access to a page may fault. */
enum { NO_WRITE = 1, NO_ACCESS, MOVED };

/* What is in a page. */
enum { FULL, EMPTY, FREED };

struct entry {
	int lock;			/* number of users, or -1 */
	unsigned int seq;		/* odd while a right is away */
	int why, contents;
	uint64_t pending[WRITERS], done[WRITERS];
};

/* Shared with children. */
static struct {
	struct entry page[NR_PAGES];
	int busy[CHUNKS];		/* an operation is at it */
	int stop, failed;
} *book;

static volatile char *chunk_base[CHUNKS];
static int file_fd;
static unsigned long seed;

/* ---- Random numbers, locks -------------------------------------------------------- */

static __thread struct {
	uint64_t random;
	long page;			/* that it is at */
	unsigned int seq;		/* of it, when it began */
	bool child, failed;
	int id;
	uint64_t reads, writes, faults, fills, forks;
} me;

static uint64_t rnd(uint64_t below)
{
	me.random ^= me.random << 13;
	me.random ^= me.random >> 7;
	me.random ^= me.random << 17;
	return (me.random >> 11) % below;
}

#define load_acquire(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define add(p, n)		__atomic_add_fetch(p, n, __ATOMIC_ACQ_REL)

static bool replace(int *p, int from, int to)
{
	return __atomic_compare_exchange_n(p, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static bool use(long page)
{
	int n = load_acquire(&book->page[page].lock);

	return n >= 0 && replace(&book->page[page].lock, n, n + 1);
}

static void unuse(long page) { add(&book->page[page].lock, -1); }
static bool own(long page) { return replace(&book->page[page].lock, 0, -1); }
static void disown(long page) { store_release(&book->page[page].lock, 0); }

/* All of a range, or none. */
static bool own_range(long first, long nr)
{
	for (long i = 0; i < nr; i++)
		for (int tries = 0; !own(first + i); tries++) {
			if (tries == 50 || book->stop) {
				while (i--)
					disown(first + i);
				return false;
			}
			sched_yield();
		}
	return true;
}

static void disown_range(long first, long nr)
{
	while (nr--)
		disown(first + nr);
}

/* ---- What was done last -------------------------------------------------------------- */

#define LOG 32
static struct {
	const char *what;
	long first, nr;
	int by;
} history[LOG];
static unsigned int history_next;

static void note(const char *what, long first, long nr)
{
	unsigned int i = __atomic_fetch_add(&history_next, 1, __ATOMIC_RELAXED) % LOG;

	history[i].what = what;
	history[i].first = first;
	history[i].nr = nr;
	history[i].by = me.id;
}

__attribute__((format(printf, 1, 2)))
static void fail(const char *format, ...)
{
	char line[256];
	va_list ap;

	store_release(&book->stop, 1);
	me.failed = true;
	if (add(&book->failed, 1) > 5)
		return;
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	diag("seed %lu, thread %d%s: %s", seed, me.id, me.child ? " (child)" : "", line);
	if (me.child)
		return;
	if (load_acquire(&book->failed) > 1)
		return;
	for (unsigned int i = history_next < LOG ? 0 : history_next - LOG; i < history_next; i++)
		diag("  %u: thread %d: %s, page %ld, %ld pages", i, history[i % LOG].by, history[i % LOG].what,
		     history[i % LOG].first, history[i % LOG].nr);
}

/* ---- Words ----------------------------------------------------------------------------- */

#define GENERATION ((1UL << 40) - 1)

static volatile char *address_of(long page)
{
	return chunk_base[page / CHUNK] + page % CHUNK * PAGE;
}

static unsigned int index_of(long page, int owner)
{
	/* pages that shall become equal have their words at the same places */
	unsigned int shift = chunk_kind[page / CHUNK] == MERGEABLE ? 11 : page * 37 % 127;

	return owner * 128 + shift;
}

static uint64_t value_of(long page, int owner, uint64_t generation)
{
	uint64_t key = chunk_kind[page / CHUNK] == MERGEABLE ? 1 : page + 2;

	return ((key * WRITERS + owner) * 0x9e3779b97f4a7c15ULL & ~GENERATION) | generation;
}

/* One more word, which never changes: its owner is WRITERS. */
static volatile uint64_t *word_in(volatile char *page_at, long page, int owner)
{
	return (volatile uint64_t *)page_at + index_of(page, owner);
}

static bool is_between(long page, int owner, uint64_t value, uint64_t lo, uint64_t hi)
{
	uint64_t generation = value & GENERATION;

	return value == value_of(page, owner, generation) && generation >= lo && generation <= hi;
}

static void check_word(const char *who, long page, int owner, uint64_t value, uint64_t lo, uint64_t hi)
{
	if (!is_between(page, owner, value, lo, hi))
		fail("%s: page %ld at %p, word of %d: %#lx; should be %#lx to %#lx", who, page,
		     word_in(address_of(page), page, owner), owner, value, value_of(page, owner, lo),
		     value_of(page, owner, hi));
}

static void begin_access(long page)
{
	me.page = page;
	me.seq = load_acquire(&book->page[page].seq);
}

static uint64_t load_word(long page, int owner)
{
	begin_access(page);
	return *word_in(address_of(page), page, owner);
}

static void store_word(long page, int owner, uint64_t value)
{
	begin_access(page);
	*word_in(address_of(page), page, owner) = value;
}

/* With a write, which changes nothing: a page that was freed may go between two reads, but not after it. */
static uint64_t keep_word(long page, int owner)
{
	volatile uint64_t *word = word_in(address_of(page), page, owner);

	begin_access(page);
	__asm__ volatile("lock orq $0, %0" : "+m"(*word));
	return *word;
}

/* As it is at @at, which is where the page is, or was moved to. */
static void check_at(const char *who, volatile char *at, long page, int owner)
{
	struct entry *e = &book->page[page];
	uint64_t lo = owner == WRITERS ? 0 : load_acquire(&e->done[owner]);
	uint64_t value, hi;

	begin_access(page);
	value = *word_in(at, page, owner);
	hi = owner == WRITERS ? 0 : load_acquire(&e->pending[owner]);
	check_word(who, page, owner, value, lo, hi);
}

/* ---- Faults ----------------------------------------------------------------------------------- */

/* Is it an operation that is at the page, or was since the access began? */
static bool excused(long page, int sig, int code)
{
	struct entry *e = &book->page[page];
	unsigned int seq = load_acquire(&e->seq);
	int why = e->why;

	if (seq != me.seq) {
		me.seq = seq;
		return true;
	}
	if (!(seq & 1))
		return false;
	if (sig != SIGSEGV || code != (why == MOVED ? SEGV_MAPERR : SEGV_ACCERR))
		return load_acquire(&e->seq) != seq;
	return true;
}

static void on_churn_signal(int sig, siginfo_t *si, void *context)
{
	long page = me.page;

	if (me.child)
		_exit(9);
	if ((uintptr_t)si->si_addr - (uintptr_t)address_of(page) < PAGE && excused(page, sig, si->si_code)) {
		me.faults++;
		/* long enough for those that have the locks, and the least priority: khugepaged */
		usleep(1000);
		return;		/* and try again */
	}
	fail("signal %d, code %d, for %p, when at page %ld", sig, si->si_code, si->si_addr, page);
	_exit(1);
}

/* ---- The writers -------------------------------------------------------------------------------- */

/* A page whose contents were thrown away: nothing is in it, or, freed, all or nothing. */
static void fill_page(long page)
{
	struct entry *e = &book->page[page];
	bool old = e->contents == FREED && keep_word(page, WRITERS);

	for (int o = 0; o <= WRITERS; o++) {
		uint64_t now = o == WRITERS ? value_of(page, o, 0) : value_of(page, o, e->done[o]);
		uint64_t value = load_word(page, o);

		if (value != (old ? now : 0))
			fail("page %ld was thrown away (%d), word of %d: %#lx", page, e->contents, o, value);
		store_word(page, o, now);
	}
	me.fills++;
	e->contents = FULL;
}

static bool is_full(long page)
{
	if (load_acquire(&book->page[page].contents) == FULL)
		return true;
	if (me.id < DUNE_WRITERS && own(page)) {
		if (book->page[page].contents != FULL)
			fill_page(page);
		disown(page);
	}
	return false;
}

static void write_generation(long page, uint64_t g)
{
	struct entry *e = &book->page[page];
	uint64_t value = load_word(page, me.id);

	check_word("own", page, me.id, value, e->done[me.id], e->done[me.id]);
	store_release(&e->pending[me.id], g);
	store_word(page, me.id, value_of(page, me.id, g));
	store_release(&e->done[me.id], g);
	check_word("own, just written", page, me.id, load_word(page, me.id), g, g);
	me.writes++;
}

static void visit(long page, uint64_t generation)
{
	if (!use(page))
		return;
	if (book->page[page].contents == FULL) {
		if (generation) {
			write_generation(page, generation);
		} else {
			for (int o = 0; o <= WRITERS; o++)
				check_at("read", address_of(page), page, o);
			me.reads++;
		}
	}
	unuse(page);
}

/* Make the pages of a chunk alike, as far as this writer is concerned: for KSM. */
static void level(int chunk)
{
	uint64_t highest = 0;

	for (long p = chunk * CHUNK; p < (chunk + 1) * CHUNK; p++)
		highest = book->page[p].done[me.id] > highest ? book->page[p].done[me.id] : highest;
	for (long p = chunk * CHUNK; p < (chunk + 1) * CHUNK && !book->stop; p++)
		if (book->page[p].done[me.id] != highest && is_full(p))
			visit(p, highest);
}

/* Fork out of Dune mode: the child has this thread's words exactly, and its stores are its own. */
static void fork_writer(void)
{
	int chunk = rnd(CHUNKS), status = -1;
	static __thread bool full[CHUNK];
	pid_t pid;

	if (chunk_kind[chunk] == FILE_SHARED || !replace(&book->busy[chunk], 0, 1))
		return;
	note("fork by a writer", chunk * CHUNK, CHUNK);
	for (int i = 0; i < CHUNK; i++)
		full[i] = load_acquire(&book->page[chunk * CHUNK + i].contents) == FULL;
	pid = fork();
	if (!pid) {
		me.child = true;
		me.failed = false;
		for (int i = 0; i < CHUNK; i += 1 + rnd(16)) {
			long page = chunk * CHUNK + i;
			uint64_t g = book->page[page].done[me.id];

			if (!full[i])
				continue;
			check_word("after a fork", page, me.id, load_word(page, me.id), g, g);
			store_word(page, me.id, ~0UL);
		}
		_exit(me.failed);
	}
	if (waitpid(pid, &status, 0) == pid && status)
		fail("a child ended with %#x", status);
	store_release(&book->busy[chunk], 0);
	me.forks++;
}

static void *writer(void *id)
{
	me.id = (long)id;
	me.random = seed * 1000003 + me.id + 1;
	/* with one CPU the operators would hardly get to it */
	setpriority(PRIO_PROCESS, gettid(), 4);
	if (me.id < DUNE_WRITERS)
		step_in();
	for (uint64_t n = 1; !load_acquire(&book->stop); n++) {
		long page = rnd(NR_PAGES);

		if (n % 64 == 0)
			sched_yield();
		if (n % 3000 == 0 && me.id < DUNE_WRITERS)
			fork_writer();
		if (n % 8000 == 0)
			level(CHUNKS - 2);
		if (!is_full(page))
			continue;
		/* not so often where pages shall stay alike */
		if (chunk_kind[page / CHUNK] == MERGEABLE && rnd(64))
			visit(page, 0);
		else
			visit(page, rnd(2) ? book->page[page].done[me.id] + 1 : 0);
	}
	if (me.id < DUNE_WRITERS)
		step_out();
	diag("writer %d, %s: %lu reads, %lu writes, %lu pages filled, %lu faults, %lu forks", me.id,
	     me.id < DUNE_WRITERS ? "inside" : "outside", me.reads, me.writes, me.fills, me.faults, me.forks);
	return NULL;
}

/* ---- Operations ----------------------------------------------------------------------------------- */

struct range {
	int chunk;
	long first, nr;
	void *at;
	size_t len;
	int operator;
};

static char *scratch[OPERATORS];		/* 2 MiB of addresses, aligned, for each */

static void reserve(char *at, size_t len)
{
	if (mmap(at, len, PROT_NONE, ANON | MAP_FIXED | MAP_NORESERVE, -1, 0) != at)
		fail("mmap: %s", strerror(errno));
}

static void pause_a_bit(void) { usleep(rnd(4) ? rnd(300) : rnd(3000)); }

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
static void must_stay(const char *what, const struct range *r, volatile char *at)
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

static bool op_read_only(struct range *r)
{
	take_rights(r, NO_WRITE);
	if (mprotect(r->at, r->len, PROT_READ))
		fail("mprotect: %s", strerror(errno));
	must_stay("read-only", r, r->at);
	mprotect(r->at, r->len, RW);
	give_rights(r);
	return true;
}

static bool op_no_access(struct range *r)
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

static bool op_move(struct range *r)
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

static void advise(int chunk, void *at, size_t len)
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

static bool op_forget(struct range *r)
{
	return lose(r, EMPTY, chunk_kind[r->chunk] == FILE_SHARED ? do_punch : do_dontneed);
}

static bool op_map_over(struct range *r) { return lose(r, EMPTY, do_map_over); }

static bool op_page_out(struct range *r)
{
	return !madvise(r->at, r->len, rnd(4) ? MADV_PAGEOUT : MADV_COLD);
}

/* Given back, filled again by Dune mode, wanted: that it was filled must be known by then. */
static bool op_free(struct range *r)
{
	if (chunk_kind[r->chunk] == FILE_SHARED || !lose(r, FREED, do_free))
		return false;
	for (int i = 0; i < 20 && book->page[r->first].contents != FULL; i++)
		usleep(1000);
	if (rnd(4))
		op_page_out(r);
	return true;
}

static bool op_truncate(struct range *r)
{
	if (chunk_kind[r->chunk] != FILE_SHARED)
		return false;
	r->nr = CHUNK - r->first % CHUNK;
	return lose(r, EMPTY, do_truncate);
}

static bool op_lock(struct range *r)
{
	if (mlock(r->at, r->len))
		return false;
	pause_a_bit();
	return !munlock(r->at, r->len);
}

/* The whole chunk. */
static bool op_collapse(struct range *r)
{
	return !madvise((void *)chunk_base[r->chunk], MIB2, MADV_COLLAPSE);
}

static bool op_split(struct range *r)
{
	char text[96];
	volatile char *p = chunk_base[r->chunk];

	snprintf(text, sizeof(text), "%d,%p,%p", getpid(), p, p + MIB2);
	return set("/sys/kernel/debug/split_huge_pages", text) || set("/sys/kernel/debug/split_huge_pages", "1");
}

static bool op_compact(struct range *r)
{
	return !rnd(4) && set("/proc/sys/vm/compact_memory", "1");
}

/* Read it all from ordinary mode. */
static bool op_read(struct range *r)
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
static bool op_fork(struct range *r)
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

/* ---- soft-dirty --------------------------------------------------------------------------------- */

static pthread_mutex_t clear_lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * Linux forgets what it noted of other pages, without Dune mode as well: KSM merges one as if it was neither written nor
 * protected by userfaultfd, and a shared file's pages lose their soft-dirty bits when they become a large one or go.
 */
static bool is_forgotten(const struct range *r) { return chunk_kind[r->chunk] != PRIVATE; }

/* With the pages owned: are those dirty that were written since? */
static void check_dirty(struct range *r, uint64_t before[][WRITERS])
{
	uint64_t bits[r->nr];

	pagemaps(r->at, r->nr, bits);
	for (long i = 0; i < r->nr; i++)
		for (int o = 0; o < WRITERS; o++)
			if (book->page[r->first + i].done[o] != before[i][o] && !(bits[i] & PM_SOFT_DIRTY))
				fail("page %ld was written by %d and is not soft-dirty: %#lx", r->first + i, o,
				     bits[i]);
}

static bool op_soft_dirty(struct range *r)
{
	static __thread uint64_t before[CHUNK][WRITERS];

	if (is_forgotten(r))
		return false;
	pthread_mutex_lock(&clear_lock);
	if (!own_range(r->first, r->nr)) {
		pthread_mutex_unlock(&clear_lock);
		return false;
	}
	for (long i = 0; i < r->nr; i++)
		memcpy(before[i], book->page[r->first + i].done, sizeof(before[i]));
	if (!set("/proc/self/clear_refs", "4"))
		fail("clear_refs: %s", strerror(errno));
	disown_range(r->first, r->nr);
	usleep(2000 + rnd(5000));
	if (own_range(r->first, r->nr)) {
		check_dirty(r, before);
		disown_range(r->first, r->nr);
	}
	pthread_mutex_unlock(&clear_lock);
	return true;
}

/* ---- userfaultfd ----------------------------------------------------------------------------------- */

static int open_uffd(struct range *r, uint64_t features, uint64_t mode)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = { .range = { (uintptr_t)r->at, r->len }, .mode = mode };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && !ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &reg))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Protected, all stores wait until the protection is taken away. */
static bool op_uffd_wp(struct range *r)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)r->at, r->len }, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd;

	if (is_forgotten(r))
		return false;
	fd = open_uffd(r, UFFD_FEATURE_PAGEFAULT_FLAG_WP, UFFDIO_REGISTER_MODE_WP);
	if (fd < 0)
		return false;
	for (int i = 0; i < 2; i++) {
		wp.mode = UFFDIO_WRITEPROTECT_MODE_WP;
		if (ioctl(fd, UFFDIO_WRITEPROTECT, &wp)) {
			/* before 6.3 not for several mappings at once */
			if (errno != ENOENT)
				fail("UFFDIO_WRITEPROTECT: %s", strerror(errno));
			break;
		}
		must_stay("protected by userfaultfd", r, r->at);
		wp.mode = 0;
		ioctl(fd, UFFDIO_WRITEPROTECT, &wp);
	}
	ioctl(fd, UFFDIO_UNREGISTER, &wp.range);
	close(fd);
	return true;
}

static void give_page(int fd, struct range *r, long i)
{
	static __thread char page[PAGE] __attribute__((aligned(4096)));
	struct entry *e = &book->page[r->first + i];
	struct uffdio_copy copy = { .dst = (uintptr_t)r->at + i * PAGE, .src = (uintptr_t)page, .len = PAGE };

	memset(page, 0, PAGE);
	for (int o = 0; o <= WRITERS; o++)
		*word_in(page, r->first + i, o) = value_of(r->first + i, o, o == WRITERS ? 0 : e->done[o]);
	while (ioctl(fd, UFFDIO_COPY, &copy) && errno == EAGAIN)
		;
}

/* Thrown away, and given back one by one as somebody touches them. */
static bool op_uffd_missing(struct range *r)
{
	struct uffd_msg msg;
	int fd;

	if (chunk_kind[r->chunk] == FILE_SHARED || r->nr > 128 || !own_range(r->first, r->nr))
		return false;
	for (long i = 0; i < r->nr; i++)
		if (book->page[r->first + i].contents != FULL) {
			disown_range(r->first, r->nr);
			return false;
		}
	fd = open_uffd(r, 0, UFFDIO_REGISTER_MODE_MISSING);
	if (fd < 0) {
		disown_range(r->first, r->nr);
		return false;
	}
	madvise(r->at, r->len, MADV_DONTNEED);
	disown_range(r->first, r->nr);
	for (int i = 0; i < 20; i++) {
		pause_a_bit();
		while (read(fd, &msg, sizeof(msg)) == sizeof(msg))
			give_page(fd, r, ((uintptr_t)msg.arg.pagefault.address - (uintptr_t)r->at) / PAGE);
	}
	/* those nobody has touched: a page that is there stays as it is */
	for (long i = 0; i < r->nr; i++)
		give_page(fd, r, i);
	ioctl(fd, UFFDIO_UNREGISTER, &(struct uffdio_range){ (uintptr_t)r->at, r->len });
	close(fd);
	return true;
}

/* ---- The operators ------------------------------------------------------------------------------------ */

static struct operation {
	const char *name;
	bool (*fn)(struct range *r);
	int weight;
	unsigned long done;
} operations[] = {
	{ "read-only", op_read_only, 8, 0 },
	{ "no access", op_no_access, 4, 0 },
	{ "mremap", op_move, 6, 0 },
	{ "DONTNEED", op_forget, 6, 0 },
	{ "map over", op_map_over, 3, 0 },
	{ "FREE", op_free, 4, 0 },
	{ "truncate", op_truncate, 3, 0 },
	{ "PAGEOUT", op_page_out, 8, 0 },
	{ "mlock", op_lock, 2, 0 },
	{ "collapse", op_collapse, 4, 0 },
	{ "split", op_split, 3, 0 },
	{ "compact", op_compact, 1, 0 },
	{ "read", op_read, 6, 0 },
	{ "fork", op_fork, 4, 0 },
	{ "soft-dirty", op_soft_dirty, 4, 0 },
	{ "uffd-wp", op_uffd_wp, 4, 0 },
	{ "uffd-missing", op_uffd_missing, 4, 0 },
};

#define NR_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static struct operation *choose(void)
{
	int total = 0, n;
	unsigned int i;

	for (i = 0; i < NR_OPERATIONS; i++)
		total += operations[i].weight;
	n = rnd(total);
	for (i = 0; n >= operations[i].weight; i++)
		n -= operations[i].weight;
	return &operations[i];
}

static void choose_range(struct range *r)
{
	static const long sizes[] = { 1, 2, 7, 16, 64, 200, CHUNK };
	long first;

	r->nr = sizes[rnd(sizeof(sizes) / sizeof(sizes[0]))];
	first = r->nr == CHUNK ? 0 : rnd(CHUNK - r->nr);
	r->first = r->chunk * CHUNK + first;
	r->at = (void *)address_of(r->first);
	r->len = r->nr * PAGE;
}

static void *operator(void *number)
{
	me.id = WRITERS + (int)(long)number;
	me.random = seed * 1000003 + me.id + 1;
	while (!load_acquire(&book->stop)) {
		struct range r = { .chunk = rnd(CHUNKS), .operator = (int)(long)number };
		struct operation *o = choose();

		if (!replace(&book->busy[r.chunk], 0, 1)) {
			sched_yield();
			continue;
		}
		choose_range(&r);
		note(o->name, r.first, r.nr);
		if (o->fn(&r))
			add(&o->done, 1);
		store_release(&book->busy[r.chunk], 0);
		if (!rnd(3))
			usleep(rnd(500));
	}
	return NULL;
}

/* ---- Begin and end -------------------------------------------------------------------------------------- */

static char *aligned(size_t len, int prot)
{
	char *p = mmap(NULL, len + MIB2, prot, ANON | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	return (char *)(((uintptr_t)p + MIB2 - 1) & ~(MIB2 - 1));
}

static void make_chunks(void)
{
	file_fd = memfd_create("churn", MFD_CLOEXEC);
	if (ftruncate(file_fd, MIB2))
		bail("ftruncate");
	for (int i = 0; i < CHUNKS; i++) {
		chunk_base[i] = aligned(MIB2, RW);
		if (chunk_kind[i] == FILE_SHARED)
			mmap((void *)chunk_base[i], MIB2, RW, MAP_SHARED | MAP_FIXED, file_fd, 0);
		advise(i, (void *)chunk_base[i], MIB2);
	}
	for (int i = 0; i < OPERATORS; i++)
		scratch[i] = aligned(MIB2, PROT_NONE);
	for (long page = 0; page < NR_PAGES; page++)
		for (int o = 0; o <= WRITERS; o++)
			*word_in(address_of(page), page, o) = value_of(page, o, 0);
}

static void settings(void)
{
	set("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	set("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "advise");
	set("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs", "10");
	set("/sys/kernel/mm/transparent_hugepage/khugepaged/alloc_sleep_millisecs", "10");
	set("/sys/kernel/mm/ksm/pages_to_scan", "200");
	set("/sys/kernel/mm/ksm/sleep_millisecs", "10");
	set("/sys/kernel/mm/ksm/run", "1");
	if (access("/dev/zram0", F_OK))
		diag("no swap: it needs the module zram");
	else if (set("/sys/block/zram0/disksize", "64M") &&
		 (system("mkswap /dev/zram0 >/dev/null 2>&1") || swapon("/dev/zram0", 0)))
		diag("no swap: %s", strerror(errno));
}

/* All is quiet: each word is what it was written last, for this side. */
static void check_all(const char *who)
{
	long failed = book->failed;

	for (long page = 0; page < NR_PAGES; page++) {
		struct entry *e = &book->page[page];

		for (int o = 0; e->contents == FULL && o <= WRITERS; o++) {
			uint64_t g = o == WRITERS ? 0 : e->done[o];

			check_word(who, page, o, load_word(page, o), g, g);
		}
	}
	ok(book->failed == failed, "in the end every word is what was written last, seen from %s", who);
}

/* Where everything is that has to do with it: a thread that sleeps for ever says it nowhere else. */
static void show_tasks(void)
{
	if (system("for t in /proc/[0-9]*/task/*; do read name <$t/comm; case $name in "
		   "churn|ksmd|khugepaged|kcompactd*|kswapd*) "
		   "echo \"# $t $name, $(cut -d ' ' -f 3,14,15 $t/stat): $(cat $t/syscall)\"; "
		   "sed 's/^/#   /' $t/stack; esac; done"))
		diag("no shell to look at /proc");
}

static void join(pthread_t thread)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 30;
	if (!pthread_timedjoin_np(thread, NULL, &limit))
		return;
	show_tasks();
	ok(false, "each thread comes to its end");
	_exit(tap_done());
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_churn_signal, .sa_flags = SA_SIGINFO };
	pthread_t thread[WRITERS + OPERATORS];
	int seconds = argc > 1 ? atoi(argv[1]) : 20, err;
	long merged = 0, n;
	struct timespec t;
	time_t end;

	seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	native = argc > 3 && !strcmp(argv[3], "native");
	book = mmap(NULL, sizeof(*book), RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	settings();
	make_chunks();
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	err = native ? 0 : dune_init();
	if (err)
		bail("no Dune mode: %s", strerror(-err));
	me.id = -1;
	for (long i = 0; i < WRITERS + OPERATORS; i++)
		if (pthread_create(&thread[i], NULL, i < WRITERS ? writer : operator,
				   (void *)(i < WRITERS ? i : i - WRITERS)))
			bail("no thread");
	clock_gettime(CLOCK_MONOTONIC, &t);
	end = t.tv_sec + seconds;
	while (t.tv_sec < end && !load_acquire(&book->stop)) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		usleep(200000);
		n = get("/sys/kernel/mm/ksm/pages_sharing");
		merged = n > merged ? n : merged;
	}
	store_release(&book->stop, 1);
	for (int i = 0; i < WRITERS + OPERATORS; i++)
		join(thread[i]);
	ok(!book->failed, "%d s with seed %lu: %d values that cannot be", seconds, seed, book->failed);
	check_all("ordinary mode");
	step_in();
	check_all("Dune mode");
	step_out();
	diag("KSM had %ld pages merged", merged);
	for (unsigned int i = 0; i < NR_OPERATIONS; i++)
		diag("%s: %lu", operations[i].name, operations[i].done);
	set("/sys/kernel/mm/ksm/run", "2");
	if (!swapoff("/dev/zram0"))
		set("/sys/block/zram0/reset", "1");
	return tap_done();
}
