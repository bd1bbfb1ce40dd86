// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Traps out of a plugin. Handlers run in ring 0 on the plugin's root, on the thread's trap stack,
 * with general registers only: those of the FPU are the plugin's.
 */
#include "plugin.h"
#include <errno.h>

#define EXCEPTIONS	32

__thread struct dune_plugin *plugin_running;

/* The plugin whose trap this is, or NULL. */
static struct dune_plugin *running(const struct dune_trap *trap)
{
	return trap->cs & 3 ? plugin_running : NULL;
}

void plugin_end(struct dune_plugin *p, enum dune_plugin_reason reason, const struct dune_trap *trap)
{
	struct dune_plugin_error *e = &p->error;

	e->reason = reason;
	e->vector = trap->vector;
	e->code = trap->error;
	e->rip = trap->rip;
	e->number = reason == DUNE_PLUGIN_EXIT ? (int)trap->rdi : (int)trap->rax;
	dune_ring3_exit(reason);
}

static void end_if_expired(struct dune_plugin *p, const struct dune_trap *trap)
{
	if (__atomic_load_n(&p->expired, __ATOMIC_RELAXED))
		plugin_end(p, DUNE_PLUGIN_TIME, trap);
}

static int on_exception(struct dune_trap *trap)
{
	struct dune_plugin *p = running(trap);

	if (!p)
		return DUNE_TRAP_PASS;
	plugin_end(p, DUNE_PLUGIN_CRASH, trap);
}

static int on_page_fault(struct dune_trap *trap, uintptr_t address)
{
	struct dune_plugin *p = running(trap);

	if (p) {
		p->error.address = address;
		plugin_end(p, DUNE_PLUGIN_CRASH, trap);
	}
	if (plugin_copy_fixup(trap))
		return DUNE_TRAP_DONE;
	return DUNE_TRAP_PASS;
}

/* Those of i386: the numbers mean other things. */
static int on_int80(struct dune_trap *trap)
{
	struct dune_plugin *p = running(trap);

	if (!p)
		return DUNE_TRAP_PASS;
	p->stats.refused++;
	if (p->policy.flags & DUNE_PLUGIN_STRICT)
		plugin_end(p, DUNE_PLUGIN_REFUSED, trap);
	trap->rax = -ENOSYS;
	end_if_expired(p, trap);
	return DUNE_TRAP_DONE;
}

static void take_ready(struct dune_plugin *p, struct dune_trap *trap)
{
	if (plugin_copy_out(p, &p->stub, trap->rdi, sizeof(p->stub)))
		plugin_end(p, DUNE_PLUGIN_LOAD, trap);
	/* below its frame and the red zone of it */
	p->sp = (trap->rsp - 256) & ~15UL;
	p->fs = *dune_ring3_fs_base();
	p->opening = false;
	dune_ring3_exit(DUNE_PLUGIN_FINE);
}

static int on_syscall(struct dune_trap *trap)
{
	struct dune_plugin *p = running(trap);

	if (!p)
		return DUNE_TRAP_PASS;
	if (trap->rax == STUB_DONE && !p->opening) {
		p->result = trap->rdi;
		dune_ring3_exit(DUNE_PLUGIN_FINE);
	}
	if (trap->rax == STUB_READY && p->opening)
		take_ready(p, trap);
	if (plugin_syscall(p, trap)) {
		p->stats.calls++;
	} else {
		p->stats.refused++;
		if (p->policy.flags & DUNE_PLUGIN_STRICT)
			plugin_end(p, DUNE_PLUGIN_REFUSED, trap);
		trap->rax = -EPERM;
	}
	end_if_expired(p, trap);
	return DUNE_TRAP_DONE;
}

void plugin_monitor_init(void)
{
	int i;

	dune_on_syscall(on_syscall, DUNE_GENERAL_REGS);
	dune_on_page_fault(on_page_fault, DUNE_GENERAL_REGS);
	/* Those that nobody may have (NMI, #DF, #PF, #MC) are refused. */
	for (i = 0; i < EXCEPTIONS; i++)
		dune_on_exception(i, on_exception, DUNE_GENERAL_REGS);
	dune_on_exception(DUNE_VECTOR_INT80, on_int80, DUNE_GENERAL_REGS);
}
