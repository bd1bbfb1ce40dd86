// SPDX-License-Identifier: GPL-2.0
/*
 * The runtime's image: its ELF segments, relocated for the place that they go to.
 *
 * The file is part of dune-run, so it is trusted; what is checked is what a
 * change of compiler or linker flags may break.
 */
#include "image.h"
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

/* A copy of the part that is written to: relocation comes first. */
static int copy_changed(struct image *image, const Elf64_Phdr *ph, struct why *w)
{
	if (image->bytes)
		return broken(w, "two segments are writable");
	image->bytes = malloc(ph->p_filesz);
	if (!image->bytes)
		return why(w, ENOMEM, "no memory for the runtime");
	memcpy(image->bytes, runtime_file + ph->p_offset, ph->p_filesz);
	image->changed = ph->p_vaddr;
	image->changed_size = ph->p_filesz;
	return 0;
}

/* The ELF header and the relocations are of no use in the program. */
static bool is_for_linkers(const Elf64_Phdr *ph)
{
	return !ph->p_offset && !(ph->p_flags & (PF_W | PF_X));
}

static int add_segment(struct image *image, const Elf64_Phdr *ph, struct why *w)
{
	struct segment *s = &image->segment[image->segments];
	size_t file_size = (size_t)(runtime_file_end - runtime_file);

	if (image->segments == MAX_SEGMENTS)
		return broken(w, "too many segments");
	if (ph->p_offset + ph->p_filesz > file_size || ph->p_filesz > ph->p_memsz)
		return broken(w, "a segment is longer than the file");
	if ((ph->p_flags & PF_W) && (ph->p_flags & PF_X))
		return broken(w, "a segment is both writable and executable");
	if (PAGE_DOWN(ph->p_vaddr) < image->size)
		return broken(w, "two segments share a page");
	image->size = PAGE_UP(ph->p_vaddr + ph->p_memsz);
	if (is_for_linkers(ph))
		return 0;
	*s = (struct segment){
		.start = PAGE_DOWN(ph->p_vaddr),
		.end = image->size,
		.data = ph->p_vaddr,
		.file = ph->p_filesz,
		.from = runtime_file + ph->p_offset,
		.prot = protection(ph->p_flags),
	};
	image->segments++;
	if (ph->p_flags & PF_W) {
		int err = copy_changed(image, ph, w);

		s->from = image->bytes;
		return err;
	}
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
			s[1].from = s->from + (end - s->data);
			s[0].file = end - s->data;
		} else {
			s[1].file = 0;
		}
		return 0;
	}
	return 0;
}

/* Bytes [@address, @address + @size) of the image as they are in the file; NULL if they are not all there. */
static const void *in_file(size_t address, size_t size)
{
	const Elf64_Phdr *ph;
	unsigned int n;

	ph = headers(&n);
	for (unsigned int i = 0; i < n; i++)
		if (ph[i].p_type == PT_LOAD && address >= ph[i].p_vaddr &&
		    size <= ph[i].p_filesz && address - ph[i].p_vaddr <= ph[i].p_filesz - size)
			return runtime_file + ph[i].p_offset + (address - ph[i].p_vaddr);
	return NULL;
}

static int find_relocations(struct image *image, const Elf64_Phdr *ph, struct why *w)
{
	const Elf64_Dyn *dyn = (const Elf64_Dyn *)(runtime_file + ph->p_offset);
	size_t address = 0;

	for (; dyn->d_tag != DT_NULL; dyn++) {
		switch (dyn->d_tag) {
		case DT_RELA:
			address = dyn->d_un.d_ptr;
			break;
		case DT_RELASZ:
			image->table_size = dyn->d_un.d_val;
			break;
		case DT_REL:
		case DT_RELR:
		case DT_JMPREL:
		case DT_NEEDED:
			return broken(w, "it needs a linker");
		}
	}
	image->table = in_file(address, image->table_size);
	return image->table ? 0 : broken(w, "its relocations are outside");
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
	image->entry = ((const Elf64_Ehdr *)runtime_file)->e_entry;
	for (unsigned int i = 0; i < n && !err; i++)
		if (ph[i].p_type == PT_LOAD)
			err = add_segment(image, &ph[i], w);
	for (unsigned int i = 0; i < n && !err; i++) {
		if (ph[i].p_type == PT_DYNAMIC)
			err = find_relocations(image, &ph[i], w);
		else if (ph[i].p_type == PT_GNU_RELRO)
			err = split_relro(image, &ph[i], w);
	}
	if (!err && !image->segments)
		return broken(w, "there is nothing in it");
	return err;
}

/* ---- relocation ------------------------------------------------------------- */

static int apply(struct image *image, const Elf64_Rela *rela, uint64_t base, struct why *w)
{
	uint64_t value = base + (uint64_t)rela->r_addend;
	size_t at = rela->r_offset - image->changed;

	if (ELF64_R_TYPE(rela->r_info) == R_X86_64_NONE)
		return 0;
	if (ELF64_R_TYPE(rela->r_info) != R_X86_64_RELATIVE)
		return broken(w, "it has a relocation that needs a linker");
	if (at >= image->changed_size || image->changed_size - at < sizeof(value))
		return broken(w, "a relocation is outside");
	memcpy(image->bytes + at, &value, sizeof(value));
	return 0;
}

int image_relocate(struct image *image, uint64_t base, struct why *w)
{
	size_t count = image->table_size / sizeof(*image->table);
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = apply(image, &image->table[i], base, w);
	return err;
}
