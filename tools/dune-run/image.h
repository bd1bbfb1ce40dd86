/* SPDX-License-Identifier: GPL-2.0 */
/* The runtime's image: its ELF segments, relocated for the place that they go to. */
#ifndef DUNE_RUN_IMAGE_H
#define DUNE_RUN_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include "why.h"

#define PAGE		4096UL
#define PAGE_DOWN(x)	((x) & ~(PAGE - 1))
#define PAGE_UP(x)	PAGE_DOWN((x) + PAGE - 1)
#define MAX_SEGMENTS	8

/*
 * Pages [@start, @end) of the image get rights @prot, PROT_*; @file bytes from
 * @data on are not 0.
 */
struct segment {
	size_t start, end;
	size_t data, file;
	int prot;
};

/*
 * @size:	of the whole, in pages
 * @entry:	offset of the first instruction
 * @bytes:	the contents, made by image_load()
 * @segment:	in the order of their addresses
 */
struct image {
	size_t size;
	size_t entry;
	unsigned char *bytes;
	unsigned int segments;
	struct segment segment[MAX_SEGMENTS];
};

/* Read the ELF file that is part of this program. 0 or an errno. */
int image_load(struct image *image, struct why *w);

/* Relocate @bytes for address @base. Once. */
int image_relocate(struct image *image, uint64_t base, struct why *w);

#endif /* DUNE_RUN_IMAGE_H */
