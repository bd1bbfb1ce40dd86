// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The compartment: its addresses, and what is mapped there.
 *
 * All of it is reserved with PROT_NONE, so whatever the plugin unmaps is still nobody else's. A
 * range check and page[] decide; the numbers they look at were copied from the plugin's registers.
 */
#include "plugin.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "raw.h"

#define RESERVED	(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define FILE_MAPS_MAX	1024

/* What the plugin does not change. */
#define PG_FIXED	(PG_GRANT | PG_SEALED | PG_LOST)

/* ---- Copies --------------------------------------------------------------------------------- */

/* What is left of @len; not 0 when there was a fault. */
size_t plugin_copy_raw(void *to, const void *from, size_t len);
extern const char plugin_copy_insn[], plugin_copy_end[];

__asm__(".text\n"
	"plugin_copy_raw:\n"
	"	mov	%rdx, %rcx\n"
	"plugin_copy_insn:\n"
	"	rep movsb\n"
	"plugin_copy_end:\n"
	"	mov	%rcx, %rax\n"
	"	ret\n");

bool plugin_copy_fixup(struct dune_trap *trap)
{
	if (trap->rip != (uintptr_t)plugin_copy_insn)
		return false;
	trap->rip = (uintptr_t)plugin_copy_end;
	return true;
}

long plugin_copy_in(struct dune_plugin *p, uint64_t to, const void *from, uint64_t len)
{
	if (!plugin_has(p, to, len, PG_WRITE))
		return -EFAULT;
	return plugin_copy_raw((void *)to, from, len) ? -EFAULT : 0;
}

long plugin_copy_out(struct dune_plugin *p, void *to, uint64_t from, uint64_t len)
{
	if (!plugin_has(p, from, len, PG_READ))
		return -EFAULT;
	return plugin_copy_raw(to, (void *)from, len) ? -EFAULT : 0;
}

/* With its end, within @size bytes; a page at a time, as what follows may not be there. */
long plugin_copy_string(struct dune_plugin *p, char *to, uint64_t from, uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		uint64_t n = PAGE - (from + done) % PAGE;

		if (n > size - done)
			n = size - done;
		if (plugin_copy_out(p, to + done, from + done, n))
			return -EFAULT;
		for (; n; n--)
			if (!to[done++])
				return 0;
	}
	return -ENAMETOOLONG;
}

/* ---- What is mapped ---------------------------------------------------------------------------- */

/* In whole pages inside the compartment? */
static bool is_range(const struct dune_plugin *p, uint64_t address, uint64_t len)
{
	return !((address | len) % PAGE) && len && address >= p->base && len <= SPACE_SIZE &&
	       address - p->base <= SPACE_SIZE - len;
}

bool plugin_has(const struct dune_plugin *p, uint64_t address, uint64_t len, unsigned int flags)
{
	size_t i, end;

	if (address < p->base || len > SPACE_SIZE || address - p->base > SPACE_SIZE - len)
		return false;
	if (!len)
		return true;
	end = plugin_page_of(p, address + len - 1);
	for (i = plugin_page_of(p, address); i <= end; i++)
		if ((p->page[i] & flags) != flags)
			return false;
	return true;
}

/* Does any page of the range have one of @flags? */
static bool has_any(const struct dune_plugin *p, uint64_t address, uint64_t len, unsigned int flags)
{
	size_t i = plugin_page_of(p, address), end = i + len / PAGE;

	for (; i < end; i++)
		if (p->page[i] & flags)
			return true;
	return false;
}

static size_t borders(const struct dune_plugin *p, size_t first, size_t count)
{
	size_t i = first ? first : 1, end = first + count, n = 0;

	for (; i <= end && i < SPACE_PAGES; i++)
		n += p->page[i] != p->page[i - 1];
	return n;
}

void plugin_note(struct dune_plugin *p, size_t first, size_t count, uint8_t flags)
{
	bool counts = flags & PG_MAPPED && !(flags & PG_GRANT);
	size_t i;

	p->borders -= borders(p, first, count);
	for (i = first; i < first + count; i++) {
		p->mapped -= p->page[i] & PG_MAPPED && !(p->page[i] & PG_GRANT);
		p->mapped += counts;
		p->page[i] = flags;
	}
	p->borders += borders(p, first, count);
	if (first < p->changed)
		p->changed = first;
	if (first + count > p->changed_end)
		p->changed_end = first + count;
}

uint64_t plugin_find(struct dune_plugin *p, uint64_t len)
{
	size_t end = SPACE_PAGES - (p->policy.stack + STACK_GAP) / PAGE;
	size_t start = MAPS_AT / PAGE, i, want = len / PAGE, run = 0;

	for (i = start; i < end; i++) {
		/* not where a reset is to put something back */
		run = p->page[i] || p->saved[i] ? 0 : run + 1;
		if (run == want)
			return p->base + (i + 1 - want) * PAGE;
	}
	return 0;
}

static bool has_room(const struct dune_plugin *p, uint64_t address, uint64_t len)
{
	size_t first = plugin_page_of(p, address), i, more = 0;

	for (i = first; i < first + len / PAGE; i++)
		more += !(p->page[i] & PG_MAPPED);
	return p->mapped + more <= p->policy.memory / PAGE && p->borders < BORDERS_MAX;
}

/*
 * Where mmap() fails over something it may have unmapped that already, and the next mapping of the host may
 * be put there. So it is no longer the plugin's, in its root and in page[], for good.
 */
long plugin_lose(struct dune_plugin *p, uint64_t address, uint64_t len, long error)
{
	dune_pt_unmap(p->root, address, len);
	dune_tlb_flush();
	plugin_note(p, plugin_page_of(p, address), len / PAGE, PG_LOST);
	return error;
}

static bool is_w_and_x(int prot)
{
	return prot & PROT_WRITE && prot & PROT_EXEC;
}

long plugin_map(struct dune_plugin *p, uint64_t address, uint64_t len, int prot, int fd, uint64_t offset)
{
	int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0);
	long ret;

	if (!is_range(p, address, len) || prot & ~PG_RIGHTS || offset % PAGE)
		return -EINVAL;
	if (is_w_and_x(prot) || has_any(p, address, len, PG_FIXED))
		return -EACCES;
	if (!has_room(p, address, len) || (fd >= 0 && p->file_maps >= FILE_MAPS_MAX))
		return -ENOMEM;
	ret = sys(SYS_mmap, address, len, prot, flags, fd, offset);
	if (ret < 0)
		return plugin_lose(p, address, len, ret);
	p->file_maps += fd >= 0;
	plugin_note(p, plugin_page_of(p, address), len / PAGE, PG_MAPPED | prot);
	return address;
}

long plugin_unmap(struct dune_plugin *p, uint64_t address, uint64_t len)
{
	long ret;

	if (!is_range(p, address, len))
		return -EINVAL;
	if (has_any(p, address, len, PG_FIXED))
		return -EACCES;
	/* a hole is a border, too */
	if (p->borders >= BORDERS_MAX + 2)
		return -ENOMEM;
	ret = sys(SYS_mmap, address, len, PROT_NONE, RESERVED | MAP_FIXED, -1, 0);
	if (ret < 0)
		return plugin_lose(p, address, len, ret);
	plugin_note(p, plugin_page_of(p, address), len / PAGE, 0);
	return 0;
}

long plugin_protect(struct dune_plugin *p, uint64_t address, uint64_t len, int prot)
{
	size_t first, count, i, start;
	long ret;

	if (!is_range(p, address, len) || prot & ~PG_RIGHTS)
		return -EINVAL;
	if (!plugin_has(p, address, len, PG_MAPPED))
		return -ENOMEM;
	if (is_w_and_x(prot) || has_any(p, address, len, PG_FIXED))
		return -EACCES;
	if (p->borders >= BORDERS_MAX)
		return -ENOMEM;
	ret = sys(SYS_mprotect, address, len, prot, 0, 0, 0);
	if (ret < 0)
		return ret;
	first = plugin_page_of(p, address);
	count = len / PAGE;
	for (start = i = first; i <= first + count; i++)
		if (i == first + count || (p->page[i] & ~PG_RIGHTS) != (p->page[start] & ~PG_RIGHTS)) {
			plugin_note(p, start, i - start, (p->page[start] & ~PG_RIGHTS) | prot);
			start = i;
		}
	return 0;
}

/* ---- The whole of it ------------------------------------------------------------------------------- */

/* A GiB that begins at a multiple of one: it has one guest-physical frame, and one entry maps it. */
static uintptr_t reserve(void)
{
	long map = sys(SYS_mmap, 0, 2 * SPACE_SIZE, PROT_NONE, RESERVED, -1, 0);
	uintptr_t start = map, base;

	if (map < 0)
		return 0;
	base = (start + SPACE_SIZE - 1) & ~(SPACE_SIZE - 1);
	if (base != start)
		sys(SYS_munmap, start, base - start, 0, 0, 0, 0);
	sys(SYS_munmap, base + SPACE_SIZE, start + SPACE_SIZE - base, 0, 0, 0, 0);
	return base;
}

static void *bytes_new(size_t len)
{
	long map = sys(SYS_mmap, 0, len, PROT_READ | PROT_WRITE, RESERVED, -1, 0);

	return map < 0 ? NULL : (void *)map;
}

int plugin_space_new(struct dune_plugin *p)
{
	int err;

	p->base = reserve();
	p->page = bytes_new(SPACE_PAGES);
	p->saved = bytes_new(SPACE_PAGES);
	if (!p->base || !p->page || !p->saved)
		return -ENOMEM;
	err = dune_root_clone(dune_root_default(), &p->root);
	if (!err)
		err = dune_pt_map(p->root, p->base, SPACE_SIZE, p->base,
				  DUNE_PROT_READ | DUNE_PROT_WRITE | DUNE_PROT_EXEC | DUNE_PROT_USER);
	return err;
}

static void bytes_free(void *bytes, size_t len)
{
	if (bytes && len)
		sys(SYS_munmap, (uintptr_t)bytes, len, 0, 0, 0, 0);
}

/* All but what is not known to be the compartment's. */
static void unreserve(struct dune_plugin *p)
{
	size_t i, start = 0;

	for (i = 0; p->base && p->page && i <= SPACE_PAGES; i++)
		if (i == SPACE_PAGES || p->page[i] & PG_LOST) {
			bytes_free((void *)(p->base + start * PAGE), (i - start) * PAGE);
			start = i + 1;
		}
}

void plugin_space_free(struct dune_plugin *p)
{
	if (p->root)
		dune_root_free(p->root);
	unreserve(p);
	bytes_free(p->page, SPACE_PAGES);
	bytes_free(p->saved, SPACE_PAGES);
	bytes_free(p->snapshot, SPACE_SIZE);
	free(p->saved_run);
}
