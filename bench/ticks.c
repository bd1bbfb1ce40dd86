// SPDX-License-Identifier: GPL-2.0
/*
 * ticks COMMAND [ARG]... - run a command, and print the ticks of the TSC that went by to standard
 * error. In the emulated machine that is the instructions of all that ran meanwhile.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

int main(int argc, char **argv)
{
	uint64_t start = ticks();
	int status;
	pid_t pid;

	if (argc < 2) {
		fprintf(stderr, "usage: ticks COMMAND [ARG]...\n");
		return 2;
	}
	pid = vfork();
	if (!pid) {
		execvp(argv[1], argv + 1);
		fprintf(stderr, "ticks: %s: %s\n", argv[1], strerror(errno));
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		fprintf(stderr, "ticks: %s\n", strerror(errno));
		return 125;
	}
	fprintf(stderr, "%llu ticks\n", (unsigned long long)(ticks() - start));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
