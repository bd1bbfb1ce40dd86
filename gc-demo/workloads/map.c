// SPDX-License-Identifier: GPL-2.0
/* A hash map with chains that grows by rehashing; keys come, change and go. */
#include "../mem.h"

struct entry { struct entry *next; unsigned long key, value; };
struct map { struct entry **bucket; unsigned long nr, buckets; };

static unsigned long slot(const struct map *m, unsigned long key)
{
	return (key * 0x9e3779b97f4a7c15UL >> 20) & (m->buckets - 1);
}

static void grow(struct map *m)
{
	struct entry **old = m->bucket;
	unsigned long n = m->buckets;

	m->buckets = n ? 2 * n : 256;
	m->bucket = mem_must(mem_alloc(m->buckets * sizeof(*m->bucket)));
	for (unsigned long i = 0; i < n; i++)
		for (struct entry *e = old[i], *next; e; e = next) {
			unsigned long s = slot(m, e->key);

			next = e->next;
			e->next = m->bucket[s];
			m->bucket[s] = e;
		}
}

static struct entry **find(struct map *m, unsigned long key)
{
	struct entry **e = &m->bucket[slot(m, key)];

	while (*e && (*e)->key != key)
		e = &(*e)->next;
	return e;
}

static void put(struct map *m, unsigned long key, unsigned long value)
{
	struct entry **e;

	if (m->nr >= m->buckets)
		grow(m);
	e = find(m, key);
	if (!*e) {
		*e = mem_must(mem_alloc(sizeof(**e)));
		(*e)->key = key;
		m->nr++;
	}
	(*e)->value = value;
}

static void drop(struct map *m, unsigned long key)
{
	struct entry **e = find(m, key);

	if (*e) {
		*e = (*e)->next;
		m->nr--;
	}
}

/* Keys 0, 1, 2 ...; the one that is n/2 behind goes when it is odd; values are set twice. */
static int run(const struct job *job)
{
	struct map *volatile m = mem_must(mem_alloc(sizeof(*m)));
	unsigned long n = job->size, bad = 0, left = 0;

	for (unsigned long k = 0; k < n; k++) {
		put(m, k, k);
		put(m, k / 2, k / 2 * 3);
		if (k >= n / 2 && (k - n / 2) % 2)
			drop(m, k - n / 2);
	}
	for (unsigned long k = 0; k < n; k++) {
		struct entry *e = *find(m, k);

		left += !!e;
		bad += e && e->value != (k < n / 2 ? 3 * k : k);
	}
	return check("entries with a wrong value", bad, 0) + check("entries that are there", left, m->nr);
}

const struct workload workload_map = { "map", "a hash map that grows, changes and shrinks", 150000, run };
