// SPDX-License-Identifier: GPL-2.0
/*
 * Appel & Li's two patterns, over 100 pages in random order:
 *
 *	Appel1	TRAP, PROT1, UNPROT	each fault unprotects its page and protects another
 *	Appel2	PROTN, TRAP, UNPROT	all are protected at once, each fault unprotects its page
 *
 * The handler does the same on both sides: it finds the page's number, takes one right and
 * gives one. Linux's way is mprotect(), Dune's the entry in the process's own table.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "guest.h"
#include "trap.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PAGES 100

static char *memory;
static dune_pte_t *ptes[PAGES];
static uint32_t order[PAGES];
static volatile int traps;
static uint32_t last;		/* Appel1: the page that is not protected */

static void set_up(void)
{
	int n;

	memory = bench_memory(PAGES * PAGE, PAGE);
	bench_shuffle(order, PAGES);
	for (n = 0; n < PAGES; n++)
		memory[n * PAGE] = 1;
}

static GENERAL_REGS uint32_t number(uintptr_t address)
{
	return (address - (uintptr_t)memory) / PAGE;
}

/* ---- Linux ------------------------------------------------------------------------ */

static void linux_protect(uint32_t page, int pages, int prot)
{
	if (mprotect(memory + page * PAGE, pages * PAGE, prot))
		bench_fail("mprotect: %s", strerror(errno));
}

static void linux_appel1(int sig, siginfo_t *info, void *context)
{
	uint32_t page = number((uintptr_t)info->si_addr);

	traps++;
	linux_protect(page, 1, PROT_READ | PROT_WRITE);
	linux_protect(last, 1, PROT_READ);
	last = page;
}

static void linux_appel2(int sig, siginfo_t *info, void *context)
{
	traps++;
	linux_protect(number((uintptr_t)info->si_addr), 1, PROT_READ | PROT_WRITE);
}

static void linux_setup1(int rounds)
{
	set_up();
	trap_catch(SIGSEGV, linux_appel1);
	linux_protect(0, PAGES, PROT_READ);
	last = order[PAGES - 1];
	linux_protect(last, 1, PROT_READ | PROT_WRITE);
}

static void linux_setup2(int rounds)
{
	set_up();
	trap_catch(SIGSEGV, linux_appel2);
}

/* ---- Dune: the entries ------------------------------------------------------------------ */

/* The CPU looks at the entry again when it has faulted, so giving a right flushes nothing. */
static GENERAL_REGS int dune_appel1(struct dune_trap *trap, uintptr_t address)
{
	uint32_t page = number(address);

	if (page >= PAGES)
		return DUNE_TRAP_PASS;
	traps++;
	pte_set(ptes[page], DUNE_PTE_W);
	pte_clear(ptes[last], DUNE_PTE_W);
	dune_tlb_flush_page((uintptr_t)memory + last * PAGE);
	last = page;
	return DUNE_TRAP_DONE;
}

static GENERAL_REGS int dune_appel2(struct dune_trap *trap, uintptr_t address)
{
	uint32_t page = number(address);

	if (page >= PAGES)
		return DUNE_TRAP_PASS;
	traps++;
	pte_set(ptes[page], DUNE_PTE_W);
	return DUNE_TRAP_DONE;
}

static void protect_all(void)
{
	int n;

	for (n = 0; n < PAGES; n++)
		pte_clear(ptes[n], DUNE_PTE_W);
	dune_tlb_flush();
}

static void guest_setup(dune_fault_fn fn)
{
	int n;

	set_up();
	for (n = 0; n < PAGES; n++)
		ptes[n] = guest_pte((uintptr_t)memory + n * PAGE);
	dune_tlb_flush();
	dune_on_page_fault(fn, DUNE_GENERAL_REGS);
}

static void dune_setup1(int rounds)
{
	guest_setup(dune_appel1);
	protect_all();
	last = order[PAGES - 1];
	pte_set(ptes[last], DUNE_PTE_W);
}

static void dune_setup2(int rounds)
{
	guest_setup(dune_appel2);
}

/* ---- Dune: dune_pt_protect() -------------------------------------------------------------- */

static GENERAL_REGS void library_protect(uint32_t page, int pages, int prot)
{
	dune_pt_protect(dune_root_current(), (uintptr_t)memory + page * PAGE, pages * PAGE, prot);
}

static GENERAL_REGS int library_appel1(struct dune_trap *trap, uintptr_t address)
{
	uint32_t page = number(address);

	if (page >= PAGES)
		return DUNE_TRAP_PASS;
	traps++;
	library_protect(page, 1, DUNE_PROT_READ | DUNE_PROT_WRITE);
	library_protect(last, 1, DUNE_PROT_READ);
	dune_tlb_flush_page((uintptr_t)memory + last * PAGE);
	last = page;
	return DUNE_TRAP_DONE;
}

static GENERAL_REGS int library_appel2(struct dune_trap *trap, uintptr_t address)
{
	uint32_t page = number(address);

	if (page >= PAGES)
		return DUNE_TRAP_PASS;
	traps++;
	library_protect(page, 1, DUNE_PROT_READ | DUNE_PROT_WRITE);
	return DUNE_TRAP_DONE;
}

static void library_setup1(int rounds)
{
	guest_setup(library_appel1);
	library_protect(0, PAGES, DUNE_PROT_READ);
	last = order[PAGES - 1];
	library_protect(last, 1, DUNE_PROT_READ | DUNE_PROT_WRITE);
	dune_tlb_flush();
}

static void library_setup2(int rounds)
{
	guest_setup(library_appel2);
}

/* ---- The patterns ---------------------------------------------------------------------------- */

static void write_all(void)
{
	int before = traps, n;

	for (n = 0; n < PAGES; n++)
		*(volatile char *)(memory + order[n] * PAGE) = n;
	if (traps - before != PAGES)
		bench_fail("%d traps for %d pages", traps - before, PAGES);
}

static void appel1(int i)
{
	write_all();
}

static void linux_pattern2(int i)
{
	linux_protect(0, PAGES, PROT_READ);
	write_all();
}

static void dune_pattern2(int i)
{
	protect_all();
	write_all();
}

static void library_pattern2(int i)
{
	library_protect(0, PAGES, DUNE_PROT_READ);
	dune_tlb_flush();
	write_all();
}

/* Published for all 100 pages: 701,413 and 94,496; 684,909 and 94,854. */
const struct row row_appel1 = {
	"appel1", "speed-up", "TRAP, PROT1, UNPROT over 100 pages in random order, for each page", 20, PAGES,
	.linux_cycles = 7014, .dune_cycles = 945,
	.sides = {
		{ "linux", 0, linux_setup1, NULL, appel1, "SIGSEGV, mprotect()" },
		{ "dune", SIDE_DUNE, dune_setup1, NULL, appel1, "#PF, the page table's entry" },
		{ "dune-library", SIDE_DUNE, library_setup1, NULL, appel1, "#PF, dune_pt_protect()" },
	},
};

const struct row row_appel2 = {
	"appel2", "speed-up", "PROTN, TRAP, UNPROT over 100 pages in random order, for each page", 20, PAGES,
	.linux_cycles = 6849, .dune_cycles = 949,
	.sides = {
		{ "linux", 0, linux_setup2, NULL, linux_pattern2, "SIGSEGV, mprotect()" },
		{ "dune", SIDE_DUNE, dune_setup2, NULL, dune_pattern2, "#PF, the page table's entry" },
		{ "dune-library", SIDE_DUNE, library_setup2, NULL, library_pattern2, "#PF, dune_pt_protect()" },
	},
};
