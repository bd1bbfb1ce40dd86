// SPDX-License-Identifier: GPL-2.0
/* libpng, by its "simplified" functions. Only the header of it is used here. */
#include "decoder.h"
#include <errno.h>
#include <png.h>
#include <string.h>

/* Its struct, in the compartment: @at. What comes back in it is the library's word. */
static int begin(struct dune_plugin *plugin, uint64_t at, uint64_t bytes, size_t len, png_image *image)
{
	uint64_t done;
	int err;

	memset(image, 0, sizeof(*image));
	image->version = PNG_IMAGE_VERSION;
	err = dune_plugin_write(plugin, at, image, sizeof(*image));
	if (!err)
		err = call_by_name(plugin, "png_image_begin_read_from_memory", (uint64_t[]){ at, bytes, len }, 3, &done);
	if (!err)
		err = dune_plugin_read(plugin, image, at, sizeof(*image));
	if (!err && (!(int)done || !image->width || !image->height || image->width > SIDE_MAX || image->height > SIDE_MAX))
		err = -EILSEQ;
	return err;
}

static int finish(struct dune_plugin *plugin, uint64_t at, png_image *image, struct picture *picture)
{
	uint64_t pixels, done;
	int err;

	picture->width = image->width;
	picture->height = image->height;
	image->format = PNG_FORMAT_RGB;
	err = dune_plugin_write(plugin, at, image, sizeof(*image));
	if (!err)
		err = dune_plugin_alloc(plugin, (size_t)picture->width * picture->height * 3, &pixels);
	if (!err)
		err = call_by_name(plugin, "png_image_finish_read", (uint64_t[]){ at, 0, pixels, 0, 0 }, 5, &done);
	if (!err && !(int)done)
		err = -EILSEQ;
	return err ? err : fetch_pixels(plugin, pixels, picture);
}

static int decode(struct dune_plugin *plugin, const void *bytes, size_t len, struct picture *picture)
{
	uint64_t at, copy;
	png_image image;
	int err = dune_plugin_alloc(plugin, sizeof(image), &at);

	if (!err)
		err = dune_plugin_put(plugin, bytes, len, &copy);
	if (!err)
		err = begin(plugin, at, copy, len, &image);
	return err ? err : finish(plugin, at, &image, picture);
}

const struct decoder png_decoder = {
	.object = "/usr/lib/x86_64-linux-gnu/libpng16.so.16", .magic = "\x89PNG", .magic_len = 4, .decode = decode,
};
