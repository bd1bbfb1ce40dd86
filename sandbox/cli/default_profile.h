/* SPDX-License-Identifier: GPL-2.0 */
/* sandbox/profiles/default.json, as it is in the program. */
#ifndef SANDBOX_DEFAULT_PROFILE_H
#define SANDBOX_DEFAULT_PROFILE_H

extern const char default_profile[], default_profile_end[];

#endif /* SANDBOX_DEFAULT_PROFILE_H */
