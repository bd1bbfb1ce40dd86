// SPDX-License-Identifier: GPL-2.0
/*
 * Inside of the namespaces.
 *
 *	process 1      makes the root, and then waits: for all that lose their parents, and for
 *	   |           the program, whose end is the end of all
 *	the program    lets go of its privileges, and becomes dune-sandbox-start
 */
#include "inside.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "rlimits.h"
#include "network.h"
#include "privileges.h"
#include "program.h"
#include "root.h"
#include "say.h"

/* ---- the program ------------------------------------------------------------------------- */

/* Where dune-sandbox was started is only a wish. */
static void go_to(const char *dir, const char *wish)
{
	if (!dir && wish && !chdir(wish))
		return;
	if (chdir(dir ?: "/"))
		fail(EXIT_FAILED, "--chdir %s: %s", dir ?: "/", errno == ENOENT ?
		     "there is no such directory in the sandbox" : strerror(errno));
}

static void close_between(unsigned int first, unsigned int last)
{
	if (first <= last && syscall(SYS_close_range, first, last, 0))
		fail(EXIT_FAILED, "descriptors cannot be closed: %m");
}

/*
 * To the numbers that the policy names; they stay open at the execve(). What else there is
 * is somebody's who started us, and not for the program.
 */
static void place_descriptors(const struct inside *in)
{
	limits_open_room(in->fd_first);
	for (int i = 0; i < BLOB_FDS; i++) {
		int to = in->fd_first + i;

		if (in->fds[i] < 0)
			close(to);
		else if (dup3(in->fds[i], to, 0) < 0)
			fail(EXIT_FAILED, "a descriptor cannot be moved to %d: %m", to);
	}
	close_between(STDERR_FILENO + 1, (unsigned int)in->fd_first - 1);
	close_between((unsigned int)(in->fd_first + BLOB_FDS), ~0U);
	limits_close_room(in->fd_first);
}

static __attribute__((noreturn)) void run_program(const struct inside *in, const char *directory,
						  const sigset_t *signals)
{
	struct start at = {
		.starter_fd = in->fd_first + BLOB_STARTER, .device_fd = in->fd_first + BLOB_DEVICE,
	};
	char *path;

	sigprocmask(SIG_SETMASK, signals, NULL);
	go_to(in->o->chdir, directory);
	limits_set(in->o);
	privileges_drop();
	path = program_need(in->o->program);
	place_descriptors(in);
	start_execute(&at, in->fd_first + BLOB_POLICY, path, in->o->argv);
}

/* ---- process 1 --------------------------------------------------------------------------------- */

static void wait_until_mapped(int fd)
{
	char byte;

	/* End of file: our parent has failed, and has said why. */
	if (read(fd, &byte, 1) != 1)
		exit(EXIT_FAILED);
	close(fd);
}

static void tell(int fd, int status)
{
	if (write(fd, &status, sizeof(status)) != sizeof(status))
		exit(EXIT_FAILED);
}

/* Wait for everybody's children; exits with the program. */
static void reap(pid_t program, int status_fd)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == program) {
			tell(status_fd, status);
			exit(0);
		}
}

/* Our parent passes on what it was sent. A terminal sends to everybody itself. */
static bool from_outside(const siginfo_t *info)
{
	return info->si_code == SI_USER && !info->si_pid;
}

static __attribute__((noreturn)) void be_process_one(pid_t program, int status_fd, const sigset_t *signals)
{
	siginfo_t info;

	for (;;) {
		int sig = sigwaitinfo(signals, &info);

		if (sig == SIGCHLD)
			reap(program, status_fd);
		else if (sig > 0 && from_outside(&info))
			kill(program, sig);
	}
}

/* From here on our parent's end is ours; it may have come before. */
static void tie_to_parent(int status_fd)
{
	struct pollfd other_end = { .fd = status_fd };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		fail(EXIT_FAILED, "the sandbox's end cannot be tied to ours: %m");
	if (poll(&other_end, 1, 0) > 0 && other_end.revents & POLLERR)
		exit(EXIT_FAILED);
}

static void be_somebody(const struct inside *in, int *taken)
{
	privileges_become(in->o);
	/* A change of user would undo it. */
	tie_to_parent(in->status);
	if (sethostname(in->o->hostname, strlen(in->o->hostname)))
		fail(EXIT_FAILED, "--hostname %s: %m", in->o->hostname);
	if (in->o->net == NET_LOOPBACK)
		network_loopback();
	root_make(in->o, taken);
	free(taken);
}

/* Nothing that it inherits from us but its descriptors. */
static void forget(const struct inside *in)
{
	for (int i = 0; i < BLOB_FDS; i++)
		if (in->fds[i] >= 0)
			close(in->fds[i]);
}

static void hold_start(struct inside *in)
{
	start_hold(&in->start);
	in->fds[BLOB_STARTER] = in->start.starter_fd;
	in->fds[BLOB_DEVICE] = in->start.device_fd;
}

void inside_run(struct inside *in)
{
	char *directory = getcwd(NULL, 0);
	sigset_t all, before;
	pid_t program;
	int *taken;

	wait_until_mapped(in->mapped);
	taken = root_take(in->o);
	hold_start(in);
	be_somebody(in, taken);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	program = fork();
	if (program < 0)
		fail(EXIT_FAILED, "no process for the program: %m");
	if (!program) {
		close(in->status);
		run_program(in, directory, &before);
	}
	/* Its memory is none of the program's business. */
	privileges_drop();
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		fail(EXIT_FAILED, "process 1 cannot be hidden: %m");
	forget(in);
	be_process_one(program, in->status, &all);
}
