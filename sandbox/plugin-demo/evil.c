// SPDX-License-Identifier: GPL-2.0
/* An object that attacks who loads it. plugin-demo tells it where to: it need not even guess. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define EVIL(name)				\
	long name(uint64_t a, uint64_t b);	\
	long name(uint64_t a, uint64_t b)

EVIL(steal)
{
	return *(volatile char *)a;
}

EVIL(scribble)
{
	memset((void *)a, 0, b);
	return 0;
}

/* With a stack and an argument of its own. */
EVIL(take_over)
{
	int (*volatile run)(const char *) = (void *)a;

	return run("rm -rf /");
}

EVIL(kill_host)
{
	return kill((pid_t)a, SIGKILL);
}

EVIL(read_passwords)
{
	FILE *f = fopen("/etc/passwd", "r");

	return f ? fgetc(f) : -1;
}

EVIL(unmap_host)
{
	return munmap((void *)(a & ~4095UL), 4096);
}

EVIL(hypercall)
{
	__asm__ volatile("vmcall" : : "a"(0x44756e65fffff100UL));
	return 0;
}

EVIL(hang)
{
	for (;;)
		__asm__ volatile("");
}

/* All the memory there is. Returns MiB. */
EVIL(bomb)
{
	long n = 0;
	char *p;

	while ((p = malloc(1 << 20))) {
		memset(p, 1, 4096);
		n++;
	}
	return n;
}

EVIL(leave)
{
	exit(0);
}
