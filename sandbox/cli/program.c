// SPDX-License-Identifier: GPL-2.0
/*
 * A look at the program before it is executed. execve() has the last word, but its ENOENT does not
 * say that it is the loader which no bind brought along.
 */
#include "program.h"
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "say.h"

#define SCRIPT_HEAD	256	/* what the kernel looks at */
#define MAX_SCRIPTS	5	/* interpreters of interpreters that it goes through */

/* ---- finding it ------------------------------------------------------------------------- */

static int executable(const char *path)
{
	struct stat st;

	if (access(path, X_OK) || stat(path, &st))
		return errno;
	return S_ISREG(st.st_mode) ? 0 : EACCES;
}

static char *along_path(const char *name, int *err)
{
	const char *dirs = getenv("PATH") ?: "/usr/bin:/bin";
	char path[PATH_MAX];

	*err = ENOENT;
	for (;; dirs++) {
		int length = (int)strcspn(dirs, ":"), n, e;

		n = snprintf(path, sizeof(path), "%.*s%s%s", length, dirs, length ? "/" : "", name);
		if (n < (int)sizeof(path)) {
			e = executable(path);
			if (!e)
				return need_memory(strdup(path));
			if (e == EACCES)
				*err = e;
		}
		dirs += length;
		if (!*dirs)
			return NULL;
	}
}

static char *find(const char *name)
{
	char *path;
	int err;

	if (strchr(name, '/')) {
		err = executable(name);
		path = err ? NULL : need_memory(strdup(name));
	} else {
		path = *name ? along_path(name, &err) : NULL;
	}
	if (path)
		return path;
	if (!*name || err == ENOENT || err == ENOTDIR)
		fail(EXIT_NOT_FOUND, "%s: there is no such program in the sandbox (--ro-bind shows it one; "
		     "--sys shows it /usr)", name);
	fail(EXIT_CANNOT_EXECUTE, "%s: %s", name, err == EACCES ? "is no executable file" : strerror(err));
}

/* ---- looking at it ------------------------------------------------------------------------ */

static void need_interpreter(const char *path, const char *interpreter, const char *what)
{
	int err = executable(interpreter);

	if (!err)
		return;
	if (err == ENOENT || err == ENOTDIR)
		fail(EXIT_CANNOT_EXECUTE, "%s: its %s %s is not in the sandbox (--ro-bind %s, or --sys)",
		     path, what, interpreter, interpreter);
	fail(EXIT_CANNOT_EXECUTE, "%s: its %s %s: %s", path, what, interpreter, strerror(err));
}

static const char *loader(Elf *elf, char *name, size_t size)
{
	size_t count, length;
	GElf_Phdr ph;
	char *file = elf_rawfile(elf, &length);

	if (!file || elf_getphdrnum(elf, &count))
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_INTERP)
			continue;
		if (ph.p_offset >= length || ph.p_filesz > length - ph.p_offset ||
		    !ph.p_filesz || ph.p_filesz > size || file[ph.p_offset + ph.p_filesz - 1])
			return NULL;
		return memcpy(name, file + ph.p_offset, ph.p_filesz);
	}
	return NULL;
}

static void check_elf(const char *path, Elf *elf)
{
	char name[PATH_MAX];
	const char *interpreter;
	GElf_Ehdr header;

	if (!gelf_getehdr(elf, &header))
		fail(EXIT_CANNOT_EXECUTE, "%s: is damaged: %s", path, elf_errmsg(-1));
	/* x32 is of class 32 as well */
	if (gelf_getclass(elf) == ELFCLASS32 &&
	    (header.e_machine == EM_386 || header.e_machine == EM_X86_64))
		fail(EXIT_CANNOT_EXECUTE, "%s: is a 32-bit program; in the sandbox only 64-bit ones run", path);
	if (header.e_machine != EM_X86_64)
		fail(EXIT_CANNOT_EXECUTE, "%s: is a program for another processor", path);
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		fail(EXIT_CANNOT_EXECUTE, "%s: is no program, but a part or a remainder of one", path);
	interpreter = loader(elf, name, sizeof(name));
	if (interpreter)
		need_interpreter(path, interpreter, "loader");
}

/* The first line's interpreter, in line; false if it is no script. */
static bool script(int fd, char line[SCRIPT_HEAD + 1], char **interpreter)
{
	ssize_t n = pread(fd, line, SCRIPT_HEAD, 0);

	if (n < 2 || memcmp(line, "#!", 2))
		return false;
	line[n] = 0;
	*interpreter = line + 2 + strspn(line + 2, " \t");
	(*interpreter)[strcspn(*interpreter, " \t\n")] = 0;
	return true;
}

static void check(const char *path, int depth)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char line[SCRIPT_HEAD + 1], *interpreter;
	Elf *elf;

	if (fd < 0)
		fail(EXIT_CANNOT_EXECUTE, "%s: may be executed but not read, so the monitor may not be put "
		     "into it: %m", path);
	if (script(fd, line, &interpreter)) {
		close(fd);
		if (!*interpreter || depth == MAX_SCRIPTS)
			fail(EXIT_CANNOT_EXECUTE, "%s: its first line names no interpreter that runs", path);
		need_interpreter(path, interpreter, "interpreter");
		check(interpreter, depth + 1);
		return;
	}
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF)
		fail(EXIT_CANNOT_EXECUTE, "%s: is no program: neither ELF nor a script with #!", path);
	check_elf(path, elf);
	elf_end(elf);
	close(fd);
}

char *program_need(const char *name)
{
	char *path = find(name);

	check(path, 0);
	return path;
}
