// SPDX-License-Identifier: GPL-2.0
/* The threads that write: two in Dune mode, one in ordinary mode. */
#include "churn.h"
#include <sched.h>
#include <sys/resource.h>

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

void *writer(void *id)
{
	me.id = (long)id;
	me.random = seed * 1000003 + me.id + 1;
	/* with one CPU the operators would hardly get to it */
	setpriority(PRIO_PROCESS, gettid(), 4);
	if (me.id < DUNE_WRITERS) {
		go_inside();
		add(&book->inside, 1);
	}
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
		go_outside();
	diag("writer %d, %s: %lu reads, %lu writes, %lu pages filled, %lu faults, %lu forks", me.id,
	     me.id < DUNE_WRITERS ? "inside" : "outside", me.reads, me.writes, me.fills, me.faults, me.forks);
	return NULL;
}
