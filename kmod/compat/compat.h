/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels, in one place. Included before everything else
 * in each file of the module; conftest.h says what this kernel has.
 */
#ifndef DUNE_COMPAT_H
#define DUNE_COMPAT_H

#define pr_fmt(fmt) "dune: " fmt

#include "conftest.h"
#include <linux/version.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <asm/cpufeatures.h>
#include <asm/msr.h>
#include <asm/thread_info.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)	/* tested on nothing older */
#error "Dune needs Linux 5.10 or later"
#endif

/*
 * rdmsrl became rdmsrq, and native_write_msr changed its arguments. Values are
 * ours or were checked: no fault is expected.
 */
static inline u64 dune_rdmsr(u32 msr)
{
	return native_read_msr(msr);
}

static inline void dune_wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline void dune_vma_flags(struct vm_area_struct *vma, unsigned long set, unsigned long clear)
{
#ifdef DUNE_HAVE_VM_FLAGS_SET
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

/* Older CPUs cannot trace (Intel PT) while VMX is on; perf wants to know. */
#include <asm/perf_event.h>
static inline void dune_pt_vmx(int on)
{
#ifdef DUNE_HAVE_PT_HANDLE_VMX
	intel_pt_handle_vmx(on);
#endif
}

/* A fault that was resolved with mmap_lock dropped: since 5.20 */
#ifndef DUNE_HAVE_FAULT_COMPLETED
#define VM_FAULT_COMPLETED 0
#endif

/* Is there anything that must see this thread's system calls enter or leave? */
#ifdef DUNE_HAVE_SYSCALL_WORK
#include <linux/entry-common.h>
static inline bool dune_syscall_work(void)
{
	return READ_ONCE(current_thread_info()->syscall_work) & (SYSCALL_WORK_ENTER | SYSCALL_WORK_EXIT);
}
#else
#include <linux/entry-common.h>
static inline bool dune_syscall_work(void)
{
	return READ_ONCE(current_thread_info()->flags) & (SYSCALL_ENTER_WORK | SYSCALL_EXIT_WORK);
}
#endif

/* The last time that a thread is scheduled away. */
static inline bool dune_task_is_dead(struct task_struct *task)
{
#ifdef DUNE_HAVE_TASK___STATE
	return READ_ONCE(task->__state) == TASK_DEAD;
#else
	return READ_ONCE(task->state) == TASK_DEAD;
#endif
}

/* True if the fault was under the lock of its VMA alone, which is given up then. */
static inline bool dune_release_vma_lock(struct vm_fault *vmf)
{
#ifdef DUNE_HAVE_VMA_LOCK
	if (vmf->flags & FAULT_FLAG_VMA_LOCK) {
		vma_end_read(vmf->vma);
		return true;
	}
#endif
	return false;
}

/*
 * User mode's FS and GS base of the current thread, while it is in the kernel. Without the
 * FSGSBASE instructions Linux trusts what it remembers when a thread is switched out.
 */
static inline u64 dune_user_fs_base(void)
{
	return dune_rdmsr(MSR_FS_BASE);
}

static inline u64 dune_user_gs_base(void)
{
	return dune_rdmsr(MSR_KERNEL_GS_BASE);
}

static inline void dune_set_user_fs_base(u64 base)
{
	dune_wrmsr(MSR_FS_BASE, base);
	current->thread.fsbase = base;
}

static inline void dune_set_user_gs_base(u64 base)
{
	dune_wrmsr(MSR_KERNEL_GS_BASE, base);
	current->thread.gsbase = base;
}

#endif /* DUNE_COMPAT_H */
