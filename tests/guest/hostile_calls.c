// SPDX-License-Identifier: GPL-2.0
/*
 * Hostile code in ring 0 of Dune mode, by its time and its system calls: it is
 * interrupted and killed as any other, a VMCALL that is no plain call is handed out,
 * and calls that take away what Dune mode stands on harm its own process alone.
 */
#define _GNU_SOURCE
#include <sched.h>
#include "hostile.h"

/* ---- code that never comes back ------------------------------------------------------------------------------- */

__asm__(".pushsection .text\n"
	"loop_cli: cli; 1: jmp 1b\n"
	"loop_hlt: hlt\n"
	"loop_ud2: ud2\n"
	"loop_call: mov $39, %eax; vmcall; jmp loop_call\n"
	"loop_flush: mov $0x44756e65fffff001, %rax; vmcall; jmp loop_flush\n"	/* DUNE_HC_FLUSH */
	"loop_cpuid: cpuid; jmp loop_cpuid\n"
	"loop_back: iretq\n"
	"loop_back_error: add $8, %rsp; iretq\n"
	/* in ring 3, with AC: a read that is not aligned */
	"loop_ac: mov %rsp, %rbx; lea 1f(%rip), %rcx; push $0x2b; push %rbx; push $0x40002; push $0x33; push %rcx; iretq\n"
	"1: mov 1(%rdi), %eax; jmp 1b\n"
	".popsection\n");
extern const char loop_cli[] RAW_HIDDEN, loop_hlt[] RAW_HIDDEN, loop_ud2[] RAW_HIDDEN, loop_call[] RAW_HIDDEN,
	loop_flush[] RAW_HIDDEN, loop_cpuid[] RAW_HIDDEN, loop_back[] RAW_HIDDEN, loop_back_error[] RAW_HIDDEN,
	loop_ac[] RAW_HIDDEN;

static const struct loop {
	const char *name, *code;
	unsigned int vector;		/* has another gate: */
	const char *handler;
} loops[] = {
	{ "CLI; JMP .", loop_cli, 0, NULL },
	{ "VMCALLs", loop_call, 0, NULL },
	{ "TLB flushes", loop_flush, 0, NULL },
	{ "CPUIDs", loop_cpuid, 0, NULL },
	{ "#UD, whose handler returns", loop_ud2, 6, loop_back },
	{ "#UD, whose handler is a #UD", loop_ud2, 6, loop_ud2 },
	{ "#GP, whose handler returns", loop_hlt, 13, loop_back_error },
	{ "#GP, whose handler is a #GP", loop_hlt, 13, loop_hlt },
	{ "#PF, whose handler is not mapped", do_read, 14, (const char *)0x5000 },
	{ "#AC in ring 3, whose handler returns", loop_ac, 17, loop_back_error },
	{ "#AC in ring 3, whose handler is not canonical", loop_ac, 17, (const char *)(1UL << 63) },
};

static int loop_pipe[2];

/* The last of the loops ends by itself: #GP while #AC is delivered is a double fault. */
static bool ends_itself(const struct loop *l)
{
	return (uintptr_t)l->handler == 1UL << 63;
}

/* A signal has to get through; then it loops until it is killed. */
static void run_loop(const struct loop *l)
{
	if (raw_open(&raw) || raw_traps(&raw))
		_exit(1);
	if (l->handler)
		raw_gate(&raw, l->vector, (uintptr_t)l->handler, RAW_CS, 1, 0);
	raw_start_traps(&raw, l->code, l->vector == 14 ? 0 : (uintptr_t)raw.stack - 4096);
	/* not longer than needed: an emulator takes its time for exceptions */
	raw_deadline(ends_itself(l) ? 5000 : 10);
	if (raw_go_calls(&raw) != -ETIMEDOUT)
		_exit(2);
	raw_deadline(0);
	if (write(loop_pipe[1], "", 1) != 1)
		_exit(3);
	raw_go_calls(&raw);
	_exit(4);
}

static void test_loop(const struct loop *l)
{
	struct timespec tick = { .tv_nsec = 5000000 };
	int status = -1, i;
	char byte;
	pid_t pid;

	if (pipe(loop_pipe) || (pid = fork()) < 0)
		bail("cannot fork");
	if (!pid)
		run_loop(l);
	close(loop_pipe[1]);
	if (read(loop_pipe[0], &byte, 1) == 1) {
		nanosleep(&tick, NULL);
		kill(pid, SIGKILL);
	}
	close(loop_pipe[0]);
	for (i = 0; i < 1000 && waitpid(pid, &status, WNOHANG) != pid; i++)
		nanosleep(&tick, NULL);
	if (ends_itself(l))
		ok(WIFEXITED(status) && WEXITSTATUS(status) == 2, "%s: ends by itself", l->name);
	else
		ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "a loop of %s: signals get through, SIGKILL ends it (%#x)",
		   l->name, status);
}

/* ---- VMCALLs that are no plain calls --------------------------------------------------------------------------- */

__asm__(".pushsection .text\n"
	"do_call: mov %rdi, %rbx; mov (%rbx), %rax; mov 8(%rbx), %rdi; mov 16(%rbx), %rsi; mov 24(%rbx), %rdx\n"
	"vmcall; after_call: jmp raw_done\n"
	".popsection\n");
extern const char do_call[] RAW_HIDDEN, after_call[] RAW_HIDDEN;

static void set_call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	scratch[0] = nr;
	scratch[1] = a;
	scratch[2] = b;
	scratch[3] = c;
	raw_start_traps(&raw, do_call, (uintptr_t)scratch);
}

static int call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	set_call(nr, a, b, c);
	return go();
}

static void test_numbers(void)
{
	static const struct { const char *name; uint64_t nr; enum dune_exit_reason reason; } handed_out[] = {
		{ "the number after the last", 4096, DUNE_EXIT_SYSCALL },
		{ "x32's getpid", 0x40000000 | SYS_getpid, DUNE_EXIT_SYSCALL },
		{ "-1", ~0ULL, DUNE_EXIT_SYSCALL },
		{ "-2^31", 0x80000000, DUNE_EXIT_SYSCALL },
		{ "2^31 - 1", 0x7fffffff, DUNE_EXIT_SYSCALL },
		{ "a hypercall's lower half", 0xfffff000, DUNE_EXIT_SYSCALL },
		{ "a hypercall's upper half and another lower", 0x44756e65ffffe000, DUNE_EXIT_SYSCALL },
		{ "the hypercall that is not there yet", DUNE_HC(3), DUNE_EXIT_SYSCALL },
		{ "the last before the user's", DUNE_HC_USER - 1, DUNE_EXIT_SYSCALL },
		{ "the user's last", DUNE_HC(0xfff), DUNE_EXIT_HYPERCALL },
		{ "an upper half and a call's number", 0x1234567800000000 | SYS_close, DUNE_EXIT_SYSCALL },
		{ "exit_group", SYS_exit_group, DUNE_EXIT_SYSCALL },
		{ "exit", SYS_exit, DUNE_EXIT_SYSCALL },
		{ "fork", SYS_fork, DUNE_EXIT_SYSCALL },
		{ "clone", SYS_clone, DUNE_EXIT_SYSCALL },
		{ "execve", SYS_execve, DUNE_EXIT_SYSCALL },
		{ "rt_sigreturn", SYS_rt_sigreturn, DUNE_EXIT_SYSCALL },
		{ "rt_sigaction", SYS_rt_sigaction, DUNE_EXIT_SYSCALL },
		{ "arch_prctl", SYS_arch_prctl, DUNE_EXIT_SYSCALL },
		{ "ptrace", SYS_ptrace, DUNE_EXIT_SYSCALL },
		{ "exit_group with an upper half", 0xdeadbeef00000000 | SYS_exit_group, DUNE_EXIT_SYSCALL },
	};
	static const struct { const char *name; uint64_t nr, a, b, c; int64_t want; } calls[] = {
		{ "write from the kernel", SYS_write, 1, 0xffffffff81000000, 16, -EFAULT },
		{ "write from nowhere", SYS_write, 1, 1ULL << 63, 16, -EFAULT },
		{ "uname to the kernel", SYS_uname, 0xffffffff81000000, 0, 0, -EFAULT },
		{ "nanosleep of NULL", SYS_nanosleep, 0, 0, 0, -EFAULT },
		{ "close of -1", SYS_close, ~0ULL, 0, 0, -EBADF },
		{ "mmap of everything", SYS_mmap, 0, ~0xfffULL, 3, -ENOMEM },
		{ "munmap of the kernel", SYS_munmap, 0xffffffff80000000, 4096, 0, -EINVAL },
		{ "ioctl of nothing", SYS_ioctl, 1000, DUNE_RUN, 0, -EBADF },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(handed_out); i++) {
		int ret = call(handed_out[i].nr, 1, 2, 3);
		const struct dune_regs *g = &raw.run->regs;

		ok(!ret && raw.run->reason == handed_out[i].reason && g->rax == handed_out[i].nr &&
		   g->rip == (uintptr_t)after_call && g->rdi == 1 && g->rsi == 2 && g->rdx == 3,
		   "VMCALL of %s is handed out (%d, reason %u)", handed_out[i].name, ret, raw.run->reason);
	}
	ok(raw_good(&raw), "a good run after them");
	if (!(raw.info.caps & DUNE_CAP_FAST_SYSCALLS)) {
		skip(ARRAY_SIZE(calls), "no fast calls here");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		call(calls[i].nr, calls[i].a, calls[i].b, calls[i].c);
		ok_eq(raw.run->regs.rsi, calls[i].want, "VMCALL: %s", calls[i].name);
	}
}

/* ---- calls that take away what Dune mode stands on ---------------------------------------------------------------- */

__asm__(".pushsection .text\n"
	"do_wrmsr: wrmsr; jmp raw_done\n"
	"do_swapgs: swapgs; jmp raw_done\n"
	"do_ljmp: rex.w ljmp *(%rdi)\n"
	".popsection\n");
extern const char do_wrmsr[] RAW_HIDDEN, do_swapgs[] RAW_HIDDEN, do_ljmp[] RAW_HIDDEN;

/* Each in a child of its own; the exit status says where it went wrong. */
static void setup(void)
{
	if (raw_open(&raw) || raw_traps(&raw))
		_exit(100);
	scratch = raw_table(&raw);
}

/* What a VMCALL gave, the run having come to its end; -1000 if it did not. */
static long called(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	int ret;

	set_call(nr, a, b, c);
	ret = go_calls();
	return raw_is(&raw, ret, RAW_HC_DONE) ? (long)raw.run->regs.rsi : -1000;
}

static int close_vcpu(void *arg)
{
	int ret;

	setup();
	ret = call(SYS_close, (uint64_t)raw.vcpu, 0, 0);
	/* it may have ended for other work, and has no descriptor to be begun again with */
	if (ret != -EBADF && !raw_is(&raw, ret, RAW_HC_DONE) && !(ret == 0 && raw.run->reason == DUNE_EXIT_SYSCALL))
		return 1;
	close(raw.vcpu);
	munmap(raw.run, PAGE);
	close(raw.space);
	close(raw.dev);
	return raw_open(&raw) || !raw_good(&raw) ? 2 : 0;
}

static int close_space(void *arg)
{
	setup();
	if (called(SYS_close, (uint64_t)raw.space, 0, 0) || called(SYS_close, (uint64_t)raw.dev, 0, 0))
		return 1;
	return called(SYS_getpid, 0, 0, 0) == getpid() ? 0 : 2;
}

static int unmap_run_page(void *arg)
{
	int ret;

	setup();
	set_call(SYS_munmap, (uintptr_t)raw.run, PAGE, 0);
	/* there is no page any more that would say why it ended */
	ret = raw_ioctl(raw.vcpu, DUNE_RUN, NULL);
	while (ret == -EINTR)
		ret = raw_ioctl(raw.vcpu, DUNE_RUN, NULL);
	if (ret)
		return 1;
	mmap(raw.run, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, raw.vcpu, 0);
	if (raw.run->reason == DUNE_EXIT_SYSCALL)	/* not made there: no fast calls */
		return raw_good(&raw) ? 0 : 2;
	return raw_is(&raw, ret, RAW_HC_DONE) && raw.run->regs.rsi == 0 && raw_good(&raw) ? 0 : 3;
}

static int unmap_code(void *arg)
{
	static const unsigned char code[] = { 0x0f, 0x01, 0xc1, 0xff, 0xe3 };	/* vmcall; jmp *%rbx */
	char *p = raw_code(code, sizeof(code), PAGE);
	struct raw_trap *t;

	setup();
	raw_map(&raw, p);
	raw_start_traps(&raw, p, (uintptr_t)p);
	raw.run->regs.rax = arg ? SYS_mprotect : SYS_munmap;
	raw.run->regs.rsi = PAGE;
	raw.run->regs.rdx = PROT_READ;
	t = raw_trapped(&raw, raw_go_calls(&raw));
	if (!t || t->vector != 14 || t->error != (arg ? LINUX | I | P : LINUX | I) || t->rip != (uintptr_t)p + 3)
		return 1;
	return raw_good(&raw) ? 0 : 2;
}

/* Its page tables: what comes then is its own affair, but it must come. */
static int unmap_tables(void *arg)
{
	uint32_t reason;

	setup();
	scratch = (uint64_t *)(raw.stack - 32768);
	raw_good(&raw);
	call(SYS_munmap, (uintptr_t)raw.tables, RAW_TABLES * PAGE, 0);
	reason = raw.run->reason;
	return reason == DUNE_EXIT_NESTED_FAULT || reason == DUNE_EXIT_TRIPLE_FAULT ? 0 : (int)reason + 1;
}

static int unmap_stack(void *arg)
{
	struct raw_trap *t;

	setup();
	if (called(SYS_munmap, (uintptr_t)raw.stack - 65536, 65536, 0))
		return 1;
	raw_start_traps(&raw, do_exec, (uintptr_t)raw_done);
	t = raw_trapped(&raw, go());
	return t && t->vector == 14 && t->error == (LINUX | W) ? 0 : 2;
}

static int run_itself(void *arg)
{
	setup();
	if (called(SYS_ioctl, (uint64_t)raw.vcpu, DUNE_RUN, 0) != -EBUSY)
		return 1;
	return raw_good(&raw) ? 0 : 2;
}

static int ioctls_inside(void *arg)
{
	struct dune_assign_frame *frame;
	struct dune_info *info;

	setup();
	info = (struct dune_info *)&scratch[16];
	info->size = sizeof(*info);
	if (called(SYS_ioctl, (uint64_t)raw.dev, DUNE_GET_INFO, (uintptr_t)info) || info->abi != DUNE_ABI_VERSION)
		return 1;
	frame = (struct dune_assign_frame *)&scratch[32];
	frame->size = sizeof(*frame);
	frame->hva = 0x123456789000;
	if (called(SYS_ioctl, (uint64_t)raw.space, DUNE_ASSIGN_FRAME, (uintptr_t)frame) <= 0)
		return 2;
	memset(&scratch[16], 0, 64);
	info->size = sizeof(struct dune_create_space);
	if (called(SYS_ioctl, (uint64_t)raw.dev, DUNE_CREATE_SPACE, (uintptr_t)info) != -EEXIST)
		return 3;
	return raw_good(&raw) ? 0 : 4;
}

static int killed_inside(void *arg)
{
	setup();
	called(SYS_kill, (uint64_t)getpid(), (uint64_t)(long)arg, 0);
	return 1;
}

/* fork(), as libdune would make it: the child is outside and cannot use what its parent has. */
static int fork_inside(void *arg)
{
	int status = -1;
	long pid;

	setup();
	call(SYS_fork, 0, 0, 0);
	if (raw.run->reason != DUNE_EXIT_SYSCALL)
		return 1;
	pid = fork();
	if (!pid)
		_exit(raw_ioctl(raw.vcpu, DUNE_RUN, NULL) == -EIO ? 0 : 1);
	raw.run->regs.rax = (uint64_t)pid;
	if (!raw_is(&raw, go(), RAW_HC_DONE))
		return 2;
	waitpid((pid_t)pid, &status, 0);
	return status ? 3 : 0;
}

static int exit_inside(void *arg)
{
	setup();
	call(SYS_exit_group, 42, 0, 0);
	/* still here: it was handed out */
	return raw.run->reason == DUNE_EXIT_SYSCALL && raw.run->regs.rdi == 42 ? 0 : 1;
}

/* FS and GS bases of Dune mode are not those of the program, whatever comes in between. */
static int bases(void *arg)
{
	uint64_t fs = raw_fs_base(), gs = raw_gs_base();
	unsigned int i;

	setup();
	for (i = 0; i < 50; i++) {
		static const uint32_t nr[] = { 0xc0000100, 0xc0000101, 0xc0000102 };

		raw_start_traps(&raw, do_wrmsr, 0);
		raw.run->regs.rcx = nr[i % 3];
		raw.run->regs.rax = 0x1000 + i;
		raw.run->regs.rdx = 0xffff8880;
		go();
		raw_start_traps(&raw, do_swapgs, 0);
		raw.run->system.kernel_gs_base = 0xffffffffdeadb000;
		go();
		if (raw.run->gs_base != 0xffffffffdeadb000)
			return 1;
		sched_yield();
		if (raw_fs_base() != fs || raw_gs_base() != gs)
			return 2;
	}
	raw_start_traps(&raw, loop_cli, 0);
	raw.run->fs_base = raw.run->gs_base = 0xffff888000000000;
	raw_deadline(100);
	raw_go(&raw);
	raw_deadline(0);
	return raw_fs_base() == fs && raw_gs_base() == gs && raw_good(&raw) ? 0 : 3;
}

/* Compatibility mode, at the last address it has: the next one is 4 GiB, which it has not. */
static int wrap(void *arg)
{
	char *p = mmap((void *)0xfffff000, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	uint32_t reason;

	setup();
	raw_map(&raw, p);
	memcpy(p + PAGE - 3, "\x0f\x01\xc1", 3);		/* vmcall */
	scratch[0] = 0xfffffffd;
	scratch[1] = RAW_CS32;
	raw_start_traps(&raw, do_ljmp, (uintptr_t)scratch);
	raw.run->regs.rax = SYS_getppid;
	/* raw_go_calls() would go on at 4 GiB as well */
	if (raw_go_calls(&raw))
		return 1;
	reason = raw.run->reason;
	if (reason != DUNE_EXIT_BAD_STATE && !raw_trapped(&raw, 0))
		return 2;
	return raw_good(&raw) ? 0 : 3;
}

/* Two that need what a thread normally has not: a second VCPU. */
static int make_vcpu(void *arg)
{
	struct dune_create_vcpu *v;
	long fd;

	setup();
	v = (struct dune_create_vcpu *)&scratch[16];
	v->size = sizeof(*v);
	fd = called(SYS_ioctl, (uint64_t)raw.space, DUNE_CREATE_VCPU, (uintptr_t)v);
	if (fd < 0)
		return 1;
	if (called(SYS_close, (uint64_t)fd, 0, 0))
		return 2;
	return raw_good(&raw) ? 0 : 3;
}

static int run_second(void *arg)
{
	struct dune_create_vcpu v = { .size = sizeof(v) };
	struct raw second;

	setup();
	second = raw;
	second.vcpu = raw_ioctl(raw.space, DUNE_CREATE_VCPU, &v);
	second.run = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, second.vcpu, 0);
	raw_start(&second, raw_done, 0);
	second.run->regs.rsp -= 8192;
	if (called(SYS_ioctl, (uint64_t)second.vcpu, DUNE_RUN, 0) != -EBUSY)
		return 1;
	return raw_good(&second) && raw_good(&raw) ? 0 : 2;
}

static const struct { const char *name; int (*fn)(void *arg); void *arg; int want; bool fast; } self_harm[] = {
	{ "close() of its VCPU", close_vcpu, NULL, 0, false },
	{ "close() of its space and of the device", close_space, NULL, 0, false },
	{ "munmap() of its run page", unmap_run_page, NULL, 0, false },
	{ "munmap() of the code that runs", unmap_code, NULL, 0, false },
	{ "mprotect() of the code that runs", unmap_code, "", 0, false },
	{ "munmap() of its page tables", unmap_tables, NULL, 0, true },
	{ "munmap() of its stack", unmap_stack, NULL, 0, false },
	{ "DUNE_RUN of the VCPU that runs it", run_itself, NULL, 0, true },
	{ "other ioctls", ioctls_inside, NULL, 0, false },
	{ "SIGKILL to itself", killed_inside, (void *)SIGKILL, SIGKILL, false },
	{ "SIGTERM to itself", killed_inside, (void *)SIGTERM, SIGTERM, false },
	{ "SIGSEGV to itself", killed_inside, (void *)SIGSEGV, SIGSEGV, false },
	{ "fork()", fork_inside, NULL, 0, false },
	{ "exit_group()", exit_inside, NULL, 0, false },
	{ "FS and GS bases of its own", bases, NULL, 0, false },
	{ "VMCALL at the end of 4 GiB in compatibility mode", wrap, NULL, 0, false },
	/* the last two could take the machine with them */
	{ "DUNE_CREATE_VCPU", make_vcpu, NULL, 0, false },
	{ "DUNE_RUN of a second VCPU", run_second, NULL, 0, true },
};

int main(void)
{
	unsigned int i;
	bool fast;

	raw_health_begin(&health);
	hostile_open();
	test_numbers();
	fast = raw.info.caps & DUNE_CAP_FAST_SYSCALLS;
	raw_close(&raw);

	for (i = 0; i < ARRAY_SIZE(loops); i++)
		test_loop(&loops[i]);
	for (i = 0; i < ARRAY_SIZE(self_harm); i++)
		if (fast || !self_harm[i].fast)
			ok_eq(raw_child(self_harm[i].fn, self_harm[i].arg, 10), self_harm[i].want, "from inside: %s",
			      self_harm[i].name);
		else
			skip(1, "no fast calls here: %s", self_harm[i].name);

	if (raw_open(&raw))
		bail("no Dune mode any more");
	raw_health_end(&health, &raw);
	raw_close(&raw);
	return tap_done();
}
