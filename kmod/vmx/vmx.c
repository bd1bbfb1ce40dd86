// SPDX-License-Identifier: GPL-2.0
/* The VMX backend: VT-x on and off, VCPUs on and off a CPU, one entry and exit. */
#include <linux/cpu.h>
#include <linux/hw_breakpoint.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/hardirq.h>
#include <asm/mmu_context.h>
#include <asm/tlbflush.h>
#include "vmx.h"
#include "l1d.h"
#include "../space.h"

/*
 * Per CPU: the VMXON region, whether VT-x is on, the VMCS that is current, all VMCSs
 * that this CPU may hold, and whose Dune mode ran here last.
 */
struct vmx_cpu {
	struct vmcs *region;
	bool on;
	struct vmx_vcpu *current_vmx;
	struct list_head loaded;
	struct dune_space *last_space;
};

static DEFINE_PER_CPU(struct vmx_cpu, vmx_cpu);

unsigned long *vmx_msr_bitmap;

static DEFINE_IDA(vpids);

/* ---- regions -------------------------------------------------------------- */

static struct vmcs *region_alloc(int node)
{
	struct page *page = alloc_pages_node(node, GFP_KERNEL | __GFP_ZERO, 0);
	struct vmcs *vmcs;

	if (!page)
		return NULL;
	vmcs = page_address(page);
	vmcs->revision = vmx_caps.revision;
	return vmcs;
}

static void region_free(struct vmcs *vmcs)
{
	free_page((unsigned long)vmcs);
}

/* Which MSRs Dune mode touches without an exit: FS and GS bases, which are its own. */
static void allow_msr(u32 msr)
{
	unsigned long *read_high = vmx_msr_bitmap + 1024 / sizeof(long);
	unsigned long *write_high = vmx_msr_bitmap + 3072 / sizeof(long);

	__clear_bit(msr & 0x1fff, read_high);
	__clear_bit(msr & 0x1fff, write_high);
}

static int msr_bitmap_init(void)
{
	vmx_msr_bitmap = (unsigned long *)__get_free_page(GFP_KERNEL);
	if (!vmx_msr_bitmap)
		return -ENOMEM;
	memset(vmx_msr_bitmap, 0xff, PAGE_SIZE);
	allow_msr(MSR_FS_BASE);
	allow_msr(MSR_GS_BASE);
	allow_msr(MSR_KERNEL_GS_BASE);
	return 0;
}

/* ---- VT-x on and off, per CPU ---------------------------------------------- */

#ifdef DUNE_HAVE_CR4_UPDATE
static void invept_all(void)
{
	if (vmx_caps.ept & CAP_INVEPT_ALL)
		invept(INVEPT_ALL, 0);
}

static int vmx_cpu_up(void)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpu);
	int ret;

	if (!c->region)
		return -ENOMEM;
	if (__read_cr4() & X86_CR4_VMXE)
		return -EBUSY;		/* another hypervisor's */
	dune_pt_vmx(1);
	cr4_set_bits(X86_CR4_VMXE);
	ret = vmxon(__pa(c->region));
	if (ret) {
		cr4_clear_bits(X86_CR4_VMXE);
		dune_pt_vmx(0);
		return ret;
	}
	c->on = true;
	invept_all();			/* whatever was left from the last time */
	return 0;
}

static void vmx_vcpu_unload(void *arg);

static void vmx_cpu_down(void)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpu);
	struct vmx_vcpu *vmx, *next;
	unsigned long flags;

	if (!c->on)
		return;
	/* other CPUs unload by IPI */
	local_irq_save(flags);
	list_for_each_entry_safe(vmx, next, &c->loaded, loaded)
		vmx_vcpu_unload(vmx);
	c->on = false;
	vmxoff();
	cr4_clear_bits(X86_CR4_VMXE);
	dune_pt_vmx(0);
	local_irq_restore(flags);
}
#else
static int vmx_cpu_up(void)
{
	return -EOPNOTSUPP;
}

static void vmx_cpu_down(void)
{
}
#endif

/* ---- a VCPU and its CPU ------------------------------------------------------ */

/* On the CPU that has it loaded: write it back to memory. Interrupts or preemption off. */
static void vmx_vcpu_unload(void *arg)
{
	struct vmx_vcpu *vmx = arg;
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpu);

	if (vmx->vcpu.cpu != smp_processor_id())
		return;
	vmclear(__pa(vmx->vmcs));
	vmx->launched = 0;
	vmx->vcpu.cpu = -1;
	list_del(&vmx->loaded);
	if (c->current_vmx == vmx)
		c->current_vmx = NULL;
}

/* Wherever it is loaded. Preemption off, interrupts on. */
static void unload_anywhere(struct vmx_vcpu *vmx)
{
	int cpu = READ_ONCE(vmx->vcpu.cpu);

	if (cpu >= 0)
		smp_call_function_single(cpu, vmx_vcpu_unload, vmx, true);
}

static void make_current(struct vmx_vcpu *vmx)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpu);
	unsigned long flags;

	if (unlikely(!c->on))
		return;			/* the machine is going down */
	if (vmx->vcpu.cpu != smp_processor_id()) {
		unload_anywhere(vmx);
		/* against an unload by IPI of others in the list */
		local_irq_save(flags);
		vmclear(__pa(vmx->vmcs));
		vmx->launched = 0;
		vmx->vcpu.cpu = smp_processor_id();
		list_add(&vmx->loaded, &c->loaded);
		vmptrld(__pa(vmx->vmcs));
		c->current_vmx = vmx;
		local_irq_restore(flags);
		vmcs_load_host(vmx);
		vmx->host_cr3 = 0;	/* not known: written before the next entry */
		vmx->host_cr4 = 0;
	} else if (c->current_vmx != vmx) {
		vmptrld(__pa(vmx->vmcs));
		c->current_vmx = vmx;
	}
}

/* Another process's Dune mode may have trained the predictors for ours. */
static void barrier_between_spaces(struct vmx_vcpu *vmx)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpu);

	if (c->last_space == vmx->vcpu.space)
		return;
	c->last_space = vmx->vcpu.space;
	if (boot_cpu_has(X86_FEATURE_IBPB))
		dune_wrmsr(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
}

static void vmx_load(struct dune_vcpu *vcpu, bool fresh)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	make_current(vmx);
	if (unlikely(vcpu->cpu < 0))
		return;
	barrier_between_spaces(vmx);
	vmwrite(HOST_FS_BASE, dune_rdmsr(MSR_FS_BASE));
	vmx->host_debugctl = dune_rdmsr(MSR_IA32_DEBUGCTLMSR);
	asm volatile("sldt %0" : "=r"(vmx->host_ldt));
	vmx->after = (vmx->after & AFTER_HURRY) | (vmx->host_debugctl || vmx->host_ldt ? AFTER_RARE : 0);
	vcpu->dirty |= DIRTY_MSRS;
	if (fresh) {
		savesegment(ds, vmx->host_ds);
		savesegment(es, vmx->host_es);
	} else {
		l1d_flush_wanted();
	}
}

/*
 * The MSRs of SYSCALL are the host's until the first entry, and are given back
 * before anything else can run: Linux needs them only in user mode. What is found is
 * remembered rather than assumed: it may be another hypervisor's lazy value.
 */
static void take_msrs(struct vmx_vcpu *vmx)
{
	vmx->host_lstar = dune_rdmsr(MSR_LSTAR);
	vmx->host_sfmask = dune_rdmsr(MSR_SYSCALL_MASK);
	vmx->host_gs = dune_rdmsr(MSR_KERNEL_GS_BASE);
	dune_wrmsr(MSR_SYSCALL_MASK, 0);
	vmx->msrs_loaded = true;
}

static void load_msrs(struct vmx_vcpu *vmx, u32 dirty)
{
	if (!vmx->msrs_loaded) {
		take_msrs(vmx);
		dirty |= DIRTY_SYSTEM;
	}
	if (dirty & (DIRTY_SYSTEM | DIRTY_LSTAR))
		dune_wrmsr(MSR_LSTAR, vmx->vcpu.system.lstar);
	/* while loaded, the MSR is newer than what we remember: SWAPGS makes no exit */
	if (dirty & DIRTY_SYSTEM)
		dune_wrmsr(MSR_KERNEL_GS_BASE, vmx->vcpu.system.kernel_gs_base);
}

static void vmx_put(struct dune_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (!vmx->msrs_loaded)
		return;			/* nothing was entered */
	vcpu->system.kernel_gs_base = dune_rdmsr(MSR_KERNEL_GS_BASE);
	dune_wrmsr(MSR_LSTAR, vmx->host_lstar);
	dune_wrmsr(MSR_SYSCALL_MASK, vmx->host_sfmask);
	dune_wrmsr(MSR_KERNEL_GS_BASE, vmx->host_gs);
	vmx->msrs_loaded = false;

	/* an exit makes the limits of GDT and TSS what it likes */
	load_fixmap_gdt(smp_processor_id());
	invalidate_tss_limit();
	if (unlikely(vmx->host_ds | vmx->host_es)) {
		loadsegment(ds, vmx->host_ds);
		loadsegment(es, vmx->host_es);
	}
}

/* ---- one entry ------------------------------------------------------------------ */

static void check_host(struct vmx_vcpu *vmx)
{
	unsigned long cr3 = __read_cr3(), cr4 = __read_cr4();

	if (unlikely(cr3 != vmx->host_cr3)) {
		vmwrite(HOST_CR3, cr3);
		vmx->host_cr3 = cr3;
	}
	if (unlikely(cr4 != vmx->host_cr4)) {
		vmwrite(HOST_CR4, cr4);
		vmx->host_cr4 = cr4;
	}
}

/* What an exit destroys of the host's, where the host uses it. */
static void restore_rare(struct vmx_vcpu *vmx)
{
	if (vmx->host_ldt)
		asm volatile("lldt %0" : : "r"(vmx->host_ldt));
	if (vmx->host_debugctl)
		dune_wrmsr(MSR_IA32_DEBUGCTLMSR, vmx->host_debugctl);
	if (hw_breakpoint_active())
		set_debugreg(__this_cpu_read(cpu_dr7), 7);	/* the others are as they were */
}

/* What few exits need, behind one test. */
static noinline void after_exit(struct vmx_vcpu *vmx)
{
	restore_rare(vmx);
	if (vmx->after & AFTER_HURRY) {
		vmwrite(TIMER_VALUE, vmx_caps.timer);
		vmx->after &= ~AFTER_HURRY;
	}
}

/* Preemption is off: perf has the thread's watchpoints, if it has any, on this CPU. */
static void check_watch(struct vmx_vcpu *vmx)
{
	u64 dr7 = hw_breakpoint_active() ? __this_cpu_read(cpu_dr7) : 0;

	if (unlikely(dr7 != vmx->dr7))
		vmcs_watch(vmx, dr7);
}

static void flush(struct vmx_vcpu *vmx)
{
	if (cpu_has_invept_single())
		invept(INVEPT_SINGLE, vmx->eptp);
	else
		invept(INVEPT_ALL, 0);
	vmx->vcpu.run->counters.flushes++;
}

static noinline void load_dirty(struct vmx_vcpu *vmx)
{
	u32 dirty = vmx->vcpu.dirty;

	vmcs_load_dirty(vmx, dirty);
	if (dirty & (DIRTY_MSRS | DIRTY_LSTAR | DIRTY_SYSTEM))
		load_msrs(vmx, dirty);
	if (dirty & DIRTY_TLB)
		flush(vmx);
	vmx->vcpu.dirty = 0;
}

static enum hv_exit refused(struct vmx_vcpu *vmx)
{
	/* not the guest state, which is an exit: our mistake */
	WARN_ONCE(1, "VM entry failed, error %lu\n", vmread(INSN_ERROR));
	vmx->reason = 0;
	return HV_BAD_STATE;
}

/* Some two thousand cycles: enough to get on even where all has to be fetched from memory first. */
#define TIMER_HURRY 64

static enum hv_exit vmx_enter(struct dune_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	enum hv_exit exit;

	if (unlikely(vcpu->cpu < 0))
		return HV_BAD_STATE;	/* VT-x is off: the machine is going down */
	if (likely(vcpu->dirty == DIRTY_IP)) {
		vmwrite(GUEST_RIP, vcpu->regs.ip);
		vcpu->dirty = 0;
	} else if (vcpu->dirty) {
		load_dirty(vmx);
	}
	if (unlikely(vmx->after & AFTER_HURRY))
		vmwrite(TIMER_VALUE, TIMER_HURRY);
	check_host(vmx);
	check_watch(vmx);
	if (unlikely(get_cr2() != vmx->cr2))
		set_cr2(vmx->cr2);
	l1d_flush();

	if (unlikely(vmx_enter_asm(vmx)))
		return refused(vmx);
	vmx->cr2 = get_cr2();
	if (unlikely(vmx->after || hw_breakpoint_active()))
		after_exit(vmx);
	exit = vmx_exit_info(vmx);
	/* an entry that failed launches nothing */
	if (unlikely(!vmx->launched))
		vmx->launched = !(vmx->reason & REASON_FAILED_ENTRY);
	return exit;
}

static void vmx_store(struct dune_vcpu *vcpu)
{
	struct pt_regs *regs = &vcpu->regs;

	if (vcpu->cpu < 0)
		return;
	/* what is dirty is newer than the VMCS */
	if (!(vcpu->dirty & (DIRTY_IP | DIRTY_REGS)))
		regs->ip = vmread(GUEST_RIP);
	if (!(vcpu->dirty & DIRTY_REGS)) {
		regs->sp = vmread(GUEST_RSP);
		regs->flags = vmread(GUEST_RFLAGS);
	}
	if (!(vcpu->dirty & DIRTY_BASES)) {
		vcpu->fs_base = vmread(GUEST_FS_BASE);
		vcpu->gs_base = vmread(GUEST_GS_BASE);
	}
	regs->cs = vmread(GUEST_CS_SEL);
	regs->ss = vmread(GUEST_SS_SEL);
	vcpu->cpl = (vmread(GUEST_SS_AR) >> 5) & 3;
}

/* Ends with the entry: see vmx_enter(). */
static void vmx_hurry(struct dune_vcpu *vcpu)
{
	if (cpu_has_timer())
		to_vmx(vcpu)->after |= AFTER_HURRY;
}

static void vmx_forget_event(struct dune_vcpu *vcpu)
{
	if (vcpu->cpu < 0)
		return;
	vmwrite(ENTRY_INTR_INFO, 0);
	vmwrite(GUEST_INTERRUPTIBILITY, 0);
	vmwrite(GUEST_PENDING_DEBUG, 0);
}

/* ---- life of a VCPU ---------------------------------------------------------- */

/*
 * Without accessed and dirty bits in EPT, which nobody would look at: with them each look of the CPU's at a
 * page table of the guest counts as a write, and after a fork each of those pages would be copied.
 */
static u64 make_eptp(struct dune_space *space)
{
	return __pa(space->ept.root) | EPTP_WB | EPTP_WALK_4;
}

static int vpid_alloc(void)
{
	return cpu_has_vpid() ? ida_alloc_range(&vpids, 1, 0xffff, GFP_KERNEL) : 0;
}

static void vpid_free(u16 vpid)
{
	if (vpid)
		ida_free(&vpids, vpid);
}

/* Write what never changes. Leaves no VMCS current; see vcpu_reload(). */
static int setup_away(struct vmx_vcpu *vmx)
{
	int ret = -EIO;

	preempt_disable();
	make_current(vmx);
	if (vmx->vcpu.cpu >= 0)
		ret = vmcs_setup(vmx);
	unload_anywhere(vmx);
	preempt_enable();
	return ret;
}

static int vmx_vcpu_init(struct dune_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	int ret = vpid_alloc();

	if (ret < 0)
		return ret;
	vmx->vpid = ret;
	vmx->verw_sel = __KERNEL_DS;
	vmx->eptp = make_eptp(vcpu->space);
	vmx->vmcs = region_alloc(NUMA_NO_NODE);
	if (!vmx->vmcs) {
		vpid_free(vmx->vpid);
		return -ENOMEM;
	}
	ret = setup_away(vmx);
	if (ret) {
		region_free(vmx->vmcs);
		vpid_free(vmx->vpid);
	}
	return ret;
}

static void vmx_vcpu_free(struct dune_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	unsigned int cpu;

	preempt_disable();
	unload_anywhere(vmx);
	preempt_enable();
	/* its address may be another space's tomorrow */
	for_each_possible_cpu(cpu)
		cmpxchg(&per_cpu_ptr(&vmx_cpu, cpu)->last_space, vcpu->space, NULL);
	region_free(vmx->vmcs);
	vpid_free(vmx->vpid);
}

/* ---- what the core asks at load -------------------------------------------------- */

static unsigned int vmx_gpa_bits(void)
{
	return min_t(unsigned int, boot_cpu_data.x86_phys_bits, 48);
}

static u64 vmx_caps_bits(void)
{
	return (cpu_has_ept_2m() ? DUNE_CAP_EPT_2M : 0) |
	       (cpu_has_ept_1g() ? DUNE_CAP_EPT_1G : 0) |
	       (boot_cpu_has(X86_FEATURE_GBPAGES) ? DUNE_CAP_GUEST_1G : 0);
}

static void vmx_exit(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		region_free(per_cpu_ptr(&vmx_cpu, cpu)->region);
	free_page((unsigned long)vmx_msr_bitmap);
	l1d_exit();
	ida_destroy(&vpids);
}

static int vmx_probe(void)
{
	unsigned int cpu;
	int ret = vmx_caps_probe();

	if (ret)
		return ret;
	for_each_possible_cpu(cpu) {
		struct vmx_cpu *c = per_cpu_ptr(&vmx_cpu, cpu);

		INIT_LIST_HEAD(&c->loaded);
		c->region = region_alloc(cpu_to_node(cpu));
		if (!c->region)
			ret = -ENOMEM;
	}
	if (!ret)
		ret = msr_bitmap_init();
	if (!ret)
		ret = l1d_init();
	if (ret)
		vmx_exit();
	return ret;
}

const struct hv_ops vmx_ops = {
	.name = "VMX",
	.format = &vmx_ept_format,
	.probe = vmx_probe,
	.remove = vmx_exit,
	.gpa_bits = vmx_gpa_bits,
	.caps = vmx_caps_bits,
	.cpu_up = vmx_cpu_up,
	.cpu_down = vmx_cpu_down,
	.vcpu_size = sizeof(struct vmx_vcpu),
	.vcpu_init = vmx_vcpu_init,
	.vcpu_free = vmx_vcpu_free,
	.load = vmx_load,
	.put = vmx_put,
	.enter = vmx_enter,
	.store = vmx_store,
	.hurry = vmx_hurry,
	.forget_event = vmx_forget_event,
	.describe = vmx_describe,
};
