// SPDX-License-Identifier: GPL-2.0
/* What all decoders need. */
#include "decoder.h"
#include <errno.h>
#include <stdlib.h>

int fetch_pixels(struct dune_plugin *plugin, uint64_t from, struct picture *picture)
{
	size_t len = (size_t)picture->width * picture->height * 3;
	int err;

	picture->pixels = malloc(len);
	if (!picture->pixels)
		return -ENOMEM;
	err = dune_plugin_read(plugin, picture->pixels, from, len);
	if (err) {
		free(picture->pixels);
		picture->pixels = NULL;
	}
	return err;
}

int call_by_name(struct dune_plugin *plugin, const char *name, const uint64_t *args, unsigned int count, uint64_t *result)
{
	uint64_t fn;
	int err = dune_plugin_sym(plugin, name, &fn);

	return err ? err : dune_plugin_call(plugin, fn, args, count, result);
}
