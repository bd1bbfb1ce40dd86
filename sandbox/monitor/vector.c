// SPDX-License-Identifier: GPL-2.0
/* Calls whose arguments have addresses in memory: vectors of buffers, and messages. */
#include "monitor.h"
#include <sys/socket.h>
#include <sys/uio.h>

#define VECTORS_MAX	1024		/* Linux's own limit, UIO_MAXIOV */
#define CONTROL_MAX	4096
#define MESSAGES_MAX	1024

/* 0 or -errno; then only the copy is used. */
static int vectors_in(struct iovec *to, uint64_t from, uint64_t count)
{
	uint64_t i;

	if (count > VECTORS_MAX)
		return -EINVAL;
	if (sandbox_copy_in(to, from, count * sizeof(*to)))
		return -EFAULT;
	for (i = 0; i < count; i++)
		if (!sandbox_is_users((uintptr_t)to[i].iov_base, to[i].iov_len))
			return -EFAULT;
	return 0;
}

static int failed(struct sandbox_call *c, int err)
{
	return err == -EFAULT ? sandbox_deny(c, SANDBOX_BY_POINTER, EFAULT, NULL) : sandbox_done(c, err);
}

/* readv, writev, preadv, pwritev, preadv2, pwritev2 */
int sandbox_readv(struct sandbox_call *c)
{
	struct iovec vectors[VECTORS_MAX];
	int err = vectors_in(vectors, c->args[1], c->args[2]);

	if (err)
		return failed(c, err);
	return sandbox_done(c, sandbox_host(c, c->nr, c->args[0], (uintptr_t)vectors, c->args[2], c->args[3],
					    c->args[4], c->args[5]));
}

/* ---- Messages ------------------------------------------------------------------- */

/* With room for what it points to. */
struct message {
	struct msghdr header;
	struct iovec vectors[VECTORS_MAX];
	char control[CONTROL_MAX] __attribute__((aligned(8)));
};

static int header_in(struct message *m, uint64_t from)
{
	struct msghdr *h = &m->header;
	int err;

	if (sandbox_copy_in(h, from, sizeof(*h)))
		return -EFAULT;
	if (!sandbox_is_users((uintptr_t)h->msg_name, (uint32_t)h->msg_namelen) ||
	    !sandbox_is_users((uintptr_t)h->msg_control, h->msg_controllen))
		return -EFAULT;
	if (h->msg_iovlen > VECTORS_MAX)
		return -EMSGSIZE;
	err = vectors_in(m->vectors, (uintptr_t)h->msg_iov, h->msg_iovlen);
	h->msg_iov = m->vectors;
	return err;
}

/* Are descriptors of the monitor's sent? Walked as Linux does. */
static bool sends_own(const struct message *m)
{
	size_t at = 0, length = m->header.msg_controllen;

	while (length - at >= sizeof(struct cmsghdr) && at < length) {
		const struct cmsghdr *h = (const void *)(m->control + at);
		const int *fds = (const void *)(h + 1);
		size_t n, i;

		if (h->cmsg_len < sizeof(*h) || h->cmsg_len > length - at)
			return false;
		n = (h->cmsg_len - sizeof(*h)) / sizeof(*fds);
		for (i = 0; h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && i < n; i++)
			if (sandbox_fd_is_own((uint64_t)fds[i]))
				return true;
		at += (h->cmsg_len + 7) & ~7UL;
	}
	return false;
}

static int outgoing_in(struct message *m, uint64_t from)
{
	int err = header_in(m, from);

	if (err)
		return err;
	if (m->header.msg_controllen > CONTROL_MAX)
		return -ENOBUFS;
	if (sandbox_copy_in(m->control, (uintptr_t)m->header.msg_control, m->header.msg_controllen))
		return -EFAULT;
	m->header.msg_control = m->control;
	return sends_own(m) ? -EBADF : 0;
}

int sandbox_sendmsg(struct sandbox_call *c)
{
	struct message m;
	int err = outgoing_in(&m, c->args[1]);

	if (err == -EBADF)
		return sandbox_deny(c, SANDBOX_BY_DESCRIPTOR, EBADF, "sent by SCM_RIGHTS");
	if (err)
		return failed(c, err);
	return sandbox_done(c, sandbox_host4(c, SYS_sendmsg, c->args[0], (uintptr_t)&m.header, c->args[2], 0));
}

/* What Linux writes of the header. */
static int header_out(uint64_t to, const struct msghdr *h)
{
	return sandbox_copy_out(to + offsetof(struct msghdr, msg_namelen), &h->msg_namelen,
				sizeof(h->msg_namelen)) ?:
	       sandbox_copy_out(to + offsetof(struct msghdr, msg_controllen), &h->msg_controllen,
				sizeof(h->msg_controllen)) ?:
	       sandbox_copy_out(to + offsetof(struct msghdr, msg_flags), &h->msg_flags, sizeof(h->msg_flags));
}

static long receive(struct sandbox_call *c, struct message *m, uint64_t header, uint64_t flags)
{
	int err = header_in(m, header);
	long n;

	if (err)
		return err;
	n = sandbox_host4(c, SYS_recvmsg, c->args[0], (uintptr_t)&m->header, flags, 0);
	if (n < 0)
		return n;
	return header_out(header, &m->header) ?: n;
}

int sandbox_recvmsg(struct sandbox_call *c)
{
	struct message m;
	long n = receive(c, &m, c->args[1], c->args[2]);

	return n == -EFAULT ? failed(c, -EFAULT) : sandbox_done(c, n);
}

/* ---- Many messages ----------------------------------------------------------------- */

static uint64_t message_at(const struct sandbox_call *c, unsigned int i)
{
	return c->args[1] + i * sizeof(struct mmsghdr);
}

static int length_out(const struct sandbox_call *c, unsigned int i, long n)
{
	unsigned int length = (unsigned int)n;

	return sandbox_copy_out(message_at(c, i) + offsetof(struct mmsghdr, msg_len), &length, sizeof(length));
}

/* After the first, none may wait: a signal would have the first sent again. */
static long send_one(struct sandbox_call *c, struct message *m, unsigned int i)
{
	int err = outgoing_in(m, message_at(c, i));
	long n;

	if (err)
		return err;
	n = sandbox_host4(c, SYS_sendmsg, c->args[0], (uintptr_t)&m->header,
			  c->args[3] | (i ? MSG_DONTWAIT : 0), 0);
	return n < 0 ? n : length_out(c, i, n) ?: n;
}

int sandbox_sendmmsg(struct sandbox_call *c)
{
	unsigned int count = (unsigned int)c->args[2], i;
	struct message m;
	long n = 0;

	for (i = 0; i < count && i < MESSAGES_MAX; i++) {
		n = send_one(c, &m, i);
		if (n < 0)
			break;
	}
	if (i || n >= 0)
		return sandbox_done(c, i);
	return n == -EBADF ? sandbox_deny(c, SANDBOX_BY_DESCRIPTOR, EBADF, NULL) : failed(c, (int)n);
}

int sandbox_recvmmsg(struct sandbox_call *c)
{
	unsigned int count = (unsigned int)c->args[2], i;
	uint64_t flags = c->args[3];
	struct message m;
	long n = 0;

	if (c->args[4])
		return sandbox_deny(c, SANDBOX_BY_ARGUMENT, ENOSYS, "recvmmsg() with a time limit");
	for (i = 0; i < count && i < MESSAGES_MAX; i++) {
		n = receive(c, &m, message_at(c, i), (flags & ~(uint64_t)MSG_WAITFORONE) | (i ? MSG_DONTWAIT : 0));
		if (n < 0 || length_out(c, i, n))
			break;
	}
	if (i || n >= 0)
		return sandbox_done(c, i);
	return failed(c, (int)n);
}
