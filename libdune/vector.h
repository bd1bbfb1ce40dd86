/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The FPU and vector state. */
#ifndef LIBDUNE_VECTOR_H
#define LIBDUNE_VECTOR_H

/* How vector_state.S saves the FPU and vector state on this machine. Ordinary mode. */
void dune_vector_init(void);

#endif /* LIBDUNE_VECTOR_H */
