// SPDX-License-Identifier: LGPL-2.1-or-later
/* Lines of the trace. */
#include "trace.h"
#include <sys/syscall.h>
#include "names.h"
#include "trace_call.h"

/* No line is longer: a write of so many bytes is not split up, to a pipe either. */
#define LINE_SIZE	2048

/* Does it end where it began? */
static bool never_returns(uint64_t nr)
{
	return nr == SYS_exit || nr == SYS_exit_group || nr == SYS_rt_sigreturn;
}

/* It may take long, so that one wants to see it begin. */
static bool may_wait(uint64_t nr, const uint64_t *args)
{
	switch (nr) {
	case SYS_accept: case SYS_accept4: case SYS_connect: case SYS_recvfrom: case SYS_recvmsg:
	case SYS_recvmmsg:
	case SYS_poll: case SYS_ppoll: case SYS_select: case SYS_pselect6: case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_nanosleep: case SYS_clock_nanosleep: case SYS_pause: case SYS_rt_sigsuspend:
	case SYS_rt_sigtimedwait:
	case SYS_wait4: case SYS_waitid: case SYS_execve: case SYS_execveat: case SYS_vfork:
	case SYS_flock: case SYS_msgrcv: case SYS_semop: case SYS_semtimedop:
		return true;
	case SYS_read: case SYS_readv:
		return args[0] == 0;		/* a terminal, or the pipe before */
	case SYS_futex:
		switch (args[1] & 127) {
		case 0: case 6: case 9: case 11: case 13:	/* WAIT, LOCK_PI, their kin */
			return true;
		}
	}
	return false;
}

static void put_name(struct dune_text *text, uint64_t nr)
{
	const char *name = dune_call_name(nr);

	if (name) {
		dune_put(text, name);
		return;
	}
	dune_put(text, "syscall_");
	dune_put_hex(text, nr);
}

static const char *kinds_of(const struct trace_call *call)
{
	/* Only where it waits, that is a time. */
	if (call->nr == SYS_futex && may_wait(call->nr, call->args))
		return "pOxtpx";
	return trace_kinds(call->nr) ?: "xxxxxx";
}

static void put_call(struct dune_text *text, const struct trace_call *call)
{
	const char *kinds = kinds_of(call);
	unsigned int i;

	put_name(text, call->nr);
	dune_put_char(text, '(');
	for (i = 0; i < CALL_ARGS && kinds[i] && trace_has_arg(call, i, kinds[i]); i++) {
		if (i)
			dune_put(text, ", ");
		trace_put_arg(text, call, i, kinds[i]);
	}
}

static bool gives_address(uint64_t nr)
{
	return nr == SYS_mmap || nr == SYS_mremap || nr == SYS_brk || nr == SYS_shmat;
}

static void put_error(struct dune_text *text, uint64_t error)
{
	const struct error_name *name = dune_error_name(error);

	/* Linux's own marks, which only tracers see: not the program's result. */
	dune_put(text, name && error >= RESTART_ERROR_FIRST ? "? " : "-1 ");
	if (!name) {
		dune_put_unsigned(text, error);
		return;
	}
	dune_put(text, name->name);
	dune_put(text, " (");
	dune_put(text, name->text);
	dune_put_char(text, ')');
}

static void put_result(struct dune_text *text, const struct trace_call *call)
{
	dune_put(text, ") = ");
	if (trace_failed(call))
		put_error(text, -(uint64_t)call->result);
	else if (gives_address(call->nr))
		dune_put_hex(text, call->result);
	else
		dune_put_decimal(text, call->result);
}

static void begin(struct dune_text *text, long pid)
{
	/* The line's end must fit whatever comes. */
	text->size--;
	dune_put_decimal(text, pid);
	dune_put_char(text, ' ');
}

static void end(int fd, struct dune_text *text)
{
	text->size++;
	dune_put_char(text, '\n');
	dune_text_write(fd, text);
}

void dune_rt_trace_call(int fd, long pid, long nr, const uint64_t args[6])
{
	const struct trace_call call = { .nr = (uint32_t)nr, .args = args };
	char line[LINE_SIZE];
	struct dune_text text = DUNE_TEXT(line);
	bool last = never_returns(call.nr);

	if (!last && !may_wait(call.nr, args))
		return;
	begin(&text, pid);
	put_call(&text, &call);
	dune_put(&text, last ? ") = ?" : " <unfinished ...>");
	end(fd, &text);
}

void dune_rt_trace_result(int fd, long pid, long nr, const uint64_t args[6], long result)
{
	const struct trace_call call = {
		.nr = (uint32_t)nr, .args = args, .done = true, .result = result,
	};
	char line[LINE_SIZE];
	struct dune_text text = DUNE_TEXT(line);

	if (never_returns(call.nr))
		return;
	begin(&text, pid);
	if (may_wait(call.nr, args)) {
		dune_put(&text, "<... ");
		put_name(&text, call.nr);
		dune_put(&text, " resumed>");
	} else {
		put_call(&text, &call);
	}
	put_result(&text, &call);
	end(fd, &text);
}
