/* SPDX-License-Identifier: GPL-2.0 */
/* The monitor's memory, as a program in the sandbox finds it, and parts of it. */
#ifndef TESTS_OWN_H
#define TESTS_OWN_H

#include <stdint.h>

extern uint64_t own_start, own_end, own_data, own_text;

void find_own(void);

#endif /* TESTS_OWN_H */
