// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names of system calls and errors. The tables are made by names.awk. */
#include "names.h"
#include <stddef.h>
#include "names_table.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static const struct error_name restarts[] = {
	[0] = { "ERESTARTSYS", "To be restarted if SA_RESTART is set" },
	[1] = { "ERESTARTNOINTR", "To be restarted" },
	[2] = { "ERESTARTNOHAND", "To be restarted if no handler" },
	[3] = { NULL, NULL },
	[4] = { "ERESTART_RESTARTBLOCK", "Interrupted by signal" },
};

const char *dune_call_name(uint64_t number)
{
	return number < COUNT(calls) ? calls[number] : NULL;
}

const struct error_name *dune_error_name(uint64_t error)
{
	const struct error_name *found = NULL;

	if (error < COUNT(errors))
		found = &errors[error];
	else if (error - RESTART_ERROR_FIRST < COUNT(restarts))
		found = &restarts[error - RESTART_ERROR_FIRST];
	return found && found->name ? found : NULL;
}
