// SPDX-License-Identifier: GPL-2.0
/* A plugin that behaves. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int counter = 41;
static volatile char big[256 * 4096];

long add(long a, long b);
long add(long a, long b)
{
	return a + b;
}

long twelve(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j, long k, long l);
long twelve(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j, long k, long l)
{
	return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f + 1000000 * g + 10000000 * h +
	       100000000 * i + 1000000000L * j + 10000000000L * k + 100000000000L * l;
}

int count(void);
int count(void)
{
	return ++counter;
}

/* Write to @n pages. */
long dirty(long n);
long dirty(long n)
{
	long i;

	for (i = 0; i < n && i < 256; i++)
		big[i * 4096] = 1;
	return i;
}

/* With libc: heap, and vector instructions. */
long upper(char *text, long len);
long upper(char *text, long len)
{
	char *copy = malloc(len);
	long i;

	if (!copy)
		return -1;
	memcpy(copy, text, len);
	for (i = 0; i < len; i++)
		text[i] = copy[i] >= 'a' && copy[i] <= 'z' ? copy[i] - 32 : copy[i];
	free(copy);
	return len;
}

long sum(const unsigned char *bytes, long len);
long sum(const unsigned char *bytes, long len)
{
	long total = 0;

	while (len--)
		total += *bytes++;
	return total;
}

/* Memory that is not given back. */
void *keep(long len);
void *keep(long len)
{
	char *block = malloc(len);

	if (block)
		block[0] = block[len - 1] = 7;
	return block;
}

long read_file(const char *path);
long read_file(const char *path)
{
	char first[16] = "";
	FILE *f = fopen(path, "r");

	if (!f)
		return -1;
	if (fread(first, 1, 8, f) != 8)
		first[0] = 0;
	fclose(f);
	return first[0];
}

double half(void);
double half(void)
{
	volatile double x = 1.0;

	return x / 2;
}
