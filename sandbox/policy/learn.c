// SPDX-License-Identifier: GPL-2.0
/* What --learn sees: counts of calls, and the values of a few arguments. */
#include <asm/unistd.h>
#include "policy.h"

static void add_value(struct sandbox_values *values, uint32_t value)
{
	uint64_t wanted = SANDBOX_VALUE_USED | value;

	for (unsigned int i = 0; i < SANDBOX_VALUES; i++) {
		uint64_t found = 0;

		/* Fails, with what is there, where another thread was faster. */
		if (__atomic_compare_exchange_n(&values->slot[i], &found, wanted, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
		    found == wanted)
			return;
	}
	__atomic_store_n(&values->overflow, 1, __ATOMIC_RELAXED);
}

static void add_argument(struct sandbox_learn *learn, const struct seccomp_data *call)
{
	switch (call->nr) {
	case __NR_socket:
		add_value(&learn->values[SANDBOX_VALUES_SOCKET], (uint32_t)call->args[0]);
		break;
	case __NR_ioctl:
		add_value(&learn->values[SANDBOX_VALUES_IOCTL], (uint32_t)call->args[1]);
		break;
	case __NR_prctl:
		add_value(&learn->values[SANDBOX_VALUES_PRCTL], (uint32_t)call->args[0]);
		break;
	case __NR_personality:
		add_value(&learn->values[SANDBOX_VALUES_PERSONALITY], (uint32_t)call->args[0]);
	}
}

void sandbox_learn_call(struct sandbox_learn *learn, const struct seccomp_data *call,
			bool refused)
{
	uint32_t nr = (uint32_t)call->nr;

	if (nr >= SANDBOX_CALLS)
		return;
	__atomic_fetch_add(refused ? &learn->refused[nr] : &learn->made[nr], 1, __ATOMIC_RELAXED);
	if (!refused)
		add_argument(learn, call);
}
