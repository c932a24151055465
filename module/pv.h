/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest that knows of its hypervisor asks for: hypercalls, steal time.
 * clock.c has kvmclock.
 */
#ifndef VINTC_PV_H
#define VINTC_PV_H

#include <linux/types.h>

#include "vcpu.h"

/* KVM_CPUID_FEATURES EAX that are offered. */
u32 pv_features(void);

/**
 * pv_has() - may the guest use @feature, KVM_FEATURE_...?
 *
 * Without KVM_CAP_ENFORCE_PV_FEATURE_CPUID it may, whatever its CPUID says.
 */
static inline bool pv_has(const struct vcpu *vcpu, u32 feature)
{
	return !vcpu->pv_enforce || (vcpu->pv_features & BIT(feature));
}

/**
 * pv_hypercall() - VMCALL or VMMCALL
 * @vcpu: owner
 * @user: from CPL 3
 *
 * RAX is what was asked for and becomes the answer. Context: atomic.
 */
void pv_hypercall(struct vcpu *vcpu, bool user);

/**
 * pv_undefined() - EXIT_UD
 *
 * With KVM_X86_QUIRK_FIX_HYPERCALL_INSN the other vendor's hypercall instruction is
 * replaced by this CPU's, and executed again. Anything else is the guest's #UD.
 *
 * Context: may sleep, srcu held.
 * Return: as vcpu_emulate().
 */
int pv_undefined(struct vcpu *vcpu);

/* steal.c: MSR_KVM_STEAL_TIME. */
bool pv_steal_valid(u64 val);
/* Before a guest is entered; where it may sleep. */
void pv_steal_update(struct vcpu *vcpu);
/*
 * From pv_steal_update() on to the end of KVM_RUN, when @pv_watched is set, the guest
 * can read that the vCPU's thread has no CPU. When @pv_away is set it does, and the vCPU
 * must not enter before pv_back(), or pv_back_atomic() without a failure. Context: srcu
 * held; the first may sleep.
 */
void pv_back(struct vcpu *vcpu);
bool pv_back_atomic(struct vcpu *vcpu);
void pv_unwatch(struct vcpu *vcpu);

/*
 * MSR_KVM_PV_EOI_EN: while an interrupt is in service whose EOI nobody else waits
 * for, a bit in guest memory allows the guest to end it by clearing that bit,
 * without an exit. The bit is set from just before an entry to just after the
 * exit: whatever else comes makes the guest exit, and its EOI is a write again.
 */
/* Return: false for a value that is #GP. */
bool pv_eoi_set(struct vcpu *vcpu, u64 val);
/* Before the entry and after the exit. Context: atomic. @pv_eoi_absent is set when
 * that memory can't be had so; then pv_eoi_fault_in() is called before the next
 * entry and before anybody sees the local APIC.
 */
void pv_eoi_offer(struct vcpu *vcpu);
void pv_eoi_take(struct vcpu *vcpu);
/* Context: may sleep, srcu held. */
void pv_eoi_fault_in(struct vcpu *vcpu);

#endif
