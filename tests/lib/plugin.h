/* SPDX-License-Identifier: GPL-2.0 */
/* Short ways to call plugins, for tests. */
#ifndef TESTS_PLUGIN_H
#define TESTS_PLUGIN_H

#include <dune/plugin.h>
#include "tap.h"

#define PAGE	4096UL

TAP_UNUSED static const char *plugin_complaint(const struct dune_plugin *p, char *text, size_t size)
{
	const struct dune_plugin_error *e = dune_plugin_error(p);

	snprintf(text, size, "reason %d, vector %u, code %#lx, address %#lx, rip %#lx, number %ld %s", e->reason,
		 e->vector, (long)e->code, (long)e->address, (long)e->rip, (long)e->number, e->text);
	return text;
}

TAP_UNUSED static struct dune_plugin *open_plugin(const char *path, const struct dune_plugin_policy *policy)
{
	struct dune_plugin *p;
	int err = dune_plugin_open(path, policy, &p);
	char text[512];

	if (err)
		bail("dune_plugin_open: %s: %s: %s", path, strerror(-err), p ? plugin_complaint(p, text, sizeof(text)) : "");
	return p;
}

TAP_UNUSED static uint64_t symbol(struct dune_plugin *p, const char *name)
{
	uint64_t address = 0;
	int err = dune_plugin_sym(p, name, &address);
	char text[512];

	if (err)
		diag("dune_plugin_sym: %s: %s: %s", name, strerror(-err), plugin_complaint(p, text, sizeof(text)));
	return address;
}

/* The error of a call. */
TAP_UNUSED static int try2(struct dune_plugin *p, const char *name, uint64_t a, uint64_t b)
{
	return dune_plugin_call(p, symbol(p, name), (uint64_t[]){ a, b }, 2, NULL);
}

TAP_UNUSED static long call3(struct dune_plugin *p, const char *name, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t value = 0;
	int err = dune_plugin_call(p, symbol(p, name), (uint64_t[]){ a, b, c }, 3, &value);
	char text[512];

	if (err)
		diag("%s: %s: %s", name, strerror(-err), plugin_complaint(p, text, sizeof(text)));
	return err ? -0x7777 : (long)value;
}

#define call2(p, name, a, b)	call3(p, name, a, b, 0)
#define call1(p, name, a)	call3(p, name, a, 0, 0)
#define call0(p, name)		call3(p, name, 0, 0, 0)

TAP_UNUSED static long call_text(struct dune_plugin *p, const char *name, const char *text)
{
	uint64_t at;

	if (dune_plugin_put(p, text, strlen(text) + 1, &at))
		return -0x7777;
	return call1(p, name, at);
}

#endif /* TESTS_PLUGIN_H */
