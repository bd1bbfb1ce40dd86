// SPDX-License-Identifier: GPL-2.0
/* gc-demo: workloads on the collector, with each way of write tracking. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gc.h"
#include "heap.h"
#include "mem.h"
#include "result.h"
#include "stats.h"
#include "track.h"
#include "tracking.h"

static struct {
	const char *workload, *backend, *plot, *from;
	unsigned long threads, heap, size, trigger, dirty;
	bool json, verify, tracking, whole;
} opt = { .workload = "gcbench", .backend = "dune", .threads = 1, .heap = 64, .dirty = 10 };

static void usage(FILE *f)
{
	fprintf(f, "usage: gc-demo [OPTION]...\n\n"
		"Runs a program on a concurrent garbage collector, and tells what it cost.\n\n"
		"  --workload W    one of these, or all:\n");
	for (int i = 0; workloads[i]; i++)
		fprintf(f, "                    %-8s %s\n", workloads[i]->name, workloads[i]->what);
	fprintf(f, "  --backend B     how writes are noted: none mprotect softdirty uffd dune, or all (default dune)\n"
		"  --threads N     for the workload trees (default 1)\n"
		"  --heap MIB      the heap's largest size (default 64)\n"
		"  --size N        how much the workload does\n"
		"  --trigger KIB   how much is allocated until a cycle begins (default: a 16th of the heap)\n"
		"  --whole         every cycle marks all that lives; with dune most look only for what is new\n"
		"  --verify        prove each cycle by a second trace; poison what is freed\n"
		"  --tracking      no workload: what write tracking alone costs\n"
		"  --dirty N       of 1000 pages, for --tracking (default 10)\n"
		"  --json          one line of JSON for each run\n"
		"  --plot FILE     an SVG: pauses and heap, for all backends that were run\n"
		"  --from FILE     show results that --json wrote, instead of running\n");
}

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "gc-demo: %s: %s\n", what, why);
	return 2;
}

static const struct workload *find_workload(const char *name)
{
	for (int i = 0; workloads[i]; i++)
		if (!strcmp(workloads[i]->name, name))
			return workloads[i];
	return NULL;
}

/* ---- One run, in this process ----------------------------------------------------------- */

static struct json_object *tracking_result(void)
{
	struct json_object *o = json_object_new_object();
	uint64_t first = stats.dirty * tracking_first_write();

	result_add(o, "arm", stats.arm_ticks);
	result_add(o, "first_writes", first);
	result_add(o, "collect", stats.collect_ticks);
	result_add(o, "dirty", stats.dirty);
	result_add(o, "signals", stats.faults);
	result_add(o, "per_page", stats.dirty ? (stats.arm_ticks + first + stats.collect_ticks) / stats.dirty : 0);
	return o;
}

static struct json_object *waits_result(uint64_t n, uint64_t sum, uint64_t max)
{
	struct json_object *o = json_object_new_object();

	result_add(o, "n", n);
	result_add(o, "ticks", sum);
	result_add(o, "max", max);
	return o;
}

static struct json_object *longest_result(const struct pause *p)
{
	static const char *const names[PAUSE_PARTS] = { "stand", "roots", "take", "again", "end" };
	struct json_object *o = json_object_new_object();

	for (int i = 0; i < PAUSE_PARTS; i++)
		result_add(o, names[i], p->part[i]);
	return o;
}

static void add_figures(struct json_object *o, uint64_t total)
{
	size_t n = stats.pauses < MAX_SAMPLES ? stats.pauses : MAX_SAMPLES;

	result_add(o, "ticks", total);
	result_add(o, "cycles", stats.cycles);
	result_add(o, "cycles_young", stats.young);
	json_object_object_add(o, "pauses", result_pauses(stats.pause, n, stats.pauses));
	json_object_object_add(o, "stalls", waits_result(stats.stalls, stats.stall_ticks, stats.stall_max));
	json_object_object_add(o, "paces", waits_result(stats.paces, stats.pace_ticks, stats.pace_max));
	json_object_object_add(o, "longest", longest_result(&stats.longest));
	result_add(o, "stop_signals", stats.stop_signals);
	result_add(o, "pages_scanned", stats.scanned_bytes >> PAGE_SHIFT);
	result_add(o, "pages_again", stats.rescanned);
	result_add(o, "pages_again_in_pause", stats.rescanned_pause);
	json_object_object_add(o, "tracking", tracking_result());
	result_add(o, "exits", stats.exits + stats_exits());
	result_add(o, "finalized", stats.finalized);
	result_add(o, "verified_objects", stats.verified_objects);
	result_add(o, "heap_kib", (heap.top - heap.lo) >> 10);
	json_object_object_add(o, "samples", result_samples(&stats));
}

static int run_workload(struct json_object *o, const struct workload *w)
{
	struct job job = { .threads = opt.threads, .size = opt.size ?: w->size };
	uint64_t t = ticks();
	int bad = w->run(&job);

	gc_finish();		/* what was begun counts */
	t = ticks() - t;
	result_add(o, "size", job.size);
	result_add(o, "ok", !bad);
	add_figures(o, t);
	return bad != 0;
}

static int run_here(struct json_object *o)
{
	struct gc_options options = {
		.backend = opt.backend, .heap_max = opt.heap << 20, .trigger = opt.trigger << 10,
		.whole = opt.whole, .verify = opt.verify,
	};
	const struct workload *w = find_workload(opt.workload);

	if (!w && !opt.tracking)
		return fail(opt.workload, "no such workload; see --help");
	if (gc_start(&options))
		return 2;
	result_add_text(o, "workload", opt.tracking ? "tracking" : w->name);
	result_add_text(o, "backend", opt.backend);
	result_add(o, "threads", opt.threads);
	result_add(o, "heap_mib", opt.heap);
	return opt.tracking ? tracking_measure(o, opt.dirty) : run_workload(o, w);
}

/* ---- Many runs, each in a process of its own ------------------------------------------------ */

static void run_self(const char *workload, const char *backend, int to)
{
	char number[5][24];
	char *argv[24] = { "gc-demo", "--json", "--workload", (char *)workload, "--backend", (char *)backend };
	const struct { const char *name; unsigned long value; } with[] = {
		{ "--threads", opt.threads }, { "--heap", opt.heap }, { "--size", opt.size },
		{ "--trigger", opt.trigger }, { "--dirty", opt.dirty },
	};
	int n = 6;

	for (int i = 0; i < 5; i++) {
		if (!with[i].value)
			continue;
		snprintf(number[i], sizeof(number[i]), "%lu", with[i].value);
		argv[n++] = (char *)with[i].name;
		argv[n++] = number[i];
	}
	if (opt.whole)
		argv[n++] = "--whole";
	if (opt.verify)
		argv[n++] = "--verify";
	if (opt.tracking)
		argv[n++] = "--tracking";
	dup2(to, STDOUT_FILENO);
	close(to);
	execv("/proc/self/exe", argv);
	_exit(fail("/proc/self/exe", strerror(errno)));
}

static char *read_all(int fd)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len), *in = fdopen(fd, "r");
	int c;

	while (in && out && (c = getc(in)) != EOF)
		putc(c, out);
	if (in)
		fclose(in);
	if (out)
		fclose(out);
	return text;
}

/* Its result, or NULL: it said why. */
static struct json_object *run_child(const char *workload, const char *backend)
{
	struct json_object *o = NULL;
	int fds[2], status;
	char *text;
	pid_t pid;

	if (pipe(fds))
		return NULL;
	pid = fork();
	if (!pid) {
		close(fds[0]);
		run_self(workload, backend, fds[1]);
	}
	close(fds[1]);
	text = read_all(fds[0]);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
		fprintf(stderr, "gc-demo: %s, %s: killed by signal %d\n", workload, backend, WTERMSIG(status));
	if (text && *text)
		o = json_tokener_parse(text);
	free(text);
	return o;
}

/* What fails with one backend may be a thing of the machine; that nothing ran is an error. */
static int run_backends(struct json_object *runs, const char *workload)
{
	int ran = 0, wrong = 0;

	for (int i = 0; track_all[i]; i++) {
		struct json_object *o;

		if (strcmp(opt.backend, "all") && strcmp(opt.backend, track_all[i]->name))
			continue;
		o = run_child(workload, track_all[i]->name);
		if (!o)
			continue;
		ran++;
		wrong += !opt.tracking && !result_get(o, "ok");
		json_object_array_add(runs, o);
	}
	return wrong || !ran;
}

static void show_tracking(struct json_object *runs)
{
	static const char *const keys[] = { "dirty", "arm", "first_writes", "collect", "cycle", "per_page", "exits" };

	printf("write tracking alone, ticks; medians\n%-10s", "");
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
		printf(" %13s", keys[k]);
	for (size_t i = 0; i < json_object_array_length(runs); i++) {
		struct json_object *o = json_object_array_get_idx(runs, i);

		printf("\n%-10s", result_text(o, "backend"));
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			printf(" %13lld", (long long)result_get(o, keys[k]));
	}
	printf("\n");
}

static int show(struct json_object *runs)
{
	size_t n = json_object_array_length(runs);

	for (size_t i = 0; opt.json && i < n; i++)
		printf("%s\n", json_object_to_json_string_ext(json_object_array_get_idx(runs, i), JSON_C_TO_STRING_PLAIN));
	if (!opt.json && n && !strcmp(result_text(json_object_array_get_idx(runs, 0), "workload"), "tracking"))
		show_tracking(runs);
	else if (!opt.json && n == 1)
		result_show(json_object_array_get_idx(runs, 0));
	else if (!opt.json && n)
		result_table(runs);
	fflush(stdout);
	return opt.plot && n ? plot_svg(runs, opt.plot) : 0;
}

static int run_many(void)
{
	int bad = 0;

	for (int i = 0; workloads[i]; i++) {
		struct json_object *runs = json_object_new_array();

		if (!opt.tracking && strcmp(opt.workload, "all") && strcmp(opt.workload, workloads[i]->name))
			continue;
		bad |= run_backends(runs, workloads[i]->name);
		bad |= show(runs);
		if (opt.tracking)
			break;
	}
	return bad;
}

static int run_one(void)
{
	struct json_object *runs = json_object_new_array(), *o = json_object_new_object();
	int bad = run_here(o);

	if (bad == 2)
		return 2;
	json_object_array_add(runs, o);
	return show(runs) | bad;
}

static int show_stored(void)
{
	struct json_object *runs = json_object_new_array();
	FILE *f = fopen(opt.from, "r");
	char *line = NULL;
	size_t room = 0;

	if (!f)
		return fail(opt.from, strerror(errno));
	while (getline(&line, &room, f) > 0) {
		struct json_object *o = json_tokener_parse(line);

		if (!o)
			return fail(opt.from, "not what --json writes");
		if (!strcmp(opt.workload, "all") || !strcmp(opt.workload, result_text(o, "workload")))
			json_object_array_add(runs, o);
	}
	free(line);
	fclose(f);
	if (!json_object_array_length(runs))
		return fail(opt.from, "no run of this --workload is in it");
	return show(runs);
}

/* ---- Options -------------------------------------------------------------------------------- */

static unsigned long number(const char *option, const char *text, unsigned long min, unsigned long max)
{
	return result_number("gc-demo", option, text, min, max);
}

static void parse(int argc, char **argv)
{
	static const struct option names[] = {
		{ "workload", 1, NULL, 'w' }, { "backend", 1, NULL, 'b' }, { "threads", 1, NULL, 't' },
		{ "heap", 1, NULL, 'H' }, { "size", 1, NULL, 's' }, { "trigger", 1, NULL, 'g' }, { "verify", 0, NULL, 'v' }, { "whole", 0, NULL, 'W' },
		{ "tracking", 0, NULL, 'T' }, { "dirty", 1, NULL, 'd' }, { "json", 0, NULL, 'j' }, { "plot", 1, NULL, 'p' },
		{ "from", 1, NULL, 'f' }, { "help", 0, NULL, 'h' }, { 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", names, NULL)) != -1)
		switch (c) {
		case 'w': opt.workload = optarg; break;
		case 'b': opt.backend = optarg; break;
		case 't': opt.threads = number("threads", optarg, 1, 64); break;
		case 'H': opt.heap = number("heap", optarg, 4, 65536) & ~1UL; break;
		case 's': opt.size = number("size", optarg, 1, 1UL << 40); break;
		case 'g': opt.trigger = number("trigger", optarg, 64, 1UL << 26); break;
		case 'd': opt.dirty = number("dirty", optarg, 1, 1000); break;
		case 'v': opt.verify = true; break;
		case 'W': opt.whole = true; break;
		case 'T': opt.tracking = true; break;
		case 'j': opt.json = true; break;
		case 'p': opt.plot = optarg; break;
		case 'f': opt.from = optarg; break;
		case 'h': usage(stdout); exit(0);
		default: usage(stderr); exit(2);
		}
	if (optind < argc)
		exit(fail(argv[optind], "not an option; see --help"));
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	if (opt.from)
		return show_stored();
	if (!strcmp(opt.workload, "all") || !strcmp(opt.backend, "all"))
		return run_many();
	return run_one();
}
