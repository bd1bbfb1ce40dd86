// SPDX-License-Identifier: GPL-2.0
/* What each word has to be. */
#include "churn.h"

#define GENERATION ((1UL << 40) - 1)

volatile char *address_of(long page)
{
	return chunk_base[page / CHUNK] + page % CHUNK * PAGE;
}

static unsigned int index_of(long page, int owner)
{
	/* pages that shall become equal have their words at the same places */
	unsigned int shift = chunk_kind[page / CHUNK] == MERGEABLE ? 11 : page * 37 % 127;

	return owner * 128 + shift;
}

uint64_t value_of(long page, int owner, uint64_t generation)
{
	uint64_t key = chunk_kind[page / CHUNK] == MERGEABLE ? 1 : page + 2;

	return ((key * WRITERS + owner) * 0x9e3779b97f4a7c15ULL & ~GENERATION) | generation;
}

volatile uint64_t *word_in(volatile char *page_at, long page, int owner)
{
	return (volatile uint64_t *)page_at + index_of(page, owner);
}

static bool is_between(long page, int owner, uint64_t value, uint64_t lo, uint64_t hi)
{
	uint64_t generation = value & GENERATION;

	return value == value_of(page, owner, generation) && generation >= lo && generation <= hi;
}

void check_word(const char *who, long page, int owner, uint64_t value, uint64_t lo, uint64_t hi)
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

uint64_t load_word(long page, int owner)
{
	begin_access(page);
	return *word_in(address_of(page), page, owner);
}

void store_word(long page, int owner, uint64_t value)
{
	begin_access(page);
	*word_in(address_of(page), page, owner) = value;
}

/* With a write, which changes nothing: a page that was freed may go between two reads, but not after it. */
uint64_t keep_word(long page, int owner)
{
	volatile uint64_t *word = word_in(address_of(page), page, owner);

	begin_access(page);
	__asm__ volatile("lock orq $0, %0" : "+m"(*word));
	return *word;
}

/* As it is at @at, which is where the page is, or was moved to. */
void check_at(const char *who, volatile char *at, long page, int owner)
{
	struct entry *e = &book->page[page];
	uint64_t lo = owner == WRITERS ? 0 : load_acquire(&e->done[owner]);
	uint64_t value, hi;

	begin_access(page);
	value = *word_in(at, page, owner);
	hi = owner == WRITERS ? 0 : load_acquire(&e->pending[owner]);
	check_word(who, page, owner, value, lo, hi);
}
