// SPDX-License-Identifier: GPL-2.0
/*
 * dune-sandbox - run a program that need not be trusted, confined.
 *
 *	dune-sandbox         on the host: policy, log, the end       supervise.c
 *	     | clone: namespaces
 *	process 1            makes the root, reaps                   inside.c, root.c
 *	     | fork
 *	dune-sandbox-start   puts the monitor into the program       start.c
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "blob.h"
#include "explain.h"
#include "inside.h"
#include "learn.h"
#include "rlimits.h"
#include "log.h"
#include "options.h"
#include "privileges.h"
#include "profile.h"
#include "say.h"
#include "start.h"
#include "supervise.h"

/* What this side keeps. */
struct outside {
	int mapped, status;		/* its ends of the pipes to process 1 */
	int log_socket, log_out;
	int learn_out;
	struct sandbox_learn *learn;
};

/* The numbers 0, 1 and 2 belong to the program, also where they are closed. */
static void fill_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			fail(EXIT_FAILED, "/dev/null: %m");
	} while (fd <= STDERR_FILENO);
	close(fd);
}

/* A directory among them would be a way out: openat() takes it from there. */
static void check_standard_descriptors(void)
{
	struct stat st;

	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (!fstat(fd, &st) && S_ISDIR(st.st_mode))
			fail(EXIT_FAILED, "descriptor %d is a directory of the host, which the program would get", fd);
}

static void load(const struct options *o, struct profile *p, struct sock_filter **filter, uint32_t *count)
{
	char *why = NULL;

	if (o->learn)
		profile_allow_all(p);
	else if (!profile_load(p, o->profile, &why))
		fail(EXIT_FAILED, "%s", why);
	if (!profile_filter(p, filter, count, &why))
		fail(EXIT_FAILED, "%s", why);
}

static void open_log(const struct options *o, struct inside *in, struct outside *out)
{
	int ends[2];

	out->log_socket = out->log_out = in->fds[BLOB_LOG] = -1;
	if (!o->log)
		return;
	out->log_out = log_open(o->log);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		fail(EXIT_FAILED, "--log: %m");
	out->log_socket = ends[0];
	in->fds[BLOB_LOG] = ends[1];
}

static void open_learn(const struct options *o, struct inside *in, struct outside *out)
{
	in->fds[BLOB_LEARN] = -1;
	if (!o->learn)
		return;
	out->learn_out = learn_open(o->learn);
	in->fds[BLOB_LEARN] = learn_begin(&out->learn);
}

static void open_pipes(struct inside *in, struct outside *out)
{
	int mapped[2], status[2];

	if (pipe2(mapped, O_CLOEXEC) || pipe2(status, O_CLOEXEC))
		fail(EXIT_FAILED, "no pipe: %m");
	in->mapped = mapped[0];
	out->mapped = mapped[1];
	out->status = status[0];
	in->status = status[1];
}

static void prepare(const struct options *o, const struct sock_filter *filter, uint32_t count,
		    struct inside *in, struct outside *out)
{
	in->o = o;
	in->fd_first = limits_files(o);
	start_open(&in->start);
	in->fds[BLOB_STARTER] = in->start.starter_fd;
	in->fds[BLOB_DEVICE] = in->start.device_fd;
	in->fds[BLOB_POLICY] = blob_make(o, in->fd_first, filter, count);
	open_log(o, in, out);
	open_learn(o, in, out);
	open_pipes(in, out);
}

/* The child's copy of our ends, and ours of the child's. */
static void close_outside(const struct outside *out)
{
	close(out->mapped);
	close(out->status);
	if (out->log_socket >= 0)
		close(out->log_socket);
}

static void close_inside(const struct inside *in)
{
	close(in->mapped);
	close(in->status);
	for (int i = 0; i < BLOB_FDS; i++)
		if (in->fds[i] >= 0)
			close(in->fds[i]);
}

static int run(const struct options *o, struct inside *in, struct outside *out)
{
	pid_t child = privileges_fork(o);
	int status;

	if (!child) {
		close_outside(out);
		inside_run(in);
	}
	close_inside(in);
	privileges_map(o, child);
	if (write(out->mapped, "", 1) != 1)
		fail(EXIT_FAILED, "the sandbox's first process is gone: %m");
	close(out->mapped);
	status = supervise(child, out->status, out->log_socket, out->log_out);
	if (o->learn)
		learn_write(out->learn, out->learn_out, o->learn);
	return status;
}

int main(int argc, char **argv)
{
	struct outside out = { 0 };
	struct inside in = { 0 };
	struct sock_filter *filter;
	struct options o;
	struct profile p;
	uint32_t count;

	fill_standard_descriptors();
	options_parse(&o, argc, argv);
	load(&o, &p, &filter, &count);
	if (o.explain) {
		explain(&o, &p, filter);
		return 0;
	}
	/* As children of those who ignore it have it, an end would go unseen. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	check_standard_descriptors();
	prepare(&o, filter, count, &in, &out);
	supervise_end(run(&o, &in, &out));
}
