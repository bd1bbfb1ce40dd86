// SPDX-License-Identifier: GPL-2.0
/*
 * probe - a program that says what it finds itself to be, for dune-run's tests.
 *
 *	probe state FILE [ARG]...	write all that it inherits into FILE
 *	probe exit N			end with status N
 *	probe kill N			end by signal N
 *	probe pause			wait for signals for ever
 *	probe children			status 0 if it has no child, and sees the end of one
 *	probe await N			status 0 when signal N comes, which is blocked
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *out;

static void arguments(char **argv)
{
	for (int i = 0; argv[i]; i++)
		fprintf(out, "argv[%d] %s\n", i, argv[i]);
	for (int i = 0; environ[i]; i++)
		fprintf(out, "environ[%d] %s\n", i, environ[i]);
}

static void places(void)
{
	char path[4096] = "";
	mode_t mask = umask(0);

	umask(mask);
	fprintf(out, "umask %o\n", mask);
	fprintf(out, "cwd %s\n", getcwd(path, sizeof(path)));
	memset(path, 0, sizeof(path));
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		strcpy(path, "-");
	fprintf(out, "exe %s\n", path);
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	return atoi((*a)->d_name) - atoi((*b)->d_name);
}

/* @list is what was in /proc/self/fd before we opened anything but that. */
static void descriptors(struct dirent **list, int n)
{
	for (int i = 0; i < n; i++) {
		int fd = atoi(list[i]->d_name);
		char link[64], target[4096] = "";

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		if (list[i]->d_name[0] == '.' || readlink(link, target, sizeof(target) - 1) < 0 ||
		    fd == fileno(out))
			continue;
		fprintf(out, "fd %d %s %x %x %lld\n", fd, target, fcntl(fd, F_GETFD),
			fcntl(fd, F_GETFL), (long long)lseek(fd, 0, SEEK_CUR));
	}
}

/* What /proc/self/status says, but for memory, use of time, and numbers of processes. */
static void status(void)
{
	static const char *const wanted[] = {
		"Name", "Umask", "TracerPid", "Uid", "Gid", "FDSize", "Groups", "Threads",
		"SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "Cap", "NoNewPrivs", "Seccomp",
		"CoreDumping", "Cpus_allowed", "Mems_allowed", "PPid", "THP_enabled",
		"Speculation",
	};
	FILE *file = fopen("/proc/self/status", "re");
	char line[1024];

	while (file && fgets(line, sizeof(line), file))
		for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
			if (!strncmp(line, wanted[i], strlen(wanted[i])))
				fprintf(out, "status %s", line);
	if (file)
		fclose(file);
}

static void limits(void)
{
	struct itimerval timer;

	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit = { 0 };

		getrlimit((enum __rlimit_resource)i, &limit);
		fprintf(out, "rlimit %d %lx %lx\n", i, limit.rlim_cur, limit.rlim_max);
	}
	for (int i = ITIMER_REAL; i <= ITIMER_PROF; i++) {
		getitimer((enum __itimer_which)i, &timer);
		fprintf(out, "timer %d %d\n", i, !!timer.it_value.tv_sec);
	}
	fprintf(out, "nice %d scheduler %d\n", getpriority(PRIO_PROCESS, 0),
		sched_getscheduler(0));
}

static void process(void)
{
	int reaper = 0, death = 0;

	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	prctl(PR_GET_PDEATHSIG, &death);
	fprintf(out, "personality %x dumpable %d reaper %d death %d keepcaps %d\n",
		personality(0xffffffff), prctl(PR_GET_DUMPABLE), reaper, death,
		prctl(PR_GET_KEEPCAPS));
	fprintf(out, "timerslack %d mce %d thp %d\n", prctl(PR_GET_TIMERSLACK),
		prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	fprintf(out, "group %s %s\n", getpgrp() == getpid() ? "own" : "other",
		getsid(0) == getpid() ? "own" : "other");
	fprintf(out, "terminal %d %d\n", tcgetpgrp(0) > 0, tcgetpgrp(0) == getpgrp());
	fprintf(out, "child %d\n", waitpid(-1, NULL, WNOHANG | __WALL) < 0 ? errno : 0);
}

/* Addresses differ from one execve() to the next; what they point to does not. */
static void auxiliary(void)
{
	char **end = environ;

	while (*end)
		end++;
	for (ElfW(auxv_t) *a = (ElfW(auxv_t) *)(end + 1); a->a_type != AT_NULL; a++) {
		switch (a->a_type) {
		case AT_EXECFN:
		case AT_PLATFORM:
			fprintf(out, "auxv %lu %s\n", a->a_type, (char *)a->a_un.a_val);
			break;
		case AT_SYSINFO_EHDR:
		case AT_PHDR:
		case AT_BASE:
		case AT_ENTRY:
		case AT_RANDOM:
			fprintf(out, "auxv %lu %s\n", a->a_type, a->a_un.a_val ? "there" : "0");
			break;
		default:
			fprintf(out, "auxv %lu %lx\n", a->a_type, a->a_un.a_val);
		}
	}
}

/* The heap begins where execve() laid it, and no page can be written as well as executed. */
static void memory(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[4096];
	int both = 0;

	while (file && fgets(line, sizeof(line), file))
		both += !!strstr(line, " rwx");
	fprintf(out, "writable and executable %d\n", both);
	if (file)
		fclose(file);
	fprintf(out, "brk %d\n", (uintptr_t)sbrk(0) < (uintptr_t)&file);
}

static int state(char **argv)
{
	struct dirent **list;
	int n = scandir("/proc/self/fd", &list, NULL, by_number);

	out = fopen(argv[2], "we");
	if (!out)
		return 1;
	fprintf(out, "%d\n", getpid());
	arguments(argv);
	places();
	descriptors(list, n);
	status();
	limits();
	process();
	auxiliary();
	memory();
	return fclose(out) ? 1 : 0;
}

static volatile sig_atomic_t ended;

static void on_child(int sig)
{
	ended++;
}

static int children(void)
{
	int before, status;
	pid_t pid;

	signal(SIGCHLD, on_child);
	before = waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD;
	pid = fork();
	if (!pid)
		_exit(3);
	if (!before || waitpid(-1, &status, 0) != pid || status != 3 << 8 || ended != 1)
		return 1;
	return waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD && ended == 1 ? 0 : 1;
}

static int guards(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[4096];
	int n = 0;

	if (!file)
		return 99;
	while (fgets(line, sizeof(line), file))
		n += !!strstr(line, " ---p ");
	fclose(file);
	return n;
}

static int entry(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	unsigned char bytes[16];
	ElfW(Ehdr) elf;
	ElfW(Phdr) ph;

	if (pread(fd, &elf, sizeof(elf), 0) != sizeof(elf))
		return 99;
	for (int i = 0; i < elf.e_phnum; i++) {
		if (pread(fd, &ph, sizeof(ph), (off_t)(elf.e_phoff + i * sizeof(ph))) != sizeof(ph))
			return 99;
		if (ph.p_type != PT_LOAD || elf.e_entry - ph.p_vaddr >= ph.p_filesz)
			continue;
		ph.p_offset += elf.e_entry - ph.p_vaddr;
		if (pread(fd, bytes, sizeof(bytes), (off_t)ph.p_offset) != sizeof(bytes))
			return 99;
		return !!memcmp(bytes, (void *)getauxval(AT_ENTRY), sizeof(bytes));
	}
	return 99;
}

static int await(int sig)
{
	struct timespec limit = { 30, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return sigtimedwait(&set, NULL, &limit) == sig ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 0;

	if (!strcmp(what, "state") && argc > 2)
		return state(argv);
	if (!strcmp(what, "exit"))
		return n;
	if (!strcmp(what, "kill"))
		return raise(n);
	while (!strcmp(what, "pause"))
		pause();
	if (!strcmp(what, "children"))
		return children();
	if (!strcmp(what, "guards"))
		return guards();
	if (!strcmp(what, "entry") && argc > 2)
		return entry(argv[2]);
	if (!strcmp(what, "await"))
		return await(n);
	return 2;
}
