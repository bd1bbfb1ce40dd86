/* SPDX-License-Identifier: GPL-2.0 */
/* The runtime's image: its ELF segments, relocated for the place that they go to. */
#ifndef DUNE_RUN_IMAGE_H
#define DUNE_RUN_IMAGE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include "why.h"

#define PAGE		4096UL
#define PAGE_DOWN(x)	((x) & ~(PAGE - 1))
#define PAGE_UP(x)	PAGE_DOWN((x) + PAGE - 1)
#define MAX_SEGMENTS	8

/*
 * Pages [@start, @end) of the image get rights @prot, PROT_*; @file bytes from
 * @data on are those at @from, the others are 0.
 */
struct segment {
	size_t start, end;
	size_t data, file;
	const unsigned char *from;
	int prot;
};

/*
 * @size:	of the whole, in pages
 * @entry:	offset of the first instruction
 * @table:	the relocations
 * @table_size:	their length in bytes
 * @changed:	the part that they change: where it is in the image, how long it is, and a copy of it
 * @changed_size: see @changed
 * @bytes:	see @changed
 * @segment:	in the order of their addresses. What only the relocation reads is in none
 */
struct image {
	size_t size;
	size_t entry;
	const Elf64_Rela *table;
	size_t table_size;
	size_t changed, changed_size;
	unsigned char *bytes;
	unsigned int segments;
	struct segment segment[MAX_SEGMENTS];
};

/* Read the ELF file that is part of this program. 0 or an errno. */
int image_load(struct image *image, struct why *w);

/* Relocate it for address @base. Once. */
int image_relocate(struct image *image, uint64_t base, struct why *w);

#endif /* DUNE_RUN_IMAGE_H */
