/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC's timer on an hrtimer. Engine time is CLOCK_MONOTONIC, ns; in a
 * VM whose time is virtual (vcpu->clock) nothing is armed, and who advances the
 * clock calls vcpu_timer_expired() as deadlines pass.
 */
#ifndef VINTC_TIMER_H
#define VINTC_TIMER_H

#include <linux/ktime.h>

#include "vcpu.h"

void vcpu_timer_init(struct vcpu *vcpu);
/* Performs LAPIC_OUT_ARM, _ARM_TSC, _DISARM. Owner, atomic. */
void vcpu_timer_arm(struct vcpu *vcpu, const struct lapic_out *out);
/**
 * vcpu_timer_passed() - has the deadline that the guest just wrote passed already?
 * @out: of lapic_set_tsc_deadline(), not performed yet
 *
 * If so its interrupt is in IRR now, and no request is needed; not for user space's
 * writes, as what it restores next may be IRR.
 * Context: owner, atomic. Return: whether @out has been performed by that.
 */
bool vcpu_timer_passed(struct vcpu *vcpu, const struct lapic_out *out);
/* Hardware has watched it, and may have been early. Owner, atomic. */
void vcpu_deadline_passed(struct vcpu *vcpu);
/* Before it sleeps: from hardware, which sleeps too, to the host's timer. Owner. */
void vcpu_timer_to_host(struct vcpu *vcpu);
/* REQ_TIMER: the deadline may have passed. Owner, atomic. */
void vcpu_timer_expired(struct vcpu *vcpu);
/* Takes REQ_TIMER before an entry, without the core. Owner, atomic. */
bool vcpu_timer_taken(struct vcpu *vcpu);
void vcpu_timer_stop(struct vcpu *vcpu);

/* Engine time: the host's, or the VM's own where that is virtual. */
static inline u64 vcpu_now(const struct vcpu *vcpu)
{
	return unlikely(vcpu->clock) ? READ_ONCE(*vcpu->clock) : ktime_get_ns();
}

/* What the guest's TSC is an offset from. */
u64 vcpu_tsc_base(const struct vcpu *vcpu);

/* Reading the clock costs more than most registers: only for those that count. */
static inline u64 timer_now_for(const struct vcpu *vcpu, u32 reg)
{
	switch (reg) {
	case LAPIC_LVT_TIMER:
	case LAPIC_TIMER_INITIAL:
	case LAPIC_TIMER_CURRENT:
	case LAPIC_TIMER_DIVIDE:
		return vcpu_now(vcpu);
	default:
		return 0;
	}
}

static inline u64 guest_tsc(const struct vcpu *vcpu)
{
	return vcpu_tsc_base(vcpu) + vcpu->tsc_offset;
}

/* While it polls: hardware watches in the guest alone. */
static inline bool vcpu_deadline_due(const struct vcpu *vcpu)
{
	return vcpu->deadline && guest_tsc(vcpu) >= vcpu->deadline;
}

#endif
