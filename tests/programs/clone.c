// SPDX-License-Identifier: GPL-2.0
/*
 * clone() and clone3() without libc: what the child has in its registers, which stack and TLS,
 * what it shares, where its tid is written, how it ends.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <linux/sched.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "child.h"

/* From <sched.h>, which does not go with <linux/sched.h>. */
int unshare(int flags);

#define STACK	(64UL << 10)

/* ---- Calls that touch no TLS (errno is there) --------------------------- */

static long raw(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#define raw0(nr) raw(nr, 0, 0, 0, 0, 0, 0)

/*
 * The call of number RAX with its arguments in place; the child calls fn(arg) and exits with what
 * that returns.
 */
static long clone_regs(long nr, long a, long b, long c, long d, long e, int (*fn)(void *),
		       void *arg)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e;
	register int (*r12)(void *) __asm__("r12") = fn;
	register void *r13 __asm__("r13") = arg;
	long ret;

	__asm__ volatile("syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "andq $-16, %%rsp\n\t"
			 "movq %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "movl %%eax, %%edi\n\t"
			 "movl $60, %%eax\n\t"
			 "syscall\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r12), "r"(r13)
			 : "rcx", "r11", "memory", "cc");
	return ret;
}

static char *stack;			/* its lowest byte */

static long raw_clone(unsigned long flags, int *ptid, int *ctid, void *tls, int (*fn)(void *),
		      void *arg)
{
	return clone_regs(SYS_clone, (long)flags, (long)(stack + STACK), (long)ptid, (long)ctid,
			  (long)tls, fn, arg);
}

static long raw_clone3(struct clone_args *args, int (*fn)(void *), void *arg)
{
	return clone_regs(SYS_clone3, (long)args, sizeof(*args), 0, 0, 0, fn, arg);
}

static int exit_status(long pid, int options)
{
	int st = -1;

	if (pid <= 0 || waitpid((pid_t)pid, &st, options) != pid || !WIFEXITED(st))
		return -1;
	return WEXITSTATUS(st);
}

static int wait_word(int *word, int while_is)
{
	for (int i = 0; i < 20000 && *(volatile int *)word == while_is; i++) {
		struct timespec t = { 0, 1000000 };

		syscall(SYS_futex, word, FUTEX_WAIT, while_is, &t, NULL, 0);
	}
	return *(volatile int *)word != while_is;
}

/* ---- What the child does ------------------------------------------------ */

static struct {
	volatile int ran, pid, tid, ppid, on_stack, blocked, fd;
	volatile unsigned long fs, tls_word;
	volatile int go;
} saw;

static int look(void *arg)
{
	char here;
	unsigned long fs = 0, word;

	raw(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, (long)&fs, 0, 0, 0, 0);
	__asm__ volatile("movq %%fs:0, %0" : "=r"(word));
	saw.fs = fs;
	saw.tls_word = word;
	saw.pid = (int)raw0(SYS_getpid);
	saw.tid = (int)raw0(SYS_gettid);
	saw.ppid = (int)raw0(SYS_getppid);
	saw.on_stack = &here >= stack && &here < stack + STACK;
	saw.fd = (int)raw(SYS_dup, 1, 0, 0, 0, 0, 0);
	saw.ran = arg == &saw;
	return 17;
}

static void reset(void)
{
	memset(&saw, 0, sizeof(saw));
}

/* ---- Processes that share memory ---------------------------------------- */

static void test_process(void)
{
	struct clone_args a = { .flags = CLONE_VM, .exit_signal = SIGCHLD };
	struct clone_args b = { .flags = CLONE_VM };
	long pid;
	int pidfd = -1;

	reset();
	pid = raw_clone(CLONE_VM | SIGCHLD, NULL, NULL, NULL, look, &saw);
	ok_eq(exit_status(pid, 0), 17, "clone(CLONE_VM): the child runs its function and exits");
	ok(saw.ran && saw.pid == pid && saw.tid == pid && saw.ppid == getpid(),
	   "it is a process, a child of this one");
	ok(saw.on_stack, "it has the stack that it was given");
	ok(fcntl(saw.fd, F_GETFD) == -1, "it has descriptors of its own");

	reset();
	pid = raw_clone(CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND | SIGCHLD, NULL, NULL,
			NULL, look, &saw);
	ok_eq(exit_status(pid, 0), 17, "clone(CLONE_VM | CLONE_FILES | CLONE_SIGHAND)");
	ok(!close(saw.fd), "with CLONE_FILES what it opens is open here");

	reset();
	a.stack = (uintptr_t)stack;
	a.stack_size = STACK;
	pid = raw_clone3(&a, look, &saw);
	ok_eq(exit_status(pid, 0), 17, "clone3(CLONE_VM)");
	ok(saw.ran && saw.on_stack && saw.pid == pid, "it has the stack that it was given");

	reset();
	b.stack = a.stack;
	b.stack_size = a.stack_size;
	pid = raw_clone3(&b, look, &saw);
	eventually(saw.ran);
	ok(waitpid((pid_t)pid, NULL, 0) == -1 && errno == ECHILD,
	   "without an exit signal waitpid() does not see it");
	ok_eq(exit_status(pid, __WCLONE), 17, "with __WCLONE it does");

	reset();
	a.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
	a.pidfd = (uintptr_t)&pidfd;
	pid = raw_clone3(&a, look, &saw);
	ok(saw.ran, "CLONE_VFORK: the child is over when the call is");
	ok(pidfd >= 0, "CLONE_PIDFD gives a descriptor");
	{
		siginfo_t si = { 0 };

		ok(!waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &si, WEXITED) &&
		   si.si_pid == pid && si.si_status == 17,
		   "waitid(P_PIDFD)");
	}
	close(pidfd);
}

/* ---- Threads ------------------------------------------------------------ */

#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static void test_thread(void)
{
	static uintptr_t tls[32] __attribute__((aligned(64)));
	static int ptid, ctid;
	struct clone_args a = { 0 };
	long tid;

	tls[0] = (uintptr_t)tls;		/* as the ABI wants it */
	reset();
	ctid = -1;
	tid = raw_clone(THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID, &ptid,
			&ctid, tls, look, &saw);
	ok(tid > 0 && ptid == tid, "clone(CLONE_THREAD): CLONE_PARENT_SETTID");
	ok(wait_word(&ctid, -1) && ctid == 0,
	   "CLONE_CHILD_CLEARTID: the word becomes 0, and who waits is woken");
	ok(saw.ran && saw.pid == getpid() && saw.tid == tid && saw.on_stack,
	   "the same process, a tid and a stack of its own");
	ok(saw.fs == (uintptr_t)tls && saw.tls_word == (uintptr_t)tls,
	   "CLONE_SETTLS: FS is at its own TLS");
	ok(waitpid((pid_t)tid, NULL, __WALL) == -1 && errno == ECHILD,
	   "a thread is not waited for");
	close(saw.fd);

	reset();
	ptid = 0;
	ctid = -1;
	a.flags = THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |
		CLONE_CHILD_SETTID;
	a.stack = (uintptr_t)stack;
	a.stack_size = STACK;
	a.tls = (uintptr_t)tls;
	a.parent_tid = (uintptr_t)&ptid;
	a.child_tid = (uintptr_t)&ctid;
	tid = raw_clone3(&a, look, &saw);
	ok(tid > 0 && ptid == tid, "clone3(CLONE_THREAD): CLONE_PARENT_SETTID");
	ok(wait_word(&ctid, -1) && wait_word(&ctid, (int)tid) && ctid == 0,
	   "CLONE_CHILD_SETTID, then CLONE_CHILD_CLEARTID");
	ok(saw.ran && saw.tid == tid && saw.fs == (uintptr_t)tls, "it ran with its own TLS");
	close(saw.fd);
}

static int spin_and_end(void *arg)
{
	while (!saw.go)
		;
	return 0;
}

/* One after the other on the same stack: each is really over when its word says so. */
static void test_many_threads(void)
{
	static int ctid;
	int wrong = 0;

	reset();
	saw.go = 1;
	for (int i = 0; i < 200; i++) {
		ctid = -1;
		if (raw_clone(THREAD | CLONE_CHILD_CLEARTID, NULL, &ctid, NULL, spin_and_end,
			      NULL) <= 0)
			wrong++;
		else if (!wait_word(&ctid, -1))
			wrong++;
	}
	ok_eq(wrong, 0, "200 bare threads on the same stack");
}

/* ---- What a child of fork() has in its registers ------------------------ */

#define KEPT 14
static uint64_t before[KEPT], after[KEPT] __attribute__((used)), xmm_after[4] __attribute__((used));
static double st_after __attribute__((used));
static long forked __attribute__((used));
static uint64_t my_rsp __attribute__((used)),
	my_rcx __attribute__((used));

void fork_regs(void);
extern const char fork_regs_on[];
__asm__(".pushsection .text\n"
	"fork_regs:\n\t"
	"pushq %rbx\n\tpushq %rbp\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n\t"
	"movq before(%rip), %rbx\n\tmovq before+8(%rip), %rbp\n\tmovq before+16(%rip), %r12\n\t"
	"movq before+24(%rip), %r13\n\tmovq before+32(%rip), %r14\n\tmovq before+40(%rip), %r15\n\t"
	"movq before+48(%rip), %rdi\n\tmovq before+56(%rip), %rsi\n\tmovq before+64(%rip), %rdx\n\t"
	"movq before+72(%rip), %r8\n\tmovq before+80(%rip), %r9\n\tmovq before+88(%rip), %r10\n\t"
	"movdqu before+96(%rip), %xmm5\n\tmovdqa %xmm5, %xmm15\n\tfldpi\n\t"
	"movq %rsp, my_rsp(%rip)\n\t"
	"movl $57, %eax\n\tsyscall\n"
	"fork_regs_on:\n\t"
	"movq %rax, forked(%rip)\n\tmovq %rcx, my_rcx(%rip)\n\t"
	"movq %rbx, after(%rip)\n\tmovq %rbp, after+8(%rip)\n\tmovq %r12, after+16(%rip)\n\t"
	"movq %r13, after+24(%rip)\n\tmovq %r14, after+32(%rip)\n\tmovq %r15, after+40(%rip)\n\t"
	"movq %rdi, after+48(%rip)\n\tmovq %rsi, after+56(%rip)\n\tmovq %rdx, after+64(%rip)\n\t"
	"movq %r8, after+72(%rip)\n\tmovq %r9, after+80(%rip)\n\tmovq %r10, after+88(%rip)\n\t"
	"movdqu %xmm5, after+96(%rip)\n\tmovdqu %xmm15, xmm_after(%rip)\n\tfstpl st_after(%rip)\n\t"
	"subq %rsp, my_rsp(%rip)\n\t"
	"popq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbp\n\tpopq %rbx\n\tret\n"
	".popsection");

static int regs_kept(void)
{
	return !memcmp(before, after, sizeof(before)) && !memcmp(xmm_after, before + 12, 16) &&
		!my_rsp &&
		st_after > 3.14159 && st_after < 3.1416 && my_rcx == (uint64_t)fork_regs_on;
}

static void test_registers(void)
{
	int st = -1;

	for (int i = 0; i < KEPT; i++)
		before[i] = 0x0101010101010101ULL * (unsigned int)(i + 1);
	fork_regs();
	if (!forked)
		_exit(regs_kept() ? 23 : 1);
	ok(forked > 0 && regs_kept(), "fork(): the parent keeps its registers");
	waitpid((pid_t)forked, &st, 0);
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 23,
	   "fork(): the child has the same registers: general, XMM, x87");
}

/* ---- Odds and ends ------------------------------------------------------ */

static volatile int usr1;

static void on_usr1(int sig)
{
	usr1++;
}

static int default_again(void *arg)
{
	struct { void *handler; unsigned long flags, restorer, mask; } old = { 0 };

	raw(SYS_rt_sigaction, SIGUSR1, 0, (long)&old, 8, 0, 0);
	return old.handler == (void *)SIG_DFL ? 5 : 6;
}

static int tid_word = 99;

static int set_tid_word(void *arg)
{
	return raw(SYS_set_tid_address, (long)&tid_word, 0, 0, 0, 0, 0) == raw0(SYS_gettid) ? 7 : 8;
}

/* CLONE_PARENT: the new process is a sister of the one that makes it. */
static void make_sister(void)
{
	need(clone_regs(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0, look, NULL) > 0);
}

static void test_sister(void)
{
	int st, own = 0, other = 0;
	pid_t pid = child(make_sister), got;

	while ((got = wait(&st)) > 0) {
		own += got == pid && st == 0;
		other += got != pid && WIFEXITED(st) && WEXITSTATUS(st) == 17;
	}
	ok(own == 1 && other == 1, "CLONE_PARENT: a child's child is this process's child");
}

static void test_odds(void)
{
	struct clone_args a = { .flags = CLONE_SIGHAND },
		clear = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	static int ctid;
	long pid;
	void *head;
	size_t len;

	signal(SIGUSR1, on_usr1);
	reset();
	pid = raw_clone(CLONE_VM | SIGUSR1, NULL, NULL, NULL, look, &saw);
	ok_eq(exit_status(pid, __WALL), 17, "a child whose exit signal is SIGUSR1");
	ok_eq(usr1, 1, "that signal came");

	ok_eq(raw_clone(CLONE_SIGHAND | SIGCHLD, NULL, NULL, NULL, look, NULL), -EINVAL,
	      "CLONE_SIGHAND without CLONE_VM: EINVAL");
	ok_eq(raw_clone3(&a, look, NULL), -EINVAL, "clone3: the same");
	ok_eq(raw_clone(CLONE_THREAD | SIGCHLD, NULL, NULL, NULL, look, NULL), -EINVAL,
	      "CLONE_THREAD alone: EINVAL");
	ok_eq(clone_regs(SYS_clone3, (long)&a, 8, 0, 0, 0, look, NULL), -EINVAL,
	      "clone3 with too small a structure: EINVAL");
	ok_eq(clone_regs(SYS_clone3, 8, sizeof(a), 0, 0, 0, look, NULL), -EFAULT,
	      "clone3 with a bad address: EFAULT");

	clear.stack = (uintptr_t)stack;
	clear.stack_size = STACK;
	pid = raw_clone3(&clear, default_again, NULL);
	ok_eq(exit_status(pid, 0), 5, "CLONE_CLEAR_SIGHAND: handlers are gone in the child");

	/* A process with a copy of the memory, on another stack, its tid in its own memory only. */
	ctid = 0;
	reset();
	pid = raw_clone(CLONE_CHILD_SETTID | SIGCHLD, NULL, &ctid, NULL, look, &saw);
	ok_eq(exit_status(pid, 0), 17, "clone() with a copy of the memory and another stack");
	ok(!saw.ran && !ctid, "what it did is not seen here");

	ok(syscall(SYS_get_robust_list, 0, &head, &len) == 0 && head && len == 24,
	   "the robust list is libc's");
	ok_eq(syscall(SYS_set_robust_list, head, 24), 0, "set_robust_list()");
	ok(syscall(SYS_set_robust_list, head, 23) == -1 && errno == EINVAL,
	   "set_robust_list() of another size: EINVAL");
	pid = raw_clone(CLONE_VM | SIGCHLD, NULL, NULL, NULL, set_tid_word, NULL);
	ok_eq(exit_status(pid, 0), 7, "set_tid_address() gives the tid");
	ok_eq(tid_word, 0, "its word is cleared at the end");
	test_sister();
	ok_eq(unshare(CLONE_FILES | CLONE_FS), 0, "unshare() of files and directories");
}

static int pid_1(void *arg)
{
	return raw0(SYS_getpid) == 1 ? 31 : 32;
}

static void test_namespace(void)
{
	long pid = raw_clone(CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, pid_1, NULL);

	if (pid == -EPERM || pid == -EINVAL)
		skip(1, "no PID namespaces");
	else
		ok_eq(exit_status(pid, 0), 31, "CLONE_NEWPID: the child is number 1");
}

int main(void)
{
	stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK,
		     -1, 0);
	test_registers();
	test_process();
	test_thread();
	test_many_threads();
	test_odds();
	test_namespace();
	return tap_done();
}
