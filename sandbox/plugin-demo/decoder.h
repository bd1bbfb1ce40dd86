/* SPDX-License-Identifier: GPL-2.0 */
/* Libraries that decode pictures, called in their compartment. */
#ifndef PLUGIN_DEMO_DECODER_H
#define PLUGIN_DEMO_DECODER_H

#include <dune/plugin.h>

#define SIDE_MAX	4096		/* pixels */

struct picture {
	unsigned int width, height;
	unsigned char *pixels;		/* red, green, blue: width * height * 3 bytes */
};

/**
 * struct decoder
 * @decode: -EILSEQ: the library says that it is no such picture; other errors are those of
 *	    <dune/plugin.h>. What the library answers is checked: it may be anything.
 */
struct decoder {
	const char *object;
	const char *magic;
	size_t magic_len;
	int (*decode)(struct dune_plugin *plugin, const void *bytes, size_t len, struct picture *picture);
};

extern const struct decoder png_decoder, jpeg_decoder;

/* fetch.c: the pixels, from the compartment. */
int fetch_pixels(struct dune_plugin *plugin, uint64_t from, struct picture *picture);
/* Look @name up, and call it. */
int call_by_name(struct dune_plugin *plugin, const char *name, const uint64_t *args, unsigned int count, uint64_t *result);

#endif /* PLUGIN_DEMO_DECODER_H */
