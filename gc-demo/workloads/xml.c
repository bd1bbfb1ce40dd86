// SPDX-License-Identifier: GPL-2.0
/* expat parses a large document into a tree; the parser's own memory is the collector's as well. */
#include "../mem.h"
#include <expat.h>
#include <string.h>

struct attribute { struct attribute *next; char *name, *value; };
struct element {
	struct element *parent, *first, *last, *next;
	char *name, *text;
	struct attribute *attributes;
};

static void *xml_alloc(size_t n)		{ return mem_alloc(n); }
static void *xml_realloc(void *p, size_t n)	{ return mem_realloc(p, n); }
static void xml_free(void *p)			{ }

static char *copy(const char *s, size_t n)
{
	char *p = mem_must(mem_alloc_leaf(n + 1));

	return memcpy(p, s, n);
}

static void on_start(void *data, const char *name, const char **attribute)
{
	struct element **at = data, *e = mem_must(mem_alloc(sizeof(*e)));

	e->name = copy(name, strlen(name));
	for (; *attribute; attribute += 2) {
		struct attribute *a = mem_must(mem_alloc(sizeof(*a)));

		a->name = copy(attribute[0], strlen(attribute[0]));
		a->value = copy(attribute[1], strlen(attribute[1]));
		a->next = e->attributes;
		e->attributes = a;
	}
	e->parent = *at;
	if (e->parent->last)
		e->parent->last->next = e;
	else
		e->parent->first = e;
	e->parent->last = e;
	*at = e;
}

static void on_end(void *data, const char *name)
{
	struct element **at = data;

	*at = (*at)->parent;
}

static void on_text(void *data, const char *s, int n)
{
	struct element *e = *(struct element **)data;

	if (!e->text)
		e->text = copy(s, n);
}

/* Records with an id, a name and a parent's number: <r id="7"><n k="3">name 7</n></r> */
static size_t record(char *to, unsigned long i)
{
	return sprintf(to, "<r id=\"%lu\"><n k=\"%lu\">name %lu</n><v>%lu</v></r>\n", i, i % 10, i, i * i);
}

static void sums(const struct element *e, unsigned long *id, unsigned long *value)
{
	for (e = e->first; e; e = e->next) {
		for (struct attribute *a = e->attributes; a; a = a->next)
			*id += strtoul(a->value, NULL, 10);
		if (!strcmp(e->name, "v"))
			*value += strtoul(e->text, NULL, 10);
		sums(e, id, value);
	}
}

static int parse(struct element *root, unsigned long n)
{
	static const XML_Memory_Handling_Suite suite = { xml_alloc, xml_realloc, xml_free };
	struct element **volatile at = mem_must(mem_alloc(sizeof(*at)));
	XML_Parser volatile parser = XML_ParserCreate_MM(NULL, &suite, NULL);
	char text[160];
	int ok = 1;

	*at = root;
	XML_SetUserData(parser, at);
	XML_SetElementHandler(parser, on_start, on_end);
	XML_SetCharacterDataHandler(parser, on_text);
	ok &= XML_Parse(parser, "<doc>", 5, 0);
	for (unsigned long i = 1; i <= n; i++)
		ok &= XML_Parse(parser, text, record(text, i), 0);
	ok &= XML_Parse(parser, "</doc>", 6, 1);
	if (!ok)
		fprintf(stderr, "gc-demo: xml: %s\n", XML_ErrorString(XML_GetErrorCode(parser)));
	XML_ParserFree(parser);
	return !ok;
}

static int run(const struct job *job)
{
	unsigned long n = job->size, id = 0, value = 0, k = 0;
	struct element *volatile root = mem_must(mem_alloc(sizeof(*root)));
	int bad = parse(root, n);

	sums(root, &id, &value);
	for (unsigned long i = 1; i <= n; i++)
		k += i % 10;
	return bad + check("sum of the attributes", id, n * (n + 1) / 2 + k) +
	       check("sum of the texts", value, n * (n + 1) * (2 * n + 1) / 6);
}

const struct workload workload_xml = { "xml", "expat parses a document into a tree", 15000, run };
