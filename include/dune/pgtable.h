/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Page tables of Dune mode: 4-level tables that the process itself owns.
 *
 * A *root* is one PML4 and all below it. The default root, in which a thread
 * enters Dune mode, maps every GiB the process uses with one page of 1 GiB (or
 * 512 of 2 MiB), GVA = HVA, all rights: what Linux forbids, EPT forbids. Change
 * it where you take charge of a range; tables are split down to the size needed.
 *
 * Addresses and lengths are in bytes and must be multiples of 4096 where the
 * text does not say otherwise; ranges lie below 2^47, and one of length 0 is empty. All
 * functions may be called in ordinary mode and in ring 0 of Dune mode, from any
 * thread, after dune_init(). Those that change or split take a lock: do not call them
 * from a handler that may have interrupted one of them; dune_pt_lookup() with level
 * 0, dune_pt_walk(), address translation and the page pool take none. They
 * return 0 or -errno: -EINVAL for an address, length or flag that cannot be,
 * -ENOMEM when the page pool is empty, -ENOSPC when no guest-physical frame is left,
 * -ENOENT for what is not mapped. A function that fails part-way leaves what it
 * had done.
 *
 * The CPU caches translations: after lessening rights, moving, splitting or
 * clearing A or D, flush with dune_tlb_flush_page() or dune_tlb_flush() in each
 * thread that uses the root, or with dune_tlb_flush_all() for all threads at once.
 * Tables that went out of use wait for such a flush of all threads, which the
 * library makes by itself when there are many; so dune_page_in_use() may count them
 * for a while.
 */
#ifndef DUNE_PGTABLE_H
#define DUNE_PGTABLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t dune_pte_t;

/* Bits of an entry (Intel SDM vol. 3, 4.5). */
#define DUNE_PTE_P	(1ULL << 0)	/* present */
#define DUNE_PTE_W	(1ULL << 1)	/* writable */
#define DUNE_PTE_U	(1ULL << 2)	/* ring 3 may use it */
#define DUNE_PTE_A	(1ULL << 5)	/* accessed: set by the CPU */
#define DUNE_PTE_D	(1ULL << 6)	/* dirty: set by the CPU */
#define DUNE_PTE_PS	(1ULL << 7)	/* a page of 2 MiB or 1 GiB, not a table */
#define DUNE_PTE_G	(1ULL << 8)	/* global */
#define DUNE_PTE_SOFT	(7ULL << 9)	/* the program's own; kept by protect and split */
#define DUNE_PTE_XD	(1ULL << 63)	/* not executable */
#define DUNE_PTE_ADDR	0x000ffffffffff000ULL

/*
 * The guest-physical address in an entry that maps a page. Where DUNE_PROT_NONE
 * made the page not present its address is kept inverted, so that no CPU reads
 * ahead through it.
 */
static inline uint64_t dune_pte_gpa(dune_pte_t pte)
{
	return (pte >> 51 & 1 ? ~pte : pte) & DUNE_PTE_ADDR;
}

/* Rights for map and protect. Readable is implied by any of them; 0 makes a page not present. */
#define DUNE_PROT_NONE	0
#define DUNE_PROT_READ	1
#define DUNE_PROT_WRITE	2
#define DUNE_PROT_EXEC	4
#define DUNE_PROT_USER	8		/* usable by ring 3 too */

/* Levels, named by what one entry maps. */
enum dune_level {
	DUNE_LEVEL_4K = 1,
	DUNE_LEVEL_2M = 2,
	DUNE_LEVEL_1G = 3,
	DUNE_LEVEL_512G = 4,
};

struct dune_root;

/*
 * The root every thread enters with. GiBs that the process comes to use are filled
 * in when they are first touched, or named in a call below. Fills in a table that
 * roots share are there for all of them.
 */
struct dune_root *dune_root_default(void);

/**
 * dune_root_new() - an empty root
 * @root: where to put it
 *
 * Nothing is mapped and nothing is filled in by itself: a thread that switches
 * to it without mapping its own code and stack dies of a triple fault.
 */
int dune_root_new(struct dune_root **root);

/**
 * dune_root_clone() - a root that maps what another one maps
 * @from: the root to copy
 * @root: where to put it
 *
 * The tables, with A and D in them, are shared until one of the two changes them;
 * costs one page. A clone of the default root, or of such a clone, goes on being
 * filled in with the GiBs that the process starts to use.
 */
int dune_root_clone(struct dune_root *from, struct dune_root **root);

/**
 * dune_root_free() - give a root and the tables only it uses back
 * @root: a root that no thread has loaded; not the default one (-EBUSY)
 */
int dune_root_free(struct dune_root *root);

/**
 * dune_root_switch() - load a root into this thread's CR3
 * @root: it must map the running code and stack
 *
 * Ring 0 of Dune mode only. Flushes this thread's TLB.
 */
void dune_root_switch(struct dune_root *root);

/* The root this thread has loaded (ring 0 of Dune mode), or enters with. */
struct dune_root *dune_root_current(void);

/**
 * dune_pt_map() - map process memory
 * @root: in which root
 * @va:   guest-virtual address
 * @len:  bytes
 * @hva:  the process's own address of the memory; need not be mapped in Linux yet
 * @prot: DUNE_PROT_*
 *
 * Replaces what was mapped there. Uses the largest pages that the alignment of @va
 * and @hva allows. A, D and soft bits start clear.
 */
int dune_pt_map(struct dune_root *root, uintptr_t va, size_t len, uintptr_t hva, int prot);

/*
 * Make a range not present; frees tables that become empty. Holes are not errors.
 * In the default root and its clones the range stays so until it is mapped: it is
 * not filled in again.
 */
int dune_pt_unmap(struct dune_root *root, uintptr_t va, size_t len);

/**
 * dune_pt_protect() - change the rights of mapped pages
 *
 * Splits large pages at the borders of the range only. DUNE_PROT_NONE keeps
 * address and soft bits, so that a later protect brings the page back. A, D, soft and
 * all other bits are kept. -ENOENT if a page in the range was never mapped.
 */
int dune_pt_protect(struct dune_root *root, uintptr_t va, size_t len, int prot);

/**
 * dune_pt_lookup() - find the entry that maps an address
 * @root:  in which root
 * @va:    any address, no alignment
 * @level: in: the largest page wanted, to 1G (a larger one is split); 0 takes it as it is;
 *	   out: the level of the entry. May be NULL, then 0.
 * @pte:   where to put the entry's address; the CPU sets A and D in it at any time:
 *	   change it with atomic operations.
 *
 * The entry found belongs to this root alone (shared tables are copied) when a
 * level was asked for; with 0 treat it as read-only. It may be one that DUNE_PROT_NONE
 * made not present: test for DUNE_PTE_P. -ENOENT if nothing was ever mapped.
 */
int dune_pt_lookup(struct dune_root *root, uintptr_t va, enum dune_level *level, dune_pte_t **pte);

/*
 * Split so that @va is mapped by an entry of at most @level, 4K to 1G, that belongs
 * to this root alone.
 */
int dune_pt_split(struct dune_root *root, uintptr_t va, enum dune_level level);

/* Called for each entry that maps something; return non-zero to end the walk with that value. */
typedef int (*dune_pt_walk_fn)(dune_pte_t *pte, uintptr_t va, enum dune_level level, void *arg);

/**
 * dune_pt_walk() - visit all entries that map part of a range, in order
 *
 * Those that DUNE_PROT_NONE made not present too. The address passed is where the
 * entry's page starts, for the first one perhaps below @va. @fn may change the
 * tables by the functions here; it must return (no longjmp).
 *
 * Tables may be shared with other roots: clear A or D bits only, unless the range
 * was split or changed by this root before.
 */
int dune_pt_walk(struct dune_root *root, uintptr_t va, size_t len, dune_pt_walk_fn fn, void *arg);

/**
 * dune_va_to_gpa() - the guest-physical address of process memory
 * @hva: any user address, no alignment
 * @gpa: where to put it
 *
 * One load where the GiB has its frame; assigns one where not. -ENOSPC, -EINVAL.
 */
int dune_va_to_gpa(uintptr_t hva, uint64_t *gpa);

/* The other way round: for reading tables. -ENOENT for a frame nobody was given. */
int dune_gpa_to_va(uint64_t gpa, uintptr_t *hva);

/*
 * The page pool, from which tables come: pages of 4096 bytes, zeroed, with a
 * count of users. Grows on demand up to 1 GiB.
 */
void *dune_page_alloc(void);		/* NULL when empty; one user */
void dune_page_get(void *page);		/* one more; traps (#UD) on what is no page in use */
void dune_page_put(void *page);		/* one less; the last user frees it */
size_t dune_page_in_use(void);

/* Flush this thread's TLB: one page (INVLPG), everything. Ring 0 of Dune mode only. */
static inline void dune_tlb_flush_page(uintptr_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void dune_tlb_flush(void)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0\n\tmov %0, %%cr3" : "=r"(cr3) : : "memory");
}

/* Flush the TLBs of all threads of the process that are in Dune mode. Ring 0 of Dune mode only. */
int dune_tlb_flush_all(void);

#ifdef __cplusplus
}
#endif

#endif /* DUNE_PGTABLE_H */
