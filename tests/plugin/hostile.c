// SPDX-License-Identifier: GPL-2.0
/*
 * Ideas of a plugin that wants out. Each is a function; @a and @b are what the test gives, mostly an address
 * of the host's. What is to become of each is in tests/guest/hostile_plugin.c.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define IDEA(name)					\
	long name(uint64_t a, uint64_t b);		\
	long name(uint64_t a, uint64_t b)

/* One instruction, or some; RDI = a, RSI = b. If it comes back it returns 0. */
#define INSN(name, text)							\
	__asm__(".pushsection .text\n.globl " #name "\n.type " #name ", @function\n"	\
		#name ": " text "; xor %eax, %eax; ret\n.popsection\n")

static long sys(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;

	__asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return number;
}

/* ---- Memory that is not its own ------------------------------------------------------------------- */

INSN(read_memory, "mov (%rdi), %rax");
INSN(write_memory, "movq $0, (%rdi)");
INSN(jump_memory, "jmp *%rdi");
INSN(call_memory, "call *%rdi");
INSN(lock_memory, "lock incq (%rdi)");
INSN(copy_memory, "mov $4096, %ecx; rep movsb");
INSN(write_low, "movq $0, 8");
INSN(jump_null, "xor %eax, %eax; jmp *%rax");
INSN(jump_wild, "mov $0x8000000000000000, %rax; jmp *%rax");
INSN(jump_kernel, "mov $0xffffffff81000000, %rax; jmp *%rax");

/* ---- Privileged instructions, and ways to other rings ------------------------------------------------- */

INSN(do_vmcall, "mov $0x44756e65fffff002, %rax; vmcall");	/* DUNE_HC_SIGNAL */
INSN(do_vmcall_getpid, "mov $39, %eax; vmcall");
INSN(do_vmcall_leave, "mov $0x44756e65fffff100, %rax; vmcall");	/* back to ordinary mode */
INSN(do_vmlaunch, "vmlaunch");
INSN(do_hlt, "hlt");
INSN(do_cli, "cli");
INSN(do_out, "mov $0x80, %edx; out %al, %dx");
INSN(do_cr3, "mov %cr3, %rax");
INSN(set_cr3, "xor %eax, %eax; mov %rax, %cr3");
INSN(do_wrmsr, "mov $0xc0000082, %ecx; wrmsr");
INSN(do_lidt, "lidt (%rdi)");
INSN(do_lldt, "xor %eax, %eax; lldt %ax");
INSN(do_swapgs, "swapgs");
INSN(do_sysret, "mov %rdi, %rcx; sysretq");
INSN(do_sysenter, "sysenter");
INSN(do_int3, "int3");
INSN(do_icebp, ".byte 0xf1");
INSN(do_ud2, "ud2");
INSN(do_div, "xor %ecx, %ecx; div %ecx");
INSN(do_int14, "int $14");
INSN(do_int8, "int $8");
INSN(do_int80, "mov $1, %eax; int $0x80; ret");
INSN(far_return, "push $0x10; push %rdi; rex.w lret");
INSN(far_return_32, "push $0x23; push %rdi; rex.w lret");
INSN(interrupt_return, "mov %rsp, %rax; push $0x18; push %rax; push $0x202; push $0x10; push %rdi; iretq");
INSN(interrupt_return_iopl, "mov %rsp, %rax; push $0x2b; push %rax; push $0x3202; push $0x33; lea 1f(%rip), %rcx; "
     "push %rcx; iretq; 1: cli");
INSN(load_ds, "mov $0x18, %eax; mov %eax, %ds");
INSN(load_ss, "mov $0x18, %eax; mov %eax, %ss");
INSN(load_fs, "mov $0x2b, %eax; mov %eax, %fs; mov %fs:0, %rax");

/* ---- Flags ------------------------------------------------------------------------------------------------ */

#define SET_FLAG(bit) "pushfq; btsq $" #bit ", (%rsp); popfq; "

INSN(flag_df, SET_FLAG(10));
INSN(flag_ac_crash, SET_FLAG(18) "ud2");
INSN(flag_ac, SET_FLAG(18));
INSN(flag_nt, SET_FLAG(14) "mov $39, %eax; syscall");
INSN(flag_nt_crash, SET_FLAG(14) "ud2");
INSN(flag_tf, SET_FLAG(8) "nop");
INSN(flag_tf_syscall, "mov $39, %eax; " SET_FLAG(8) "syscall");
/* MOV to SS puts the single step off until ring 0 has begun */
INSN(flag_tf_mov_ss, "mov $39, %eax; mov %ss, %edx; " SET_FLAG(8) "mov %edx, %ss; syscall");
INSN(flag_tf_mov_ss_int3, "mov %ss, %edx; " SET_FLAG(8) "mov %edx, %ss; int3");
INSN(flag_tf_mov_ss_int80, "mov $1, %eax; mov %ss, %edx; " SET_FLAG(8) "mov %edx, %ss; int $0x80");
INSN(flag_all, "movq $0xffffffffffffffff, %rax; push %rax; popfq; ud2");

/* ---- Registers that the host has, too ------------------------------------------------------------------- */

INSN(stack_host, "mov %rdi, %rsp; push %rax");
INSN(stack_host_syscall, "mov %rdi, %rsp; mov $0x44000001, %eax; syscall");
INSN(stack_host_ud2, "mov %rdi, %rsp; ud2");
INSN(stack_host_spin, "mov %rdi, %rsp; 1: jmp 1b");
INSN(stack_wild, "mov $0x8000000000000000, %rax; mov %rax, %rsp; push %rax");
INSN(stack_wild_syscall, "mov $0x8000000000000000, %rax; mov %rax, %rsp; mov $0x44000001, %eax; syscall");
INSN(stack_wild_spin, "mov $0x8000000000000000, %rax; mov %rax, %rsp; mov %rax, %rbp; 1: jmp 1b");
INSN(general, "mov $-1, %rbx; mov %rbx, %rbp; mov %rbx, %r12; mov %rbx, %r13; mov %rbx, %r14; mov %rbx, %r15; "
     "xor %edi, %edi; mov $0x44000001, %eax; syscall");
INSN(base_fs, "mov %rdi, %rax; wrfsbase %rax; mov $39, %eax; syscall");
INSN(base_gs, "mov %rdi, %rax; wrgsbase %rax; mov $39, %eax; syscall");
INSN(base_gs_spin, "mov %rdi, %rax; wrgsbase %rax; wrfsbase %rax; 1: jmp 1b");
INSN(base_wild, "mov $0x8000000000000000, %rax; wrfsbase %rax");
INSN(fpu_control, "push $0; ldmxcsr (%rsp); fldcw (%rsp); pop %rax");
/* an exception of the x87 unit waits for whoever uses it next */
INSN(fpu_pending, "push $0; fldcw (%rsp); pop %rax; fldz; fld1; fdiv %st(1), %st");
INSN(fpu_stack, "fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1");
INSN(fpu_mmx, "pcmpeqb %mm0, %mm0");

/* ---- Time --------------------------------------------------------------------------------------------------- */

INSN(spin, "1: jmp 1b");
INSN(spin_syscall, "1: mov $39, %eax; syscall; jmp 1b");
INSN(spin_refused, "1: mov $62, %eax; syscall; jmp 1b");
INSN(spin_int80, "1: mov $62, %eax; int $0x80; jmp 1b");
INSN(spin_cpuid, "1: xor %eax, %eax; cpuid; jmp 1b");
INSN(spin_string, "1: mov $-1, %rcx; lea -64(%rsp), %rdi; std; mov $0, %eax; .byte 0xf3, 0xae; jmp 1b");

IDEA(spin_mmap)
{
	for (;;)
		munmap(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1 << 20);
}

IDEA(spin_read)
{
	char buffer[65536];

	for (;;) {
		int fd = sys(SYS_open, (long)"/lib64/ld-linux-x86-64.so.2", 0, 0, 0, 0, 0);

		while (sys(SYS_read, fd, (long)buffer, sizeof(buffer), 0, 0, 0) > 0)
			;
		sys(SYS_close, fd, 0, 0, 0, 0, 0);
	}
}

/* ---- System calls -------------------------------------------------------------------------------------------- */

/* Each call with the host's address wherever a pointer could be. How many of them succeeded in that. */
IDEA(calls_with_pointers)
{
	static const char path[] = "/lib64/ld-linux-x86-64.so.2";
	int fd = sys(SYS_open, (long)path, 0, 0, 0, 0, 0);
	long done = 0;

	done += sys(SYS_read, fd, a, 8, 0, 0, 0) >= 0;
	done += sys(SYS_pread64, fd, a, 8, 0, 0, 0) >= 0;
	done += sys(SYS_fstat, fd, a, 0, 0, 0, 0) >= 0;
	done += sys(SYS_stat, (long)path, a, 0, 0, 0, 0) >= 0;
	done += sys(SYS_stat, a, a, 0, 0, 0, 0) >= 0;
	done += sys(SYS_newfstatat, fd, (long)"", a, 0x1000, 0, 0) >= 0;
	done += sys(SYS_open, a, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_openat, -100, a, 0, 0, 0, 0) >= 0;
	done += sys(SYS_access, a, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_clock_gettime, 0, a, 0, 0, 0, 0) >= 0;
	done += sys(SYS_gettimeofday, a, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_getrandom, a, 8, 0, 0, 0, 0) >= 0;
	done += sys(SYS_uname, a, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_prlimit64, 0, 3, 0, a, 0, 0) >= 0;
	done += sys(SYS_write, 1, a, 8, 0, 0, 0) >= 0;
	done += sys(SYS_writev, 1, a, 1, 0, 0, 0) >= 0;
	/* from the last bytes of what is its own into what is not */
	done += sys(SYS_read, fd, b - 4, 8, 0, 0, 0) >= 0;
	return done;
}

/* How many of these changes of the host's memory were made. */
IDEA(maps_of_host)
{
	uint64_t page = a & ~4095UL;
	long done = 0;

	done += sys(SYS_munmap, page, 4096, 0, 0, 0, 0) >= 0;
	done += sys(SYS_mprotect, page, 4096, 0, 0, 0, 0) >= 0;
	done += sys(SYS_mmap, page, 4096, 3, 0x32, -1, 0) >= 0;
	done += sys(SYS_mmap, page, 4096, 3, 0x100022, -1, 0) >= 0;
	done += sys(SYS_mremap, page, 4096, 8192, 1, 0, 0) >= 0;
	done += sys(SYS_madvise, page, 4096, 4, 0, 0, 0) >= 0;
	done += sys(SYS_munmap, b, 1UL << 30, 0, 0, 0, 0) >= 0;			/* all of the compartment */
	done += sys(SYS_munmap, b, 1UL << 40, 0, 0, 0, 0) >= 0;
	done += sys(SYS_munmap, b + (1UL << 30) - 4096, 8192, 0, 0, 0, 0) >= 0;	/* and one page more */
	done += sys(SYS_munmap, 0, 1UL << 47, 0, 0, 0, 0) >= 0;
	done += sys(SYS_mmap, b, -4096UL, 3, 0x32, -1, 0) >= 0;
	done += sys(SYS_mmap, -4096UL, 8192, 3, 0x32, -1, 0) >= 0;
	done += sys(SYS_mmap, 0, 4096, 3, 0x21, -1, 0) >= 0;			/* shared */
	done += sys(SYS_mmap, 0, 4096, 7, 0x22, -1, 0) >= 0;			/* W and X */
	done += sys(SYS_mmap, 0, 4096, 1, 0x02, 1, 0) >= 0;			/* the host's descriptors */
	done += sys(SYS_brk, page, 0, 0, 0, 0, 0) == (long)page;
	done += sys(SYS_brk, -1UL, 0, 0, 0, 0, 0) == -1;
	return done;
}

/* The stub and the code of libraries were made read-only: for good. */
IDEA(unseal)
{
	uint64_t code = (uint64_t)memcpy & ~4095UL, own = (uint64_t)unseal & ~4095UL;
	long done = 0;

	done += sys(SYS_mprotect, code, 4096, 3, 0, 0, 0) >= 0;
	done += sys(SYS_munmap, code, 4096, 0, 0, 0, 0) >= 0;
	done += sys(SYS_mmap, code, 4096, 3, 0x32, -1, 0) >= 0;
	done += sys(SYS_mprotect, own, 4096, 7, 0, 0, 0) >= 0;
	done += sys(SYS_mprotect, own, 4096, 3, 0, 0, 0) >= 0;
	return done;
}

/* Every number but exit and exit_group, with addresses of the host's; those that gave no error. */
IDEA(all_calls)
{
	long n, done = 0;

	for (n = 0; n < 600; n++)
		if (n != SYS_exit && n != SYS_exit_group)
			done += sys(n, a, a, a, a, a, a) >= 0;
	for (n = 0; n < 600; n++)
		if (n != SYS_exit && n != SYS_exit_group)
			done += sys(n | 0x40000000, a, a, a, a, a, a) >= 0;
	return done;
}

IDEA(descriptors)
{
	long fd, done = 0;

	for (fd = 0; fd < 3; fd++) {
		done += sys(SYS_close, fd, 0, 0, 0, 0, 0) >= 0;
		done += sys(SYS_read, fd, b, 1, 0, 0, 0) >= 0;
		done += sys(SYS_write, fd, b, 1, 0, 0, 0) >= 0;
		done += sys(SYS_dup, fd, 0, 0, 0, 0, 0) >= 0;
		done += sys(SYS_lseek, fd, 0, 1, 0, 0, 0) >= 0;
	}
	for (fd = 3; fd < 100; fd++)
		done += sys(SYS_close, fd, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_close, -1, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_close, 1UL << 32 | 3, 0, 0, 0, 0, 0) >= 0;
	return done;
}

IDEA(files)
{
	static const char *const path[] = {
		"/etc/passwd", "/dev/dune", "/proc/self/mem", "/proc/self/maps", "/dev/null", "/", "/lib",
		"/lib/../etc/passwd", "/usr/lib/../../proc/self/mem", "etc/passwd", "", "/libx", "/etc/ld.so.cache/..",
		"/proc/self/root/etc/passwd", "/proc/self/fd/0",
	};
	unsigned int i;
	long done = 0;

	for (i = 0; i < sizeof(path) / sizeof(path[0]); i++)
		done += sys(SYS_open, (long)path[i], 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_open, (long)"/lib64/ld-linux-x86-64.so.2", 1, 0, 0, 0, 0) >= 0;		/* to write */
	done += sys(SYS_open, (long)"/lib/new", 0102, 0666, 0, 0, 0) >= 0;			/* to make one */
	done += sys(SYS_open, (long)"/lib64/ld-linux-x86-64.so.2", 01000, 0, 0, 0, 0) >= 0;	/* to empty it */
	return done;
}

/* As many as there are: then no more. */
IDEA(many_files)
{
	long n = 0;

	while (n < 1000 && sys(SYS_open, (long)"/lib64/ld-linux-x86-64.so.2", 0, 0, 0, 0, 0) >= 0)
		n++;
	return n;
}

IDEA(processes)
{
	long done = 0;

	done += sys(SYS_fork, 0, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_vfork, 0, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_clone, 0x11, 0, 0, 0, 0, 0) >= 0;
	done += sys(435, a, 88, 0, 0, 0, 0) >= 0;
	done += sys(SYS_execve, (long)"/bin/sh", 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_kill, a, 9, 0, 0, 0, 0) >= 0;
	done += sys(SYS_tgkill, a, a, 9, 0, 0, 0) >= 0;
	done += sys(SYS_ptrace, 0, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_process_vm_writev, a, b, 1, b, 1, 0) >= 0;
	done += sys(SYS_rt_sigreturn, 0, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_prctl, 22, 1, 0, 0, 0, 0) >= 0;
	done += sys(SYS_seccomp, 0, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_arch_prctl, 0x1002, 1UL << 63, 0, 0, 0, 0) >= 0;	/* FS */
	done += sys(SYS_arch_prctl, 0x1001, a, 0, 0, 0, 0) >= 0;		/* GS */
	done += sys(SYS_modify_ldt, 1, b, 16, 0, 0, 0) >= 0;
	done += sys(SYS_iopl, 3, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_io_uring_setup, 1, b, 0, 0, 0, 0) >= 0;
	done += sys(SYS_userfaultfd, 0, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_memfd_create, b, 0, 0, 0, 0, 0) >= 0;
	done += sys(SYS_socket, 2, 1, 0, 0, 0, 0) >= 0;
	done += sys(0x44000000, b, 0, 0, 0, 0, 0) >= 0;				/* the stub's "ready" */
	return done;
}

INSN(do_exit, "mov $60, %eax; mov $7, %edi; syscall");
INSN(do_exit_group, "mov $231, %eax; mov $8, %edi; syscall");
/* As if it had returned. */
INSN(do_done, "mov $0x44000001, %eax; mov $99, %edi; syscall; ud2");
INSN(do_kill, "mov $62, %eax; mov $9, %esi; syscall");
/* With the return address of its choice. */
INSN(smash, "mov %rdi, (%rsp)");

/* ---- As much as it can get ----------------------------------------------------------------------------------- */

IDEA(eat_memory)
{
	long n = 0;
	char *p;

	while (n < 100000 && (p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED) {
		*p = 1;
		n++;
	}
	return n * 16;
}

/* Pages whose neighbours differ are a VMA each, of which the host has some 65,000 for all. */
IDEA(eat_vmas)
{
	char *p = mmap(NULL, 12000 * 4096UL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long i, n = 0;

	if (p == MAP_FAILED)
		return -1;
	for (i = 0; i < 12000; i += 2)
		n += !mprotect(p + i * 4096, 4096, PROT_READ);
	for (i = 1; i < 12000; i += 2)
		n += !munmap(p + i * 4096, 4096);
	return n;
}

IDEA(eat_file_maps)
{
	int fd = sys(SYS_open, (long)"/lib64/ld-linux-x86-64.so.2", 0, 0, 0, 0, 0);
	long n = 0;

	while (n < 10000 && mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED)
		n++;
	return n;
}

volatile long depth;

IDEA(eat_stack)
{
	volatile char frame[4096];

	frame[0] = 1;
	depth++;
	return depth ? eat_stack(a, b) + frame[0] : 0;
}

/* All that it can write of its own, by read(): where it cannot, that is an error and no crash. */
IDEA(destroy)
{
	int fd = sys(SYS_open, (long)"/lib64/ld-linux-x86-64.so.2", 0, 0, 0, 0, 0);
	uint64_t page;

	for (page = a; page < a + (48UL << 20); page += 4096)		/* stub, ld.so, heap */
		sys(SYS_pread64, fd, page, 4096, 0, 0, 0);
	for (page = a + (256UL << 20); page < a + (270UL << 20); page += 4096)	/* libraries */
		sys(SYS_pread64, fd, page, 4096, 0, 0, 0);
	for (page = a + (1UL << 30); page > a + (1UL << 30) - (1 << 18); page -= 4096)	/* the stack */
		sys(SYS_pread64, fd, page - 4096, 4096, 0, 0, 0);
	return 0;
}

/* ---- Secrets that the host's registers may hold ------------------------------------------------------------- */

/* All vector registers, ORed: what it finds there when it begins. */
long secrets(void);
__asm__(".pushsection .text\n.globl secrets\n.type secrets, @function\n"
	"secrets: por %xmm1, %xmm0; por %xmm2, %xmm0; por %xmm3, %xmm0; por %xmm4, %xmm0; por %xmm5, %xmm0; "
	"por %xmm6, %xmm0; por %xmm7, %xmm0; por %xmm8, %xmm0; por %xmm9, %xmm0; por %xmm10, %xmm0; "
	"por %xmm11, %xmm0; por %xmm12, %xmm0; por %xmm13, %xmm0; por %xmm14, %xmm0; por %xmm15, %xmm0; "
	"movhlps %xmm0, %xmm1; por %xmm1, %xmm0; movq %xmm0, %rax; "
	"or %rbx, %rax; or %rbp, %rax; or %r10, %rax; or %r11, %rax; or %r12, %rax; or %r13, %rax; or %r14, %rax; "
	"or %r15, %rax; ret\n.popsection\n");

INSN(read_fs, "mov %fs:0, %rax; ret");
