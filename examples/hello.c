/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An ordinary process that runs in ring 0 and handles its own page faults. */
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char page[4096] __attribute__((aligned(4096)));

static int on_fault(struct dune_trap *trap, uintptr_t address)
{
	if (address - (uintptr_t)page >= sizeof(page))
		return DUNE_TRAP_PASS;		/* not ours: what happens in any process */
	dune_pt_protect(dune_root_current(), (uintptr_t)page, sizeof(page),
			DUNE_PROT_READ | DUNE_PROT_WRITE);
	return DUNE_TRAP_DONE;			/* the write is tried again */
}

int main(void)
{
	unsigned int cs;
	int err = dune_init() ?: dune_enter();

	if (err) {
		fprintf(stderr, "hello: no Dune mode: %s\n", strerror(-err));
		return 1;
	}
	__asm__("mov %%cs, %0" : "=r"(cs));
	printf("process %d, now in ring %u\n", getpid(), cs & 3);

	dune_on_page_fault(on_fault, 0);
	dune_pt_protect(dune_root_current(), (uintptr_t)page, sizeof(page), DUNE_PROT_READ);
	dune_tlb_flush_page((uintptr_t)page);
	page[0] = 'x';				/* no write right: on_fault(), without the kernel */
	printf("wrote '%c' after a page fault of our own\n", page[0]);
	return dune_leave() ? 1 : 0;
}
