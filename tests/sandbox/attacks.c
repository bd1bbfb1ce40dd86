// SPDX-License-Identifier: GPL-2.0
/*
 * attacks            run all attacks under the monitor, as TAP
 * attacks --watched  the same, with a seccomp filter (of Linux) on the sandbox: each call is exact
 * attacks NAME       (in the sandbox) attack
 */
#include "attack.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "tap.h"

static const struct attack *const sets[] = {
	pointer_attacks, cpu_attacks, signal_attacks, file_attacks, call_attacks, race_attacks,
};

#define SETS (sizeof(sets) / sizeof(sets[0]))

/* ---- In the sandbox --------------------------------------------------------------- */

static int attack(const char *name)
{
	unsigned int i;

	find_own();
	if (!own_data || !own_text) {
		fprintf(stderr, "the monitor's memory is not found\n");
		return 2;
	}
	for (i = 0; i < SETS; i++)
		for (const struct attack *a = sets[i]; a->name; a++)
			if (!strcmp(a->name, name))
				return a->fn();
	return 3;
}

/* ---- Outside ------------------------------------------------------------------------ */

static int watch(void)
{
	/* one call tells by SIGSYS where it is made: see the_gate() */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgrp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

static int run(const struct attack *a, int watched, char *log, size_t size)
{
	char *argv[16], options[128], *word;
	int line[2], status, n = 0;
	size_t used = 0;
	struct pollfd wait = { .events = POLLIN };
	ssize_t got = 1;
	pid_t pid;

	argv[n++] = "launch";
	argv[n++] = "--log";
	snprintf(options, sizeof(options), "%s", a->options ?: "");
	for (word = strtok(options, " "); word; word = strtok(NULL, " "))
		argv[n++] = word;
	argv[n++] = "/proc/self/exe";
	argv[n++] = (char *)a->name;
	argv[n] = NULL;
	if (pipe2(line, O_CLOEXEC))
		bail("pipe");
	pid = fork();
	if (!pid) {
		char self[512];
		ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

		setpgid(0, 0);
		self[length > 0 ? length : 0] = 0;
		argv[n - 2] = self;
		dup2(line[1], 2);
		dup2(line[1], 1);
		if (watched && (setenv("WATCHED", "1", 1) || watch()))
			_exit(99);
		execvp("launch", argv);
		_exit(98);
	}
	close(line[1]);
	setpgid(pid, pid);
	wait.fd = line[0];
	/* an attack that hangs has done damage */
	while (poll(&wait, 1, 60000) > 0 &&
	       (got = read(line[0], log + used, size - 1 - used)) > 0)
		used += (size_t)got;
	if (got)
		kill(-pid, SIGKILL);
	log[used] = 0;
	close(line[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void judge(const struct attack *a, int watched)
{
	static char log[65536];
	int status = run(a, watched, log, sizeof(log));
	int good = status == a->status && !strstr(log, "ESCAPED") && (!a->log || strstr(log, a->log));

	ok(good, "%s%s", a->name, watched ? ", watched" : "");
	if (good)
		return;
	diag("status %d, to be %d; to say \"%s\"", status, a->status, a->log ?: "");
	for (char *l = strtok(log, "\n"); l; l = strtok(NULL, "\n"))
		diag("%s", l);
}

int main(int argc, char **argv)
{
	int watched = argc > 1 && !strcmp(argv[1], "--watched");
	const char *only = argc > 2 ? argv[2] : NULL;

	if (argc > 1 && argv[1][0] != '-')
		return attack(argv[1]);
	if (argc > 2 && !strcmp(argv[1], "--only"))
		watched = 0;
	for (unsigned int i = 0; i < SETS; i++)
		for (const struct attack *a = sets[i]; a->name; a++)
			if (a->name[strlen(a->name) - 1] != '?' && (!only || strstr(a->name, only)))
				judge(a, watched);
	return tap_done();
}
