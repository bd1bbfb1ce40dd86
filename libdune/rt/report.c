// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The summary of a process that does not come to write it: the module tells what there was to
 * whoever has the space's descriptor, once the process is over.
 */
#include "report.h"
#include <sys/socket.h>
#include <sys/syscall.h>
#include "../device.h"
#include "../raw.h"
#include "runtime.h"

/* If nobody is there any more, nobody reads it. */
static void send_descriptor(int fd)
{
	struct {
		size_t length;		/* a struct cmsghdr, whose end the compiler takes for an array */
		int level, type, fd, pad;
	} control = { CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS, fd, 0 };
	char byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = control.length,
	};

	raw_syscall4(SYS_sendmsg, dune_rt->report_fd, (long)&message, MSG_NOSIGNAL | MSG_DONTWAIT, 0);
}

void dune_rt_report_begin(void)
{
	if (dune_rt->report_fd)
		dune_device_space = send_descriptor;
}

void dune_rt_report_end(void)
{
	if (dune_rt->report_fd)
		raw_close(dune_rt->report_fd);
}
