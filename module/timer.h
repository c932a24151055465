/* SPDX-License-Identifier: GPL-2.0-only */
/* The local APIC's timer on an hrtimer. Engine time is CLOCK_MONOTONIC, ns. */
#ifndef VINTC_TIMER_H
#define VINTC_TIMER_H

#include <linux/ktime.h>

#include "vcpu.h"

void vcpu_timer_init(struct vcpu *vcpu);
/* Performs LAPIC_OUT_ARM, _ARM_TSC, _DISARM. Owner, atomic. */
void vcpu_timer_arm(struct vcpu *vcpu, const struct lapic_out *out);
/* REQ_TIMER: the deadline may have passed. Owner, atomic. */
void vcpu_timer_expired(struct vcpu *vcpu);
void vcpu_timer_stop(struct vcpu *vcpu);

/* Reading the clock costs more than most registers: only for those that count. */
static inline u64 timer_now_for(u32 reg)
{
	switch (reg) {
	case LAPIC_LVT_TIMER:
	case LAPIC_TIMER_INITIAL:
	case LAPIC_TIMER_CURRENT:
	case LAPIC_TIMER_DIVIDE:
		return ktime_get_ns();
	default:
		return 0;
	}
}

static inline u64 guest_tsc(const struct vcpu *vcpu, u64 host_tsc)
{
	return host_tsc + vcpu->tsc_offset;
}

#endif
