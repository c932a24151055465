// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bitops.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "inhibit.h"
#include "trace.h"

void inhibit_init(struct vm *vm)
{
	u64 present, used = 0;

	if (vm->ops->apicv_update)
		vm->ops->features(&present, &used);
	atomic64_set(&vm->inhibits, VINTC_INHIBIT_NO_IRQCHIP |
		     (used & (VINTC_FEATURE_VINTR_DELIVERY | VINTC_FEATURE_AVIC) ?
			      0 : VINTC_INHIBIT_UNSUPPORTED));
}

/*
 * Changes that cross leave the mask right, and each asks after its own: a vCPU
 * that is asked looks at the mask as it is then.
 */
void vm_inhibit(struct vm *vm, u64 reason, bool on)
{
	u64 matter = INHIBITS_ALWAYS | vm->ops->inhibits, old, new;

	if (on) {
		old = atomic64_fetch_or(reason, &vm->inhibits);
		new = old | reason;
	} else {
		old = atomic64_fetch_andnot(reason, &vm->inhibits);
		new = old & ~reason;
	}
	if (old == new)
		return;
	trace_vintc_inhibit(new, !(new & matter));
	if (!(old & matter) != !(new & matter))
		vm_request_all(vm, REQ_APICV_UPDATE);
}

/* Hardware finds an xAPIC by the ID that it was given, and where it was put. */
void inhibit_from_dests(struct vm *vm, const struct dest_map *map)
{
	u64 reasons = 0;
	u32 i;

	for (i = 0; i < map->n; i++) {
		const struct dest_view *v = &map->view[i];
		const struct lapic *l = &vm->vcpus[i]->lapic;

		if (!v->present)
			continue;
		if (v->mode == LAPIC_X2APIC)
			reasons |= VINTC_INHIBIT_X2APIC;
		if (v->mode != LAPIC_XAPIC)
			continue;
		if (v->id != (u8)v->initial)
			reasons |= VINTC_INHIBIT_APIC_ID;
		if ((l->base & LAPIC_BASE_ADDRESS) != LAPIC_BASE_DEFAULT)
			reasons |= VINTC_INHIBIT_APIC_BASE;
	}
	for (i = 0; i < 64; i++)
		if (INHIBITS_OF_APICS & BIT_ULL(i))
			vm_inhibit(vm, BIT_ULL(i), reasons & BIT_ULL(i));
}

/*
 * Whoever waits for a SIPI has REQ_APICV_UPDATE set when it has come. Another one
 * who has it set is asleep, most likely: if it says IN_GUEST after the mode was
 * read here it sees the request and comes to inhibit_follow() first.
 */
static bool follows_first(const struct vcpu *vcpu)
{
	u32 state = READ_ONCE(vcpu->mp_state);

	if (state == KVM_MP_STATE_UNINITIALIZED ||
	    state == KVM_MP_STATE_INIT_RECEIVED)
		return true;
	if (!(READ_ONCE(vcpu->requests) & REQUEST_BIT(APICV_UPDATE)))
		return false;
	smp_rmb();
	return READ_ONCE(vcpu->mode) == OUTSIDE_GUEST;
}

/*
 * A vCPU that isn't accelerated must exit for its xAPIC, and one in x2APIC mode
 * finds there what others would: so the APIC-access page is mapped only while
 * every vCPU that has ever run is accelerated, in xAPIC mode.
 */
static bool apic_page_wanted(struct vm *vm)
{
	struct vcpu *vcpu;
	u32 i;

	if (vm_inhibits(vm) || (atomic64_read(&vm->inhibits) &
				(VINTC_INHIBIT_X2APIC | VINTC_INHIBIT_APIC_BASE)))
		return false;
	vm_for_each_vcpu(i, vcpu, vm)
		if (READ_ONCE(vcpu->launched) && !READ_ONCE(vcpu->accelerated) &&
		    !follows_first(vcpu))
			return false;
	return true;
}

/*
 * One at a time: what the last one finds holds for all. A vCPU that runs for the
 * first time comes here before it enters.
 */
void inhibit_follow(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	mutex_lock(&vm->lock);
	if (vcpu_wants_acceleration(vcpu))
		memory_hole_make(&vm->mem);
	vm->ops->apicv_update(vcpu);
	bypass_update(vm);
	memory_hole_page(&vm->mem, apic_page_wanted(vm));
	mutex_unlock(&vm->lock);
}

/**
 * inhibit_ioctl() - VINTC_GET_INHIBITS
 *
 * Return: 0; -EINVAL for flags and reserved fields; -EFAULT.
 */
long inhibit_ioctl(struct vm *vm, void __user *arg)
{
	struct vintc_inhibits in;

	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	if (in.flags || in.reserved0 || in.reasons || in.matter ||
	    memchr_inv(in.reserved, 0, sizeof(in.reserved)))
		return -EINVAL;
	in.reasons = atomic64_read(&vm->inhibits);
	in.matter = INHIBITS_ALWAYS | vm->ops->inhibits;
	return copy_to_user(arg, &in, sizeof(in)) ? -EFAULT : 0;
}
