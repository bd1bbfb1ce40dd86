// SPDX-License-Identifier: GPL-2.0
#include "own.h"
#include <stdio.h>
#include <string.h>

uint64_t own_start, own_end, own_data, own_text;

/* 2 GiB at a multiple of a GiB that begin with a guard. */
void find_own(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], rights[8];
	uint64_t start, end;

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, rights) != 3)
			continue;
		if (!own_start && !(start & ((1UL << 30) - 1)) && !strcmp(rights, "---p") && start > 1UL << 40) {
			own_start = start;
			own_end = start + (2UL << 30);
		}
		if (!own_start || start >= own_end)
			continue;
		if (!own_data && !strcmp(rights, "rw-p"))
			own_data = start;
		if (!own_text && !strcmp(rights, "r-xp"))
			own_text = start;
	}
	if (maps)
		fclose(maps);
}
