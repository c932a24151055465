/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * RDMSR and WRMSR as user space wants them: KVM_X86_SET_MSR_FILTER, and
 * KVM_CAP_X86_USER_SPACE_MSR.
 */
#ifndef VINTC_MSR_FILTER_H
#define VINTC_MSR_FILTER_H

#include <linux/types.h>

#include "../uapi/vintc.h"

struct vm;
struct vcpu;

/* KVM_X86_SET_MSR_FILTER. Return: 0, -EFAULT, -EINVAL, -ENOMEM. */
long msr_filter_set(struct vm *vm, const struct kvm_msr_filter __user *arg);
/* The VM goes. */
void msr_filter_free(struct vm *vm);
/* Is there a filter? Then every MSR access must come to msr_guest_...(). */
bool msr_filtered(const struct vm *vm);

/**
 * msr_guest_read(), msr_guest_write() - RDMSR and WRMSR
 * @vcpu: owner
 *
 * Context: atomic. Return: MSR_OK; or why not, MSR_..., and nothing has changed.
 */
int msr_guest_read(struct vcpu *vcpu, u32 msr, u64 *val);
int msr_guest_write(struct vcpu *vcpu, u32 msr, u64 val);

/**
 * msr_to_user() - user space may want an access that was refused
 * @vcpu: owner
 * @val: what was to be written
 * @why: what msr_guest_...() has said
 * @next_rip: after the instruction
 *
 * Return: true when it does: vcpu->run is filled, and the next KVM_RUN completes
 * the instruction. Context: atomic.
 */
bool msr_to_user(struct vcpu *vcpu, u32 msr, bool write, u64 val, int why,
		 u64 next_rip);
/* The next KVM_RUN. */
void msr_complete(struct vcpu *vcpu);

#endif
