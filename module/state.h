/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM's register structs to and from a vCPU that isn't running; its lock held. */
#ifndef VINTC_STATE_H
#define VINTC_STATE_H

#include "vcpu.h"

/*
 * Each setter checks everything before it changes anything.
 * Return: 0 or -EINVAL.
 */
void state_get_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs);
int state_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs);
void state_get_sregs2(struct vcpu *vcpu, struct kvm_sregs2 *sregs);
int state_set_sregs2(struct vcpu *vcpu, const struct kvm_sregs2 *sregs);

void state_get_fpu(struct vcpu *vcpu, struct kvm_fpu *fpu);
int state_set_fpu(struct vcpu *vcpu, const struct kvm_fpu *fpu);
void state_get_xsave(struct vcpu *vcpu, struct kvm_xsave *xsave);
int state_set_xsave(struct vcpu *vcpu, const struct kvm_xsave *xsave);
void state_get_xcrs(struct vcpu *vcpu, struct kvm_xcrs *xcrs);
int state_set_xcrs(struct vcpu *vcpu, const struct kvm_xcrs *xcrs);

void state_get_events(struct vcpu *vcpu, struct kvm_vcpu_events *ev);
int state_set_events(struct vcpu *vcpu, const struct kvm_vcpu_events *ev);
void state_get_mp_state(struct vcpu *vcpu, struct kvm_mp_state *mp);
int state_set_mp_state(struct vcpu *vcpu, const struct kvm_mp_state *mp);

/* KVM_X86_SET_MCE. What the guest's settings suppress is 0, too. */
int state_set_mce(struct vcpu *vcpu, const struct kvm_x86_mce *mce);

/* What KVM_CAP_NESTED_STATE says: a header and no more. */
#define STATE_NESTED_SIZE 128
/* Return: 0, -EFAULT, -E2BIG; -EINVAL for what has nested state. */
long state_get_nested(struct vcpu *vcpu, struct kvm_nested_state __user *arg);
long state_set_nested(struct vcpu *vcpu, const struct kvm_nested_state __user *arg);

#endif
