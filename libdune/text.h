/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text put together piece by piece in a buffer that its user has. What does not fit
 * is left out; nothing is allocated, and only general registers are used.
 */
#ifndef LIBDUNE_TEXT_H
#define LIBDUNE_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct dune_text {
	char *buffer;
	size_t size, length;
};

#define DUNE_TEXT(array)	{ .buffer = (array), .size = sizeof(array) }

void dune_put_char(struct dune_text *text, char c);
void dune_put(struct dune_text *text, const char *s);
void dune_put_decimal(struct dune_text *text, int64_t value);
void dune_put_unsigned(struct dune_text *text, uint64_t value);
void dune_put_octal(struct dune_text *text, uint64_t value);	/* with a leading 0 */
void dune_put_hex(struct dune_text *text, uint64_t value);	/* with 0x */
void dune_put_digits(struct dune_text *text, uint64_t value, int digits);	/* hexadecimal */

/* Spaces up to @column of the line. */
void dune_put_to(struct dune_text *text, size_t line_start, size_t column);

/* Write all of it. */
void dune_text_write(int fd, const struct dune_text *text);

#endif /* LIBDUNE_TEXT_H */
