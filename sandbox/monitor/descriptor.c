// SPDX-License-Identifier: GPL-2.0
/* Calls on descriptors that do more than one thing: only what is known to be harmless. */
#include "monitor.h"
#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#ifndef F_GET_RW_HINT
#define F_GET_RW_HINT		1035
#define F_SET_FILE_RW_HINT	1038
#endif

static int refuse(struct sandbox_call *c, int err, const char *text)
{
	return sandbox_deny(c, SANDBOX_BY_ARGUMENT, err, text);
}

int sandbox_fcntl(struct sandbox_call *c)
{
	unsigned int command = (unsigned int)c->args[1];

	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return sandbox_fd_is_own(c->args[2]) ? sandbox_done(c, -EINVAL) : SANDBOX_PASS;
	case F_GETFD:
	case F_SETFD:
	case F_GETFL:
	case F_SETFL:
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_SETOWN:
	case F_GETOWN:
	case F_SETSIG:
	case F_GETSIG:
	case F_SETOWN_EX:
	case F_GETOWN_EX:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
	case F_SETLEASE:
	case F_GETLEASE:
	case F_NOTIFY:
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
	case F_ADD_SEALS:
	case F_GET_SEALS:
	case F_GET_RW_HINT ... F_SET_FILE_RW_HINT:
		return SANDBOX_PASS;
	}
	return refuse(c, EINVAL, "fcntl() command");
}

/*
 * What is not here: TIOCSTI and TIOCLINUX, which type for others; those of devices; those whose
 * argument has addresses in it (SIOCGIFCONF, SIOCETHTOOL ...).
 */
static const uint32_t requests[] = {
	TCGETS, TCSETS, TCSETSW, TCSETSF, TCSBRK, TCXONC, TCFLSH, TCSBRKP,
	TIOCGWINSZ, TIOCSWINSZ, TIOCGPGRP, TIOCSPGRP, TIOCGSID, TIOCOUTQ, TIOCEXCL, TIOCNXCL, TIOCNOTTY, TIOCSCTTY,
	TIOCGPTN, TIOCSPTLCK, TIOCGPTPEER, TIOCPKT, TIOCGPTLCK,
	0x802c542a /* TCGETS2 */, 0x402c542b, 0x402c542c, 0x402c542d /* TCSETS2, TCSETSW2, TCSETSF2 */,
	FIONREAD, FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX, FIGETBSZ, FICLONE, FICLONERANGE,
	FS_IOC_GETFLAGS, FS_IOC_FSGETXATTR,
	SIOCATMARK, SIOCGIFNAME, SIOCGIFINDEX, SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFNETMASK, SIOCGIFBRDADDR,
	SIOCGIFMTU, SIOCGIFHWADDR, SIOCGIFTXQLEN,
};

int sandbox_ioctl(struct sandbox_call *c)
{
	uint32_t request = (uint32_t)c->args[1];
	unsigned int i;

	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (requests[i] == request)
			return SANDBOX_PASS;
	return refuse(c, ENOTTY, "ioctl() request");
}

int sandbox_close_range(struct sandbox_call *c)
{
	uint32_t first = (uint32_t)c->args[0], last = (uint32_t)c->args[1];
	uint32_t own = (uint32_t)sandbox_fd_own();

	if (first > last || c->args[2] & ~(uint64_t)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
		return sandbox_done(c, -EINVAL);
	if (first >= own)
		return sandbox_done(c, 0);
	return sandbox_done(c, sandbox_host4(c, SYS_close_range, first, last < own ? last : own - 1,
					     c->args[2], 0));
}

/* ---- Sockets ------------------------------------------------------------------- */

/* AF_VSOCK and the like know no network namespace; others are much code in the kernel, for few. */
int sandbox_socket(struct sandbox_call *c)
{
	switch ((int)c->args[0]) {
	case AF_UNIX:
	case AF_INET:
	case AF_INET6:
		return SANDBOX_PASS;
	case AF_NETLINK:
		if ((int)c->args[2] == NETLINK_ROUTE)
			return SANDBOX_PASS;
	}
	return refuse(c, EAFNOSUPPORT, "address family");
}

int sandbox_socketpair(struct sandbox_call *c)
{
	return (int)c->args[0] == AF_UNIX ? SANDBOX_PASS : refuse(c, EAFNOSUPPORT, "address family");
}

/* Those with addresses in their argument, and the tables of netfilter (64 and up), are not good. */
static bool is_good_option(int level, int option)
{
	if (option < 0)
		return false;
	switch (level) {
	case SOL_SOCKET:
		return option <= 76 && option != SO_ATTACH_FILTER && option != SO_ATTACH_BPF &&
		       option != SO_ATTACH_REUSEPORT_CBPF && option != SO_ATTACH_REUSEPORT_EBPF;
	case IPPROTO_TCP:
		return option < TCP_ZEROCOPY_RECEIVE && option != TCP_ULP && option != TCP_MD5SIG &&
		       option != TCP_REPAIR;
	case IPPROTO_IP:
		return option < 64 && option != MCAST_MSFILTER;
	case IPPROTO_IPV6:
		return option < 64 || (option >= 66 && option <= 78);
	case IPPROTO_UDP:
		return option < 100;
	case SOL_NETLINK:
		return option < 13;
	}
	return false;
}

int sandbox_setsockopt(struct sandbox_call *c)
{
	return is_good_option((int)c->args[1], (int)c->args[2]) ? SANDBOX_PASS :
	       refuse(c, ENOPROTOOPT, "socket option");
}

int sandbox_getsockopt(struct sandbox_call *c)
{
	uint32_t length;

	if (!is_good_option((int)c->args[1], (int)c->args[2]))
		return refuse(c, ENOPROTOOPT, "socket option");
	/* Linux reads the length again, and all that it has for these options is smaller than a guard */
	return sandbox_copy_in(&length, c->args[4], sizeof(length)) ? sandbox_done(c, -EFAULT) : SANDBOX_PASS;
}
