/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the stub, in ring 3, and the library say to each other. */
#ifndef LIBDUNE_PLUGIN_CALLS_H
#define LIBDUNE_PLUGIN_CALLS_H

/* System call numbers that Linux does not have. */
#define STUB_READY	0x44000000	/* RDI: struct stub_table */
#define STUB_DONE	0x44000001	/* RDI: what a call returned */

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Addresses of functions; @done is where a call is to return to. */
struct stub_table {
	uint64_t dlopen, dlsym, dlerror, done;
};
#endif

#endif /* LIBDUNE_PLUGIN_CALLS_H */
