// SPDX-License-Identifier: GPL-2.0
/* What the monitor says, and how it ends the process. */
#include "monitor.h"
#include <sys/socket.h>
#include "../../libdune/confined.h"
#include "../../libdune/entry.h"
#include "../../libdune/text.h"
#include "../../libdune/trap.h"

#define STDERR	2

/* Not for the program: a signal that comes meanwhile waits, and the rest of the record is lost. */
static long make(long nr, uint64_t a, uint64_t b, uint64_t d, uint64_t e)
{
	struct dune_trap regs = { .rdi = a, .rsi = b, .rdx = d, .r10 = e };

	return dune_forward_vmcall(&regs, nr);
}

static void say(const char *text)
{
	char buffer[192];
	struct dune_text line = DUNE_TEXT(buffer);

	dune_put(&line, "dune-sandbox: the program is ended: ");
	dune_put(&line, text);
	dune_put_char(&line, '\n');
	make(SYS_write, STDERR, (uintptr_t)buffer, line.length, 0);
}

static void fill(struct sandbox_record *r, struct sandbox_call *c, struct dune_thread *t)
{
	unsigned int i;

	r->pid = t && t->pid ? t->pid : (int32_t)make(SYS_getpid, 0, 0, 0, 0);
	r->tid = t && t->tid ? t->tid : (int32_t)make(SYS_gettid, 0, 0, 0, 0);
	r->nr = c ? c->nr : -1;
	if (!c)
		return;
	r->ip = c->trap->rip;
	for (i = 0; i < 6; i++)
		r->args[i] = c->args[i];
}

void sandbox_report(struct sandbox_call *c, struct dune_thread *t, uint32_t kind, uint32_t verdict,
		    const char *text)
{
	struct sandbox_record r;
	size_t n = 0;

	if (!(sandbox_policy()->flags & SANDBOX_LOG))
		return;
	r = (struct sandbox_record){ .kind = kind, .verdict = verdict };
	fill(&r, c, t);
	for (; text && text[n] && n < sizeof(r.text); n++)
		r.text[n] = text[n];
	r.text_len = (uint32_t)n;
	if (c)
		sandbox_host4(c, SYS_sendto, (uint64_t)sandbox_policy()->log_fd, (uintptr_t)&r,
			      offsetof(struct sandbox_record, text) + n, MSG_NOSIGNAL);
	else
		make(SYS_sendto, (uint64_t)sandbox_policy()->log_fd, (uintptr_t)&r,
		     offsetof(struct sandbox_record, text) + n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A signal may end what is said here, and have the program go on: its next call is its end then. */
void sandbox_kill(struct sandbox_call *c, struct dune_thread *t, const char *text)
{
	__atomic_store_n(&sandbox_ending, true, __ATOMIC_RELAXED);
	if (sandbox_policy()->flags & SANDBOX_LOG)
		sandbox_report(c, t, SANDBOX_BY_DEATH, SECCOMP_RET_KILL_PROCESS, text);
	else
		say(text);
	dune_confined_kill();
}

/* ---- Exceptions ------------------------------------------------------------------- */

/* Of the monitor's own only those while it copies are expected. */
static int on_page_fault(struct dune_trap *trap, uintptr_t address)
{
	if (trap->cs & 3 || trap->rip != (uintptr_t)sandbox_copy_insn)
		return DUNE_TRAP_PASS;
	trap->rip = (uintptr_t)sandbox_copy_failed;
	return DUNE_TRAP_DONE;
}

/* i386 calls would pass no row. */
static int on_int80(struct dune_trap *trap)
{
	sandbox_report(NULL, NULL, SANDBOX_BY_CALL, SECCOMP_RET_ERRNO | ENOSYS, "INT $0x80");
	trap->rax = (uint64_t)-ENOSYS;
	return DUNE_TRAP_DONE;
}

static void on_own_fault(const struct dune_trap *trap, uintptr_t address)
{
	char buffer[160];
	struct dune_text text = DUNE_TEXT(buffer);

	__atomic_store_n(&sandbox_ending, true, __ATOMIC_RELAXED);
	dune_put(&text, "exception ");
	dune_put_unsigned(&text, trap->vector);
	dune_put(&text, " in the monitor, at ");
	dune_put_hex(&text, trap->rip - (uintptr_t)__start_dune_text);
	dune_put(&text, ", address ");
	dune_put_hex(&text, address);
	dune_put_char(&text, 0);
	if (sandbox_policy()->flags & SANDBOX_LOG)
		sandbox_report(NULL, NULL, SANDBOX_BY_DEATH, SECCOMP_RET_KILL_PROCESS, buffer);
	say(buffer);
}

void sandbox_traps_init(void)
{
	dune_on_page_fault(on_page_fault, DUNE_GENERAL_REGS);
	dune_on_exception(DUNE_VECTOR_INT80, on_int80, DUNE_GENERAL_REGS);
	dune_confined_report = on_own_fault;
	dune_confined_call = sandbox_call;
}
