// SPDX-License-Identifier: GPL-2.0
/* Results as JSON. */
#include "report.h"
#include <stdio.h>

static void add(json_object *to, const char *key, double value)
{
	char text[40];

	/* as many digits as mean something */
	snprintf(text, sizeof(text), value == (int64_t)value ? "%.0f" : "%.4f", value);
	json_object_object_add(to, key, json_object_new_double_s(value, text));
}

static void add_known(json_object *to, const char *key, double value)
{
	if (value >= 0)
		add(to, key, value);
}

static void add_text(json_object *to, const char *key, const char *text)
{
	if (text && text[0])
		json_object_object_add(to, key, json_object_new_string(text));
}

double report_number(json_object *object, const char *key, double otherwise)
{
	json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_double(value) : otherwise;
}

const char *report_string(json_object *object, const char *key)
{
	json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : "";
}

json_object *report_new(double exit_cost)
{
	json_object *report = json_object_new_object();

	add_text(report, "program", "dune-bench");
	json_object_object_add(report, "machine", machine_describe());
	add(report, "exit cost", exit_cost);
	json_object_object_add(report, "rows", json_object_new_array());
	return report;
}

json_object *report_row(json_object *report, const struct row *r)
{
	json_object *row = json_object_new_object(), *list;

	add_text(row, "name", r->name);
	add_text(row, "group", r->group);
	add_text(row, "what", r->what);
	if (r->linux_cycles) {
		add(row, "published linux", r->linux_cycles);
		add(row, "published dune", r->dune_cycles);
	}
	add_text(row, "size is", r->size_is);
	json_object_object_add(row, "sides", json_object_new_array());
	json_object_object_get_ex(report, "rows", &list);
	json_object_array_add(list, row);
	return row;
}

static const char *const status_names[] = { "none", "done", "skipped", "failed" };

static void add_exits(json_object *side, const struct measured *m)
{
	json_object *kinds = json_object_new_object();
	int k;

	for (k = 0; k < DUNE_NR_EXIT_KINDS; k++)
		if (m->kinds[k] > 0)
			add(kinds, kind_names[k], m->kinds[k]);
	add(side, "exits", m->exits);
	json_object_object_add(side, "exits by reason", kinds);
	if (m->kinds[0] >= 0) {
		add(side, "fast calls", m->fast);
		add(side, "exact calls", m->exact);
		add(side, "EPT faults", m->ept_faults);
	}
}

static void add_figures(json_object *side, const struct measured *m, double exit_cost)
{
	int i;

	add(side, "samples", m->samples);
	add(side, "min", m->ticks.min);
	add(side, "median", m->ticks.median);
	add(side, "p90", m->ticks.p90);
	add(side, "max", m->ticks.max);
	add_exits(side, m);
	add(side, "model", m->ticks.median + m->exits * exit_cost);
	add_known(side, "page faults", m->faults);
	add_known(side, "cycles", m->cycles);
	add_known(side, "instructions", m->instructions);
	for (i = 0; i < MAX_VALUES; i++)
		if (m->values[i].name[0])
			add(side, m->values[i].name, m->values[i].value);
}

/* A side at a size has a name of its own. */
static void add_name(json_object *side, const char *name, int size)
{
	char text[60];

	if (!size) {
		add_text(side, "name", name);
		return;
	}
	snprintf(text, sizeof(text), "%s/%d", name, size);
	add_text(side, "name", text);
	add_text(side, "side", name);
	add(side, "size", size);
}

void report_side(json_object *row, const struct side *s, int size, const struct measured *m, double exit_cost)
{
	json_object *side = json_object_new_object(), *list;

	add_name(side, s->name, size);
	add_text(side, "what", s->what);
	add_text(side, "status", status_names[m->status]);
	add_text(side, "why", m->why);
	if (m->status == STATUS_DONE)
		add_figures(side, m, exit_cost);
	json_object_object_get_ex(row, "sides", &list);
	json_object_array_add(list, side);
}

int report_failures(json_object *report)
{
	json_object *list, *sides, *side;
	size_t i, k;
	int failed = 0;

	json_object_object_get_ex(report, "rows", &list);
	for (i = 0; i < json_object_array_length(list); i++) {
		json_object_object_get_ex(json_object_array_get_idx(list, i), "sides", &sides);
		for (k = 0; k < json_object_array_length(sides); k++) {
			side = json_object_array_get_idx(sides, k);
			failed += report_string(side, "status")[0] == 'f';
		}
	}
	return failed;
}
