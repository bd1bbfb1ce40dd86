// SPDX-License-Identifier: GPL-2.0
/* How the L1 data cache is emptied: by the CPU where it can, else by reading over all of it. */
#include <linux/gfp.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include "l1d.h"

DEFINE_STATIC_KEY_FALSE(l1d_needed);
DEFINE_PER_CPU(bool, l1d_wanted);

/* Twice the largest L1D of an affected CPU, for its replacement is not quite LRU. */
#define FILL_ORDER 4
#define FILL_SIZE (PAGE_SIZE << FILL_ORDER)

static char *l1tf = "auto";
module_param(l1tf, charp, 0444);
MODULE_PARM_DESC(l1tf, "empty the L1 data cache before entries that need it: auto (where the CPU leaks; default), off");

static u8 *fill;

int l1d_init(void)
{
	bool off = !strcmp(l1tf, "off");

	if (!off && strcmp(l1tf, "auto")) {
		pr_err("l1tf=%s: it can be auto or off\n", l1tf);
		return -EINVAL;
	}
	if (off || !boot_cpu_has_bug(X86_BUG_L1TF))
		return 0;
	if (!boot_cpu_has(X86_FEATURE_FLUSH_L1D)) {
		fill = (u8 *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, FILL_ORDER);
		if (!fill)
			return -ENOMEM;
	}
	static_branch_enable(&l1d_needed);
	return 0;
}

void l1d_exit(void)
{
	free_pages((unsigned long)fill, FILL_ORDER);
}

/* First a byte of each page, for the TLB; then one of each line: a load each, for the loop would be three times that. */
static void read_over(void)
{
	unsigned int i;

	for (i = 0; i < FILL_SIZE; i += PAGE_SIZE)
		READ_ONCE(fill[i]);
	asm volatile("lfence" : : : "memory");
#pragma GCC unroll 16
	for (i = 0; i < FILL_SIZE; i += 64)
		READ_ONCE(fill[i]);
	asm volatile("lfence" : : : "memory");
}

void l1d_flush_now(void)
{
	__this_cpu_write(l1d_wanted, false);
#ifdef DUNE_HAVE_L1TF_FLAG
	kvm_clear_cpu_l1tf_flush_l1d();
#endif
	if (fill)
		read_over();
	else
		dune_wrmsr(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
}
