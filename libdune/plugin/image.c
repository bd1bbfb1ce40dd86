// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The first two programs of a compartment, the stub and ld.so, as execve() would start them.
 * Both are files that are trusted to be what they are; what they do is not.
 */
#define _GNU_SOURCE
#include "plugin.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

extern const unsigned char plugin_stub_image[], plugin_stub_end[];

struct image {
	const unsigned char *bytes;
	size_t len;
	uint64_t base, entry, headers, count;
	const char *interpreter;
};

static const Elf64_Phdr *headers_of(const struct image *image)
{
	const Elf64_Ehdr *h = (const void *)image->bytes;

	if (image->len < sizeof(*h) || memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_type != ET_DYN ||
	    h->e_machine != EM_X86_64 || h->e_phentsize != sizeof(Elf64_Phdr) ||
	    h->e_phoff > image->len || h->e_phnum > (image->len - h->e_phoff) / sizeof(Elf64_Phdr))
		return NULL;
	return (const void *)(image->bytes + h->e_phoff);
}

static int rights(const Elf64_Phdr *segment)
{
	return (segment->p_flags & PF_R ? PROT_READ : 0) | (segment->p_flags & PF_W ? PROT_WRITE : 0) |
	       (segment->p_flags & PF_X ? PROT_EXEC : 0);
}

static long load_segment(struct dune_plugin *p, const struct image *image, const Elf64_Phdr *segment)
{
	uint64_t at = image->base + segment->p_vaddr, start = at & ~(PAGE - 1);
	uint64_t len = (at + segment->p_memsz + PAGE - 1 - start) & ~(PAGE - 1);
	long ret;

	if (segment->p_offset > image->len || segment->p_filesz > image->len - segment->p_offset ||
	    segment->p_memsz > SPACE_SIZE || segment->p_filesz > segment->p_memsz)
		return -ENOEXEC;
	ret = plugin_map(p, start, len, PROT_READ | PROT_WRITE, -1, 0);
	if (ret < 0)
		return ret;
	ret = plugin_copy_in(p, at, image->bytes + segment->p_offset, segment->p_filesz);
	return ret < 0 ? ret : plugin_protect(p, start, len, rights(segment));
}

static int load(struct dune_plugin *p, struct image *image, uint64_t base)
{
	const Elf64_Ehdr *h = (const void *)image->bytes;
	const Elf64_Phdr *segment = headers_of(image);
	unsigned int i;
	long ret = 0;

	if (!segment)
		return -ENOEXEC;
	image->base = base;
	image->entry = base + h->e_entry;
	image->count = h->e_phnum;
	for (i = 0; i < h->e_phnum && ret >= 0; i++, segment++) {
		if (segment->p_type == PT_LOAD)
			ret = load_segment(p, image, segment);
		if (segment->p_type == PT_PHDR)
			image->headers = base + segment->p_vaddr;
		if (segment->p_type == PT_INTERP && segment->p_offset < image->len)
			image->interpreter = (const char *)image->bytes + segment->p_offset;
	}
	return ret < 0 ? ret : 0;
}

static int load_file(struct dune_plugin *p, struct image *image, const char *path, uint64_t base)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		close(fd);
		return -EIO;
	}
	image->len = st.st_size;
	image->bytes = mmap(NULL, image->len, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (image->bytes == MAP_FAILED)
		return -errno;
	ret = load(p, image, base);
	munmap((void *)image->bytes, image->len);
	return ret;
}

/* ---- The stack that ld.so finds ---------------------------------------------------------------- */

static int build_stack(struct dune_plugin *p, const struct image *stub, uint64_t ldso, uint64_t *rsp)
{
	static const char strings[] = "plugin\0LD_BIND_NOW=1\0x86_64";
	uint64_t top = p->base + SPACE_SIZE, text = top - 128, random = top - 32, sp, noise[2];
	uint64_t words[] = {
		1, text, 0,					/* argc, argv */
		text + sizeof("plugin"), 0,			/* environment */
		AT_PHDR, stub->headers, AT_PHENT, sizeof(Elf64_Phdr), AT_PHNUM, stub->count,
		AT_BASE, ldso, AT_ENTRY, stub->entry, AT_FLAGS, 0,
		AT_PAGESZ, PAGE, AT_CLKTCK, 100, AT_SECURE, 0,
		AT_UID, 0, AT_EUID, 0, AT_GID, 0, AT_EGID, 0,
		AT_HWCAP, getauxval(AT_HWCAP), AT_HWCAP2, getauxval(AT_HWCAP2),
		AT_PLATFORM, text + sizeof("plugin") + sizeof("LD_BIND_NOW=1"),
		AT_EXECFN, text, AT_RANDOM, random, AT_NULL, 0,
	};
	long ret = plugin_map(p, top - p->policy.stack, p->policy.stack, PROT_READ | PROT_WRITE, -1, 0);

	if (ret < 0)
		return ret;
	if (getrandom(noise, sizeof(noise), 0) != sizeof(noise))
		return -EIO;
	sp = (text - sizeof(words)) & ~15UL;
	ret = plugin_copy_in(p, text, strings, sizeof(strings));
	if (!ret)
		ret = plugin_copy_in(p, random, noise, sizeof(noise));
	if (!ret)
		ret = plugin_copy_in(p, sp, words, sizeof(words));
	*rsp = sp;
	return ret;
}

int plugin_image_load(struct dune_plugin *p, uint64_t *rip, uint64_t *rsp)
{
	struct image stub = { .bytes = plugin_stub_image, .len = plugin_stub_end - plugin_stub_image };
	struct image ldso = { 0 };
	int err = load(p, &stub, p->base + STUB_AT);

	if (err)
		return err;
	if (!stub.interpreter)
		return -ENOEXEC;
	err = load_file(p, &ldso, stub.interpreter, p->base + LDSO_AT);
	if (err)
		return err;
	*rip = ldso.entry;
	return build_stack(p, &stub, ldso.base, rsp);
}
