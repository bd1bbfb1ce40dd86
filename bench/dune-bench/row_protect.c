// SPDX-License-Identifier: GPL-2.0
/* Ways to take the right to write from pages, to hear of writes, and to find what was written. */
#define _GNU_SOURCE
#include "bench.h"
#include "guest.h"
#include "trap.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *page;
static dune_pte_t *pte;

static void one_page(void)
{
	page = bench_memory(PAGE, PAGE);
	page[0] = 1;
}

static void write_page(int i)
{
	*(volatile char *)page = i;
}

/* ---- mprotect() and SIGSEGV ----------------------------------------------------------- */

static void set_prot(int prot)
{
	if (mprotect(page, PAGE, prot))
		bench_fail("mprotect: %s", strerror(errno));
}

static void on_sigsegv(int sig, siginfo_t *info, void *context)
{
	set_prot(PROT_READ | PROT_WRITE);
}

static void linux_setup(int rounds)
{
	one_page();
	trap_catch(SIGSEGV, on_sigsegv);
}

static void linux_protect(int i)
{
	set_prot(PROT_READ);
}

static void linux_unprotect(int i)
{
	set_prot(PROT_READ | PROT_WRITE);
}

static void linux_both(int i)
{
	set_prot(PROT_READ);
	set_prot(PROT_READ | PROT_WRITE);
	write_page(i);
}

/* ---- userfaultfd ------------------------------------------------------------------------ */

static int uffd;

static void uffd_protect(uint64_t mode)
{
	struct uffdio_writeprotect wp = { .range = { (uintptr_t)page, PAGE }, .mode = mode };

	if (ioctl(uffd, UFFDIO_WRITEPROTECT, &wp))
		bench_fail("UFFDIO_WRITEPROTECT: %s", strerror(errno));
}

static void *uffd_thread(void *arg)
{
	struct uffd_msg msg;

	while (read(uffd, &msg, sizeof(msg)) == sizeof(msg))
		uffd_protect(0);
	bench_fail("userfaultfd: %s", strerror(errno));
}

static void uffd_setup(int rounds)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };
	pthread_t t;

	one_page();
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		bench_skip("userfaultfd with write-protection: %s", strerror(errno));
	reg.range = (struct uffdio_range){ (uintptr_t)page, PAGE };
	if (ioctl(uffd, UFFDIO_REGISTER, &reg))
		bench_skip("UFFDIO_REGISTER: %s", strerror(errno));
	if (pthread_create(&t, NULL, uffd_thread, NULL))
		bench_fail("pthread_create");
}

static void uffd_take(int i)
{
	uffd_protect(UFFDIO_WRITEPROTECT_MODE_WP);
}

static void uffd_give(int i)
{
	uffd_protect(0);
}

/* ---- Soft-dirty ---------------------------------------------------------------------------- */

#define SOFT_DIRTY (1ULL << 55)		/* in an entry of pagemap */

static int clear_refs, pagemap;

static void soft_clear(int i)
{
	if (pwrite(clear_refs, "4", 1, 0) != 1)
		bench_fail("clear_refs: %s", strerror(errno));
}

static void soft_files(void)
{
	clear_refs = open("/proc/self/clear_refs", O_WRONLY);
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	if (clear_refs < 0 || pagemap < 0)
		bench_skip("/proc/self/clear_refs, pagemap: %s", strerror(errno));
}

static bool is_soft_dirty(const void *at)
{
	uint64_t entry;

	if (pread(pagemap, &entry, sizeof(entry), (uintptr_t)at / PAGE * sizeof(entry)) != sizeof(entry))
		bench_fail("pagemap: %s", strerror(errno));
	return entry & SOFT_DIRTY;
}

/* A kernel without takes the order, and does nothing. */
static void soft_check(char *at)
{
	soft_clear(0);
	*(volatile char *)at = 1;
	if (!is_soft_dirty(at))
		bench_skip("this kernel has no soft-dirty bits (CONFIG_MEM_SOFT_DIRTY)");
}

static void soft_setup(int rounds)
{
	one_page();
	soft_files();
	soft_check(page);
}

/* ---- Dune ------------------------------------------------------------------------------------ */

static GENERAL_REGS int on_fault(struct dune_trap *trap, uintptr_t address)
{
	if (address - (uintptr_t)page >= PAGE)
		return DUNE_TRAP_PASS;
	pte_set(pte, DUNE_PTE_W);
	return DUNE_TRAP_DONE;
}

static void dune_setup(int rounds)
{
	one_page();
	pte = guest_pte((uintptr_t)page);
	dune_tlb_flush();
	dune_on_page_fault(on_fault, DUNE_GENERAL_REGS);
}

static void dune_protect(int i)
{
	pte_clear(pte, DUNE_PTE_W);
	dune_tlb_flush_page((uintptr_t)page);
}

static void dune_unprotect(int i)
{
	pte_set(pte, DUNE_PTE_W);
}

static void dune_both(int i)
{
	dune_protect(i);
	dune_unprotect(i);
	write_page(i);
}

static void library_protect(int i)
{
	dune_pt_protect(dune_root_current(), (uintptr_t)page, PAGE, DUNE_PROT_READ);
	dune_tlb_flush_page((uintptr_t)page);
}

/* For all threads, as mprotect() does it. */
static void library_protect_all(int i)
{
	dune_pt_protect(dune_root_current(), (uintptr_t)page, PAGE, DUNE_PROT_READ);
	dune_tlb_flush_all();
}

static void library_unprotect(int i)
{
	dune_pt_protect(dune_root_current(), (uintptr_t)page, PAGE, DUNE_PROT_READ | DUNE_PROT_WRITE);
}

const struct row row_protect_fault = {
	"protect-fault", "alternatives", "write to a page that may not be written; a handler gives the right back",
	.samples = 100,
	.sides = {
		{ "linux", 0, linux_setup, linux_protect, write_page, "mprotect() and SIGSEGV" },
		{ "uffd", 0, uffd_setup, uffd_take, write_page, "userfaultfd, a thread that answers" },
		{ "soft-dirty", 0, soft_setup, soft_clear, write_page, "no handler: the kernel notes the write" },
		{ "dune", SIDE_DUNE, dune_setup, dune_protect, write_page, "#PF, the page table's entry" },
	},
};

const struct row row_protect = {
	"protect", "alternatives", "taking the right to write from one page", .samples = 100,
	.sides = {
		{ "linux", 0, linux_setup, linux_unprotect, linux_protect, "mprotect()" },
		{ "uffd", 0, uffd_setup, uffd_give, uffd_take, "UFFDIO_WRITEPROTECT" },
		{ "dune", SIDE_DUNE, dune_setup, dune_unprotect, dune_protect, "the entry and INVLPG: this thread" },
		{ "dune-library", SIDE_DUNE, dune_setup, library_unprotect, library_protect,
		  "dune_pt_protect() and INVLPG: this thread" },
		{ "dune-all", SIDE_DUNE, dune_setup, library_unprotect, library_protect_all,
		  "dune_pt_protect() and a flush of all threads" },
	},
};

const struct row row_ptemod = {
	"ptemod", "nano", "taking and giving the right to write, and a write",
	.sides = {
		{ "linux", 0, linux_setup, NULL, linux_both, "mprotect() twice" },
		{ "dune", SIDE_DUNE, dune_setup, NULL, dune_both, "the entry twice, INVLPG" },
	},
};

/* ---- Which of 512 pages were written? ----------------------------------------------------------- */

#define PAGES	512
#define WRITTEN	16		/* of them */

static char *memory;
static dune_pte_t *first;
static volatile int found;

static void all_pages(void)
{
	int n;

	memory = bench_memory(PAGES * PAGE, MIB2);
	for (n = 0; n < PAGES; n++)
		memory[n * PAGE] = 1;
}

static void write_some(void)
{
	int n;

	for (n = 0; n < WRITTEN; n++)
		((volatile char *)memory)[n * (PAGES / WRITTEN) * PAGE] = n;
}

static void check_found(void)
{
	if (found != WRITTEN)
		bench_fail("found %d of %d pages that were written", found, WRITTEN);
}

static void soft_all(int rounds)
{
	all_pages();
	soft_files();
	soft_check(memory);
}

static void soft_round(int i)
{
	static uint64_t map[PAGES];
	int n;

	soft_clear(i);
	write_some();
	found = 0;
	if (pread(pagemap, map, sizeof(map), (uintptr_t)memory / PAGE * sizeof(map[0])) != sizeof(map))
		bench_fail("pagemap: %s", strerror(errno));
	for (n = 0; n < PAGES; n++)
		found += !!(map[n] & SOFT_DIRTY);
	check_found();
}

static uint8_t noted[PAGES];

static void on_segv_note(int sig, siginfo_t *info, void *context)
{
	size_t n = ((uintptr_t)info->si_addr - (uintptr_t)memory) / PAGE;

	noted[n] = 1;
	mprotect(memory + n * PAGE, PAGE, PROT_READ | PROT_WRITE);
}

static void segv_all(int rounds)
{
	all_pages();
	trap_catch(SIGSEGV, on_segv_note);
}

static void segv_round(int i)
{
	int n;

	memset(noted, 0, sizeof(noted));
	mprotect(memory, PAGES * PAGE, PROT_READ);
	write_some();
	found = 0;
	for (n = 0; n < PAGES; n++)
		found += noted[n];
	check_found();
}

static void dune_all(int rounds)
{
	all_pages();
	first = guest_pte((uintptr_t)memory);
	dune_tlb_flush();
}

static void dune_round(int i)
{
	int n;

	for (n = 0; n < PAGES; n++)
		pte_clear(first + n, DUNE_PTE_D);
	dune_tlb_flush();
	write_some();
	found = 0;
	for (n = 0; n < PAGES; n++)
		found += !!(__atomic_load_n(first + n, __ATOMIC_RELAXED) & DUNE_PTE_D);
	check_found();
}

const struct row row_dirty = {
	"dirty", "alternatives", "forget what was written in 512 pages, write to 16, find them", 30,
	.sides = {
		{ "linux", 0, segv_all, NULL, segv_round, "mprotect() and SIGSEGV" },
		{ "soft-dirty", 0, soft_all, NULL, soft_round, "clear_refs, pagemap" },
		{ "dune", SIDE_DUNE, dune_all, NULL, dune_round, "the dirty bits of the page table" },
	},
};
