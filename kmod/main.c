// SPDX-License-Identifier: GPL-2.0
/* Bring-up and tear-down of the module, and virtualization on and off. */
#include <linux/cpuhotplug.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include "syscore.h"
#include "born.h"
#include "dev.h"
#include "door.h"
#include "hv.h"
#include "vcpu.h"

const struct hv_ops *hv = &vmx_ops;

static DEFINE_MUTEX(hv_lock);		/* hv_users, hv_state */
static unsigned int hv_users;
static enum cpuhp_state hv_state;

/* Both run on the CPU in question, also when it comes or goes later. */
static int hv_cpu_up(unsigned int cpu)
{
	int ret;

	preempt_disable();
	ret = hv->cpu_up();
	preempt_enable();
	return ret;
}

static int hv_cpu_down(unsigned int cpu)
{
	preempt_disable();
	hv->cpu_down();
	preempt_enable();
	return 0;
}

int hv_get(void)
{
	int ret = 0;

	mutex_lock(&hv_lock);
	if (!hv_users) {
		ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "x86/dune:online", hv_cpu_up, hv_cpu_down);
		if (ret >= 0) {
			hv_state = ret;
			ret = 0;
		}
	}
	if (!ret)
		hv_users++;
	mutex_unlock(&hv_lock);
	return ret;
}

void hv_put(void)
{
	mutex_lock(&hv_lock);
	if (!--hv_users)
		cpuhp_remove_state(hv_state);
	mutex_unlock(&hv_lock);
}

/*
 * Going down: VT-x blocks the INIT by which firmware takes the CPUs over. The
 * CPU-hotplug state stays; what is up or down by then no longer matters.
 */
static void hv_stop(void *unused)
{
	hv->cpu_down();
}

static int hv_reboot(struct notifier_block *nb, unsigned long event, void *data)
{
	on_each_cpu(hv_stop, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block hv_reboot_nb = { .notifier_call = hv_reboot };

/* Suspend takes the other CPUs offline first; the last one, interrupts off, comes here. */
static void hv_suspend(void)
{
	if (hv_users)
		hv->cpu_down();
}

static void hv_resume(void)
{
	if (hv_users && hv->cpu_up())
		pr_err("VT-x did not come back after suspend\n");
}

DUNE_SYSCORE(hv_syscore, hv_suspend, hv_resume);

static int __init dune_init(void)
{
	int ret = hv->probe();

	if (ret)
		return ret;
	ret = fastcall_init();
	if (ret)
		goto err_hv;
	ret = lend_init();
	if (ret)
		goto err_fast;
	ret = born_init();
	if (ret)
		goto err_lend;
	ret = door_init();
	if (ret)
		goto err_born;
	register_reboot_notifier(&hv_reboot_nb);
	dune_syscore_register(&hv_syscore);
	ret = dev_register();		/* last: from here on user space is inside */
	if (ret)
		goto err_syscall;
	return 0;

err_syscall:
	dune_syscore_unregister(&hv_syscore);
	unregister_reboot_notifier(&hv_reboot_nb);
	door_exit();
err_born:
	born_exit();
err_lend:
	lend_exit();
err_fast:
	fastcall_exit();
err_hv:
	hv->remove();
	return ret;
}

static void __exit dune_exit(void)
{
	dev_unregister();
	dune_syscore_unregister(&hv_syscore);
	unregister_reboot_notifier(&hv_reboot_nb);
	door_exit();
	born_exit();
	lend_exit();
	fastcall_exit();
	hv->remove();
}

module_init(dune_init);
module_exit(dune_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The Dune authors");
MODULE_DESCRIPTION("Safe user-level access to privileged CPU features");
MODULE_VERSION("0.1.0");
