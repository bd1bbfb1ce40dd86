// SPDX-License-Identifier: GPL-2.0
/* What is known of each page, who may use it, and what was done last. */
#include "churn.h"
#include <sched.h>

const int chunk_kind[CHUNKS] = { PRIVATE, PRIVATE, PRIVATE, MERGEABLE, FILE_SHARED };
struct book *book;
volatile char *chunk_base[CHUNKS];
int file_fd;
unsigned long seed;
__thread struct self me;

uint64_t rnd(uint64_t below)
{
	me.random ^= me.random << 13;
	me.random ^= me.random >> 7;
	me.random ^= me.random << 17;
	return (me.random >> 11) % below;
}

bool replace(int *p, int from, int to)
{
	return __atomic_compare_exchange_n(p, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

bool use(long page)
{
	int n = load_acquire(&book->page[page].lock);

	return n >= 0 && replace(&book->page[page].lock, n, n + 1);
}

void unuse(long page) { add(&book->page[page].lock, -1); }
bool own(long page) { return replace(&book->page[page].lock, 0, -1); }
void disown(long page) { store_release(&book->page[page].lock, 0); }

bool own_range(long first, long nr)
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

void disown_range(long first, long nr)
{
	while (nr--)
		disown(first + nr);
}

#define LOG 32
static struct {
	const char *what;
	long first, nr;
	int by;
} history[LOG];
static unsigned int history_next;

void note(const char *what, long first, long nr)
{
	unsigned int i = __atomic_fetch_add(&history_next, 1, __ATOMIC_RELAXED) % LOG;

	history[i].what = what;
	history[i].first = first;
	history[i].nr = nr;
	history[i].by = me.id;
}

void fail(const char *format, ...)
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
