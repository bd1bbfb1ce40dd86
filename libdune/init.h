/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process, brought up once. */
#ifndef LIBDUNE_INIT_H
#define LIBDUNE_INIT_H

#include <stdbool.h>

/* dune_init() was called, with success. */
bool dune_ready(void);

#endif /* LIBDUNE_INIT_H */
