// SPDX-License-Identifier: GPL-2.0
/* The profile that a run needed, in the format that --seccomp reads. */
#include "learn.h"
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "profile.h"
#include "say.h"

/* What comes after the last call that is counted, or now and then: harmless, and never missed. */
static const int always[] = { __NR_rt_sigreturn, __NR_restart_syscall, __NR_exit, __NR_exit_group };

/* Calls of which single arguments are allowed: index of the argument, in the order of values[]. */
static const struct {
	int nr;
	int argument;
} by_value[SANDBOX_VALUES_CALLS] = {
	[SANDBOX_VALUES_SOCKET] = { __NR_socket, 0 },
	[SANDBOX_VALUES_IOCTL] = { __NR_ioctl, 1 },
	[SANDBOX_VALUES_PRCTL] = { __NR_prctl, 0 },
	[SANDBOX_VALUES_PERSONALITY] = { __NR_personality, 0 },
};

int learn_begin(struct sandbox_learn **learn)
{
	int fd = memfd_create("dune-sandbox-learn", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, sizeof(**learn)) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		fail(EXIT_FAILED, "--learn: no memory to count in: %m");
	*learn = mmap(NULL, sizeof(**learn), PROT_READ, MAP_SHARED, fd, 0);
	if (*learn == MAP_FAILED)
		fail(EXIT_FAILED, "--learn: no memory to count in: %m");
	return fd;
}

int learn_open(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);

	if (fd < 0)
		fail(EXIT_FAILED, "--learn %s: %m", file);
	return fd;
}

static const struct sandbox_values *values_of(const struct sandbox_learn *learn, int nr, int *argument)
{
	for (int i = 0; i < SANDBOX_VALUES_CALLS; i++)
		if (by_value[i].nr == nr) {
			*argument = by_value[i].argument;
			return learn->values[i].overflow ? NULL : &learn->values[i];
		}
	return NULL;
}

static bool needed(const struct sandbox_learn *learn, int nr)
{
	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		if (always[i] == nr)
			return true;
	return learn->made[nr];
}

static struct json_object *new_rule(struct json_object *names)
{
	struct json_object *rule = json_object_new_object();

	json_object_object_add(rule, "names", names);
	json_object_object_add(rule, "action", json_object_new_string("SCMP_ACT_ALLOW"));
	return rule;
}

static struct json_object *one_name(int nr)
{
	struct json_object *names = json_object_new_array();

	json_object_array_add(names, json_object_new_string(profile_call_name(nr)));
	return names;
}

static void add_value(struct json_object *rules, int nr, int argument, uint32_t value)
{
	struct json_object *rule = new_rule(one_name(nr)), *args = json_object_new_array();
	struct json_object *condition = json_object_new_object();

	json_object_object_add(condition, "index", json_object_new_int(argument));
	json_object_object_add(condition, "value", json_object_new_int64(value));
	json_object_object_add(condition, "op", json_object_new_string("SCMP_CMP_EQ"));
	json_object_array_add(args, condition);
	json_object_object_add(rule, "args", args);
	json_object_array_add(rules, rule);
}

static void add_values(struct json_object *rules, const struct sandbox_values *values, int nr, int argument)
{
	for (int i = 0; i < SANDBOX_VALUES; i++)
		if (values->slot[i] & SANDBOX_VALUE_USED)
			add_value(rules, nr, argument, (uint32_t)values->slot[i]);
}

static struct json_object *make_rules(const struct sandbox_learn *learn)
{
	struct json_object *rules = json_object_new_array(), *names = json_object_new_array();

	json_object_array_add(rules, new_rule(names));
	for (int nr = 0; nr < SANDBOX_CALLS; nr++) {
		const struct sandbox_values *values;
		int argument;

		if (!needed(learn, nr))
			continue;
		values = values_of(learn, nr, &argument);
		if (values)
			add_values(rules, values, nr, argument);
		else
			json_object_array_add(names, json_object_new_string(profile_call_name(nr)));
	}
	return rules;
}

static void report_refused(const struct sandbox_learn *learn)
{
	for (int nr = 0; nr < SANDBOX_CALLS; nr++)
		if (learn->refused[nr])
			say("the monitor itself refused %s (%llu): no profile allows it",
			    profile_call_name(nr), (unsigned long long)learn->refused[nr]);
}

static void write_all(int fd, const char *file, const char *text)
{
	size_t length = strlen(text);

	while (length) {
		ssize_t n = write(fd, text, length);

		if (n < 0)
			fail(EXIT_FAILED, "--learn %s: %m", file);
		text += n;
		length -= (size_t)n;
	}
}

static bool has_run(const struct sandbox_learn *learn)
{
	for (int nr = 0; nr < SANDBOX_CALLS; nr++)
		if (learn->made[nr])
			return true;
	return false;
}

void learn_write(const struct sandbox_learn *learn, int fd, const char *file)
{
	struct json_object *root, *arches;

	/* A program that did not even start teaches nothing; what the file had before stays. */
	if (!has_run(learn)) {
		say("--learn %s: not written: the program made no system call", file);
		return;
	}
	if (ftruncate(fd, 0) && errno != EINVAL)	/* EINVAL: a pipe or device */
		fail(EXIT_FAILED, "--learn %s: %m", file);
	root = json_object_new_object();
	arches = json_object_new_array();
	json_object_object_add(root, "defaultAction", json_object_new_string("SCMP_ACT_ERRNO"));
	json_object_object_add(root, "defaultErrnoRet", json_object_new_int(EPERM));
	json_object_array_add(arches, json_object_new_string("SCMP_ARCH_X86_64"));
	json_object_object_add(root, "architectures", arches);
	json_object_object_add(root, "syscalls", make_rules(learn));
	write_all(fd, file, json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
							   JSON_C_TO_STRING_PRETTY_TAB));
	write_all(fd, file, "\n");
	json_object_put(root);
	report_refused(learn);
}
