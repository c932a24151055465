// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CPUs are held while there is a VM and not longer, so that vintc can stay
 * loaded beside KVM. KVM looks at the same bit (EFER.SVME) before it takes a
 * CPU and refuses when it is set, as we do: whoever comes first has it.
 */
#define pr_fmt(fmt) "vintc: " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/mutex.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <linux/syscore_ops.h>
#include <asm/tsc.h>

#include "compat/compat.h"
#include "hardware.h"
#include "ops.h"

DEFINE_PER_CPU(bool, vintc_cpu_ready);

static const struct vintc_ops *hw_ops;
static DEFINE_MUTEX(hw_lock);
static unsigned int hw_users;
static bool hw_down; /* the machine goes down: no CPU is taken any more */
static int hw_hotplug_state = -1;

static int take_cpu(void)
{
	int r;

	if (__this_cpu_read(vintc_cpu_ready))
		return 0;
	r = hw_ops->cpu_enable();
	if (!r)
		__this_cpu_write(vintc_cpu_ready, true);
	return r;
}

static void take_cpu_ipi(void *failed)
{
	if (take_cpu())
		atomic_inc(failed);
}

static void drop_cpu_ipi(void *unused)
{
	if (!__this_cpu_read(vintc_cpu_ready))
		return;
	__this_cpu_write(vintc_cpu_ready, false);
	hw_ops->cpu_disable();
}

static int cpu_comes(unsigned int cpu)
{
	unsigned long flags;
	int r = 0;

	mutex_lock(&hw_lock);
	if (hw_users && !hw_down) {
		local_irq_save(flags);
		r = take_cpu();
		local_irq_restore(flags);
	}
	mutex_unlock(&hw_lock);
	return r;
}

static int cpu_goes(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	drop_cpu_ipi(NULL);
	local_irq_restore(flags);
	return 0;
}

/* Suspend: the other CPUs have been unplugged; interrupts are off. */
static int suspend_cpu(void)
{
	drop_cpu_ipi(NULL);
	return 0;
}

static void resume_cpu(void)
{
	if (hw_users && take_cpu())
		pr_err("CPU %u could not be taken again after resume\n",
		       smp_processor_id());
}

static int reboot_comes(struct notifier_block *nb, unsigned long event,
			void *unused)
{
	/* Guests may still be there, and VMMs that make new ones. */
	mutex_lock(&hw_lock);
	hw_down = true;
	mutex_unlock(&hw_lock);
	on_each_cpu(drop_cpu_ipi, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block reboot_notifier = {
	.notifier_call = reboot_comes,
};

COMPAT_SYSCORE(hw_syscore, suspend_cpu, resume_cpu);

const struct vintc_ops *hardware_ops(void)
{
	return hw_ops;
}

int hardware_get(void)
{
	atomic_t failed = ATOMIC_INIT(0);
	int r = 0;

	if (!hw_ops)
		return -ENODEV;
	/* Deadlines in guest TSC could not be told in ns. */
	if (!tsc_khz) {
		pr_warn_once("no guests: the kernel could not measure the TSC's frequency\n");
		return -ENODEV;
	}
	cpus_read_lock();
	mutex_lock(&hw_lock);
	if (hw_down) {
		r = -ENODEV;
	} else if (!hw_users) {
		on_each_cpu(take_cpu_ipi, &failed, 1);
		if (atomic_read(&failed)) {
			on_each_cpu(drop_cpu_ipi, NULL, 1);
			pr_warn_ratelimited("%s is held by another hypervisor on %d CPUs; end its guests and unload it (modprobe -r kvm_amd kvm_intel)\n",
					    hw_ops->name, atomic_read(&failed));
			r = -EBUSY;
		}
	}
	if (!r)
		hw_users++;
	mutex_unlock(&hw_lock);
	cpus_read_unlock();
	return r;
}

void hardware_put(void)
{
	cpus_read_lock();
	mutex_lock(&hw_lock);
	if (!--hw_users)
		on_each_cpu(drop_cpu_ipi, NULL, 1);
	mutex_unlock(&hw_lock);
	cpus_read_unlock();
}

int hardware_init(const struct vintc_ops *ops)
{
	int r;

	if (!ops)
		return 0;
	hw_ops = ops;
	r = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "vintc:online",
				      cpu_comes, cpu_goes);
	if (r < 0) {
		ops->exit();
		return r;
	}
	hw_hotplug_state = r;
	register_reboot_notifier(&reboot_notifier);
	compat_register_syscore(&hw_syscore);
	return 0;
}

void hardware_exit(void)
{
	if (!hw_ops)
		return;
	compat_unregister_syscore(&hw_syscore);
	unregister_reboot_notifier(&reboot_notifier);
	cpuhp_remove_state_nocalls(hw_hotplug_state);
	hw_ops->exit();
}
