// SPDX-License-Identifier: GPL-2.0
/* The summary of --stats for a process that does not come to write it. */
#include "watch.h"
#include <linux/dune.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "stats.h"

/* -1: there is no Dune mode, or no program any more. */
static int receive_descriptor(int line)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	int fd;

	if (recvmsg(line, &message, MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static void write_summary(int log, const struct traced *program, const struct dune_report *report)
{
	struct dune_stats stats = { .sum = report->counters, .vcpus = report->vcpus };
	char buffer[2048];
	struct dune_text text = DUNE_TEXT(buffer);

	dune_stats_put(&text, &stats, program->pid, program->name);
	dune_text_write(log, &text);
}

void watch(int line, int log, const struct traced *program)
{
	struct dune_report report;
	int space = receive_descriptor(line);

	close(line);
	/* Nothing is there to be read where the process itself wrote a summary. */
	if (space >= 0 && read(space, &report, sizeof(report)) == sizeof(report))
		write_summary(log, program, &report);
}
