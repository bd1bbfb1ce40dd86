/* SPDX-License-Identifier: GPL-2.0 */
/* The host's side of a running sandbox. */
#ifndef SANDBOX_SUPERVISE_H
#define SANDBOX_SUPERVISE_H

#include <sys/types.h>

/*
 * Wait for the sandbox, pass on what signals we are sent, and write its log from log_socket to
 * log_out (-1: none). Returns the program's wait status, or, where process 1 failed before
 * there was a program, that one's.
 */
int supervise(pid_t process_one, int status_pipe, int log_socket, int log_out);

/* End as the program did. */
__attribute__((noreturn)) void supervise_end(int status);

#endif /* SANDBOX_SUPERVISE_H */
