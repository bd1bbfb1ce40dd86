/* SPDX-License-Identifier: GPL-2.0 */
/* A walk of the process's own page table, as Linux has it: a look, and no more. */
#ifndef DUNE_WALK_H
#define DUNE_WALK_H

#include <linux/types.h>

struct mm_struct;

/* Pages on both sides of one. */
struct beside {
	int before, behind;
};

/*
 * What there is at @hva, and beside it with the same rights: small pages, which one table maps. Its frame goes to
 * @pfns[0], those before and behind it to the places before and behind that. @beside says how far to look, and
 * then how many there are. False if there is no such page there, if it cannot be read (written, if @write), if a
 * larger one maps the address, or if it is none with a struct page that is counted: the zero page is not.
 *
 * No lock is needed, and no reference is taken: what was found may be gone on return. It was not if, in
 * between, the mm's notifier told of nothing; until that is known the frames are numbers.
 */
bool walk(struct mm_struct *mm, unsigned long hva, struct beside *beside, bool write, bool *writable, u64 *pfns);

#endif /* DUNE_WALK_H */
