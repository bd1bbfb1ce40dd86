/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Instructions that C has no word for. A raw system call touches neither errno
 * nor the vector registers, and shows exactly what the kernel gave.
 */
#ifndef LIBDUNE_RAW_H
#define LIBDUNE_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

static inline long raw_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "+a"(number)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return number;
}

static inline long raw_syscall4(long number, long a, long b, long c, long d)
{
	return raw_syscall6(number, a, b, c, d, 0, 0);
}

/*
 * By their names, for code that has no libc. What the kernel gives: -errno says
 * what went wrong, also where the result is an address.
 */
static inline bool raw_failed(long ret)
{
	return (unsigned long)ret >= -4095UL;
}

static inline long raw_mmap(void *at, size_t length, int prot, int flags, int fd, long offset)
{
	return raw_syscall6(SYS_mmap, (long)at, (long)length, prot, flags, fd, offset);
}

static inline long raw_munmap(void *at, size_t length)
{
	return raw_syscall4(SYS_munmap, (long)at, (long)length, 0, 0);
}

static inline long raw_mprotect(void *at, size_t length, int prot)
{
	return raw_syscall4(SYS_mprotect, (long)at, (long)length, prot, 0);
}

/* Not for core dumps: it is not the program's. */
static inline void raw_no_dump(void *at, size_t length)
{
	raw_syscall4(SYS_madvise, (long)at, (long)length, 16 /* MADV_DONTDUMP */, 0);
}

/* A few pages of it are used, and a fork copies what was written. */
static inline void raw_no_huge_pages(void *at, size_t length)
{
	raw_syscall4(SYS_madvise, (long)at, (long)length, 15 /* MADV_NOHUGEPAGE */, 0);
}

static inline long raw_open(const char *path, int flags)
{
	return raw_syscall4(SYS_open, (long)path, flags, 0, 0);
}

static inline long raw_close(int fd)
{
	return raw_syscall4(SYS_close, fd, 0, 0, 0);
}

static inline long raw_fcntl(int fd, int command, long arg)
{
	return raw_syscall4(SYS_fcntl, fd, command, arg, 0);
}

static inline long raw_ioctl(int fd, unsigned long request, void *arg)
{
	return raw_syscall4(SYS_ioctl, fd, (long)request, (long)arg, 0);
}

static inline long raw_read(int fd, void *buffer, size_t length)
{
	return raw_syscall4(SYS_read, fd, (long)buffer, (long)length, 0);
}

static inline long raw_write(int fd, const void *buffer, size_t length)
{
	return raw_syscall4(SYS_write, fd, (long)buffer, (long)length, 0);
}

static inline long raw_getpid(void)
{
	return raw_syscall4(SYS_getpid, 0, 0, 0, 0);
}

static inline long raw_gettid(void)
{
	return raw_syscall4(SYS_gettid, 0, 0, 0, 0);
}

static inline long raw_tgkill(long pid, long tid, int sig)
{
	return raw_syscall4(SYS_tgkill, pid, tid, sig, 0);
}

static inline __attribute__((noreturn)) void raw_exit_group(int status)
{
	for (;;)
		raw_syscall4(SYS_exit_group, status, 0, 0, 0);
}

/* @how as for sigprocmask(). */
static inline long raw_sigmask(int how, const uint64_t *new, uint64_t *old)
{
	return raw_syscall4(SYS_rt_sigprocmask, how, (long)new, (long)old, sizeof(*new));
}

/* The kernel's struct sigaction. */
struct raw_action {
	uint64_t handler, flags, restorer, mask;
};

#define RAW_SIG_DFL	0
#define RAW_SIG_IGN	1

static inline long raw_sigaction(long sig, const struct raw_action *new, struct raw_action *old)
{
	return raw_syscall4(SYS_rt_sigaction, sig, (long)new, (long)old, sizeof(new->mask));
}

static inline unsigned int raw_cpl(void)
{
	uint16_t cs;

	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	return cs & 3;
}

static inline uint64_t raw_rsp(void)
{
	uint64_t rsp;

	__asm__ volatile("mov %%rsp, %0" : "=r"(rsp));
	return rsp;
}

static inline uint64_t raw_read_cr2(void)
{
	uint64_t cr2;

	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	return cr2;
}

static inline uint64_t raw_read_cr3(void)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	return cr3;
}

static inline void raw_write_cr3(uint64_t cr3)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

static inline uint64_t raw_rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void raw_wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static inline void raw_cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(sub));
}

static inline uint64_t raw_xgetbv(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

static inline uint64_t raw_rdfsbase(void)
{
	uint64_t base;

	__asm__ volatile("rdfsbase %0" : "=r"(base));
	return base;
}

static inline uint64_t raw_rdgsbase(void)
{
	uint64_t base;

	__asm__ volatile("rdgsbase %0" : "=r"(base));
	return base;
}

static inline void raw_wrfsbase(uint64_t base)
{
	__asm__ volatile("wrfsbase %0" : : "r"(base) : "memory");
}

static inline void raw_wrgsbase(uint64_t base)
{
	__asm__ volatile("wrgsbase %0" : : "r"(base) : "memory");
}

#endif /* LIBDUNE_RAW_H */
