// SPDX-License-Identifier: GPL-2.0
/* The workloads by name. */
#include "../mem.h"

extern const struct workload workload_gcbench, workload_list, workload_map, workload_xml, workload_trees, workload_storm;

const struct workload *const workloads[] = {
	&workload_gcbench, &workload_list, &workload_map, &workload_xml, &workload_trees, &workload_storm, NULL
};
