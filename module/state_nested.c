// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_NESTED_STATE and KVM_SET_NESTED_STATE of vCPUs that have neither VMX nor
 * SVM: a header that says so. Programs that save a vCPU find what they look for.
 */

#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "ops.h"
#include "state.h"
#include "vm.h"

#define NO_ADDRESS (~0ULL)

static_assert(sizeof(struct kvm_nested_state) == STATE_NESTED_SIZE);

static void nothing_nested(const struct vcpu *vcpu, struct kvm_nested_state *st)
{
	memset(st, 0, sizeof(*st));
	st->size = sizeof(*st);
	st->format = vcpu->vm->ops->nested_format;
	if (st->format == KVM_STATE_NESTED_FORMAT_VMX) {
		st->hdr.vmx.vmxon_pa = NO_ADDRESS;
		st->hdr.vmx.vmcs12_pa = NO_ADDRESS;
	} else {
		st->flags = KVM_STATE_NESTED_GIF_SET;
	}
}

long state_get_nested(struct vcpu *vcpu, struct kvm_nested_state __user *arg)
{
	struct kvm_nested_state st;
	u32 room;

	if (get_user(room, &arg->size))
		return -EFAULT;
	nothing_nested(vcpu, &st);
	if (room < sizeof(st))
		return put_user(st.size, &arg->size) ? -EFAULT : -E2BIG;
	return copy_to_user(arg, &st, sizeof(st)) ? -EFAULT : 0;
}

/* User space may have left anything in the header's room for others. */
long state_set_nested(struct vcpu *vcpu, const struct kvm_nested_state __user *arg)
{
	struct kvm_nested_state st, is;

	if (copy_from_user(&st, arg, sizeof(st)))
		return -EFAULT;
	nothing_nested(vcpu, &is);
	if (st.size < sizeof(st) || st.flags != is.flags || st.format != is.format)
		return -EINVAL;
	if (is.format == KVM_STATE_NESTED_FORMAT_VMX &&
	    (st.hdr.vmx.vmxon_pa != NO_ADDRESS || st.hdr.vmx.vmcs12_pa != NO_ADDRESS ||
	     st.hdr.vmx.smm.flags))
		return -EINVAL;
	return 0;
}
