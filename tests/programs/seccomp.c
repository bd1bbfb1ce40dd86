// SPDX-License-Identifier: GPL-2.0
/*
 * seccomp: every call of the program is seen by its filters, as the program made it, and no other
 * call is. A runtime that made one of its own would be killed by these.
 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <ucontext.h>

#include "child.h"

#ifndef SYS_SECCOMP
#define SYS_SECCOMP	1
#endif
#define PAGE	4096UL

/* ---- Filters ------------------------------------------------------------ */

#define NR_IS(nr, then)								\
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1),			\
	BPF_STMT(BPF_RET | BPF_K, (then))
#define LOAD(field)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what)	BPF_STMT(BPF_RET | BPF_K, (what))
#define LEN(a)		(unsigned short)(sizeof(a) / sizeof((a)[0]))

static long install(struct sock_filter *code, unsigned short len, unsigned int flags)
{
	struct sock_fprog prog = { len, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}
#define INSTALL(code, flags) install(code, LEN(code), flags)

/* A call by an instruction of our own, whose place is known. */
long known_call(long nr, long a, long b, long c);
extern const char known_call_on[];
__asm__(".pushsection .text\n"
	"known_call:\n\tmovq %rdi, %rax\n\tmovq %rsi, %rdi\n\tmovq %rdx, %rsi\n\t"
	"movq %rcx, %rdx\n\tsyscall\n"
	"known_call_on:\n\tret\n"
	".popsection");

__attribute__((noreturn)) static void raw_exit(int status)
{
	for (;;)
		known_call(SYS_exit, status, 0, 0);
}

/* ---- Strict mode -------------------------------------------------------- */

static volatile unsigned long work;

static void compute(long n)
{
	for (long i = 0; i < n; i++)
		work = work * 3 + 1;
}

static char fresh[64 * PAGE] __attribute__((aligned(4096)));

static void touch_fresh(void)
{
	for (size_t i = 0; i < sizeof(fresh); i += PAGE)
		fresh[i] = 1;
}

static void strict_good(void)
{
	need(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	compute(2000000);
	touch_fresh();
	known_call(SYS_write, 1, (long)"# written in strict mode\n", 25);
	raw_exit(0);
}

static void strict_bad(void)
{
	need(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	known_call(SYS_getpid, 0, 0, 0);
	raw_exit(0);
}

/* ---- What filters answer ------------------------------------------------ */

static void filter_errno(void)
{
	struct sock_filter code[] = {
		LOAD(nr),
		NR_IS(SYS_getppid, SECCOMP_RET_ERRNO | 77),
		NR_IS(SYS_getuid, SECCOMP_RET_ERRNO | 0),
		NR_IS(SYS_uname, SECCOMP_RET_LOG),
		RETURN(SECCOMP_RET_ALLOW),
	};
	char uts[65 * 6];
	int st;

	need(!INSTALL(code, 0));
	need(syscall(SYS_getppid) == -1 && errno == 77);
	need(syscall(SYS_getuid) == 0);
	need(syscall(SYS_getpid) == getpid());
	need(!syscall(SYS_uname, uts) && !strcmp(uts, "Linux"));
	/* A child has it too, and a thread. */
	if (fork() == 0)
		_exit(syscall(SYS_getppid) == -1 && errno == 77 ? 0 : 1);
	need(wait(&st) > 0 && !st);
}

/* By argument: all six, and the place of the call. */
static void filter_args(void)
{
	struct sock_filter code[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_dup3, 0, 7),
		LOAD(args[0]),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x11111111, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x22222222, 0, 3),
		LOAD(instruction_pointer),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(uintptr_t)known_call_on, 0, 1),
		RETURN(SECCOMP_RET_ERRNO | 66),
		RETURN(SECCOMP_RET_ALLOW),
	};

	need(!INSTALL(code, 0));
	need(known_call(SYS_dup3, 0x11111111, 0x2222222200000000, 0) == -66);
	need(known_call(SYS_dup3, 0x11111112, 0x2222222200000000, 0) == -EBADF);
	need(known_call(SYS_dup3, 0x11111111, 0x2222222300000000, 0) == -EBADF);
	need(syscall(SYS_dup3, 0x11111111, 0x2222222200000000, 0) == -1 && errno == EBADF);
}

static struct {
	volatile int times;
	int code, nr, arch, err;
	void *addr;
	uintptr_t rip, rax, rdi;
} trap;

static void on_sigsys(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	trap.times++;
	trap.code = si->si_code;
	trap.nr = si->si_syscall;
	trap.arch = (int)si->si_arch;
	trap.err = si->si_errno;
	trap.addr = si->si_call_addr;
	trap.rip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	trap.rax = (uintptr_t)uc->uc_mcontext.gregs[REG_RAX];
	trap.rdi = (uintptr_t)uc->uc_mcontext.gregs[REG_RDI];
	uc->uc_mcontext.gregs[REG_RAX] = 4242;
}

static void filter_trap(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
	struct sock_filter code[] = {
		LOAD(nr),
		NR_IS(SYS_getppid, SECCOMP_RET_TRAP | 55),
		RETURN(SECCOMP_RET_ALLOW),
	};

	sigaction(SIGSYS, &sa, NULL);
	need(!INSTALL(code, 0));
	for (int i = 1; i <= 100; i++) {
		need(known_call(SYS_getppid, 7, 8, 9) == 4242);
		need(trap.times == i);
	}
	need(trap.code == SYS_SECCOMP && trap.nr == SYS_getppid &&
	     trap.arch == (int)AUDIT_ARCH_X86_64 && trap.err == 55);
	need(trap.addr == known_call_on);
	need(trap.rip == (uintptr_t)known_call_on);
	need(trap.rax == SYS_getppid && trap.rdi == 7);
}

static void filter_kill_process(void)
{
	struct sock_filter code[] = {
		LOAD(nr),
		NR_IS(SYS_getppid, SECCOMP_RET_KILL_PROCESS),
		RETURN(SECCOMP_RET_ALLOW),
	};

	need(!INSTALL(code, 0));
	need(getpid() > 0);
	syscall(SYS_getppid);
}

static void *call_getppid(void *arg)
{
	syscall(SYS_getppid);
	_exit(1);
}

static void filter_kill_thread(void)
{
	struct sock_filter code[] = {
		LOAD(nr),
		NR_IS(SYS_getppid, SECCOMP_RET_KILL_THREAD),
		RETURN(SECCOMP_RET_ALLOW),
	};
	pthread_t t;

	need(!INSTALL(code, 0));
	need(!pthread_create(&t, NULL, call_getppid, NULL));
	/* libc's word of the thread is cleared by the kernel: join() returns */
	need(!pthread_join(t, NULL));
}

/* ---- Only some calls at all, and a life within them --------------------- */

static volatile int ticks;

static void on_tick(int sig)
{
	ticks++;
}

static void allow_list(void)
{
	struct sock_filter code[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		NR_IS(SYS_read, SECCOMP_RET_ALLOW),
		NR_IS(SYS_write, SECCOMP_RET_ALLOW),
		NR_IS(SYS_exit_group, SECCOMP_RET_ALLOW),
		NR_IS(SYS_rt_sigreturn, SECCOMP_RET_ALLOW),
		RETURN(SECCOMP_RET_KILL_PROCESS),
	};
	struct itimerval it = { .it_interval.tv_usec = 1000, .it_value.tv_usec = 1000 };
	char *big = mmap(NULL, 256 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	/* in a GiB where nothing has been yet */
	char *far = mmap((void *)0x123400000000, 16 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int p[2];

	signal(SIGALRM, on_tick);
	need(big != MAP_FAILED && far != MAP_FAILED && !pipe(p));
	setitimer(ITIMER_REAL, &it, NULL);
	need(!INSTALL(code, 0));
	for (size_t i = 0; i < 256; i++)
		big[i * PAGE] = 'x';
	touch_fresh();
	for (size_t i = 0; i < 16; i++)
		far[i * PAGE] = 'x';
	for (long i = 0; i < 3000 && ticks < 20; i++)
		compute(100000);
	need(ticks >= 20);
	for (int i = 0; i < 50; i++) {
		char c = (char)i;

		need(write(p[1], &c, 1) == 1 && read(p[0], &c, 1) == 1 && c == (char)i);
	}
	/* the stack grows, too */
	{
		volatile char deep[300000];

		deep[0] = 1;
		deep[299999] = deep[0];
	}
	syscall(SYS_exit_group, 0);
}

static void allow_list_broken(void)
{
	struct sock_filter code[] = {
		LOAD(nr),
		NR_IS(SYS_exit_group, SECCOMP_RET_ALLOW),
		RETURN(SECCOMP_RET_KILL_PROCESS),
	};

	need(!INSTALL(code, 0));
	compute(1000);
	syscall(SYS_getpid);
	syscall(SYS_exit_group, 0);
}

/* Without rt_sigreturn() the end of a handler kills. */
static void no_sigreturn(void)
{
	struct sock_filter code[] = {
		LOAD(nr),
		NR_IS(SYS_rt_sigreturn, SECCOMP_RET_KILL_PROCESS),
		RETURN(SECCOMP_RET_ALLOW),
	};

	signal(SIGUSR1, on_tick);
	need(!INSTALL(code, 0));
	raise(SIGUSR1);
}

/* ---- Threads ------------------------------------------------------------ */

static volatile int tsync_ready, tsync_go, tsync_seen;

static void *is_filtered(void *arg)
{
	tsync_ready++;
	while (!tsync_go)
		;
	if (syscall(SYS_getppid) == -1 && errno == 88)
		__atomic_add_fetch(&tsync_seen, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *install_for_all(void *arg)
{
	struct sock_filter code[] = {
		LOAD(nr),
		NR_IS(SYS_getppid, SECCOMP_RET_ERRNO | 88),
		RETURN(SECCOMP_RET_ALLOW),
	};

	return (void *)(intptr_t)INSTALL(code, SECCOMP_FILTER_FLAG_TSYNC);
}

static void tsync(void)
{
	pthread_t a, b;
	void *r;

	need(!pthread_create(&a, NULL, is_filtered, NULL));
	need(eventually(tsync_ready == 1));
	need(!pthread_create(&b, NULL, install_for_all, NULL) && !pthread_join(b, &r) && !r);
	tsync_go = 1;
	need(!pthread_join(a, NULL) && tsync_seen == 1);
	need(syscall(SYS_getppid) == -1 && errno == 88);
}

static void own_filter_only(void)
{
	pthread_t a;
	struct sock_filter code[] = {
		LOAD(nr),
		NR_IS(SYS_getppid, SECCOMP_RET_ERRNO | 88),
		RETURN(SECCOMP_RET_ALLOW),
	};

	tsync_ready = tsync_go = tsync_seen = 0;
	need(!pthread_create(&a, NULL, is_filtered, NULL));
	need(eventually(tsync_ready == 1));
	need(!INSTALL(code, 0));
	tsync_go = 1;
	need(!pthread_join(a, NULL) && !tsync_seen);
	need(syscall(SYS_getppid) == -1 && errno == 88);
}

static void over_exec(void)
{
	struct sock_filter code[] = {
		LOAD(nr),
		NR_IS(SYS_getppid, SECCOMP_RET_ERRNO | 88),
		RETURN(SECCOMP_RET_ALLOW),
	};

	need(!INSTALL(code, 0));
	execl("/proc/self/exe", "seccomp", "--filtered", (char *)NULL);
	_exit(1);
}

/* The filter of the last one first: the strictest answer counts. */
static void stacked(void)
{
	struct sock_filter one[] = { LOAD(nr), NR_IS(SYS_getppid, SECCOMP_RET_ERRNO | 1),
				     RETURN(SECCOMP_RET_ALLOW) };
	struct sock_filter two[] = { LOAD(nr), NR_IS(SYS_getppid, SECCOMP_RET_ERRNO | 2),
				     RETURN(SECCOMP_RET_ALLOW) };

	need(!INSTALL(one, 0) && !INSTALL(two, 0));
	need(syscall(SYS_getppid) == -1 && errno == 2);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return syscall(SYS_getppid) == -1 && errno == 88 ? 0 : 1;
	ok_child(strict_good, "strict mode: computing, faulting and write() are fine");
	ok_killed(strict_bad, SIGKILL, "strict mode: getpid() kills");
	ok_child(filter_errno, "filter: ERRNO, LOG, ALLOW; a child has it too");
	ok_child(filter_args, "filter: it sees the arguments, and where the call was made");
	ok_child(filter_trap, "filter: TRAP gives SIGSYS with the place and the number, 100 times");
	ok_killed(filter_kill_process, SIGSYS, "filter: KILL_PROCESS");
	ok_child(filter_kill_thread, "filter: KILL_THREAD ends one thread, the others go on");
	ok_child(allow_list,
		 "read, write, exit_group, rt_sigreturn allowed: faults, signals, computing go on");
	ok_killed(allow_list_broken, SIGSYS, "another call kills");
	ok_killed(no_sigreturn, SIGSYS, "rt_sigreturn() is filtered, too");
	ok_child(tsync, "TSYNC from another thread");
	ok_child(own_filter_only, "a thread's filter is its own");
	ok_child(over_exec, "a filter stays over execve()");
	ok_child(stacked, "of two filters the last one's answer counts, if both give one");
	return tap_done();
}
