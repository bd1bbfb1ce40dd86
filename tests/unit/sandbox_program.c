// SPDX-License-Identifier: GPL-2.0
/* The look at the program: messages, and files that are made to break whoever reads them. */
#include "tap.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "sandbox/cli/program.h"

static char file[] = "/tmp/sandbox-program-XXXXXX";
static unsigned char image[1 << 20];
static size_t size;
static char message[4096];

static void put(const unsigned char *bytes, size_t length)
{
	int fd = open(file, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length)
		bail("cannot write");
	close(fd);
}

/* The status with which program_need() ends; 0 if it returns; its message. */
static int look(const char *name)
{
	int ends[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(ends))
		bail("no pipe");
	pid = fork();
	if (!pid) {
		dup2(ends[1], 2);
		close(ends[0]);
		program_need(name);
		_exit(0);
	}
	close(ends[1]);
	while (used < sizeof(message) - 1 && (n = read(ends[0], message + used, sizeof(message) - 1 - used)) > 0)
		used += (size_t)n;
	message[used] = 0;
	close(ends[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void refused(const char *text, const char *words)
{
	ok_eq(look(file), 126, "refused: %s", text);
	if (!ok(strstr(message, words) != NULL, "and says why: %s", words))
		diag("  %s", message);
}

static Elf64_Ehdr *header(void)
{
	return (Elf64_Ehdr *)(void *)image;
}

/* The program header of this type in image. */
static Elf64_Phdr *segment(uint32_t type)
{
	Elf64_Phdr *p = (Elf64_Phdr *)(void *)(image + header()->e_phoff);

	while (p->p_type != type)
		p++;
	return p;
}

static void load(void)
{
	int fd = open("/bin/true", O_RDONLY);
	ssize_t n = read(fd, image, sizeof(image));

	if (n <= (ssize_t)sizeof(Elf64_Ehdr) || n == sizeof(image))
		bail("no /bin/true");
	size = (size_t)n;
	close(fd);
}

#define CHANGED(change, text, words) do {	\
	load();					\
	change;					\
	put(image, size);			\
	refused(text, words);			\
} while (0)

static void messages(void)
{
	load();
	put(image, size);
	ok_eq(look(file), 0, "a program");
	ok_eq(look("true"), 0, "one along PATH");
	ok_eq(look("no-such-program-anywhere"), 127, "none");
	ok_eq(look(""), 127, "an empty name");
	ok_eq(look("/tmp"), 126, "a directory");
	CHANGED(header()->e_machine = EM_AARCH64, "for another processor", "another processor");
	CHANGED(header()->e_type = ET_REL, "an object file", "no program");
	CHANGED(header()->e_type = ET_CORE, "a core", "no program");
	CHANGED(memcpy(image + segment(PT_INTERP)->p_offset, "/n", 2), "another loader", "its loader /n");
	put((const unsigned char *)"#!/no/such -x\n", 14);
	refused("a script without its interpreter", "interpreter /no/such");
	put((const unsigned char *)"#!\n", 3);
	refused("a script that names none", "names no interpreter");
	put((const unsigned char *)"hello\n", 6);
	refused("a text", "neither ELF nor");
	put((const unsigned char *)"", 0);
	refused("nothing", "neither ELF nor");
}

/* A script whose interpreter is itself. */
static void endless(void)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "#!%s\n", file);

	put((const unsigned char *)line, (size_t)n);
	refused("a script that is its own interpreter", "names no interpreter");
}

/* Bits that say where things are: any value may be there, and nobody may crash. */
static void damaged(int count)
{
	uint64_t state = 88172645463325252ULL;
	int crashed = 0, taken = 0;

	for (int i = 0; i < count; i++) {
		load();
		for (int n = 0; n < 3; n++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			image[state % (64 + 14 * 56)] = (unsigned char)(state >> 40 & 1 ? 0xff : state >> 48);
		}
		put(image, state & 0xf00000 ? size : (state >> 32) % 1000);
		switch (look(file)) {
		case 0:
			taken++;
			break;
		case 126:
			break;
		default:
			crashed++;
			diag("%s", message);
		}
	}
	ok_eq(crashed, 0, "%d damaged programs, and each is refused or taken", count);
	ok(taken > 0 && taken < count, "%d of them were taken", taken);
}

int main(void)
{
	int fd = mkstemp(file);

	if (fd < 0 || fchmod(fd, 0755))
		bail("no file");
	close(fd);
	messages();
	endless();
	damaged(800);
	unlink(file);
	return tap_done();
}
