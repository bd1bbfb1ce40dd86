/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One system call, on its way to text. */
#ifndef DUNE_RT_TRACE_CALL_H
#define DUNE_RT_TRACE_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include "../text.h"

#define CALL_ARGS	6

/**
 * struct trace_call - a call
 * @nr:		its number
 * @args:	its arguments
 * @done:	it is over, and @result is there: memory that it wrote may be shown
 * @result:	see @done
 */
struct trace_call {
	uint64_t nr;
	const uint64_t *args;
	bool done;
	int64_t result;
};

static inline bool trace_failed(const struct trace_call *call)
{
	return call->done && (uint64_t)call->result >= -4095ULL;
}

/* trace_kinds.c: a letter for each argument (trace_args.c has the meanings), NULL if not known. */
const char *trace_kinds(uint64_t nr);

/* trace_args.c: does the call look at argument @i at all? */
bool trace_has_arg(const struct trace_call *call, unsigned int i, char kind);

/* trace_args.c: argument @i, which is of that kind. */
void trace_put_arg(struct dune_text *text, const struct trace_call *call, unsigned int i,
		   char kind);

/* trace_args.c: up to @size bytes at @address, as far as they can be read. How many. */
size_t trace_peek(void *to, uint64_t address, size_t size);

/* trace_flags.c: @value by the names that its kind has; false: there are none for it. */
bool trace_put_flags(struct dune_text *text, char kind, uint64_t value);
void trace_put_signal(struct dune_text *text, uint64_t sig);

#endif /* DUNE_RT_TRACE_CALL_H */
