/* SPDX-License-Identifier: GPL-2.0 */
/* The program, as it is inside the sandbox. */
#ifndef SANDBOX_PROGRAM_H
#define SANDBOX_PROGRAM_H

/*
 * Find name as execvp() does, and see whether it can be run here. Returns its path; exits
 * with a message that says what is missing in the sandbox.
 */
char *program_need(const char *name);

#endif /* SANDBOX_PROGRAM_H */
