// SPDX-License-Identifier: GPL-2.0
/* A fault is made again if an operation was at the page. */
#include "churn.h"

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

void on_churn_signal(int sig, siginfo_t *si, void *context)
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
