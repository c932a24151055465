// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether VMX operation may be held for as long as there are VMs (operation.c).
 *
 * KVM refuses to work where it finds CR4.VMXE set, as it may have been set by anyone.
 * So it is not held while kvm_intel is loaded, and every CPU leaves it before that
 * module's own code runs. From then on vintc holds it with interrupts off only, and
 * KVM and vintc share the CPUs.
 *
 * A crash or an emergency reboot takes the CPUs out of VMX operation, in which INIT
 * would be blocked: by a callback, of which the kernel has one, KVM's or ours.
 */
#define pr_fmt(fmt) "vintc: " fmt

#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <asm/reboot.h>

#include "../compat/compat.h"
#include "vmx.h"

static bool hold = true;
module_param_named(vmx_hold, hold, bool, 0444);
MODULE_PARM_DESC(vmx_hold, "stay in VMX operation while there are VMs, unless kvm_intel is loaded (default Y)");

static DEFINE_MUTEX(hold_lock);
static bool holding;

bool vmx_may_hold(void)
{
	return READ_ONCE(holding);
}

/* hold_lock held. */
static void start_holding(void)
{
	if (holding)
		return;
	compat_emergency_register(vmx_emergency);
	WRITE_ONCE(holding, true);
}

static void leave_ipi(void *unused)
{
	vmx_cpu_disable();
}

/* hold_lock held. When this returns no CPU holds it, and none begins to. */
static void stop_holding(void)
{
	if (!holding)
		return;
	WRITE_ONCE(holding, false);
	on_each_cpu(leave_ipi, NULL, 1);
	compat_emergency_unregister(vmx_emergency);
}

static int module_changes(struct notifier_block *nb, unsigned long state, void *data)
{
	const struct module *mod = data;
	bool intel = !strcmp(mod->name, "kvm_intel");

	if (!intel && strcmp(mod->name, "kvm"))
		return NOTIFY_DONE;
	mutex_lock(&hold_lock);
	if (state == MODULE_STATE_COMING && intel)
		stop_holding();
	/* After its exit function, or when its init function has failed. */
	if (state == MODULE_STATE_GOING)
		start_holding();
	mutex_unlock(&hold_lock);
	return NOTIFY_OK;
}

static struct notifier_block module_notifier = {
	.notifier_call = module_changes,
};

/* kvm_intel exports nothing, but needs this module. */
static bool kvm_is_loaded(void)
{
	static const char name[] = "kvm_get_running_vcpu";

	if (!__symbol_get(name))
		return false;
	__symbol_put(name);
	return true;
}

void vmx_hold_init(void)
{
	if (!hold || !COMPAT_HOLDS_VMX)
		return;
	/* Before the look: what comes after that is seen to come. */
	register_module_notifier(&module_notifier);
	mutex_lock(&hold_lock);
	if (!kvm_is_loaded())
		start_holding();
	mutex_unlock(&hold_lock);
}

void vmx_hold_exit(void)
{
	if (!hold || !COMPAT_HOLDS_VMX)
		return;
	unregister_module_notifier(&module_notifier);
	mutex_lock(&hold_lock);
	stop_holding();
	mutex_unlock(&hold_lock);
}
