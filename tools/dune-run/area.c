// SPDX-License-Identifier: GPL-2.0
/*
 * The area of memory in the program that holds the runtime.
 *
 *	base						      base + length
 *	| ---, one page | rw-, the stack	  | r-x | r-- | rw- |
 *	|		|     RSP, RDI --> | start |		    |
 *	|		|		| the image		    |
 *
 * The image begins with what the program does not need: headers and relocations. The stack is in its place.
 * So there are as few mappings as can be, since each is copied by every fork.
 *
 * Each part is mapped with the rights that it will have - nothing is writable
 * now and executable later, which a process may have forbidden itself - and
 * filled from here, by /proc/PID/mem, which rights do not hinder. Where there is none to write to, as in a
 * sandbox, that is done word by word, with a call for each; and so only where the other way is forbidden.
 */
#include "area.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "image.h"
#include "own.h"

#define GUARD_SIZE	PAGE
#define STACK_SIZE	(64 * 1024UL)

_Static_assert(sizeof(struct dune_rt_start) % 16 == 0, "RSP is aligned");

static long map(struct remote *r, uint64_t address, size_t length, int prot, int flags)
{
	return remote_call(r, SYS_mmap, address, length, (uint64_t)prot,
			   (uint64_t)(MAP_PRIVATE | MAP_ANONYMOUS | flags), -1ULL, 0);
}

static int cannot_map(struct why *w, long err)
{
	return why(w, (int)-err, "cannot map the runtime into the program: %s",
		   strerror((int)-err));
}

#define OWN_SIZE	(2UL << 30)

#define GIB		(1UL << 30)
#define OWN_TRIES	512

/* What is ring 0's alone begins and ends at a multiple of a GiB; near where Linux maps things. */
static int reserve_own(struct remote *r, struct dune_rt_start *start, struct why *w)
{
	long page = map(r, 0, PAGE, PROT_NONE, MAP_NORESERVE), at, got = -ENOMEM;

	if (page < 0)
		return cannot_map(w, page);
	remote_call(r, SYS_munmap, (uint64_t)page, PAGE, 0, 0, 0, 0);
	at = (page & ~(long)(GIB - 1)) - (long)OWN_SIZE;
	for (int i = 0; i < OWN_TRIES && at > (long)GIB; i++, at -= (long)GIB) {
		got = map(r, (uint64_t)at, OWN_SIZE, PROT_NONE, MAP_NORESERVE | MAP_FIXED_NOREPLACE);
		if (got == at)
			break;
		if (got != -EEXIST)
			return cannot_map(w, got < 0 ? got : -ENOSYS);
	}
	if (got < 0)
		return cannot_map(w, got);
	start->own_start = (uint64_t)at;
	start->own_end = start->own_start + OWN_SIZE;
	start->base = start->own_start + DUNE_OWN_GUARD;
	return 0;
}

/* Where Linux likes; no rights, so that a guard is left below the stack. */
static int reserve(struct remote *r, struct dune_rt_start *start, struct why *w)
{
	long base = map(r, 0, start->length, PROT_NONE, MAP_NORESERVE);

	if (base < 0)
		return cannot_map(w, base);
	start->base = (uint64_t)base;
	return 0;
}

/* The first part behind @i that has other rights: each call costs two stops, so neighbours of a kind are one. */
static unsigned int end_of_kind(const struct image *image, unsigned int i)
{
	unsigned int next = i + 1;

	while (next < image->segments && image->segment[next].prot == image->segment[i].prot)
		next++;
	return next;
}

static uint64_t stack_end(const struct dune_rt_start *start)
{
	return start->base + GUARD_SIZE + STACK_SIZE;
}

/* The address of what is at 0 in @image. */
static uint64_t image_base(const struct dune_rt_start *start, const struct image *image)
{
	return stack_end(start) - image->segment[0].start;
}

/* With all their rights, or @writable. */
static int map_parts(struct remote *r, const struct dune_rt_start *start, const struct image *image, bool writable,
		     struct why *w)
{
	uint64_t base = image_base(start, image);
	long ret;

	for (unsigned int i = 0, next; i < image->segments; i = next) {
		const struct segment *s = &image->segment[i];

		next = end_of_kind(image, i);
		ret = map(r, base + s->start, image->segment[next - 1].end - s->start,
			  writable ? PROT_READ | PROT_WRITE : s->prot, MAP_FIXED);
		if (ret < 0)
			return cannot_map(w, ret);
	}
	ret = map(r, stack_end(start) - STACK_SIZE, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_FIXED);
	return ret < 0 ? cannot_map(w, ret) : 0;
}

/* The rights that they will have. False if the process may not. */
static bool protect_parts(struct remote *r, const struct dune_rt_start *start, const struct image *image)
{
	long ret = 0;

	for (unsigned int i = 0, next; i < image->segments && !ret; i = next) {
		const struct segment *s = &image->segment[i];

		next = end_of_kind(image, i);
		if (!(s->prot & PROT_WRITE))
			ret = remote_call(r, SYS_mprotect, image_base(start, image) + s->start,
					  image->segment[next - 1].end - s->start, (uint64_t)s->prot, 0, 0, 0);
	}
	return !ret;
}

static int fill(struct remote *r, const struct dune_rt_start *start, const struct image *image)
{
	int err = 0;

	for (unsigned int i = 0; i < image->segments && !err; i++) {
		const struct segment *s = &image->segment[i];

		err = remote_write(r, image_base(start, image) + s->data, s->from, s->file);
	}
	return err;
}

/* The log stayed open through execve() that brought the program; it will not the next. */
static int keep_log(struct remote *r, int fd)
{
	if (fd < 0)
		return 0;
	return -(int)remote_call(r, SYS_fcntl, (uint64_t)fd, F_SETFD, FD_CLOEXEC, 0, 0, 0);
}

static int enter(struct remote *r, const struct dune_rt_start *start, uint64_t entry)
{
	uint64_t at = stack_end(start) - sizeof(*start);
	struct user_regs_struct regs = r->regs;

	/* execve() left 0 in all others. */
	regs.rip = entry;
	regs.rsp = regs.rdi = at;
	regs.rax = 0;
	regs.orig_rax = -1ULL;
	return remote_write(r, at, start, sizeof(*start)) ?: remote_release(r, &regs);
}

static int place(struct remote *r, struct dune_rt_start *start, struct image *image,
		 struct why *w)
{
	uint64_t base = image_base(start, image);
	int err = image_relocate(image, base, w);
	bool filled = false;

	if (!err && !r->writable) {
		err = map_parts(r, start, image, true, w);
		filled = !err && !fill(r, start, image) && protect_parts(r, start, image);
	}
	if (!err && !filled)
		err = map_parts(r, start, image, false, w);
	if (err)
		return err;
	err = (filled ? 0 : fill(r, start, image)) ?: keep_log(r, start->log_fd) ?:
	      enter(r, start, base + image->entry);
	return err ? why(w, err, "cannot put the runtime into the program: %s", strerror(err)) : 0;
}

int area_start(struct remote *r, struct dune_rt_start *start, struct why *w)
{
	struct image image;
	int err = image_load(&image, w);

	if (err)
		return err;
	if (image.segment[0].start > STACK_SIZE)
		return why(w, EINVAL, "the runtime in this dune-run is broken: its headers are longer than its stack");
	start->rip = r->regs.rip;
	start->rsp = r->regs.rsp;
	start->length = GUARD_SIZE + STACK_SIZE + image.size - image.segment[0].start;
	err = start->flags & DUNE_RT_CONFINED ? reserve_own(r, start, w) : reserve(r, start, w);
	if (err)
		return err;
	err = place(r, start, &image, w);
	if (err && err != ESRCH)
		remote_call(r, SYS_munmap, start->base, start->length, 0, 0, 0, 0);
	return err;
}
