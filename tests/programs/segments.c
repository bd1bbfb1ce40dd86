// SPDX-License-Identifier: GPL-2.0
/*
 * Segments: selectors, the bases of FS and GS however they are set, and that they outlive calls,
 * signals, switches and fork().
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <ucontext.h>

#include "child.h"

#define HWCAP2_FSGSBASE_ (1UL << 1)

static int fsgsbase;

static long arch(int code, unsigned long arg)
{
	return syscall(SYS_arch_prctl, code, arg);
}

static unsigned long gs_base(void)
{
	unsigned long base = 0;

	if (fsgsbase)
		__asm__ volatile("rdgsbase %0" : "=r"(base));
	else
		arch(ARCH_GET_GS, (unsigned long)&base);
	return base;
}

static unsigned long gs_word(unsigned long offset)
{
	unsigned long word;

	__asm__ volatile("movq %%gs:(%1), %0" : "=r"(word) : "r"(offset) : "memory");
	return word;
}

static unsigned int selector(int which)
{
	unsigned int s = 0;

	switch (which) {
	case 'd': __asm__ volatile("movl %%ds, %0" : "=r"(s)); break;
	case 'e': __asm__ volatile("movl %%es, %0" : "=r"(s)); break;
	case 'f': __asm__ volatile("movl %%fs, %0" : "=r"(s)); break;
	case 'g': __asm__ volatile("movl %%gs, %0" : "=r"(s)); break;
	}
	return s;
}

/* ---- Selectors ---------------------------------------------------------- */

static void test_selectors(void)
{
	unsigned long limit = 0, rights = 0;
	unsigned int cpu = 0;
	unsigned char zf;

	ok(!selector('d') && !selector('e') && !selector('f') && !selector('g'),
	   "DS, ES, FS and GS are 0");
	__asm__ volatile("larq %2, %0\n\tsetz %1" : "+r"(rights), "=q"(zf) : "r"(0x33UL) : "cc");
	ok(zf && (rights >> 13 & 3) == 3, "LAR of CS: privilege level 3");
	/* The segment that holds the CPU's number in its limit. */
	__asm__ volatile("lslq %2, %0\n\tsetz %1" : "+r"(limit), "=q"(zf) : "r"(0x7bUL) : "cc");
	syscall(SYS_getcpu, &cpu, NULL, NULL);
	ok(zf && ((limit & 0xfff) == cpu || sched_getcpu() != (int)cpu),
	   "LSL of the CPU-number segment");
	__asm__ volatile("movl %0, %%ds\n\tmovl %0, %%es" : : "r"(0x2b));
	sched_yield();
	ok(selector('d') == 0x2b && selector('e') == 0x2b,
	   "DS and ES may be set, and stay over a call");
	__asm__ volatile("movl %0, %%ds\n\tmovl %0, %%es" : : "r"(0));
}

/* ---- Bases -------------------------------------------------------------- */

static unsigned long area[4] = { 0xa0, 0xa1, 0xa2, 0xa3 }, area2[4] = { 0xb0, 0xb1, 0xb2, 0xb3 };

static void test_arch_prctl(void)
{
	unsigned long fs = 0, gs = 1, word;

	ok(!arch(ARCH_GET_FS, (unsigned long)&fs) &&
	   fs == (unsigned long)__builtin_thread_pointer(),
	   "ARCH_GET_FS is the thread pointer");
	ok(!arch(ARCH_GET_GS, (unsigned long)&gs) && !gs, "ARCH_GET_GS is 0 at first");
	ok(!arch(ARCH_SET_GS, (unsigned long)area) && gs_word(8) == 0xa1, "ARCH_SET_GS");
	ok(!arch(ARCH_GET_GS, (unsigned long)&gs) && gs == (unsigned long)area,
	   "ARCH_GET_GS says it");
	/* FS elsewhere: libc's TLS is not there then, so nothing of libc may run. */
	{
		long set, back;

		__asm__ volatile("syscall" : "=a"(set)
				 : "a"(SYS_arch_prctl), "D"(ARCH_SET_FS), "S"(area2) : "rcx", "r11",
					 "memory");
		__asm__ volatile("movq %%fs:16, %0" : "=r"(word));
		__asm__ volatile("syscall" : "=a"(back)
				 : "a"(SYS_arch_prctl), "D"(ARCH_SET_FS), "S"(fs) : "rcx", "r11",
					 "memory");
		ok(!set && !back && word == 0xb2, "ARCH_SET_FS, and back");
	}
	ok(arch(ARCH_SET_GS, 1UL << 63) == -1 && errno == EPERM,
	   "a base in the kernel's half: EPERM");
	ok(arch(0x9999, 0) == -1 && errno == EINVAL, "an unknown code: EINVAL");
	ok(arch(ARCH_GET_GS, 8) == -1 && errno == EFAULT, "a bad address: EFAULT");
	ok_eq(gs_word(16), 0xa2, "GS is still as it was set");
}

static volatile int ticks;
static volatile unsigned long gs_in_handler, tls_in_handler;
static __thread unsigned long tls_word = 0x715;

static void on_tick(int sig)
{
	ticks++;
	gs_in_handler = gs_base();
	tls_in_handler = tls_word;
}

static void survive(const char *how, unsigned long want)
{
	struct itimerval it = { .it_interval.tv_usec = 1000, .it_value.tv_usec = 1000 },
		off = { .it_value.tv_usec = 0 };
	int wrong = 0;

	for (int i = 0; i < 100; i++) {
		getppid();
		sched_yield();
		wrong += gs_base() != want;
	}
	ok_eq(wrong, 0, "%s: it survives 200 calls", how);
	signal(SIGALRM, on_tick);
	ticks = 0;
	setitimer(ITIMER_REAL, &it, NULL);
	for (long i = 0; i < 100000000 && ticks < 10; i++)
		wrong += gs_base() != want;
	setitimer(ITIMER_REAL, &off, NULL);
	ok(!wrong && ticks >= 10, "%s: it survives signals", how);
	ok(gs_in_handler == want && tls_in_handler == 0x715, "%s: it is the same in their handler",
	   how);
}

static void gs_in_child(void)
{
	need(gs_base() == (unsigned long)area2 && gs_word(0) == 0xb0);
	need(tls_word == 0x715);
	need(!arch(ARCH_SET_GS, 0));
}

static pthread_barrier_t both;

static void *own_gs(void *arg)
{
	unsigned long base = (unsigned long)arg;
	long wrong = gs_base() != (unsigned long)area2;		/* as that of who made it */

	arch(ARCH_SET_GS, base);
	pthread_barrier_wait(&both);
	for (int i = 0; i < 200; i++) {
		sched_yield();
		wrong += gs_base() != base;
		for (volatile int j = 0; j < 500; j++)
			;
	}
	return (void *)wrong;
}

static void test_survival(void)
{
	pthread_t t[2];
	void *wrong;
	long sum = 0;

	arch(ARCH_SET_GS, (unsigned long)area);
	survive("GS by arch_prctl()", (unsigned long)area);
	if (fsgsbase) {
		unsigned long fs, wild = 0x7123456789ab;

		__asm__ volatile("rdfsbase %0" : "=r"(fs));
		ok_eq(fs, (unsigned long)__builtin_thread_pointer(),
		      "RDFSBASE is the thread pointer");
		__asm__ volatile("wrgsbase %0" : : "r"(area2) : "memory");
		ok_eq(gs_word(8), 0xb1, "WRGSBASE");
		survive("GS by WRGSBASE", (unsigned long)area2);
		/* any value, also of no memory */
		__asm__ volatile("wrgsbase %0" : : "r"(wild) : "memory");
		survive("GS at nothing", wild);
		__asm__ volatile("wrgsbase %0" : : "r"(area2) : "memory");
		/* FS by instruction, over calls and a switch, without libc */
		{
			unsigned long word, base;
			long r;

			__asm__ volatile("wrfsbase %4\n\t"
					 "movl $24, %%eax\n\tsyscall\n\t"	/* sched_yield() */
					 "movq %%fs:24, %1\n\t"
					 "rdfsbase %2\n\t"
					 "wrfsbase %3"
					 : "=&a"(r), "=&r"(word), "=&r"(base) : "r"(fs),
						 "r"(area) : "rcx", "r11", "memory");
			ok(!r && word == 0xa3 && base == (unsigned long)area,
			   "WRFSBASE, over a call, and back");
		}
	} else {
		arch(ARCH_SET_GS, (unsigned long)area2);
		skip(9, "no FSGSBASE");
	}
	ok_child(gs_in_child, "a child has the same GS and FS");
	ok_eq(gs_base(), (unsigned long)area2, "what the child does with its own is not seen here");
	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&t[0], NULL, own_gs, area);
	pthread_create(&t[1], NULL, own_gs, (void *)0x5000);
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], &wrong);
		sum += (long)wrong;
	}
	ok_eq(sum, 0, "two threads with a GS of their own each, switching");
	ok_eq(gs_base(), (unsigned long)area2, "and the main thread keeps its own");
	arch(ARCH_SET_GS, 0);
}

int main(void)
{
	fsgsbase = !!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_);
	test_selectors();
	test_arch_prctl();
	test_survival();
	return tap_done();
}
