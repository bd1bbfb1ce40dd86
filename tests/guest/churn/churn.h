/* SPDX-License-Identifier: GPL-2.0 */
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
 * Moved pages leave a hole, and come back to it. What was mapped there meanwhile would be lost: so nothing is mapped
 * while the operators are at work. They begin when the writers are in Dune mode, for which libdune maps memory.
 *
 * A value that cannot be is printed with the seed and the last operations.
 */
#ifndef TESTS_CHURN_H
#define TESTS_CHURN_H

#include "coherent.h"

enum { DUNE_WRITERS = 2, WRITERS = 3, OPERATORS = 2, CHUNK = 512, CHUNKS = 5, NR_PAGES = CHUNKS * CHUNK };

/* What a chunk of 2 MiB is made of. */
enum { PRIVATE, MERGEABLE, FILE_SHARED };
extern const int chunk_kind[CHUNKS];

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
extern struct book {
	struct entry page[NR_PAGES];
	int busy[CHUNKS];		/* an operation is at it */
	int inside;			/* so many writers are in Dune mode */
	int stop, failed;
} *book;

extern volatile char *chunk_base[CHUNKS];
extern int file_fd;
extern unsigned long seed;

/* The thread. */
extern __thread struct self {
	uint64_t random;
	long page;			/* that it is at */
	unsigned int seq;		/* of it, when it began */
	bool child, failed;
	int id;
	uint64_t reads, writes, faults, fills, forks;
} me;

#define load_acquire(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define add(p, n)		__atomic_add_fetch(p, n, __ATOMIC_ACQ_REL)

/* book.c */
uint64_t rnd(uint64_t below);
bool replace(int *p, int from, int to);
bool use(long page);			/* a page, beside others that do */
void unuse(long page);
bool own(long page);			/* alone */
void disown(long page);
bool own_range(long first, long nr);	/* all of it, or none */
void disown_range(long first, long nr);
void note(const char *what, long first, long nr);
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* words.c: one more word than there are writers never changes: its owner is WRITERS */
volatile char *address_of(long page);
volatile uint64_t *word_in(volatile char *page_at, long page, int owner);
uint64_t value_of(long page, int owner, uint64_t generation);
void check_word(const char *who, long page, int owner, uint64_t value, uint64_t lo, uint64_t hi);
void check_at(const char *who, volatile char *at, long page, int owner);
uint64_t load_word(long page, int owner);
void store_word(long page, int owner, uint64_t value);
uint64_t keep_word(long page, int owner);

/* fault.c, writer.c, operator.c, main.c */
void on_churn_signal(int sig, siginfo_t *si, void *context);
void *writer(void *id);
void *operator(void *number);
void show_operations(void);
void go_inside(void);
void go_outside(void);

/* What an operation is made on. */
struct range {
	int chunk;
	long first, nr;
	void *at;
	size_t len;
	int operator;
};

extern char *scratch[OPERATORS];	/* 2 MiB of addresses, aligned, for each */

void pause_a_bit(void);
void must_stay(const char *what, const struct range *r, volatile char *at);
extern bool has_soft_dirty;
bool is_forgotten(const struct range *r);
void advise(int chunk, void *at, size_t len);

/* True if it was done. */
bool op_read_only(struct range *r), op_no_access(struct range *r), op_move(struct range *r),
     op_forget(struct range *r), op_map_over(struct range *r), op_free(struct range *r),
     op_truncate(struct range *r), op_page_out(struct range *r), op_lock(struct range *r),
     op_collapse(struct range *r), op_split(struct range *r), op_compact(struct range *r),
     op_read(struct range *r), op_fork(struct range *r), op_soft_dirty(struct range *r),
     op_uffd_wp(struct range *r), op_uffd_missing(struct range *r);

#endif /* TESTS_CHURN_H */
