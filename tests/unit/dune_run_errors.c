// SPDX-License-Identifier: GPL-2.0
/*
 * What dune-run cannot do: it says why, with the right status, or runs the program without.
 * Only with the runtime of these tests, which tells what it was told.
 */
#include "dune_run.h"
#include <elf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/xattr.h>

/* It fails with @status and says @text. */
static void fails(void (*setup)(void), char **argv, int status, const char *text)
{
	ok_status(run(setup, argv), EXITED(status), "status %d: %s", status, text);
	ok_output(text, "it says: %s", text);
	ok(!strncmp(output, "dune-run: ", 10) && !strchr(output, '\n')[1], "in one line");
}

/* ---- usage ------------------------------------------------------------------------ */

static void usage(void)
{
	fails(NULL, ARGV(dune_run), 125, "which program?");
	fails(NULL, RUN("--"), 125, "which program?");
	fails(NULL, RUN("--ring", "1", probe), 125, "--ring takes 0 or 3, not '1'");
	fails(NULL, RUN("--ring", "", probe), 125, "--ring takes 0 or 3, not ''");
	fails(NULL, RUN("--ring"), 125, "--ring takes an argument");
	fails(NULL, RUN("--nonsense", probe), 125, "--nonsense is not an option");
	fails(NULL, RUN("-x", probe), 125, "-x is not an option");
	fails(NULL, RUN("--exec", probe), 125, "--exec and --argv0 come together");
	fails(NULL, RUN("--argv0", probe), 125, "--exec and --argv0 come together");
	fails(NULL, RUN("--log-fd", "77", probe), 125, "open descriptor, not '77'");
	fails(NULL, RUN("--log-fd", "1x", probe), 125, "open descriptor, not '1x'");
	fails(NULL, RUN("--stats", "--log", "/nonexistent/x", probe), 125,
	      "/nonexistent/x: No such file");

	ok_status(run(NULL, RUN("--help")), 0, "--help");
	ok_output("usage: dune-run", "shows the usage");
	ok_status(run(NULL, RUN("--version", "x")), 0, "--version");
	ok(!strncmp(output, "dune-run ", 9), "shows a version");
	ok_status(run(NULL, ARGV("/bin/sh", "-c", "$0 --help >/dev/full", dune_run)), EXITED(125),
		  "nowhere to show it");
	ok_status(run(NULL, RUN("--ring=0", "echo", "--help", "--ring", "7")), 0,
		  "what follows the program is its own");
	ok_str(output, "--help --ring 7\n", "all of it");
}

/* ---- finding the program ------------------------------------------------------------ */

static void with_path(const char *value)
{
	if (value)
		setenv("PATH", value, 1);
	else
		unsetenv("PATH");
}

/* Status of dune-run @name, and of env(1), which calls execvp(). */
static void search(const char *value, const char *name)
{
	char *old = strdup(getenv("PATH"));
	int status, expected;

	with_path(value);
	expected = run(NULL, ARGV("/usr/bin/env", (char *)name, "exit", "7"));
	status = run(NULL, RUN((char *)name, "exit", "7"));
	ok_status(status, expected, "PATH=%s: %s, status %d", value ?: "(none)", name,
		  WEXITSTATUS(status));
	with_path(old);
	free(old);
}

static void finding(void)
{
	char first[2 * PATH_MAX], empty[2 * PATH_MAX];

	mkdir(path("a"), 0755);
	mkdir(path("b"), 0755);
	mkdir(path("b/folder"), 0755);
	write_text(path("a/both"), "no program", 0644);
	copy_file(probe_static, path("b/both"), 0755);
	write_text(path("a/plain"), "no program", 0644);
	write_text(path("b/text"), "exit $(($2 + 1))\n", 0755);
	snprintf(first, sizeof(first), "/nonexistent:/etc/passwd:%s:%s:/bin", path("a"), path("b"));
	snprintf(empty, sizeof(empty), "/nonexistent::%s", path("a"));
	search(first, "both");
	search(first, "plain");
	search(first, "folder");
	search(first, "text");
	search(first, "nothing");
	search(first, "true");
	search("", "true");
	search(NULL, "true");
	search(NULL, "nothing");
	search(first, "./both");
	search(first, path("b/both"));
	search(first, path("a/plain"));
	search(first, path("b/folder"));
	search(first, path("nothing"));
	search(first, path("a/plain/x"));
	search(first, "");
	if (chdir(path("b")))
		bail("chdir: %s", strerror(errno));
	search(empty, "both");
	search("", "both");
	search(empty, "folder");
	if (chdir("/"))
		bail("chdir: %s", strerror(errno));

	fails(NULL, RUN("no-such-program"), 127, "no-such-program: there is no such program");
	fails(NULL, RUN(path("nothing")), 127, "nothing: No such file");
	fails(NULL, RUN(path("a/plain")), 126, "plain: Permission denied");
	write_text(path("headless"), "#!/nonexistent/shell\n", 0755);
	fails(NULL, RUN(path("headless")), 127, "its interpreter /nonexistent/shell is not there");
	ok(alone(), "no process is left over");
}

/* ---- programs that Dune mode does not have --------------------------------------------- */

static void write_elf(const char *name, int class, int machine)
{
	Elf64_Ehdr elf = { .e_type = ET_EXEC, .e_version = EV_CURRENT };

	elf.e_machine = (Elf64_Half)machine;
	memcpy(elf.e_ident, ELFMAG, SELFMAG);
	elf.e_ident[EI_CLASS] = (unsigned char)class;
	elf.e_ident[EI_DATA] = ELFDATA2LSB;
	elf.e_ident[EI_VERSION] = EV_CURRENT;
	write_file(name, &elf, sizeof(elf), 0755);
}

static void kinds(void)
{
	char text[2 * PATH_MAX];

	write_elf(path("i386"), ELFCLASS32, EM_386);
	write_elf(path("x32"), ELFCLASS32, EM_X86_64);
	write_elf(path("arm"), ELFCLASS64, EM_AARCH64);
	snprintf(text, sizeof(text), "#!%s\n", path("i386"));
	write_text(path("script"), text, 0755);
	fails(NULL, RUN(path("i386")), 126, "i386: is a 32-bit program");
	fails(NULL, RUN(path("x32")), 126, "x32: is a 32-bit program");
	fails(NULL, RUN(path("script")), 126, "i386: is a 32-bit program");
	fails(NULL, RUN(path("arm")), 126, "arm: is a program for another processor");
	write_elf(path("cut"), ELFCLASS64, EM_X86_64);
	fails(NULL, RUN(path("cut")), 126, "cut: is a program for another processor, or");
}

/* Rights that a traced execve() drops. As root nothing is lost; as somebody else, it would be. */
static void rights(void)
{
	/* struct vfs_cap_data: revision 2, effective; CAP_NET_RAW permitted */
	static const uint32_t caps[] = { 0x02000001, 1 << 13, 0, 0, 0 };

	if (getuid()) {
		skip(19, "not root");
		return;
	}
	copy_file(probe_static, path("setuid"), 04755);
	copy_file(probe_static, path("setgid"), 02755);
	copy_file(probe_static, path("unreadable"), 0711);
	copy_file(probe_static, path("caps"), 0755);
	ok_status(run(NULL, RUN(path("setuid"), "exit", "7")), EXITED(7), "root: set-user-ID");
	ok_status(run(NULL, RUN(path("unreadable"), "exit", "7")), EXITED(7), "root: unreadable");
	fails(as_nobody, RUN(path("setuid"), "exit", "7"), 126, "setuid: is set-user-ID");
	fails(as_nobody, RUN(path("setgid"), "exit", "7"), 126, "setgid: is set-group-ID");
	fails(as_nobody, RUN(path("unreadable"), "exit", "7"), 126,
	      "unreadable: may be executed but not read");
	ok_status(run(as_nobody, RUN("--fallback", path("setuid"), "exit", "7")), EXITED(7),
		  "with --fallback it runs without Dune mode");
	ok_str(output, "", "and nothing is said");
	ok_status(run(as_nobody, RUN("--exec", path("setuid"), "--argv0", "x", "exit", "7")),
		  EXITED(7), "so does what follows by --exec");
	ok_status(run(as_nobody, RUN("--fallback", "--stats", path("setuid"), "exit", "7")),
		  EXITED(7), "with --fallback and --stats");
	ok_output("not in Dune mode: ", "it says that there will be none");
	if (setxattr(path("caps"), "security.capability", caps, sizeof(caps), 0))
		skip(3, "no file capabilities here");
	else
		fails(as_nobody, RUN(path("caps"), "exit", "7"), 126,
		      "caps: has file capabilities");
}

/* ---- where it may not do what it must ---------------------------------------------------- */

/* System call @nr fails with @err if argument @arg, from 0, has all of @bits. */
static void forbid(unsigned int nr, unsigned int arg, unsigned int bits, int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * arg),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bits, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(97);
}

static void no_ptrace(void)
{
	forbid(SYS_ptrace, 0, 0, EPERM);
}

static void no_reserve(void)
{
	forbid(SYS_mmap, 3, MAP_NORESERVE | MAP_ANONYMOUS, ENOMEM);
}

static void no_code(void)
{
	forbid(SYS_mmap, 3, MAP_FIXED | MAP_ANONYMOUS, EACCES);
}

static void no_fork(void)
{
	forbid(SYS_clone, 0, 0, EAGAIN);
}

static void forbidden(void)
{
	static const struct {
		void (*setup)(void);
		const char *says;
	} cases[] = {
		{ no_ptrace, "tracing is forbidden here" },
		{ no_fork, "cannot make a process to trace from" },
		{ no_reserve, "cannot map the runtime into the program: Cannot allocate memory" },
		{ no_code, "cannot map the runtime into the program: Permission denied" },
	};

	ok_status(run(NULL, RUN(probe_static, "guards")), EXITED(1),
		  "the runtime has a guard below its stack");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		fails(cases[i].setup, RUN(probe_static, "exit", "7"), 125, cases[i].says);
		ok_status(run(cases[i].setup, RUN("--fallback", probe_static, "exit", "7")),
			  EXITED(7), "with --fallback it runs without Dune mode");
		ok_status(run(cases[i].setup, RUN("--fallback", probe_static, "guards")), 0,
			  "and without any part of the runtime");
		ok_str(output, "", "and nothing is said");
		ok(alone(), "no process is left over");
	}
}

/* ---- the log ------------------------------------------------------------------------------- */

static bool file_has(const char *name, const char *text)
{
	char bytes[8192];
	int fd = open(path("%s", name), O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, bytes, sizeof(bytes) - 1);

	close(fd);
	bytes[n > 0 ? n : 0] = 0;
	return strstr(bytes, text);
}

/* The runtime of these tests says where stats go what was asked of it. */
static void logs(void)
{
	char *log = path("log");

	ok_status(run(NULL, RUN("--stats", probe_static, "exit", "7")), EXITED(7), "--stats");
	ok_output("standin: stats; self ", "the runtime knows, and writes to standard error");
	ok_output(dune_run, "it knows where dune-run is");
	write_text(log, "old\n", 0644);
	ok_status(run(NULL, RUN("--trace", "--ring", "3", "--follow", "--fallback", "--log", log,
			    "/bin/sh", "-c", "exec $0 state $1", probe_static, path("state"))),
		  0, "--log and more");
	ok(file_has("log", "standin: ring 3 trace follow fallback; self "), "it is in the log");
	ok(!file_has("log", "old"), "which was empty before");
	ok_str(output, "", "and nowhere else");
	ok(file_has("state", "\nfd ") && !file_has("state", "/log "),
	   "what the program executes does not inherit it");

	/* As the runtime calls dune-run with --follow. */
	ok_status(run(NULL, ARGV("/bin/sh", "-c", "exec 9>>$1 $0 --follow --stats --log-fd 9 "
				 "--exec $2 --argv0 x exit 7", dune_run, log, probe_static)),
		  EXITED(7), "--log-fd");
	ok(file_has("log", "standin: ring 3 trace") &&
	   file_has("log", "standin: stats follow fallback; self "), "appends to it");
	ok_status(run(NULL, ARGV("/bin/sh", "-c", "ulimit -n 12; $0 --stats --log $1 $2 exit 7",
				 dune_run, log, probe_static)),
		  EXITED(7), "few descriptors allowed");
	ok(file_has("log", "standin: stats; self "), "and a log");
	ok_status(run(no_code, RUN("--fallback", "--stats", "--log", log, probe_static, "state",
				    path("state"))), 0, "without Dune mode");
	ok_output("not in Dune mode: cannot map", "it says so");
	ok(file_has("state", "\nfd ") && !file_has("state", "/log "), "the log is closed");
}

/* ---- dune-run as it is installed --------------------------------------------------- */

static void no_device(void)
{
	if (!access("/dev/dune", F_OK)) {
		skip(7, "there is a /dev/dune");
		return;
	}
	fails(NULL, ARGV(shipped, probe, "exit", "7"), 127, "dune.ko is not loaded");
	ok_output("insmod dune.ko", "and what to do");
	ok_status(run(NULL, ARGV(shipped, "--fallback", probe, "exit", "7")), EXITED(7),
		  "with --fallback it runs");
	ok_str(output, "", "and nothing is said");
	ok_status(run(NULL, ARGV(shipped, "--fallback", "no-such-program")), EXITED(127),
		  "what is not there is not found either");
}

int main(void)
{
	begin(ARGV(""));
	setenv("PATH", "/bin:/usr/bin", 1);
	usage();
	finding();
	kinds();
	rights();
	forbidden();
	logs();
	no_device();
	return tap_done();
}
