// SPDX-License-Identifier: GPL-2.0
/* Waiting for the sandbox's end. */
#include "supervise.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "log.h"
#include "say.h"

/* Those that are for the program. The first two a terminal sends to both of us. */
static const int passed_on[] = {
	SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGCONT,
};

static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++)
		sigaddset(&set, passed_on[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		fail(EXIT_FAILED, "signals cannot be waited for: %m");
	return fd;
}

static void pass_on(int signals, pid_t process_one)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD && info.ssi_code <= 0)
			kill(process_one, (int)info.ssi_signo);
}

/* True when it has ended, with *status. */
static bool ended(pid_t process_one, int *status)
{
	return waitpid(process_one, status, WNOHANG) == process_one;
}

int supervise(pid_t process_one, int status_pipe, int log_socket, int log_out)
{
	struct pollfd wait_for[] = {
		{ .fd = open_signals(), .events = POLLIN },
		{ .fd = log_socket, .events = POLLIN },
	};
	int status, of_program;

	while (!ended(process_one, &status)) {
		if (poll(wait_for, 2, -1) < 0 && errno != EINTR)
			fail(EXIT_FAILED, "poll: %m");
		pass_on(wait_for[0].fd, process_one);
		if (wait_for[1].revents & POLLIN)
			log_read(log_socket, log_out);
		else if (wait_for[1].revents)
			wait_for[1].fd = -1;	/* all other ends are closed */
	}
	if (log_socket >= 0)
		log_read(log_socket, log_out);
	close(wait_for[0].fd);
	if (read(status_pipe, &of_program, sizeof(of_program)) == sizeof(of_program))
		return of_program;
	return status;
}

void supervise_end(int status)
{
	struct rlimit none = { 0, 0 };
	sigset_t set;

	if (!WIFSIGNALED(status))
		exit(WEXITSTATUS(status));
	/* The same death, without a second core. */
	setrlimit(RLIMIT_CORE, &none);
	signal(WTERMSIG(status), SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, WTERMSIG(status));
	raise(WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	exit(128 + WTERMSIG(status));
}
