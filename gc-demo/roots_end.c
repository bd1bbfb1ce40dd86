// SPDX-License-Identifier: GPL-2.0
/*
 * Linked after all of the program and before libdune: what comes behind it in .bss is libdune's, which keeps no
 * objects of ours, but has a large table that would be looked through in every pause.
 */
#include "mark.h"

char roots_end[8];
