// SPDX-License-Identifier: GPL-2.0
/* What the options and the profile come to, in words. */
#include "explain.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "rlimits.h"
#include "sandbox/policy/bpf.h"
#include "sandbox/policy/policy.h"
#include "say.h"

#define WIDTH	100

/* ---- files, network, limits --------------------------------------------------------------- */

static void one_path(const struct path_rule *r)
{
	switch (r->kind) {
	case RULE_BIND:
		printf("  %-24s the host's %s, to read and WRITE\n", r->to, r->from);
		break;
	case RULE_RO_BIND:
		printf("  %-24s the host's %s, read-only%s\n", r->to, r->from, r->may_miss ? ", if it is there" : "");
		break;
	case RULE_TMPFS:
		printf("  %-24s empty, in memory, gone afterwards\n", r->to);
		break;
	case RULE_PROC:
		printf("  %-24s the sandbox's own processes\n", r->to);
		break;
	case RULE_DEV:
		printf("  %-24s null, zero, full, random, urandom, tty; its own pts and shm\n", r->to);
		break;
	case RULE_SYMLINK:
		printf("  %-24s a link to %s\n", r->to, r->from);
	}
}

static void paths(const struct options *o)
{
	puts("Files: nothing but");
	for (size_t i = 0; i < o->rule_count; i++)
		one_path(&o->rules[i]);
}

static void network(const struct options *o)
{
	static const char *const words[] = {
		[NET_NONE] = "none: there is no interface that is up",
		[NET_LOOPBACK] = "a loopback interface of its own, which leads nowhere else",
		[NET_HOST] = "the HOST'S: all that the host can reach, and its local services",
	};

	printf("Network: %s\n", words[o->net]);
}

static void one_limit(const char *what, uint64_t limit, const char *unit, const char *of)
{
	if (limit)
		printf("  %-24s %llu%s, %s\n", what, (unsigned long long)limit, unit, of);
	else
		printf("  %-24s not limited\n", what);
}

static void limits(const struct options *o)
{
	puts("Limits:");
	one_limit("memory", o->memory, " bytes", "each process and each tmpfs");
	one_limit("processor", o->cpu_seconds, " seconds", "each process");
	one_limit("processes and threads", o->pids, "", "together");
	one_limit("open files", (uint64_t)limits_files(o), "", "each process");
	printf("Memory that is writable and executable, and code from files that the program can write to: %s\n",
	       o->allow_jit ? "ALLOWED" : "none");
}

/* ---- calls ------------------------------------------------------------------------------------ */

/* The profile's own words: nothing in them may move a terminal's cursor. */
static void print_text(const char *text)
{
	for (; *text; text++)
		putchar(*text < ' ' || *text > '~' ? '?' : *text);
}

/* Words in lines of WIDTH, indented. */
static void word(const char *text, size_t *column)
{
	if (*column && *column + strlen(text) + 1 > WIDTH) {
		putchar('\n');
		*column = 0;
	}
	fputs(*column ? " " : "  ", stdout);
	print_text(text);
	*column += strlen(text) + (*column ? 1 : 2);
}

static void end_line(size_t *column)
{
	if (*column)
		putchar('\n');
	*column = 0;
}

static bool exists(int nr)
{
	return strncmp(profile_call_name(nr), "call ", 5);
}

static bool conditional(const struct profile *p, int nr)
{
	for (size_t i = 0; i < p->rule_count; i++)
		if (p->rules[i].nr == nr && p->rules[i].arg_count &&
		    p->rules[i].action != p->default_action)
			return true;
	return false;
}

static void print_action(uint32_t action)
{
	const char *name;

	switch (action & 0xffff0000) {
	case SCMP_ACT_ERRNO(0):
		name = strerrorname_np((int)(action & 0xffff));
		printf("error %s", name ?: "0");
		break;
	case SCMP_ACT_ALLOW:
		printf("allowed");
		break;
	case SCMP_ACT_LOG:
		printf("allowed, and logged");
		break;
	case SCMP_ACT_TRAP:
		printf("SIGSYS");
		break;
	case SCMP_ACT_KILL_THREAD:
		printf("the thread is killed");
		break;
	case SCMP_ACT_KILL_PROCESS:
		printf("the process is killed");
		break;
	default:
		printf("error ENOSYS, since nobody traces it");
	}
}

static void print_condition(const struct scmp_arg_cmp *c)
{
	static const char *const signs[] = {
		[SCMP_CMP_NE] = "is not", [SCMP_CMP_LT] = "<", [SCMP_CMP_LE] = "<=", [SCMP_CMP_EQ] = "is",
		[SCMP_CMP_GE] = ">=", [SCMP_CMP_GT] = ">",
	};

	if (c->op == SCMP_CMP_MASKED_EQ)
		printf("argument %u & %#llx is %#llx", c->arg, (unsigned long long)c->datum_a,
		       (unsigned long long)c->datum_b);
	else
		printf("argument %u %s %#llx", c->arg, signs[c->op], (unsigned long long)c->datum_a);
}

static void print_rule(const struct profile_rule *rule)
{
	printf("  %s: ", profile_call_name(rule->nr));
	print_action(rule->action);
	for (unsigned int i = 0; i < rule->arg_count; i++) {
		printf(i ? " and " : " if ");
		print_condition(&rule->args[i]);
	}
	if (rule->comment) {
		fputs("  (", stdout);
		print_text(rule->comment);
		putchar(')');
	}
	putchar('\n');
}

/* What is always allowed is asked of the filter itself, not of the profile. */
static void allowed_calls(const struct profile *p, const struct sock_filter *filter)
{
	size_t column = 0;

	printf("System calls (%s), with any arguments:\n", p->name);
	for (int nr = 0; nr < SANDBOX_CALLS; nr++)
		if (exists(nr) && sandbox_bpf_always_allows(filter, (uint32_t)nr))
			word(profile_call_name(nr), &column);
	end_line(&column);
}

static void conditional_calls(const struct profile *p)
{
	bool any = false;

	for (size_t i = 0; i < p->rule_count; i++) {
		const struct profile_rule *rule = &p->rules[i];

		if (rule->action == p->default_action ||
		    (rule->action == SCMP_ACT_ALLOW && !conditional(p, rule->nr)))
			continue;
		if (!any)
			puts("System calls with conditions, or an answer of their own:");
		any = true;
		print_rule(rule);
	}
}

static void other_calls(const struct profile *p)
{
	size_t column = 0;

	printf("All other system calls: ");
	print_action(p->default_action);
	puts(".\nWhatever the profile says, the monitor passes no calls that it does not know, none that would\n"
	     "trace, mount, load code into the kernel or change namespaces, and no pointers to itself.");
	if (!p->unknown_count)
		return;
	puts("Names in the profile that are no calls of Linux here:");
	for (size_t i = 0; i < p->unknown_count; i++)
		word(p->unknown[i], &column);
	end_line(&column);
}

void explain(const struct options *o, const struct profile *p, const struct sock_filter *filter)
{
	paths(o);
	network(o);
	limits(o);
	allowed_calls(p, filter);
	conditional_calls(p);
	other_calls(p);
	if (fflush(stdout) || ferror(stdout))
		fail(EXIT_FAILED, "cannot write to standard output: %m");
}
