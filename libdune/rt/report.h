/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The summary of a process that does not come to write it. */
#ifndef DUNE_RT_REPORT_H
#define DUNE_RT_REPORT_H

/* Before and after the space is made: whoever is at report_fd gets its descriptor. */
void dune_rt_report_begin(void);
void dune_rt_report_end(void);

#endif /* DUNE_RT_REPORT_H */
