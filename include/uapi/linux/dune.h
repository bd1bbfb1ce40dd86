/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The contract between dune.ko and user space.
 *
 *   /dev/dune        DUNE_GET_INFO, DUNE_CREATE_SPACE -> space fd
 *   space fd         DUNE_CREATE_VCPU -> VCPU fd, DUNE_ASSIGN_FRAME
 *                    mmap(offset 0): the frame table, read-only
 *                    mmap(offset table_size, two pages): the door, executable
 *                    read(): struct dune_report, when it is over
 *   VCPU fd          DUNE_RUN
 *                    mmap(offset 0): the run page
 *
 * There are two ways to run a VCPU. DUNE_RUN is a plain system call that comes
 * back for everything; the door (below) lets a program be a whole process in Dune
 * mode, with signals, tracers and filters as if there were no Dune.
 *
 * A space belongs to the mm that created it, a VCPU to the thread that created
 * it. All state dies with the descriptors. Structures are naturally aligned
 * and the same for every compiler; those passed to an ioctl begin with their
 * own size, so either side may grow: a field that the kernel does not know must
 * be zero (-E2BIG otherwise). `flags` and `reserved` must be zero (-EINVAL).
 */
#ifndef _UAPI_LINUX_DUNE_H
#define _UAPI_LINUX_DUNE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DUNE_ABI_VERSION	3
#define DUNE_IOC_MAGIC		0xDE

/* ---- The device ------------------------------------------------------- */

/* Bits of dune_info.caps. */
#define DUNE_CAP_FAST_SYSCALLS	(1ULL << 0)	/* VMCALL may run a call in the kernel */
#define DUNE_CAP_EPT_2M		(1ULL << 1)	/* EPT has 2 MiB entries */
#define DUNE_CAP_EPT_1G		(1ULL << 2)	/* EPT has 1 GiB entries */
#define DUNE_CAP_GUEST_1G	(1ULL << 3)	/* page tables in Dune mode may map 1 GiB pages */
#define DUNE_CAP_BIRTH		(1ULL << 4)	/* dune_run.birth */
#define DUNE_CAP_CONFINE	(1ULL << 5)	/* dune_run.confine */

/**
 * struct dune_info - what this module and CPU offer
 * @size:	in: sizeof(struct dune_info); out: the same
 * @flags:	must be zero
 * @abi:	out: DUNE_ABI_VERSION of the module
 * @gpa_bits:	out: width of a guest-physical address
 * @caps:	out: DUNE_CAP_*
 * @frames:	out: number of 1 GiB frames that a space can hand out
 * @run_size:	out: bytes to mmap from a VCPU fd
 * @table_size:	out: bytes to mmap from a space fd
 * @reserved:	out: zero
 */
struct dune_info {
	__u32 size;
	__u32 flags;
	__u32 abi;
	__u32 gpa_bits;
	__u64 caps;
	__u32 frames;
	__u32 run_size;
	__u32 table_size;
	__u32 reserved;
};

#define DUNE_GET_INFO		_IOWR(DUNE_IOC_MAGIC, 0x00, struct dune_info)

/**
 * struct dune_create_space - make the calling process's space
 * @size:	sizeof(struct dune_create_space)
 * @flags:	must be zero
 *
 * Returns a descriptor (O_CLOEXEC). -EEXIST when this mm has a space already,
 * -EBUSY when another hypervisor holds VT-x.
 */
struct dune_create_space {
	__u32 size;
	__u32 flags;
};

#define DUNE_CREATE_SPACE	_IOW(DUNE_IOC_MAGIC, 0x01, struct dune_create_space)

/* ---- A space ---------------------------------------------------------- */

/*
 * Guest-physical addresses are handed out in frames of 1 GiB. The frame table
 * has one 16-bit entry for each GiB of user virtual addresses, 0 where no frame
 * is assigned yet:
 *
 *	gpa = (__u64)table[hva >> 30] << 30 | (hva & 0x3fffffff)
 */
#define DUNE_FRAME_SHIFT	30
#define DUNE_FRAME_ENTRIES	(1U << (47 - DUNE_FRAME_SHIFT))

/**
 * struct dune_assign_frame - give the GiB that holds a user address its frame
 * @size:	sizeof(struct dune_assign_frame)
 * @flags:	must be zero
 * @hva:	any user address in that GiB, below 2^47
 *
 * Returns the frame's number (> 0), the old one where there was one. -ENOSPC
 * when all frames are taken, -EINVAL for an address that is not a user's.
 */
struct dune_assign_frame {
	__u32 size;
	__u32 flags;
	__u64 hva;
};

#define DUNE_ASSIGN_FRAME	_IOW(DUNE_IOC_MAGIC, 0x10, struct dune_assign_frame)

/**
 * struct dune_create_vcpu - make a VCPU for the calling thread
 * @size:	sizeof(struct dune_create_vcpu)
 * @flags:	must be zero
 *
 * Returns a descriptor (O_CLOEXEC). -EIO for a space of another mm, -ENOSPC
 * when no VPID is left.
 */
struct dune_create_vcpu {
	__u32 size;
	__u32 flags;
};

#define DUNE_CREATE_VCPU	_IOW(DUNE_IOC_MAGIC, 0x11, struct dune_create_vcpu)

/* ---- A VCPU ----------------------------------------------------------- */

/**
 * struct dune_regs - the register image, in the order of the kernel's pt_regs
 *
 * Loaded when DUNE_RUN enters and stored when it returns. @orig_rax, @cs and
 * @ss are stored only: selectors change inside Dune mode, never from outside.
 */
struct dune_regs {
	__u64 r15, r14, r13, r12, rbp, rbx;
	__u64 r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	__u64 orig_rax;
	__u64 rip, cs, rflags, rsp, ss;
};

/**
 * struct dune_system - system registers, loaded when DUNE_LOAD_SYSTEM is set
 *
 * Addresses are guest-virtual but for @cr3, which is guest-physical. The
 * selectors are Linux's own: CS 0x10, SS 0x18, TR 0x40, and STAR as Linux sets
 * it (ring 3: CS 0x33, SS 0x2b). Loading enters ring 0. EFER has LMA and NX,
 * CR4 has PAE, FSGSBASE, OSFXSR, OSXSAVE; SMEP and SMAP are off.
 */
struct dune_system {
	__u64 cr3;
	__u64 gdt_base, idt_base, tr_base;
	__u32 gdt_limit, idt_limit;
	__u64 lstar;		/* where SYSCALL goes; SFMASK is 0 */
	__u64 kernel_gs_base;	/* what SWAPGS brings */
};

/* dune_run.load: what DUNE_RUN takes from the run page besides @regs. Cleared when done. */
#define DUNE_LOAD_SYSTEM	(1U << 0)	/* @system */
#define DUNE_LOAD_BASES		(1U << 1)	/* @fs_base, @gs_base */
#define DUNE_LOAD_NATIVE	(1U << 2)	/* with the door: make the call in @regs in ordinary mode first */
#define DUNE_LOAD_SIGMASK	(1U << 3)	/* with the door: @sigmask */

/*
 * Why DUNE_RUN returned, in dune_run.reason. DUNE_RUN itself gives 0 for all
 * of these but DUNE_EXIT_INTR (-EINTR, or what the kernel makes of it).
 */
enum dune_exit_reason {
	DUNE_EXIT_NONE = 0,
	/*
	 * A signal or other work waits for this thread: run again. With
	 * DUNE_DETAIL_CALL in @detail a system call was interrupted: @rip is
	 * still at its VMCALL and @rax is its number, so that running again
	 * without a change (as the kernel does by itself with SA_RESTART)
	 * makes the call again. Where DUNE_RUN returned to its caller, what it
	 * returned is the call's result: put it in @rax and add 3 to @rip.
	 */
	DUNE_EXIT_INTR,
	/*
	 * Make system call @rax in ordinary mode, put the result in @rax; @rip is after the VMCALL.
	 * By the door this comes only for calls that make or end a process or thread or replace it
	 * (DUNE_UPCALL_*), and those not made at @syscall_stub. DUNE_DETAIL_WATCHED in @detail:
	 * a filter, tracer or the like looks at this thread's calls. DUNE_DETAIL_TRACED: it has a
	 * tracer, which may not look at calls, but does hear of each execve(). Signals are off
	 * (@sigmask) if the call is at a stub and does not replace the process.
	 */
	DUNE_EXIT_SYSCALL,
	/* A VMCALL for libdune: number in @rax (DUNE_HC_*), @rip is after it. */
	DUNE_EXIT_HYPERCALL,
	/*
	 * By the door: the thread is on CPU @cpu, which is not the one that @cpu said. Go on when
	 * that is known. Signals are off (@sigmask).
	 */
	DUNE_EXIT_CPU,
	/*
	 * By the door, with DUNE_UPCALL_TRACE or DUNE_UPCALL_RETURN: a call was made in ordinary mode; @regs are as it
	 * left them, or as a handler of a signal begins that came first. Signals are off (@sigmask).
	 */
	DUNE_EXIT_RETURNED,

	/* From here on the thread cannot go on in Dune mode as it is. */
	DUNE_EXIT_FATAL,
	DUNE_EXIT_TRIPLE_FAULT = DUNE_EXIT_FATAL,
	DUNE_EXIT_BAD_STATE,	/* the CPU refused the state to enter with */
	DUNE_EXIT_BAD_GPA,	/* page tables name a frame that nobody was given */
	DUNE_EXIT_NESTED_FAULT,	/* Linux could not resolve a fault while an exception was being delivered */
	DUNE_EXIT_UNHANDLED,	/* an exit that has no meaning in Dune mode */
	DUNE_EXIT_NOMEM,	/* no memory for the tables behind this space */
	DUNE_NR_EXIT_REASONS
};

#define DUNE_DETAIL_CALL	1	/* dune_run.detail with DUNE_EXIT_INTR */
#define DUNE_DETAIL_WATCHED	2	/* with DUNE_EXIT_SYSCALL */
#define DUNE_DETAIL_TRACED	4	/* likewise */

/* dune_run.upcalls: what a run by the door leaves to libdune rather than to Linux. */
#define DUNE_UPCALL_CLONE	(1U << 0)	/* clone, clone3, fork, vfork */
#define DUNE_UPCALL_EXEC	(1U << 1)	/* execve, execveat */
#define DUNE_UPCALL_EXIT	(1U << 2)	/* exit: the thread's end */
#define DUNE_UPCALL_EXIT_GROUP	(1U << 3)	/* exit_group: the process's */
#define DUNE_UPCALL_FAULT	(1U << 4)	/* accesses that Linux refuses: #PF with DUNE_PF_LINUX, not a signal */
#define DUNE_UPCALL_CPU		(1U << 5)	/* another CPU: DUNE_EXIT_CPU */
#define DUNE_UPCALL_TRACE	(1U << 6)	/* every call, and its end: DUNE_EXIT_RETURNED */
#define DUNE_UPCALL_RETURN	(1U << 7)	/* the end of a call made with DUNE_LOAD_NATIVE: DUNE_EXIT_RETURNED */
#define DUNE_UPCALL_PASS	(1U << 8)	/* the next such access is a signal all the same; cleared by it */

/*
 * VMCALL numbers that are not system calls. RAX is compared whole; the lower
 * half is a negative int, which Linux would answer with -ENOSYS.
 */
#define DUNE_HC(n)		(0x44756e65fffff000ULL + (n))
#define DUNE_HC_FRAME		DUNE_HC(0)	/* RDI = hva; RAX = frame or -errno, as DUNE_ASSIGN_FRAME */
#define DUNE_HC_FLUSH		DUNE_HC(1)	/* flush the TLB of every thread of this space; RAX = 0 */
#define DUNE_HC_SIGNAL		DUNE_HC(2)	/* RDI = struct dune_signal; does not return */
#define DUNE_HC_CALLER		DUNE_HC(3)	/* with dune_run.confine: go on as @caller, in ring 3; does not return */
/*
 * Where a VMCALL makes a system call in a run by the door, and not at @syscall_stub: if a signal
 * interrupts the call, the program is shown this many bytes after the VMCALL, and the
 * two bytes before there must lead to the VMCALL again.
 */
#define DUNE_HC_RESTART		7
#define DUNE_HC_USER		DUNE_HC(0x100)	/* from here on: DUNE_EXIT_HYPERCALL */

/**
 * struct dune_signal - an exception that nobody in Dune mode wanted (DUNE_HC_SIGNAL)
 * @regs:	the program as it was when it happened; it goes on from there
 *		in ring 3, if that is what the RPL of @regs.cs says
 * @signo:	as Linux has it for this exception: SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGTRAP. 0: no signal,
 *		but the instruction is to be tried in ordinary mode, where Linux has an answer (vsyscall page)
 * @code:	si_code
 * @addr:	si_addr
 * @trapno:	the vector, for the handler's ucontext
 * @error:	the exception's error code, likewise
 * @cr2:	likewise
 *
 * As when the kernel itself meets the exception, a signal that is blocked or
 * ignored kills. -EFAULT, -EINVAL: nothing was sent, and the call returns.
 */
struct dune_signal {
	struct dune_regs regs;
	__u32 signo;
	__s32 code;
	__u64 addr;
	__u32 trapno;
	__u32 error;
	__u64 cr2;
};

/* Exits by what the CPU called them, for dune_counters.exits. */
enum dune_exit_kind {
	DUNE_KIND_HYPERCALL,
	DUNE_KIND_INTERRUPT,
	DUNE_KIND_NMI,
	DUNE_KIND_EPT,
	DUNE_KIND_CPUID,
	DUNE_KIND_MSR,
	DUNE_KIND_CR,
	DUNE_KIND_DR,
	DUNE_KIND_IO,
	DUNE_KIND_INSN,		/* an instruction that Dune mode does not have */
	DUNE_KIND_EXCEPTION,
	DUNE_KIND_TIMER,
	DUNE_KIND_XSETBV,
	DUNE_KIND_OTHER,
	DUNE_NR_EXIT_KINDS
};

/**
 * struct dune_counters - what this VCPU did since it was made
 * @exits:		VM exits by kind
 * @syscalls_fast:	calls run inside the VM exit
 * @syscalls_exact:	calls handed out with DUNE_EXIT_SYSCALL
 * @ept_faults:		EPT violations that mapped a page
 * @injected:		exceptions injected
 * @flushes:		INVEPTs before an entry
 * @runs:		DUNE_RUNs
 */
struct dune_counters {
	__u64 exits[DUNE_NR_EXIT_KINDS];
	__u64 syscalls_fast, syscalls_exact;
	__u64 ept_faults, injected, flushes, runs;
};

/**
 * struct dune_report - what the threads of a space did; read() from its descriptor
 * @size:	sizeof(struct dune_report)
 * @vcpus:	how many VCPUs it had
 * @counters:	theirs, summed up
 *
 * Reading waits until the mm is gone, however the process ended, and all VCPUs with it; with O_NONBLOCK it is
 * -EAGAIN before. Any process may read that was given the descriptor. 0 bytes: see @told in struct dune_run.
 */
struct dune_report {
	__u32 size;
	__u32 vcpus;
	struct dune_counters counters;
};

/**
 * struct dune_hw_exit - the last exit in the CPU's own words (for a dump)
 *
 * Filled for the fatal reasons. For VMX: basic exit reason, exit
 * qualification, guest-physical and guest-linear address, IDT-vectoring
 * information, and the guest's CR3 and table registers.
 */
struct dune_hw_exit {
	__u64 reason, qualification, gpa, gva, vectoring;
	__u64 cr2, cr3, gdt_base, idt_base, tr_base;
};

/**
 * struct dune_start - how a thread begins
 * @regs:	the program's registers. As DUNE_RUN loads them; @cs and @ss are not looked at
 * @sigmask:	its signal mask
 */
struct dune_start {
	struct dune_regs regs;
	__u64 sigmask;
};

/**
 * struct dune_birth - where the child begins that a call made with DUNE_LOAD_NATIVE makes
 * @ip:		0: behind its parent's SYSCALL, in ordinary mode. Else it goes, once a tracer and signals had
 *		their turn with its own registers, to @ip, with RSP = @sp, RDI = @arg, all other general registers 0, and
 *		all signals blocked that can be. 0 again when there is a child
 * @sp:		see @ip
 * @arg:	see @ip
 * @start:	address, in the child, of a struct dune_start: there its own registers and mask are put.
 *		Where that cannot be written the child is killed
 */
struct dune_birth {
	__u64 ip, sp, arg, start;
};

/**
 * struct dune_confine - a program in ring 3 that ring 0 must be safe from
 * @start:	what ring 0 has for itself begins here; no frame of a signal is put there
 * @end:	and ends here. 0: ring 3 and ring 0 trust each other
 * @gate:	address, in there, of a SYSCALL instruction
 * @caller:	the program as it was behind its SYSCALL, @caller.orig_rax the call's number, while
 *		ring 0 makes a call for it: what Linux is shown if a signal interrupts that call
 * @pending:	out: not 0 if a signal waited when such a call was done: DUNE_HC_CALLER is in order
 *
 * With @end set, by the door and with @ring3_stub, the thread executes no instruction of the program
 * in ordinary mode. A call that must be made there is made at @gate. A program that
 * Dune mode cannot run, or whose stack for signals is in ring 0's memory, is killed (SIGKILL).
 * Ring 0 itself is never lent, but for a call that it makes for @caller.
 */
struct dune_confine {
	__u64 start, end, gate;
	struct dune_regs caller;
	__u64 pending;
};

/**
 * struct dune_run - the run page
 * @load:	in: DUNE_LOAD_*
 * @reason:	out: enum dune_exit_reason
 * @detail:	out: see the reason
 * @cpl:	out: the ring that was left
 * @regs:	in/out
 * @fs_base:	out, in with DUNE_LOAD_BASES
 * @gs_base:	out, in with DUNE_LOAD_BASES
 * @system:	in with DUNE_LOAD_SYSTEM
 * @hw:		out, for the fatal reasons
 * @counters:	out, kept up to date while the thread runs
 * @upcalls:	in, DUNE_UPCALL_*, for the door
 * @busy:	out: not 0 while a thread is in Dune mode with this page by the door, or lent to Linux
 * @released:	out: how often @busy became 0
 * @cpu:	in and out, with DUNE_UPCALL_CPU
 * @clone_flags: out, by the door, with DUNE_EXIT_SYSCALL for clone3: the flags in its argument, 0 if there is none
 * @critical_start: in, for the door: while ring 0 is in this range of addresses nothing is lent,
 *		but for a fatal signal: code of libdune that is not the program
 * @critical_end: its end
 * @ring3_stub: in, for the door: likewise for SYSCALL in ring 3, where the call goes back to
 * @birth:	in, with DUNE_LOAD_NATIVE. -EOPNOTSUPP without DUNE_CAP_BIRTH
 * @sigmask:	out, where the reason says so: the program's signal mask, bit N for signal N + 1. All signals
 *		that can be are blocked meanwhile, and DUNE_LOAD_SIGMASK in @load has the next run bring the mask back.
 *		In with DUNE_LOAD_SIGMASK: before anything else this mask is the thread's
 * @syscall_stub: in, for the door: address of the VMCALL that SYSCALL in ring 0 leads to (or 0).
 *		There, Linux is shown the program as it was at its SYSCALL: RIP is in RCX
 * @confine:	in, for the door. Not without DUNE_CAP_CONFINE
 * @told:	in: not 0 if the process itself has told what the counters say: nobody reads a report of its space
 * @reserved:	not looked at
 *
 * Threads may read @counters of another thread's page at any time.
 */
struct dune_run {
	__u32 load;
	__u32 reason;
	__u32 detail;
	__u32 cpl;
	struct dune_regs regs;
	__u64 fs_base, gs_base;
	struct dune_system system;
	struct dune_hw_exit hw;
	struct dune_counters counters;
	__u32 upcalls;
	__u32 busy;
	__u32 released;
	__u32 cpu;
	__u64 syscall_stub, ring3_stub;
	__u64 critical_start, critical_end;
	__u64 clone_flags;
	__u64 sigmask;
	struct dune_birth birth;
	struct dune_confine confine;
	__u32 told;
	__u32 reserved;
};

/*
 * Enter Dune mode and stay until there is a reason; the argument must be 0.
 * By the thread that made the VCPU (-EPERM; -EBUSY while it runs, or while
 * the thread is in a DUNE_RUN already), in the mm of
 * its space (-EIO). -EINVAL, and nothing was loaded: an unknown bit in @load, an
 * @lstar or @kernel_gs_base that is not canonical, or FS or GS with a selector.
 * Any other register image may be tried: the CPU judges it, and what it does not
 * accept is DUNE_EXIT_BAD_STATE.
 */
#define DUNE_RUN		_IO(DUNE_IOC_MAGIC, 0x20)

/* ---- The door ---------------------------------------------------------- */

/*
 * The first of the two pages cannot be read, written or executed: a *jump* to its first byte, in
 * ordinary mode, is a request to the module, as a jump to the vsyscall page is one
 * to the kernel. It is no system call, so no filter, tracer or audit sees it.
 *
 *	RDI	address of the run page
 *	RSI	where to go on
 *	RDX	DUNE_DOOR_*
 *	RCX	an argument
 *	R8	where the frame table is mapped, or 0; for the child of a fork
 *
 * The thread goes on at RSI with the result in RAX and all other registers as they were.
 *
 * DUNE_DOOR_RUN: as DUNE_RUN with that run page, until there is a reason for libdune.
 * DUNE_EXIT_INTR is one only where ring 3 is not the program itself (@ring3_stub is 0). When Linux has something to do with the thread - a signal, a
 * stop, a system call that must be seen - the module *lends* it the program's own registers, so
 * that a handler's frame is on the program's stack and a debugger finds the program, and takes
 * them back before the thread reaches user mode: to that it comes back by an INT3 in the second page,
 * which is the module's to use. -EBUSY: another thread uses that run page, or this one is in Dune mode.
 *
 * Where no run page is at RDI, which has to be page-aligned, one is put there in place of
 * what was mapped, with a VCPU of its own; RAX is 1, and nothing has run yet. The VCPU goes when the
 * page is unmapped. The child of a fork() has its parent's door but no space: its first jump makes one with the
 * same frames, maps the frame table at R8 and the door again, and then a run page. -ENOMEM, -ENOSPC.
 *
 * DUNE_DOOR_FRAME: as DUNE_ASSIGN_FRAME for the address in RCX; RDI is not looked at.
 */
#define DUNE_DOOR_RUN		0
#define DUNE_DOOR_FRAME		1

/* ---- Seen from inside Dune mode ---------------------------------------- */

/*
 * A bit that the module adds to the error code of a #PF that it injects because
 * Linux would not resolve the access; the CPU's own #PFs never have it. P then
 * says whether there is a mapping (SEGV_ACCERR) or none (SEGV_MAPERR).
 */
#define DUNE_PF_LINUX		(1U << 14)

/* CPUID leaf: EAX = DUNE_ABI_VERSION, EBX, ECX, EDX = "Dune", "mode", "VMX\0". */
#define DUNE_CPUID_LEAF		0x4000d000U

#endif /* _UAPI_LINUX_DUNE_H */
