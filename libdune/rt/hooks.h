/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DUNE_RT_HOOKS_H
#define DUNE_RT_HOOKS_H

/* Have the host loop call the runtime. */
void dune_rt_hooks_init(void);

#endif /* DUNE_RT_HOOKS_H */
