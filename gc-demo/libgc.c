// SPDX-License-Identifier: GPL-2.0
/*
 * gc-libgc: the workloads of gc-demo on libgc, the Boehm collector, unmodified.
 *
 *	--mode full		it stops the world to mark
 *	--mode incremental	its incremental mode, with its own write tracking: Linux's soft-dirty bits, else mprotect()
 *	--mode dune		its incremental mode, with soft-dirty bits that are those of Dune mode's page tables
 *
 * The first two also run under dune-run.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "libgc_dirty.h"
#include "mem.h"
#include "result.h"
#include "stats.h"

static struct {
	const char *workload, *mode;
	unsigned long threads, heap, size;
	bool json;
} opt = { .workload = "gcbench", .mode = "incremental", .threads = 1, .heap = 64 };

static uint64_t stopped_at, cycles;

static void on_event(GC_EventType event)
{
	switch (event) {
	case GC_EVENT_START:
		cycles++;
		break;
	case GC_EVENT_PRE_STOP_WORLD:
		stopped_at = ticks();
		break;
	case GC_EVENT_POST_START_WORLD:
		stats_pause(ticks() - stopped_at);
		break;
	default:
		break;
	}
}

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "gc-libgc: %s: %s\n", what, why);
	return 2;
}

static int start(void)
{
	bool with_dune = !strcmp(opt.mode, "dune");
	const char *why = NULL;
	int err;

	if (!with_dune && strcmp(opt.mode, "full") && strcmp(opt.mode, "incremental"))
		return fail(opt.mode, "no such --mode: full, incremental, dune");
	if (with_dune)
		why = libgc_dirty_init();
	if (why)
		return fail("no Dune mode", why);
	/* One marker, as the collector it is compared with. */
	setenv("GC_MARKERS", "1", 1);
	GC_set_on_collection_event(on_event);
	GC_INIT();
	GC_set_max_heap_size(opt.heap << 20);
	if (!strcmp(opt.mode, "incremental"))
		GC_enable_incremental();
	err = with_dune ? libgc_dirty_start() : 0;
	return err ? fail("libgc's write tracking", strerror(-err)) : 0;
}

static int run(struct json_object *o, const struct workload *w)
{
	struct job job = { .threads = opt.threads, .size = opt.size ?: w->size };
	struct json_object *tracking = json_object_new_object();
	uint64_t t = ticks();
	int bad = w->run(&job);

	t = ticks() - t;
	result_add_text(o, "workload", w->name);
	result_add_text(o, "backend", opt.mode);
	result_add_text(o, "collector", "libgc");
	result_add(o, "threads", opt.threads);
	result_add(o, "heap_mib", opt.heap);
	result_add(o, "size", job.size);
	result_add(o, "ok", !bad);
	result_add(o, "ticks", t);
	result_add(o, "cycles", cycles);
	json_object_object_add(o, "pauses",
			       result_pauses(stats.pause, stats.pauses < MAX_SAMPLES ? stats.pauses : MAX_SAMPLES, stats.pauses));
	result_add_text(tracking, "by", strcmp(opt.mode, "full") == 0 ? "nothing" :
			GC_incremental_protection_needs() ? "mprotect" : "soft-dirty bits");
	result_add(tracking, "dirty", libgc_dirty.pages);
	result_add(tracking, "collect", libgc_dirty.ticks);
	json_object_object_add(o, "tracking", tracking);
	result_add(o, "exits", stats_exits());
	result_add(o, "heap_kib", GC_get_heap_size() >> 10);
	return bad != 0;
}

static const struct workload *find_workload(void)
{
	for (int i = 0; workloads[i]; i++)
		if (!strcmp(workloads[i]->name, opt.workload))
			return workloads[i];
	return NULL;
}

static void usage(FILE *f)
{
	fprintf(f, "usage: gc-libgc [--workload W] [--mode full | incremental | dune] [--threads N] [--heap MIB] [--size N] [--json]\n\n"
		"The workloads of gc-demo on libgc.\n");
}

static void parse(int argc, char **argv)
{
	static const struct option names[] = {
		{ "workload", 1, NULL, 'w' }, { "mode", 1, NULL, 'm' }, { "threads", 1, NULL, 't' }, { "heap", 1, NULL, 'H' },
		{ "size", 1, NULL, 's' }, { "json", 0, NULL, 'j' }, { "help", 0, NULL, 'h' }, { 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", names, NULL)) != -1)
		switch (c) {
		case 'w': opt.workload = optarg; break;
		case 'm': opt.mode = optarg; break;
		case 't': opt.threads = result_number("gc-libgc", "threads", optarg, 1, 64); break;
		case 'H': opt.heap = result_number("gc-libgc", "heap", optarg, 4, 65536); break;
		case 's': opt.size = result_number("gc-libgc", "size", optarg, 1, 1UL << 40); break;
		case 'j': opt.json = true; break;
		case 'h': usage(stdout); exit(0);
		default: usage(stderr); exit(2);
		}
}

int main(int argc, char **argv)
{
	struct json_object *o = json_object_new_object();
	const struct workload *w;
	int bad;

	parse(argc, argv);
	w = find_workload();
	if (!w)
		return fail(opt.workload, "no such workload; gc-demo --help names them");
	if (start())
		return 2;
	bad = run(o, w);
	if (opt.json)
		printf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	else
		result_show(o);
	return bad;
}
