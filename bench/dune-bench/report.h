/* SPDX-License-Identifier: GPL-2.0 */
/* A run's results, as JSON, and what is made of that. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <json-c/json.h>
#include <stdio.h>
#include "measure.h"

/* Where we are: CPU, kernel, mitigations, whether a tick is an instruction, commit (machine.c). */
json_object *machine_describe(void);

/* json.c */
json_object *report_new(double exit_cost);
json_object *report_row(json_object *report, const struct row *row);	/* NULL at the end of memory */
/* @size: where the row has sizes. */
void report_side(json_object *row, const struct side *side, int size, const struct measured *m, double exit_cost);

/* table.c: a line for each side. Return how many sides failed. */
void table_machine(FILE *f, json_object *report);
void table_row(FILE *f, json_object *report, json_object *row);
int report_failures(json_object *report);

/* compare.c: prints what differs from an earlier report; returns how many are worse, or -1. */
int report_compare(FILE *f, json_object *then, json_object *now, double tolerance);

/* A number in an object, or @otherwise. */
double report_number(json_object *object, const char *key, double otherwise);
const char *report_string(json_object *object, const char *key);

#endif /* BENCH_REPORT_H */
