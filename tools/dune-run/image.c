// SPDX-License-Identifier: GPL-2.0
/*
 * The runtime's image: its ELF segments, relocated for the place that they go to.
 *
 * The file is part of dune-run, so it is trusted; what is checked is what a
 * change of compiler or linker flags may break.
 */
#include "image.h"
#include <elf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

extern const unsigned char runtime_file[], runtime_file_end[];

static int broken(struct why *w, const char *what)
{
	return why(w, EINVAL, "the runtime in this dune-run is broken: %s", what);
}

static int protection(uint32_t flags)
{
	return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
	       (flags & PF_X ? PROT_EXEC : 0);
}

static int add_segment(struct image *image, const Elf64_Phdr *ph, struct why *w)
{
	struct segment *s = &image->segment[image->segments];
	size_t file_size = (size_t)(runtime_file_end - runtime_file);

	if (image->segments++ == MAX_SEGMENTS)
		return broken(w, "too many segments");
	if (ph->p_offset + ph->p_filesz > file_size || ph->p_filesz > ph->p_memsz)
		return broken(w, "a segment is longer than the file");
	if ((ph->p_flags & PF_W) && (ph->p_flags & PF_X))
		return broken(w, "a segment is both writable and executable");
	*s = (struct segment){
		.start = PAGE_DOWN(ph->p_vaddr),
		.end = PAGE_UP(ph->p_vaddr + ph->p_memsz),
		.data = ph->p_vaddr,
		.file = ph->p_filesz,
		.prot = protection(ph->p_flags),
	};
	if (s->start < image->size)
		return broken(w, "two segments share a page");
	image->size = s->end;
	return 0;
}

static const Elf64_Phdr *headers(unsigned int *count)
{
	const Elf64_Ehdr *elf = (const Elf64_Ehdr *)runtime_file;

	*count = elf->e_phnum;
	return (const Elf64_Phdr *)(runtime_file + elf->e_phoff);
}

static int check_file(struct why *w)
{
	const Elf64_Ehdr *elf = (const Elf64_Ehdr *)runtime_file;
	size_t size = (size_t)(runtime_file_end - runtime_file);

	if (size < sizeof(*elf) || memcmp(elf->e_ident, ELFMAG, SELFMAG) ||
	    elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_machine != EM_X86_64 ||
	    elf->e_type != ET_DYN)
		return broken(w, "it is no position-independent x86-64 ELF file");
	if (elf->e_phoff + elf->e_phnum * sizeof(Elf64_Phdr) > size)
		return broken(w, "it is cut off");
	return 0;
}

/* What only relocation writes to is read-only afterwards: cut it off the segment's start. */
static int split_relro(struct image *image, const Elf64_Phdr *ph, struct why *w)
{
	size_t end = PAGE_DOWN(ph->p_vaddr + ph->p_memsz);

	for (unsigned int i = 0; i < image->segments; i++) {
		struct segment *s = &image->segment[i];

		if (s->start != PAGE_DOWN(ph->p_vaddr) || end <= s->start)
			continue;
		if (end >= s->end) {
			s->prot &= ~PROT_WRITE;
			return 0;
		}
		if (image->segments == MAX_SEGMENTS)
			return broken(w, "too many segments");
		memmove(s + 1, s, (image->segments++ - i) * sizeof(*s));
		s[0].end = s[1].start = end;
		s[0].prot &= ~PROT_WRITE;
		if (s->data + s->file > end) {
			s[1].data = end;
			s[1].file = s->data + s->file - end;
			s[0].file = end - s->data;
		} else {
			s[1].file = 0;
		}
		return 0;
	}
	return 0;
}

int image_load(struct image *image, struct why *w)
{
	const Elf64_Phdr *ph;
	unsigned int n;
	int err;

	*image = (struct image){ 0 };
	err = check_file(w);
	if (err)
		return err;
	ph = headers(&n);
	for (unsigned int i = 0; i < n && !err; i++)
		if (ph[i].p_type == PT_LOAD)
			err = add_segment(image, &ph[i], w);
	if (err)
		return err;
	image->entry = ((const Elf64_Ehdr *)runtime_file)->e_entry;
	image->bytes = calloc(1, image->size);
	if (!image->bytes)
		return why(w, ENOMEM, "no memory for the runtime");
	for (unsigned int i = 0; i < n && !err; i++) {
		if (ph[i].p_type == PT_LOAD)
			memcpy(image->bytes + ph[i].p_vaddr, runtime_file + ph[i].p_offset,
			       ph[i].p_filesz);
		else if (ph[i].p_type == PT_GNU_RELRO)
			err = split_relro(image, &ph[i], w);
	}
	return err;
}

/* ---- relocation ------------------------------------------------------------- */

static int apply(struct image *image, const Elf64_Rela *rela, uint64_t base, struct why *w)
{
	uint64_t value = base + (uint64_t)rela->r_addend;

	if (ELF64_R_TYPE(rela->r_info) == R_X86_64_NONE)
		return 0;
	if (ELF64_R_TYPE(rela->r_info) != R_X86_64_RELATIVE)
		return broken(w, "it has a relocation that needs a linker");
	if (rela->r_offset > image->size - sizeof(value))
		return broken(w, "a relocation is outside");
	memcpy(image->bytes + rela->r_offset, &value, sizeof(value));
	return 0;
}

static int apply_table(struct image *image, size_t table, size_t size, uint64_t base,
		       struct why *w)
{
	int err = 0;

	if (table > image->size || size > image->size - table)
		return broken(w, "its relocations are outside");
	for (size_t at = table; at < table + size && !err; at += sizeof(Elf64_Rela)) {
		Elf64_Rela rela;

		memcpy(&rela, image->bytes + at, sizeof(rela));
		err = apply(image, &rela, base, w);
	}
	return err;
}

int image_relocate(struct image *image, uint64_t base, struct why *w)
{
	size_t rela = 0, rela_size = 0;
	const Elf64_Dyn *dyn = NULL;
	const Elf64_Phdr *ph;
	unsigned int n;

	ph = headers(&n);
	for (unsigned int i = 0; i < n; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const Elf64_Dyn *)(runtime_file + ph[i].p_offset);
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		switch (dyn->d_tag) {
		case DT_RELA:
			rela = dyn->d_un.d_ptr;
			break;
		case DT_RELASZ:
			rela_size = dyn->d_un.d_val;
			break;
		case DT_REL:
		case DT_RELR:
		case DT_JMPREL:
		case DT_NEEDED:
			return broken(w, "it needs a linker");
		}
	}
	return apply_table(image, rela, rela_size, base, w);
}
