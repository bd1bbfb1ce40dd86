// SPDX-License-Identifier: GPL-2.0
/*
 * terminal LINK - connects our terminal with a new pseudo-terminal, to which it
 * makes the symbolic link LINK.  vm/run --interactive gives that to Bochs as a
 * serial port.  Every key goes through, also Ctrl-C.  Only Ctrl-] ends it all,
 * by interrupting vm/run, which kills us as soon as the machine is off.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_BRACKET 0x1d

static struct termios saved;
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void restore_terminal(void)
{
	tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

static void die(const char *what)
{
	fprintf(stderr, "vm/terminal: %s: %s\n", what, strerror(errno));
	exit(2);
}

/*
 * The other side is kept open here too, so that reading does not fail before
 * Bochs opens it; and raw, so that it does not echo what the machine says.
 */
static int open_pty(const char *link)
{
	int pty = posix_openpt(O_RDWR | O_NOCTTY);
	struct termios raw;
	int other;

	if (pty < 0 || grantpt(pty) < 0 || unlockpt(pty) < 0)
		die("cannot make a pseudo-terminal");
	other = open(ptsname(pty), O_RDWR | O_NOCTTY);
	if (other < 0 || tcgetattr(other, &raw) < 0)
		die(ptsname(pty));
	cfmakeraw(&raw);
	tcsetattr(other, TCSANOW, &raw);
	if (symlink(ptsname(pty), link) < 0)
		die(link);
	return pty;
}

static void write_all(int fd, const char *data, ssize_t n)
{
	ssize_t done;

	for (; n > 0; n -= done, data += done) {
		done = write(fd, data, n);
		if (done < 0)
			return;
	}
}

/* Returns false at Ctrl-] or when there is no more to read. */
static int pass(int from, int to)
{
	char data[1024];
	ssize_t n = read(from, data, sizeof(data));

	if (n <= 0 || (from == STDIN_FILENO && memchr(data, CTRL_BRACKET, n)))
		return 0;
	write_all(to, data, n);
	return 1;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = stop };
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN } };
	struct termios raw;

	if (argc != 2)
		return 2;
	if (tcgetattr(STDIN_FILENO, &saved) < 0)
		die("standard input");
	p[1].fd = open_pty(argv[1]);
	p[1].events = POLLIN;

	sigaction(SIGTERM, &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	atexit(restore_terminal);
	raw = saved;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);

	while (!stopped) {
		if (poll(p, 2, 500) < 0)
			continue;
		if ((p[1].revents && !pass(p[1].fd, STDOUT_FILENO)) ||
		    (p[0].revents && !pass(STDIN_FILENO, p[1].fd))) {
			kill(getppid(), SIGINT);
			return 1;
		}
	}
	return 0;
}
