// SPDX-License-Identifier: GPL-2.0
/* The sandbox's own network. */
#include "network.h"
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "say.h"

void network_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request))
		fail(EXIT_FAILED, "there is no loopback interface: %m");
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		fail(EXIT_FAILED, "the loopback interface cannot be brought up: %m");
	close(fd);
}
