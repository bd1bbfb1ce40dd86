/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What leaves the library: every function so marked is in libdune.map too. */
#ifndef LIBDUNE_EXPORT_H
#define LIBDUNE_EXPORT_H

#ifndef DUNE_API
#define DUNE_API __attribute__((visibility("default")))
#endif

#endif /* LIBDUNE_EXPORT_H */
