// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the kernel's loaders look at before there is no way back (fs/binfmt_elf.c,
 * fs/binfmt_script.c):
 *
 *	script --> its interpreter, maybe a script --> ELF --> the loader it names
 *
 * A file that looks odd in any way is not one for us: the kernel says what is wrong with it,
 * or knows more than we do.
 */
#include "program.h"
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <sys/stat.h>
#include "../raw.h"

#ifndef AT_EACCESS
#define AT_EACCESS	0x200
#endif
#define SYS_FACCESSAT2	439

#define HEAD_SIZE	256	/* of a file, that the kernel reads */
#define MAX_SCRIPTS	5	/* interpreters of interpreters */
#define MAX_HEADERS	65536	/* bytes of program headers */

/* Only what may be executed, and is a regular file: others may block, or do things when opened. */
static long open_program(const char *path)
{
	struct stat st;
	long fd;

	if (raw_syscall4(SYS_FACCESSAT2, AT_FDCWD, (long)path, 1 /* X_OK */, AT_EACCESS) ||
	    raw_syscall4(SYS_stat, (long)path, (long)&st, 0, 0) || !S_ISREG(st.st_mode))
		return -1;
	fd = raw_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return raw_failed(fd) ? -1 : fd;
}

static bool read_at(int fd, void *to, size_t length, uint64_t offset)
{
	return raw_syscall4(SYS_pread64, fd, (long)to, (long)length, (long)offset) == (long)length;
}

/* ---- ELF ---------------------------------------------------------------------- */

static bool is_good_header(const Elf64_Ehdr *e)
{
	return e->e_ident[0] == 0x7f && e->e_ident[1] == 'E' && e->e_ident[2] == 'L' && e->e_ident[3] == 'F' &&
	       e->e_ident[EI_CLASS] == ELFCLASS64 && e->e_ident[EI_DATA] == ELFDATA2LSB &&
	       (e->e_type == ET_EXEC || e->e_type == ET_DYN) && e->e_machine == EM_X86_64 &&
	       e->e_phentsize == sizeof(Elf64_Phdr) && e->e_phnum && e->e_phnum * sizeof(Elf64_Phdr) <= MAX_HEADERS;
}

/* The first header that names a loader, if there is one. False if the headers are not all there. */
static bool find_loader(int fd, const Elf64_Ehdr *e, Elf64_Phdr *loader)
{
	Elf64_Phdr ph;
	unsigned int i;

	loader->p_type = PT_NULL;
	for (i = 0; i < e->e_phnum; i++) {
		if (!read_at(fd, &ph, sizeof(ph), e->e_phoff + i * sizeof(ph)))
			return false;
		if (ph.p_type == PT_INTERP && loader->p_type != PT_INTERP)
			*loader = ph;
	}
	return true;
}

static bool is_loader(const char *path)
{
	Elf64_Phdr unused;
	Elf64_Ehdr e;
	long fd = open_program(path);
	bool good;

	if (fd < 0)
		return false;
	good = read_at(fd, &e, sizeof(e), 0) && is_good_header(&e) && find_loader(fd, &e, &unused);
	raw_close(fd);
	return good;
}

static bool is_good_elf(int fd)
{
	Elf64_Phdr loader;
	Elf64_Ehdr e;
	char path[PATH_MAX];

	if (!read_at(fd, &e, sizeof(e), 0) || !is_good_header(&e) || !find_loader(fd, &e, &loader))
		return false;
	if (loader.p_type != PT_INTERP)
		return true;
	if (loader.p_filesz < 2 || loader.p_filesz > sizeof(path) ||
	    !read_at(fd, path, loader.p_filesz, loader.p_offset) || path[loader.p_filesz - 1])
		return false;
	return is_loader(path);
}

/* ---- Scripts ------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The interpreter that a first line names, or NULL. @length bytes of @line are there, and one more. */
static char *interpreter(char *line, long length)
{
	char *name = line + 2, *end;

	line[length] = 0;
	while (is_blank(*name))
		name++;
	for (end = name; *end && *end != '\n' && !is_blank(*end); end++)
		;
	/* cut off, or not text: the kernel knows */
	if (end == name || !*end)
		return NULL;
	*end = 0;
	return name;
}

bool dune_rt_is_program(const char *path)
{
	char lines[2][HEAD_SIZE + 1], *line;
	unsigned int depth;
	long fd, length;
	bool good;

	for (depth = 0; depth <= MAX_SCRIPTS; depth++) {
		fd = open_program(path);
		if (fd < 0)
			return false;
		/* @path may be in the other one */
		line = lines[depth & 1];
		length = raw_syscall4(SYS_pread64, fd, (long)line, HEAD_SIZE, 0);
		if (length < 2 || line[0] != '#' || line[1] != '!') {
			good = length > 0 && is_good_elf(fd);
			raw_close(fd);
			return good;
		}
		raw_close(fd);
		path = interpreter(line, length);
		if (!path)
			return false;
	}
	return false;
}
