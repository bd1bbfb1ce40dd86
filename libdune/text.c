// SPDX-License-Identifier: LGPL-2.1-or-later
/* Text put together in a buffer. */
#include "text.h"
#include "raw.h"

void dune_put_char(struct dune_text *text, char c)
{
	if (text->length < text->size)
		text->buffer[text->length++] = c;
}

void dune_put(struct dune_text *text, const char *s)
{
	while (*s)
		dune_put_char(text, *s++);
}

/* To any base from 8 to 16. */
static void put_number(struct dune_text *text, uint64_t value, unsigned int base)
{
	char s[23];
	int i = sizeof(s) - 1;

	s[i] = 0;
	do
		s[--i] = "0123456789abcdef"[value % base];
	while (value /= base);
	dune_put(text, s + i);
}

void dune_put_unsigned(struct dune_text *text, uint64_t value)
{
	put_number(text, value, 10);
}

void dune_put_decimal(struct dune_text *text, int64_t value)
{
	if (value < 0)
		dune_put_char(text, '-');
	put_number(text, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

void dune_put_octal(struct dune_text *text, uint64_t value)
{
	if (value)
		dune_put_char(text, '0');
	put_number(text, value, 8);
}

void dune_put_hex(struct dune_text *text, uint64_t value)
{
	dune_put(text, "0x");
	put_number(text, value, 16);
}

void dune_put_digits(struct dune_text *text, uint64_t value, int digits)
{
	int i;

	for (i = digits - 1; i >= 0; i--)
		dune_put_char(text, "0123456789abcdef"[value >> (4 * i) & 15]);
}

void dune_put_to(struct dune_text *text, size_t line_start, size_t column)
{
	while (text->length - line_start < column && text->length < text->size)
		dune_put_char(text, ' ');
}

void dune_text_write(int fd, const struct dune_text *text)
{
	size_t done = 0;

	while (done < text->length) {
		long n = raw_write(fd, text->buffer + done, text->length - done);

		if (n <= 0)
			break;
		done += n;
	}
}
