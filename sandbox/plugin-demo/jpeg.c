// SPDX-License-Identifier: GPL-2.0
/* libturbojpeg. Only the header of it is used here. */
#include "decoder.h"
#include <errno.h>
#include <turbojpeg.h>

static int read_header(struct dune_plugin *plugin, uint64_t handle, uint64_t bytes, size_t len, struct picture *picture)
{
	int answer[3];		/* width, height, subsampling */
	uint64_t at, failed;
	int err = dune_plugin_alloc(plugin, sizeof(answer), &at);

	if (!err)
		err = call_by_name(plugin, "tjDecompressHeader2", (uint64_t[]){ handle, bytes, len, at, at + 4, at + 8 }, 6,
				   &failed);
	if (!err)
		err = dune_plugin_read(plugin, answer, at, sizeof(answer));
	if (err)
		return err;
	if ((int)failed || answer[0] <= 0 || answer[1] <= 0 || answer[0] > SIDE_MAX || answer[1] > SIDE_MAX)
		return -EILSEQ;
	picture->width = answer[0];
	picture->height = answer[1];
	return 0;
}

static int decode(struct dune_plugin *plugin, const void *bytes, size_t len, struct picture *picture)
{
	uint64_t handle, copy, pixels, failed;
	int err = dune_plugin_put(plugin, bytes, len, &copy);

	if (!err)
		err = call_by_name(plugin, "tjInitDecompress", NULL, 0, &handle);
	if (!err)
		err = read_header(plugin, handle, copy, len, picture);
	if (!err)
		err = dune_plugin_alloc(plugin, (size_t)picture->width * picture->height * 3, &pixels);
	if (!err)
		err = call_by_name(plugin, "tjDecompress2",
				   (uint64_t[]){ handle, copy, len, pixels, picture->width, 0, picture->height, TJPF_RGB, 0 },
				   9, &failed);
	if (!err && (int)failed)
		err = -EILSEQ;
	return err ? err : fetch_pixels(plugin, pixels, picture);
}

const struct decoder jpeg_decoder = {
	.object = "/usr/lib/x86_64-linux-gnu/libturbojpeg.so.0", .magic = "\xff\xd8\xff", .magic_len = 3, .decode = decode,
};
