// SPDX-License-Identifier: GPL-2.0
/*
 * What a core file says of a program that died: its registers, its memory, the signal, its
 * threads. It must be the program's own state.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/user.h>

#include "child.h"

/* ---- Ways to die, with known registers ---------------------------------- */

/* RAX 0x10, which is read; in the loop R15 says that all is set. */
void crash(void);
void loop(volatile int *shared_flag);
extern const char crash_at[], loop_at[], loop_end[];
__asm__(".pushsection .text\n"
	"crash:\n\t"
	"movl $0x10, %eax\n\tmovl $0x1b, %ebx\n\tmovl $0x1c, %ecx\n\tmovl $0x1d, %edx\n\t"
	"movl $0x51, %esi\n\t"
	"movl $0xd1, %edi\n\tmovl $0xb9, %ebp\n\tmovl $8, %r8d\n\tmovl $9, %r9d\n\t"
	"movl $10, %r10d\n\t"
	"movl $11, %r11d\n\tmovl $12, %r12d\n\tmovl $13, %r13d\n\tmovl $14, %r14d\n\t"
	"movq $-15, %r15\n\t"
	"movq %r15, %xmm3\n\tmovq %rsp, crash_rsp(%rip)\n"
	"crash_at:\tmovb (%rax), %al\n\tret\n"
	"loop:\n\tmovl $0x77, %ebx\n\tmovl $1, (%rdi)\n"
	"loop_at:\tjmp loop_at\n"
	"loop_end:\tret\n"
	".popsection");

static struct {
	uint64_t rsp;
	volatile int looping;
	char marker[64];
} *note;				/* shared: what the child says of itself */

static uint64_t crash_rsp __attribute__((used));
static char marker[64];			/* to be found in the core */

static void allow_core(void)
{
	struct rlimit lim = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &lim);
	prctl(PR_SET_DUMPABLE, 1);
	strcpy(marker, "in the child's memory");
}

static void die_of_fault(void)
{
	allow_core();
	crash();
}

static void die_of_blocked_fault(void)
{
	sigset_t all;

	allow_core();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	crash();
}

static void die_without_core(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	crash();
}

static void loop_until_killed(void)
{
	allow_core();
	loop(&note->looping);
}

static void sleep_until_killed(void)
{
	allow_core();
	for (;;)
		pause();
}

static void *abort_in_thread(void *arg)
{
	abort();
}

static void die_with_threads(void)
{
	pthread_t t;

	allow_core();
	pthread_create(&t, NULL, abort_in_thread, NULL);
	pthread_join(t, NULL);
}

/* ---- Reading a core ----------------------------------------------------- */

static struct {
	char *image;
	size_t size;
	int threads, has_auxv, has_files;
	struct elf_prstatus first;
	struct user_fpregs_struct fp;
	siginfo_t si;
	struct elf_prpsinfo ps;
} core;

/* A core by the name of "core" or "core.PID", in the current directory. */
static int load_core(pid_t pid)
{
	char name[32];
	int fd = open("core", O_RDONLY);
	off_t size;

	if (fd < 0) {
		snprintf(name, sizeof(name), "core.%d", pid);
		fd = open(name, O_RDONLY);
		unlink(name);
	}
	unlink("core");
	if (fd < 0)
		return 0;
	size = lseek(fd, 0, SEEK_END);
	memset(&core, 0, sizeof(core));
	core.size = (size_t)size;
	core.image = mmap(NULL, core.size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return core.image != MAP_FAILED && size > (off_t)sizeof(Elf64_Ehdr);
}

static void take(void *to, size_t size, const char *from, size_t have)
{
	memcpy(to, from, size < have ? size : have);
}

static void read_note(const Elf64_Nhdr *n, const char *desc)
{
	switch (n->n_type) {
	case NT_PRSTATUS:
		if (!core.threads++)
			take(&core.first, sizeof(core.first), desc, n->n_descsz);
		break;
	case NT_FPREGSET:
		if (core.threads == 1)
			take(&core.fp, sizeof(core.fp), desc, n->n_descsz);
		break;
	case NT_SIGINFO:
		if (core.threads == 1)
			take(&core.si, sizeof(core.si), desc, n->n_descsz);
		break;
	case NT_PRPSINFO:
		take(&core.ps, sizeof(core.ps), desc, n->n_descsz);
		break;
	case NT_AUXV:
		core.has_auxv = 1;
		break;
	case NT_FILE:
		core.has_files = 1;
		break;
	}
}

static const Elf64_Phdr *segment(int i)
{
	const Elf64_Ehdr *eh = (const void *)core.image;

	return i < eh->e_phnum ?
		(const void *)(core.image + eh->e_phoff + (size_t)i * eh->e_phentsize) : NULL;
}

static void read_notes(void)
{
	const Elf64_Phdr *ph;

	for (int i = 0; (ph = segment(i)); i++) {
		if (ph->p_type != PT_NOTE)
			continue;
		for (size_t at = ph->p_offset;
		     at + sizeof(Elf64_Nhdr) < ph->p_offset + ph->p_filesz;) {
			const Elf64_Nhdr *n = (const void *)(core.image + at);
			size_t desc = at + sizeof(*n) + ((n->n_namesz + 3) & ~3U);

			read_note(n, core.image + desc);
			at = desc + ((n->n_descsz + 3) & ~3U);
		}
	}
}

/* Memory at @addr of the dead program; NULL if the core has none. */
static const char *memory_at(uint64_t addr)
{
	const Elf64_Phdr *ph;

	for (int i = 0; (ph = segment(i)); i++)
		if (ph->p_type == PT_LOAD && addr >= ph->p_vaddr &&
		    addr < ph->p_vaddr + ph->p_filesz)
			return core.image + ph->p_offset + (addr - ph->p_vaddr);
	return NULL;
}

static struct user_regs_struct *regs(void)
{
	return (void *)&core.first.pr_reg;
}

static int died(pid_t pid, int sig, const char *how)
{
	int st = status_of(pid);

	ok(WIFSIGNALED(st) && WTERMSIG(st) == sig, "%s: signal %d", how, sig);
	ok(WIFSIGNALED(st) && WCOREDUMP(st), "%s: the wait status says that there is a core", how);
	if (!ok(load_core(pid), "%s: there is one", how))
		return 0;
	read_notes();
	return ok(core.threads && core.first.pr_pid == pid && core.first.pr_cursig == sig,
		  "%s: NT_PRSTATUS has the pid and the signal", how);
}

static void gone(void)
{
	munmap(core.image, core.size);
}

/* ---- The checks --------------------------------------------------------- */

static void test_fault(void)
{
	struct user_regs_struct *r = regs();
	const char *m;

	if (!died(child(die_of_fault), SIGSEGV, "a fault"))
		return;
	ok_eq(r->rip, (unsigned long)crash_at, "a fault: RIP is the faulting instruction's");
	ok(r->rax == 0x10 && r->rbx == 0x1b && r->rcx == 0x1c && r->rdx == 0x1d && r->rsi == 0x51 &&
	   r->rdi == 0xd1 &&
	   r->rbp == 0xb9 && r->r8 == 8 && r->r9 == 9 && r->r10 == 10 && r->r11 == 11 &&
		   r->r12 == 12 &&
	   r->r13 == 13 && r->r14 == 14 && r->r15 == -15UL,
		   "a fault: all registers are the program's");
	ok(r->cs == 0x33 && r->ss == 0x2b, "a fault: CS and SS are those of user code");
	ok_eq(r->orig_rax, -1, "a fault: no system call");
	ok(core.fp.xmm_space[12] == 0xfffffff1U && core.fp.xmm_space[13] == 0xffffffffU &&
	   core.fp.mxcsr == 0x1f80,
	   "a fault: NT_FPREGSET has XMM3 and MXCSR");
	ok(core.si.si_signo == SIGSEGV && core.si.si_code == SEGV_MAPERR &&
	   core.si.si_addr == (void *)0x10,
	   "a fault: NT_SIGINFO has code and address");
	ok(!strncmp(core.ps.pr_fname, "coredump", 8), "NT_PRPSINFO has the program's name");
	ok(core.has_auxv && core.has_files, "there are NT_AUXV and NT_FILE");
	m = memory_at((uint64_t)&crash_rsp);
	ok(m && *(const uint64_t *)m == r->rsp,
	   "RSP is what the program says of it, in the core's memory");
	m = memory_at((uint64_t)marker);
	ok(m && !strcmp(m, "in the child's memory"), "the core has the child's memory");
	ok(memory_at(r->rsp), "the core has its stack");
	gone();
}

static void test_blocked(void)
{
	if (!died(child(die_of_blocked_fault), SIGSEGV, "a fault, blocked"))
		return;
	ok(core.si.si_signo == SIGSEGV && core.si.si_code == SEGV_MAPERR &&
	   core.si.si_addr == (void *)0x10,
	   "a fault, blocked: NT_SIGINFO has code and address");
	gone();
}

static void test_loop(void)
{
	struct user_regs_struct *r = regs();
	pid_t pid = child(loop_until_killed);

	eventually(note->looping);
	kill(pid, SIGQUIT);
	if (!died(pid, SIGQUIT, "killed while it computes"))
		return;
	ok(r->rip == (unsigned long)loop_at && r->rbx == 0x77,
	   "killed while it computes: RIP is in its loop");
	ok_eq(r->orig_rax, -1, "killed while it computes: no system call");
	ok(core.si.si_signo == SIGQUIT && core.si.si_code == SI_USER && core.si.si_pid == getpid(),
	   "killed while it computes: NT_SIGINFO says who did it");
	gone();
}

static void test_sleep(void)
{
	struct user_regs_struct *r = regs();
	pid_t pid = child(sleep_until_killed);
	const unsigned char *code;

	eventually(state_of(pid) == 'S');
	kill(pid, SIGQUIT);
	if (!died(pid, SIGQUIT, "killed in a call"))
		return;
	ok_eq(r->orig_rax, SYS_pause, "killed in a call: orig_rax is its number");
	/* this process has the same code at the same place */
	code = (const void *)(r->rip - 2);
	ok(code[0] == 0x0f && code[1] == 0x05,
	   "killed in a call: RIP is behind its SYSCALL instruction");
	gone();
}

static void test_threads(void)
{
	int st = status_of(child(die_with_threads));

	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGABRT && WCOREDUMP(st),
	   "abort() in a thread: SIGABRT and a core");
	if (!ok(load_core(0), "abort() in a thread: there is a core"))
		return;
	read_notes();
	ok_eq(core.threads, 2, "abort() in a thread: both threads are in it");
	ok(core.first.pr_cursig == SIGABRT && core.first.pr_pid != core.first.pr_pgrp &&
	   core.si.si_code == SI_TKILL,
	   "abort() in a thread: the one that did it comes first");
	gone();
}

static int cores_are_here(void)
{
	char pattern[128] = "";
	int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);

	if (fd >= 0) {
		if (read(fd, pattern, sizeof(pattern) - 1) < 0)
			pattern[0] = 0;
		close(fd);
	}
	return !strcmp(pattern, "core\n");
}

int main(void)
{
	char dir[] = "/tmp/coredump-XXXXXX";
	int st;

	if (!mkdtemp(dir) || chdir(dir))
		bail("mkdtemp: %s", strerror(errno));
	note = shared(4096);
	st = status_of(child(die_without_core));
	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV && !WCOREDUMP(st),
	   "no core where RLIMIT_CORE is 0");
	if (cores_are_here()) {
		test_fault();
	test_blocked();
		test_loop();
		test_sleep();
		test_threads();
	} else {
		skip(1, "core files do not go to the current directory");
	}
	if (chdir("/") || rmdir(dir))
		diag("%s is left", dir);
	return tap_done();
}
