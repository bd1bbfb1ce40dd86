// SPDX-License-Identifier: GPL-2.0
/*
 * The log of denials. One line for each:
 *
 *	PROCESS/THREAD: CALL(ARGUMENTS): RULE -> ANSWER; HOW TO ALLOW IT
 */
#include "log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "profile.h"
#include "say.h"

#define HEAD	offsetof(struct sandbox_record, text)

/* Text in parts; what does not fit is cut. */
struct line {
	char *text;
	size_t used, size;
};

static __attribute__((format(printf, 2, 3))) void add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->used, l->size - l->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->used += (size_t)n < l->size - l->used ? (size_t)n : l->size - l->used - 1;
}

/* It may have come from the program: nothing in it may move a terminal's cursor. */
static void add_text(struct line *l, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < ' ' || c > '~' || c == '\\')
			add(l, "\\x%02x", c);
		else
			add(l, "%c", c);
	}
}

static void add_answer(struct line *l, uint32_t verdict)
{
	uint32_t data = verdict & SECCOMP_RET_DATA;
	const char *name;

	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		add(l, "allowed");
		break;
	case SECCOMP_RET_LOG:
		add(l, "allowed, and logged");
		break;
	case SECCOMP_RET_ERRNO:
		name = strerrorname_np((int)data);
		if (name)
			add(l, "%s", name);
		else
			add(l, "error %u", data);
		break;
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_USER_NOTIF:
		add(l, "ENOSYS");
		break;
	case SECCOMP_RET_TRAP:
		add(l, "SIGSYS");
		break;
	case SECCOMP_RET_KILL_THREAD:
		add(l, "the thread is killed");
		break;
	default:
		add(l, "the process is killed");
	}
}

static const char *rule(uint32_t kind)
{
	static const char *const rules[SANDBOX_KINDS] = {
		[SANDBOX_BY_FILTER] = "the profile",
		[SANDBOX_BY_CALL] = "the monitor passes no such call",
		[SANDBOX_BY_POINTER] = "a pointer into the monitor's memory",
		[SANDBOX_BY_DESCRIPTOR] = "a descriptor of the monitor",
		[SANDBOX_BY_PATH] = "a path that leads out",
		[SANDBOX_BY_ARGUMENT] = "an argument that the monitor refuses",
		[SANDBOX_BY_JIT] = "memory both writable and executable",
		[SANDBOX_BY_DEATH] = "the program is ended",
	};

	return kind < SANDBOX_KINDS && rules[kind] ? rules[kind] : "a rule that this dune-sandbox does not know";
}

static void add_remedy(struct line *l, const struct sandbox_record *r)
{
	switch (r->kind) {
	case SANDBOX_BY_FILTER:
		if ((r->verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_LOG)
			break;
		add(l, "; to allow it: {\"names\": [\"%s\"], \"action\": \"SCMP_ACT_ALLOW\"} in the profile "
		    "(--seccomp)", profile_call_name(r->nr));
		break;
	case SANDBOX_BY_JIT:
		add(l, "; to allow it: --allow-jit");
		break;
	case SANDBOX_BY_PATH:
		add(l, "; to allow it: --bind or --ro-bind what it leads to");
		break;
	case SANDBOX_BY_DEATH:
		break;
	default:
		add(l, "; nothing allows it");
	}
}

size_t log_format(const struct sandbox_record *r, size_t length, char *text, size_t size)
{
	struct line l = { text, 0, size - 1 };
	size_t in_text = length > HEAD ? length - HEAD : 0;

	if (length < HEAD || length > sizeof(*r)) {
		add(&l, "a record of %zu bytes, which is none", length);
	} else {
		add(&l, "%d/%d: ", r->pid, r->tid);
		if (r->nr >= 0)
			add(&l, "%s(%#llx, %#llx, %#llx, %#llx, %#llx, %#llx) at %#llx: ",
			    profile_call_name(r->nr), (unsigned long long)r->args[0],
			    (unsigned long long)r->args[1], (unsigned long long)r->args[2],
			    (unsigned long long)r->args[3], (unsigned long long)r->args[4],
			    (unsigned long long)r->args[5], (unsigned long long)r->ip);
		add(&l, "%s", rule(r->kind));
		if (r->text_len && in_text) {
			add(&l, ": ");
			add_text(&l, r->text, r->text_len < in_text ? r->text_len : in_text);
		}
		if (r->nr >= 0) {
			add(&l, " -> ");
			add_answer(&l, r->verdict);
			add_remedy(&l, r);
		}
	}
	text[l.used++] = '\n';
	return l.used;
}

int log_open(const char *file)
{
	int fd;

	if (!*file)
		return STDERR_FILENO;
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd < 0)
		fail(EXIT_FAILED, "--log=%s: %m", file);
	return fd;
}

void log_read(int socket, int out)
{
	struct sandbox_record r;
	char line[2048];
	ssize_t n;

	while ((n = recv(socket, &r, sizeof(r), MSG_DONTWAIT | MSG_TRUNC)) > 0) {
		size_t length = log_format(&r, (size_t)n, line, sizeof(line));

		if (write(out, line, length) < 0)
			return;		/* a full disk stops the log, not the program */
	}
}
