// SPDX-License-Identifier: GPL-2.0
/* Results beside earlier ones. */
#include "report.h"
#include <string.h>

static json_object *named(json_object *list, const char *name)
{
	json_object *o;
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++) {
		o = json_object_array_get_idx(list, i);
		if (!strcmp(report_string(o, "name"), name))
			return o;
	}
	return NULL;
}

static json_object *part(json_object *object, const char *key)
{
	json_object *p;

	return json_object_object_get_ex(object, key, &p) && json_object_is_type(p, json_type_array) ? p : NULL;
}

struct sum {
	int compared, worse, better;
};

static const char *const words[] = { "same", "BETTER", "WORSE" };

/* One side: a row that was done before and is not now is worse. */
static void compare_side(FILE *f, const char *row, json_object *then, json_object *now, double tolerance,
			 struct sum *sum)
{
	double before = report_number(then, "median", -1), after = report_number(now, "median", -1);
	double exits_before = report_number(then, "exits", 0), exits = report_number(now, "exits", 0);
	enum verdict v;

	if (before < 0)
		return;
	sum->compared++;
	if (after < 0) {
		sum->worse++;
		fprintf(f, "%-18s %-14s %10.1f %10s  WORSE: %s: %s\n", row, report_string(then, "name"), before, "-",
			now ? report_string(now, "status") : "not there", now ? report_string(now, "why") : "");
		return;
	}
	v = stats_compare(before, after, tolerance);
	if (v != VERDICT_WORSE && exits > exits_before * (1 + tolerance) + 0.01)
		v = VERDICT_WORSE;
	sum->worse += v == VERDICT_WORSE;
	sum->better += v == VERDICT_BETTER;
	fprintf(f, "%-18s %-14s %10.1f %10.1f %8.3f %8.2f %8.2f  %s\n", row, report_string(then, "name"), before,
		after, stats_ratio(before, after), exits_before, exits, words[v]);
}

static void compare_row(FILE *f, json_object *then, json_object *now, double tolerance, struct sum *sum)
{
	json_object *sides = part(then, "sides"), *now_sides = part(now, "sides"), *side;
	size_t i;

	for (i = 0; sides && i < json_object_array_length(sides); i++) {
		side = json_object_array_get_idx(sides, i);
		compare_side(f, report_string(then, "name"), side,
			     now_sides ? named(now_sides, report_string(side, "name")) : NULL, tolerance, sum);
	}
}

/* Rows that were not asked for this time are not looked at. */
int report_compare(FILE *f, json_object *then, json_object *now, double tolerance)
{
	json_object *before = part(then, "rows"), *after = part(now, "rows"), *row;
	struct sum sum = { 0, 0, 0 };
	size_t i;

	if (!before || !after)
		return -1;
	fprintf(f, "%-18s %-14s %10s %10s %8s %8s %8s\n", "", "", "then", "now", "ratio", "exits", "now");
	for (i = 0; i < json_object_array_length(after); i++) {
		row = json_object_array_get_idx(after, i);
		if (named(before, report_string(row, "name")))
			compare_row(f, named(before, report_string(row, "name")), row, tolerance, &sum);
	}
	fprintf(f, "%d compared, %d better, %d worse by more than %g %%\n", sum.compared, sum.better, sum.worse,
		tolerance * 100);
	return sum.compared ? sum.worse : -1;
}
