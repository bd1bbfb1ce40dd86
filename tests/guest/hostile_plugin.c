// SPDX-License-Identifier: GPL-2.0
/*
 * Plugins that want out (tests/plugin/hostile.c). After each idea the host is as it was: registers,
 * memory, descriptors; and another plugin still works.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "plugin.h"

#define PATIENCE	(300UL * 1000000000)
#define SHORT		(30UL * 1000000)
#define NR_FILES	16

static struct dune_plugin *plugin, *other;

/* ---- The host ----------------------------------------------------------------------------------- */

static uint64_t *memory;		/* 16 pages */
static __thread uint64_t local = 0x10ca1;

struct state {
	uint64_t flags, sum, gs, local;
	uint32_t mxcsr;
	uint16_t x87[14];
	uint64_t mask;
};

static int count_files(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void look(struct state *s)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	__asm__ volatile("pushfq; pop %0" : "=r"(s->flags));
	s->flags &= 0x47500;	/* TF, DF, IOPL, NT, AC */
	__asm__ volatile("stmxcsr %0; fnstenv %1; fldenv %1" : "=m"(s->mxcsr), "=m"(s->x87));
	s->x87[6] = s->x87[7] = s->x87[8] = s->x87[9] = s->x87[10] = 0;	/* of the last instruction */
	s->x87[11] = s->x87[12] = s->x87[13] = 0;
	for (i = 0; i < 16 * PAGE / 8; i++)
		s->sum = s->sum * 31 + memory[i];
	syscall(SYS_arch_prctl, ARCH_GET_GS, &s->gs);
	s->local = local;
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &s->mask, 8);
}

static struct state before;
static int files;

static bool same(const char *name)
{
	struct state now;

	look(&now);
	if (!memcmp(&now, &before, sizeof(now)))
		return true;
	diag("%s: flags %#lx, memory %d, GS %#lx, local %#lx, MXCSR %#x, x87 %#x %#x, mask %#lx", name,
	     (long)now.flags, now.sum == before.sum, (long)now.gs, (long)now.local, now.mxcsr, now.x87[0], now.x87[4],
	     (long)now.mask);
	return false;
}

/* ---- One idea --------------------------------------------------------------------------------------- */

/* With registers that the calling convention keeps set to something, in both modes alike. */
static int call(uint64_t fn, uint64_t a, uint64_t b, uint64_t *value, bool *kept)
{
	uint64_t args[] = { a, b };
	register uint64_t rbx __asm__("rbx") = 0xb0b0, r12 __asm__("r12") = 0x1212, r13 __asm__("r13") = 0x1313,
			  r14 __asm__("r14") = 0x1414, r15 __asm__("r15") = 0x1515;
	int err;

	__asm__ volatile("" : "+r"(rbx), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15));
	err = dune_plugin_call(plugin, fn, args, 2, value);
	__asm__ volatile("" : "+r"(rbx), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15));
	*kept = rbx == 0xb0b0 && r12 == 0x1212 && r13 == 0x1313 && r14 == 0x1414 && r15 == 0x1515;
	return err;
}

#define CRASH(vector)	(-1000 - (long)(vector))	/* an exception */
#define ANY_CRASH	(-2000)
#define DIES(reason)	(-3000 - (long)(reason))
#define ANY		(-4000)			/* what it returns is its own affair */

static long outcome(int err, uint64_t value)
{
	const struct dune_plugin_error *e = dune_plugin_error(plugin);

	if (!err)
		return (long)value;
	return err == -EFAULT ? CRASH(e->vector) : DIES(e->reason);
}

static bool is_wanted(long got, long want)
{
	if (want == ANY_CRASH)
		return got <= CRASH(0) && got > CRASH(256);
	return want == ANY || got == want;
}

/* These get little time: it is not for the others, on whatever machine, to be done by then. */
static bool endless;

static void idea(const char *name, uint64_t a, uint64_t b, long want)
{
	uint64_t value = 0, fn = symbol(plugin, name);
	char text[512];
	bool kept, fine;
	long got;
	int err;

	if (!ok(fn != 0, "%s is there", name))
		return;
	if (endless)
		dune_plugin_limit(plugin, SHORT);
	err = call(fn, a, b, &value, &kept);
	dune_plugin_limit(plugin, PATIENCE);
	fine = same(name);
	got = outcome(err, value);
	if (!ok(is_wanted(got, want) && kept && fine, "%s", name))
		diag("  got %ld, want %ld, registers %skept: %s", got, want, kept ? "" : "not ",
		     plugin_complaint(plugin, text, sizeof(text)));
	if (err)
		ok_eq(dune_plugin_call(plugin, fn, NULL, 0, NULL), -ENOTRECOVERABLE, "%s: no more calls", name);
	err = dune_plugin_reset(plugin);
	if (err)
		ok_eq(err, 0, "%s: reset", name);
	if (count_files() != files)
		ok_eq(count_files(), files, "%s: descriptors", name);
	if (call2(other, "add", 2, 3) != 5)
		ok(false, "%s: the other plugin", name);
}

/* ---- All of them --------------------------------------------------------------------------------------- */

static void memory_ideas(uint64_t theirs)
{
	uint64_t host = (uintptr_t)memory, code = (uintptr_t)memory_ideas, stack = (uintptr_t)__builtin_frame_address(0);
	uint64_t page_tables = (uintptr_t)dune_root_default();

	idea("read_memory", host, 0, CRASH(14));
	idea("write_memory", host, 0, CRASH(14));
	idea("lock_memory", host, 0, CRASH(14));
	idea("read_memory", stack, 0, CRASH(14));
	idea("write_memory", page_tables, 0, CRASH(14));
	idea("read_memory", page_tables, 0, CRASH(14));
	idea("read_memory", theirs, 0, CRASH(14));
	idea("write_memory", theirs, 0, CRASH(14));
	idea("jump_memory", code, 0, CRASH(14));
	idea("call_memory", (uintptr_t)dune_ring3_exit, 0, CRASH(14));
	idea("call_memory", (uintptr_t)dune_leave, 0, CRASH(14));
	idea("copy_memory", host, theirs, CRASH(14));
	idea("write_low", 0, 0, CRASH(14));
	idea("jump_null", 0, 0, CRASH(14));
	idea("jump_wild", 0, 0, CRASH(13));
	idea("jump_kernel", 0, 0, CRASH(14));
	idea("smash", code, 0, CRASH(14));
	idea("smash", 1UL << 63, 0, CRASH(13));
}

static void instruction_ideas(void)
{
	static const struct { const char *name; int vector; } list[] = {
		{ "do_vmcall", 6 }, { "do_vmcall_getpid", 6 }, { "do_vmcall_leave", 6 }, { "do_vmlaunch", 6 },
		{ "do_hlt", 13 }, { "do_cli", 13 }, { "do_out", 13 }, { "do_cr3", 13 }, { "set_cr3", 13 },
		{ "do_wrmsr", 13 }, { "do_lidt", 13 }, { "do_lldt", 13 }, { "do_swapgs", 13 }, { "do_sysret", 13 },
		{ "do_sysenter", 13 }, { "do_int3", 3 }, { "do_icebp", 1 }, { "do_ud2", 6 }, { "do_div", 0 },
		{ "do_int14", 13 }, { "do_int8", 13 }, { "far_return", 13 }, { "interrupt_return", 13 },
		{ "interrupt_return_iopl", 13 }, { "load_ds", 13 }, { "load_ss", 13 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		idea(list[i].name, (uintptr_t)memory, 0, CRASH(list[i].vector));
	idea("far_return_32", 0x1000, 0, ANY_CRASH);
	idea("load_fs", 0, 0, ANY_CRASH);
	idea("do_int80", 0, 0, -ENOSYS);
}

static void register_ideas(void)
{
	uint64_t host = (uintptr_t)memory + 8 * PAGE, stack = (uintptr_t)__builtin_frame_address(0);

	idea("flag_df", 0, 0, 0);
	idea("flag_ac", 0, 0, 0);
	idea("flag_ac_crash", 0, 0, CRASH(6));
	idea("flag_nt", 0, 0, ANY);
	idea("flag_nt_crash", 0, 0, CRASH(6));
	idea("flag_tf", 0, 0, CRASH(1));
	idea("flag_tf_syscall", 0, 0, CRASH(1));
	idea("flag_tf_mov_ss", 0, 0, CRASH(1));
	idea("flag_tf_mov_ss_int3", 0, 0, ANY_CRASH);
	idea("flag_tf_mov_ss_int80", 0, 0, ANY_CRASH);
	idea("flag_all", 0, 0, ANY_CRASH);
	idea("stack_host", host, 0, CRASH(14));
	idea("stack_host", stack - 4096, 0, CRASH(14));
	idea("stack_host_ud2", host, 0, CRASH(6));
	idea("stack_host_syscall", host, 0, ANY);
	idea("stack_wild", 0, 0, CRASH(12));
	idea("stack_wild_syscall", 0, 0, ANY);
	idea("general", 0, 0, 0);
	idea("base_fs", host, 0, ANY);
	idea("base_gs", host, 0, ANY);
	idea("base_wild", 0, 0, ANY_CRASH);
	idea("fpu_control", 0, 0, 0);
	idea("fpu_pending", 0, 0, 0);
	idea("fpu_stack", 0, 0, 0);
	idea("fpu_mmx", 0, 0, 0);
}

static void call_ideas(uint64_t base, uint64_t buffer)
{
	uint64_t host = (uintptr_t)memory;

	idea("calls_with_pointers", host, buffer + PAGE, 0);
	idea("maps_of_host", host, base, 0);
	idea("unseal", 0, 0, 0);
	idea("all_calls", host, 0, ANY);
	idea("descriptors", 0, buffer, 0);
	idea("files", 0, 0, 0);
	idea("many_files", 0, 0, NR_FILES);
	idea("processes", getpid(), buffer, 0);
	idea("do_exit", 0, 0, DIES(DUNE_PLUGIN_EXIT));
	idea("do_exit_group", 0, 0, DIES(DUNE_PLUGIN_EXIT));
	idea("do_done", 0, 0, 99);
	idea("do_kill", getpid(), 0, 0);
}

static void greedy_ideas(uint64_t base)
{
	uint64_t got, fn = symbol(plugin, "eat_memory");
	struct dune_plugin_stats stats;

	ok_eq(dune_plugin_call(plugin, fn, NULL, 0, &got), 0, "all the memory that it can get");
	dune_plugin_stats(plugin, &stats);
	ok(stats.pages <= (64 << 20) / PAGE, "is %zu pages, with those it had", stats.pages);
	ok(got > 8000, "%lu of them new", (unsigned long)got);
	ok_eq(dune_plugin_reset(plugin), 0, "and back");
	idea("eat_vmas", 0, 0, ANY);
	idea("eat_file_maps", 0, 0, ANY);
	idea("eat_stack", 0, 0, CRASH(14));
	idea("destroy", base, 0, ANY);
}

/* Left to itself each of them would go on for ever. */
static void endless_ideas(void)
{
	uint64_t host = (uintptr_t)memory + 8 * PAGE;

	endless = true;
	idea("spin", 0, 0, DIES(DUNE_PLUGIN_TIME));
	idea("spin_syscall", 0, 0, DIES(DUNE_PLUGIN_TIME));
	idea("spin_refused", 0, 0, DIES(DUNE_PLUGIN_TIME));
	idea("spin_int80", 0, 0, DIES(DUNE_PLUGIN_TIME));
	idea("spin_cpuid", 0, 0, DIES(DUNE_PLUGIN_TIME));
	idea("spin_mmap", 0, 0, DIES(DUNE_PLUGIN_TIME));
	idea("spin_read", 0, 0, DIES(DUNE_PLUGIN_TIME));
	idea("stack_host_spin", host, 0, DIES(DUNE_PLUGIN_TIME));
	idea("stack_wild_spin", 0, 0, DIES(DUNE_PLUGIN_TIME));
	idea("base_gs_spin", host, 0, DIES(DUNE_PLUGIN_TIME));
	endless = false;
}

static void secrets(void)
{
	uint64_t value = ~0UL, fn = symbol(plugin, "secrets");

	__asm__ volatile("pcmpeqb %%xmm15, %%xmm15; pcmpeqb %%xmm7, %%xmm7" : : : "xmm7", "xmm15");
	ok_eq(dune_plugin_call(plugin, fn, NULL, 0, &value), 0, "it looks at registers");
	ok_eq(value, 0, "and finds nothing of the host's");
	ok_eq(dune_plugin_call(plugin, symbol(plugin, "read_fs"), NULL, 0, &value), 0, "at its FS base");
	ok(value != (uintptr_t)__builtin_thread_pointer(), "which is not the host's");
}

static void open_both(const char *dir, const struct dune_plugin_policy *policy)
{
	static const struct dune_plugin_policy patient = { .time_ns = PATIENCE };
	char path[256];

	snprintf(path, sizeof(path), "%s/hostile.so", dir);
	plugin = open_plugin(path, policy);
	snprintf(path, sizeof(path), "%s/good.so", dir);
	other = open_plugin(path, &patient);
}

static void close_both(void)
{
	dune_plugin_close(plugin);
	dune_plugin_close(other);
}

static void all_ideas(const char *dir)
{
	static const struct dune_plugin_policy patient = { .time_ns = PATIENCE };
	uint64_t buffer, base;

	open_both(dir, &patient);
	dune_plugin_alloc(plugin, PAGE, &buffer);
	base = buffer & ~((1UL << 30) - 1);
	dune_plugin_reset(plugin);
	look(&before);
	files = count_files();
	memory_ideas(symbol(other, "counter"));
	instruction_ideas();
	register_ideas();
	call_ideas(base, symbol(plugin, "depth") & ~(PAGE - 1));
	greedy_ideas(base);
	endless_ideas();
	secrets();
	close_both();
}

/* The same refusals, and each is the end of the call. */
static void strict_ideas(const char *dir)
{
	static const struct dune_plugin_policy strict = { .time_ns = PATIENCE, .flags = DUNE_PLUGIN_STRICT };

	open_both(dir, &strict);
	look(&before);
	files = count_files();
	idea("do_kill", getpid(), 0, DIES(DUNE_PLUGIN_REFUSED));
	idea("do_int80", 0, 0, DIES(DUNE_PLUGIN_REFUSED));
	idea("processes", getpid(), 0, DIES(DUNE_PLUGIN_REFUSED));
	idea("files", 0, 0, 0);
	idea("spin_refused", 0, 0, DIES(DUNE_PLUGIN_REFUSED));
	close_both();
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/usr/local/bin";
	unsigned int i;
	int err = dune_init();

	if (err)
		bail("dune_init: %s", strerror(-err));
	memory = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < 16 * PAGE / 8; i++)
		memory[i] = i * 0x9e3779b97f4a7c15UL;
	diag("from ordinary mode");
	all_ideas(dir);
	dune_enter();
	diag("from Dune mode");
	all_ideas(dir);
	dune_leave();
	strict_ideas(dir);
	return tap_done();
}
