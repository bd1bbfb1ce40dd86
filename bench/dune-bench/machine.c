// SPDX-License-Identifier: GPL-2.0
/* Where we are. */
#define _GNU_SOURCE
#include "bench.h"
#include "report.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef BENCH_COMMIT
#define BENCH_COMMIT "unknown"
#endif

static void read_line(const char *dir, const char *name, char *line, size_t size)
{
	char path[512];
	FILE *f;

	line[0] = 0;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	if (!f)
		return;
	if (fgets(line, size, f))
		line[strcspn(line, "\n")] = 0;
	fclose(f);
}

static void add_cpu(json_object *machine)
{
	char line[256] = "", *value = "unknown";
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
			value = strchr(line, ':') + 2;
			value[strcspn(value, "\n")] = 0;
			break;
		}
	json_object_object_add(machine, "cpu", json_object_new_string(value));
	if (f)
		fclose(f);
}

#define VULNERABILITIES "/sys/devices/system/cpu/vulnerabilities"

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_mitigations(json_object *machine)
{
	json_object *list = json_object_new_object();
	struct dirent **entries;
	int n = scandir(VULNERABILITIES, &entries, NULL, by_name), i;
	char line[256];

	for (i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.') {
			read_line(VULNERABILITIES, entries[i]->d_name, line, sizeof(line));
			json_object_object_add(list, entries[i]->d_name, json_object_new_string(line));
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	json_object_object_add(machine, "mitigations", list);
}

/* ---- Is a tick an instruction? --------------------------------------------------- */

static uint64_t few(void)
{
	uint64_t start = ticks();

	__asm__ volatile(".rept 500\n\tnop\n\t.endr");
	return ticks() - start;
}

static uint64_t many(void)
{
	uint64_t start = ticks();

	__asm__ volatile(".rept 1500\n\tnop\n\t.endr");
	return ticks() - start;
}

/*
 * No real CPU takes one tick for one NOP, exactly and each time. An interrupt may
 * come between; so most of the times are enough.
 */
static bool tick_is_instruction(void)
{
	int i, exact = 0;

	for (i = 0; i < 20; i++)
		exact += many() - few() == 1000;
	return exact > 10;
}

json_object *machine_describe(void)
{
	json_object *machine = json_object_new_object();
	struct utsname u;
	char text[1000];

	uname(&u);
	add_cpu(machine);
	json_object_object_add(machine, "cpus", json_object_new_int(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_object_add(machine, "kernel", json_object_new_string(u.release));
	read_line("/proc", "cmdline", text, sizeof(text));
	json_object_object_add(machine, "command line", json_object_new_string(text));
	json_object_object_add(machine, "tick is an instruction", json_object_new_boolean(tick_is_instruction()));
	json_object_object_add(machine, "commit", json_object_new_string(BENCH_COMMIT));
	add_mitigations(machine);
	return machine;
}
