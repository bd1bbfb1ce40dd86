// SPDX-License-Identifier: GPL-2.0
/*
 * System calls by other numbers and other doors: unknown ones, those of other ABIs, INT 0x80, the
 * vsyscall page; and what a call does to the registers.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/io.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <ucontext.h>

#include "child.h"

static long call(unsigned long nr, long a, long b)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(0)
			 : "rcx", "r11", "memory");
	return ret;
}

/* ---- Numbers ------------------------------------------------------------ */

static void test_unknown(void)
{
	static const unsigned long numbers[] = {
		380, 400, 512, 547, 600, 1000, 0xffff, 0x10000, 0x3fffffff, 0x7fffffff,
		0x80000000UL, 0xffffffffUL, -1UL,
	};
	int wrong = 0;
	pid_t pid = getpid();

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		long r = call(numbers[i], 0, 0);

		if (r != -ENOSYS) {
			wrong++;
			diag("number %#lx: %ld", numbers[i], r);
		}
	}
	ok_eq(wrong, 0, "unknown numbers: ENOSYS");
	ok_eq(call(1UL << 32 | SYS_getpid, 0, 0), pid, "only the low half of RAX is the number");
	ok_eq(call(0xffffffff00000000UL | SYS_getpid, 0, 0), pid, "whatever is in the high half");
	/* x32: built in or not, it is the same in both modes; Debian has it off by default. */
	{
		long r = call(0x40000000UL | SYS_getpid, 0, 0);

		ok(r == pid || r == -ENOSYS, "a number of x32: its call, or ENOSYS (%ld)", r);
	}
	ok_eq(call(0x40000000UL | 700, 0, 0), -ENOSYS, "an unknown number of x32: ENOSYS");
}

/* ---- What a call does to the registers ---------------------------------- */

static uint64_t in[16], out[16] __attribute__((used));
void call_regs(void);
extern const char call_regs_on[];
#define EACH(op)								\
	op(0, "rax") op(1, "rcx") op(2, "rdx") op(3, "rbx") op(5, "rbp") op(6, "rsi")	\
	op(7, "rdi") op(8, "r8") op(9, "r9") op(10, "r10") op(11, "r11") op(12, "r12")	\
	op(13, "r13") op(14, "r14") op(15, "r15")
#define LOAD(i, r) "movq in+8*" #i "(%rip), %" r "\n\t"
#define STORE(i, r) "movq %" r ", out+8*" #i "(%rip)\n\t"
static uint64_t save_rsp __attribute__((used)), flags_in __attribute__((used));
__asm__(".pushsection .text\n"
	"call_regs:\n\tpushq %rbx\n\tpushq %rbp\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\t"
	"pushq %r15\n\t"
	"pushq flags_in(%rip)\n\tpopfq\n\tmovq %rsp, save_rsp(%rip)\n\t"
	EACH(LOAD) "syscall\n"
	"call_regs_on:\n\t" EACH(STORE)
	"subq %rsp, save_rsp(%rip)\n\t"
	"pushfq\n\tpopq flags_after_sub(%rip)\n\tcld\n\t"
	"popq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbp\n\tpopq %rbx\n\tret\n"
	".popsection");
static uint64_t flags_after_sub __attribute__((used));

static int regs_kept(unsigned long nr, uint64_t result)
{
	for (int i = 0; i < 16; i++)
		in[i] = 0x1111111111111111UL * (unsigned int)i + 7;
	in[0] = nr;
	flags_in = 0x202 | 0x401;			/* CF, DF */
	call_regs();
	for (int i = 0; i < 16; i++) {
		uint64_t want = in[i];

		if (i == 0)
			want = result;
		else if (i == 1)
			want = (uintptr_t)call_regs_on;
		else if (i == 11)
			want = flags_in;
		if (i != 4 && out[i] != want) {
			diag("number %ld, register %d: %#lx, want %#lx", (long)nr, i, out[i], want);
			return 0;
		}
	}
	return !save_rsp && (flags_after_sub & 0x400);
}

static void test_registers(void)
{
	ok(regs_kept(SYS_getpid, (uint64_t)getpid()),
	   "a call changes RAX, RCX (its RIP) and R11 (its flags) only");
	ok(regs_kept(SYS_sched_yield, 0), "so does sched_yield()");
	ok(regs_kept(1000, -(uint64_t)ENOSYS), "so does an unknown one");
	ok(regs_kept(SYS_close, -(uint64_t)EBADF), "so does one that fails");
	/* One with a handler of its own in most runtimes. */
	ok(regs_kept(SYS_arch_prctl, -(uint64_t)EINVAL), "so does arch_prctl()");
}

/* ---- INT 0x80 ----------------------------------------------------------- */

static sigjmp_buf out_of;
static volatile int fault_sig;
static volatile uintptr_t fault_rip;
static volatile long fault_err, fault_trap;

static void on_fault(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	fault_sig = sig;
	fault_rip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	fault_err = uc->uc_mcontext.gregs[REG_ERR];
	fault_trap = uc->uc_mcontext.gregs[REG_TRAPNO];
	siglongjmp(out_of, 1);
}

static void catch_faults(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	fault_sig = 0;
}

static long int80(long nr, long ebx, long ecx, long edx)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(ebx), "c"(ecx), "d"(edx)
			 : "r8", "r9", "r10", "r11", "memory");
	return ret;
}

static int debian(void)
{
	struct utsname u;

	return !uname(&u) && strstr(u.release, "-amd64");
}

static void test_int80(void)
{
	static char text[] = "# by INT 0x80\n";
	char *low;
	long r;

	catch_faults();
	if (sigsetjmp(out_of, 1)) {
		if (debian())
			ok(0, "INT 0x80: signal %d", fault_sig);
		else
			skip(1, "no INT 0x80 in this kernel");
		return;
	}
	r = int80(20, 0, 0, 0);				/* getpid() there */
	ok_eq(r, getpid(), "INT 0x80: getpid()");
	ok_eq(int80(6, 12345, 0, 0), -EBADF, "INT 0x80: close() fails");
	ok_eq(int80(5000, 0, 0, 0), -ENOSYS, "INT 0x80: an unknown number");
	low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1,
		   0);
	if (low == MAP_FAILED) {
		skip(1, "no memory below 4 GiB");
		return;
	}
	memcpy(low, text, sizeof(text));
	ok_eq(int80(4, 1, (long)low, sizeof(text) - 1), (long)sizeof(text) - 1,
	      "INT 0x80: write()");
}

/* ---- The vsyscall page -------------------------------------------------- */

#define VSYSCALL 0xffffffffff600000UL

static int has_vsyscall(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/maps", "r");
	int has = 0;

	while (f && fgets(line, sizeof(line), f))
		has |= !!strstr(line, "[vsyscall]");
	if (f)
		fclose(f);
	return has;
}

static void test_vsyscall(void)
{
	long (*gettimeofday_v)(struct timeval *, void *) = (void *)VSYSCALL;
	long (*time_v)(time_t *) = (void *)(VSYSCALL + 0x400);
	long (*getcpu_v)(unsigned int *, unsigned int *, void *) = (void *)(VSYSCALL + 0x800);
	struct timeval tv = { 0 }, before;
	unsigned int cpu = 999, node = 999;
	time_t t = 0;

	catch_faults();
	/* As Debian's kernels have it: to be executed, not read. */
	if (!has_vsyscall()) {
		skip(6, "no vsyscall page");
		return;
	}
	gettimeofday(&before, NULL);
	if (!sigsetjmp(out_of, 1)) {
		ok(!gettimeofday_v(&tv, NULL) && tv.tv_sec >= before.tv_sec &&
		   tv.tv_sec < before.tv_sec + 100,
		   "vsyscall: gettimeofday()");
		ok(time_v(&t) == t && t >= before.tv_sec && t < before.tv_sec + 100,
		   "vsyscall: time()");
		ok(!getcpu_v(&cpu, &node, NULL) && cpu < (unsigned int)CPU_SETSIZE,
		   "vsyscall: getcpu()");
	} else {
		ok(0, "vsyscall: signal %d, err %#lx", fault_sig, fault_err);
	}
	if (!sigsetjmp(out_of, 1)) {
		gettimeofday_v((void *)8, NULL);
		ok(0, "vsyscall with a bad address gives a signal");
	} else {
		ok_eq(fault_sig, SIGSEGV, "vsyscall with a bad address: SIGSEGV");
	}
	fault_sig = 0;
	if (!sigsetjmp(out_of, 1)) {
		((void (*)(void))(VSYSCALL + 0x10))();
		ok(0, "another place in the page gives a signal");
	} else {
		ok_eq(fault_sig, SIGSEGV, "another place in the page: SIGSEGV");
	}
	fault_sig = 0;
	if (!sigsetjmp(out_of, 1)) {
		volatile char c = *(volatile char *)VSYSCALL;

		(void)c;
		/* readable with vsyscall=emulate */
		ok(1, "the page can be read, or not");
	} else {
		ok(fault_sig == SIGSEGV && fault_err == 5,
		   "a read of the page: SIGSEGV, not present");
	}
}

/* ---- The vDSO ----------------------------------------------------------- */

static void test_vdso(void)
{
	struct timespec a, b, raw;
	struct timeval tv;
	int back = 0;

	ok(getauxval(AT_SYSINFO_EHDR), "there is a vDSO");
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 2000; i++) {
		clock_gettime(CLOCK_MONOTONIC, &b);
		back += b.tv_sec < a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec < a.tv_nsec);
		a = b;
	}
	ok_eq(back, 0, "its clock never goes back");
	clock_gettime(CLOCK_REALTIME, &a);
	gettimeofday(&tv, NULL);
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &raw);
	ok(tv.tv_sec - a.tv_sec < 100 && raw.tv_sec - a.tv_sec < 100 && raw.tv_sec >= a.tv_sec,
	   "its clock is that of the system call");
	ok(!clock_gettime(CLOCK_MONOTONIC_COARSE, &a) && !clock_gettime(CLOCK_BOOTTIME, &b) &&
	   !clock_getres(CLOCK_MONOTONIC, &a), "its other clocks");
}

/* ---- Odd calls ---------------------------------------------------------- */

static void test_odd(void)
{
	int old = personality(0xffffffff);

	ok(old >= 0, "personality()");
	ok(personality((unsigned int)old | ADDR_NO_RANDOMIZE) == old &&
	   personality((unsigned int)old) == (old | ADDR_NO_RANDOMIZE),
	   "personality() is set, and set back");
	ok(call(SYS_modify_ldt, 0, 0) == 0 || call(SYS_modify_ldt, 0, 0) == -ENOSYS,
	   "modify_ldt(): nothing there");
	ok(prctl(PR_GET_DUMPABLE) >= 0 && prctl(12345) == -1 && errno == EINVAL,
	   "prctl(), known and unknown");
}

/* Ports: 0x80 is where a PC's firmware says how far it is; nobody minds. */
static void test_ports(void)
{
	catch_faults();
	if (!sigsetjmp(out_of, 1)) {
		outb(0, 0x80);
		ok(0, "a port without the right gives a signal");
	} else {
		ok(fault_sig == SIGSEGV && fault_trap == 13,
		   "a port without the right: SIGSEGV, trap 13");
	}
	if (ioperm(0x80, 1, 1)) {
		ok(errno == EPERM || errno == ENOSYS || errno == EIO, "ioperm() is refused: %s",
		   strerror(errno));
		skip(3, "no ports for this program");
		return;
	}
	ok(1, "ioperm()");
	fault_sig = 0;
	if (!sigsetjmp(out_of, 1))
		outb(0, 0x80);
	ok_eq(fault_sig, 0, "the port may be used");
	if (!sigsetjmp(out_of, 1))
		outb(0, 0x81);
	ok_eq(fault_sig, SIGSEGV, "the next one may not");
	ok(!ioperm(0x80, 1, 0) && !iopl(0), "ioperm() and iopl() take the right back");
}

int main(void)
{
	test_unknown();
	test_registers();
	test_int80();
	test_vsyscall();
	test_vdso();
	test_odd();
	test_ports();
	return tap_done();
}
