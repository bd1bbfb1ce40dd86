// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that is writable and executable at once is what the monitor refuses to a program
 * without --allow-jit. A program's file could ask execve() for it: by a segment, or by its stack.
 *
 * The file may be another one when it is executed, if a program of the sandbox can write to it. But who can write
 * a file and execute it has its own code executed anyway, in a new process image: docs/sandbox.md.
 */
#include "wx.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include "descriptor.h"
#include "../policy/policy.h"

#define SCRIPT_HEAD	256	/* as the kernel has it, and how many interpreters of interpreters */
#define MAX_SCRIPTS	5
#define SHELL		"/bin/sh"	/* for a text without "#!" */

static int refuse(const char *path, const char *what, struct why *w)
{
	return why(w, EACCES, "%s: wants %s that is writable and executable (--allow-jit allows it)", path, what);
}

/* The loader that @ph names, in @name; not if it is none. */
static void read_loader(int fd, const Elf64_Phdr *ph, char name[static PATH_MAX])
{
	if (ph->p_filesz && ph->p_filesz < PATH_MAX &&
	    pread(fd, name, ph->p_filesz, (off_t)ph->p_offset) == (ssize_t)ph->p_filesz)
		name[ph->p_filesz] = 0;
}

static int check_segments(int fd, const char *path, const Elf64_Ehdr *elf, char loader[static PATH_MAX], struct why *w)
{
	for (unsigned int i = 0; i < elf->e_phnum; i++) {
		off_t at = (off_t)(elf->e_phoff + i * sizeof(Elf64_Phdr));
		Elf64_Phdr ph;

		if (pread(fd, &ph, sizeof(ph), at) != sizeof(ph))
			return 0;
		if (ph.p_type == PT_GNU_STACK && ph.p_flags & PF_X)
			return refuse(path, "a stack", w);
		if (ph.p_type == PT_LOAD && (ph.p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
			return refuse(path, "a segment", w);
		if (ph.p_type == PT_INTERP)
			read_loader(fd, &ph, loader);
	}
	return 0;
}

/* @next: what execve() looks at after this, "" if nothing. */
static int check_file(const char *path, char next[static PATH_MAX], struct why *w)
{
	int fd = descriptor_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK), err = 0;
	union {
		char text[SCRIPT_HEAD + 1];
		Elf64_Ehdr elf;
	} head = { 0 };
	char *name = head.text + 2;

	*next = 0;
	if (fd < 0 || pread(fd, head.text, SCRIPT_HEAD, 0) < 2) {
		/* left to execve() */
	} else if (!memcmp(head.text, ELFMAG, SELFMAG)) {
		err = check_segments(fd, path, &head.elf, next, w);
	} else if (!memcmp(head.text, "#!", 2)) {
		name += strspn(name, " \t");
		name[strcspn(name, " \t\n")] = 0;
		strcpy(next, name);
	} else {
		strcpy(next, SHELL);
	}
	if (fd >= 0)
		close(fd);
	return err;
}

int wx_check(int policy_fd, const char *path, struct why *w)
{
	char names[2][PATH_MAX];
	struct sandbox_policy p;
	int err = 0;

	if (pread(policy_fd, &p, sizeof(p), 0) != sizeof(p) || p.flags & SANDBOX_ALLOW_JIT)
		return 0;
	/* scripts, a program, its loader */
	for (unsigned int i = 0; *path && !err && i < MAX_SCRIPTS + 3; i++) {
		err = check_file(path, names[i & 1], w);
		path = names[i & 1];
	}
	return err;
}
