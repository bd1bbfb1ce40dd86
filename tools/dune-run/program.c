// SPDX-License-Identifier: GPL-2.0
/* The file that is executed. */
#include "program.h"
#include <elf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "descriptor.h"

/* What the kernel looks at, and how many interpreters of interpreters it goes through. */
#define HEAD_SIZE	256
#define MAX_SCRIPTS	5

struct head {
	unsigned char bytes[HEAD_SIZE + 1];	/* and a 0 */
	size_t length;
};

/* ---- finding it ----------------------------------------------------------- */

/* errno for executing @path; execve() itself has the last word. */
static int executable(const char *path)
{
	struct stat st;

	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS))
		return errno;
	if (stat(path, &st))
		return errno;
	return S_ISREG(st.st_mode) ? 0 : EACCES;
}

/* An element of PATH, a slash, and @name; an empty element is the working directory. */
static bool join(char *path, const char *dir, size_t dir_len, const char *name)
{
	int n = snprintf(path, PATH_MAX, "%.*s%s%s", (int)dir_len, dir, dir_len ? "/" : "", name);

	return dir_len < PATH_MAX && n < PATH_MAX;
}

static bool try_next(int err)
{
	return err == EACCES || err == ENOENT || err == ENOTDIR || err == ENODEV ||
	       err == ESTALE || err == ETIMEDOUT;
}

int program_find(const char *name, char path[static PATH_MAX])
{
	const char *dirs = getenv("PATH") ?: "/bin:/usr/bin";
	bool denied = false;

	if (!*name)
		return ENOENT;
	if (strlen(name) >= PATH_MAX)
		return ENAMETOOLONG;
	if (strchr(name, '/')) {
		strcpy(path, name);
		return 0;
	}
	for (;; dirs++) {
		size_t len = strcspn(dirs, ":");
		int err = ENOENT;

		if (join(path, dirs, len, name)) {
			err = executable(path);
			if (!err || !try_next(err))
				return err;
		}
		denied |= err == EACCES;
		dirs += len;
		if (!*dirs)
			return denied ? EACCES : ENOENT;
	}
}

/* ---- looking at it ---------------------------------------------------------- */

static int read_head(const char *path, struct head *head)
{
	int fd = descriptor_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
	ssize_t n;

	head->length = 0;
	if (fd < 0)
		return errno;
	n = pread(fd, head->bytes, HEAD_SIZE, 0);
	close(fd);
	if (n < 0)
		return errno;
	head->length = (size_t)n;
	head->bytes[n] = 0;
	return 0;
}

static bool is_elf(const struct head *head)
{
	return head->length >= sizeof(Elf64_Ehdr) && !memcmp(head->bytes, ELFMAG, SELFMAG);
}

/* The interpreter that a script's first line names, or NULL. */
static char *interpreter(struct head *head)
{
	char *name = (char *)head->bytes + 2;

	if (head->length < 2 || memcmp(head->bytes, "#!", 2))
		return NULL;
	name += strspn(name, " \t");
	name[strcspn(name, " \t\n")] = 0;
	return *name ? name : NULL;
}

/* May this process trace one that has more rights than itself? */
static bool may_trace_all(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data))
		return false;
	return data[CAP_TO_INDEX(CAP_SYS_PTRACE)].effective & CAP_TO_MASK(CAP_SYS_PTRACE);
}

/* Would execve() give the program rights by the file's mode or capabilities? */
static const char *gains_rights(const char *path, const struct stat *st)
{
	struct statvfs fs;

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) > 0)
		return NULL;
	if (!statvfs(path, &fs) && fs.f_flag & ST_NOSUID)
		return NULL;
	if (st->st_mode & S_ISUID && (st->st_uid != getuid() || st->st_uid != geteuid()))
		return "is set-user-ID";
	if ((st->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    (st->st_gid != getgid() || st->st_gid != getegid()))
		return "is set-group-ID";
	if (getxattr(path, "security.capability", NULL, 0) > 0)
		return "has file capabilities";
	return NULL;
}

static int check_elf(const char *path, const struct head *head, struct why *w)
{
	Elf64_Ehdr elf;

	memcpy(&elf, head->bytes, sizeof(elf));
	/* e_machine is at the same place in both classes; x32 is 32-bit as well */
	if (elf.e_ident[EI_DATA] == ELFDATA2LSB && elf.e_ident[EI_CLASS] == ELFCLASS32 &&
	    (elf.e_machine == EM_386 || elf.e_machine == EM_X86_64))
		return why(w, ENOEXEC, "%s: is a 32-bit program; in Dune mode only 64-bit ones run",
			   path);
	return 0;
}

static int check_rights(const char *path, struct why *w)
{
	const char *what;
	struct stat st;

	if (may_trace_all() || stat(path, &st))
		return 0;
	what = gains_rights(path, &st);
	if (!what)
		return 0;
	return why(w, EPERM, "%s: %s, and would run without those rights, since dune-run starts a "
		   "program by ptrace; be root for this", path, what);
}

int program_check(const char *path, struct why *w)
{
	struct head head = { 0 };
	char script[HEAD_SIZE];
	struct stat st;

	for (int depth = 0; depth <= MAX_SCRIPTS; depth++) {
		const char *next;
		int err;

		if (stat(path, &st) || !S_ISREG(st.st_mode))
			return 0;
		err = read_head(path, &head);
		if (err == EACCES && !executable(path))
			return why(w, err, "%s: may be executed but not read, so no runtime may be "
				   "put into it; be root for this", path);
		if (err)
			return 0;
		next = interpreter(&head);
		if (!next) {
			err = is_elf(&head) ? check_elf(path, &head, w) : 0;
			return err ?: check_rights(path, w);
		}
		path = strcpy(script, next);
	}
	return 0;
}

/* ---- executing it ----------------------------------------------------------- */

int program_execute(const char *path, char **argv)
{
	struct head head;
	size_t argc = 0;
	char **shell;

	execve(path, argv, environ);
	/* A program for another processor is no text for a shell. */
	if (errno != ENOEXEC || read_head(path, &head) || is_elf(&head))
		return errno;
	while (argv[argc])
		argc++;
	shell = calloc(argc + 3, sizeof(*shell));
	if (!shell)
		return ENOMEM;
	shell[0] = "/bin/sh";
	shell[1] = (char *)path;
	if (argc)
		memcpy(shell + 2, argv + 1, argc * sizeof(*argv));
	execve(shell[0], shell, environ);
	free(shell);
	return errno;
}

void program_explain(const char *path, int err, struct why *w)
{
	struct head head;
	struct stat st;
	char *name;

	if (err == ENOEXEC && !read_head(path, &head) && is_elf(&head)) {
		why(w, err, "%s: is a program for another processor, or is damaged", path);
		return;
	}
	if (err != ENOENT || stat(path, &st) || read_head(path, &head)) {
		why(w, err, "%s: %s", path, strerror(err));
		return;
	}
	name = interpreter(&head);
	if (name)
		why(w, err, "%s: its interpreter %s is not there", path, name);
	else
		why(w, err, "%s: the loader that it names is not there", path);
}
