/* SPDX-License-Identifier: GPL-2.0 */
/* The result of a run, as JSON: one object, one line. */
#ifndef GC_RESULT_H
#define GC_RESULT_H

#include <json-c/json.h>
#include <stdint.h>

struct gc_stats;

/* {n, min, median, p99, max, all}; sorts @value. */
struct json_object *result_pauses(uint64_t *value, size_t n, uint64_t seen);
struct json_object *result_samples(const struct gc_stats *s);

void result_add(struct json_object *o, const char *key, int64_t value);
void result_add_text(struct json_object *o, const char *key, const char *value);

/* Of "tracking.arm": steps into objects. 0 for what is not there. */
int64_t result_get(struct json_object *o, const char *path);
const char *result_text(struct json_object *o, const char *key);

/* The number of an option; prints what is wrong with it, and exits with 2. */
unsigned long result_number(const char *program, const char *option, const char *text, unsigned long min, unsigned long max);

/* For people: one run, or many side by side. */
void result_show(struct json_object *o);
void result_table(struct json_object *runs);

/* Both give 0, or print why not. */
int plot_svg(struct json_object *runs, const char *file);

#endif
