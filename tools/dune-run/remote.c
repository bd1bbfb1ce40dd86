// SPDX-License-Identifier: GPL-2.0
/*
 * A process that has just executed a program and that this one traces: its
 * memory, and system calls that it is made to do before its first instruction.
 *
 *	PTRACE_EVENT_EXEC --> exit of execve() --> [ entry --> exit of a call ]... --> released
 *
 * At the event execve() is not over: it will still set RAX. At the exit of a
 * system call all registers can be set, and the next call begins there.
 */
#include "remote.h"
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "descriptor.h"

#define SYSCALL_STOP	(SIGTRAP | 0x80)	/* with PTRACE_O_TRACESYSGOOD */
#define USER_CS		0x33			/* of 64-bit programs */
#define SYSCALL_INSN	0x050fUL
#define SYSCALL_MASK	0xffffUL

/* What the kernel has for "again" in RAX, before a signal decides: -ERESTARTSYS and its kin. */
#define RESTART_FIRST	512
#define RESTART_LAST	516

/* ptrace() says ESRCH also of one that is just being killed: it is about to end. */
static int ended(struct remote *r)
{
	while (r->status == -1) {
		int status;

		if (waitpid(r->pid, &status, __WALL) < 0)
			status = W_EXITCODE(0, SIGKILL);
		else if (WIFSTOPPED(status))
			continue;
		r->status = status;
	}
	return ESRCH;
}

static int trace(struct remote *r, int request, void *addr, void *data)
{
	if (r->status != -1)
		return ESRCH;
	if (ptrace(request, r->pid, addr, data) >= 0)
		return 0;
	return errno == ESRCH ? ended(r) : errno;
}

/*
 * Run to the next entry or exit of a system call. Only SIGSTOP and SIGKILL can
 * come meanwhile. SIGSTOP is given to it, so that Linux knows it as stopped,
 * but it runs on here, and stops when it is released.
 */
static int next_stop(struct remote *r)
{
	long sig = 0;

	for (;;) {
		int err = trace(r, PTRACE_SYSCALL, NULL, (void *)sig);
		int status;

		if (err)
			return err;
		if (waitpid(r->pid, &status, __WALL) < 0)
			return ended(r);
		if (!WIFSTOPPED(status)) {
			r->status = status;
			return ESRCH;
		}
		if (WSTOPSIG(status) == SYSCALL_STOP)
			return 0;
		sig = status >> 16 ? 0 : WSTOPSIG(status);
	}
}

/* ---- memory ------------------------------------------------------------------ */

static int peek(struct remote *r, uint64_t address, long *word)
{
	if (r->status != -1)
		return ESRCH;
	errno = 0;
	*word = ptrace(PTRACE_PEEKDATA, r->pid, address, NULL);
	return errno == ESRCH ? ended(r) : errno;
}

static int poke(struct remote *r, uint64_t address, long word)
{
	return trace(r, PTRACE_POKEDATA, (void *)address, (void *)word);
}

/* Word by word: for where there is no /proc, or it does not let tracers write. */
static int peek_all(struct remote *r, uint64_t address, unsigned char *to, size_t length)
{
	while (length) {
		size_t skip = address % sizeof(long);
		size_t n = sizeof(long) - skip < length ? sizeof(long) - skip : length;
		long word;
		int err = peek(r, address - skip, &word);

		if (err)
			return err;
		memcpy(to, (char *)&word + skip, n);
		address += n;
		to += n;
		length -= n;
	}
	return 0;
}

static int poke_all(struct remote *r, uint64_t address, const unsigned char *from, size_t length)
{
	while (length) {
		size_t skip = address % sizeof(long);
		size_t n = sizeof(long) - skip < length ? sizeof(long) - skip : length;
		long word;
		int err = n < sizeof(long) ? peek(r, address - skip, &word) : 0;

		if (err)
			return err;
		memcpy((char *)&word + skip, from, n);
		err = poke(r, address - skip, word);
		if (err)
			return err;
		address += n;
		from += n;
		length -= n;
	}
	return 0;
}

int remote_read(struct remote *r, uint64_t address, void *to, size_t length)
{
	if (r->mem >= 0 && pread(r->mem, to, length, (off_t)address) == (ssize_t)length)
		return 0;
	return peek_all(r, address, to, length);
}

/* As the process could itself. */
static bool write_as_it(struct remote *r, uint64_t address, const void *from, size_t length)
{
	struct iovec here = { (void *)from, length }, there = { (void *)address, length };

	return process_vm_writev(r->pid, &here, 1, &there, 1, 0) == (ssize_t)length;
}

int remote_write(struct remote *r, uint64_t address, const void *from, size_t length)
{
	if (r->writable && pwrite(r->mem, from, length, (off_t)address) == (ssize_t)length)
		return 0;
	return write_as_it(r, address, from, length) ? 0 : poke_all(r, address, from, length);
}

/* ---- system calls ------------------------------------------------------------- */

static bool again(int64_t result)
{
	return result <= -RESTART_FIRST && result >= -RESTART_LAST;
}

long remote_call(struct remote *r, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
		 uint64_t e, uint64_t f)
{
	struct user_regs_struct regs = r->regs;
	struct __ptrace_syscall_info info;
	int err;

	regs.rip = r->gate;
	regs.rax = (unsigned long long)nr;
	regs.orig_rax = -1ULL;
	regs.rdi = a;
	regs.rsi = b;
	regs.rdx = c;
	regs.r10 = d;
	regs.r8 = e;
	regs.r9 = f;
	err = trace(r, PTRACE_SETREGS, NULL, &regs);
	do {
		if (!err)
			err = next_stop(r);
		if (!err)
			err = trace(r, PTRACE_GET_SYSCALL_INFO, (void *)sizeof(info), &info);
		if (err)
			return -err;
	} while (info.op != PTRACE_SYSCALL_INFO_EXIT || again(info.exit.rval));
	return info.exit.rval;
}

static uint64_t auxv_entry(int proc, uint64_t type)
{
	int fd = descriptor_move(openat(proc, "auxv", O_RDONLY | O_CLOEXEC), 3);
	Elf64_auxv_t entry;
	uint64_t value = 0;

	if (fd < 0)
		return 0;
	while (!value && read(fd, &entry, sizeof(entry)) == sizeof(entry))
		if (entry.a_type == type)
			value = entry.a_un.a_val;
	close(fd);
	return value;
}

/* A SYSCALL instruction in this process's vDSO: its offset, or 0. */
static size_t gate_offset(void)
{
	static const unsigned char insn[] = { 0x0f, 0x05 };
	const unsigned char *vdso = (const unsigned char *)getauxval(AT_SYSINFO_EHDR), *found = NULL;
	const Elf64_Ehdr *elf = (const Elf64_Ehdr *)vdso;
	const Elf64_Phdr *ph;

	if (!vdso)
		return 0;
	ph = (const Elf64_Phdr *)(vdso + elf->e_phoff);
	for (unsigned int i = 0; i < elf->e_phnum && !found; i++)
		if (ph[i].p_type == PT_LOAD)
			found = memmem(vdso + ph[i].p_offset, ph[i].p_filesz, insn, sizeof(insn));
	return found ? (size_t)(found - vdso) : 0;
}

/*
 * The vDSO falls back on system calls: its instructions do, without any change to the program. All
 * programs have the same one; look all the same.
 */
static uint64_t gate_in_vdso(struct remote *r, int proc)
{
	uint64_t base = auxv_entry(proc, AT_SYSINFO_EHDR);
	size_t offset = base ? gate_offset() : 0;
	uint16_t insn = 0;

	if (!offset || remote_read(r, base + offset, &insn, sizeof(insn)) || insn != SYSCALL_INSN)
		return 0;
	return base + offset;
}

/* Without a vDSO the program's first instruction makes room, until the release. */
static int gate_at_entry(struct remote *r, struct why *w)
{
	int err = peek(r, r->regs.rip, &r->word);

	if (!err)
		err = poke(r, r->regs.rip, (r->word & ~(long)SYSCALL_MASK) | (long)SYSCALL_INSN);
	if (err)
		return why(w, err, "cannot write to the program's memory: %s", strerror(err));
	r->poked = true;
	r->gate = r->regs.rip;
	return 0;
}

/* ---- beginning and end ---------------------------------------------------------- */

static int hold_signals(struct remote *r)
{
	uint64_t all = ~0ULL;
	int err = trace(r, PTRACE_GETSIGMASK, (void *)sizeof(r->signals), &r->signals);

	return err ?: trace(r, PTRACE_SETSIGMASK, (void *)sizeof(all), &all);
}

int remote_open(struct remote *r, pid_t pid, int proc, struct why *w)
{
	int err;

	*r = (struct remote){ .pid = pid, .status = -1, .mem = -1 };
	err = hold_signals(r) ?: next_stop(r) ?: trace(r, PTRACE_GETREGS, NULL, &r->regs);
	if (err)
		return why(w, err, "cannot take charge of the program: %s", strerror(err));
	if (r->regs.cs != USER_CS)
		return why(w, ENOEXEC, "the program turned out to be a 32-bit one; in Dune mode "
			   "only 64-bit ones run");
	if (proc >= 0) {
		r->mem = descriptor_move(openat(proc, "mem", O_RDWR | O_CLOEXEC), 3);
		r->writable = r->mem >= 0;
		if (r->mem < 0)
			r->mem = descriptor_move(openat(proc, "mem", O_RDONLY | O_CLOEXEC), 3);
		r->gate = gate_in_vdso(r, proc);
	}
	return r->gate ? 0 : gate_at_entry(r, w);
}

int remote_release(struct remote *r, const struct user_regs_struct *regs)
{
	struct user_regs_struct copy = *regs;
	int err = 0;

	if (r->poked)
		err = poke(r, r->gate, r->word);
	r->poked = false;
	return err ?: trace(r, PTRACE_SETREGS, NULL, &copy) ?:
	       trace(r, PTRACE_SETSIGMASK, (void *)sizeof(r->signals), &r->signals) ?:
	       trace(r, PTRACE_DETACH, NULL, NULL);
}

void remote_exit(struct remote *r, int status)
{
	if (r->gate)
		remote_call(r, SYS_exit_group, (uint64_t)status, 0, 0, 0, 0, 0);
	if (r->status == -1)
		kill(r->pid, SIGKILL);
}
