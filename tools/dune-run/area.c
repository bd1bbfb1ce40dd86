// SPDX-License-Identifier: GPL-2.0
/*
 * The area of memory in the program that holds the runtime.
 *
 *	base		 base + image.size				  base + length
 *	| r-- | r-x | rw- | ---, one page | rw-, the stack		  |
 *	|   the image	  |		  |	   RSP, RDI --> | start   |
 *
 * Each part is mapped with the rights that it will have - nothing is writable
 * now and executable later, which a process may have forbidden itself - and
 * filled from here, which rights do not hinder.
 */
#include "area.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "image.h"
#include "own.h"

#define GUARD_SIZE	PAGE
#define STACK_SIZE	(64 * 1024UL)
#define NAME		"dune"		/* in /proc/PID/maps: [anon:dune] */

#ifndef PR_SET_VMA
#define PR_SET_VMA		0x53564d41
#define PR_SET_VMA_ANON_NAME	0
#endif

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

/* Where Linux likes; no rights, so that a guard is left between image and stack. */
static int reserve(struct remote *r, struct dune_rt_start *start, struct why *w)
{
	long base = map(r, 0, start->length, PROT_NONE, MAP_NORESERVE);

	if (base < 0)
		return cannot_map(w, base);
	start->base = (uint64_t)base;
	return 0;
}

static int map_parts(struct remote *r, const struct dune_rt_start *start,
		     const struct image *image, struct why *w)
{
	uint64_t end = start->base + start->length;
	long ret;

	for (unsigned int i = 0; i < image->segments; i++) {
		const struct segment *s = &image->segment[i];

		ret = map(r, start->base + s->start, s->end - s->start, s->prot, MAP_FIXED);
		if (ret < 0)
			return cannot_map(w, ret);
	}
	ret = map(r, end - STACK_SIZE, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_FIXED);
	return ret < 0 ? cannot_map(w, ret) : 0;
}

static int fill(struct remote *r, const struct dune_rt_start *start, const struct image *image)
{
	int err = 0;

	for (unsigned int i = 0; i < image->segments && !err; i++) {
		const struct segment *s = &image->segment[i];

		err = remote_write(r, start->base + s->data, image->bytes + s->data, s->file);
	}
	return err;
}

/* Not every kernel can do this; nothing depends on it. @scratch is memory of the program's. */
static void name(struct remote *r, const struct dune_rt_start *start, uint64_t scratch)
{
	if (!remote_write(r, scratch, NAME, sizeof(NAME)))
		remote_call(r, SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, start->base,
			    start->length, scratch, 0);
}

/* The log stayed open through execve() that brought the program; it will not the next. */
static int keep_log(struct remote *r, int fd)
{
	if (fd < 0)
		return 0;
	return -(int)remote_call(r, SYS_fcntl, (uint64_t)fd, F_SETFD, FD_CLOEXEC, 0, 0, 0);
}

static int enter(struct remote *r, const struct dune_rt_start *start, size_t entry, uint64_t at)
{
	struct user_regs_struct regs = r->regs;

	/* execve() left 0 in all others. */
	regs.rip = start->base + entry;
	regs.rsp = regs.rdi = at;
	regs.rax = 0;
	regs.orig_rax = -1ULL;
	return remote_write(r, at, start, sizeof(*start)) ?: remote_release(r, &regs);
}

static int place(struct remote *r, struct dune_rt_start *start, struct image *image,
		 struct why *w)
{
	uint64_t at = start->base + start->length - sizeof(*start);
	int err = image_relocate(image, start->base, w) ?: map_parts(r, start, image, w);

	if (err)
		return err;
	name(r, start, at);
	err = fill(r, start, image) ?: keep_log(r, start->log_fd) ?:
	      enter(r, start, image->entry, at);
	return err ? why(w, err, "cannot put the runtime into the program: %s", strerror(err)) : 0;
}

int area_start(struct remote *r, struct dune_rt_start *start, struct why *w)
{
	struct image image;
	int err = image_load(&image, w);

	if (err)
		return err;
	start->rip = r->regs.rip;
	start->rsp = r->regs.rsp;
	start->length = image.size + GUARD_SIZE + STACK_SIZE;
	err = start->flags & DUNE_RT_CONFINED ? reserve_own(r, start, w) : reserve(r, start, w);
	if (err)
		return err;
	err = place(r, start, &image, w);
	if (err && err != ESRCH)
		remote_call(r, SYS_munmap, start->base, start->length, 0, 0, 0, 0);
	return err;
}
