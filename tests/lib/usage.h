/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel has in use - memory, the module - for tests that look for what is left behind. */
#ifndef TESTS_USAGE_H
#define TESTS_USAGE_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "tap.h"

#define DUNE_MODULE "/vm/modules.d/dune.ko"	/* where vm/run puts it */

static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* ---- Memory ------------------------------------------------------------------------------ */

static inline long meminfo(const char *name)
{
	char line[128];
	long kib = -1;
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			kib = atol(line + strlen(name) + 1);
	if (f)
		fclose(f);
	return kib;
}

/* Pages that are free, but kept by a CPU for its next allocation. MemFree does not count them. */
static inline long kept_by_cpus(void)
{
	char line[128];
	long count, pages = 0;
	FILE *f = fopen("/proc/zoneinfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &count) == 1)
			pages += count;
	if (f)
		fclose(f);
	return pages;
}

static inline void set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		diag("%s: %s", path, strerror(errno));
	close(fd);
}

/*
 * What can be freed is freed first: caches, pages on their way to an LRU list, what waits
 * for RCU; and what each CPU has counted for itself is added up.
 */
static inline void settle(void)
{
	usleep(300000);
	set("/proc/sys/vm/drop_caches", "3");
	set("/proc/sys/vm/compact_memory", "1");
	usleep(200000);
	set("/proc/sys/vm/stat_refresh", "1");
}

struct usage {
	long pages;	/* neither free nor slab, in KiB: what is mapped, page tables, stacks, EPT ... */
	long slab;	/* that cannot be reclaimed, in KiB */
};

static inline struct usage usage(void)
{
	long unreclaimed, free_kib;

	settle();
	unreclaimed = meminfo("SUnreclaim");
	free_kib = meminfo("MemFree") + kept_by_cpus() * 4;
	return (struct usage) {
		.pages = meminfo("MemTotal") - free_kib - unreclaimed - meminfo("SReclaimable"),
		.slab = unreclaimed,
	};
}

/* ---- The module --------------------------------------------------------------------------- */

/* The reference count of a module, -1 if it is not there. */
static inline long references(const char *module)
{
	char line[256], name[64];
	long count, found = -1;
	FILE *f = fopen("/proc/modules", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %*d %ld", name, &count) == 2 && !strcmp(name, module))
			found = count;
	if (f)
		fclose(f);
	return found;
}

/* 0 or an errno. */
static inline int module_remove(void)
{
	return syscall(SYS_delete_module, "dune", O_NONBLOCK) ? errno : 0;
}

static inline int module_load(void)
{
	int fd = open(DUNE_MODULE, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	if (syscall(SYS_finit_module, fd, "", 0) || chmod("/dev/dune", 0666))
		err = errno;
	close(fd);
	return err;
}

#endif /* TESTS_USAGE_H */
