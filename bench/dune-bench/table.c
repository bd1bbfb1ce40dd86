// SPDX-License-Identifier: GPL-2.0
/* Results as a table to read. */
#include "report.h"
#include <string.h>

static bool tick_is_instruction(json_object *report)
{
	json_object *machine;

	return json_object_object_get_ex(report, "machine", &machine) &&
	       report_number(machine, "tick is an instruction", 0);
}

void table_machine(FILE *f, json_object *report)
{
	json_object *machine, *mitigations;

	json_object_object_get_ex(report, "machine", &machine);
	fprintf(f, "# %s, %s CPUs, Linux %s, commit %s\n", report_string(machine, "cpu"),
		report_string(machine, "cpus"), report_string(machine, "kernel"), report_string(machine, "commit"));
	fprintf(f, "# %s\n", report_string(machine, "command line"));
	fprintf(f, "# mitigations:");
	json_object_object_get_ex(machine, "mitigations", &mitigations);
	json_object_object_foreach(mitigations, name, what)
		fprintf(f, " %s: %s;", name, json_object_get_string(what));
	fprintf(f, "\n# %s\n", tick_is_instruction(report) ?
		"an emulator: a tick is an instruction, and not time" :
		"real hardware, or what looks like it: a tick is one of the TSC's");
	fprintf(f, "# model: median + exits x %.0f, which is a model and no measurement\n",
		report_number(report, "exit cost", 0));
}

/* Linux's median, at the size that @like has. */
static double linux_median(json_object *sides, json_object *like)
{
	json_object *side;
	char name[60];
	size_t i;

	snprintf(name, sizeof(name), report_string(like, "size")[0] ? "linux/%s" : "linux%s", report_string(like, "size"));
	for (i = 0; i < json_object_array_length(sides); i++) {
		side = json_object_array_get_idx(sides, i);
		if (!strcmp(report_string(side, "name"), name))
			return report_number(side, "median", 0);
	}
	return 0;
}

/* On hardware a cycle is a cycle, and the published ones can be compared. */
static void print_published(FILE *f, json_object *report, json_object *row, json_object *side)
{
	const char *name = report_string(side, "name");
	double cycles = report_number(side, "cycles", 0), published = 0;

	if (!strcmp(name, "linux"))
		published = report_number(row, "published linux", 0);
	if (!strcmp(name, "dune"))
		published = report_number(row, "published dune", 0);
	if (!published)
		return;
	fprintf(f, "  published: %.0f cycles", published);
	if (!tick_is_instruction(report) && cycles)
		fprintf(f, ", x %.3f", cycles / published);
}

static void print_or_dash(FILE *f, const char *format, double value)
{
	if (value < 0)
		fprintf(f, " %10s", "-");
	else
		fprintf(f, format, value);
}

static void print_figures(FILE *f, json_object *report, json_object *row, json_object *side, double linux_)
{
	double median = report_number(side, "median", 0);

	fprintf(f, " %10.1f %10.1f %10.1f %10.1f %8.2f %8.2f", report_number(side, "min", 0), median,
		report_number(side, "p90", 0), report_number(side, "max", 0), report_number(side, "exits", 0),
		report_number(side, "page faults", 0));
	print_or_dash(f, " %10.0f", report_number(side, tick_is_instruction(report) ? "model" : "cycles", -1));
	if (linux_ > 0)
		fprintf(f, " %8.3f", median / linux_);
	else
		fprintf(f, " %8s", "-");
	if (report_number(side, "references", 0))
		fprintf(f, "  references: %.0f", report_number(side, "references", 0));
	if (report_number(side, "bytes each", 0))
		fprintf(f, "  bytes each: %.0f", report_number(side, "bytes each", 0));
	print_published(f, report, row, side);
}

static void print_side(FILE *f, json_object *report, json_object *row, json_object *side, double linux_)
{
	fprintf(f, "  %-14s", report_string(side, "name"));
	if (!strcmp(report_string(side, "status"), "done"))
		print_figures(f, report, row, side, linux_);
	else
		fprintf(f, " %s: %s", report_string(side, "status"), report_string(side, "why"));
	if (report_string(side, "what")[0])
		fprintf(f, "  (%s)", report_string(side, "what"));
	fprintf(f, "\n");
}

void table_row(FILE *f, json_object *report, json_object *row)
{
	json_object *sides, *side;
	size_t i;

	json_object_object_get_ex(row, "sides", &sides);
	fprintf(f, "\n%s: %s [%s]\n  %-14s %10s %10s %10s %10s %8s %8s %10s %8s\n", report_string(row, "name"),
		report_string(row, "what"), report_string(row, "group"), "", "min", "median", "p90", "max", "exits",
		"faults", tick_is_instruction(report) ? "model" : "cycles", "/linux");
	for (i = 0; i < json_object_array_length(sides); i++) {
		side = json_object_array_get_idx(sides, i);
		print_side(f, report, row, side, linux_median(sides, side));
	}
}
