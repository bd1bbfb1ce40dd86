// SPDX-License-Identifier: GPL-2.0
/*
 * Files that execve() refuses, and those that it finds out about too late: the errno, or the signal, is
 * the kernel's, whoever asks.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "child.h"

extern char **environ;

static const char *const self = "/proc/self/exe";

static char dir[] = "/tmp/notexec-XXXXXX";

static char *make_file(const char *name, const void *text, size_t len, mode_t mode)
{
	static char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		bail("%s: %s", path, strerror(errno));
	fchmod(fd, mode);
	close(fd);
	return path;
}

static void fails(const char *path, char *const argv[], int err, const char *what)
{
	int got = execve(path, argv, environ);

	ok(got == -1 && errno == err, "execve() of %s: %s", what, strerror(err));
}

/* ---- Files that are nearly programs --------------------------------------- */

/* The beginning of this program, in a file, with something changed in it. */
static unsigned char head[4096];

static void read_self(void)
{
	int fd = open(self, O_RDONLY | O_CLOEXEC);

	need(fd >= 0 && read(fd, head, sizeof(head)) == sizeof(head));
	close(fd);
}

static const char *elf_with(size_t at, unsigned char value)
{
	static unsigned char copy[sizeof(head)];

	memcpy(copy, head, sizeof(copy));
	copy[at] = value;
	return make_file("damaged", copy, sizeof(copy), 0755);
}

static const char *elf_that_names(const char *loader, size_t len)
{
	struct { Elf64_Ehdr elf; Elf64_Phdr ph; char loader[64]; } file = { 0 };

	memcpy(&file.elf, head, sizeof(file.elf));
	file.elf.e_phoff = sizeof(file.elf);
	file.elf.e_phnum = 1;
	file.ph = (Elf64_Phdr){
		.p_type = PT_INTERP, .p_offset = offsetof(typeof(file), loader), .p_filesz = len,
	};
	memcpy(file.loader, loader, strlen(loader));
	return make_file("loader", &file, sizeof(file), 0755);
}

/* @n scripts, each the interpreter of the next; the first one's is @last. */
static const char *chain(int n, const char *last)
{
	char text[200], name[16];
	const char *path = last;

	while (n--) {
		snprintf(text, sizeof(text), "#!%s\n", path);
		snprintf(name, sizeof(name), "chain%d", n);
		path = make_file(name, text, strlen(text), 0755);
	}
	return path;
}

static void test_nearly(void)
{
	char *args[] = { "x", NULL };
	char fifo[128], text[300];

	read_self();
	fails(elf_with(1, 0x65), args, ENOEXEC, "an ELF file with a wrong letter");
	fails(elf_with(offsetof(Elf64_Ehdr, e_type), ET_REL), args, ENOEXEC, "one that is not linked");
	fails(elf_with(offsetof(Elf64_Ehdr, e_machine), EM_AARCH64), args, ENOEXEC, "one for another processor");
	fails(elf_with(offsetof(Elf64_Ehdr, e_phentsize), 57), args, ENOEXEC, "with program headers of a wrong size");
	fails(elf_with(offsetof(Elf64_Ehdr, e_phnum), 0), args, ENOEXEC, "with none");
	fails(make_file("short", head, 40, 0755), args, ENOEXEC, "one that ends in its header");
	fails(elf_that_names("/no/such/loader", 16), args, ENOENT, "one whose loader is not there");
	fails(elf_that_names("/no/such/loader", 15), args, ENOEXEC, "whose loader's name has no end");
	fails(elf_that_names("", 1), args, ENOEXEC, "whose loader has no name");
	fails(elf_that_names("/proc/self/status", 18), args, EACCES, "whose loader may not be executed");
	fails(elf_that_names(make_file("noexec", "data", 4, 0755), 64), args, EIO, "whose loader is no program");
	fails(elf_that_names(make_file("text", head + 64, 1000, 0755), 64), args, ELIBBAD, "nor one that is longer");
	fails(make_file("text", "exit 3\n", 7, 0755), args, ENOEXEC, "a script without #!");
	fails(make_file("empty", "", 0, 0755), args, ENOEXEC, "an empty file");
	fails(make_file("nameless", "#!  \n", 5, 0755), args, ENOEXEC, "a script of no interpreter");
	memset(text, 'x', sizeof(text));
	memcpy(text, "#!/", 3);
	fails(make_file("long", text, sizeof(text), 0755), args, ENOEXEC, "one whose name is too long");
	fails(chain(1, make_file("plain", "data", 4, 0644)), args, EACCES, "whose interpreter may not be executed");
	fails(chain(2, make_file("noexec", "data", 4, 0755)), args, ENOEXEC, "whose interpreter's interpreter is no program");
	fails(chain(3, "/no/such/shell"), args, ENOENT, "whose interpreter's interpreter's is not there");
	fails(chain(6, self), args, ELOOP, "scripts of scripts, too many");
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	need(!mkfifo(fifo, 0755));
	fails(fifo, args, EACCES, "a FIFO");
	unlink(fifo);
}

/* What is too much for any program. */
static void test_large(void)
{
	size_t size = 200 << 10;
	char *args[] = { "x", malloc(size), NULL };

	memset(args[1], 'x', size);
	args[1][size - 1] = 0;
	fails(self, args, E2BIG, "this program with too long an argument");
	free(args[1]);
}

/* What the kernel finds out when there is no way back: it is killed. */
static int exec_of(const char *path)
{
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		execl(path, "x", (char *)NULL);
		_exit(98);
	}
	return status_of(pid);
}

static void test_too_late(void)
{
	struct { Elf64_Ehdr elf; Elf64_Phdr ph; } file = { 0 };
	int st;

	memcpy(&file.elf, head, sizeof(file.elf));
	file.elf.e_type = ET_EXEC;
	file.elf.e_phoff = sizeof(file.elf);
	file.elf.e_phnum = 1;
	file.ph = (Elf64_Phdr){ .p_type = PT_LOAD, .p_vaddr = 1UL << 62, .p_filesz = 4096, .p_memsz = 4096 };
	st = exec_of(make_file("toolate", &file, sizeof(file), 0755));
	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV, "a program that cannot be mapped: SIGSEGV");
}

/* As somebody who may not read it. */
static void unreadable(void)
{
	int fd = open(self, O_RDONLY | O_CLOEXEC), to;
	char path[128], buffer[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/unreadable", dir);
	to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0711);
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		need(write(to, buffer, (size_t)n) == n);
	close(to);
	need(!chmod(dir, 0755) && !chmod(path, 0711) && !setresuid(65534, 65534, 65534));
	execl(path, "notexec", "executed", (char *)NULL);
	_exit(98);
}

static void test_unreadable(void)
{
	pid_t pid = fork();
	char path[128];
	int st;

	if (geteuid()) {
		skip(1, "needs to be root");
		return;
	}
	if (!pid)
		unreadable();
	st = status_of(pid);
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 33, "a program that may be executed and not read");
	snprintf(path, sizeof(path), "%s/unreadable", dir);
	unlink(path);
}

int main(int argc, char **argv)
{
	static const char *const files[] = {
		"plain", "noexec", "damaged", "short", "loader", "text", "empty", "nameless", "long", "toolate",
		"chain0", "chain1", "chain2", "chain3", "chain4", "chain5",
	};
	char path[128];

	if (argc > 1)
		return 33;
	if (!mkdtemp(dir))
		bail("mkdtemp: %s", strerror(errno));
	test_nearly();
	test_large();
	test_too_late();
	test_unreadable();
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
	return tap_done();
}
