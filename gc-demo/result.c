// SPDX-License-Identifier: GPL-2.0
/* Results: made, read and shown. */
#include "result.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "stats.h"

void result_add(struct json_object *o, const char *key, int64_t value)
{
	json_object_object_add(o, key, json_object_new_int64(value));
}

void result_add_text(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

struct json_object *result_pauses(uint64_t *value, size_t n, uint64_t seen)
{
	struct json_object *o = json_object_new_object(), *all = json_object_new_array();

	qsort(value, n, sizeof(*value), by_value);
	result_add(o, "n", seen);
	result_add(o, "min", n ? value[0] : 0);
	result_add(o, "median", n ? value[n / 2] : 0);
	result_add(o, "p99", n ? value[(n * 99 + 99) / 100 - 1] : 0);
	result_add(o, "max", n ? value[n - 1] : 0);
	for (size_t i = 0; i < n; i++)
		json_object_array_add(all, json_object_new_int64(value[i]));
	json_object_object_add(o, "all", all);
	return o;
}

struct json_object *result_samples(const struct gc_stats *s)
{
	struct json_object *all = json_object_new_array();

	for (size_t i = 0; i < s->samples && i < MAX_SAMPLES; i++) {
		struct json_object *one = json_object_new_array();

		json_object_array_add(one, json_object_new_int64(s->sample[i].when));
		json_object_array_add(one, json_object_new_int64(s->sample[i].heap_kib));
		json_object_array_add(one, json_object_new_int64(s->sample[i].live_kib));
		json_object_array_add(all, one);
	}
	return all;
}

int64_t result_get(struct json_object *o, const char *path)
{
	char step[64];
	const char *dot;

	while ((dot = strchr(path, '.'))) {
		snprintf(step, sizeof(step), "%.*s", (int)(dot - path), path);
		o = json_object_object_get(o, step);
		path = dot + 1;
	}
	return json_object_get_int64(json_object_object_get(o, path));
}

const char *result_text(struct json_object *o, const char *key)
{
	return json_object_get_string(json_object_object_get(o, key)) ?: "";
}

unsigned long result_number(const char *program, const char *option, const char *text, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < min || n > max) {
		fprintf(stderr, "%s: --%s takes a number from %lu to %lu, not '%s'\n", program, option, min, max, text);
		exit(2);
	}
	return n;
}

/* ---- For people ------------------------------------------------------------------- */

static const struct row { const char *title, *path; } rows[] = {
	{ "total, ticks", "ticks" },
	{ "cycles", "cycles" },
	{ "  for what is new only", "cycles_young" },
	{ "pauses", "pauses.n" },
	{ "  shortest, ticks", "pauses.min" },
	{ "  median", "pauses.median" },
	{ "  99 of 100 are below", "pauses.p99" },
	{ "  longest", "pauses.max" },
	{ "    until all stand", "longest.stand" },
	{ "    roots", "longest.roots" },
	{ "    taking dirty pages", "longest.take" },
	{ "    looking into them", "longest.again" },
	{ "    the rest", "longest.end" },
	{ "signals to stop", "stop_signals" },
	{ "waits for a cycle's end", "stalls.n" },
	{ "  longest, ticks", "stalls.max" },
	{ "waits for the marker", "paces.n" },
	{ "  longest, ticks", "paces.max" },
	{ "pages scanned", "pages_scanned" },
	{ "pages scanned again", "pages_again" },
	{ "  of these in a pause", "pages_again_in_pause" },
	{ "dirty pages found", "tracking.dirty" },
	{ "tracking: arming, ticks", "tracking.arm" },
	{ "  first writes, ticks", "tracking.first_writes" },
	{ "  collecting, ticks", "tracking.collect" },
	{ "  per dirty page", "tracking.per_page" },
	{ "signals for tracking", "tracking.signals" },
	{ "exits of Dune mode", "exits" },
	{ "heap at its end, KiB", "heap_kib" },
};

static void title(struct json_object *o)
{
	printf("%s, %s, %lld threads, heap of %lld MiB: %s\n", result_text(o, "workload"), result_text(o, "backend"),
	       (long long)result_get(o, "threads"), (long long)result_get(o, "heap_mib"),
	       result_get(o, "ok") ? "the result is right" : "THE RESULT IS WRONG");
}

void result_show(struct json_object *o)
{
	title(o);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		printf("%-26s %14lld\n", rows[i].title, (long long)result_get(o, rows[i].path));
}

void result_table(struct json_object *runs)
{
	size_t n = json_object_array_length(runs);

	for (size_t i = 0; i < n; i++)
		title(json_object_array_get_idx(runs, i));
	printf("%-26s", "");
	for (size_t i = 0; i < n; i++)
		printf(" %14s", result_text(json_object_array_get_idx(runs, i), "backend"));
	printf("\n");
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		printf("%-26s", rows[r].title);
		for (size_t i = 0; i < n; i++)
			printf(" %14lld", (long long)result_get(json_object_array_get_idx(runs, i), rows[r].path));
		printf("\n");
	}
}
