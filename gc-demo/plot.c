// SPDX-License-Identifier: GPL-2.0
/* An SVG by gnuplot: above every pause, side by side for all backends; below the heap over time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "result.h"

static void data(FILE *f, struct json_object *run, size_t i)
{
	struct json_object *all = json_object_object_get(json_object_object_get(run, "pauses"), "all");
	struct json_object *samples = json_object_object_get(run, "samples");
	size_t n = json_object_array_length(all);

	fprintf(f, "$pauses%zu << EOD\n", i);
	/* Side by side: each backend's pauses from the shortest to the longest, across one unit. */
	for (size_t k = 0; k < n; k++)
		fprintf(f, "%f %lld\n", i + 0.6 + 0.8 * (k + 0.5) / n,
			(long long)json_object_get_int64(json_object_array_get_idx(all, k)));
	fprintf(f, "%s", n ? "" : "NaN NaN\n");
	fprintf(f, "EOD\n$heap%zu << EOD\n", i);
	n = samples ? json_object_array_length(samples) : 0;
	for (size_t k = 0; k < n; k++) {
		struct json_object *s = json_object_array_get_idx(samples, k);

		fprintf(f, "%f %f %f\n", json_object_get_int64(json_object_array_get_idx(s, 0)) / 1e6,
			json_object_get_int64(json_object_array_get_idx(s, 1)) / 1024.0,
			json_object_get_int64(json_object_array_get_idx(s, 2)) / 1024.0);
	}
	fprintf(f, "%s", n ? "" : "NaN NaN NaN\n");
	fprintf(f, "EOD\n");
}

static void lines(FILE *f, struct json_object *runs, const char *format)
{
	for (size_t i = 0; i < json_object_array_length(runs); i++) {
		fprintf(f, i ? ", " : "plot ");
		fprintf(f, format, i, i + 1, result_text(json_object_array_get_idx(runs, i), "backend"));
	}
	fprintf(f, "\n");
}

static const char *const colours[] = { "#777777", "#d95f02", "#7570b3", "#1f9ed1", "#1b7837" };

static void script(FILE *f, struct json_object *runs, const char *file)
{
	size_t n = json_object_array_length(runs);
	struct json_object *first = json_object_array_get_idx(runs, 0);

	for (size_t i = 0; i < n; i++)
		data(f, json_object_array_get_idx(runs, i), i);
	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++)
		fprintf(f, "set linetype %zu lc rgb '%s'\n", i + 1, colours[i]);
	fprintf(f, "set terminal svg size 900,760 dynamic enhanced background rgb 'white' font 'sans-serif,13'\n");
	fprintf(f, "set output '%s'\nset multiplot layout 2,1\nset style increment default\n", file);
	fprintf(f, "set border 3 lc rgb '#888888'\nset grid y lc rgb '#dddddd'\nset key off\nset tics nomirror\n");
	fprintf(f, "set title '%s: each pause, from the shortest to the longest'\n", result_text(first, "workload"));
	fprintf(f, "set ylabel 'ticks'\nset logscale y\nset format y '10^{%%L}'\nset xrange [0.5:%zu.5]\nset xtics (", n);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s'%s' %zu", i ? ", " : "", result_text(json_object_array_get_idx(runs, i), "backend"), i + 1);
	fprintf(f, ")\n");
	lines(f, runs, "$pauses%zu with points pt 7 ps 0.5 lc %zu title '%s'");
	fprintf(f, "unset logscale y\nset format y '%%g'\nset xrange [0:*]\nset yrange [0:*]\nset xtics auto\n");
	fprintf(f, "set title 'the heap in use when a cycle begins, ends, and is swept'\nset key outside right\n");
	fprintf(f, "set xlabel 'millions of ticks'\nset ylabel 'MiB'\n");
	lines(f, runs, "$heap%zu using 1:3 with lines lw 1.5 lc %zu title '%s'");
}

int plot_svg(struct json_object *runs, const char *file)
{
	FILE *f;
	int status;

	if (strchr(file, '\'')) {
		fprintf(stderr, "gc-demo: --plot: the file's name has a quote in it\n");
		return 1;
	}
	f = popen("gnuplot", "w");
	if (!f) {
		fprintf(stderr, "gc-demo: gnuplot: %s\n", strerror(errno));
		return 1;
	}
	script(f, runs, file);
	status = pclose(f);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		fprintf(stderr, "gc-demo: --plot needs gnuplot: apt-get install gnuplot-nox\n");
	else if (status)
		fprintf(stderr, "gc-demo: %s: gnuplot failed, for the reason above\n", file);
	return status != 0;
}
