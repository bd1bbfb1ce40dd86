// SPDX-License-Identifier: GPL-2.0
/* dune-bench - what Dune mode costs and what it saves, beside Linux. See man/dune-bench.1. */
#include "bench.h"
#include "report.h"
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Cycles of a VM exit and the entry after it: 784, Sandy Bridge; Agesen, Mattson, Rugina,
 * Sheldon: Software Techniques for Avoiding Hardware Virtualization Exits, USENIX ATC 2012.
 */
#define EXIT_COST 784

#define MAX_PATTERNS 64

static struct {
	struct options measure;
	char *patterns[MAX_PATTERNS];
	int nr_patterns;
	const char *json, *compare, *from;
	double exit_cost, tolerance;
	bool list, scale;
} opt = { .exit_cost = EXIT_COST, .tolerance = 0.03 };

static const char usage_text[] =
	"usage: dune-bench [OPTION]...\n"
	"\n"
	"  --list              the rows and their sides\n"
	"  --only PATTERN,...  these rows, groups or ROW/SIDEs alone; * and ? as in the shell\n"
	"  --scale             the rows of the group scaling, and no others: cost against size\n"
	"  --samples N         N samples of each (up to 2000)\n"
	"  --json FILE         the results as JSON; \"-\" is standard output\n"
	"  --compare FILE      compare with the JSON of an earlier run; status 3 if worse\n"
	"  --from FILE         take the results from there and measure nothing\n"
	"  --tolerance PERCENT what --compare takes for the same (default 3)\n"
	"  --exit-cost N       cycles of a VM exit, for the model's column (default 784)\n"
	"  --trace             mark the last sample for vm/run --trace\n";

static void __attribute__((noreturn)) die(const char *what, const char *why, const char *hint)
{
	fprintf(stderr, "dune-bench: %s: %s%s\n", what, why, hint);
	exit(2);
}

static double number(const char *option, const char *text, double least, double most)
{
	char *end, why[80];
	double value = strtod(text, &end);

	if (end != text && !*end && value >= least && value <= most)
		return value;
	snprintf(why, sizeof(why), ": give a number from %g to %g", least, most);
	die(option, text, why);
}

static void add_patterns(char *list)
{
	char *save, *p;

	for (p = strtok_r(list, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		if (opt.nr_patterns == MAX_PATTERNS)
			die("--only", "too many patterns", "");
		opt.patterns[opt.nr_patterns++] = p;
	}
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "list", 0, 0, 'l' }, { "only", 1, 0, 'o' }, { "scale", 0, 0, 's' }, { "samples", 1, 0, 'n' }, { "json", 1, 0, 'j' },
		{ "compare", 1, 0, 'c' }, { "from", 1, 0, 'f' }, { "tolerance", 1, 0, 't' },
		{ "exit-cost", 1, 0, 'x' }, { "trace", 0, 0, 'T' }, { "help", 0, 0, 'h' }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 'l': opt.list = true; break;
		case 'o': add_patterns(optarg); break;
		case 's': opt.scale = true; break;
		case 'n': opt.measure.samples = number("--samples", optarg, 1, MAX_SAMPLES); break;
		case 'j': opt.json = optarg; break;
		case 'c': opt.compare = optarg; break;
		case 'f': opt.from = optarg; break;
		case 't': opt.tolerance = number("--tolerance", optarg, 0, 1000) / 100; break;
		case 'x': opt.exit_cost = number("--exit-cost", optarg, 0, 1e6); break;
		case 'T': opt.measure.trace = true; break;
		case 'h': fputs(usage_text, stdout); exit(0);
		default: fputs(usage_text, stderr); exit(2);
		}
	if (optind < argc)
		die(argv[optind], "unexpected argument", "; see dune-bench --help");
}

/* ---- Which ------------------------------------------------------------------------- */

/* "ROW", "GROUP" and "ROW/SIDE" name things. */
static bool matches(const char *pattern, const struct row *row, const struct side *side)
{
	char name[80];

	snprintf(name, sizeof(name), "%s/%s", row->name, side->name);
	return !fnmatch(pattern, row->name, 0) || !fnmatch(pattern, row->group, 0) || !fnmatch(pattern, name, 0);
}

static bool wanted(const struct row *row, const struct side *side)
{
	int i;

	if (opt.scale != !!row->sizes)
		return false;
	for (i = 0; i < opt.nr_patterns; i++)
		if (matches(opt.patterns[i], row, side))
			return true;
	return !opt.nr_patterns;
}

static int nr_wanted(const struct row *row)
{
	int i, n = 0;

	for (i = 0; i < MAX_SIDES && row->sides[i].name; i++)
		n += wanted(row, &row->sides[i]);
	return n;
}

/* A pattern that names nothing is a mistake. */
static void check_patterns(void)
{
	const struct row *const *r;
	int i, k, n;

	for (i = 0; i < opt.nr_patterns; i++) {
		n = 0;
		for (r = rows; *r; r++)
			for (k = 0; k < MAX_SIDES && (*r)->sides[k].name; k++)
				n += opt.scale == !!(*r)->sizes && matches(opt.patterns[i], *r, &(*r)->sides[k]);
		if (!n)
			die("--only", opt.patterns[i], ": no such row, group or side; see dune-bench --list, and --scale --list");
	}
}

static void list(void)
{
	const struct row *const *r;
	int i;

	for (r = rows; *r; r++) {
		if (!nr_wanted(*r))
			continue;
		printf("%-16s %-12s %s\n", (*r)->name, (*r)->group, (*r)->what);
		for (i = 0; i < MAX_SIDES && (*r)->sides[i].name; i++)
			if (wanted(*r, &(*r)->sides[i]))
				printf("  %s/%-14s %s\n", (*r)->name, (*r)->sides[i].name,
				       (*r)->sides[i].what ? (*r)->sides[i].what : "");
	}
}

/* ---- Doing it ------------------------------------------------------------------------ */

static void run_side(json_object *json, const struct row *row, const struct side *side)
{
	static const int none[] = { 0 };
	const int *size = row->sizes ? row->sizes : none;
	struct measured m;

	do {
		bench_size = *size;
		measure(row, side, &opt.measure, &m);
		report_side(json, side, *size, &m, opt.exit_cost);
	} while (*size && *++size);
}

static void run_row(FILE *out, json_object *report, const struct row *row)
{
	json_object *json = report_row(report, row);
	int i;

	for (i = 0; i < MAX_SIDES && row->sides[i].name; i++)
		if (wanted(row, &row->sides[i]))
			run_side(json, row, &row->sides[i]);
	table_row(out, report, json);
	fflush(out);
}

static json_object *run_all(FILE *out)
{
	json_object *report = report_new(opt.exit_cost);
	const struct row *const *r;

	table_machine(out, report);
	for (r = rows; *r; r++)
		if (nr_wanted(*r))
			run_row(out, report, *r);
	return report;
}

static json_object *load(const char *file)
{
	json_object *o = json_object_from_file(file);

	if (!o || !json_object_is_type(o, json_type_object))
		die(file, o ? "not a report of dune-bench" : json_util_get_last_err(), "");
	return o;
}

static void save(json_object *report)
{
	const char *text = json_object_to_json_string_ext(report, JSON_C_TO_STRING_PRETTY);
	FILE *f = strcmp(opt.json, "-") ? fopen(opt.json, "w") : stdout;

	if (!f || fprintf(f, "%s\n", text) < 0 || fflush(f))
		die(opt.json, strerror(errno), "");
}

int main(int argc, char **argv)
{
	json_object *report, *then = NULL;
	FILE *out;
	int worse = 0;

	if (argc == 2 && !strcmp(argv[1], "--nothing"))
		return 0;		/* the small program of the row exec */
	parse(argc, argv);
	check_patterns();
	if (opt.list) {
		list();
		return 0;
	}
	/* early: what cannot be read is said before much time has gone by */
	if (opt.compare)
		then = load(opt.compare);
	out = opt.json && !strcmp(opt.json, "-") ? stderr : stdout;
	report = opt.from ? load(opt.from) : run_all(out);
	if (opt.json)
		save(report);
	if (then) {
		worse = report_compare(out, then, report, opt.tolerance);
		if (worse < 0)
			die(opt.compare, "nothing in it to compare with", "");
	}
	if (report_failures(report))
		return 1;
	return worse ? 3 : 0;
}
