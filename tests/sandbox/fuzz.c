// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz [COUNT [SEED]] - make COUNT system calls of random numbers with random arguments, in the sandbox.
 *
 * Most arguments are near something: the monitor's memory and its borders, memory of the program's, small
 * numbers, descriptors. The calls are made by children that die of many of them; what counts is
 * the end: TAP says whether the monitor still does its work, and whether its memory was ever found changed
 * (a child whose monitor is damaged cannot be told from one that ended itself: so each is asked
 * whether it is still confined, every so often).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tap.h"

#define CALLS_PER_CHILD	500
#define CALLS		480

static uint64_t own_start, own_end, own_data;
static uint64_t state;
static char *area;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void find_own(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], rights[8];
	uint64_t start, end;

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, rights) != 3)
			continue;
		if (!own_start && !(start & ((1UL << 30) - 1)) && !strcmp(rights, "---p") && start > 1UL << 40) {
			own_start = start;
			own_end = start + (2UL << 30);
		}
		if (own_start && start < own_end && !own_data && !strcmp(rights, "rw-p"))
			own_data = start;
	}
	if (maps)
		fclose(maps);
}

static long raw(long nr, const uint64_t a[6])
{
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];

	__asm__ volatile("syscall" : "+a"(nr) : "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return nr;
}

static uint64_t argument(void)
{
	uint64_t r = next();

	switch (r % 16) {
	case 0 ... 2:
		return next() % 8;
	case 3:
		return own_data + next() % 0x100000;
	case 4:
		return own_start - 4096 + next() % 8192;
	case 5:
		return own_end - 4096 + next() % 8192;
	case 6 ... 8:
		return (uint64_t)area + next() % 65536;
	case 9:
		return 500 + next() % 24;
	case 10:
		return next() & 0xffff;
	case 11:
		return 1UL << next() % 64;
	case 12:
		return -(next() % 4096);
	case 13:
		return own_end - own_start + next() % 8192;
	case 14:
		return next() & 0xffffffff;
	default:
		return next();
	}
}

/* Structures with addresses in them. */
static void fill_area(void)
{
	for (int i = 0; i < 64; i++)
		((uint64_t *)area)[next() % 8192] = argument();
}

/* What would not end, or end the wrong ones: they are for the attacks. */
static int is_left_out(long nr)
{
	switch (nr) {
	case SYS_kill:
	case SYS_tkill:
	case SYS_tgkill:
	case SYS_rt_sigqueueinfo:
	case SYS_rt_tgsigqueueinfo:
	case SYS_pidfd_send_signal:
	case SYS_pause:
	case SYS_rt_sigsuspend:
	case SYS_fork:
	case SYS_vfork:
	case SYS_clone:
	case SYS_sync:
	case SYS_sched_setscheduler:
	case SYS_sched_setattr:
	case SYS_setpriority:
	case SYS_unlink:
	case SYS_rmdir:
	case SYS_rename:
		return 1;
	}
	return 0;
}

static int is_confined(void)
{
	const uint64_t bad[6] = { own_data, 64 }, range[6] = { own_data, 4096 };
	const uint64_t none[6] = { 0 };

	return raw(SYS_getrandom, bad) == -EFAULT && raw(SYS_munmap, range) == -EINVAL &&
	       raw(SYS_ptrace, none) == -ENOSYS;
}

static int child(unsigned int count)
{
	struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	setpgid(0, 0);
	alarm(20);
	for (unsigned int i = 0; i < count; i++) {
		long nr = (long)(next() % CALLS);
		uint64_t a[6];

		for (int j = 0; j < 6; j++)
			a[j] = argument();
		if (!(next() % 8))
			fill_area();
		/* what ends it at once would leave little to try */
		if (is_left_out(nr) || nr == SYS_exit || nr == SYS_exit_group || nr == SYS_rt_sigreturn)
			continue;
		if (nr == SYS_munmap || nr == SYS_mprotect || nr == SYS_mmap || nr == SYS_mremap || nr == SYS_madvise)
			a[0] = next() % 2 ? a[0] : own_start - 65536 + next() % 131072;
		/* a limit of its own making is no news */
		if (nr == SYS_alarm || nr == SYS_setrlimit || nr == SYS_prlimit64)
			continue;
		raw(nr, a);
		if (!(i % 50) && !is_confined())
			return 77;
	}
	return is_confined() ? 0 : 77;
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 5000, made = 0, ended = 0;
	int escaped = 0, output;

	state = argc > 2 ? strtoul(argv[2], NULL, 0) : 88172645463325252UL;
	find_own();
	if (!own_data)
		bail("the monitor's memory is not found");
	area = mmap(NULL, 65536 + 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* descriptors 0 to 2 are among what is written to and closed */
	output = fcntl(1, F_DUPFD, 100);
	while (made < count && !escaped) {
		unsigned int n = count - made < CALLS_PER_CHILD ? (unsigned int)(count - made) : CALLS_PER_CHILD;
		uint64_t seed = next();
		int status;
		pid_t pid = fork();

		if (!pid) {
			int null = open("/dev/null", O_RDWR);

			for (int fd = 0; fd < 3; fd++)
				dup2(null, fd);
			close(output);
			if (chdir("/proc"))
				_exit(1);
			state = seed;
			_exit(child(n));
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			bail("no child");
		made += n;
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			ended++;
		escaped = WIFEXITED(status) && WEXITSTATUS(status) == 77;
		if (escaped)
			diag("seed %lu", seed);
	}
	diag("%lu calls, %lu of %lu children lived to the end", made, ended, (made + CALLS_PER_CHILD - 1) / CALLS_PER_CHILD);
	ok(!escaped, "every child that could be asked was confined");
	ok(ended > 0, "children live to the end");
	ok(is_confined(), "and this process is");
	ok_eq(system("exit 3") >> 8, 3, "a program can be executed");
	return tap_done();
}
