// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies: per VM, by name, switched while it runs. Where one is decided its
 * value is read once; it is never cached but in the IOAPICs and in the configuration
 * of local APICs.
 */
#include <linux/uaccess.h>

#include "inhibit.h"

#define IOAPIC_VERSION_11 0x11
#define IOAPIC_VERSION_20 0x20

static const struct {
	u64 min, max, initial;
	bool early; /* only before the first vCPU */
} policies[VINTC_POLICIES] = {
	[VINTC_POLICY_LOWEST_PRIORITY] = { .max = VINTC_LOWEST_FIRST },
	[VINTC_POLICY_EXIT_MAP_IN_L2] = { .max = VINTC_EXIT_MAP_LOST },
	[VINTC_POLICY_STALE_EOI] = { .max = VINTC_STALE_EOI_FORGOTTEN },
	[VINTC_POLICY_INIT_BLOCKED] = { .max = VINTC_INIT_LOST },
	[VINTC_POLICY_POST_NOTIFY] = { .max = VINTC_NOTIFY_ALWAYS },
	[VINTC_POLICY_IOAPIC_VERSION] = {
		.min = IOAPIC_VERSION_11, .max = IOAPIC_VERSION_20,
		.initial = IOAPIC_VERSION_11,
	},
	[VINTC_POLICY_TIMER_MIN_NS] = {
		.max = 1000000000, .initial = 200000, .early = true,
	},
	[VINTC_POLICY_ACCELERATION] = { .max = VINTC_ACCELERATION_OFF },
	[VINTC_POLICY_LEVEL_STORM] = {
		.max = 1000000, .initial = IOAPIC_STORM_DEFAULT,
	},
	[VINTC_POLICY_DEADLINE] = { .max = VINTC_DEADLINE_HOST },
	[VINTC_POLICY_IPIS] = { .max = VINTC_IPIS_EXIT },
};

static bool possible(u32 policy, u64 value)
{
	if (value < policies[policy].min || value > policies[policy].max)
		return false;
	return policy != VINTC_POLICY_IOAPIC_VERSION ||
	       value == IOAPIC_VERSION_11 || value == IOAPIC_VERSION_20;
}

void policy_init(struct vm *vm)
{
	u32 i;

	for (i = 0; i < VINTC_POLICIES; i++)
		vm->policy[i] = policies[i].initial;
}

static int policy_set(struct vm *vm, u32 policy, u64 value)
{
	unsigned long flags;
	int r = 0;
	u32 n;

	mutex_lock(&vm->lock);
	if (!possible(policy, value))
		r = -EINVAL;
	else if (policies[policy].early && vm->nr_vcpus)
		r = -EBUSY;
	else
		WRITE_ONCE(vm->policy[policy], value);
	if (!r) {
		raw_spin_lock_irqsave(&vm->irq_lock, flags);
		for (n = 0; n < vm->nr_ioapics; n++) {
			vm->ioapics[n]->version = vm->policy[VINTC_POLICY_IOAPIC_VERSION];
			vm->ioapics[n]->storm = vm->policy[VINTC_POLICY_LEVEL_STORM];
		}
		raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
	}
	if (!r && policy == VINTC_POLICY_ACCELERATION)
		vm_inhibit(vm, VINTC_INHIBIT_POLICY, value == VINTC_ACCELERATION_OFF);
	if (!r && policy == VINTC_POLICY_IPIS)
		vm_request_all(vm, REQ_APICV_UPDATE);
	if (!r && policy == VINTC_POLICY_LOWEST_PRIORITY)
		bypass_update(vm);
	mutex_unlock(&vm->lock);
	return r;
}

/**
 * policy_ioctl() - VINTC_GET_POLICY, VINTC_SET_POLICY
 *
 * Return: 0; -EINVAL for flags, reserved fields, no such policy or value; -EBUSY
 * for one that vCPUs have taken over already; -EFAULT.
 */
long policy_ioctl(struct vm *vm, unsigned int cmd, void __user *arg)
{
	struct vintc_policy p;
	u32 i;

	if (copy_from_user(&p, arg, sizeof(p)))
		return -EFAULT;
	if (p.flags || p.policy >= VINTC_POLICIES ||
	    memchr_inv(p.reserved, 0, sizeof(p.reserved)))
		return -EINVAL;
	i = array_index_nospec(p.policy, VINTC_POLICIES);
	if (cmd == VINTC_SET_POLICY)
		return policy_set(vm, i, p.value);
	if (p.value)
		return -EINVAL;
	p.value = READ_ONCE(vm->policy[i]);
	return copy_to_user(arg, &p, sizeof(p)) ? -EFAULT : 0;
}
