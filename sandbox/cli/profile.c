// SPDX-License-Identifier: GPL-2.0
/*
 * Profiles: from JSON to rules.
 *
 * What is not understood is an error, with the place where it is: a key with a typo that
 * was silently ignored would be a rule that does not hold. Names of system calls are the
 * exception, since profiles are written for many kernels and processors.
 */
#include "profile.h"
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "default_profile.h"
#include "say.h"

#define PROFILE_MAX	(16 << 20)	/* bytes of a file that can be a profile */
#define MAX_ERRNO	4095

/* Where we are in the file, and what is wrong there. */
struct reader {
	struct profile *profile;
	const char *name;
	char where[128];
	char *why;
};

static __attribute__((format(printf, 2, 3))) bool wrong(struct reader *r, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!r->why && asprintf(&r->why, "%s: %s%s%s", r->name, r->where, *r->where ? ": " : "", text) < 0)
		need_memory(NULL);
	return false;
}

/* ---- small parts ---------------------------------------------------------------------- */

struct word {
	const char *name;
	uint32_t value;
};

static const struct word actions[] = {
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW }, { "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0) },
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD }, { "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS }, { "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG }, { "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0) },
	{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY }, { NULL, 0 }
};

static const struct word operators[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE }, { "SCMP_CMP_LT", SCMP_CMP_LT }, { "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ }, { "SCMP_CMP_GE", SCMP_CMP_GE }, { "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ }, { NULL, 0 }
};

static bool look_up(const struct word *words, const char *name, uint32_t *value)
{
	for (; words->name; words++)
		if (!strcmp(words->name, name)) {
			*value = words->value;
			return true;
		}
	return false;
}

/* Is each key of object one of keys, which ends with NULL? */
static bool known_keys(struct reader *r, struct json_object *object, const char *const *keys)
{
	json_object_object_foreach(object, key, value) {
		const char *const *k = keys;

		(void)value;
		while (*k && strcmp(*k, key))
			k++;
		if (!*k)
			return wrong(r, "unknown key \"%s\"", key);
	}
	return true;
}

/* A member that may be missing or null: *value is NULL then. */
static bool member(struct reader *r, struct json_object *object, const char *key,
		   enum json_type type, struct json_object **value)
{
	*value = NULL;
	if (!json_object_object_get_ex(object, key, value) || !*value)
		return true;
	if (json_object_get_type(*value) != type)
		return wrong(r, "\"%s\" is %s, not %s", key,
			     json_type_to_name(json_object_get_type(*value)), json_type_to_name(type));
	return true;
}

static bool unsigned_member(struct reader *r, struct json_object *object, const char *key,
			    uint64_t max, uint64_t *n)
{
	struct json_object *value;

	if (!member(r, object, key, json_type_int, &value))
		return false;
	if (!value)
		return true;
	/* Numbers above INT64_MAX are right as well; -1 is not. */
	if (json_object_get_int64(value) < 0)
		return wrong(r, "\"%s\" is negative", key);
	*n = json_object_get_uint64(value);
	return *n <= max || wrong(r, "\"%s\" is more than %llu", key, (unsigned long long)max);
}

static bool strings(struct reader *r, struct json_object *array, const char *key)
{
	for (size_t i = 0; i < json_object_array_length(array); i++)
		if (!json_object_is_type(json_object_array_get_idx(array, i), json_type_string))
			return wrong(r, "\"%s\" has something that is no string", key);
	return true;
}

static bool string_array(struct reader *r, struct json_object *object, const char *key,
			 struct json_object **array)
{
	return member(r, object, key, json_type_array, array) && (!*array || strings(r, *array, key));
}

/* ---- actions ----------------------------------------------------------------------------- */

static int errno_by_name(const char *name)
{
	for (int err = 1; err < 134; err++) {
		const char *known = strerrorname_np(err);

		if (known && !strcmp(known, name))
			return err;
	}
	return 0;
}

/* The error of an ERRNO rule: a number, or (Podman) a name, which counts more. */
static bool error_number(struct reader *r, struct json_object *object, const char *number_key,
			 const char *name_key, int *err)
{
	struct json_object *name;
	uint64_t n = (uint64_t)*err;

	if (!unsigned_member(r, object, number_key, MAX_ERRNO, &n) ||
	    !member(r, object, name_key, json_type_string, &name))
		return false;
	if (name) {
		n = (uint64_t)errno_by_name(json_object_get_string(name));
		if (!n)
			return wrong(r, "\"%s\": there is no error %s", name_key, json_object_get_string(name));
	}
	*err = (int)n;
	return true;
}

static bool action(struct reader *r, struct json_object *object, const char *key, int err,
		   uint32_t *act)
{
	struct json_object *value;

	if (!member(r, object, key, json_type_string, &value))
		return false;
	if (!value)
		return wrong(r, "\"%s\" is missing", key);
	if (!look_up(actions, json_object_get_string(value), act))
		return wrong(r, "\"%s\": there is no action %s", key, json_object_get_string(value));
	if (*act == SCMP_ACT_ERRNO(0))
		*act = SCMP_ACT_ERRNO((uint32_t)err);
	else if (*act == SCMP_ACT_TRACE(0))
		*act = SCMP_ACT_TRACE((uint32_t)err);
	return true;
}

/* ---- conditions --------------------------------------------------------------------------- */

static bool argument(struct reader *r, struct json_object *object, struct scmp_arg_cmp *cmp)
{
	static const char *const keys[] = { "index", "value", "valueTwo", "op", NULL };
	struct json_object *op;
	uint64_t index = UINT64_MAX, a = 0, b = 0;
	uint32_t compare = 0;

	if (!json_object_is_type(object, json_type_object))
		return wrong(r, "is no object");
	if (!known_keys(r, object, keys) ||
	    !unsigned_member(r, object, "index", PROFILE_ARGS - 1, &index) ||
	    !unsigned_member(r, object, "value", UINT64_MAX, &a) ||
	    !unsigned_member(r, object, "valueTwo", UINT64_MAX, &b) ||
	    !member(r, object, "op", json_type_string, &op))
		return false;
	if (index == UINT64_MAX)
		return wrong(r, "\"index\" is missing");
	if (!op)
		return wrong(r, "\"op\" is missing");
	if (!look_up(operators, json_object_get_string(op), &compare))
		return wrong(r, "\"op\": there is no %s", json_object_get_string(op));
	*cmp = (struct scmp_arg_cmp){ (unsigned int)index, (enum scmp_compare)compare, a, b };
	return true;
}

static bool arguments(struct reader *r, struct json_object *array, struct profile_rule *rule)
{
	size_t length = strlen(r->where);

	for (size_t i = 0; array && i < json_object_array_length(array); i++) {
		if (i == PROFILE_ARGS)
			return wrong(r, "more than %d conditions", PROFILE_ARGS);
		snprintf(r->where + length, sizeof(r->where) - length, ".args[%zu]", i);
		if (!argument(r, json_object_array_get_idx(array, i), &rule->args[i]))
			return false;
		r->where[length] = 0;
		rule->arg_count++;
	}
	return true;
}

/* ---- includes, excludes: does a rule count here? ------------------------------------------- */

/* "4.8" against the running kernel. */
static bool kernel_at_least(struct reader *r, const char *text, bool *yes)
{
	unsigned int want_major, want_minor, major = 0, minor = 0;
	struct utsname u;
	char junk;

	if (sscanf(text, "%u.%u%c", &want_major, &want_minor, &junk) != 2)
		return wrong(r, "\"minKernel\" is a version such as 4.8, not \"%s\"", text);
	uname(&u);
	sscanf(u.release, "%u.%u", &major, &minor);
	*yes = major > want_major || (major == want_major && minor >= want_minor);
	return true;
}

static bool has(struct json_object *array, const char *name)
{
	for (size_t i = 0; array && i < json_object_array_length(array); i++)
		if (!strcmp(json_object_get_string(json_object_array_get_idx(array, i)), name))
			return true;
	return false;
}

struct filter_words {
	struct json_object *caps, *arches;
	bool has_kernel, kernel;
};

static bool filter_words(struct reader *r, struct json_object *rule, const char *key,
			 struct filter_words *f)
{
	static const char *const keys[] = { "caps", "arches", "minKernel", NULL };
	struct json_object *object, *version;

	*f = (struct filter_words){ 0 };
	if (!member(r, rule, key, json_type_object, &object))
		return false;
	if (!object)
		return true;
	if (!known_keys(r, object, keys) || !string_array(r, object, "caps", &f->caps) ||
	    !string_array(r, object, "arches", &f->arches) ||
	    !member(r, object, "minKernel", json_type_string, &version))
		return false;
	f->has_kernel = version;
	return !version || kernel_at_least(r, json_object_get_string(version), &f->kernel);
}

/* The program has no capabilities, so what is for those with some is not for it. */
static bool counts(struct reader *r, struct json_object *rule, bool *yes)
{
	struct filter_words in, out;

	if (!filter_words(r, rule, "includes", &in) || !filter_words(r, rule, "excludes", &out))
		return false;
	*yes = !(in.caps && json_object_array_length(in.caps)) &&
	       !(in.arches && json_object_array_length(in.arches) && !has(in.arches, "amd64")) &&
	       !(in.has_kernel && !in.kernel) &&
	       !has(out.arches, "amd64") && !(out.has_kernel && out.kernel);
	return true;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void add_rule(struct profile *p, struct profile_rule rule)
{
	p->rules = need_memory(reallocarray(p->rules, p->rule_count + 1, sizeof(*p->rules)));
	p->rules[p->rule_count++] = rule;
}

static void add_unknown(struct profile *p, const char *name)
{
	p->unknown = need_memory(reallocarray(p->unknown, p->unknown_count + 1, sizeof(*p->unknown)));
	p->unknown[p->unknown_count++] = need_memory(strdup(name));
}

/* Two conditions on one argument mean either, as with all that read this format. */
static bool either(const struct profile_rule *rule)
{
	unsigned int seen = 0;

	for (unsigned int i = 0; i < rule->arg_count; i++) {
		if (seen & 1u << rule->args[i].arg)
			return true;
		seen |= 1u << rule->args[i].arg;
	}
	return false;
}

static char *copy_of(const char *text)
{
	return text && *text ? need_memory(strdup(text)) : NULL;
}

static void add_call(struct profile *p, const char *name, struct profile_rule rule)
{
	const char *comment = rule.comment;

	rule.nr = seccomp_syscall_resolve_name(name);
	if (rule.nr == __NR_SCMP_ERROR) {
		add_unknown(p, name);
		return;
	}
	/* Negative: a call of other processors only. */
	if (rule.nr < 0)
		return;
	if (!either(&rule)) {
		rule.comment = copy_of(comment);
		add_rule(p, rule);
		return;
	}
	for (unsigned int i = 0; i < rule.arg_count; i++)
		add_rule(p, (struct profile_rule){
			.nr = rule.nr, .action = rule.action, .arg_count = 1, .args = { rule.args[i] },
			.comment = copy_of(comment),
		});
}

static bool one_rule(struct reader *r, struct json_object *object)
{
	static const char *const keys[] = { "names", "name", "action", "args", "errnoRet", "errno",
					    "comment", "includes", "excludes", NULL };
	struct json_object *names, *name, *args, *comment;
	struct profile_rule rule = { 0 };
	int err = EPERM;	/* whatever the default action's error is */
	bool here;

	if (!json_object_is_type(object, json_type_object))
		return wrong(r, "is no object");
	if (!known_keys(r, object, keys) || !string_array(r, object, "names", &names) ||
	    !member(r, object, "name", json_type_string, &name) ||
	    !member(r, object, "args", json_type_array, &args) ||
	    !member(r, object, "comment", json_type_string, &comment) ||
	    !error_number(r, object, "errnoRet", "errno", &err) ||
	    !action(r, object, "action", err, &rule.action) || !arguments(r, args, &rule) ||
	    !counts(r, object, &here))
		return false;
	if (!names == !name)
		return wrong(r, names ? "has both \"name\" and \"names\"" : "\"names\" is missing");
	if (!here)
		return true;
	if (comment)
		rule.comment = (char *)json_object_get_string(comment);
	if (name)
		add_call(r->profile, json_object_get_string(name), rule);
	for (size_t i = 0; names && i < json_object_array_length(names); i++)
		add_call(r->profile, json_object_get_string(json_object_array_get_idx(names, i)), rule);
	return true;
}

static bool all_rules(struct reader *r, struct json_object *array)
{
	bool right = true;

	for (size_t i = 0; array && right && i < json_object_array_length(array); i++) {
		snprintf(r->where, sizeof(r->where), "syscalls[%zu]", i);
		right = one_rule(r, json_object_array_get_idx(array, i));
	}
	return right;
}

/* What an OCI config.json has around it, if this is one. */
static struct json_object *unwrap(struct json_object *root)
{
	struct json_object *linux_part, *seccomp;

	if (json_object_object_get_ex(root, "linux", &linux_part) &&
	    json_object_object_get_ex(linux_part, "seccomp", &seccomp) &&
	    json_object_is_type(seccomp, json_type_object))
		return seccomp;
	return root;
}

static bool read_profile(struct reader *r, struct json_object *root)
{
	/* Architectures: a program in ring 3 can only make calls of x86-64. */
	static const char *const keys[] = { "defaultAction", "defaultErrnoRet", "defaultErrno",
					    "architectures", "archMap", "syscalls", "flags",
					    "listenerPath", "listenerMetadata", NULL };
	struct json_object *syscalls;
	int err = EPERM;

	if (!json_object_is_type(root, json_type_object))
		return wrong(r, "is no JSON object");
	root = unwrap(root);
	if (!known_keys(r, root, keys) || !error_number(r, root, "defaultErrnoRet", "defaultErrno", &err) ||
	    !action(r, root, "defaultAction", err, &r->profile->default_action) ||
	    !member(r, root, "syscalls", json_type_array, &syscalls))
		return false;
	return all_rules(r, syscalls);
}

/* ---- the text ---------------------------------------------------------------------------------- */

static bool syntax_error(struct reader *r, const char *text, size_t at, const char *what)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < at; i++) {
		column++;
		if (text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	if (asprintf(&r->why, "%s:%zu:%zu: not JSON: %s", r->name, line, column, what) < 0)
		need_memory(NULL);
	return false;
}

static bool only_space(const char *text, size_t from, size_t to)
{
	while (from < to && strchr(" \t\r\n", text[from]) && text[from])
		from++;
	return from == to;
}

/* length must be below INT_MAX */
static struct json_object *parse(struct reader *r, const char *text, size_t length)
{
	struct json_tokener *tok = need_memory(json_tokener_new());
	struct json_object *root;
	enum json_tokener_error err;
	size_t end;

	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	root = json_tokener_parse_ex(tok, text, (int)length);
	err = json_tokener_get_error(tok);
	end = json_tokener_get_parse_end(tok);
	if (err == json_tokener_continue)
		syntax_error(r, text, length, "it ends too early");
	else if (err != json_tokener_success)
		syntax_error(r, text, end, json_tokener_error_desc(err));
	else if (!only_space(text, end, length))
		syntax_error(r, text, end, "something follows its end");
	json_tokener_free(tok);
	if (r->why && root) {
		json_object_put(root);
		root = NULL;
	}
	return root;
}

bool profile_parse(struct profile *p, const char *name, const char *text, size_t length, char **why)
{
	struct reader r = { .profile = p, .name = name };
	struct json_object *root;

	*p = (struct profile){ .name = name };
	root = parse(&r, text, length);
	if (!r.why)
		read_profile(&r, root);
	json_object_put(root);
	*why = r.why;
	if (r.why)
		profile_free(p);
	return !r.why;
}

static char *read_all(const char *path, size_t *length, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text = need_memory(malloc(PROFILE_MAX));
	ssize_t n = 0;

	*length = 0;
	*why = fd < 0 ? strerror(errno) : NULL;
	while (!*why && (n = read(fd, text + *length, PROFILE_MAX - *length)) > 0)
		*length += (size_t)n;
	if (n < 0)
		*why = strerror(errno);
	else if (*length == PROFILE_MAX)
		*why = "is too long for a profile";
	if (fd >= 0)
		close(fd);
	return text;
}

bool profile_load(struct profile *p, const char *path, char **why)
{
	const char *problem;
	size_t length;
	char *text;
	bool right;

	if (!path)
		return profile_parse(p, "the default profile", default_profile,
				     (size_t)(default_profile_end - default_profile), why);
	text = read_all(path, &length, &problem);
	if (problem) {
		*p = (struct profile){ 0 };
		if (asprintf(why, "%s: %s", path, problem) < 0)
			need_memory(NULL);
		right = false;
	} else {
		right = profile_parse(p, path, text, length, why);
	}
	free(text);
	return right;
}

void profile_allow_all(struct profile *p)
{
	*p = (struct profile){ .name = "all that the monitor can allow", .default_action = SCMP_ACT_ALLOW };
}

void profile_free(struct profile *p)
{
	for (size_t i = 0; i < p->unknown_count; i++)
		free(p->unknown[i]);
	for (size_t i = 0; i < p->rule_count; i++)
		free(p->rules[i].comment);
	free(p->unknown);
	free(p->rules);
	*p = (struct profile){ 0 };
}

const char *profile_call_name(int nr)
{
	static char text[80];
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr);

	if (name)
		snprintf(text, sizeof(text), "%s", name);
	else
		snprintf(text, sizeof(text), "call %d", nr);
	free(name);
	return text;
}
