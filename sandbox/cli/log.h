/* SPDX-License-Identifier: GPL-2.0 */
/* --log: the monitor's records of denials, in words. */
#ifndef SANDBOX_LOG_H
#define SANDBOX_LOG_H

#include <stddef.h>
#include "sandbox/policy/policy.h"

/* Open the file of --log ("" is standard error), or exit. */
int log_open(const char *file);

/* Read the records that are there now from socket; they are the sandbox's, so not believed. */
void log_read(int socket, int out);

/*
 * One record as a line of text (with its end) in line; its length. length is the record's, as it
 * was received.
 */
size_t log_format(const struct sandbox_record *r, size_t length, char *line, size_t size);

#endif /* SANDBOX_LOG_H */
