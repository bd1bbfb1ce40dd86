// SPDX-License-Identifier: GPL-2.0
/*
 * plugin-demo [-o DIRECTORY] [--evil OBJECT] FILE... - decode pictures by libraries that are not trusted
 *
 * Debian's own libpng and libturbojpeg, as they are, run in compartments; so does an object that
 * attacks its host. The pictures are decoded before and after the attacks, and written as PPM
 * files: DIRECTORY/NAME.before.ppm and DIRECTORY/NAME.after.ppm.
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <dune/plugin.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "decoder.h"

/* A corrupt picture may keep a decoder busy, on an emulated machine as well. */
#define TIME_OF_A_CALL	(60UL * 1000000000)
#define TIME_OF_EVIL	(1UL * 1000000000)
#define FILE_MAX	(16UL << 20)

struct file {
	const char *path;
	unsigned char *bytes;
	size_t len;
	struct picture before;
};

static void fail(const char *format, ...)
{
	va_list ap;

	fputs("plugin-demo: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* ---- Files -------------------------------------------------------------------------------------- */

static void read_file(struct file *file)
{
	FILE *f = fopen(file->path, "rb");

	if (!f)
		fail("%s: %s", file->path, strerror(errno));
	file->bytes = malloc(FILE_MAX);
	file->len = file->bytes ? fread(file->bytes, 1, FILE_MAX, f) : 0;
	if (!file->len || file->len == FILE_MAX)
		fail("%s: empty, or larger than %lu MiB", file->path, FILE_MAX >> 20);
	fclose(f);
}

static void write_picture(const char *directory, const char *path, const char *when, const struct picture *picture)
{
	const char *slash = strrchr(path, '/');
	char name[4096];
	FILE *f;

	snprintf(name, sizeof(name), "%s/%s.%s.ppm", directory, slash ? slash + 1 : path, when);
	f = fopen(name, "wb");
	if (!f)
		fail("%s: %s", name, strerror(errno));
	fprintf(f, "P6\n%u %u\n255\n", picture->width, picture->height);
	fwrite(picture->pixels, 3, (size_t)picture->width * picture->height, f);
	if (fclose(f))
		fail("%s: %s", name, strerror(errno));
}

/* ---- Decoders ---------------------------------------------------------------------------------------- */

static struct dune_plugin *open_object(const char *path, uint64_t time_ns)
{
	struct dune_plugin_policy policy = { .time_ns = time_ns };
	struct dune_plugin *plugin;
	int err = dune_plugin_open(path, &policy, &plugin);

	if (err)
		fail("%s: %s%s%s", path, strerror(-err), plugin ? ": " : "", plugin ? dune_plugin_error(plugin)->text : "");
	return plugin;
}

static const struct decoder *decoder_of(const struct file *file)
{
	static const struct decoder *const all[] = { &png_decoder, &jpeg_decoder };
	unsigned int i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (file->len > all[i]->magic_len && !memcmp(file->bytes, all[i]->magic, all[i]->magic_len))
			return all[i];
	fail("%s: neither PNG nor JPEG", file->path);
	return NULL;
}

/* In a compartment of its own, new for each picture: what one file does to it is not there for the next. */
static void decode(const struct file *file, struct picture *picture)
{
	const struct decoder *decoder = decoder_of(file);
	struct dune_plugin *plugin = open_object(decoder->object, TIME_OF_A_CALL);
	int err = decoder->decode(plugin, file->bytes, file->len, picture);
	struct dune_plugin_stats stats;

	if (err)
		fail("%s: %s", file->path, strerror(-err));
	dune_plugin_stats(plugin, &stats);
	printf("%s: %u x %u, by %s: %lu system calls answered, %lu refused\n", file->path, picture->width,
	       picture->height, decoder->object, (unsigned long)stats.calls, (unsigned long)stats.refused);
	dune_plugin_close(plugin);
}

/* Every byte of the file spoilt in turn, or as many as are worth it: the decoder is to survive, or else the host. */
static void spoil(struct file *file)
{
	const struct decoder *decoder = decoder_of(file);
	struct dune_plugin *plugin = open_object(decoder->object, TIME_OF_A_CALL);
	unsigned int decoded = 0, refused = 0, crashed = 0;
	size_t i, step = file->len / 16 + 1;

	for (i = decoder->magic_len; i < file->len; i += step) {
		struct picture picture = { 0 };
		int err;

		file->bytes[i] ^= 0xff;
		err = decoder->decode(plugin, file->bytes, file->len, &picture);
		file->bytes[i] ^= 0xff;
		decoded += !err;
		refused += err == -EILSEQ;
		crashed += err && err != -EILSEQ;
		free(picture.pixels);
		if (dune_plugin_reset(plugin))
			fail("%s: cannot be reset", decoder->object);
	}
	printf("%s, spoilt: decoded all the same %u times, refused by the decoder %u times, crashed or out of time %u times\n",
	       file->path, decoded, refused, crashed);
	dune_plugin_close(plugin);
}

/* ---- The other one ----------------------------------------------------------------------------------------- */

static const char *const reasons[] = {
	[DUNE_PLUGIN_FINE] = "it came back", [DUNE_PLUGIN_CRASH] = "it crashed", [DUNE_PLUGIN_TIME] = "its time was over",
	[DUNE_PLUGIN_REFUSED] = "a system call was refused", [DUNE_PLUGIN_EXIT] = "it ended itself",
	[DUNE_PLUGIN_LOAD] = "it was not loaded",
};

static void attack(struct dune_plugin *plugin, const char *name, uint64_t a, uint64_t b)
{
	const struct dune_plugin_error *e = dune_plugin_error(plugin);
	uint64_t fn, value = 0;
	int err;

	dune_plugin_limit(plugin, TIME_OF_A_CALL);
	if (dune_plugin_sym(plugin, name, &fn))
		fail("the evil object has no %s", name);
	dune_plugin_limit(plugin, TIME_OF_EVIL);
	err = dune_plugin_call(plugin, fn, (uint64_t[]){ a, b }, 2, &value);
	printf("  %-22s %s", name, reasons[e->reason]);
	if (!err)
		printf(", with %ld", (long)value);
	else if (e->reason == DUNE_PLUGIN_CRASH)
		printf(": vector %u at %#lx, address %#lx", e->vector, (long)e->rip, (long)e->address);
	putchar('\n');
	err = dune_plugin_reset(plugin);
	if (err)
		fail("the evil object cannot be reset: %s", strerror(-err));
}

static void attacks(const char *object, const struct file *file)
{
	struct dune_plugin *plugin = open_object(object, TIME_OF_A_CALL);
	static const char secret[] = "not for plugins";

	printf("%s attacks its host:\n", object);
	attack(plugin, "steal", (uintptr_t)secret, 0);
	attack(plugin, "scribble", (uintptr_t)file->before.pixels, 64);
	attack(plugin, "take_over", (uintptr_t)system, 0);
	attack(plugin, "kill_host", getpid(), 0);
	attack(plugin, "read_passwords", 0, 0);
	attack(plugin, "unmap_host", (uintptr_t)file->before.pixels, 0);
	attack(plugin, "hypercall", 0, 0);
	attack(plugin, "hang", 0, 0);
	attack(plugin, "bomb", 0, 0);
	attack(plugin, "leave", 0, 0);
	dune_plugin_close(plugin);
}

/* ---- All of it -------------------------------------------------------------------------------------------------- */

static bool compare(const struct file *file, const char *directory)
{
	struct picture after = { 0 };
	bool same;

	decode(file, &after);
	same = after.width == file->before.width && after.height == file->before.height &&
	       !memcmp(after.pixels, file->before.pixels, (size_t)after.width * after.height * 3);
	printf("%s: the picture is %s\n", file->path, same ? "the same as before" : "ANOTHER ONE");
	if (directory)
		write_picture(directory, file->path, "after", &after);
	free(after.pixels);
	return same;
}

static int usage(void)
{
	fprintf(stderr, "usage: plugin-demo [-o DIRECTORY] [--evil OBJECT] FILE...\n\n"
		"Decodes PNG and JPEG files by libraries in compartments, and by an OBJECT that attacks\n"
		"its host in between. DIRECTORY gets the pictures, as PPM files.\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "evil", 1, NULL, 'e' }, { NULL, 0, NULL, 0 } };
	const char *directory = NULL, *evil = NULL;
	bool same = true;
	struct file *file;
	int i, n, c, err;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (c == 'o')
			directory = optarg;
		else if (c == 'e')
			evil = optarg;
		else
			return usage();
	}
	n = argc - optind;
	if (!n)
		return usage();
	err = dune_init();
	if (err)
		fail("Dune mode: %s%s", strerror(-err), err == -ENOENT ? " (is dune.ko loaded?)" : "");
	file = calloc(n, sizeof(*file));
	for (i = 0; i < n && file; i++) {
		file[i].path = argv[optind + i];
		read_file(&file[i]);
		decode(&file[i], &file[i].before);
		if (directory)
			write_picture(directory, file[i].path, "before", &file[i].before);
	}
	for (i = 0; i < n; i++)
		spoil(&file[i]);
	if (evil)
		attacks(evil, &file[0]);
	for (i = 0; i < n; i++)
		same &= compare(&file[i], directory);
	printf("%s\n", same ? "plugin-demo: the host is whole" : "plugin-demo: the host was harmed");
	return !same;
}
