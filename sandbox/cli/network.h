/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SANDBOX_NETWORK_H
#define SANDBOX_NETWORK_H

/* Bring the loopback interface of this network namespace up. */
void network_loopback(void);

#endif /* SANDBOX_NETWORK_H */
